"""A running scheduler: the engine, its thread and the executors, put together and taken apart."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from cronkit.clock import Clock
from cronkit.engine.engine import Engine
from cronkit.engine.lease import LeaseThread
from cronkit.engine.thread import EngineThread
from cronkit.errors import ConfigurationError, LifecycleError
from cronkit.events import EventBus
from cronkit.executors.coroutine import CoroutineExecutor
from cronkit.executors.protocol import Executor
from cronkit.jobs.policies import Duration
from cronkit.jobs.registry import Registry
from cronkit.scheduler.declarations import Declarations
from cronkit.scheduler.handle import RunWaiters
from cronkit.schedules import parse_duration
from cronkit.schedules.durations import parse_span
from cronkit.stores.protocol import JobStore, Scope

logger = logging.getLogger("cronkit.scheduler")

SHORTEST_LEASE, LONGEST_LEASE = timedelta(milliseconds=100), timedelta(days=1)
RENEW_EVERY = timedelta(seconds=10)
LISTENERS_GRACE = timedelta(seconds=5)
"""How long a stop waits for listeners to deal with the last events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a scheduler is made of; simulation replaces it as a whole. A runtime owns none of it."""

    namespace: str
    store: JobStore
    waiters: RunWaiters
    executors: Mapping[str, Executor]
    registry: Registry
    declarations: Declarations
    bus: EventBus
    clock: Clock
    new_id: Callable[[], str]
    lease: timedelta
    renew_every: timedelta


class Running(Protocol):
    """What runs a scheduler: an engine in a thread, or a simulation."""

    @property
    def engine(self) -> Engine:
        """What runs its jobs."""

    @property
    def occupies(self) -> str:
        """Why nothing else can run the scheduler meanwhile, and the remedy."""

    @property
    def problem(self) -> str | None:
        """Why nothing starts just now, or None."""

    @property
    def is_of_this_process(self) -> bool:
        """Whether this process started it, rather than the one it was forked from: threads do not survive a fork."""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more, nor will."""

    def stop(self, drain: timedelta) -> int:
        """End, after ``drain`` at the latest; return how many runs were left."""

    def hurry(self) -> None:
        """Drain no longer; a signal handler may say so."""


class Runtime:
    """One start of a scheduler, up to its stop: the life of the engine's thread (see there), and what it needs."""

    occupies = "this scheduler runs already: stop() it first, or make another"

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pid = os.getpid()
        self._grace = LISTENERS_GRACE
        self.engine = Engine(
            store=parts.store,
            executors=parts.executors,
            registry=parts.registry,
            bus=parts.bus,
            clock=parts.clock,
            node=f"{os.uname().nodename if hasattr(os, 'uname') else 'host'}:{self._pid}:{parts.new_id()[-8:]}",
            namespace=parts.namespace,
            new_id=parts.new_id,
            lease=parts.lease,
            renew_every=parts.renew_every,
        )
        self.engine.is_lease_kept = True
        self._thread = EngineThread(self.engine, parts.bus, parts.clock, self._put_together())

    @property
    def problem(self) -> str | None:
        """See ``Running``."""
        return self._thread.problem

    @property
    def is_of_this_process(self) -> bool:
        """See ``Running``."""
        return self._pid == os.getpid()

    @property
    def is_over(self) -> bool:
        """See ``Running``."""
        return self._thread.is_over

    def start(self) -> None:
        """Start the executors and the engine; if one will not, none is left running.

        Raises:
            LifecycleError: it was stopped before. Exception: what an executor or the store raises.
        """
        if self._parts.store.capabilities.scope is Scope.PROCESS:
            _warn_of_several_workers()
        self._thread.start()

    def stop(self, drain: timedelta) -> int:
        """Claim nothing more, let runs end for up to ``drain``, cancel the rest; return how many were left running.

        Called again while it goes on, it waits for the same end, no longer than the shorter drain.

        Raises:
            LifecycleError: called from the engine's own thread.
        """
        if self._thread.is_engine_thread:
            raise LifecycleError("stop() was called on the engine's own thread: call it from another")
        if self._parts.bus.is_its_thread:  # a listener: it would be waited for while it waits
            self._grace = timedelta()
        self._thread.ask_to_stop(drain)
        return self._thread.wait_until_stopped()

    def hurry(self) -> None:
        """See ``Running``."""
        self._thread.ask_to_stop(timedelta())

    @contextmanager
    def _put_together(self) -> Iterator[None]:
        """What the engine needs, as long as this is entered; what was made ready is taken apart whatever fails."""
        parts, lease = self._parts, self.engine.lease
        renewing = LeaseThread(lease, parts.renew_every, self.engine.lose, self.engine.give_up_lease)
        with ExitStack() as exits:
            exits.callback(self._shut_down)
            for executor in parts.executors.values():
                executor.start()
                if isinstance(executor, CoroutineExecutor):
                    parts.bus.run_coroutine = executor.run_coroutine
            exits.callback(self._leave)
            exits.callback(parts.store.subscribe(self.engine.wake))
            exits.callback(renewing.stop)
            renewing.start()
            exits.callback(self._close_bus)
            yield

    def _close_bus(self) -> None:
        """While there is a loop for listeners that are coroutine functions."""
        self._parts.bus.close(self._grace)

    def _leave(self) -> None:
        if self.problem is None:  # else it would be waited for once more
            try:
                self._parts.store.leave(self.engine.node)
            except Exception as error:
                logger.warning("the store could not be told that node %s ends: %s", self.engine.node, error)

    def _shut_down(self) -> None:
        self._parts.bus.run_coroutine = None
        for name, executor in self._parts.executors.items():
            try:
                executor.shutdown(timedelta())
            except Exception:
                logger.exception("the executor %r could not be shut down", name)


