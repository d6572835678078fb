"""What one step of the engine does, and what it does when something fails under it."""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cronkit.engine import changes
from cronkit.errors import StoreUnavailableError
from cronkit.events import EngineFault, RunHeld, StaleWriteRefused
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.outcome import succeeded
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.schedules import At, Every
from cronkit.stores import MemoryStore, SQLiteStore
from cronkit.stores.protocol import Finish

from .bench import Bench
from .factories import NOON, after, new_ids

SUCCEEDED, QUEUED, RUNNING = RunStatus.SUCCEEDED, RunStatus.QUEUED, RunStatus.RUNNING


def statuses(bench: Bench) -> list[RunStatus]:
    return [run.status for run in bench.runs]


# -- the ordinary step ------------------------------------------------------------------------------------------------


def test_what_is_due_is_handed_to_its_executor() -> None:
    bench = Bench()
    bench.add("1h")
    bench.step()
    (attempt,) = bench.executor.running
    assert (attempt.run.scheduled_at, attempt.number, attempt.started_at) == (NOON, 1, NOON)
    assert statuses(bench) == [RUNNING]


def test_what_is_not_due_is_left_alone_until_exactly_then() -> None:
    bench = Bench()
    bench.add(At("2026-03-27T12:00:05Z"))
    assert bench.step() == after(seconds=5)
    assert bench.running == []
    bench.step(seconds=5)
    assert len(bench.running) == 1


def test_an_engine_with_nothing_to_do_wakes_for_its_lease_alone() -> None:
    assert Bench().step() == after(seconds=10)


def test_a_value_that_is_returned_is_kept() -> None:
    bench = Bench()
    bench.add("1h")
    bench.step()
    bench.end(succeeded({"rows": 7}))
    assert (bench.run.status, bench.run.value, bench.run.finished_at) == (SUCCEEDED, {"rows": 7}, NOON)


def test_never_more_is_handed_over_than_there_are_slots() -> None:
    bench = Bench(slots=2)
    for number in range(3):
        bench.add("now", id=f"job-{number}")
    for _ in range(2):
        bench.step()
        assert len(bench.running) == 2
    bench.end()
    assert len(bench.running) == 2
    assert sorted(statuses(bench)) == [RUNNING, RUNNING, SUCCEEDED]


def test_what_a_run_says_just_before_its_end_is_told_before_its_end() -> None:
    bench = Bench()
    bench.add("now")
    bench.step()
    (attempt,) = bench.executor.running
    attempt.on_progress(attempt, 0.9, "nearly")
    bench.end()
    assert (bench.run.progress, bench.run.progress_note) == (0.9, "nearly")
    assert bench.kinds == ["RunStarted", "RunProgressed", "RunSucceeded"]


def test_an_engine_that_claims_no_more_lets_what_runs_come_to_its_end() -> None:
    bench = Bench()
    bench.add("now", id="first")
    bench.step()
    bench.engine.stop_claiming()
    bench.add("now", id="second")
    bench.end()
    assert bench.running == []
    assert statuses(bench) == [SUCCEEDED]


def test_an_end_under_an_old_fence_is_refused_and_told() -> None:
    bench = Bench()
    bench.add("now")
    bench.step()
    attempt = bench.executor.end()
    attempt.fence -= 1
    bench.step()
    assert statuses(bench) == [RUNNING]
    (told,) = [event for event in bench.events if isinstance(event, StaleWriteRefused)]
    assert (told.run_id, told.fence) == (attempt.run.id, attempt.fence)


def test_cancelling_everything_asks_each_executor_with_the_reason() -> None:
    bench = Bench(cancels=True)
    bench.add("now", id="a")
    bench.add("now", id="b")
    bench.step()
    bench.engine.cancel_all("scheduler stopped")
    assert bench.executor.cancelled == bench.executor.running
    assert {attempt.cancel_reason for attempt in bench.executor.running} == {"scheduler stopped"}


def test_an_executor_that_fails_to_cancel_is_told_of_and_keeps_no_other_from_being_cancelled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(cancels=True)
    bench.add("now", id="a")
    bench.add("now", id="b")
    bench.step()
    cancel, first = bench.executor.cancel, bench.executor.running[0]

    def choosy(attempt: Attempt) -> None:
        if attempt is first:
            raise RuntimeError("the loop is closed")
        cancel(attempt)

    monkeypatch.setattr(bench.executor, "cancel", choosy)
    with caplog.at_level(logging.CRITICAL):
        bench.engine.cancel_all("scheduler stopped")
    bench.step()
    assert bench.executor.cancelled == bench.executor.running[1:]
    (told,) = [event for event in bench.events if isinstance(event, EngineFault)]
    assert first.run.id in told.problem


