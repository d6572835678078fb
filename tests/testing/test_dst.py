"""Days on which clocks change, and whole years of them."""

from collections.abc import Iterable
from datetime import timedelta
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from cronkit import Run, Scheduler
from cronkit.testing import simulate

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(tz=PARIS)


def starts(runs: Iterable[Run]) -> list[str]:
    """The local times at which runs started."""
    return [run.started_at.astimezone(PARIS).isoformat() for run in runs if run.started_at]


def test_a_fixed_time_in_the_gap_runs_once_at_the_change(scheduler: Scheduler) -> None:
    scheduler.job("30 2 * * *", id="nightly")(lambda: None)
    with simulate(scheduler, "2026-03-28T00:00") as sim:
        sim.advance("3d")
        assert starts(sim.runs()) == [
            "2026-03-28T02:30:00+01:00",
            "2026-03-29T03:00:00+02:00",
            "2026-03-30T02:30:00+02:00",
        ]


def test_a_fixed_time_in_the_fold_runs_once_the_first_time(scheduler: Scheduler) -> None:
    scheduler.job("30 2 * * *", id="nightly")(lambda: None)
    with simulate(scheduler, "2026-10-25T00:00") as sim:
        sim.advance("1d")
        assert starts(sim.runs()) == ["2026-10-25T02:30:00+02:00"]


def test_an_hourly_job_runs_every_hour_that_there_is(scheduler: Scheduler) -> None:
    scheduler.job("0 * * * *", id="hourly")(lambda: None)
    with simulate(scheduler, "2026-03-29T00:00") as sim:
        sim.advance(until="2026-03-29T23:59")
        assert len(sim.runs()) == 23
    with simulate(scheduler, "2026-10-25T00:00") as sim:
        sim.advance(until="2026-10-25T23:59")
        assert len(sim.runs()) == 25


def test_a_suspension_over_the_change_runs_the_night_job_late_and_once(scheduler: Scheduler) -> None:
    scheduler.job("30 2 * * *", id="nightly")(lambda: None)
    with simulate(scheduler, "2026-10-25T01:00") as sim:
        sim.suspend("8h")
        assert starts(sim.runs()) == ["2026-10-25T08:00:00+01:00"]


def test_a_year_of_a_daily_job_takes_milliseconds(scheduler: Scheduler) -> None:
    scheduler.job("30 2 * * *", id="nightly")(lambda: None)
    with simulate(scheduler, "2026-01-01T00:00") as sim:
        began = process_time()
        sim.advance(until="2027-01-01T00:00")
        spent = process_time() - began
        local = {run.scheduled_at.astimezone(PARIS) for run in sim.runs(status="succeeded")}
    assert len(local) == 365
    assert {each.timetz().replace(tzinfo=None).isoformat() for each in local} == {"02:30:00", "03:00:00"}
    assert timedelta(seconds=spent) < timedelta(seconds=1)
