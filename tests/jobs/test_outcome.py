"""How an attempt ended: what it returned or raised, as a value without frames."""

import gc
import weakref
from datetime import timedelta
from typing import Any

import pytest

from cronkit.errors import CronkitError, ScheduleError
from cronkit.jobs.outcome import (
    MESSAGE_LIMIT,
    TRACEBACK_LIMIT,
    Fail,
    RetryLater,
    Skip,
    cancelled,
    raised,
    succeeded,
    timed_out,
)
from cronkit.jobs.run import ErrorInfo
from cronkit.jobs.status import RunStatus


def caught(error: BaseException) -> BaseException:
    """The error with a traceback, as if a target had raised it."""
    try:
        raise error
    except BaseException as raised_error:
        return raised_error


def described(error: BaseException) -> ErrorInfo:
    outcome = raised(caught(error))
    assert outcome.error is not None
    return outcome.error


def test_what_was_returned_is_the_value_of_a_success() -> None:
    assert (succeeded(5).status, succeeded(5).value) == (RunStatus.SUCCEEDED, 5)
    assert (succeeded(None).status, succeeded(None).value) == (RunStatus.SUCCEEDED, None)


@pytest.mark.parametrize("value", [0, "", False, []])
def test_a_value_that_is_false_is_a_value_all_the_same(value: object) -> None:
    assert succeeded(value).value == value


def test_an_error_is_a_failure_that_the_retry_policy_may_look_at() -> None:
    outcome = raised(caught(OSError("disk full")))

    assert (outcome.status, outcome.final, outcome.reason) == (RunStatus.FAILED, False, None)
    assert (described(OSError("disk full")).type, described(OSError("disk full")).message) == ("OSError", "disk full")


def test_a_traceback_is_text_that_begins_at_the_targets_own_frames() -> None:
    traceback = described(OSError("disk full")).traceback

    assert traceback is not None
    assert "in caught" in traceback
    assert traceback.endswith("OSError: disk full\n")


def test_a_long_traceback_keeps_its_end() -> None:
    traceback = described(ValueError("x" * 100_000 + "the end")).traceback

    assert traceback is not None
    assert len(traceback) == TRACEBACK_LIMIT
    assert traceback.endswith("the end\n")


def test_a_deep_recursion_is_described_by_its_innermost_frames() -> None:
    def deep(n: int) -> None:
        if n == 0:
            raise ValueError("bottom")
        deep(n - 1)

    try:
        deep(500)
    except ValueError as error:
        outcome = raised(error)

    assert outcome.error is not None
    assert outcome.error.traceback is not None
    assert "bottom" in outcome.error.traceback
    assert outcome.error.traceback.count("\n") < 250


def test_the_cause_of_an_error_is_told_with_it() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise RuntimeError("outer") from inner
    except RuntimeError as outer:
        traceback = described(outer).traceback

    assert traceback is not None
    assert "KeyError: 'inner'" in traceback


def test_an_outcome_keeps_no_frame_of_its_target_alive() -> None:
    class Big: ...

    def target() -> None:
        big = Big()
        gone.append(weakref.ref(big))
        raise OSError("disk full")

    gone: list[weakref.ref[Big]] = []
    try:
        target()
    except OSError as error:
        outcome = raised(error)
    gc.collect()

    assert outcome.error is not None
    assert gone[0]() is None


def test_an_error_that_cannot_be_printed_is_described_without_its_message() -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    assert described(Unspeakable()).message == "<no message: str() raised ValueError>"
    assert described(Unspeakable()).type.endswith("Unspeakable")


def test_a_long_message_keeps_its_beginning() -> None:
    message = described(ValueError("begin" + "x" * 100_000)).message

    assert message.startswith("begin")
    assert len(message) == MESSAGE_LIMIT


class Wordless(Exception):
    def __str__(self) -> str:
        raise SystemExit(1)


class SkipWithoutReason(Skip):
    def __init__(self) -> None:
        pass


class RetryByNumber(RetryLater):
    def __init__(self) -> None:
        self.delay, self.reason = 5, None  # type: ignore[assignment]


@pytest.mark.parametrize("kind", [Wordless, SkipWithoutReason, RetryByNumber])
def test_an_error_that_cannot_be_asked_what_it_means_is_a_failure(kind: type[Exception]) -> None:
    outcome = raised(kind())

    assert outcome.status is RunStatus.FAILED
    assert outcome.error is not None
    assert (outcome.error.type, outcome.retry_after) == (kind.__qualname__, None)


def test_skip_ends_a_run_as_skipped_with_its_reason() -> None:
    outcome = raised(Skip("nothing to do"))

    assert (outcome.status, outcome.reason, outcome.error) == (RunStatus.SKIPPED, "nothing to do", None)


def test_fail_ends_a_run_for_good() -> None:
    outcome = raised(Fail("bad input"))

    assert (outcome.status, outcome.reason, outcome.final) == (RunStatus.FAILED, "bad input", True)
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == ("Fail", "bad input")


@pytest.mark.parametrize("delay", ["10m", timedelta(minutes=10), "PT10M"])
def test_retry_later_asks_for_another_attempt(delay: str | timedelta) -> None:
    outcome = raised(RetryLater(delay, "rate limited"))

    assert (outcome.status, outcome.retry_after) == (RunStatus.RETRYING, timedelta(minutes=10))
    assert (outcome.reason, outcome.error) == ("rate limited", None)


@pytest.mark.parametrize("delay", [10, "10", "0s", "soon"])
def test_retry_later_takes_a_duration(delay: object) -> None:
    with pytest.raises(ScheduleError):
        RetryLater(delay)  # type: ignore[arg-type]


def test_signals_are_no_errors_of_cronkits() -> None:
    for signal in (Skip("x"), Fail("x"), RetryLater("1s")):
        assert isinstance(signal, Exception)
        assert not isinstance(signal, CronkitError)
        assert str(signal)


def test_a_subclass_of_a_signal_says_the_same() -> None:
    class RateLimited(RetryLater):
        def __init__(self) -> None:
            super().__init__("5m", "rate limited")

    assert raised(RateLimited()).retry_after == timedelta(minutes=5)


def test_a_timeout_names_its_limit_and_where_the_thread_was() -> None:
    outcome = timed_out(timedelta(seconds=90), "File x, in y")

    assert outcome.status is RunStatus.TIMED_OUT
    assert outcome.error == ErrorInfo(
        type="TimeoutError", message="ran longer than its timeout of 0:01:30", traceback="File x, in y"
    )


def test_a_cancelled_attempt_gives_the_reason() -> None:
    assert (cancelled("asked").status, cancelled("asked").reason) == (RunStatus.CANCELLED, "asked")


@pytest.mark.parametrize("signal", [Skip, Fail, lambda reason: RetryLater("1s", reason)])
@pytest.mark.parametrize(("reason", "kept"), [("half \ud800", "half ?"), (42, "42")])
def test_a_reason_is_a_text_that_every_store_can_keep(signal: Any, reason: Any, kept: str) -> None:
    assert raised(signal(reason)).reason == kept
