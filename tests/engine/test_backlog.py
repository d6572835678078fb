"""What is due beyond the free slots: it waits for a slot that comes free at once, and is queued where none does."""

import pytest

from cronkit.engine import engine
from cronkit.engine.backlog import PATIENCE
from cronkit.errors import StoreUnavailableError
from cronkit.jobs.status import RunStatus

from .bench import Bench
from .factories import NOON, after

RUNNING, QUEUED, SUCCEEDED = RunStatus.RUNNING, RunStatus.QUEUED, RunStatus.SUCCEEDED


def crowded(jobs: int = 5, slots: int = 2) -> Bench:
    """An engine with more jobs due at noon than slots, which has made its first step then."""
    bench = Bench(slots=slots)
    for number in range(jobs):
        bench.add("1h", id=f"job-{number}")
    bench.step()
    return bench


def statuses(bench: Bench) -> list[RunStatus]:
    return [run.status for run in bench.runs]


def end_all(bench: Bench) -> None:
    """End all that runs, and step."""
    for _ in bench.running:
        bench.executor.end()
    bench.step()


def test_runs_are_born_as_slots_come_free() -> None:
    bench = crowded()
    assert statuses(bench) == [RUNNING] * 2
    end_all(bench)
    assert statuses(bench) == [SUCCEEDED] * 2 + [RUNNING] * 2
    end_all(bench)
    assert statuses(bench) == [SUCCEEDED] * 4 + [RUNNING]


def test_those_due_longest_go_first() -> None:
    bench = Bench(slots=1)
    for seconds in (3, 1, 2):
        bench.add(f"2026-03-27T12:00:0{seconds}Z", id=f"{seconds}")
    bench.step(seconds=3)
    end_all(bench)
    end_all(bench)
    assert [run.job_id for run in bench.runs] == ["1", "2", "3"]


def test_as_soon_as_no_slot_is_free_the_rest_is_queued() -> None:
    bench = crowded()
    bench.step()
    assert statuses(bench) == [RUNNING] * 2 + [QUEUED] * 3


def test_an_engine_that_claims_no_more_does_not_spin_over_what_waits() -> None:
    bench = crowded()
    bench.engine.stop_claiming()
    wake_at = bench.step()
    assert wake_at is not None
    assert wake_at > bench.clock.now()


def test_an_engine_that_is_full_waits_for_a_slot_only_while_something_wants_it() -> None:
    assert crowded(jobs=3, slots=2).engine.awaits_slots
    assert not crowded(jobs=2, slots=2).engine.awaits_slots


def test_what_has_waited_for_too_long_is_planned_anew_and_queued() -> None:
    bench = crowded()
    bench.executor.end()
    bench.step(seconds=2 * PATIENCE)
    assert statuses(bench) == [SUCCEEDED, RUNNING, RUNNING, QUEUED, QUEUED]
    assert {run.created_at for run in bench.runs} == {NOON, after(seconds=2 * PATIENCE)}


def test_where_no_slot_came_free_in_a_moment_what_comes_is_queued_until_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "BATCH", 2)
    bench = crowded(jobs=8)
    bench.step()
    assert statuses(bench) == [RUNNING] * 2
    assert bench.engine.awaits_slots
    bench.step()
    assert statuses(bench) == [RUNNING] * 2 + [QUEUED] * 2
    bench.step()
    assert statuses(bench) == [RUNNING] * 2 + [QUEUED] * 4
    end_all(bench)
    assert statuses(bench) == [SUCCEEDED] * 2 + [RUNNING] * 2 + [QUEUED] * 4


def test_where_slots_came_too_slowly_all_is_queued_until_nothing_more_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BATCH", 3)
    bench = crowded(jobs=10)
    bench.executor.end()
    bench.step(seconds=2 * PATIENCE)
    assert statuses(bench) == [SUCCEEDED] + [RUNNING] * 2 + [QUEUED] * 2
    end_all(bench)
    assert statuses(bench) == [SUCCEEDED] * 3 + [RUNNING] * 2 + [QUEUED] * 3
    while bench.running:
        end_all(bench)
    bench.step(hours=1)
    assert statuses(bench) == [SUCCEEDED] * 10 + [RUNNING] * 2  # these are others, and may be quick again


def test_a_job_that_has_changed_while_it_waited_is_planned_anew() -> None:
    bench = crowded()
    job = bench.store.load("default", "job-4")
    assert job is not None
    bench.store.remove(job)
    end_all(bench)
    end_all(bench)
    assert [run.job_id for run in bench.runs] == [f"job-{number}" for number in range(4)]


def test_after_a_reply_was_lost_all_is_planned_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = crowded()
    claim = bench.store.claim

    def lose(*args: object) -> None:
        claim(*args)  # type: ignore[arg-type]
        raise StoreUnavailableError("no reply")

    monkeypatch.setattr(bench.store, "claim", lose)
    bench.executor.end()
    with pytest.raises(StoreUnavailableError):
        bench.step()
    monkeypatch.setattr(bench.store, "claim", claim)
    bench.step(seconds=PATIENCE / 2)
    bench.step()
    assert statuses(bench) == [SUCCEEDED, RUNNING, RUNNING, QUEUED, QUEUED]
    assert bench.runs[-1].created_at == after(seconds=PATIENCE / 2)


def test_a_slot_that_comes_free_in_a_moment_is_waited_for_until_none_did() -> None:
    bench = crowded(jobs=3)
    assert bench.engine.awaits_slots
    bench.step()
    assert not bench.engine.awaits_slots
    end_all(bench)
    bench.step()  # nothing is due: what comes next may be quick again
    bench.step(hours=1)
    assert bench.engine.awaits_slots


def test_no_slot_is_waited_for_where_there_is_one() -> None:
    assert not crowded(jobs=1).engine.awaits_slots
