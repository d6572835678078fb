"""A run: one occurrence of a job and what became of it. The row a store changes, and the snapshot people hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cronkit.errors import LifecycleError
from cronkit.jobs.keys import Cause, JobKey, OccurrenceKey, occurrence_key
from cronkit.jobs.policies import Overlap
from cronkit.jobs.status import TRANSITIONS, RunStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInfo:
    """A failure as text: it holds no frame, so it keeps nothing alive and is the same on every store."""

    type: str
    message: str
    traceback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run:
    """A run as it stood when it was read; times are aware UTC, or None where it has not come to that.

    ``count`` occurrences from ``scheduled_at`` to ``scheduled_until`` share this one record (1 for a run that ran).
    ``reason`` of one that succeeded says why its ``value`` is not there: its store could not keep or cannot read it.
    ``related_id`` is the run in the way of a skipped one, or the run that stands for a coalesced one. ``attempt``
    counts from 1 once the run was claimed; ``crashes`` counts the nodes that were lost under it.
    """

    id: str
    job: JobKey
    cause: Cause
    scheduled_at: datetime
    scheduled_until: datetime
    count: int
    token: str
    due_at: datetime
    status: RunStatus
    reason: str | None
    related_id: str | None
    attempt: int
    crashes: int
    node: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: float | None
    progress_note: str | None
    value: Any
    error: ErrorInfo | None
    log: tuple[str, ...]

    def __repr__(self) -> str:
        because = f" ({self.reason})" if self.reason else ""
        times = f" x {self.count}" if self.count > 1 else ""
        return f"<Run {self.id} of {self.job_id!r} at {self.scheduled_at.isoformat()}{times}: {self.status}{because}>"

    @property
    def job_id(self) -> str:
        """The id of the run's job."""
        return self.job.id

    @property
    def key(self) -> OccurrenceKey:
        """The occurrence this run is for."""
        return occurrence_key(self.job, self.cause, self.scheduled_at, self.token)

    @property
    def duration(self) -> timedelta | None:
        """From the start of the last attempt to its end; None until it has ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at

    @property
    def lateness(self) -> timedelta | None:
        """From the due time to the start of the last attempt; None until it has started."""
        return None if self.started_at is None else self.started_at - self.due_at


class RunRow:
    """A run as a store holds it: one slotted row, changed only by its store, under its lock, through ``move``.

    ``fence`` rises with every claim, and a write under an older one is refused. ``overlap`` is the rule this run was
    born under. ``kwargs`` are the arguments of this run alone, over the job's own. ``excused`` counts the attempts
    that do not count against the retry policy. ``occupied``: the run has ended, but its thread has not returned.
    """

    __slots__ = (
        "attempt",
        "cancel_requested",
        "cause",
        "count",
        "crashes",
        "created_at",
        "due_at",
        "error",
        "excused",
        "fence",
        "finished_at",
        "id",
        "job",
        "kwargs",
        "log",
        "node",
        "occupied",
        "overlap",
        "progress",
        "progress_note",
        "reason",
        "related_id",
        "scheduled_at",
        "scheduled_until",
        "sequence",
        "started_at",
        "status",
        "token",
        "value",
    )

    def __init__(
        self,
        id: str,
        job: JobKey,
        cause: Cause,
        scheduled_at: datetime,
        due_at: datetime,
        token: str,
        status: RunStatus,
        created_at: datetime,
        overlap: Overlap = Overlap.SKIP,
    ) -> None:
        self.id = id
        self.job = job
        self.cause = cause
        self.scheduled_at = self.scheduled_until = scheduled_at
        self.due_at = due_at
        self.token = token
        self.status = status
        self.created_at = created_at
        self.overlap = overlap
        self.count = 1
        self.attempt = self.fence = self.crashes = self.excused = self.sequence = 0
        self.cancel_requested = self.occupied = False
        self.kwargs: Mapping[str, Any] | None = None
        self.started_at: datetime | None = None
        self.finished_at: datetime | None = None
        self.progress: float | None = None
        self.reason: str | None = None
        self.related_id: str | None = None
        self.node: str | None = None
        self.progress_note: str | None = None
        self.value: Any = None
        self.error: ErrorInfo | None = None
        self.log: tuple[str, ...] = ()

    @property
    def key(self) -> OccurrenceKey:
        """The occurrence this run is for."""
        return occurrence_key(self.job, self.cause, self.scheduled_at, self.token)

    def move(self, status: RunStatus) -> None:
        """Change the status.

        Raises:
            LifecycleError: the transition table does not have that move.
        """
        if status not in TRANSITIONS[self.status]:
            raise LifecycleError(f"run {self.id} is {self.status} and cannot become {status}")
        self.status = status

    def snapshot(self) -> Run:
        """The row as a value that does not change any more."""
        return Run(**{name: getattr(self, name) for name in _SNAPSHOT_FIELDS})


_SNAPSHOT_FIELDS = tuple(Run.__dataclass_fields__)