def lease_times(lease: Duration, renew_every: Duration | None) -> tuple[timedelta, timedelta]:
    """How long a lease holds and how often it is renewed: three times before it ends, and every 10 s, unless given.

    Raises:
        ScheduleError: one is no duration; ConfigurationError: the lease is out of range, or could end unrenewed.
    """
    length = parse_duration(lease)
    if not SHORTEST_LEASE <= length <= LONGEST_LEASE:
        raise ConfigurationError(
            f"lease={str(lease)!r}: give a duration from 100ms to 1d; a lost node's runs wait for that long"
        )
    if renew_every is None:
        return length, min(RENEW_EVERY, length / 3)
    renewal = parse_duration(renew_every)
    if not SHORTEST_LEASE / 3 <= renewal <= length / 3:
        raise ConfigurationError(
            f"renew_every={str(renew_every)!r} with lease={str(lease)!r}: a lease is renewed at least three times "
            "before it ends, and at most every 34ms; give a longer lease, or leave renew_every out"
        )
    return length, renewal


def check_executors(executors: Mapping[Any, object]) -> None:
    """Refuse what could run nothing.

    Raises:
        ConfigurationError: no mapping, a name that is no text, or something that is no executor.
    """
    if not isinstance(executors, Mapping):
        raise ConfigurationError(f"executors={executors!r}: give names with their executors")
    for name, executor in executors.items():
        if not isinstance(name, str) or not name or not callable(getattr(executor, "submit", None)):
            size = executor if isinstance(executor, int) else ""
            raise ConfigurationError(
                f"executors={{{name!r}: {executor!r}}}: give a name and an executor, such as ThreadExecutor({size})"
            )


def drain_time(drain: Duration) -> timedelta:
    """How long a drain may take; it may take no time.

    Raises:
        ScheduleError: it is no duration.
    """
    return parse_span(drain)


def _warn_of_several_workers() -> None:
    """A store in memory under several server workers means that every job runs once in each."""
    count = os.environ.get("WEB_CONCURRENCY", "1")
    if not _is_worker_process() and "gunicorn" not in sys.modules and count in ("", "1"):
        return
    warnings.warn(
        "this scheduler keeps its jobs in the memory of one process, and this looks like one of several server "
        "workers: each would run every job. Give Scheduler a store that they share, or start it in one process.",
        RuntimeWarning,
        stacklevel=4,
    )


def _is_worker_process() -> bool:
    """Whether ``multiprocessing`` started this process, other than as the only worker of a server that reloads.

    It has then been imported here, and 5 ms that it would cost are spared everybody else; and it has the command line
    of the process that started it.
    """
    module = sys.modules.get("multiprocessing.process")
    is_alone = "--reload" in sys.argv or sys.argv[1:2] == ["dev"]  # uvicorn's option, fastapi's command
    return module is not None and module.parent_process() is not None and not is_alone
