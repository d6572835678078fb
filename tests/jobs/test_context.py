"""What a target may know of its own run, and say about it."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronkit.errors import LifecycleError
from cronkit.jobs.attempt import LOG_LINE_LENGTH, LOG_LINES, Attempt, RunContext, current_attempt, current_run
from cronkit.jobs.job import JobSpec
from cronkit.jobs.keys import Cause, JobKey
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.jobs.target import Target
from cronkit.schedules import Manual

NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)


class Progress:
    """What was said of an attempt's progress."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str | None]] = []

    def __call__(self, attempt: Attempt, fraction: float, note: str | None) -> None:
        self.told.append((fraction, note))


def attempt_at(
    function: Any = lambda: None,
    *,
    number: int = 1,
    cause: Cause = Cause.SCHEDULE,
    scheduled_at: datetime = NOON,
    token: str = "",
    generation: int = 1,
    kwargs: dict[str, Any] | None = None,
    run_kwargs: dict[str, Any] | None = None,
    on_progress: Progress | None = None,
) -> Attempt:
    spec = JobSpec(id="job", target="target", schedule=Manual(), executor="default", args=(1,), kwargs=kwargs or {})
    key = JobKey("default", "job", generation)
    run = RunRow(f"run-{number}", key, cause, scheduled_at, scheduled_at, token, RunStatus.RUNNING, scheduled_at)
    run.kwargs = run_kwargs
    return Attempt(run, spec, Target("target", function), 1, number, NOON, on_progress or Progress())


@pytest.fixture(autouse=True)
def loud(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="cronkit.run")


# The run


def test_a_run_knows_its_job_its_time_and_its_attempt() -> None:
    run = RunContext(attempt_at(number=2))

    assert (run.id, run.job_id, run.scheduled_at, run.attempt) == ("run-2", "job", NOON, 2)


def test_the_target_is_called_with_the_jobs_arguments_under_the_runs_own() -> None:
    attempt = attempt_at(lambda *args, **kwargs: (args, kwargs), kwargs={"a": 1, "b": 2}, run_kwargs={"b": 3})

    assert attempt.call() == ((1,), {"a": 1, "b": 3})
    assert attempt.job.kwargs == {"a": 1, "b": 2}


def test_the_run_is_injected_beside_the_arguments() -> None:
    def target(n: int, run: RunContext, m: int = 0) -> tuple[int, int, str]:
        return n, m, run.id

    assert attempt_at(target, run_kwargs={"m": 5}).call() == (1, 5, "run-1")


def test_the_current_run_is_the_one_of_the_attempt() -> None:
    token = current_attempt.set(attempt_at(number=3))
    try:
        assert current_run().id == "run-3"
    finally:
        current_attempt.reset(token)


def test_there_is_no_current_run_outside_a_run() -> None:
    with pytest.raises(LifecycleError, match=r"current_run\(\) was called outside a run"):
        current_run()


def test_a_run_learns_that_somebody_wants_it_cancelled() -> None:
    attempt = attempt_at()
    run = RunContext(attempt)
    assert not run.cancel_requested
    attempt.cancel_reason = "asked"

    assert run.cancel_requested


# The idempotency key


def test_the_idempotency_key_is_the_same_for_each_attempt_and_each_row() -> None:
    assert RunContext(attempt_at(number=1)).idempotency_key == RunContext(attempt_at(number=2)).idempotency_key


@pytest.mark.parametrize(
    "other",
    [
        {"scheduled_at": NOON + timedelta(microseconds=1)},
        {"cause": Cause.BACKFILL},
        {"token": "click"},
        {"generation": 2},
    ],
    ids=str,
)
def test_the_idempotency_key_is_another_for_each_other_occurrence(other: dict[str, Any]) -> None:
    assert RunContext(attempt_at()).idempotency_key != RunContext(attempt_at(**other)).idempotency_key


def test_a_manual_run_has_the_key_of_its_token_whenever_it_was_clicked() -> None:
    first, again = (
        RunContext(attempt_at(cause=Cause.MANUAL, token="click", scheduled_at=NOON + timedelta(seconds=s)))
        for s in (0, 1)
    )

    assert first.idempotency_key == again.idempotency_key


