"""When a failed attempt is followed by another, and what a target may say about that itself."""

from datetime import timedelta
from typing import Any

import pytest

from cronkit.engine.settlement import LATEST
from cronkit.jobs.outcome import Fail, RetryLater, Skip
from cronkit.jobs.policies import Retry
from cronkit.jobs.status import RunStatus

from .bench import Bench
from .factories import after

RUNNING, RETRYING, FAILED, SUCCEEDED = RunStatus.RUNNING, RunStatus.RETRYING, RunStatus.FAILED, RunStatus.SUCCEEDED


def started(**policies: Any) -> Bench:
    """An engine whose only run, of a job that runs once, is under way."""
    bench = Bench()
    bench.add("now", **policies)
    bench.step()
    return bench


def waits(bench: Bench) -> list[timedelta]:
    """How long each retry is waited for, until the run has failed for good."""
    found = []
    while True:
        bench.end(ValueError("again"))
        run = bench.run
        if run.status is FAILED:
            return found
        found.append(run.due_at - bench.clock.now())
        bench.step(seconds=found[-1].total_seconds())


def test_without_a_policy_a_failure_is_the_end() -> None:
    assert waits(started()) == []


def test_attempts_count_the_first() -> None:
    bench = started(retry=3)
    assert waits(bench) == [timedelta(), timedelta()]
    assert bench.run.attempt == 3


def test_each_wait_is_the_backoff_times_the_one_before_up_to_the_longest() -> None:
    retry = Retry(attempts=6, delay="5s", backoff=2.0, max_delay="30s")
    assert [wait.total_seconds() for wait in waits(started(retry=retry))] == [5, 10, 20, 30, 30]


def test_a_retry_is_due_a_delay_after_the_failure_and_the_engine_wakes_exactly_then() -> None:
    bench = started(retry=Retry(attempts=2, delay="3s"))
    bench.executor.end(ValueError())
    assert bench.step(seconds=1) == after(seconds=3)
    bench.step(seconds=1)
    assert bench.running == []
    bench.step(seconds=1)
    assert len(bench.running) == 1


def test_a_retry_is_the_same_run_under_the_same_occurrence() -> None:
    bench = started(retry=2)
    before = bench.run
    bench.end(ValueError())
    assert (bench.run.id, bench.run.key, bench.run.attempt) == (before.id, before.key, 2)


def test_a_retry_that_succeeds_makes_the_run_a_success() -> None:
    bench = started(retry=2)
    bench.end(ValueError())
    bench.end()
    assert (bench.run.status, bench.run.error) == (SUCCEEDED, None)
    assert bench.kinds == ["RunStarted", "RunRetrying", "RunStarted", "RunSucceeded"]


def test_the_last_failure_is_the_one_that_is_kept() -> None:
    bench = started(retry=2)
    bench.end(ValueError("first"))
    bench.end(KeyError("second"))
    assert bench.run.error is not None
    assert (bench.run.error.type, bench.run.error.message) == ("KeyError", "'second'")


def test_a_run_that_waits_for_its_retry_keeps_its_jobs_gate_shut() -> None:
    bench = Bench()
    bench.add("1m", retry=Retry(attempts=2, delay="10m"))
    bench.step()
    bench.end(ValueError())
    bench.step(minutes=1)
    assert [run.status for run in bench.runs] == [RETRYING, RunStatus.SKIPPED]


def test_a_run_that_waits_for_its_retry_takes_no_slot() -> None:
    bench = Bench(slots=1)
    bench.add("now", id="retried", retry=Retry(attempts=2, delay="10m"))
    bench.step()
    bench.end(ValueError())
    bench.add("now", id="other")
    bench.step()
    assert [attempt.job.id for attempt in bench.executor.running] == ["other"]


def test_a_cancelled_run_is_not_tried_again() -> None:
    bench = started(retry=5)
    bench.executor.running[0].cancel_reason = "enough"
    bench.end(ValueError())
    assert (bench.run.status, bench.run.reason) == (RunStatus.CANCELLED, "enough")


# -- what a target says itself ----------------------------------------------------------------------------------------


def test_retry_later_is_tried_again_then_without_any_policy() -> None:
    bench = started()
    bench.end(RetryLater("10m", "the file is not there"))
    assert (bench.run.status, bench.run.due_at, bench.run.reason) == (
        RETRYING,
        after(minutes=10),
        "the file is not there",
    )
    bench.step(minutes=10)
    assert (bench.run.status, bench.run.attempt) == (RUNNING, 2)


def test_retry_later_uses_up_no_attempt_of_the_policy() -> None:
    bench = started(retry=2)
    for _ in range(5):
        bench.end(RetryLater("1s"))
        bench.step(seconds=1)
    assert waits(bench) == [timedelta()]


def test_a_retry_beyond_the_end_of_the_calendar_is_due_at_its_end() -> None:
    bench = started()
    bench.end(RetryLater(timedelta.max))
    assert (bench.run.status, bench.run.due_at) == (RETRYING, LATEST)


def test_skip_ends_the_run_as_skipped_with_the_reason() -> None:
    bench = started(retry=5)
    bench.end(Skip("holiday"))
    assert (bench.run.status, bench.run.reason, bench.run.error) == (RunStatus.SKIPPED, "holiday", None)


def test_fail_ends_the_run_whatever_the_policy_says() -> None:
    bench = started(retry=5)
    bench.end(Fail("no money"))
    assert (bench.run.status, bench.run.reason) == (FAILED, "no money")


@pytest.mark.parametrize("delay", [0, 5, "soon", "-1s"])
def test_retry_later_takes_a_duration_only(delay: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        RetryLater(delay)
