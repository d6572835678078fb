"""What a person, or the system, says to a program that runs in the foreground."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from cronkit.clock import LOOK_AGAIN, Alarm
from cronkit.errors import LifecycleError

_STOPPING = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """SIGINT and SIGTERM, while this is entered in the main thread.

    The first is noted and rings ``alarm``. The second calls ``hurry``, which has to be fit for a signal handler. Each
    one after that raises KeyboardInterrupt wherever the main thread is.

    Raises:
        LifecycleError: on entering, in another thread.
    """

    def __init__(self, alarm: Alarm, hurry: Callable[[], object]) -> None:
        self._received = 0
        self._alarm = alarm
        self._hurry = hurry
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

    @property
    def is_urgent(self) -> bool:
        """Whether more than one has come."""
        return self._received > 1

    def wait(self, *, unless: Callable[[], bool]) -> None:
        """Sleep until a signal has come, or ``unless`` is true after the alarm was rung."""
        while not self._received and not unless():
            self._alarm.wait(LOOK_AGAIN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received += 1
        if self._received == 1:
            self._alarm.ring()
        elif self._received == 2:
            self._hurry()
        else:
            raise KeyboardInterrupt
