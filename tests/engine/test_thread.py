"""The loop round the engine: when it steps again, and what it does when a step fails or it is asked to stop."""

import logging
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from cronkit.engine import thread
from cronkit.engine.thread import AHEAD, CANCEL_GRACE, FORESEEN, HANGS, LATE, LET_START, LONGEST_SLEEP, EngineThread
from cronkit.errors import LifecycleError, StoreVersionError
from cronkit.events import (
    EngineFault,
    Event,
    EventBus,
    SchedulerStarted,
    SchedulerStopped,
    SchedulerStopping,
    StoreDegraded,
    StoreRecovered,
)
from tests.scheduler.faces import NOON, HandClock


class HandAlarm:
    """Sleeps by moving the clock, and notes for how long."""

    def __init__(self, clock: HandClock) -> None:
        self.waits: list[float] = []
        self.rings = self.rings_due = 0
        self._clock = clock

    def wait(self, seconds: float) -> bool:
        """Let that time pass, or none if a ring is due; say which."""
        self.waits.append(round(seconds, 6))
        if self.rings_due:
            self.rings_due -= 1
            return True
        self._clock.advance(seconds=seconds)
        return False

    def ring(self) -> None:
        """Note it: whoever sleeps here wakes by the clock alone."""
        self.rings += 1


class ScriptedEngine:
    """Does at each step what a script says: answers with a wake-up, raises, or lets a test act; then nothing more."""

    def __init__(self, clock: HandClock, script: list[Any]) -> None:
        self.alarm = HandAlarm(clock)
        self.in_flight: dict[str, Any] = {}
        self.stuck: dict[str, Any] = {}
        self.wake_at: datetime | None = None
        self.look_at: datetime | None = None
        self.rings_at_once = self.is_full = self.awaits_slots = self.has_reports = self.has_started = False
        self.unwritten: set[str] = set()
        self.foreseen: list[datetime] = []
        self.told_after: list[int] = []
        self.is_claiming = True
        self.cancelled_for: list[str] = []
        self.script = script

    @property
    def left(self) -> set[str]:
        """What runs, and what is not written."""
        return self.in_flight.keys() | self.stuck.keys() | self.unwritten

    def announce(self) -> None:
        """Note after how many waits."""
        self.told_after.append(len(self.alarm.waits))

    def foresee(self, at: datetime) -> None:
        """Note it."""
        self.foreseen.append(at)

    def work(self, now: datetime) -> datetime | None:
        """The next line of the script."""
        line = self.script.pop(0) if self.script else None
        if isinstance(line, Exception):
            raise line
        return line() if callable(line) else line

    def stop_claiming(self) -> None:
        """Note it."""
        self.is_claiming = False

    def cancel_all(self, reason: str) -> None:
        """Note it; what runs does not heed it."""
        self.cancelled_for.append(reason)


class Loop:
    """An engine thread over a script; its last line is followed by a request to stop."""

    def __init__(self, *script: Any, drain: float = 0, in_flight: int = 0) -> None:
        self.clock = HandClock()
        self.engine = ScriptedEngine(self.clock, [*script, self._stop])
        self.engine.in_flight = {str(number): object() for number in range(in_flight)}
        self.events: list[Event] = []
        self._drain = timedelta(seconds=drain)
        bus = EventBus(inline=True)
        bus.on(Event)(self.events.append)
        self.thread = EngineThread(self.engine, bus, self.clock)  # type: ignore[arg-type]

    def run(self) -> int:
        """Run the loop to its end; return how many runs were left."""
        self.thread.start()
        return self.thread.wait_until_stopped()

    def _stop(self) -> None:
        self.thread.ask_to_stop(self._drain)


def test_it_sleeps_until_the_wake_up_that_the_step_gave() -> None:
    loop = Loop(NOON + timedelta(seconds=2.5), NOON + timedelta(seconds=3))
    loop.run()
    assert loop.engine.alarm.waits == pytest.approx([2.5 - AHEAD, AHEAD - LATE, 0.5 + LATE - AHEAD, AHEAD - LATE])


def test_it_prepares_for_what_is_due_a_moment_before() -> None:
    loop = Loop(NOON + timedelta(seconds=2.5))
    loop.run()
    assert loop.engine.foreseen == [NOON + timedelta(seconds=2.5)]


def test_it_prepares_for_nothing_that_comes_too_soon_for_another_wake_up() -> None:
    loop = Loop(NOON + timedelta(seconds=FORESEEN))
    loop.run()
    assert (loop.engine.foreseen, loop.engine.alarm.waits) == ([], [FORESEEN])


