"""``JobTable`` on SQLite."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from cronkit.clock import utc_now
from cronkit.jobs.documents import pause_to_text
from cronkit.jobs.job import Job, JobRow, JobSpec, Revision
from cronkit.jobs.keys import JobKey
from cronkit.jobs.page import Page
from cronkit.jobs.rules import REMOVED_REASON
from cronkit.jobs.run import RunRow
from cronkit.stores.notices import Notices
from cronkit.stores.protocol import Change, JobFilter, Written
from cronkit.stores.sqlite.births import Bearer, Births
from cronkit.stores.sqlite.database import Connection, Database
from cronkit.stores.sqlite.declarations import (
    PUT_SPEC,
    Declaration,
    Declarations,
    Texts,
    declaration_texts,
    is_stand_in,
)
from cronkit.stores.sqlite.gates import read_gates
from cronkit.stores.sqlite.job_pages import read_page
from cronkit.stores.sqlite.job_rows import COLUMNS, read_jobs
from cronkit.stores.sqlite.job_writes import (
    DROP_TAGS,
    HISTORY,
    PUT_TAG,
    NewJob,
    read_revision,
    revision_texts,
    taken_ids,
    write_new,
    write_revisions,
    write_tags,
)
from cronkit.stores.sqlite.moments import maybe_micros, to_micros

SLICE = 1_000
"""At most how many rows one transaction of many adds, changes or deletes: some tens of milliseconds."""

PRESENT = f"SELECT {COLUMNS} FROM jobs WHERE namespace = ? AND id = ? AND removed_at IS NULL"
LAST_REMOVED = f"""
SELECT {COLUMNS} FROM jobs WHERE namespace = ? AND id = ? AND removed_at IS NOT NULL ORDER BY pk DESC LIMIT 1"""
CURRENT = f"SELECT {COLUMNS} FROM jobs WHERE pk = ? AND revision = ? AND removed_at IS NULL"
SAVE = """
UPDATE jobs SET revision = revision + 1, target = ?, executor = ?, created_at = ?, updated_at = ?, watermark = ?,
    next_at = ?, next_due = ?, pause = ?, spawned = ?, revisions = ?, last_refusal = ?, owner = ?, is_declared = ?
