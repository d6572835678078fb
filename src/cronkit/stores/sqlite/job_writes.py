"""What is written of a job when somebody adds or changes it: its row, its declaration, its tags, its history."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from cronkit.errors import UnreadableError
from cronkit.jobs.codec import decode_value
from cronkit.jobs.documents import (
    pause_to_text,
    policies_from_json,
    policies_text,
    schedule_from_json,
    schedule_text,
)
from cronkit.jobs.job import HISTORY_LIMIT, RENAMED, JobRow, Revision
from cronkit.jobs.keys import JobKey
from cronkit.schedules import Manual
from cronkit.stores.sqlite.database import Connection
from cronkit.stores.sqlite.declarations import PUT_SPEC, Texts
from cronkit.stores.sqlite.job_rows import Row
from cronkit.stores.sqlite.moments import from_micros, maybe_micros, to_micros

TAKEN = """
SELECT wanted.value FROM json_each(?) AS wanted CROSS JOIN jobs
WHERE jobs.namespace = ? AND jobs.id = wanted.value AND jobs.removed_at IS NULL"""
IS_TAKEN = "SELECT namespace, id FROM jobs WHERE namespace = ? AND id = ? AND removed_at IS NULL"
LAST_PK = "SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'jobs'), 0)"
INSERT_JOB = """
INSERT INTO jobs (pk, namespace, id, revision, spec_revision, target, executor, created_at, updated_at, watermark,
    next_at, next_due, pause, spawned, revisions, owner, is_declared)
VALUES (?, ?, ?, 1, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
PUT_TAG = "INSERT OR IGNORE INTO tags (namespace, tag, id, job) VALUES (?, ?, ?, ?)"
DROP_TAGS = "DELETE FROM tags WHERE namespace = ? AND tag = ? AND id = ? AND job = ?"
PUT_REVISION = """
INSERT OR REPLACE INTO revisions (job, number, at, action, by, schedule, policies) VALUES (?, ?, ?, ?, ?, ?, ?)"""
FORGET_REVISIONS = f"""
DELETE FROM revisions WHERE job = ? AND number <= ? AND number NOT IN (
    SELECT number FROM revisions WHERE job = ? AND action GLOB '{RENAMED}*' ORDER BY number DESC LIMIT {HISTORY_LIMIT}
)"""
HISTORY = "SELECT number, at, action, by, schedule, policies FROM revisions WHERE job = ? ORDER BY number"


class NewJob:
    """A job with all of it that is text, made before the transaction that writes it."""

    __slots__ = ("job", "pause", "revisions", "texts")

    def __init__(self, job: JobRow, texts: Texts) -> None:
        self.job = job
        self.texts = texts
        self.pause = None if job.pause is None else pause_to_text(job.pause)
        self.revisions = revision_texts(job.noted)

    def row(self, pk: int) -> tuple[object, ...]:
        """The values of ``INSERT_JOB``."""
        job = self.job
        next_at = maybe_micros(job.next_at)
        return (
            pk,
            job.key.namespace,
            job.key.id,
            job.spec.target,
            job.spec.executor,
            to_micros(job.created_at),
            to_micros(job.updated_at),
            to_micros(job.watermark),
            next_at,
            next_at if job.next_due is job.next_at else maybe_micros(job.next_due),
            self.pause,
            job.spawned,
            job.revisions,
            job.spec.owner,
            0 if job.declared is None else 1,
        )


RevisionTexts = tuple[int, int, str, str | None, str, str]


def revision_texts(revisions: Iterable[Revision]) -> list[RevisionTexts]:
    """Changes as the columns of ``revisions`` have them."""
    return [
        (
            each.number,
            to_micros(each.at),
            each.action,
            each.by,
            schedule_text(each.schedule),
            policies_text(each.policies),
        )
        for each in revisions
    ]


def write_new(connection: Connection, jobs: Sequence[NewJob]) -> list[int]:
    """Write jobs whose ids are free; return their generations."""
    (last,) = connection.execute(LAST_PK).fetchone()
    pks = list(range(last + 1, last + 1 + len(jobs)))
    pairs = list(zip(pks, jobs, strict=True))
    connection.executemany(INSERT_JOB, [new.row(pk) for pk, new in pairs])
    connection.executemany(PUT_SPEC, [(pk, *new.texts) for pk, new in pairs])
    for pk, new in pairs:
        if new.job.spec.tags:
            write_tags(connection, new.job.key._replace(generation=pk), new.job.spec.tags)
    connection.executemany(PUT_REVISION, [(pk, *revision) for pk, new in pairs for revision in new.revisions])
    return pks


def taken_ids(connection: Connection, jobs: Sequence[JobRow]) -> set[tuple[str, str]]:
    """Which of the names of jobs are in use."""
    if len(jobs) == 1:  # 1.3 us rather than 3.2
        return set(connection.execute(IS_TAKEN, jobs[0].key[:2]))
    ids: dict[str, list[str]] = {}
    for job in jobs:
        ids.setdefault(job.key.namespace, []).append(job.key.id)
    return {
        (namespace, job_id)
        for namespace, names in ids.items()
        for (job_id,) in connection.execute(TAKEN, (json.dumps(names), namespace))
    }


def write_tags(connection: Connection, key: JobKey, tags: Collection[str], gone: Collection[str] = ()) -> None:
    """Let a job be found by its tags, and by those that are gone no more."""
    namespace, job_id, pk = key
    if gone:
        connection.executemany(DROP_TAGS, [(namespace, tag, job_id, pk) for tag in gone])
    connection.executemany(PUT_TAG, [(namespace, tag, job_id, pk) for tag in tags])


def write_revisions(connection: Connection, pk: int, revisions: Sequence[RevisionTexts]) -> None:
    """Add changes to a job's history, and forget the oldest beyond its limit; its renamings have one of their own."""
    if revisions:
        connection.executemany(PUT_REVISION, [(pk, *revision) for revision in revisions])
        connection.execute(FORGET_REVISIONS, (pk, revisions[-1][0] - HISTORY_LIMIT, pk))


def read_revision(row: Row) -> Revision:
    """A change; one that cannot be read says so in its ``action``."""
    number, at, action, by, schedule, policies = row
    try:
        return Revision(
            number=number,
            at=from_micros(at),
            action=action,
            by=by,
            schedule=schedule_from_json(_object(schedule)),
            policies=policies_from_json(_object(policies)),
        )
    except (ValueError, TypeError, OverflowError) as error:
        return Revision(
            number=number,
            at=from_micros(at if isinstance(at, int) and abs(at) < 2**55 else 0),
            action=f"{action} (unreadable: {error})",
            by=None if by is None else str(by),
            schedule=Manual(),
            policies=policies_from_json({}),
        )


def _object(text: str) -> Mapping[str, object]:
    value = decode_value(text)
    if not isinstance(value, dict):
        raise UnreadableError("this is no JSON object")
    return value
