"""SIGKILL of random nodes, at random moments, with work shorter and longer than a lease."""

from collections.abc import Callable

import pytest

from tests.faults.audit import summary, takeovers
from tests.faults.herd import Herd
from tests.faults.node import LEASE, RENEW_EVERY
from tests.faults.scenarios import LONGER_THAN_A_LEASE, begin, close_books, kill_at_random

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]
Measured = Callable[[str], None]
SLACK = 10.0
"""Seconds: what a busy machine may add to a promised time."""


def test_a_hundred_kills_lose_nothing_and_repeat_nothing(herd: Herd, measured: Measured) -> None:
    begin(herd, 3, longest=LONGER_THAN_A_LEASE)
    kill_at_random(herd, 100)
    books = close_books(herd)
    measured(summary(books))
    times = takeovers(books)
    assert times
    assert max(times) < LEASE + RENEW_EVERY + SLACK
