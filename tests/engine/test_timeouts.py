"""What happens to an attempt that runs past its timeout: where it can be cancelled, and where it cannot."""

import gc
from datetime import timedelta

import pytest

from cronkit.engine.deadlines import FEW
from cronkit.jobs.attempt import Attempt, RunContext
from cronkit.jobs.outcome import RetryLater, cancelled, succeeded
from cronkit.jobs.policies import Retry
from cronkit.jobs.status import RunStatus

from .bench import STACK, Bench
from .factories import NOON, after

RUNNING, RETRYING, TIMED_OUT = RunStatus.RUNNING, RunStatus.RETRYING, RunStatus.TIMED_OUT

CAN_CANCEL = pytest.mark.parametrize("cancels", [True, False], ids=["cancellable", "not cancellable"])


def stuck_bench(*, cancels: bool, **policies: object) -> Bench:
    """An engine whose only run, of an hourly job, has just run past its timeout of a minute."""
    bench = Bench(cancels=cancels)
    bench.add("1h", timeout="1m", **policies)
    bench.step()
    bench.step(minutes=1)
    return bench


@CAN_CANCEL
def test_the_engine_wakes_exactly_when_a_timeout_ends(cancels: bool) -> None:
    bench = Bench(cancels=cancels)
    bench.add("1h", timeout="3s")
    assert bench.step() == after(seconds=3)


@CAN_CANCEL
def test_a_timeout_beyond_the_end_of_the_calendar_harms_nothing(cancels: bool) -> None:
    bench = Bench(cancels=cancels)
    bench.add("1h", timeout=timedelta.max)
    bench.step()
    bench.end()
    assert bench.run.status is RunStatus.SUCCEEDED


@CAN_CANCEL
def test_an_attempt_that_ends_in_time_is_left_alone(cancels: bool) -> None:
    bench = Bench(cancels=cancels)
    bench.add("1h", timeout="1m")
    bench.step()
    bench.step(seconds=59)
    bench.end()
    bench.step(seconds=2)
    assert (bench.run.status, bench.executor.cancelled) == (RunStatus.SUCCEEDED, [])


@CAN_CANCEL
def test_an_attempt_that_ended_in_time_has_not_timed_out_however_late_the_engine_looks(cancels: bool) -> None:
    bench = Bench(cancels=cancels)
    bench.add("1h", timeout="1m")
    bench.step()
    bench.clock.advance(seconds=59)
    bench.executor.end()
    bench.step(minutes=5)
    assert bench.run.status is RunStatus.SUCCEEDED


@CAN_CANCEL
def test_each_attempt_has_the_whole_timeout(cancels: bool) -> None:
    bench = Bench(cancels=cancels)
    bench.add("1h", timeout="1m", retry=2)
    bench.step()
    bench.clock.advance(seconds=50)
    bench.end(ValueError())
    bench.step(seconds=50)
    assert (bench.run.status, bench.run.attempt) == (RUNNING, 2)
    bench.step(seconds=10)
    bench.executor.end()
    bench.step()
    assert bench.run.status is TIMED_OUT


# -- cancellable: a coroutine -----------------------------------------------------------------------------------------


def test_a_coroutine_is_cancelled_and_recorded_when_it_has_ended() -> None:
    bench = stuck_bench(cancels=True)
    assert bench.executor.cancelled == bench.executor.running
    assert bench.run.status is RUNNING
    bench.end(cancelled("its task was cancelled"))
    run = bench.run
    assert (run.status, run.finished_at) == (TIMED_OUT, after(minutes=1))
    assert run.error is not None
    assert run.error.message == "ran longer than its timeout of 0:01:00"


def test_a_coroutine_is_cancelled_once() -> None:
    bench = stuck_bench(cancels=True)
    bench.step(minutes=1)
    assert len(bench.executor.cancelled) == 1


def test_a_coroutine_that_timed_out_is_retried_once_it_has_ended() -> None:
    bench = stuck_bench(cancels=True, retry=Retry(attempts=2, delay="5s"))
    bench.end(cancelled("its task was cancelled"))
    assert bench.run.status is RETRYING
    bench.step(seconds=5)
    assert (bench.run.status, bench.run.attempt) == (RUNNING, 2)


# -- not cancellable: a thread ----------------------------------------------------------------------------------------


