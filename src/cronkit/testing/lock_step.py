"""The one thread of a simulation, in lock-step with whoever moves its time."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from cronkit.errors import LifecycleError

PATIENCE = 1.0
"""Seconds that are given to a coroutine which goes on, without awaiting, although whoever waited for it was
interrupted."""


class _Thread(threading.Thread):
    """No thread of the application: it starts where ``ThreadGuard`` refuses one, in a coroutine that simulates."""

    start = threading.Thread.start  # as it was before any simulation


class LockStep:
    """A thread that works only while whoever gave it the work waits, so that two threads are as good as one."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._answers: SimpleQueue[BaseException | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._giver = threading.get_ident()
        self._is_owed = False
        self._patience = PATIENCE

    def is_in_step(self) -> bool:
        """Whether the caller runs in this thread, or in the one that last gave it work."""
        return threading.current_thread() is self._thread or threading.get_ident() == self._giver

    def call(self, work: Callable[[], object]) -> None:
        """Do some work in the thread; return when it is done, or raise what it raised.

        Raises:
            LifecycleError: earlier work goes on, for its giver was interrupted.
        """
        if self._is_behind():
            raise LifecycleError("a coroutine that was interrupted goes on: end the simulate() block, and mend it")
        self._giver = threading.get_ident()
        if self._thread is None:
            thread = _Thread(target=self._run, name="cronkit-simulation", daemon=True)
            thread.start()
            self._thread = thread  # not before: one that could not be started has no end to wait for
        self._is_owed = True
        self._work.put(work)
        error = self._answers.get()
        self._is_owed = False
        if error is not None:
            raise error

    def finish(self, work: Callable[[], object]) -> None:
        """As ``call``; but behind earlier work that goes on it is left to the thread."""
        if self._is_behind():
            self._work.put(work)
        else:
            self.call(work)

    def _is_behind(self) -> bool:
        """Whether an answer is still owed to somebody who was interrupted, by Ctrl-C or a test's timeout."""
        if self._is_owed:
            try:
                self._answers.get(timeout=self._patience)
            except Empty:
                self._patience = 0.0
                return True
            self._is_owed = False
        return False

    def end(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join(self._patience)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            error: BaseException | None = None
            try:
                work()
            except BaseException as raised:  # it belongs to whoever waits
                error = raised
            self._answers.put(error)
            del work, error
