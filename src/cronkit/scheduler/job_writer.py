"""Writes jobs: each change is load, decide and save, and again if somebody else was faster; then it is announced, and
so is what it ended."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice

from cronkit.engine import changes
from cronkit.engine.announcer import ends
from cronkit.errors import ConfigurationError, JobExistsError, JobNotFoundError, UnreadableError
from cronkit.events import JobAdded, JobEvent, JobPaused, JobRemoved, JobResumed, JobUpdated
from cronkit.jobs.job import Job, JobRow, JobSpec
from cronkit.jobs.keys import JobKey
from cronkit.jobs.layers import differences
from cronkit.jobs.run import RunRow
from cronkit.scheduler.findings import fingerprint_of
from cronkit.scheduler.runtime import Parts
from cronkit.schedules import At, Manual

EXISTS = ("error", "update", "keep")
SLICE = 1_000
"""How many jobs are added in one write: one transaction of a durable store, short enough for others to wait for."""
LISTED = 5
"""How many ids an error lists."""

Decide = Callable[[JobRow, datetime], list[RunRow]]
"""Changes a row as of a time, and returns the runs born of that."""


class JobWriter:
    """Writes the jobs of one namespace into a scheduler's store, and tells its event bus."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def load(self, job_id: str) -> JobRow:
        """A copy of a job's row.

        Raises:
            JobNotFoundError: there is no such job.
        """
        row = self._parts.store.load(self._parts.namespace, job_id)
        if row is None:
            raise self.not_found(job_id)
        return row

    def not_found(self, job_id: str) -> JobNotFoundError:
        """The error that says that there is no such job, and whether there was."""
        namespace = self._parts.namespace
        if self._parts.store.load(namespace, job_id, removed=True) is None:
            return JobNotFoundError(f"no job {job_id!r} in namespace {namespace!r}: jobs() lists those there are")
        return JobNotFoundError(
            f"job {job_id!r} was removed from namespace {namespace!r}: jobs(removed=True) and history({job_id!r}) show "
            "what is kept of it; add() it again, or reset() it where code declares it"
        )

    def put(self, spec: JobSpec, exists: str, by: str | None) -> Job:
        """Add a job that the application makes at run time; ``exists`` says what to do if its id is taken.

        Raises:
            JobExistsError: the id is taken, and ``exists="error"``; ConfigurationError: the job would never run.
        """
        check_exists(exists)
        while True:
            row = self._new(spec, by)
            if self._insert(row):
                return row.snapshot()
            if exists == "error":
                raise JobExistsError(
                    f"there is a job {spec.id!r} already: give another id=, or exists='update' or 'keep'"
                )
            with suppress(JobNotFoundError):  # it was removed since
                return self._settle(spec, exists, by)

    def put_many(self, specs: Sequence[JobSpec], exists: str, by: str | None) -> list[Job]:
        """``put`` for many, ``SLICE`` of them in one write; they come back in their order.

        Raises:
            JobExistsError: ids are taken, and ``exists="error"``; all others were added. ConfigurationError: one of
            them would never run; none was added.
        """
        check_exists(exists)
        rows = [self._new(spec, by) for spec in specs]
        taken = [row.spec for row in self._insert_all(rows)]
        if taken and exists == "error":
            names = ", ".join(repr(spec.id) for spec in taken[:LISTED])
            more = f" and {len(taken) - LISTED:,} more" if len(taken) > LISTED else ""
            raise JobExistsError(
                f"{len(taken):,} of {len(rows):,} jobs have ids that are taken, {names}{more}; all others were added: "
                "give these other ids, or exists='update' or 'keep'"
            )
        settled = {spec.id: self.put(spec, exists, by) for spec in taken}
        return [settled.get(row.key.id) or row.snapshot() for row in rows]

    def update(self, job_id: str, respecify: Callable[[JobSpec], JobSpec], by: str | None) -> Job:
        """Give a job the spec that ``respecify`` makes of its own; the same one changes nothing.

        Raises:
            JobNotFoundError: there is no such job; ConfigurationError: the job would never run again;
            UnreadableError: the store cannot read what it has of the job.
        """
        while True:
            row, now = self._readable(job_id), self._parts.clock.now()
            before = row.snapshot()
            births = changes.update(row, respecify(row.spec), now, by, self._parts.new_id)
            changed = differences(before.spec, row.spec)
            if not changed:
                return before
            if row.spec.schedule != before.schedule and _has_ended(row):
                raise _never(row, now)
            if written := self._parts.store.save(row, births):
                break
        self.tell_ends(written.ended, now)
        self.tell(JobUpdated, row.key, now, changed=changed)
        return row.snapshot()

    def reset(self, job_id: str, declared: JobSpec | None, by: str | None) -> Job:
        """Give a job what code declares, or did last where ``declared`` is None; a removed one begins a new life.

        Raises:
            JobNotFoundError: there is no such job; ConfigurationError: no code has declared it.
        """
        while True:
            row, now = self._parts.store.load(self._parts.namespace, job_id, removed=True), self._parts.clock.now()
            if row is None or row.removed_at is not None:
                spec = row.declared if declared is None and row is not None else declared
                if spec is None:
                    raise self.not_found(job_id)
                fresh = changes.create_declared(spec, fingerprint_of(spec), self._parts.namespace, now, by)
                if self._insert(fresh):
                    return fresh.snapshot()
                continue
            spec = row.declared or declared
            if spec is None:
                why = "it cannot be read" if row.unreadable else "it was made at run time"
                raise ConfigurationError(
                    f"job {job_id!r} has no declaration to go back to: {why}; remove() and add() it"
                )
            before = row.snapshot()
            if not row.overrides and row.unreadable is None:
                return before
            births = changes.reset(row, spec, fingerprint_of(spec), now, by, self._parts.new_id)
            if written := self._parts.store.save(row, births):
                self.tell_ends(written.ended, now)
                self.tell(JobUpdated, row.key, now, changed=differences(before.spec, row.spec))
                return row.snapshot()

    def pause(self, job_id: str, reason: str | None, until: datetime | None, by: str | None) -> Job:
        """Stop a job's schedule; raises as ``update`` does."""
        row = self._change(job_id, lambda row, now: changes.pause(row, now, reason, until, by, self._parts.new_id))
        self.tell(JobPaused, row.key, row.updated_at, reason=reason, until=until, by=by)
        return row.snapshot()

    def resume(self, job_id: str, by: str | None) -> Job:
        """Let a paused job's schedule go on; nothing happens to one that is not paused.

        Raises:
            JobNotFoundError: there is no such job; UnreadableError: the store cannot read what it has of the job.
        """
        job = self._readable(job_id).snapshot()
        if not job.paused:
            return job
        row = self._change(job_id, lambda row, now: changes.resume(row, now, by, self._parts.new_id))
        self.tell(JobResumed, row.key, row.updated_at)
        return row.snapshot()

    def remove(self, job_id: str, by: str | None) -> None:
        """Take a job away; raises JobNotFoundError if there is no such job."""
        while True:
            row, now = self.load(job_id), self._parts.clock.now()
            if written := self._parts.store.remove(row, changes.remove(row, now, by, self._parts.new_id), now):
                break
        self.tell_ends(written.ended, now)
        self.tell(JobRemoved, row.key, now)

    def tell(self, kind: type[JobEvent], key: JobKey, at: datetime, **details: object) -> None:
        """Publish an event about a job, if anybody listens."""
        if self._parts.bus.wants(kind):
            self._parts.bus.publish(kind(at=at, namespace=key.namespace, job_id=key.id, **details))

    def tell_ends(self, runs: list[RunRow], at: datetime) -> None:
        """Publish what a verb, at ``at``, has made of runs, if anybody listens."""
        bus = self._parts.bus
        bus.publish_behind([*ends(runs, at, bus)])

    def _readable(self, job_id: str) -> JobRow:
        """A copy of the row of a job that may be changed: what is written back would be the end of what is unread."""
        row = self.load(job_id)
        if row.unreadable is not None:
            raise UnreadableError(
                f"job {job_id!r} cannot be changed, for what the store has of it cannot be read: {row.unreadable}; "
                "reset() it, if code declares it, or remove() and add() it"
            )
        return row

    def _new(self, spec: JobSpec, by: str | None) -> JobRow:
        """The row of a job to be added, unless it would never run; one that is there already may have ended."""
        now = self._parts.clock.now()
        row = changes.create(spec, self._parts.namespace, now, by)
        if _has_ended(row) and self._parts.store.load(self._parts.namespace, spec.id) is None:
            raise _never(row, now)
        return row

    def _insert(self, row: JobRow) -> bool:
        (inserted,) = self._parts.store.insert([row])
        if inserted:
            self.tell(JobAdded, row.key, row.created_at)
        return inserted

    def _insert_all(self, rows: Sequence[JobRow]) -> Iterator[JobRow]:
        """Insert rows slice by slice, and yield those whose id is taken."""
        left, done = iter(rows), 0
        while part := list(islice(left, SLICE)):
            try:
                answers = self._parts.store.insert(part)
            except OSError as error:
                error.add_note(f"{done:,} of {len(rows):,} jobs are dealt with: give them again with exists='keep'")
                raise
            done += len(part)
            for row, inserted in zip(part, answers, strict=True):
                if inserted:
                    self.tell(JobAdded, row.key, row.created_at)
                else:
                    yield row

    def _settle(self, spec: JobSpec, exists: str, by: str | None) -> Job:
        """What becomes of a job whose id is taken."""
        if exists == "keep":
            return self.load(spec.id).snapshot()
        return self.update(spec.id, lambda _: spec, by)

    def _change(self, job_id: str, decide: Decide) -> JobRow:
        while True:
            row, now = self._readable(job_id), self._parts.clock.now()
            if written := self._parts.store.save(row, decide(row, now)):
                self.tell_ends(written.ended, now)
                return row


def check_exists(exists: str) -> None:
    """Refuse what ``exists`` cannot be."""
    if exists not in EXISTS:
        raise ConfigurationError(f"exists={exists!r}: give one of {', '.join(map(repr, EXISTS))}")


def _has_ended(row: JobRow) -> bool:
    return row.next_at is None and not isinstance(row.spec.schedule, Manual)


def _never(row: JobRow, now: datetime) -> ConfigurationError:
    schedule = row.spec.schedule
    remedy = "; give a later instant, or 'now' to run it at once" if isinstance(schedule, At) else ""
    return ConfigurationError(f"job {row.key.id!r} would never run: {schedule} has no occurrence after {now}{remedy}")