# -- a store that fails -----------------------------------------------------------------------------------------------


class FailingStore(MemoryStore):
    """A store that a test takes away, verb by verb."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[str] = set()

    def _check(self, verb: str) -> None:
        if verb in self.failing:
            raise StoreUnavailableError(f"{verb}: no route")

    def finish(self, finishes: Sequence[Finish]) -> list[Finish | None]:
        """Fail while told to."""
        self._check("finish")
        return super().finish(finishes)

    def vacate(self, run_ids: Sequence[str]) -> None:
        """Fail while told to."""
        self._check("vacate")
        super().vacate(run_ids)

    def renew(self, *args: Any) -> Any:
        """Fail while told to."""
        self._check("renew")
        return super().renew(*args)


def test_outcomes_wait_while_the_store_is_away() -> None:
    store = FailingStore()
    bench = Bench(store=store)
    bench.add("now", id="a")
    bench.add("now", id="b")
    bench.step()
    store.failing = {"finish"}
    for _ in range(2):
        bench.executor.end()
        with pytest.raises(StoreUnavailableError):
            bench.step()
    assert bench.engine.has_reports
    assert statuses(bench) == [RUNNING, RUNNING]
    store.failing = set()
    bench.step()
    assert statuses(bench) == [SUCCEEDED, SUCCEEDED]
    assert not bench.engine.has_reports


def test_an_end_is_told_once_however_often_it_is_written() -> None:
    store = FailingStore()
    bench = Bench(store=store)
    bench.add("now")
    bench.step()
    bench.executor.end()
    store.failing = {"finish"}
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            bench.step()
    store.failing = set()
    bench.step()
    bench.step()
    assert bench.kinds == ["RunStarted", "RunSucceeded"]


def test_the_gate_of_a_thread_that_returned_opens_although_the_store_was_away() -> None:
    store = FailingStore()
    bench = Bench(store=store)
    bench.add("1h", timeout="1m", overlap="queue")
    bench.step()
    bench.step(minutes=1)
    bench.executor.end()
    store.failing = {"vacate"}
    with pytest.raises(StoreUnavailableError):
        bench.step()
    store.failing = set()
    bench.step(minutes=59)
    assert len(bench.running) == 1


def test_a_lease_that_could_not_be_renewed_is_renewed_by_the_next_step() -> None:
    store = FailingStore()
    bench = Bench(store=store)
    store.failing = {"renew"}
    with pytest.raises(StoreUnavailableError):
        bench.step()
    store.failing = set()
    assert bench.step(seconds=1) == after(seconds=11)


# -- schedules and executors that fail --------------------------------------------------------------------------------


class BrokenSchedule(Every):
    """A schedule that cannot be worked out any more once a test says so."""

    is_broken = False

    def next(self, instant: datetime) -> datetime | None:
        """As ``Every``, or not at all."""
        if BrokenSchedule.is_broken:
            raise ZeroDivisionError("broken")
        return super().next(instant)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Bench:
    """An engine with a job whose schedule broke after it was added, and one beside it."""
    bench = Bench()
    schedule = BrokenSchedule("1h").bind(tz="UTC")
    assert isinstance(schedule, BrokenSchedule)
    bench.add(schedule, id="broken")
    bench.add("1h", id="sound")
    monkeypatch.setattr(BrokenSchedule, "is_broken", True)
    caplog.set_level(logging.CRITICAL)
    bench.step()
    return bench


def test_a_schedule_that_raises_keeps_no_other_job_from_running(broken: Bench) -> None:
    assert [attempt.job.id for attempt in broken.executor.running] == ["sound"]


def test_a_schedule_that_raises_is_told_and_does_not_make_the_engine_spin(broken: Bench) -> None:
    (fault,) = [event for event in broken.events if isinstance(event, EngineFault)]
    assert "default/broken@1: ZeroDivisionError('broken')" in fault.problem
    assert broken.step() == after(seconds=10)


def test_a_schedule_that_raised_is_looked_at_again_and_has_lost_nothing(
    broken: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BrokenSchedule, "is_broken", False)
    broken.step(minutes=1)
    run = next(run for run in broken.runs if run.job_id == "broken")
    assert (run.status, run.scheduled_at) == (RUNNING, NOON)


class StandingSchedule(Every):
    """A schedule that, from noon on, takes the time it is asked about for the next one."""

    def next(self, after: datetime | None = None) -> datetime | None:
        """As ``Every``, or the same again."""
        return after if after is not None and after >= NOON else super().next(after)


def test_a_schedule_that_does_not_move_on_does_not_make_the_engine_spin(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    schedule = StandingSchedule("1h").bind(tz="UTC")
    assert isinstance(schedule, StandingSchedule)
    bench.add(schedule)
    with caplog.at_level(logging.CRITICAL):
        wake_at = bench.step()
    assert wake_at == after(seconds=10)  # for the lease alone
    (told,) = [event for event in bench.events if isinstance(event, EngineFault)]
    assert "does not move on" in told.problem


def test_an_executor_that_refuses_an_attempt_fails_it_and_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench()
    submit = bench.executor.submit

    def choosy(attempt: Attempt, report: Any) -> None:
        if attempt.job.id == "bad":
            raise OSError("not this one")
        submit(attempt, report)

    monkeypatch.setattr(bench.executor, "submit", choosy)
    bench.add("now", id="bad")
    bench.add("now", id="good")
    with caplog.at_level(logging.CRITICAL):
        bench.step()
    bench.end()
    ends = {run.job_id: (run.status, run.error and run.error.message) for run in bench.runs}
    assert ends == {"bad": (RunStatus.FAILED, "not this one"), "good": (SUCCEEDED, None)}


def test_of_what_a_run_says_between_two_steps_the_last_is_kept_and_told() -> None:
    bench = Bench()
    bench.add("now")
    bench.step()
    (attempt,) = bench.executor.running
    for percent in range(100):
        bench.engine.progress(attempt, percent / 100, f"{percent} %")
    bench.step()
    assert (bench.run.progress, bench.run.progress_note) == (0.99, "99 %")
    assert bench.kinds.count("RunProgressed") == 1


def test_progress_waits_while_the_store_is_away() -> None:
    class Leaving(MemoryStore):
        is_away = True

        def report(self, *args: Any) -> bool:
            if self.is_away:
                raise StoreUnavailableError("no route")
            return super().report(*args)

    store = Leaving()
    bench = Bench(store=store)
    bench.add("now")
    bench.step()
    (attempt,) = bench.executor.running
    bench.engine.progress(attempt, 0.5, "half")
    with pytest.raises(StoreUnavailableError):
        bench.step()
    store.is_away = False
    bench.step()
    assert bench.run.progress == 0.5


# -- rows that cannot be read -----------------------------------------------------------------------------------------


def test_a_waiting_run_that_cannot_be_read_is_told_of_once_as_held(tmp_path: Path) -> None:
    with closing(SQLiteStore(tmp_path / "jobs.db")) as store:
        bench = Bench(slots=1, store=store)
        bench.add("1h", id="first")
        bench.add("1h", id="second")
        bench.step()
        bench.step()  # no slot has come free, so the second is queued
        waiting = next(run for run in bench.runs if run.status is QUEUED)
        with closing(sqlite3.connect(store.path)) as file, file:
            file.execute("UPDATE runs SET kwargs = 'nonsense' WHERE id = ?", (waiting.id,))
        bench.end()
        bench.step()

        (told,) = [event for event in bench.events if isinstance(event, RunHeld)]
        assert (told.run_id, told.job_id, told.at) == (waiting.id, waiting.job_id, NOON)
        assert "it cannot be started" in (told.reason or "")
        assert statuses(bench).count(RunStatus.HELD) == 1


def test_what_is_left_can_be_told_while_executors_go_on_reporting() -> None:
    bench = Bench()
    bench.add("now")
    bench.step()
    (attempt,) = bench.executor.running

    class Seen:
        """An attempt beside which another is reported as soon as somebody looks at it."""

        @property
        def run(self) -> RunRow:
            bench.engine.report(attempt, succeeded(None))
            return attempt.run

    bench.engine.report(Seen(), succeeded(None))  # type: ignore[arg-type]
    assert bench.engine.left == {attempt.run.id}


def test_the_end_of_a_pause_is_told_only_if_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.add("1h")
    row = bench.store.load("default", "job")
    assert row is not None
    changes.pause(row, NOON, None, after(minutes=30), None, new_ids())
    assert bench.store.save(row)
    claim = bench.store.claim

    def pause_again_first(*args: Any) -> Any:
        monkeypatch.undo()
        again = bench.store.load("default", "job")
        assert again is not None
        changes.pause(again, bench.clock.now(), None, after(hours=9), None, new_ids())
        assert bench.store.save(again)
        return claim(*args)

    monkeypatch.setattr(bench.store, "claim", pause_again_first)
    bench.step(minutes=30)
    assert "JobResumed" not in bench.kinds
    bench.step(hours=9)
    assert bench.kinds.count("JobResumed") == 1