WHERE pk = ?"""
SAVE_SPEC = "UPDATE jobs SET spec_revision = revision, quarantine = NULL, quarantined_by = NULL WHERE pk = ?"
FOLLOW_JOB = "UPDATE runs SET executor = ?, target = ? WHERE job = ? AND place IS NOT NULL AND held = 0"
RENAME = """
UPDATE jobs SET id = ?, revision = revision + 1, spec_revision = revision + 1, revisions = ?, updated_at = ?
WHERE pk = ?"""
REMOVE = """
UPDATE jobs SET removed_at = ?, revision = revision + 1, spawned = ?, last_refusal = ?, next_due = NULL WHERE pk = ?"""
HELD_RUNS = """
SELECT sequence, id FROM runs WHERE job = ? AND status = 'held' AND status <> 'running'"""
TARGETS = """
WITH RECURSIVE names (target) AS (
    SELECT min(target) FROM jobs WHERE namespace = :namespace AND removed_at IS NULL AND quarantine IS NULL
    UNION ALL
    SELECT (
        SELECT min(target) FROM jobs
        WHERE namespace = :namespace AND target > names.target AND removed_at IS NULL AND quarantine IS NULL
    ) FROM names WHERE names.target IS NOT NULL
)
SELECT target FROM names WHERE target IS NOT NULL"""
"""Skips from name to name: it costs as many searches as there are targets, however many jobs there are."""


class SQLiteJobs:
    """The jobs of a file."""

    def __init__(self, database: Database, declarations: Declarations, notices: Notices) -> None:
        self._database = database
        self._declarations = declarations
        self._notices = notices

    # -- reading ------------------------------------------------------------------------------------------------------

    def load(self, namespace: str, job_id: str, *, removed: bool = False) -> JobRow | None:
        """See ``JobTable``."""

        def load(connection: Connection) -> JobRow | None:
            rows = connection.execute(PRESENT, (namespace, job_id)).fetchall()
            if not rows and removed:
                rows = connection.execute(LAST_REMOVED, (namespace, job_id)).fetchall()
            return next(iter(read_jobs(connection, self._declarations, rows)), None)

        return self._database.read(load)

    def jobs(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page[Job]:
        """See ``JobTable``."""
        declarations = self._declarations
        found = self._database.read(lambda connection: read_page(connection, declarations, wanted, limit + 1, cursor))
        items = tuple(job.snapshot() for job in found[:limit])
        return Page(items, items[-1].key.id if len(found) > limit else None)

    def history(self, key: JobKey) -> tuple[Revision, ...]:
        """See ``JobTable``."""
        rows = self._database.read(lambda connection: connection.execute(HISTORY, (key.generation,)).fetchall())
        return tuple(map(read_revision, rows))

    def target_names(self, namespace: str) -> frozenset[str]:
        """See ``JobTable``."""
        values = {"namespace": namespace}
        rows = self._database.read(lambda connection: connection.execute(TARGETS, values).fetchall())
        return frozenset(target for (target,) in rows)

    # -- writing ------------------------------------------------------------------------------------------------------

    def insert(self, jobs: Sequence[JobRow]) -> list[bool]:
        """See ``JobTable``. Many are written in slices, each a transaction."""
        inserted: list[bool] = []
        rest = iter(jobs)
        try:
            while some := [NewJob(job, declaration_texts(job)) for job in islice(rest, SLICE)]:
                inserted += self._insert(some)
        finally:
            if any(inserted):
                self._notices.tell(Change.WORK)
        return inserted

    def _insert(self, jobs: Sequence[NewJob]) -> list[bool]:
        free: list[NewJob] = []
        inserted: list[bool] = []

        def insert(connection: Connection) -> list[int]:
            taken = taken_ids(connection, [new.job for new in jobs])
            for new in jobs:
                name = new.job.key[:2]
                inserted.append(name not in taken)
                if inserted[-1]:
                    taken.add(name)
                    free.append(new)
            return write_new(connection, free)

        pks = self._database.write(insert)
        for pk, new in zip(pks, free, strict=True):
            job = new.job
            job.key, job.revision = JobKey(job.key.namespace, job.key.id, pk), 1
            self._remember(job, 1)
        return inserted

    def _remember(self, job: JobRow, spec_revision: int) -> None:
        declaration = Declaration(job.spec, job.declared, job.overrides, job.fingerprints)
        self._declarations.remember(job.key.generation, spec_revision, declaration)

    def save(self, job: JobRow, births: Sequence[RunRow] = ()) -> Written | None:
        """See ``JobTable``."""
        texts = declaration_texts(job)
        pause = None if job.pause is None else pause_to_text(job.pause)
        revisions = revision_texts(job.noted)

        def save(connection: Connection) -> tuple[JobRow, int, Bearer, Births] | None:
            current = self._current(connection, job)
            if current is None:
                return None
            known, spec_revision = current
            bearer, born = self._bear(connection, known, job, births)
            if bearer.spent:
                job.next_at = job.next_due = None
            job.last_refusal = bearer.last_refusal
            if known.spec.schedule != job.spec.schedule:
                # A record stands for occurrences of one schedule, so that they can be told from its ends; the births
                # are still the old one's.
                job.last_refusal = None
            self._write(connection, job, bearer.spawned, pause)
            born.write()
            born.come_forward([bearer])
            is_mended = known.unreadable is not None and job.unreadable is None  # maybe with the declaration it has
            if is_mended or not (self._is_unchanged(job, spec_revision) or is_stand_in(job)):
                spec_revision = job.revision + 1
                self._write_declaration(connection, job, known, texts)
            write_revisions(connection, job.key.generation, revisions)
            return known, spec_revision, bearer, born

        saved = self._database.write(save)
        if saved is None:
            return None
        known, spec_revision, bearer, born = saved
        job.spawned = bearer.spawned
        job.revision += 1
        job.counters, job.open, job.noted = known.counters, tuple(run.id for run in bearer.gate), ()
        if spec_revision == job.revision:
            job.unreadable = None
            self._remember(job, spec_revision)
        self._tell(born, Change.WORK)
        return Written(born.ended)

    def _current(self, connection: Connection, job: JobRow) -> tuple[JobRow, int] | None:
        """The job's present row, if it is still at that revision, and when its declaration was last changed."""
        rows = connection.execute(CURRENT, (job.key.generation, job.revision)).fetchall()
        if not rows or rows[0][1:3] != job.key[:2]:
            return None
        (known,) = read_jobs(connection, self._declarations, rows)
        return known, rows[0][4]

    def _is_unchanged(self, job: JobRow, spec_revision: int) -> bool:
        known = self._declarations.recall(job.key.generation, spec_revision)
        return known is not None and known.is_of(job)

    def _bear(
        self, connection: Connection, known: JobRow, job: JobRow, births: Sequence[RunRow]
    ) -> tuple[Bearer, Births]:
        pk = known.key.generation
        gate = read_gates(connection, [pk]).get(pk, []) if known.open else []
        spec = job.spec
        bearer = Bearer(known.key, spec.target, spec.executor, spec.policies, job.spawned, known.last_refusal, gate)
        born = Births(connection)
        for run in births:
            born.bear(bearer, run)
        return bearer, born

    def _write(self, connection: Connection, job: JobRow, spawned: int, pause: str | None) -> None:
        spec = job.spec
        connection.execute(
            SAVE,
            (
                spec.target,
                spec.executor,
                to_micros(job.created_at),
                to_micros(job.updated_at),
                to_micros(job.watermark),
                maybe_micros(job.next_at),
                maybe_micros(job.next_due),
                pause,
                spawned,
                job.revisions,
                job.last_refusal,
                spec.owner,
                0 if job.declared is None else 1,
                job.key.generation,
            ),
        )

    def _write_declaration(self, connection: Connection, job: JobRow, known: JobRow, texts: Texts) -> None:
        pk = job.key.generation
        connection.execute(PUT_SPEC, (pk, *texts))
        connection.execute(SAVE_SPEC, (pk,))
        if job.spec.tags != known.spec.tags:
            write_tags(connection, job.key, job.spec.tags, gone=known.spec.tags - job.spec.tags)
        if (job.spec.target, job.spec.executor) != (known.spec.target, known.spec.executor):
            connection.execute(FOLLOW_JOB, (job.spec.executor, job.spec.target, pk))

    def rename(self, job: JobRow, job_id: str) -> bool:
        """See ``JobTable``."""
        renamed = replace(job.spec, id=job_id)
        declared = None if job.declared is None else replace(job.declared, id=job_id)
        revisions = revision_texts(job.noted)

        def rename(connection: Connection) -> bool:
            current = self._current(connection, job)
            if current is None or connection.execute(PRESENT, (job.key.namespace, job_id)).fetchone():
                return False
            pk = job.key.generation
            connection.execute(RENAME, (job_id, job.revisions, to_micros(job.updated_at), pk))
            if job.unreadable is None:
                texts = declaration_texts(_with_specs(job, renamed, declared))
                connection.execute(PUT_SPEC, (pk, *texts))
            tags = job.spec.tags
            connection.executemany(DROP_TAGS, [(job.key.namespace, tag, job.key.id, pk) for tag in tags])
            connection.executemany(PUT_TAG, [(job.key.namespace, tag, job_id, pk) for tag in tags])
            write_revisions(connection, pk, revisions)
            return True

        is_renamed = self._database.write(rename)
        if is_renamed:
            self._notices.tell(Change.WORK)
        return is_renamed

    def remove(self, job: JobRow, births: Sequence[RunRow] = (), now: datetime | None = None) -> Written | None:
        """See ``JobTable``."""
        now = now or utc_now()

        def remove(connection: Connection) -> Births | None:
            current = self._current(connection, job)
            if current is None:
                return None
            known, pk = current[0], job.key.generation
            bearer, born = self._bear(connection, known, known, births)
            born.cancel(bearer, REMOVED_REASON, now, running=False)
            for sequence, run_id in connection.execute(HELD_RUNS, (pk,)).fetchall():
                born.end_waiting(bearer, sequence, run_id, REMOVED_REASON, now)
            born.write()
            connection.execute(REMOVE, (to_micros(now), bearer.spawned, bearer.last_refusal, pk))
            connection.executemany(DROP_TAGS, [(known.key.namespace, tag, known.key.id, pk) for tag in known.spec.tags])
            write_revisions(connection, pk, revision_texts(job.noted))
            return born

        born = self._database.write(remove)
        if born is None:
            return None
        self._tell(born)
        return Written(born.ended)

    def _tell(self, born: Births, change: Change | None = None) -> None:
        born.note(self._notices)
        self._notices.tell(change)


def _with_specs(job: JobRow, spec: JobSpec, declared: JobSpec | None) -> JobRow:
    twin = job.copy()
    twin.declared = spec if job.declared is job.spec else declared
    twin.spec = spec
    return twin
