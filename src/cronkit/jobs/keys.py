"""What names a job and what names an occurrence: the identities that a store keeps unique."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Cause(StrEnum):
    """Why a run exists."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    BACKFILL = "backfill"
    FOLLOW = "follow"


class JobKey(NamedTuple):
    """One life of a job: ``generation`` rises when a removed id is added again."""

    namespace: str
    id: str
    generation: int

    def __str__(self) -> str:
        return f"{self.namespace}/{self.id}@{self.generation}"


class OccurrenceKey(NamedTuple):
    """What makes an occurrence one and the same on every node; a store holds at most one run for it.

    ``scheduled_at`` is the nominal time in UTC: spread, jitter and retries move ``due_at``, never this. ``token`` is
    empty for the schedule, the caller's ``key=`` or the run's id for a manual run, the backfill's id, or the id of
    the run that is followed. A manual run's token alone tells it from others, so its ``scheduled_at`` is None here:
    a click that is repeated a second later is still the same click.
    """

    job: JobKey
    cause: Cause
    scheduled_at: datetime | None
    token: str


_MANUAL = Cause.MANUAL
_new_tuple = tuple.__new__
"""Twice a fire: half of what the class's own constructor costs, 250 ns."""


def occurrence_key(job: JobKey, cause: Cause, scheduled_at: datetime, token: str) -> OccurrenceKey:
    """The identity of an occurrence."""
    return _new_tuple(OccurrenceKey, (job, cause, None if cause is _MANUAL else scheduled_at, token))
