"""Which differences between the two clocks count as a jump."""

import logging
from datetime import datetime, timedelta

import pytest

from cronkit.engine.clock_watch import ClockWatch
from cronkit.events import ClockJumped, EventBus

from .factories import NOON


class TwoClocks:
    """A wall clock and a monotonic one that a test moves apart."""

    def __init__(self) -> None:
        self.wall, self.seconds = NOON, 0.0

    def now(self) -> datetime:
        """What the wall says."""
        return self.wall

    def monotonic(self) -> float:
        """What has really passed."""
        return self.seconds


@pytest.mark.parametrize(
    ("wall", "monotonic", "jump"),
    [
        (5.0, 5.0, None),
        (5.9, 5.0, None),
        (4.1, 5.0, None),
        (7.0, 5.0, 2.0),
        (-115.0, 5.0, -120.0),
        (28_805.0, 5.0, 28_800.0),
    ],
    ids=["together", "a little ahead", "a little behind", "set forward", "set back", "suspended"],
)
def test_a_jump_is_told_with_its_length(
    wall: float, monotonic: float, jump: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    clock, bus, told = TwoClocks(), EventBus(inline=True), []
    bus.on(ClockJumped)(told.append)
    watch = ClockWatch(clock, bus)
    clock.wall, clock.seconds = NOON + timedelta(seconds=wall), monotonic
    with caplog.at_level(logging.CRITICAL):
        watch.check()
        watch.check()
    assert [event.by.total_seconds() for event in told] == ([] if jump is None else [pytest.approx(jump, abs=1e-3)])
