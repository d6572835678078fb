"""Planning a moment ahead: it changes when the work is done, and nothing else."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronkit.engine import changes, foresight
from cronkit.errors import StoreUnavailableError
from cronkit.jobs.run import Run
from cronkit.jobs.status import RunStatus
from cronkit.stores import MemoryStore

from .bench import Bench
from .factories import NOON, after, new_ids

RUNNING, COALESCED, MISSED = RunStatus.RUNNING, RunStatus.COALESCED, RunStatus.MISSED


def statuses(bench: Bench) -> list[RunStatus]:
    return [run.status for run in bench.runs]


def foreseen(schedule: str = "1h", **policies: Any) -> Bench:
    """An engine that has a job at noon, has planned it a second before, and waits."""
    bench = Bench()
    bench.clock.advance(seconds=-1)
    bench.add(schedule, **policies)
    bench.step()
    bench.engine.foresee(NOON)
    return bench


def test_what_was_planned_ahead_starts_when_it_is_due() -> None:
    bench = foreseen()
    assert bench.step(seconds=1) == after(seconds=9)
    assert (bench.run.status, bench.run.started_at, bench.run.created_at) == (RUNNING, NOON, NOON)


def test_what_was_planned_ahead_does_not_start_early() -> None:
    bench = foreseen()
    assert bench.step(seconds=0.999) == NOON
    assert bench.runs == []
    bench.step(seconds=0.001)
    assert statuses(bench) == [RUNNING]


def test_a_plan_is_carried_out_without_asking_again_what_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = foreseen()
    monkeypatch.setattr(bench.store, "due_jobs", lambda *args: pytest.fail("asked again"))
    bench.step(seconds=1)
    assert statuses(bench) == [RUNNING]


def test_a_plan_is_carried_out_once() -> None:
    bench = foreseen()
    bench.step(seconds=1)
    bench.end()
    assert statuses(bench) == [RunStatus.SUCCEEDED]


def test_a_job_that_was_paused_since_does_not_start() -> None:
    bench = foreseen()
    row = bench.store.load("default", "job")
    assert row is not None
    changes.pause(row, bench.clock.now(), None, None, None, new_ids())
    assert bench.store.save(row)
    bench.step(seconds=1)
    assert bench.runs == []


def test_a_job_that_was_removed_since_does_not_start() -> None:
    bench = foreseen()
    row = bench.store.load("default", "job")
    assert row is not None
    assert bench.store.remove(row, (), bench.clock.now())
    bench.step(seconds=1)
    assert bench.runs == []


def test_a_job_that_was_added_since_starts_too() -> None:
    bench = foreseen()
    bench.add("1h", id="other")
    assert bench.step(seconds=1) == NOON  # at once, for the other
    bench.step()
    assert sorted(run.job_id for run in bench.runs) == ["job", "other"]


def test_what_came_due_since_is_planned_with_the_rest() -> None:
    bench = foreseen()
    bench.step(hours=2)
    assert statuses(bench) == [COALESCED, RUNNING]


def test_a_policy_that_asks_how_late_it_is_gets_its_answer_at_the_start() -> None:
    bench = foreseen("1h", missed="skip")
    bench.step(minutes=1)
    assert statuses(bench) == [MISSED]


def test_no_more_is_planned_ahead_than_is_soon_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foresight, "MOST", 2)
    bench = Bench()
    bench.clock.advance(seconds=-1)
    for number in range(3):
        bench.add("1h", id=f"job-{number}")
    bench.engine.foresee(NOON)
    assert bench.step(seconds=1) == NOON  # at once, for the third
    assert len(bench.running) == 2
    bench.step()
    assert len(bench.running) == 3


def test_an_engine_that_claims_no_more_plans_nothing_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.engine.stop_claiming()
    monkeypatch.setattr(bench.store, "due_jobs", lambda *args: pytest.fail("asked"))
    bench.engine.foresee(NOON)


def test_a_store_that_is_away_is_met_by_the_step_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = foreseen()

    def away(*args: Any) -> None:
        raise StoreUnavailableError("no route")

    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "due_jobs", away)
        bench.engine.foresee(NOON)
    bench.step(seconds=1)
    assert statuses(bench) == [RUNNING]


# -- the law ----------------------------------------------------------------------------------------------------------

JOBS = st.lists(
    st.fixed_dictionaries(
        {"schedule": st.sampled_from(["1s", "2s", "3s", "*/5 * * * * *", "PT0.5S", "At"])},
        optional={
            "overlap": st.sampled_from(["skip", "queue", "allow"]),
            "missed": st.sampled_from(["latest", "skip", "all"]),
            "jitter": st.just("1s"),
            "max_runs": st.integers(1, 3),
        },
    ),
    min_size=1,
    max_size=5,
)
LATENESS = st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.7, 4.0]), min_size=1, max_size=12)


def history(jobs: list[dict[str, Any]], lateness: list[float], slots: int, *, ahead: bool) -> list[tuple[object, ...]]:
    """What becomes of these jobs when each step comes so much too late, and half of the runs end between the steps."""
    bench = Bench(slots=slots, store=MemoryStore())
    for number, job in enumerate(jobs):
        schedule = after(seconds=number).isoformat() if job["schedule"] == "At" else job["schedule"]
        bench.add(schedule, id=f"job-{number}", **{key: value for key, value in job.items() if key != "schedule"})
    wake_at: datetime | None = bench.step()
    for turn, late in enumerate(lateness):
        assert wake_at is not None
        if ahead:
            bench.engine.foresee(wake_at)
        bench.clock.advance(seconds=max((wake_at - bench.clock.now()) / timedelta(seconds=1), 0) + late)
        wake_at = _settled(bench)
        if bench.running and turn % 2:
            bench.executor.end()
            wake_at = _settled(bench)
    return [_without_ids(run) for run in bench.runs]


def _settled(bench: Bench) -> datetime | None:
    """Step until there is nothing left to do now: what came due beside what was planned ahead takes a step more."""
    wake_at = bench.step()
    while wake_at is not None and wake_at <= bench.clock.now():
        wake_at = bench.step()
    return wake_at


def _without_ids(run: Run) -> tuple[object, ...]:
    moments = run.scheduled_at, run.scheduled_until, run.due_at, run.created_at, run.started_at, run.finished_at
    return run.job_id, run.status, run.reason, run.count, *moments


@given(JOBS, LATENESS, st.integers(1, 4))
def test_planning_ahead_changes_no_run(jobs: list[dict[str, Any]], lateness: list[float], slots: int) -> None:
    assert history(jobs, lateness, slots, ahead=True) == history(jobs, lateness, slots, ahead=False)
