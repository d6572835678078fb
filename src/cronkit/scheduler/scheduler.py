"""The scheduler: the public verbs. It holds no rule; the layers below decide."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

from cronkit.clock import Alarm, Clock, SystemClock
from cronkit.engine.store_clock import StoreClock, shared_clock
from cronkit.errors import ConfigurationError, JobNotFoundError, LifecycleError
from cronkit.events import Event, EventBus
from cronkit.executors.coroutine import CoroutineExecutor
from cronkit.executors.protocol import Executor
from cronkit.executors.thread import ThreadExecutor
from cronkit.jobs.ids import IdSource
from cronkit.jobs.importing import Importable
from cronkit.jobs.job import Job, JobSpec, Revision
from cronkit.jobs.keys import Cause
from cronkit.jobs.page import Page
from cronkit.jobs.policies import Defaults, Duration
from cronkit.jobs.registry import Registry
from cronkit.jobs.run import Run, RunRow
from cronkit.jobs.status import RunStatus
from cronkit.jobs.target import Colour
from cronkit.jobs.validation import flag
from cronkit.scheduler.declarations import Declarations
from cronkit.scheduler.deployment import Deployment
from cronkit.scheduler.handle import RunHandle, RunWaiters
from cronkit.scheduler.health import Health
from cronkit.scheduler.instants import read_end
from cronkit.scheduler.job_writer import JobWriter
from cronkit.scheduler.ledger import Ledger, check_limit, check_texts
from cronkit.scheduler.obstacles import obstacle
from cronkit.scheduler.options import AnySchedule, JobOptions, JobRequest, SpecReader, Zone, as_mapping
from cronkit.scheduler.plan import Plan
from cronkit.scheduler.registrar import Registrar, refuse_bare
from cronkit.scheduler.runtime import Parts, Running, Runtime, check_executors, drain_time, lease_times
from cronkit.scheduler.stop_signals import StopSignals
from cronkit.schedules.zones import resolve_zone
from cronkit.stores import open_store
from cronkit.stores.protocol import JobFilter, JobStore, Scope

Function = TypeVar("Function", bound=Callable[..., Any])
Listener = TypeVar("Listener", bound=Callable[..., Any])

logger = logging.getLogger("cronkit.scheduler")

DRAIN = "25s"


class Scheduler:
    """Runs functions when their schedules say so, in this process.

    ``store`` is a ``JobStore``, its URL, or None for memory. Functions run on the executor "default" (threads),
    coroutine functions on "loop" (an event loop in a thread of its own); ``executors`` adds to these or replaces
    them. ``tz`` is the zone of schedules that have none, and ``defaults`` are the policies of jobs that say nothing
    else. Programs with a ``namespace`` of their own see nothing of each other; ``owner`` is who declares its jobs,
    where several share one. ``importable`` names the modules in which stored jobs may name their targets. ``cluster``
    refuses a store that does not reach several hosts. A node that is lost loses its runs after ``lease``, which is
    renewed every 10 s, or three times before it ends, unless ``renew_every`` says otherwise.

    ``clock`` stands for this machine's, and ``seed`` makes the ids of runs come out the same, for tests. Where the
    store has a clock of its own, as SQLite has, times are the store's, whatever ``clock`` says;
    ``cronkit.testing.simulate`` moves time for the jobs of any scheduler.

    Constructing, decorating and importing start no thread and open no file; before ``start`` a scheduler is a client
    of its store.

    Raises:
        ConfigurationError: a store, executor, lease or default that cannot be; ScheduleError: a zone that cannot be.
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
        check_texts(namespace=namespace, owner=owner)
        self.namespace = namespace
        opened = open_store(store)
        if cluster and opened.capabilities.scope is not Scope.CLUSTER:
            raise ConfigurationError(
                f"cluster=True needs a store that several hosts share; {type(opened).__name__} "
                f"reaches one {opened.capabilities.scope}"
            )
        length, renewal = lease_times(lease, renew_every)
        check_executors(executors or {})
        if defaults is not None and not isinstance(defaults, Defaults):
            raise ConfigurationError(f"defaults={defaults!r}: give a Defaults(...)")
        known: dict[str, Executor] = {"default": ThreadExecutor(), "loop": CoroutineExecutor(), **(executors or {})}
        declarations = Declarations()
        parts = Parts(
            namespace=namespace,
            store=opened,
            waiters=RunWaiters(opened, namespace, known.values(), self._obstacle, declarations.ids),
            executors=known,
            registry=Registry(),
            declarations=declarations,
            bus=EventBus(),
            clock=shared_clock(opened, clock or SystemClock()),
            new_id=IdSource(seed).new,
            lease=length,
            renew_every=renewal,
        )
        self._lock = threading.RLock()
        self._runtime: Running | None = None
        self._ended = Alarm()
        self._missing_targets: Collection[str] = ()
        self._reader = SpecReader(
            tz=UTC if tz == "UTC" else resolve_zone(tz),  # a ZoneInfo of it costs each fire a conversion
            defaults=(defaults or Defaults()).policies(),
            executors=known,
            default_executors={Colour.FUNCTION: "default", Colour.COROUTINE: "loop"},
        )
        self._owner = owner
        self._importable = Importable(importable)
        self._use(parts)
        self.ledger = Ledger(lambda: self._parts.store, lambda: self._parts.waiters, namespace, self._reader.tz)

    # -- registration -------------------------------------------------------------------------------------------------

    def job(
        self,
        schedule: AnySchedule,
        *,
        id: str | None = None,
        tz: Zone | None = None,
        aliases: Collection[str] = (),
        **options: Unpack[JobOptions],
    ) -> Callable[[Function], Function]:
        """Decorate a function to run on a schedule; the function itself is returned unchanged.

        ``id`` is the function's name unless given, and ``aliases`` are the ids that the job had before: a stored job
        of one of them goes on under the new one. The job is in the store from ``start``, or from the first verb that
        asks the store. ``options`` are args, kwargs, executor; missed, overlap, retry, on_crash, timeout, spread,
        jitter, max_runs; name, description, metadata, tags, owner. ``JobOptions`` describes them.

        Raises:
            ConfigurationError, ScheduleError: at once, where the job could never run as declared.
        """
        refuse_bare(schedule)

        def register(function: Function) -> Function:
            self._registrar.declare(function, schedule, id, tz, aliases, options)
            if self.is_running:
                self._apply_declarations()
            return function

        return register

    @overload
    def target(self, function: Function, *, name: str | None = None, aliases: Collection[str] = ()) -> Function: ...
    @overload
    def target(
        self, function: None = None, *, name: str | None = None, aliases: Collection[str] = ()
    ) -> Callable[[Function], Function]: ...
    def target(
        self, function: Function | None = None, *, name: str | None = None, aliases: Collection[str] = ()
    ) -> Function | Callable[[Function], Function]:
        """Decorate a function to be a target without a schedule, for jobs that are added at run time.

        ``aliases`` are the names that it had before: jobs that ask for one of them run this function.
        """

        def register(function: Function) -> Function:
            self._parts.registry.register(function, name, aliases)
            return function

        return register if function is None else register(function)

    def on(self, *types: type[Event]) -> Callable[[Listener], Listener]:
        """Decorate a function, or a coroutine function, to be called with each event of these types."""
        return self._parts.bus.on(*types)

    # -- jobs ---------------------------------------------------------------------------------------------------------

    def add(
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
        """Add a job: ``target`` is a function, a registered name, or the path of a function, "myapp.tasks:send", in a
        module that is ``importable``. No schedule means by ``trigger`` alone.

        ``aliases`` are names that the target had before. If the id is taken, ``exists`` says what to do: "error",
        "update" the job, or "keep" it as it is.

        Raises:
            JobExistsError: the id is taken, and ``exists="error"``; ConfigurationError, ScheduleError: the job could
            never run as declared.
        """
        registrar = self._registrar
        job = registrar.read(target, schedule, id, tz, aliases, options)
        self._apply_declarations(by=by)
        registrar.register_new(job)
        is_kept = exists == "keep" and self._parts.store.load(self.namespace, job.spec.id) is not None
        added = self._writer.put(job.spec, exists, by)
        if not is_kept:
            registrar.register(job)
        return added

    def add_many(self, jobs: Iterable[JobRequest], *, exists: str = "error", by: str | None = None) -> list[Job]:
        """Add many jobs, each given as a dict of what ``add`` takes, with few writes; return them in order.

        Nothing is added if one of them is refused. Ids that are taken are found later: they are an error once all
        others were added, unless ``exists`` says "update" or "keep".

        Raises:
            ConfigurationError, ScheduleError: a job could never run as it is given; JobExistsError: ids are taken.
        """
        registrar = self._registrar
        specs, standing = registrar.read_many(jobs)
        self._apply_declarations(by=by)
        for job in standing:
            registrar.register(job)
        return self._writer.put_many(specs, exists, by)

    def update(
        self,
        job_id: str,
        *,
        schedule: AnySchedule | None = None,
        tz: Zone | None = None,
        by: str | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Change some of a job; a changed schedule counts from now and never causes a catch-up.

        What is changed of a job that code declares stays changed, whatever is deployed, until ``reset``.

        Raises:
            JobNotFoundError: there is no such job; ConfigurationError, ScheduleError: the change cannot be;
            UnreadableError: the store cannot read what it has of the job.
        """

        self._apply_declarations(job_id=job_id, by=by)

        def change(spec: JobSpec) -> JobSpec:
            target = self._parts.registry.get(spec.target)
            return self._registrar.checked(self._reader.change(spec, target, schedule, tz, options), target)

        return self._writer.update(job_id, change, by)

    def pause(
        self,
        job_id: str,
        *,
        reason: str | None = None,
        until: datetime | timedelta | str | None = None,
        by: str | None = None,
    ) -> Job:
        """Stop a job's schedule until ``resume``, up to a time, or for a duration: what is due at its very end runs.

        ``trigger`` still works.

        Raises:
            JobNotFoundError: there is no such job; ScheduleError: ``until`` is no date-time and no duration.
        """
        self._apply_declarations(job_id=job_id, reason=reason, by=by)
        end = None if until is None else read_end("until", until, self._reader.tz, self._parts.clock.now())
        return self._writer.pause(job_id, reason, end, by)

    def resume(self, job_id: str, *, by: str | None = None) -> Job:
        """Let a paused job's schedule go on. The paused time becomes one skipped record; a one-shot in it runs now.

        Raises:
            JobNotFoundError: there is no such job.
        """
        self._apply_declarations(job_id=job_id, by=by)
        return self._writer.resume(job_id, by)

    def reset(self, job_id: str, *, by: str | None = None) -> Job:
        """Drop what was changed by hand of a job that code declares; one that was removed comes back, as a new life.

        A pause stays until ``resume``.

        Raises:
            JobNotFoundError: there is no such job; ConfigurationError: no code has declared it.
        """
        self._apply_declarations(job_id=job_id, by=by)
        declaration = self._parts.declarations.get(job_id)
        return self._writer.reset(job_id, None if declaration is None else declaration.spec, by)

    def remove(self, job_id: str, *, by: str | None = None) -> None:
        """Take a job away; what runs may end, what waits is cancelled, and its runs stay in the ledger.

        One that code declares stays away, whatever is deployed, until ``reset`` or ``add``.

        Raises:
            JobNotFoundError: there is no such job.
        """
        self._apply_declarations(job_id=job_id, by=by)
        self._writer.remove(job_id, by)

    def purge(self, job_id: str) -> int:
        """Forget every removed life of a job: that there was one, its history and its ended runs. Return how many.

        One that code declares comes back with the next ``start``, for its removal is forgotten too.

        Raises:
            JobNotFoundError: no job of that id was removed; LifecycleError: it was, but a run of it has not ended.
        """
        self._apply_declarations(job_id=job_id)
        count = self._parts.store.purge(self.namespace, job_id)
        if not count:
            row = self._parts.store.load(self.namespace, job_id, removed=True)
            if row is not None and row.removed_at is not None:
                raise LifecycleError(
                    f"job {job_id!r} was removed, but a run of it has not ended: cancel it, or wait until it has"
                )
            raise JobNotFoundError(f"no job {job_id!r} was removed in namespace {self.namespace!r}: remove() it first")
        return count

    def get(self, job_id: str) -> Job:
        """A job as it stands now.

        Raises:
            JobNotFoundError: there is no such job.
        """
        self._apply_declarations(job_id=job_id)
        return self._writer.load(job_id).snapshot()

    def jobs(
        self,
        *,
        tag: str | None = None,
        owner: str | None = None,
        declared: bool | None = None,
        removed: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Job]:
        """A page of jobs, ordered by id, optionally those with a tag or an owner, or those that code declares or not.

        ``removed=True`` shows the removed ones instead.
        """
        check_limit(limit)
        flag("removed", removed)
        if declared is not None:
            flag("declared", declared)
        self._apply_declarations(tag=tag, owner=owner, cursor=cursor)
        wanted = JobFilter(self.namespace, tag=tag, owner=owner, declared=declared, removed=removed)
        return self._parts.store.jobs(wanted, limit=limit, cursor=cursor)

    def history(self, job_id: str) -> tuple[Revision, ...]:
        """What was done to a job, oldest first; to its last life, if it was removed.

        Raises:
            JobNotFoundError: there is no such job, and was none, or it was purged.
        """
        self._apply_declarations(job_id=job_id)
        row = self._parts.store.load(self.namespace, job_id, removed=True)
        if row is None:
            raise self._writer.not_found(job_id)
        return self._parts.store.history(row.key)

    # -- deployments --------------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """What ``apply`` would do: the jobs that code declares beside those in the store, which is not written."""
        self._enter()
        return self._deployment.plan()

    def apply(self, plan: Plan | None = None, *, prune: bool | Collection[str] = False, by: str | None = None) -> Plan:
        """Bring the store to what code declares, as ``start`` does; return what was done.

        ``prune`` removes orphaned jobs as well: True for all of them, or the ids of some. ``by`` is who deploys, for
        the history.

        Raises:
            LifecycleError: ``plan`` is out of date, for what would be done is no longer what it says;
            ConfigurationError: ``plan`` is none, or ``prune`` names a job that is no orphan. Nothing was done then.
        """
        self._enter(by=by)
        with self._lock:
            declarations = self._parts.declarations.all
            done = Deployment(self._registrar, by).apply(plan, prune)
            self._parts.declarations.applied(declarations)
        return done

    # -- runs ---------------------------------------------------------------------------------------------------------

    def trigger(self, job_id: str, *, kwargs: Mapping[str, Any] | None = None, key: str | None = None) -> RunHandle:
        """Run a job once, now, under its overlap rule; ``kwargs`` go over the job's own.

        With the same ``key`` the same run is returned, however often this is called.

        Raises:
            JobNotFoundError: there is no such job; ConfigurationError: the target does not take these arguments.
        """
        given = as_mapping("kwargs", kwargs)
        if key == "":
            raise ConfigurationError("key='': give a text that tells one click from another, or leave it out")
        self._apply_declarations(job_id=job_id, key=key)
        row = self._writer.load(job_id)
        target = self._parts.registry.get(row.spec.target)
        if given and target is not None:
            target.check_arguments(row.spec.args, {**row.spec.kwargs, **given})
        if given and self._parts.store.capabilities.durable:
            from cronkit.jobs.codec import encode_value  # here, for a store in memory does without it

            encode_value(given, "kwargs")
        run_id, now = self._parts.new_id(), self._parts.clock.now()
        token = run_id if key is None else key
        run = RunRow(run_id, row.key, Cause.MANUAL, now, now, token, RunStatus.QUEUED, now, row.spec.policies.overlap)
        run.kwargs = given or None
        kept = self._parts.store.enqueue(run)
        if kept is None:
            raise self._writer.not_found(job_id)
        self._writer.tell_ends(kept.ended, now)
        return RunHandle(kept.run.id, self._parts.waiters)

    def run_handle(self, run_id: str) -> RunHandle:
        """A handle on any run of this namespace; asked of a run that is not there, it raises RunNotFoundError."""
        check_texts(run_id=run_id)
        return RunHandle(run_id, self._parts.waiters)

    def cancel(self, run_id: str, *, reason: str = "cancelled") -> RunStatus:
        """Cancel a waiting run, or ask a running one to stop; return the status afterwards.

        A coroutine is cancelled; a thread cannot be, so its target has to look at ``run.cancel_requested``.

        Raises:
            RunNotFoundError: there is no such run in this namespace.
        """
        self._enter(run_id=run_id, reason=reason)
        is_here = self._parts.waiters.find(run_id) is not None
        now = self._parts.clock.now()
        answer = self._parts.store.request_cancel(run_id, reason, now) if is_here else None
        if answer is None:
            raise self._parts.waiters.no_run(run_id)
        self._writer.tell_ends(answer.ended, now)
        return answer.status

    def release(self, run_id: str) -> RunStatus:
        """Let a run start again that waits for a person, as ``on_crash="hold"`` has it; return its status then.

        Nothing happens to a run that is not held.

        Raises:
            RunNotFoundError: there is no such run in this namespace.
        """
        self._enter(run_id=run_id)
        is_here = self._parts.waiters.find(run_id) is not None
        status = self._parts.store.release(run_id, self._parts.clock.now()) if is_here else None
        if status is None:
            raise self._parts.waiters.no_run(run_id)
        return status

    # -- life ---------------------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether this process runs the scheduler."""
        runtime = self._runtime
        return runtime is not None and runtime.is_of_this_process and not runtime.is_over

    def start(self) -> None:
        """Start the engine in a thread of its own, and return.

        Raises:
            LifecycleError: it runs already, or did when this process was forked, or was stopped before it had started.
        """
        self._enter()
        with self._lock:
            self._check_idle()
            self._parts.store.open()
            runtime = Runtime(self._parts)
            try:
                self._runtime = runtime
                self._apply_all()
                runtime.start()
            except BaseException:  # an interrupt too, although the engine may have begun
                runtime.stop(timedelta())
                raise
        self._tell_of_start()

    def stop(self, *, drain: Duration = DRAIN) -> int:
        """Claim nothing more, let runs end for up to ``drain``, cancel the rest; return how many were left running.

        Stopping a scheduler that does not run does nothing. One that is being stopped already is waited for, no
        longer than the shorter ``drain``; "0s" waits for no run. A store or executor that hangs is waited for no
        longer than 25 s after that. Not for a signal handler, which may have interrupted a verb that holds what the
        engine waits for: raise SystemExit there, inside ``with scheduler:``, or use ``run``.

        Raises:
            LifecycleError: called from inside a run, or from the loop that runs the scheduler's coroutines.
        """
        limit = drain_time(drain)
        runtime = self._runtime
        if runtime is None or not self.is_running:
            return 0
        self._parts.waiters.refuse_inside("stop()")
        left = runtime.stop(limit)
        self._ended.ring()
        return left

    def run(self, *, drain: Duration = DRAIN) -> None:
        """Run in the foreground until SIGINT, SIGTERM or ``stop``, then drain; a second signal stops at once.

        Raises:
            KeyboardInterrupt: on a third signal.
            LifecycleError: it runs already, or was stopped before it had started, or this is not the main thread, which
                alone receives signals.
        """
        drain_time(drain)
        with StopSignals(self._ended, self._hurry) as signals:
            self.start()
            try:
                signals.wait(unless=lambda: not self.is_running)
            finally:  # another signal's handler may have raised
                self.stop(drain="0s" if signals.is_urgent else drain)

    def _hurry(self) -> None:
        if self._runtime is not None:
            self._runtime.hurry()

    def health(self) -> Health:
        """How the scheduler is doing, from memory alone: no question to the store."""
        runtime = self._runtime
        engine = runtime.engine if runtime is not None and self.is_running else None
        problem = runtime.problem if runtime is not None and runtime.is_of_this_process else None
        known = self._parts.registry.targets  # also those that were registered since the start
        unresolved = tuple(sorted(target for target in self._missing_targets if target not in known))
        return Health.of(engine, problem, unresolved, self._parts.bus, self._parts.store.capabilities)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _remade(self, parts: Parts, runtime: Running) -> Iterator[None]:
        """Be made of other parts, and run by another runtime, until this is left: what simulation needs.

        Raises:
            LifecycleError: the scheduler runs.
        """
        with self._lock:
            self._check_idle()
            original, self._runtime = self._parts, runtime
            self._use(parts)
        try:
            yield
        finally:
            with self._lock:
                self._use(original)
                self._runtime = None

    def _tell_of_start(self) -> None:
        store, count = self._parts.store, len(self._parts.declarations.ids)
        where = type(store).__name__ if type(store).__repr__ is object.__repr__ else repr(store)
        logger.info(
            "the scheduler runs: declared jobs: %d; store: %s, namespace %r; zone: %s",
            *(count, where, self.namespace, self._reader.tz),
        )

    def _check_idle(self) -> None:
        runtime = self._runtime
        if runtime is not None and self.is_running:
            raise LifecycleError(runtime.occupies)

    def _check_process(self) -> None:
        """Refuse to work in a child of the process that runs the scheduler: its threads and locks stayed there."""
        runtime = self._runtime
        if runtime is not None and not runtime.is_of_this_process and not runtime.is_over:
            raise LifecycleError(
                "this process was forked from one that ran this scheduler, whose threads did not come along: "
                "make and start a Scheduler in each process, after the fork (gunicorn: in post_fork)"
            )

    def _apply_declarations(self, **given: str | None) -> None:
        """Put the jobs that decorators declared into the store; each verb that asks it begins with this."""
        self._enter(**given)
        if self._parts.declarations:
            with self._lock:
                pending = self._parts.declarations.pending
                self._deployment.deploy(pending)
                self._parts.declarations.applied(pending)

    def _enter(self, **given: str | None) -> None:
        """What every verb begins with, ``start`` among them: nothing is to take the store's time for a jump.

        ``given`` are the texts that it passes on to the store.

        Raises:
            ConfigurationError: one of them is no text that a store can keep; LifecycleError: in a forked process.
        """
        self._check_process()
        check_texts(**given)
        if isinstance(self._parts.clock, StoreClock):
            self._parts.clock.compare()

    def _apply_all(self) -> None:
        """What a start does with the store's jobs: import what they ask for, apply what code declares, and warn."""
        not_imported: Collection[str] = ()
        if self._importable.prefixes:
            not_imported = self._registrar.import_targets(self._parts.store.target_names(self.namespace))
        self._missing_targets = self._deployment.warn(self.apply(), not_imported)

    def _obstacle(self, run: Run) -> str | None:
        return obstacle(self._parts, self.health(), run)

    def _use(self, parts: Parts) -> None:
        """Be made of ``parts`` from now on."""
        self._parts = parts
        self._writer = JobWriter(parts)
        self._registrar = Registrar(parts, self._reader, self._importable, self._owner)

    @property
    def _deployment(self) -> Deployment:
        return Deployment(self._registrar)
