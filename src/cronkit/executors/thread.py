"""Functions on a small pool of daemon threads."""

import itertools
import logging
import sys
import threading
import traceback
from collections import deque
from contextvars import Context
from datetime import timedelta
from types import FrameType

from cronkit.errors import LifecycleError
from cronkit.executors.invoke import invoke
from cronkit.executors.protocol import ExecutorCapabilities, Report, check_slots
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.outcome import Outcome, cancelled, raised
from cronkit.jobs.target import Colour

logger = logging.getLogger("cronkit.executors")

NEVER_STARTED = "the executor was shut down before it started"


class ThreadExecutor:
    """Runs functions on up to ``workers`` threads, each run in a fresh, empty context.

    A thread cannot be stopped from outside: ``cancel`` leaves it to the target to look at ``run.cancel_requested``.
    The threads are daemons, so one that is stuck does not keep the interpreter from exiting.
    """

    capabilities = ExecutorCapabilities(colours=frozenset({Colour.FUNCTION}), cancels=False)

    def __init__(self, workers: int = 32, *, name: str = "cronkit-worker") -> None:
        self.slots = check_slots("workers", workers)
        self._name = name
        self._pool: _Pool | None = None

    def start(self) -> None:
        """Make ready; threads are started as they are needed. A pool left by a fork or a shutdown is not used again."""
        self._pool = _Pool(self.slots, self._name)

    def submit(self, attempt: Attempt, report: Report) -> None:
        """Run an attempt on an idle thread, else on a new one, else on the first of all ``workers`` to be free.

        Raises:
            LifecycleError: the executor is not started.
        """
        if self._pool is None:
            raise LifecycleError("the thread executor is not running: start() it before submit()")
        self._pool.submit(attempt, report)

    def cancel(self, attempt: Attempt) -> None:
        """Do nothing: the attempt's ``cancel_reason`` is set already, and only its target can heed it."""

    def shutdown(self, drain: timedelta) -> int:
        """Wait up to ``drain`` for what was submitted; return how many attempts are left running.

        What never started is reported as cancelled; what is left reports when it ends.
        """
        pool, self._pool = self._pool, None
        return 0 if pool is None else pool.close(drain)

    def stack_of(self, attempt: Attempt) -> str | None:
        """Where the attempt's thread is now, as the text of a traceback from the target on; None if it is in none."""
        thread_id = attempt.thread_id
        frame = None if thread_id is None else sys._current_frames().get(thread_id)
        if frame is None:
            return None
        stack = _stack_of_target(frame)
        # The thread may have gone on to another attempt while we looked.
        return None if attempt.thread_id != thread_id else stack


class _Pool:
    """The threads between one start and its shutdown, and what they have in flight.

    Threads are woken one by one: each that takes an attempt and leaves others waiting sends for the next thread, unless
    one is on its way already. So short functions are run by one or two threads in a row, whatever else is idle, and
    long ones by a thread each. The one that was idle last goes first.
    """

    def __init__(self, workers: int, name: str) -> None:
        self._workers = workers
        self._name = name
        self._waiting: deque[tuple[Attempt, Report]] = deque()
        self._in_flight: set[Attempt] = set()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle: list[threading.Lock] = []
        self._is_coming = self._is_closed = False
        self._drained: threading.Event | None = None

    def submit(self, attempt: Attempt, report: Report) -> None:
        self._in_flight.add(attempt)
        self._waiting.append((attempt, report))
        if not self._is_coming:  # who comes looks after it has said that it came
            self._send_for_a_thread()

    def _send_for_a_thread(self) -> None:
        with self._lock:
            if self._is_coming or not self._waiting:
                return
            if self._idle:
                self._is_coming = True
                self._idle.pop().release()
            elif self._threads < self._workers:
                self._grow()

    def _grow(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self._name}-{self._threads + 1}", daemon=True)
        try:
            self._is_coming = True
            self._threads += 1
            thread.start()
        except RuntimeError as error:
            self._is_coming = False
            self._threads -= 1
            logger.warning("no thread can be started (%s): %d have to do", error, self._threads)
            if not self._threads:
                self._end_waiting(raised(error))

    def close(self, drain: timedelta) -> int:
        drained = self._drained = threading.Event()
        if self._in_flight:
            drained.wait(drain.total_seconds())
        self._end_waiting(cancelled(NEVER_STARTED))
        with self._lock:
            self._is_closed = True
            for idle in self._idle:
                idle.release()
        return len(self._in_flight)

    def _end_waiting(self, outcome: Outcome) -> None:
        while self._waiting:
            try:
                attempt, report = self._waiting.popleft()
            except IndexError:  # a thread was faster
                return
            report(attempt, outcome)
            self._in_flight.discard(attempt)

    def _work(self) -> None:
        bell = threading.Lock()
        bell.acquire()
        while True:
            self._is_coming = False
            while self._waiting:
                self._run_next()
            with self._lock:
                if self._waiting:
                    continue
                if self._is_closed:
                    return
                self._idle.append(bell)
            bell.acquire()

    def _run_next(self) -> None:
        try:
            attempt, report = self._waiting.popleft()
        except IndexError:  # another thread was faster
            return
        if self._waiting and not self._is_coming:
            self._send_for_a_thread()
        report(attempt, Context().run(invoke, attempt))
        self._in_flight.discard(attempt)
        if self._drained is not None and not self._in_flight:
            self._drained.set()


def _stack_of_target(frame: FrameType) -> str:
    frames = itertools.takewhile(lambda level: level[0].f_code is not _CALL, traceback.walk_stack(frame))
    return "".join(traceback.StackSummary.extract(iter(list(frames)[::-1])).format())


_CALL = Attempt.call.__code__
"""Where cronkit's own frames end and the target's begin."""
