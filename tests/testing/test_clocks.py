"""Promise P6: what the wall clock does, and what becomes of the schedule then."""

from datetime import timedelta

import pytest

from cronkit import Missed, Scheduler
from cronkit.events import ClockJumped
from cronkit.testing import simulate

START = "2026-03-02T08:00"


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler()


def test_a_step_back_never_fires_again(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="minutely")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.advance("10m")
        sim.step_clock("-5m")
        sim.advance("5m")
        assert len(sim.runs()) == 11
        sim.advance("1m")
        instants = [run.scheduled_at for run in sim.runs()]
        assert len(instants) == len(set(instants)) == 12


def test_a_step_back_leaves_the_next_run_where_it_was(scheduler: Scheduler) -> None:
    scheduler.job("0 9 * * *", id="daily")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.advance("1h")
        sim.step_clock("-30m")
        sim.advance("1h")
        assert len(sim.runs()) == 1
        assert (scheduler.get("daily").next_run_at or sim.now) - sim.now == timedelta(hours=23, minutes=30)


@pytest.mark.parametrize(
    ("missed", "statuses"),
    [
        ("latest", {"coalesced": 59, "succeeded": 2}),
        ("skip", {"missed": 59, "succeeded": 2}),
        ("all", {"succeeded": 61}),
        (Missed.all(limit=10), {"missed": 50, "succeeded": 11}),
    ],
)
def test_a_step_forward_goes_through_the_missed_policy(
    scheduler: Scheduler, missed: Missed | str, statuses: dict[str, int]
) -> None:
    scheduler.job("1m", id="minutely", missed=missed)(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.run_pending()
        sim.step_clock("1h")
        assert scheduler.get("minutely").counters == statuses


def test_nothing_runs_while_the_machine_is_suspended_and_then_the_newest_stands_for_all(scheduler: Scheduler) -> None:
    scheduler.job("1h", id="hourly")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.advance("30m")
        sim.suspend("8h")
        _, coalesced, late = sim.runs()
        assert (coalesced.status, coalesced.count, coalesced.related_id) == ("coalesced", 7, late.id)
        assert late.scheduled_at == sim.now - timedelta(minutes=30)
        assert late.started_at == sim.now


def test_suspended_time_is_none_of_a_runs_own(scheduler: Scheduler) -> None:
    scheduler.job("now", id="work", timeout="15m")(lambda: None)
    with simulate(scheduler, START, durations={"work": "10m"}) as sim:
        sim.advance("5m")
        sim.suspend("8h")
        assert [run.status for run in sim.runs()] == ["running"]
        sim.advance("5m")
        assert [run.status for run in sim.runs()] == ["succeeded"]


def test_a_node_keeps_its_runs_over_a_suspension_that_is_longer_than_its_lease(scheduler: Scheduler) -> None:
    scheduler.job("now", id="work")(lambda: None)
    with simulate(scheduler, START, durations={"work": "10m"}) as sim:
        sim.advance("5m")
        sim.suspend("1d")
        sim.advance("5m")
        assert [(run.status, run.crashes) for run in sim.runs()] == [("succeeded", 0)]


@pytest.mark.parametrize("jump", ["8h", "-2m"])
def test_a_jump_of_the_clock_is_told(scheduler: Scheduler, jump: str) -> None:
    jumps = []
    scheduler.on(ClockJumped)(lambda event: jumps.append(event.by))
    with simulate(scheduler, START) as sim:
        sim.advance("1d")
        sim.step_clock(jump)
        sim.advance("1d")
    assert jumps == [timedelta(hours=8) if jump == "8h" else timedelta(minutes=-2)]


def test_a_timeout_is_measured_on_the_clock_that_nobody_can_set(scheduler: Scheduler) -> None:
    scheduler.job("now", id="work", timeout="10m")(lambda: None)
    with simulate(scheduler, START, durations={"work": "1h"}) as sim:
        sim.advance("5m")
        sim.step_clock("-30m")
        sim.advance("4m59s")
        assert [run.status for run in sim.runs()] == ["running"]
        sim.advance("1s")
        assert [run.status for run in sim.runs()] == ["timed_out"]


def test_a_timeout_is_exact_to_the_microsecond(scheduler: Scheduler) -> None:
    scheduler.job("7m", id="work", timeout="0.3s")(lambda: None)
    with simulate(scheduler, START, durations={"work": "1s"}) as sim:
        sim.advance("1d")
        assert {run.duration for run in sim.runs()} == {timedelta(seconds=0.3)}
