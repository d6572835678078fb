"""The alarm: no ring is lost, whoever rings and whenever. Waits: a signal is heeded meanwhile."""

import itertools
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import CodeType, FrameType
from typing import Any

import pytest

from cronkit.clock import LOOK_AGAIN, Alarm, wait_for

PATIENCE = 10.0
"""Seconds after which a test that waits for another thread gives up; they pass only where it fails."""


@contextmanager
def interrupted(code: CodeType, line: int) -> Iterator[None]:
    """Raise KeyboardInterrupt in this function, where a signal handler might: before its n-th line."""
    lines = itertools.count()

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code is not code:
            return None
        if event == "line" and next(lines) == line:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def test_a_ring_while_nobody_sleeps_is_kept_for_the_next_wait() -> None:
    alarm = Alarm()
    alarm.ring()
    assert alarm.wait(0)


def test_several_rings_are_one() -> None:
    alarm = Alarm()
    alarm.ring()
    alarm.ring()
    assert alarm.wait(0)
    assert not alarm.wait(0)


def test_a_ring_after_a_wait_wakes_the_next_one() -> None:
    alarm = Alarm()
    for _ in range(2):
        alarm.ring()
        assert alarm.wait(0)


def test_a_wait_that_nobody_ends_says_so() -> None:
    assert not Alarm().wait(0)
    assert not Alarm().wait(-1)


def test_it_tells_whether_the_next_wait_will_return_at_once() -> None:
    alarm = Alarm()
    assert not alarm.is_rung
    alarm.ring()
    assert alarm.is_rung
    alarm.wait(0)
    assert not alarm.is_rung


@pytest.mark.parametrize("line", range(4))
def test_a_ring_that_an_interrupt_ends_halfway_does_not_silence_the_next_one(line: int) -> None:
    alarm = Alarm()
    with suppress(KeyboardInterrupt), interrupted(Alarm.ring.__code__, line):
        alarm.ring()
    alarm.ring()

    assert alarm.wait(0)


def test_a_sleeper_is_woken_from_another_thread() -> None:
    alarm, woken = Alarm(), deque[bool]()
    sleeper = threading.Thread(target=lambda: woken.append(alarm.wait(PATIENCE)))
    sleeper.start()
    alarm.ring()
    sleeper.join()
    assert list(woken) == [True]


def test_what_several_threads_did_before_they_rang_is_seen_by_whoever_wakes() -> None:
    alarm, done, seen = Alarm(), deque[int](), 0
    each, threads = 2_000, 3

    def ring() -> None:
        for number in range(each):
            done.append(number)
            alarm.ring()

    ringers = [threading.Thread(target=ring) for _ in range(threads)]
    for ringer in ringers:
        ringer.start()
    while seen < each * threads:
        assert alarm.wait(PATIENCE), f"{len(done)} were done and not told of"
        while done:
            done.popleft()
            seen += 1
    for ringer in ringers:
        ringer.join()


class HandEvent(threading.Event):
    """Is set when it has been looked at so often, however long it was to be waited for."""

    def __init__(self, looks: float) -> None:
        super().__init__()
        self.looks = looks
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Note it."""
        self.waits.append(timeout)
        return len(self.waits) >= self.looks


def test_a_wait_looks_again_and_again_so_that_a_signal_is_noticed() -> None:
    event = HandEvent(3)
    assert wait_for(event)
    assert event.waits == [LOOK_AGAIN] * 3


def test_a_wait_for_an_event_ends_in_time() -> None:
    event = HandEvent(1e9)
    assert not wait_for(event, 0)
    assert not wait_for(event, -1)
    assert event.waits == [0.0, 0.0]
