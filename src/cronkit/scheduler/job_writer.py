"""Writes jobs: each change is load, decide and save, and again if somebody else was faster; then it is announced."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime

from cronkit.engine import changes
from cronkit.errors import ConfigurationError, JobExistsError, JobNotFoundError
from cronkit.events import JobAdded, JobEvent, JobPaused, JobRemoved, JobResumed, JobUpdated
from cronkit.jobs.job import Job, JobRow, JobSpec
from cronkit.jobs.policies import Policies
from cronkit.jobs.run import RunRow
from cronkit.scheduler.runtime import Parts
from cronkit.schedules import At, Manual

logger = logging.getLogger("cronkit.scheduler")

EXISTS = ("error", "update", "keep")
EARLIEST = datetime.min.replace(tzinfo=UTC)

Decide = Callable[[JobRow, datetime], list[RunRow]]
"""Changes a row as of a time, and returns the runs born of that."""


class JobWriter:
    """Writes the jobs of one namespace into a scheduler's store, and tells its event bus."""

    __slots__ = ("_namespace", "_parts")

    def __init__(self, parts: Parts, namespace: str) -> None:
        self._parts = parts
        self._namespace = namespace

    def load(self, job_id: str) -> JobRow:
        """A copy of a job's row.

        Raises:
            JobNotFoundError: there is no such job.
        """
        row = self._parts.store.load(self._namespace, job_id)
        if row is None:
            raise not_found(self._namespace, job_id)
        return row

    def put(self, spec: JobSpec, exists: str, by: str | None) -> Job:
        """Add a job that the application makes at run time; ``exists`` says what to do if its id is taken.

        Raises:
            JobExistsError: the id is taken, and ``exists="error"``; ConfigurationError: the job would never run.
        """
        if exists not in EXISTS:
            raise ConfigurationError(f"exists={exists!r}: give one of {', '.join(map(repr, EXISTS))}")
        while True:
            now = self._parts.clock.now()
            row = changes.create(spec, self._namespace, now, by)
            known = self._parts.store.load(self._namespace, spec.id) if row.next_at is None else None
            if known is None:
                _refuse_ended(row, now)
                if self._insert(row):
                    return row.snapshot()
            if exists == "error":
                raise JobExistsError(
                    f"there is a job {spec.id!r} already: give another id=, or exists='update' or 'keep'"
                )
            with suppress(JobNotFoundError):  # it was removed since
                return self.load(spec.id).snapshot() if exists == "keep" else self.update(spec.id, lambda _: spec, by)

    def declare(self, spec: JobSpec) -> None:
        """Add or update a job that is declared in code, where a schedule that has ended since may well stand still."""
        if not self._insert(changes.create(spec, self._namespace, self._parts.clock.now(), None)):
            with suppress(JobNotFoundError):  # somebody has removed it since
                self.update(spec.id, lambda _: spec, None, may_have_ended=True)

    def update(
        self, job_id: str, respecify: Callable[[JobSpec], JobSpec], by: str | None, *, may_have_ended: bool = False
    ) -> Job:
        """Give a job the spec that ``respecify`` makes of its own; the same one changes nothing.

        Raises:
            JobNotFoundError: there is no such job; ConfigurationError: the job would never run again.
        """
        while True:
            row, now = self.load(job_id), self._parts.clock.now()
            before = row.snapshot()
            births = changes.update(row, respecify(row.spec), now, by, self._parts.new_id)
            changed = _differences(before.spec, row.spec)
            if not changed:
                return before
            if row.spec.schedule != before.schedule and not may_have_ended:
                _refuse_ended(row, now)
            if self._parts.store.save(row, births):
                break
        self._tell(JobUpdated, row, now, changed=changed)
        return row.snapshot()

    def pause(self, job_id: str, reason: str | None, until: datetime | None, by: str | None) -> Job:
        """Stop a job's schedule; raises JobNotFoundError if there is no such job."""
        row = self._change(job_id, lambda row, now: changes.pause(row, now, reason, until, by, self._parts.new_id))
        self._tell(JobPaused, row, row.updated_at, reason=reason, until=until, by=by)
        return row.snapshot()

    def resume(self, job_id: str, by: str | None) -> Job:
        """Let a paused job's schedule go on; nothing happens to one that is not paused.

        Raises:
            JobNotFoundError: there is no such job.
        """
        job = self.load(job_id).snapshot()
        if not job.paused:
            return job
        row = self._change(job_id, lambda row, now: changes.resume(row, now, by, self._parts.new_id))
        self._tell(JobResumed, row, row.updated_at)
        return row.snapshot()

    def remove(self, job_id: str) -> None:
        """Take a job away; raises JobNotFoundError if there is no such job."""
        while True:
            row, now = self.load(job_id), self._parts.clock.now()
            if self._parts.store.remove(row, changes.remove(row, now, self._parts.new_id), now):
                break
        self._tell(JobRemoved, row, now)

    def _insert(self, row: JobRow) -> bool:
        (inserted,) = self._parts.store.insert([row])
        if inserted:
            self._tell(JobAdded, row, row.created_at)
        return inserted

    def _change(self, job_id: str, decide: Decide) -> JobRow:
        while True:
            row = self.load(job_id)
            if self._parts.store.save(row, decide(row, self._parts.clock.now())):
                return row

    def _tell(self, kind: type[JobEvent], row: JobRow, at: datetime, **details: object) -> None:
        if self._parts.bus.wants(kind):
            self._parts.bus.publish(kind(at=at, namespace=self._namespace, job_id=row.key.id, **details))


def not_found(namespace: str, job_id: str) -> JobNotFoundError:
    """The error that says that there is no such job."""
    return JobNotFoundError(f"no job {job_id!r} in namespace {namespace!r}: jobs() lists those there are")


def refuse_never(spec: JobSpec, now: datetime) -> None:
    """Refuse a schedule that has no occurrence at all, past or to come.

    Raises:
        ConfigurationError: it has none.
    """
    schedule = spec.schedule.bind(now=now)
    if schedule.next(now) is None and schedule.next(EARLIEST) is None and not isinstance(schedule, Manual):
        raise ConfigurationError(f"job {spec.id!r} would never run: {schedule} has no occurrence")


def _refuse_ended(row: JobRow, now: datetime) -> None:
    schedule = row.spec.schedule
    if row.next_at is None and not isinstance(schedule, Manual):
        remedy = "; give a later instant, or 'now' to run it at once" if isinstance(schedule, At) else ""
        raise ConfigurationError(
            f"job {row.key.id!r} would never run: {schedule} has no occurrence after {now}{remedy}"
        )


def _same(before: object, after: object) -> bool:
    """Whether two values of an option are equal; what will not be compared, an array among the arguments, is not."""
    try:
        return bool(before == after)
    except Exception as error:
        logger.debug("two values of an option cannot be compared: %r", error)
        return False


def _differences(before: JobSpec, after: JobSpec) -> tuple[str, ...]:
    """The names of the options that differ, in order."""
    names = [
        field.name for field in fields(JobSpec) if not _same(getattr(before, field.name), getattr(after, field.name))
    ]
    if "policies" in names:
        names.remove("policies")
        old, new = before.policies, after.policies
        names += [field.name for field in fields(Policies) if getattr(old, field.name) != getattr(new, field.name)]
    return tuple(sorted(names))
