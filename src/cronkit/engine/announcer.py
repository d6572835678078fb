"""Tells the event bus what the engine did; builds no event that nobody listens for."""

from datetime import datetime

from cronkit.events import (
    Event,
    EventBus,
    RunAbandoned,
    RunCancelled,
    RunCoalesced,
    RunEvent,
    RunFailed,
    RunHeld,
    RunMissed,
    RunProgressed,
    RunRetrying,
    RunSkipped,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
)
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Finish

_FINISHED: dict[RunStatus, type[RunEvent]] = {
    RunStatus.SUCCEEDED: RunSucceeded,
    RunStatus.FAILED: RunFailed,
    RunStatus.TIMED_OUT: RunTimedOut,
    RunStatus.CANCELLED: RunCancelled,
    RunStatus.SKIPPED: RunSkipped,
    RunStatus.RETRYING: RunRetrying,
}


class Announcer:
    """Turns rows and finishes into events."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def publish(self, event: Event) -> None:
        """Pass an event on."""
        self._bus.publish(event)

    def started(self, attempts: list[Attempt]) -> None:
        """Attempts were handed to their executors."""
        if self._bus.wants(RunStarted):
            self._bus.publish_all(
                [_event(RunStarted, attempt.run, attempt.started_at, attempt.number) for attempt in attempts]
            )

    def progressed(self, attempt: Attempt, at: datetime, fraction: float, note: str | None) -> None:
        """A run said how far it has come."""
        if self._bus.wants(RunProgressed):
            self._bus.publish(_event(RunProgressed, attempt.run, at, attempt.number, fraction=fraction, note=note))

    def born(self, runs: list[RunRow]) -> None:
        """Occurrences were refused at birth; a queued one is announced when it starts."""
        for run in runs:
            if run.status is not RunStatus.QUEUED:
                self._bus.publish_all(_refusals(run))

    def finished(self, settled: list[tuple[Attempt, Finish]]) -> None:
        """Attempts ended, and their ends were written."""
        wants = self._bus.wants
        self._bus.publish_all([_end(attempt, finish) for attempt, finish in settled if wants(_FINISHED[finish.status])])

    def taken_back(self, runs: list[RunRow], at: datetime) -> None:
        """Runs of lost nodes were abandoned or held; a requeued one is announced when it starts again."""
        for run in runs:
            reason = run.reason or ""
            if run.status is RunStatus.ABANDONED:
                self._bus.publish(_event(RunAbandoned, run, at, run.attempt, reason=reason))
            elif run.status is RunStatus.HELD:
                self._bus.publish(_event(RunHeld, run, at, run.attempt, reason=reason))
            elif run.status is RunStatus.CANCELLED:
                self._bus.publish(_event(RunCancelled, run, at, run.attempt, reason=reason))


def _event(kind: type[RunEvent], run: RunRow, at: datetime, attempt: int, **details: object) -> RunEvent:
    return kind(
        at=at,
        namespace=run.job.namespace,
        job_id=run.job.id,
        run_id=run.id,
        scheduled_at=run.scheduled_at,
        attempt=attempt,
        **details,
    )


def _refusals(run: RunRow) -> list[Event]:
    until, at = run.scheduled_until, run.created_at
    if run.status is RunStatus.SKIPPED:
        return [
            _event(
                RunSkipped,
                run,
                at,
                0,
                reason=run.reason,
                related_id=run.related_id,
                count=run.count,
                scheduled_until=until,
            )
        ]
    if run.status is RunStatus.MISSED:
        return [_event(RunMissed, run, at, 0, reason=run.reason, count=run.count, scheduled_until=until)]
    return [_event(RunCoalesced, run, at, 0, into_id=run.related_id, count=run.count, scheduled_until=until)]


def _end(attempt: Attempt, finish: Finish) -> Event:
    run, number, at = attempt.run, attempt.number, finish.at
    duration = at - attempt.started_at
    match finish.status:
        case RunStatus.SUCCEEDED:
            return _event(RunSucceeded, run, at, number, duration=duration, value=finish.value)
        case RunStatus.RETRYING:
            return _event(
                RunRetrying, run, at, number, retry_at=finish.retry_at, error=finish.error, reason=finish.reason
            )
        case RunStatus.TIMED_OUT:
            return _event(RunTimedOut, run, at, number, duration=duration, error=finish.error)
        case RunStatus.CANCELLED:
            return _event(RunCancelled, run, at, number, reason=finish.reason)
        case RunStatus.SKIPPED:
            details = {"reason": finish.reason, "related_id": None, "count": 1, "scheduled_until": run.scheduled_until}
            return _event(RunSkipped, run, at, number, **details)
        case _:
            return _event(RunFailed, run, at, number, duration=duration, error=finish.error, reason=finish.reason)
