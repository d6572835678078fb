"""A simulated process: an engine, executors that do as they are told, and a loop on virtual time."""

import asyncio
import heapq
from collections import deque
from collections.abc import Coroutine
from contextvars import Context
from datetime import timedelta
from typing import Any

from cronkit.engine.engine import Engine
from cronkit.executors.asyncio_loop import AsyncioLoop
from cronkit.executors.feed import SLICE
from cronkit.executors.invoke import ainvoke, invoke
from cronkit.executors.protocol import Executor, Report
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.outcome import Outcome, cancelled, raised
from cronkit.jobs.target import Colour
from cronkit.scheduler.runtime import Parts
from cronkit.testing.lock_step import LockStep
from cronkit.testing.script import Script
from cronkit.testing.virtual_clock import VirtualClock
from cronkit.testing.virtual_loop import VirtualLoop

CANCELLED = "cancelled"


class SimulatedExecutor:
    """Stands in for an executor: it has its slots and can do what that can, on virtual time."""

    def __init__(self, real: Executor, node: "Node") -> None:
        self.capabilities = real.capabilities
        self.slots = real.slots
        self._node = node

    def start(self) -> None:
        """Nothing to make ready."""

    def submit(self, attempt: Attempt, report: Report) -> None:
        """Have the node run an attempt when the engine's step is over."""
        self._node.submit(attempt, report)

    def cancel(self, attempt: Attempt) -> None:
        """Stop an attempt, if the real executor could."""
        if self.capabilities.cancels:
            self._node.cancel(attempt)

    def stack_of(self, attempt: Attempt) -> str | None:
        """None: while virtual time passes, nothing really runs."""
        return None

    def shutdown(self, drain: timedelta) -> int:
        """Nothing to shut down."""
        return 0


