"""What a person, or the system, says to a program that runs in the foreground."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from cronkit.clock import Alarm
from cronkit.errors import LifecycleError

_STOPPING = (signal.SIGINT, signal.SIGTERM)
LOOK_AGAIN = 1.0
"""Seconds between two looks of a wait: on Windows a signal does not interrupt it."""


class StopSignals:
    """SIGINT and SIGTERM, while this is entered in the main thread.

    The first is noted and rings ``alarm``; each one after it raises KeyboardInterrupt wherever the main thread is.

    Raises:
        LifecycleError: on entering, in another thread.
    """

    def __init__(self, alarm: Alarm) -> None:
        self._received = False
        self._alarm = alarm
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            raise LifecycleError("run() waits for signals, which the main thread alone receives: call start() here")
        self._previous = {number: signal.signal(number, self._receive) for number in _STOPPING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            # None: it was not set from Python, and cannot be put back from there.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def wait(self, *, unless: Callable[[], bool]) -> None:
        """Sleep until a signal has come, or ``unless`` is true after the alarm was rung."""
        while not self._received and not unless():
            self._alarm.wait(LOOK_AGAIN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._received:
            raise KeyboardInterrupt
        self._received = True
        self._alarm.ring()
