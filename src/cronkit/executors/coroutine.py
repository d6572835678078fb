"""Coroutines, each a task on an event loop: the host's, or one of cronkit's own."""

import inspect
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Any

from cronkit.errors import LifecycleError
from cronkit.executors.feed import Feed
from cronkit.executors.invoke import LOOP_CLOSED, ainvoke
from cronkit.executors.loop import Loop
from cronkit.executors.loop_thread import LoopThread
from cronkit.executors.protocol import ExecutorCapabilities, Report, check_slots
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.outcome import Outcome, cancelled, raised
from cronkit.jobs.target import Colour

logger = logging.getLogger("cronkit.executors")

CANCEL_GRACE = timedelta(seconds=1)
"""How long a shutdown waits for cancelled coroutines to clean up."""
SHUT_DOWN = "the executor was shut down"


class CoroutineExecutor:
    """Runs coroutines on one event loop, at most ``slots`` at a time.

    The loop is the host's, asyncio or trio, while ``serving`` is entered on it before ``start``; otherwise it is an
    asyncio loop on a daemon thread, opened when the first coroutine needs it. Each coroutine runs in a copy of the
    context in which the loop was attached.
    """

    capabilities = ExecutorCapabilities(colours=frozenset({Colour.COROUTINE}), cancels=True)

    def __init__(self, slots: int = 1000, *, name: str = "cronkit-loop") -> None:
        self.slots = check_slots("slots", slots)
        self._name = name
        self._service: _Service | None = None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Run coroutines on the loop that enters this, until it is left: what still runs then is cancelled.

        Enter it before ``start``; it is left cleanly after ``shutdown``, called from another thread.

        Raises:
            LifecycleError: the executor is started, or serves a loop already.
        """
        if self._service is not None:
            raise LifecycleError("the coroutine executor has a loop already: enter serving() once, before start()")
        service = self._service = _Service(self._name, hosted=True)
        try:
            async with _host_loop() as loop:
                service.attach(loop)
                try:
                    yield
                finally:
                    await service.end()
        finally:
            self._service = None
            service.forsake()

    def start(self) -> None:
        """Make ready; a loop of its own is opened when it is needed. One that a fork left behind is not used again."""
        if self._service is None or not self._service.hosted:
            self._service = _Service(self._name)

    def submit(self, attempt: Attempt, report: Report) -> None:
        """Start a coroutine on the loop soon.

        Raises:
            LifecycleError: the executor is not started.
        """
        self._started().submit(attempt, report)

    def run_coroutine(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that belongs to no attempt on the same loop; it is to deal with its own errors.

        Raises:
            LifecycleError: the executor is not started.
        """
        if self._service is None:
            coroutine.close()
        self._started().run(coroutine)

    @property
    def is_on_its_loop(self) -> bool:
        """Whether the caller runs on this executor's loop, and would hold up whatever else does."""
        return self._service is not None and self._service.is_here

    @property
    def is_running_caller(self) -> bool:
        """Whether the caller is one of the coroutines that this executor runs, rather than another task of the loop."""
        return self._service is not None and self._service.is_running_caller

    def cancel(self, attempt: Attempt) -> None:
        """Cancel the attempt's task, if it has not ended; its ``cancel_reason`` is set already."""
        if self._service is not None:
            self._service.cancel(attempt)

    def stack_of(self, attempt: Attempt) -> str | None:
        """None: a coroutine has no thread of its own to look at."""
        return None

    def shutdown(self, drain: timedelta) -> int:
        """Wait up to ``drain`` for what was submitted, then cancel it; return how many attempts would not end.

        Raises:
            LifecycleError: called on the loop itself, which could then not run what is waited for.
        """
        if self._service is None:
            return 0
        left = self._service.close(drain)
        if not self._service.hosted:
            self._service = None
        return left

    def _started(self) -> "_Service":
        if self._service is None:
            raise LifecycleError("the coroutine executor is not running: start() it before submit()")
        return self._service


