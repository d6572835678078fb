"""Notices that the wall clock was set, or that the machine was suspended."""

import logging
from contextlib import suppress
from datetime import timedelta

from cronkit.clock import Clock
from cronkit.engine.store_clock import StoreClock
from cronkit.events import ClockJumped, EventBus

logger = logging.getLogger("cronkit.engine")

JUMP = timedelta(seconds=1)
"""How far the wall clock may part from the monotonic one between two checks before it counts as having jumped."""


class Offset:
    """How far the wall clock is ahead of the monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seconds = self._read()

    def _read(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    def jump(self) -> timedelta:
        """By how much it has changed since it was last asked; nothing if by less than ``JUMP``."""
        before, self._seconds = self._seconds, self._read()
        moved = timedelta(seconds=self._seconds - before)
        return moved if abs(moved) >= JUMP else timedelta()


class ClockWatch:
    """Compares the two clocks. It only tells: the next step acts on the new time as it is."""

    def __init__(self, clock: Clock, bus: EventBus) -> None:
        self._clock = clock
        self._bus = bus
        self._offset = Offset(clock)

    def check(self) -> None:
        """Tell of a jump since the last check."""
        if isinstance(self._clock, StoreClock):
            with suppress(OSError):  # the store is away, and the engine's step says so
                self._clock.compare()
        jump = self._offset.jump()
        if jump:
            logger.warning("the clock jumped by %s", jump)
            self._bus.publish(ClockJumped(at=self._clock.now(), by=jump))
