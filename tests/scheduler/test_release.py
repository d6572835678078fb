"""Runs that wait for a person after their node was lost."""

from collections.abc import Iterator

import pytest

from cronkit import RunNotFoundError, RunStatus, Scheduler
from cronkit.testing import Simulation, simulate


@pytest.fixture
def scheduler() -> Scheduler:
    scheduler = Scheduler()
    scheduler.job("1h", id="book", on_crash="hold")(lambda: None)
    return scheduler


@pytest.fixture
def held(scheduler: Scheduler) -> Iterator[tuple[Simulation, str]]:
    """A simulation with one held run."""
    with simulate(scheduler, start="2027-01-01T00:30Z", durations={"book": "10m"}) as sim:
        sim.advance("35m")
        sim.crash()
        sim.advance("2m")
        (run,) = sim.runs("book", status="held")
        yield sim, run.id


def test_a_held_run_starts_again_when_it_is_released(scheduler: Scheduler, held: tuple[Simulation, str]) -> None:
    sim, run_id = held
    assert scheduler.release(run_id) is RunStatus.QUEUED
    sim.advance("15m")
    assert scheduler.ledger.run(run_id).status is RunStatus.SUCCEEDED


def test_a_held_run_waits_until_it_is_released(scheduler: Scheduler, held: tuple[Simulation, str]) -> None:
    sim, run_id = held
    sim.advance("30d")
    assert scheduler.ledger.run(run_id).status is RunStatus.HELD


def test_nothing_happens_to_a_run_that_is_not_held(scheduler: Scheduler, held: tuple[Simulation, str]) -> None:
    _, run_id = held
    scheduler.cancel(run_id)
    assert scheduler.release(run_id) is RunStatus.CANCELLED


def test_a_run_that_there_is_not_cannot_be_released() -> None:
    with pytest.raises(RunNotFoundError, match="no run 'nobody'"):
        Scheduler().release("nobody")