def test_a_thread_is_recorded_at_once_with_the_place_where_it_is() -> None:
    run = stuck_bench(cancels=False).run
    assert (run.status, run.finished_at) == (TIMED_OUT, after(minutes=1))
    assert run.error is not None
    assert run.error.traceback == STACK


def test_a_thread_that_timed_out_can_see_that_it_is_to_stop() -> None:
    bench = stuck_bench(cancels=False)
    assert RunContext(bench.executor.running[0]).cancel_requested


def test_a_thread_that_timed_out_is_known_to_be_stuck_until_it_returns() -> None:
    bench = stuck_bench(cancels=False)
    assert list(bench.engine.stuck) == [bench.run.id]
    assert list(bench.engine.in_flight) == []
    bench.end()
    assert list(bench.engine.stuck) == []


def test_a_thread_that_timed_out_keeps_its_slot_until_it_returns() -> None:
    bench = Bench(slots=1)
    bench.add("now", id="stuck", timeout="1m")
    bench.step()
    bench.step(minutes=1)
    bench.add("now", id="next")
    bench.step()
    assert [attempt.job.id for attempt in bench.executor.running] == ["stuck"]
    bench.end()
    assert [attempt.job.id for attempt in bench.executor.running] == ["next"]


def test_a_thread_that_timed_out_keeps_its_jobs_gate_shut_until_it_returns() -> None:
    bench = stuck_bench(cancels=False)
    stuck = bench.run
    bench.step(minutes=59)
    skipped = bench.runs[-1]
    assert (skipped.status, skipped.reason, skipped.related_id) == (RunStatus.SKIPPED, "overlap", stuck.id)
    bench.end()
    bench.step(hours=1)
    assert bench.runs[-1].status is RUNNING


def test_what_queued_behind_a_stuck_thread_starts_when_that_returns() -> None:
    bench = stuck_bench(cancels=False, overlap="queue")
    bench.step(minutes=59)
    assert bench.runs[-1].status is RunStatus.QUEUED
    bench.end()
    assert bench.runs[-1].status is RUNNING


def test_what_a_thread_returns_after_its_timeout_changes_nothing() -> None:
    bench = stuck_bench(cancels=False)
    bench.end(succeeded("too late"))
    assert (bench.run.status, bench.run.value) == (TIMED_OUT, None)
    assert bench.kinds == ["RunStarted", "RunTimedOut"]


def test_a_thread_that_may_be_retried_is_waited_for_first_and_told_of(caplog: pytest.LogCaptureFixture) -> None:
    bench = stuck_bench(cancels=False, retry=Retry(attempts=2, delay="5s"))
    assert bench.run.status is RUNNING
    assert list(bench.engine.stuck) == [bench.run.id]
    assert [STACK in line for line in caplog.messages] == [True]
    bench.step(minutes=1)
    bench.end()
    assert (bench.run.status, bench.engine.stuck) == (RETRYING, {})
    assert bench.run.error is not None
    assert bench.run.error.traceback == STACK
    bench.step(seconds=5)
    assert (bench.run.status, bench.run.attempt) == (RUNNING, 2)
    assert bench.kinds == ["RunStarted", "RunRetrying", "RunStarted"]


def test_the_last_attempt_of_a_thread_is_recorded_at_once() -> None:
    bench = stuck_bench(cancels=False, retry=2)
    bench.end()
    bench.step(minutes=1)
    assert (bench.run.status, bench.run.attempt) == (TIMED_OUT, 2)
    assert bench.run.scheduled_at == NOON


def test_asking_for_a_retry_after_the_timeout_does_not_count_as_an_answer() -> None:
    bench = stuck_bench(cancels=True)
    bench.end(RetryLater("1s"))
    assert bench.run.status is TIMED_OUT


def test_attempts_that_have_ended_are_let_go_while_one_that_began_before_them_runs_on() -> None:
    bench = Bench()
    bench.add("now", id="long", timeout="1d")
    bench.step()
    bench.add("1s", id="short", timeout="1d")
    for _ in range(5 * FEW):
        bench.step(seconds=1)
        bench.executor.running.reverse()
        bench.end()
        bench.executor.running.reverse()
    gc.collect()
    attempts = [each for each in gc.get_objects() if isinstance(each, Attempt)]
    assert sum(each.on_progress == bench.engine.progress for each in attempts) <= FEW + 1
    bench.step(days=1)
    assert [attempt.job.id for attempt in bench.executor.cancelled] == ["long"]