class Node:
    """One simulated process. It does nothing but in ``engine.step`` and ``work``.

    Functions are called by ``work``, in its caller's thread; the virtual time they take passes before their outcome
    is reported. Coroutines run on the loop, in the lock-step thread.
    """

    def __init__(self, name: str, parts: Parts, clock: VirtualClock, script: Script, thread: LockStep) -> None:
        self.engine = Engine(
            store=parts.store,
            executors={key: SimulatedExecutor(real, self) for key, real in parts.executors.items()},
            registry=parts.registry,
            bus=parts.bus,
            clock=clock,
            node=name,
            namespace=parts.namespace,
            new_id=parts.new_id,
            lease=parts.lease,
            renew_every=parts.renew_every,
        )
        self._clock = clock
        self._script = script
        self._thread = thread
        self._submitted: deque[tuple[Attempt, Report]] = deque()
        self._ends: list[tuple[timedelta, int, Attempt, Report, Outcome]] = []
        self._sequence = 0
        self._loop: VirtualLoop | None = None
        self._native: AsyncioLoop | None = None
        self._unspawned: deque[tuple[object, Coroutine[Any, Any, None]]] = deque()
        self._tasks: dict[object, asyncio.Task[None]] = {}

    # -- what executors and the event bus ask for ---------------------------------------------------------------------

    def submit(self, attempt: Attempt, report: Report) -> None:
        """Run an attempt at the next ``work``."""
        self._submitted.append((attempt, report))

    def cancel(self, attempt: Attempt) -> None:
        """Stop an attempt: a coroutine's task is cancelled, a function takes no more virtual time."""
        if attempt.target.colour is Colour.COROUTINE:
            self._cancel_tasks(attempt)
            return
        for end in self._ends:
            if end[2] is attempt:
                self._ends.remove(end)
                heapq.heapify(self._ends)
                end[3](attempt, cancelled(attempt.cancel_reason or CANCELLED))
                return

    def run_coroutine(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a listener's coroutine on the loop."""
        self._post(coroutine, self._accompany(coroutine))

    # -- time ---------------------------------------------------------------------------------------------------------

    @property
    def wakes_at(self) -> timedelta | None:
        """When there will be work, on the clock's elapsed time; None if nothing is under way."""
        wakes = [self._ends[0][0]] if self._ends else []
        if self._loop is not None and self._loop.wakes_at is not None:
            wakes.append(self._loop.wakes_at)
        return min(wakes, default=None)

    def work(self) -> bool:
        """Run what was submitted, end what is due to end; False if there was nothing to do.

        Raises:
            LifecycleError: a coroutine waits for something real.
        """
        has_worked = bool(self._submitted)
        while self._submitted:
            self._start(*self._submitted.popleft())
        while self._ends and self._ends[0][0] <= self._clock.elapsed:
            _, _, attempt, report, outcome = heapq.heappop(self._ends)
            report(attempt, outcome)
            has_worked = True
        if self._loop is not None and self._loop.is_ready:
            self._thread.call(self._loop.turn)
            has_worked = True
        self.check()
        return has_worked

    def check(self) -> None:
        """Raise what the loop has refused, in a turn or between two.

        Raises:
            LifecycleError: a coroutine waits for something real.
        """
        if self._loop is not None:
            self._loop.check()

    def crash(self) -> None:
        """Die: nothing here runs or reports again. Listeners belong to no process, so their coroutines are ended."""
        self._submitted.clear()
        self._ends.clear()
        if self._loop is not None:
            self._cancel_tasks(*(key for key in self._tasks if not isinstance(key, Attempt)))
            self._thread.call(self._loop.turn)

    def end(self) -> None:
        """Cancel the coroutines that are left, and close their loop."""
        if self._loop is not None:
            loop, tasks = self._loop, list(self._tasks.values())
            self._thread.finish(lambda: loop.end(tasks))

    # -- inside -------------------------------------------------------------------------------------------------------

    def _start(self, attempt: Attempt, report: Report) -> None:
        takes, failure = self._script.next_start(attempt)
        if attempt.target.colour is Colour.COROUTINE:
            self._post(attempt, self._conduct(attempt, report, takes, failure))
            return
        outcome = raised(failure) if failure is not None else Context().run(invoke, attempt)
        if not takes:
            report(attempt, outcome)
            return
        self._sequence += 1
        heapq.heappush(self._ends, (self._clock.elapsed + takes, self._sequence, attempt, report, outcome))

    async def _conduct(self, attempt: Attempt, report: Report, takes: timedelta, failure: BaseException | None) -> None:
        assert self._native is not None  # the loop that this runs on
        try:
            outcome = raised(failure) if failure is not None else await ainvoke(attempt, self._native.is_cancellation)
            if takes:
                try:
                    await asyncio.sleep(takes.total_seconds())
                except asyncio.CancelledError:
                    outcome = cancelled(attempt.cancel_reason or CANCELLED)
            report(attempt, outcome)
        finally:
            del self._tasks[attempt]

    def _post(self, key: object, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine, which is to take its key out of the tasks, on the loop; the first opens it."""
        if self._loop is None:
            self._loop = VirtualLoop(self._clock, self._thread)
        if not self._unspawned:
            self._loop.post(self._spawn)
        self._unspawned.append((key, coroutine))

    def _spawn(self) -> None:
        """Make tasks of what was posted, in slices as the real executor does; each begins in a context of its own."""
        assert self._loop is not None
        if self._native is None:
            self._native = AsyncioLoop()
        for _ in range(min(SLICE, len(self._unspawned))):
            key, coroutine = self._unspawned.popleft()
            self._tasks[key] = self._loop.spawn(coroutine)
        if self._unspawned:
            self._loop.post(self._spawn)

    async def _accompany(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        finally:
            del self._tasks[coroutine]

    def _cancel_tasks(self, *keys: object) -> None:
        if self._loop is not None:
            tasks = [self._tasks[key] for key in keys if key in self._tasks]
            self._loop.post(lambda: [task.cancel() for task in tasks])
