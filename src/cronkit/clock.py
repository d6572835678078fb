"""The one module that reads the real time and waits for it."""

import math
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Alarm", "Clock", "SystemClock", "utc_now", "wait_for"]


def utc_now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


class Clock(Protocol):
    """Two readings of time: the wall's, which people may set, and one that only ever runs on."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds from some fixed point; it stands still while the machine is suspended."""


class SystemClock:
    """The machine's own clock."""

    now = staticmethod(utc_now)
    monotonic = staticmethod(time.monotonic)


LOOK_AGAIN = 1.0
"""Seconds between two looks of a wait in the main thread. A signal that comes just before the wait, or on Windows, does
not interrupt it: its handler runs when the thread looks again."""


def wait_for(event: threading.Event, seconds: float | None = None) -> bool:
    """Wait until an event is set, at most ``seconds``, and heed signals meanwhile; say whether it is set."""
    end = math.inf if seconds is None else SystemClock.monotonic() + seconds
    while not event.wait(min(max(end - SystemClock.monotonic(), 0.0), LOOK_AGAIN)):
        if SystemClock.monotonic() >= end:
            return False
    return True


class Alarm:
    """Lets one thread sleep until a time has passed or another thread rings.

    A ring while nobody sleeps is kept for the next ``wait``; several are one.
    """

    __slots__ = ("_gate",)

    def __init__(self) -> None:
        # A bare lock, shut while nobody has rung: a wait costs 20 us of CPU, on a queue or an Event 27 and more. It is
        # all there is to it, so that what a signal handler raises cannot leave a ring half done.
        self._gate = threading.Lock()
        self._gate.acquire()

    @property
    def is_rung(self) -> bool:
        """Whether the next ``wait`` will return at once."""
        return not self._gate.locked()

    def ring(self) -> None:
        """Wake the sleeper, from any thread or signal handler."""
        if self._gate.locked():
            with suppress(RuntimeError):  # another thread rang at the same moment, and has opened the gate
                self._gate.release()

    def wait(self, seconds: float) -> bool:
        """Sleep until somebody rings, at most ``seconds``; say whether somebody did.

        What the ringing thread did before it rang is visible afterwards; a ring from then on is kept for the next wait.
        """
        return self._gate.acquire(timeout=max(seconds, 0.0))
