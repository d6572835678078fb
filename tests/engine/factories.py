"""Jobs for tests of the pure decisions."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from cronkit.engine.changes import create
from cronkit.jobs.job import JobRow, JobSpec
from cronkit.jobs.policies import LIBRARY_DEFAULTS, read_policies
from cronkit.schedules import Schedule, parse_schedule

NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)
"""When the jobs of these tests are created."""


def make_job(schedule: str | Schedule, now: datetime = NOON, **policies: Any) -> JobRow:
    """A job on a schedule text (or a Schedule), created at ``now`` and never looked at since."""
    bound = parse_schedule(schedule, seed="job").bind(tz="UTC", now=now) if isinstance(schedule, str) else schedule
    spec = JobSpec(
        id="job",
        target="target",
        schedule=bound,
        executor="default",
        policies=read_policies(LIBRARY_DEFAULTS, policies),
    )
    return create(spec, "default", now, None)


def new_ids() -> Any:
    """Ids that count from 1."""
    numbers = count(1)
    return lambda: f"run-{next(numbers)}"


def after(**duration: float) -> datetime:
    """Noon plus a duration."""
    return NOON + timedelta(**duration)
