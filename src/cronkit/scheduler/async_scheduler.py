"""The scheduler for applications that live on an event loop: the same verbs, awaitable."""

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from cronkit.clock import Clock
from cronkit.errors import LifecycleError
from cronkit.events import Event
from cronkit.executors.coroutine import CoroutineExecutor
from cronkit.executors.protocol import Executor
from cronkit.jobs.job import Job, Revision
from cronkit.jobs.page import Page
from cronkit.jobs.policies import Defaults, Duration
from cronkit.jobs.run import Run
from cronkit.jobs.status import RunStatus
from cronkit.scheduler.caller import Caller, LoopAlarm, Place, caller_into_this_loop
from cronkit.scheduler.handle import RunHandle, Seconds, refuse_inside_a_run, seconds
from cronkit.scheduler.health import Health
from cronkit.scheduler.ledger import Ledger
from cronkit.scheduler.options import AnySchedule, JobOptions, JobRequest, Zone
from cronkit.scheduler.plan import Plan
from cronkit.scheduler.runtime import drain_time
from cronkit.scheduler.scheduler import DRAIN, Function, Listener, Scheduler
from cronkit.scheduler.stop_signals import StopSignals
from cronkit.stores.protocol import JobStore


class AsyncScheduler:
    """``Scheduler`` with awaitable verbs; coroutine jobs run on the loop that entered it, asyncio or trio.

    Takes the same arguments and registers in the same way. ``async with`` starts and stops it; it fits a FastAPI
    lifespan. Its jobs share the application's pools and clients, for they run on its loop.
    """

    def __init__(
        self,
        store: JobStore | str | None = None,
        *,
        executors: Mapping[str, Executor] | None = None,
        tz: Zone = "UTC",
        namespace: str = "default",
        owner: str | None = None,
        defaults: Defaults | None = None,
        importable: Iterable[str] = (),
        cluster: bool = False,
        lease: Duration = "30s",
        renew_every: Duration | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
    ) -> None:
        self._loop = CoroutineExecutor()
        self._sync = Scheduler(
            store,
            executors={"loop": self._loop, **(executors or {})},
            tz=tz,
            namespace=namespace,
            owner=owner,
            defaults=defaults,
            importable=importable,
            cluster=cluster,
            lease=lease,
            renew_every=renew_every,
            clock=clock,
            seed=seed,
        )
        self._call = Caller()
        self._entered: tuple[AsyncExitStack, Place] | None = None
        self.namespace = namespace
        self.ledger = AsyncLedger(self._sync.ledger, self._call)

    # -- registration: as inert as the sync face's --------------------------------------------------------------------

    def job(
        self,
        schedule: AnySchedule,
        *,
        id: str | None = None,
        tz: Zone | None = None,
        aliases: Collection[str] = (),
        **options: Unpack[JobOptions],
    ) -> Callable[[Function], Function]:
        """See ``Scheduler.job``. While the scheduler runs it writes to the store before it returns, which holds up the
        loop: decorate before ``start``, and ``await add(...)`` afterwards."""
        return self._sync.job(schedule, id=id, tz=tz, aliases=aliases, **options)

    @overload
    def target(self, function: Function, *, name: str | None = None, aliases: Collection[str] = ()) -> Function: ...
    @overload
    def target(
        self, function: None = None, *, name: str | None = None, aliases: Collection[str] = ()
    ) -> Callable[[Function], Function]: ...
    def target(
        self, function: Function | None = None, *, name: str | None = None, aliases: Collection[str] = ()
    ) -> Function | Callable[[Function], Function]:
        """See ``Scheduler.target``."""
        return self._sync.target(function, name=name, aliases=aliases)

    def on(self, *types: type[Event]) -> Callable[[Listener], Listener]:
        """See ``Scheduler.on``."""
        return self._sync.on(*types)

    # -- jobs ---------------------------------------------------------------------------------------------------------

    async def add(
        self,
        target: Callable[..., Any] | str,
        schedule: AnySchedule | None = None,
        *,
        id: str | None = None,
        tz: Zone | None = None,
        aliases: Collection[str] = (),
        exists: str = "error",
        by: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """See ``Scheduler.add``."""
        add = functools.partial(self._sync.add, id=id, tz=tz, aliases=aliases, exists=exists, by=by, **options)
        return await self._call(add, target, schedule)

    async def add_many(self, jobs: Iterable[JobRequest], *, exists: str = "error", by: str | None = None) -> list[Job]:
        """See ``Scheduler.add_many``."""
        return await self._call(self._sync.add_many, jobs, exists=exists, by=by)

    async def update(
        self,
        job_id: str,
        *,
        schedule: AnySchedule | None = None,
        tz: Zone | None = None,
        by: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """See ``Scheduler.update``."""
        return await self._call(self._sync.update, job_id, schedule=schedule, tz=tz, by=by, **options)

    async def pause(
        self,
        job_id: str,
        *,
        reason: str | None = None,
        until: datetime | timedelta | str | None = None,
        by: str | None = None,
    ) -> Job:
        """See ``Scheduler.pause``."""
        return await self._call(self._sync.pause, job_id, reason=reason, until=until, by=by)

    async def resume(self, job_id: str, *, by: str | None = None) -> Job:
        """See ``Scheduler.resume``."""
        return await self._call(self._sync.resume, job_id, by=by)

    async def reset(self, job_id: str, *, by: str | None = None) -> Job:
        """See ``Scheduler.reset``."""
        return await self._call(self._sync.reset, job_id, by=by)

    async def remove(self, job_id: str, *, by: str | None = None) -> None:
        """See ``Scheduler.remove``."""
        await self._call(self._sync.remove, job_id, by=by)

    async def purge(self, job_id: str) -> int:
        """See ``Scheduler.purge``."""
        return await self._call(self._sync.purge, job_id)

    async def get(self, job_id: str) -> Job:
        """See ``Scheduler.get``."""
        return await self._call(self._sync.get, job_id)

    async def jobs(
        self,
        *,
        tag: str | None = None,
        owner: str | None = None,
        declared: bool | None = None,
        removed: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        """See ``Scheduler.jobs``."""
        return await self._call(
            self._sync.jobs, tag=tag, owner=owner, declared=declared, removed=removed, limit=limit, cursor=cursor
        )

    async def history(self, job_id: str) -> tuple[Revision, ...]:
        """See ``Scheduler.history``."""
        return await self._call(self._sync.history, job_id)

    # -- deployments --------------------------------------------------------------------------------------------------

    async def plan(self) -> Plan:
        """See ``Scheduler.plan``."""
        return await self._call(self._sync.plan)

    async def apply(
        self, plan: Plan | None = None, *, prune: bool | Collection[str] = False, by: str | None = None
    ) -> Plan:
        """See ``Scheduler.apply``."""
        return await self._call(self._sync.apply, plan, prune=prune, by=by)

    # -- runs ---------------------------------------------------------------------------------------------------------

    async def trigger(
        self, job_id: str, *, kwargs: Mapping[str, Any] | None = None, key: str | None = None
    ) -> "AsyncRunHandle":
        """See ``Scheduler.trigger``."""
        return AsyncRunHandle(await self._call(self._sync.trigger, job_id, kwargs=kwargs, key=key), self._call)

    def run_handle(self, run_id: str) -> "AsyncRunHandle":
        """See ``Scheduler.run_handle``."""
        return AsyncRunHandle(self._sync.run_handle(run_id), self._call)

    async def cancel(self, run_id: str, *, reason: str = "cancelled") -> RunStatus:
        """See ``Scheduler.cancel``."""
        return await self._call(self._sync.cancel, run_id, reason=reason)

    async def release(self, run_id: str) -> RunStatus:
        """See ``Scheduler.release``."""
        return await self._call(self._sync.release, run_id)

    # -- life ---------------------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """See ``Scheduler.is_running``."""
        return self._sync.is_running

    async def start(self) -> None:
        """Start the engine in a thread of its own; coroutine jobs run on this loop until ``stop``.

        Raises:
            LifecycleError: it runs already, or did when this process was forked.
        """
        self._sync._check_process()
        self._sync._check_idle()
        await self._let_go()  # of the loop that it served until somebody stopped it elsewhere
        if self._entered is not None:
            raise LifecycleError("this scheduler still holds the loop that it ran on: stop() it in the task of start()")
        exits, here = AsyncExitStack(), Place()
        await exits.enter_async_context(self._loop.serving())
        try:
            await self._call.to_the_end(self._sync.start)
            self._entered = exits, here  # nothing is called after it, so that an interrupt finds it done or is caught
        except BaseException:  # it may be this task alone that gave up
            self._entered = None
            try:
                await self._call.to_the_end(functools.partial(self._sync.stop, drain="0s"))
            finally:
                await exits.aclose()  # not with the error on its way: a trio nursery would put that into a group
            raise

    async def stop(self, *, drain: Duration = DRAIN) -> int:
        """See ``Scheduler.stop``; call it in the task that called ``start``, which alone can let go of a trio loop.

        A cancel scope does not shorten the drain; ``asyncio.Task.cancel``, or a Ctrl-C under trio, ends it at once. On
        trio a coroutine that swallows its cancellation is waited for all the same, as every nursery does.

        Raises:
            LifecycleError: called from inside a run, or by a listener that is a coroutine.
        """
        drain_time(drain)
        refuse_inside_a_run("stop()")
        if self._loop.is_running_caller:
            raise LifecycleError("stop() was called by a listener, which it would wait for: call it in another task")
        try:
            stop = functools.partial(self._sync.stop, drain=drain)
            return await self._call.to_the_end(stop, given_up=self._sync._hurry)
        finally:
            await self._let_go()

    async def run(self, *, drain: Duration = DRAIN) -> None:
        """Run until SIGINT, SIGTERM or ``stop``, then drain; a second signal stops at once.

        Raises:
            KeyboardInterrupt: on a third signal.
            LifecycleError: it runs already, or this is not the main thread, which alone receives signals.
        """
        drain_time(drain)
        alarm = LoopAlarm()
        ended, self._sync._ended = self._sync._ended, alarm
        try:
            with StopSignals(alarm, self._sync._hurry) as signals:
                await self.start()
                try:
                    await alarm.rung(unless=lambda: not self._sync.is_running)
                finally:
                    await self.stop(drain="0s" if signals.is_urgent else drain)
        finally:
            self._sync._ended = ended

    async def _let_go(self) -> None:
        """Leave the loop, if this is where it was entered: what a stop elsewhere leaves to do."""
        if self._entered is not None and self._entered[1].is_here:
            (exits, _), self._entered = self._entered, None
            await exits.aclose()

    def health(self) -> Health:
        """See ``Scheduler.health``."""
        return self._sync.health()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    if not TYPE_CHECKING:  # a type checker refuses a plain ``with`` by itself

        def __enter__(self) -> None:
            raise LifecycleError("this scheduler lives on an event loop: write 'async with', or use Scheduler")

        def __exit__(self, *error: object) -> None: ...


class AsyncRunHandle:
    """``RunHandle`` with awaitable questions; ``result`` waits without a thread."""

    __slots__ = ("_call", "_handle")

    def __init__(self, handle: RunHandle, call: Caller) -> None:
        self._handle = handle
        self._call = call

    def __repr__(self) -> str:
        return f"AsyncRunHandle({self.id!r})"

    @property
    def id(self) -> str:
        """The run's id."""
        return self._handle.id

    async def run(self) -> Run:
        """See ``RunHandle.run``."""
        return await self._call(self._handle.run)

    async def status(self) -> RunStatus:
        """See ``RunHandle.status``."""
        return (await self.run()).status

    async def result(self, timeout: Seconds | None = None) -> Any:
        """See ``RunHandle.result``."""
        import anyio

        refuse_inside_a_run("result()")
        ended, call_here = anyio.Event(), caller_into_this_loop()
        is_waiting, undo = True, ExitStack()

        def watch() -> None:
            forget = self._handle._call_when_ended(lambda: call_here(ended.set))
            # ``Task.cancel`` may end the wait before this thread has come here.
            call_here(lambda: undo.callback(forget) if is_waiting else forget())

        try:
            await self._call(watch)
            with anyio.move_on_after(seconds(timeout)):
                await ended.wait()
        finally:
            is_waiting = False
            undo.close()
        return await self._call(self._handle._value, timeout)


class AsyncLedger:
    """``Ledger`` with awaitable questions."""

    def __init__(self, ledger: Ledger, call: Caller) -> None:
        self._ledger = ledger
        self._call = call

    async def runs(
        self,
        *,
        job: str | None = None,
        status: str | RunStatus | Collection[str] | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Run]:
        """See ``Ledger.runs``."""
        return await self._call(
            self._ledger.runs, job=job, status=status, since=since, until=until, limit=limit, cursor=cursor
        )

    async def run(self, run_id: str) -> Run:
        """See ``Ledger.run``."""
        return await self._call(self._ledger.run, run_id)

    async def counts(self, job: str | None = None) -> Mapping[RunStatus, int]:
        """See ``Ledger.counts``."""
        return await self._call(self._ledger.counts, job)