# Progress


@pytest.mark.parametrize("fraction", [0, 0.5, 1, 1.0])
def test_progress_goes_to_whoever_listens(fraction: float) -> None:
    progress = Progress()
    RunContext(attempt_at(on_progress=progress)).progress(fraction, "note")

    assert progress.told == [(float(fraction), "note")]


@pytest.mark.parametrize("fraction", [-0.01, 1.01, 50, float("nan"), float("inf")])
def test_progress_is_a_fraction_from_0_to_1(fraction: float) -> None:
    progress = Progress()
    with pytest.raises(ValueError, match="give a fraction from 0 to 1"):
        RunContext(attempt_at(on_progress=progress)).progress(fraction)
    assert progress.told == []


def test_half_a_surrogate_pair_in_a_note_is_replaced_as_no_store_could_keep_it() -> None:
    progress = Progress()
    RunContext(attempt_at(on_progress=progress)).progress(0.5, "na\udc80me")

    assert progress.told == [(0.5, "na?me")]


# The log


def test_log_lines_are_kept_with_the_attempt_and_go_to_logging(caplog: pytest.LogCaptureFixture) -> None:
    attempt = attempt_at()
    run = RunContext(attempt)
    run.log.info("read %d rows", 5)
    run.log.warning("slow")

    assert attempt.log == ["INFO read 5 rows", "WARNING slow"]
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("cronkit.run", "read 5 rows"),
        ("cronkit.run", "slow"),
    ]


def test_a_log_record_names_its_run_and_its_caller(caplog: pytest.LogCaptureFixture) -> None:
    RunContext(attempt_at()).log.info("here")
    (record,) = caplog.records

    assert (vars(record)["run_id"], vars(record)["job_id"]) == ("run-1", "job")
    assert record.funcName == "test_a_log_record_names_its_run_and_its_caller"


def test_lines_below_the_level_of_the_logger_are_kept_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="cronkit.run")
    attempt = attempt_at()
    RunContext(attempt).log.debug("detail")

    assert attempt.log == ["DEBUG detail"]
    assert caplog.records == []


def test_the_last_lines_are_kept() -> None:
    attempt = attempt_at()
    run = RunContext(attempt)
    for number in range(LOG_LINES + 50):
        run.log.info("line %d", number)

    assert attempt.log is not None
    assert len(attempt.log) == LOG_LINES
    assert (attempt.log[0], attempt.log[-1]) == ("INFO line 50", f"INFO line {LOG_LINES + 49}")


def test_of_a_long_line_the_beginning_is_kept() -> None:
    attempt = attempt_at()
    RunContext(attempt).log.info("x" * 5 * LOG_LINE_LENGTH)

    assert attempt.log == [f"INFO {'x' * LOG_LINE_LENGTH}"]


@pytest.mark.parametrize(
    ("message", "args", "line"),
    [
        ("100%", (), "INFO 100%"),
        ("%s and %s", ("a", "b"), "INFO a and b"),
        ("%(n)d rows", ({"n": 5},), "INFO 5 rows"),
        (ValueError("no text"), (), "INFO no text"),
    ],
)
def test_a_line_is_formatted_as_logging_would(message: object, args: tuple[Any, ...], line: str) -> None:
    attempt = attempt_at()
    RunContext(attempt).log.info(message, *args)

    assert attempt.log == [line]


def test_a_line_with_a_wrong_format_is_kept_as_it_was_given(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="cronkit.run")  # logging would print its own complaint
    attempt = attempt_at()
    RunContext(attempt).log.info("%d rows", "five")

    assert attempt.log == ["INFO %d rows ('five',)"]


def test_an_exception_can_be_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    attempt = attempt_at()
    try:
        raise OSError("disk full")
    except OSError:
        RunContext(attempt).log.exception("it failed")

    assert attempt.log == ["ERROR it failed"]
    assert caplog.records[0].exc_info is not None


def test_every_context_of_one_attempt_writes_to_one_log() -> None:
    attempt = attempt_at()
    RunContext(attempt).log.info("one")
    RunContext(attempt).log.info("two")

    assert attempt.log == ["INFO one", "INFO two"]