class _Service:
    """What an executor has in flight between one start and its shutdown, and the loop for it."""

    def __init__(self, name: str, *, hosted: bool = False) -> None:
        self.hosted = hosted
        self._name = name
        self._own: LoopThread | None = None
        self._has_opened = False
        self._is_cancellation: Callable[[BaseException], bool] = lambda error: False
        self._opening = threading.Lock()
        self._feed = Feed()
        self._in_flight: dict[Attempt, Report] = {}
        self._drained: threading.Event | None = None

    def attach(self, loop: Loop) -> None:
        self._is_cancellation = loop.is_cancellation
        self._feed.attach(loop)

    def submit(self, attempt: Attempt, report: Report) -> None:
        self._in_flight[attempt] = report
        self._put(attempt, self._conduct(attempt))

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._put(coroutine, self._accompany(coroutine))

    def cancel(self, attempt: Attempt) -> None:
        self._reach(lambda: self._feed.cancel(attempt))

    @property
    def is_here(self) -> bool:
        loop = self._feed.loop
        return loop is not None and loop.thread_id == threading.get_ident()

    @property
    def is_running_caller(self) -> bool:
        return self.is_here and any(
            isinstance(key, Coroutine) and inspect.getcoroutinestate(key) == inspect.CORO_RUNNING
            for key in self._feed.running
        )

    def close(self, drain: timedelta) -> int:
        if self.is_here:
            raise LifecycleError("shutdown() waits for the loop it was called on: call it from another thread")
        drained = self._drained = threading.Event()
        if self._in_flight:
            drained.wait(drain.total_seconds())
        if self._in_flight:
            self._refuse(self._feed.drop_waiting(), SHUT_DOWN)
            for attempt in list(self._in_flight):
                attempt.cancel_reason = attempt.cancel_reason or SHUT_DOWN
            self._reach(self._feed.cancel_all)
            drained.wait(CANCEL_GRACE.total_seconds())
        if self._own is not None:
            self._own.stop(timedelta() if self._in_flight else CANCEL_GRACE)
        return len(self._in_flight)

    async def end(self) -> None:
        """Cancel what is left; called on the loop."""
        await self._feed.end(CANCEL_GRACE)

    def forsake(self) -> None:
        """Report what no loop will run any more."""
        self._refuse(self._feed.drop_running() + self._feed.drop_waiting(), LOOP_CLOSED)

    def _put(self, key: object, coroutine: Coroutine[Any, Any, None]) -> None:
        self._reach(lambda: self._feed.put(key, coroutine))
        if self._own is None and not self.hosted:
            self._reach(self._open_loop)

    def _reach(self, call: Callable[[], object]) -> None:
        """Do what needs a loop that is not closed: what was brought there ends when it is."""
        try:
            call()
        except RuntimeError as error:
            logger.warning("no event loop runs coroutine jobs: %s", error)
            self.forsake()

    def _open_loop(self) -> None:
        with self._opening:
            if self._own is None:
                self._has_opened = False
                self._own = LoopThread(self._name, self._serve, self._lost)

    @asynccontextmanager
    async def _serve(self, loop: Loop) -> AsyncIterator[None]:
        self._has_opened = True
        self.attach(loop)
        try:
            yield
        finally:
            await self.end()

    def _lost(self) -> None:
        with self._opening:  # not before whoever opened it knows of it
            self._own = None
        if self._drained is not None or not self._has_opened:
            self.forsake()
            return
        self._refuse(self._feed.drop_running(), LOOP_CLOSED)
        if self._feed.has_waiting:
            self._open_loop()

    def _refuse(self, keys: list[object], reason: str) -> None:
        for key in keys:
            if isinstance(key, Attempt):
                self._finish(key, cancelled(key.cancel_reason or reason))
            elif isinstance(key, Coroutine):
                key.close()

    async def _conduct(self, attempt: Attempt) -> None:
        try:
            if attempt.cancel_reason is not None:
                outcome = cancelled(attempt.cancel_reason)
            else:
                outcome = await ainvoke(attempt, self._is_cancellation)
        except BaseException as error:  # the user's Ctrl-C: it ends the attempt, and the application
            self._finish(attempt, raised(error))
            raise
        self._finish(attempt, outcome)

    async def _accompany(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            await coroutine
        finally:
            self._feed.discard(coroutine)

    def _finish(self, attempt: Attempt, outcome: Outcome) -> None:
        self._feed.discard(attempt)
        report = self._in_flight.get(attempt)
        if report is None:  # reported already, when its loop was lost
            return
        report(attempt, outcome)
        self._in_flight.pop(attempt, None)
        if self._drained is not None and not self._in_flight:
            self._drained.set()


def _host_loop() -> AbstractAsyncContextManager[Loop]:
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        from cronkit.executors import trio_loop

        return trio_loop.serving_loop()
    from cronkit.executors import asyncio_loop

    return asyncio_loop.serving_loop()
