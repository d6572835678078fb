"""A job: a named target on a schedule. What it was declared to be, where it stands, and the snapshot people hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cronkit.jobs.keys import JobKey
from cronkit.jobs.policies import LIBRARY_DEFAULTS, Policies
from cronkit.jobs.status import RunStatus
from cronkit.schedules import Schedule

HISTORY_LIMIT = 100
"""How many of a job's newest revisions are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What somebody declared: everything about a job that a person chooses.

    ``target`` and ``executor`` are registered names, never import paths taken on trust.
    """

    id: str
    target: str
    schedule: Schedule
    executor: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    policies: Policies = LIBRARY_DEFAULTS
    name: str | None = None
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    owner: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Why, until when (None: until resumed) and by whom a job is paused; times are aware UTC."""

    since: datetime
    reason: str | None = None
    until: datetime | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One change in a job's history: when, by whom, what was done, and the schedule and policies from then on."""

    number: int
    at: datetime
    action: str
    by: str | None
    schedule: Schedule
    policies: Policies


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Job:
    """A job as it stood when it was read; times are aware UTC, or None where there is none.

    ``watermark`` is the last instant up to which every occurrence is accounted for; ``next_run_at`` the nominal time
    of the next one, None while the job is paused or once its schedule has ended. ``counters`` counts occurrences by
    the status they ended in, over the job's whole life; retention does not touch them.
    """

    key: JobKey
    spec: JobSpec
    revision: int
    created_at: datetime
    updated_at: datetime
    watermark: datetime
    next_run_at: datetime | None
    pause: Pause | None
    counters: Mapping[RunStatus, int]

    def __repr__(self) -> str:
        following = f"next run {self.next_run_at.isoformat()}" if self.next_run_at else "no next run"
        return f"<Job {self.id!r} on {str(self.schedule)!r}: {'paused' if self.paused else following}>"

    @property
    def id(self) -> str:
        """The job's id, unique in its namespace."""
        return self.spec.id

    @property
    def name(self) -> str:
        """The name people read: the given one, or the id."""
        return self.spec.name or self.spec.id

    @property
    def schedule(self) -> Schedule:
        """When the job runs."""
        return self.spec.schedule

    @property
    def policies(self) -> Policies:
        """What the job does when it is late, overlaps, fails, crashes or hangs."""
        return self.spec.policies

    @property
    def tags(self) -> frozenset[str]:
        """The job's tags."""
        return self.spec.tags

    @property
    def paused(self) -> bool:
        """Whether the job is paused."""
        return self.pause is not None


class JobRow:
    """A job as a store holds it: one slotted row, changed only by the store that owns it, under its lock.

    ``next_at`` is the nominal time of the next occurrence and ``next_due`` when a node is to look at the job again
    (spread, jitter and a pause's end move it); both are None where nothing is to come. ``open`` holds the ids of the
    job's open runs, in the order of their birth. ``last_refusal`` is the id of the newest run, if that was refused
    at birth, so that the next refusal for one reason can extend its row.
    """

    __slots__ = (
        "counters",
        "created_at",
        "history",
        "key",
        "last_refusal",
        "next_at",
        "next_due",
        "open",
        "pause",
        "revision",
        "spawned",
        "spec",
        "updated_at",
        "watermark",
    )

    def __init__(self, key: JobKey, spec: JobSpec, now: datetime) -> None:
        self.key = key
        self.spec = spec
        self.revision = 0
        self.created_at = now
        self.updated_at = now
        self.watermark = now
        self.next_at: datetime | None = None
        self.next_due: datetime | None = None
        self.pause: Pause | None = None
        self.spawned = 0
        self.counters: dict[RunStatus, int] = {}
        self.open: tuple[str, ...] = ()
        self.last_refusal: str | None = None
        self.history: tuple[Revision, ...] = ()

    def copy(self) -> "JobRow":
        """Another row with the same content, to be changed and saved."""
        twin = JobRow(self.key, self.spec, self.created_at)
        twin.revision = self.revision
        twin.updated_at = self.updated_at
        twin.watermark = self.watermark
        twin.next_at, twin.next_due = self.next_at, self.next_due
        twin.pause = self.pause
        twin.spawned = self.spawned
        twin.counters = dict(self.counters)
        twin.open, twin.last_refusal = self.open, self.last_refusal
        twin.history = self.history
        return twin

    def record(self, action: str, at: datetime, by: str | None) -> None:
        """Note a change in the history, which keeps the newest."""
        number = self.history[-1].number + 1 if self.history else 1
        self.updated_at = at
        schedule, policies = self.spec.schedule, self.spec.policies
        revision = Revision(number=number, at=at, action=action, by=by, schedule=schedule, policies=policies)
        self.history = (*self.history[-(HISTORY_LIMIT - 1) :], revision)

    def snapshot(self) -> Job:
        """The row as a value that does not change any more."""
        return Job(
            key=self.key,
            spec=self.spec,
            revision=self.revision,
            created_at=self.created_at,
            updated_at=self.updated_at,
            watermark=self.watermark,
            next_run_at=None if self.pause else self.next_at,
            pause=self.pause,
            counters=dict(self.counters),
        )
