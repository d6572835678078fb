"""The one thread of a simulation, in lock-step with whoever moves its time."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

PATIENCE = 1.0
"""Seconds that the end of a simulation waits for its thread, which is busy only if a coroutine never awaits."""


class LockStep:
    """A thread that works only while whoever gave it the work waits, so that two threads are as good as one."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._answers: SimpleQueue[BaseException | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._giver = threading.get_ident()

    def is_in_step(self) -> bool:
        """Whether the caller runs in this thread, or in the one that last gave it work."""
        return threading.current_thread() is self._thread or threading.get_ident() == self._giver

    def call(self, work: Callable[[], object]) -> None:
        """Do some work in the thread; return when it is done, or raise what it raised."""
        self._giver = threading.get_ident()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="cronkit-simulation", daemon=True)
            self._thread.start()
        self._work.put(work)
        error = self._answers.get()
        if error is not None:
            raise error

    def end(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            error: BaseException | None = None
            try:
                work()
            except BaseException as raised:  # it belongs to whoever waits
                error = raised
            self._answers.put(error)
            del work, error
