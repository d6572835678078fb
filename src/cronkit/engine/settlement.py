"""What an attempt's outcome makes of its run: ended, or tried again. Pure."""

from datetime import UTC, datetime, timedelta

from cronkit.jobs.attempt import Attempt
from cronkit.jobs.outcome import NOTHING_RETURNED, Outcome
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Finish

LATEST = datetime.max.replace(tzinfo=UTC)
RETRIED = frozenset({RunStatus.FAILED, RunStatus.TIMED_OUT})


def may_retry(attempt: Attempt) -> bool:
    """Whether the retry policy leaves another attempt after this one."""
    return attempt.cancel_reason is None and attempt.job.policies.retry.wait(_counted(attempt)) is not None


def settle(attempt: Attempt, outcome: Outcome, at: datetime) -> Finish:
    """The write that ends the attempt: a retry where the target asks for one or the policy leaves one, else the end."""
    if outcome is NOTHING_RETURNED and attempt.log is None:
        return Finish(attempt.run.id, attempt.fence, outcome.status, at)
    run_id, fence = attempt.run.id, attempt.fence
    log = tuple(attempt.log) if attempt.log else ()
    if outcome.status is RunStatus.RETRYING and outcome.retry_after is not None and attempt.cancel_reason is None:
        retry_at = _later(at, outcome.retry_after)
        return Finish(
            run_id, fence, RunStatus.RETRYING, at, reason=outcome.reason, log=log, retry_at=retry_at, counted=False
        )
    if outcome.status in RETRIED and not outcome.final and attempt.cancel_reason is None:
        wait = attempt.job.policies.retry.wait(_counted(attempt))
        if wait is not None:
            return Finish(
                run_id, fence, RunStatus.RETRYING, at, error=outcome.error, log=log, retry_at=_later(at, wait)
            )
    status, reason = outcome.status, outcome.reason
    if attempt.cancel_reason is not None and status in (RunStatus.FAILED, RunStatus.RETRYING):
        status, reason = RunStatus.CANCELLED, attempt.cancel_reason
    return Finish(run_id, fence, status, at, reason=reason, value=outcome.value, error=outcome.error, log=log)


def _later(at: datetime, wait: timedelta) -> datetime:
    return at + min(wait, LATEST - at)


def _counted(attempt: Attempt) -> int:
    return attempt.number - attempt.run.excused
