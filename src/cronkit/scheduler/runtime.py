"""A running scheduler: the engine, its thread and the executors, put together and taken apart."""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from cronkit.clock import Clock
from cronkit.engine.engine import Engine
from cronkit.engine.lease import LeaseThread
from cronkit.engine.thread import EngineThread
from cronkit.errors import ConfigurationError, LifecycleError
from cronkit.events import EventBus, SchedulerStopped, SchedulerStopping
from cronkit.executors.coroutine import CoroutineExecutor
from cronkit.executors.protocol import Executor
from cronkit.jobs.policies import Duration
from cronkit.jobs.registry import Registry
from cronkit.scheduler.declarations import Declarations
from cronkit.scheduler.handle import RunWaiters
from cronkit.schedules import parse_duration
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
    def problem(self) -> str | None:
        """Why nothing starts just now, or None."""

    @property
    def is_of_this_process(self) -> bool:
        """Whether this process started it, rather than the one it was forked from: threads do not survive a fork."""

    def stop(self, drain: timedelta) -> int:
        """End, after ``drain`` at the latest; return how many runs were left."""

    def hurry(self) -> None:
        """Drain no longer; a signal handler may say so."""


class Runtime:
    """One start of a scheduler, up to its stop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pid = os.getpid()
        self._unsubscribe: Callable[[], None] | None = None
        self._is_stopping = self._has_ended = False
        self._ending = threading.Lock()
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
        self._lease = LeaseThread(self.engine.lease, parts.renew_every, self.engine.lose, self.engine.give_up_lease)
        self._thread = EngineThread(self.engine, parts.bus, parts.clock)

    @property
    def problem(self) -> str | None:
        """See ``Running``."""
        return self._thread.problem

    @property
    def is_of_this_process(self) -> bool:
        """See ``Running``."""
        return self._pid == os.getpid()

    def start(self) -> None:
        """Start the executors and the engine's thread; if one will not, none is left running."""
        if self._parts.store.capabilities.scope is Scope.PROCESS:
            _warn_of_several_workers()
        try:
            for executor in self._parts.executors.values():
                executor.start()
                if isinstance(executor, CoroutineExecutor):
                    self._parts.bus.run_coroutine = executor.run_coroutine
            self._unsubscribe = self._parts.store.subscribe(self.engine.wake)
            self._lease.start()
            self._thread.start()
        except BaseException:
            self._take_apart()
            raise

    def stop(self, drain: timedelta) -> int:
        """Claim nothing more, let runs end for up to ``drain``, cancel the rest; return how many were left running.

        Called again while it goes on, it waits for the same end, no longer than the shorter drain.

        Raises:
            LifecycleError: called from the engine's own thread.
        """
        if self._thread.is_engine_thread:
            raise LifecycleError("stop() was called on the engine's own thread: call it from another")
        bus, now = self._parts.bus, self._parts.clock.now
        self._thread.ask_to_stop(drain)
        if not self._is_stopping:
            self._is_stopping = True
            bus.publish(SchedulerStopping(at=now()))
        left = self._thread.wait_until_stopped()
        with self._ending:
            if not self._has_ended:
                bus.publish(SchedulerStopped(at=now(), left_running=left))
                bus.close(LISTENERS_GRACE)  # while there is a loop for listeners that are coroutine functions
                self._take_apart()
                self._has_ended = True
        return left

    def hurry(self) -> None:
        """See ``Running``."""
        self._thread.ask_to_stop(timedelta())

    def _take_apart(self) -> None:
        self._lease.stop()
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self.problem is None:  # else it would be waited for once more
            try:
                self._parts.store.leave(self.engine.node)
            except Exception as error:
                logger.warning("the store could not be told that node %s ends: %s", self.engine.node, error)
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


def drain_time(drain: Duration) -> timedelta:
    """How long a drain may take; none at all is a duration here.

    Raises:
        ScheduleError: it is no duration.
    """
    return timedelta() if drain in ("0s", timedelta()) else parse_duration(drain)


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
    """Whether ``multiprocessing`` started this process; it has then been imported here, and 5 ms that it would cost
    are spared everybody else."""
    module = sys.modules.get("multiprocessing.process")
    return module is not None and module.parent_process() is not None
