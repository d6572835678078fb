"""How one attempt at a run ended, and the exceptions by which a target says so itself."""

import traceback
from datetime import timedelta
from types import TracebackType
from typing import Any

from cronkit.jobs.policies import Duration
from cronkit.jobs.run import ErrorInfo
from cronkit.jobs.status import RunStatus
from cronkit.schedules.durations import parse_duration

TRACEBACK_LIMIT = 16_384
"""How many characters of a traceback are kept: its end, where the error is."""
MESSAGE_LIMIT = 4_096
"""How many characters of an error's message are kept: its first ones."""


class Signal(Exception):
    """The root of what a target raises to say how its run is to end; never an error of cronkit's."""


class RetryLater(Signal):
    """Try this run again after ``delay``, whatever its retry policy says, and without using up an attempt of it."""

    def __init__(self, delay: Duration, reason: str | None = None) -> None:
        self.delay: timedelta = parse_duration(delay)
        self.reason = reason
        super().__init__(reason or f"again in {self.delay}")


class Skip(Signal):
    """End this run as skipped, with a reason."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Fail(Signal):
    """End this run as failed, with a reason and without any retry."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Outcome:
    """How one attempt ended: a status, and what goes with it.

    ``status`` is one of succeeded, failed, timed_out, cancelled, skipped, or retrying (the target asked for a retry
    after ``retry_after``). ``final`` says that the retry policy has no say.
    """

    __slots__ = ("error", "final", "reason", "retry_after", "status", "value")

    def __init__(
        self,
        status: RunStatus,
        *,
        value: Any = None,
        error: ErrorInfo | None = None,
        reason: str | None = None,
        retry_after: timedelta | None = None,
        final: bool = False,
    ) -> None:
        self.status = status
        self.value = value
        self.error = error
        self.reason = reason
        self.retry_after = retry_after
        self.final = final


NOTHING_RETURNED = Outcome(RunStatus.SUCCEEDED)


def succeeded(value: Any) -> Outcome:
    """The outcome of an attempt that returned ``value``."""
    return NOTHING_RETURNED if value is None else Outcome(RunStatus.SUCCEEDED, value=value)


def raised(error: BaseException) -> Outcome:
    """The outcome of an attempt that raised ``error``. An error that cannot be asked what it means is a failure."""
    try:
        return _read(error)
    except BaseException as broken:  # the target's own code again: an attempt without an outcome would never end
        message = f"it cannot be described: {type(broken).__name__}"
        return Outcome(RunStatus.FAILED, error=ErrorInfo(type=type(error).__qualname__, message=message))


def _read(error: BaseException) -> Outcome:
    if isinstance(error, Skip):
        return Outcome(RunStatus.SKIPPED, reason=_text(error.reason))
    if isinstance(error, RetryLater):
        return Outcome(RunStatus.RETRYING, reason=_text(error.reason), retry_after=parse_duration(error.delay))
    if isinstance(error, Fail):
        return Outcome(RunStatus.FAILED, reason=_text(error.reason), error=_describe(error), final=True)
    return Outcome(RunStatus.FAILED, error=_describe(error))


def _text(reason: Any) -> str | None:
    """A reason as every store can keep it: a text, without lone surrogates."""
    return None if reason is None else str(reason).encode("utf-8", "replace").decode()[:MESSAGE_LIMIT]


def timed_out(limit: timedelta, stack: str | None = None) -> Outcome:
    """The outcome of an attempt that ran past its ``timeout``; ``stack`` is where its thread was then."""
    error = ErrorInfo(type="TimeoutError", message=f"ran longer than its timeout of {limit}", traceback=stack)
    return Outcome(RunStatus.TIMED_OUT, error=error)


def cancelled(reason: str) -> Outcome:
    """The outcome of an attempt that was stopped on request."""
    return Outcome(RunStatus.CANCELLED, reason=reason)


def _describe(error: BaseException) -> ErrorInfo:
    try:
        message = str(error)
    except Exception as broken:  # the target's own __str__; its failure is part of the report
        message = f"<no message: str() raised {type(broken).__name__}>"
    text = "".join(traceback.format_exception(type(error), error, _from_target(error.__traceback__), limit=-50))
    return ErrorInfo(type=type(error).__qualname__, message=message[:MESSAGE_LIMIT], traceback=text[-TRACEBACK_LIMIT:])


def _from_target(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of cronkit's own that it begins with: those that called the target."""
    while trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith("cronkit."):
        trace = trace.tb_next
    return trace