def test_it_prepares_for_nothing_when_it_only_wakes_to_renew_its_lease() -> None:
    loop = Loop(NOON + timedelta(seconds=2))
    loop.engine.look_at = NOON + timedelta(seconds=2)
    loop.run()
    assert (loop.engine.foreseen, loop.engine.alarm.waits) == ([], [2.0])


def test_a_ring_ends_the_sleep_before_there_is_anything_to_prepare() -> None:
    loop = Loop(NOON + timedelta(seconds=2))
    loop.engine.alarm.rings_due = 1
    loop.run()
    assert (loop.engine.foreseen, loop.engine.alarm.waits) == ([], [2.0 - AHEAD])


def test_what_a_step_did_is_told_before_it_sleeps() -> None:
    loop = Loop(NOON + timedelta(seconds=FORESEEN))
    loop.run()
    assert loop.engine.told_after[0] == 0


def test_what_a_step_started_may_begin_before_it_is_told() -> None:
    loop = Loop(NOON + timedelta(seconds=FORESEEN))
    loop.engine.has_started = True
    loop.run()
    assert loop.engine.alarm.waits == [LET_START, FORESEEN - LET_START]
    assert loop.engine.told_after[0] == 1


def test_what_a_step_started_is_told_at_once_when_that_ends_first() -> None:
    loop = Loop(NOON + timedelta(seconds=2))
    loop.engine.has_started, loop.engine.alarm.rings_due = True, 1
    loop.run()
    assert loop.engine.alarm.waits == [LET_START]
    assert loop.engine.told_after[0] == 1


def test_what_a_step_did_before_it_failed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop(ValueError("broken"))
    with caplog.at_level(logging.CRITICAL):
        loop.run()
    assert loop.engine.told_after[0] == 0


def test_it_sleeps_no_longer_than_it_takes_to_notice_a_jump_of_the_clock() -> None:
    loop = Loop(None, NOON + timedelta(days=1))
    loop.run()
    assert loop.engine.alarm.waits == [LONGEST_SLEEP, LONGEST_SLEEP]


def test_a_wake_up_that_has_passed_is_no_sleep() -> None:
    loop = Loop(NOON, NOON - timedelta(seconds=1))
    loop.run()
    assert loop.engine.alarm.waits == []


def test_what_is_due_and_waits_for_a_slot_gets_a_moment_for_one_to_come_free() -> None:
    loop = Loop(NOON, lambda: setattr(loop.engine, "awaits_slots", False))
    loop.engine.awaits_slots = True
    loop.engine.alarm.rings_due = 1  # by something else
    loop.run()
    assert loop.engine.alarm.waits[:2] == [LET_START, LET_START]


def test_a_slot_that_came_free_meanwhile_is_not_waited_for() -> None:
    loop = Loop(NOON)
    loop.engine.awaits_slots = loop.engine.has_reports = True
    loop.engine.script.insert(1, lambda: setattr(loop.engine, "has_reports", False))
    loop.engine.script.insert(1, NOON)
    loop.run()
    assert loop.engine.alarm.waits[:1] == [LONGEST_SLEEP]


def test_it_does_not_sleep_over_reports() -> None:
    loop = Loop(NOON + timedelta(seconds=2))
    loop.engine.has_reports = True
    loop.engine.script.insert(1, lambda: setattr(loop.engine, "has_reports", False))
    loop.run()
    assert loop.engine.alarm.waits == [LONGEST_SLEEP]


def test_a_step_that_fails_is_told_and_followed_by_others_ever_later(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop(*(ValueError("broken") for _ in range(10)))
    with caplog.at_level(logging.CRITICAL):
        loop.run()
    assert loop.engine.alarm.waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 5.0]
    faults = [event.problem for event in loop.events if isinstance(event, EngineFault)]
    assert faults == ["ValueError('broken')"] * 10


