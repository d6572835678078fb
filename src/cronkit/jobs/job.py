"""A job: a named target on a schedule. What it was declared to be, where it stands, and the snapshot people hold."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from cronkit.jobs.keys import JobKey
from cronkit.jobs.policies import LIBRARY_DEFAULTS, Policies
from cronkit.jobs.status import RunStatus
from cronkit.schedules import Schedule

HISTORY_LIMIT = 100
"""How many of a job's newest revisions are kept."""
RENAMED = "renamed from "
"""What the history of a job says of an id that it had before, which follows."""
NO_WATERMARK = datetime(1970, 1, 1, tzinfo=UTC)
"""The watermark of a job that has lost its own: nobody knows what of it is accounted for."""
NO_NAMES: frozenset[str] = frozenset()
"""One object for all who have none: each other empty frozenset takes 216 bytes."""


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
    tags: frozenset[str] = NO_NAMES
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

    ``declared`` is what code declared last, None for a job that was made at run time; ``overrides`` names the options
    that somebody has changed over it. ``unreadable`` says why a store cannot make sense of the row: such a job is
    quarantined, it does not run, and its ``spec`` is a stand-in.
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
    declared: JobSpec | None = None
    overrides: frozenset[str] = NO_NAMES
    removed_at: datetime | None = None
    unreadable: str | None = None

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


def _draft_of(frozen: type[Any]) -> type[Any]:
    """A class of the same slots that may still be set; an object of it is frozen by becoming one of ``frozen``.

    So a snapshot costs 0.3 us rather than 1.7, as its own constructor calls ``object.__setattr__`` for each field.
    """
    return type(f"{frozen.__name__}Draft", (), {"__slots__": frozen.__slots__})


_SpecDraft, _RevisionDraft, _JobDraft = map(_draft_of, (JobSpec, Revision, Job))
_REVISION_FIELDS = tuple(each.name for each in fields(Revision))
_NOTES_KEPT = -(HISTORY_LIMIT - 1) * len(_REVISION_FIELDS)


def new_spec(id: str, target: str, schedule: Schedule, executor: str, given: Mapping[str, Any]) -> JobSpec:
    """``JobSpec(id=..., target=..., schedule=..., executor=..., **given)``, in 0.6 us rather than 1.7."""
    draft = _SpecDraft()
    draft.id = id
    draft.target = target
    draft.schedule = schedule
    draft.executor = executor
    read = given.get
    draft.args = read("args", ())
    draft.kwargs = read("kwargs", {})
    draft.policies = read("policies", LIBRARY_DEFAULTS)
    draft.name = read("name")
    draft.description = read("description")
    draft.metadata = read("metadata", {})
    draft.tags = read("tags", NO_NAMES)
    draft.owner = read("owner")
    draft.__class__ = JobSpec
    spec: JobSpec = draft
    return spec


def _revision(*values: Any) -> Revision:
    draft = _RevisionDraft()
    draft.number, draft.at, draft.action, draft.by, draft.schedule, draft.policies = values
    draft.__class__ = Revision
    revision: Revision = draft
    return revision


class PlanRow:
    """What planning reads of a job: what it is to do, and how far it has come.

    ``next_at`` is the nominal time of the next occurrence and ``next_due`` when a node is to look at the job again
    (spread, jitter and a pause's end move it); both are None where nothing is to come. ``open`` holds the ids of the
    job's open runs, in the order of their birth.
    """

    __slots__ = ("key", "next_at", "next_due", "open", "pause", "revision", "spec", "unreadable", "watermark")

    key: JobKey
    spec: JobSpec
    revision: int
    watermark: datetime
    next_at: datetime | None
    next_due: datetime | None
    pause: Pause | None
    open: tuple[str, ...]
    unreadable: str | None


class JobRow(PlanRow):
    """A job as a store holds it: one slotted row, changed only by the store that owns it, under its lock.

    ``last_refusal`` is the id of the newest run, if that was refused at birth, so that the next refusal for one reason
    can extend its row. ``revisions`` is the number of the last change.

    ``fingerprints`` are those of what code declared, the newest last; for the rest see ``Job``.
    """

    __slots__ = (
        "_notes",
        "counters",
        "created_at",
        "declared",
        "fingerprints",
        "last_refusal",
        "overrides",
        "removed_at",
        "revisions",
        "spawned",
        "updated_at",
    )

    def __init__(self, key: JobKey, spec: JobSpec, now: datetime) -> None:
        self.key = key
        self.spec = spec
        self.revision = self.revisions = self.spawned = 0
        self.created_at = self.updated_at = self.watermark = now
        self.next_at = self.next_due = self.pause = self.unreadable = None
        self.counters: dict[RunStatus, int] = {}
        self.open = ()
        self.last_refusal: str | None = None
        # The fields of one revision after the other: an object rather than two for the garbage collector, of the
        # seven that it looks after for each job in memory.
        self._notes: tuple[Any, ...] = ()
        self.declared: JobSpec | None = None
        self.overrides = NO_NAMES
        self.fingerprints: tuple[str, ...] = ()
        self.removed_at: datetime | None = None

    def to_plan(self) -> PlanRow:
        """A copy of what planning reads: all of the row would cost each fire 0.35 us more."""
        twin = object.__new__(PlanRow)
        twin.key = self.key
        twin.spec = self.spec
        twin.revision = self.revision
        twin.watermark = self.watermark
        twin.next_at = self.next_at
        twin.next_due = self.next_due
        twin.pause = self.pause
        twin.open = self.open
        twin.unreadable = self.unreadable
        return twin

    def copy(self) -> "JobRow":
        """Another row with the same content, to be changed and saved."""
        twin = copy(self)
        twin.counters = dict(self.counters)
        return twin

    def record(self, action: str, at: datetime, by: str | None) -> None:
        """Note a change, for the history."""
        self.updated_at = at
        self.revisions = number = self.revisions + 1
        spec = self.spec
        self._notes = (*self._notes[_NOTES_KEPT:], number, at, action, by, spec.schedule, spec.policies)

    @property
    def noted(self) -> tuple[Revision, ...]:
        """The newest changes, those that the store has still to put into the job's history among them."""
        notes = iter(self._notes)
        return tuple(map(_revision, *[notes] * len(_REVISION_FIELDS)))

    @noted.setter
    def noted(self, revisions: tuple[Revision, ...]) -> None:
        self._notes = tuple(getattr(each, name) for each in revisions for name in _REVISION_FIELDS)

    def snapshot(self) -> Job:
        """The row as a value that does not change any more."""
        draft = _JobDraft()
        draft.key = self.key
        draft.spec = self.spec
        draft.revision = self.revision
        draft.created_at = self.created_at
        draft.updated_at = self.updated_at
        draft.watermark = self.watermark
        draft.next_run_at = None if self.pause or self.removed_at else self.next_at
        draft.pause = self.pause
        draft.counters = dict(self.counters)
        draft.declared = self.declared
        draft.overrides = self.overrides
        draft.removed_at = self.removed_at
        draft.unreadable = self.unreadable
        draft.__class__ = Job
        job: Job = draft
        return job