@pytest.mark.parametrize("error", [OSError("no route"), StoreVersionError("newer software has closed it")])
def test_a_store_that_is_away_is_told_of_once_and_so_is_its_return(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    loop = Loop(error, error, NOON, NOON)
    with caplog.at_level(logging.CRITICAL):
        loop.run()
    told = [event for event in loop.events if isinstance(event, StoreDegraded | StoreRecovered | EngineFault)]
    assert [type(event) for event in told] == [StoreDegraded, StoreRecovered]


def test_a_step_that_succeeds_ends_the_backing_off(caplog: pytest.LogCaptureFixture) -> None:
    loop = Loop(OSError(), OSError(), NOON, OSError())
    with caplog.at_level(logging.CRITICAL):
        loop.run()
    assert loop.engine.alarm.waits == [0.1, 0.2, 0.1]


def test_an_engine_with_nothing_in_flight_stops_at_once() -> None:
    loop = Loop(drain=3600)
    assert loop.run() == 0
    assert loop.engine.alarm.waits == []
    assert not loop.engine.is_claiming


def test_a_drain_ends_as_soon_as_the_last_run_has() -> None:
    loop = Loop(drain=3600, in_flight=1)
    loop.engine.script.append(loop.engine.in_flight.clear)
    assert loop.run() == 0
    assert loop.engine.alarm.waits == [LONGEST_SLEEP]
    assert loop.engine.cancelled_for == []


def test_what_outlasts_the_drain_is_cancelled_and_given_a_moment_more() -> None:
    loop = Loop(drain=3, in_flight=2)
    assert loop.run() == 2
    assert loop.engine.alarm.waits == [3.0, CANCEL_GRACE]
    assert loop.engine.cancelled_for == ["scheduler stopped"]


def test_threads_that_timed_out_and_did_not_return_are_left_too() -> None:
    loop = Loop()
    loop.engine.stuck = {"a": object()}
    assert loop.run() == 1


def test_a_second_request_to_stop_never_lengthens_the_drain() -> None:
    loop = Loop(drain=3, in_flight=1)
    loop.engine.script.append(lambda: loop.thread.ask_to_stop(timedelta(hours=1)))
    loop.run()
    assert sum(loop.engine.alarm.waits) == 3.0 + CANCEL_GRACE


def test_a_second_request_to_stop_may_shorten_the_drain() -> None:
    loop = Loop(drain=3600, in_flight=1)
    loop.engine.script.append(lambda: loop.thread.ask_to_stop(timedelta()))
    loop.run()
    assert loop.engine.alarm.waits == [LONGEST_SLEEP, CANCEL_GRACE]


def test_outcomes_that_the_store_does_not_take_before_the_stop_are_told_and_count_as_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = Loop(NOON)
    loop.engine.script += [OSError("no route")] * 100
    loop.engine.has_reports, loop.engine.unwritten = True, {"run-1"}
    with caplog.at_level(logging.CRITICAL):
        assert loop.run() == 1
    (fault,) = [event for event in loop.events if isinstance(event, EngineFault)]
    assert "run-1" in fault.problem
    assert len(loop.engine.script) > 90


# -- its life ---------------------------------------------------------------------------------------------------------


def test_its_start_and_stop_are_told_in_order() -> None:
    loop = Loop(NOON)
    loop.run()
    assert [type(event) for event in loop.events] == [SchedulerStarted, SchedulerStopping, SchedulerStopped]


def test_what_is_asked_to_stop_before_it_begins_never_does() -> None:
    loop = Loop(NOON)
    loop.thread.ask_to_stop(timedelta(hours=1))
    assert loop.thread.wait_until_stopped() == 0
    with pytest.raises(LifecycleError, match="was stopped while it started"):
        loop.thread.start()
    assert (loop.thread.is_over, loop.events) == (True, [])


def test_an_engine_that_hangs_is_left_behind_when_nothing_that_does_not_can_take_so_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        assert goes_on.wait(10)

    monkeypatch.setattr(thread, "LOOK_AGAIN", 0.001)
    loop = Loop(hang, in_flight=2)
    loop.thread.start()
    assert hangs.wait(10)
    loop.thread.ask_to_stop(timedelta(hours=1))
    loop.clock.advance(hours=1, seconds=HANGS + 1)
    assert loop.thread.wait_until_stopped() == 2
    assert [record.getMessage() for record in caplog.records] == [
        "the engine hangs, in its store or an executor: it is left behind, with 2 runs"
    ]
    assert not loop.thread.is_over
    goes_on.set()
    loop.thread._thread.join(10)
    assert loop.thread.is_over


def test_what_fails_beside_the_step_is_told_and_followed_by_others_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = Loop(NOON, NOON + timedelta(seconds=FORESEEN))
    monkeypatch.setattr(loop.engine, "foresee", lambda at: None)
    failures = [MemoryError()]
    sleep = loop.engine.alarm.wait

    def wait(seconds: float) -> bool:
        if failures:
            raise failures.pop()
        return sleep(seconds)

    monkeypatch.setattr(loop.engine.alarm, "wait", wait)
    with caplog.at_level(logging.CRITICAL):
        loop.run()
    assert [event.problem for event in loop.events if isinstance(event, EngineFault)] == ["MemoryError()"]
    assert loop.thread.problem is None


def test_an_engine_that_ends_says_why(caplog: pytest.LogCaptureFixture) -> None:
    def end() -> None:
        loop.thread.ask_to_stop(timedelta())
        raise SystemExit("a schedule says so")

    loop = Loop(end)
    loop.run()
    assert loop.thread.is_over
    assert loop.thread.problem == "the engine has ended: SystemExit('a schedule says so')"
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
