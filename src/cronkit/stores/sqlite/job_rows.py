"""Rows of ``jobs`` as ``JobRow``s."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from cronkit.jobs.documents import pause_from_text
from cronkit.jobs.job import NO_WATERMARK, JobRow
from cronkit.jobs.keys import JobKey
from cronkit.jobs.status import TERMINAL, RunStatus
from cronkit.stores.sqlite.database import Connection
from cronkit.stores.sqlite.declarations import Declaration, Declarations, stand_in
from cronkit.stores.sqlite.moments import EPOCH, from_micros, maybe_moment
from cronkit.stores.sqlite.run_rows import MOST

COUNTED = tuple(status for status in RunStatus if status in TERMINAL)
"""The statuses that a job counts, each in the column of its name."""

COLUMNS = """pk, namespace, id, revision, spec_revision, target, executor, created_at, updated_at, watermark, next_at,
    next_due, pause, spawned, revisions, last_refusal, removed_at, quarantine, """ + ", ".join(COUNTED)
FIRST_COUNTER = 18

OPEN_RUNS = """
SELECT job, id FROM runs
WHERE job IN (SELECT value FROM json_each(?)) AND place IS NOT NULL ORDER BY job, place"""

NONSENSE = ValueError, TypeError, OverflowError
"""What reading a column raises that makes no sense."""

Row = Sequence[Any]


def read_jobs(connection: Connection, declarations: Declarations, rows: Sequence[Row]) -> list[JobRow]:
    """The jobs of rows of ``COLUMNS``, each with its declaration and its open runs.

    A row that makes no sense becomes a job that is unreadable, which the others need not notice.
    """
    if not rows:
        return []
    keys = {row[0]: JobKey(row[1], row[2], row[0]) for row in rows}
    declared = declarations.of(connection, ((row[0], row[4], keys[row[0]], row[5], row[6]) for row in rows))
    gates: dict[int, list[str]] = defaultdict(list)
    for pk, run_id in connection.execute(OPEN_RUNS, (json.dumps(list(keys)),)):
        gates[pk].append(run_id)
    return [_read_job(row, keys[row[0]], declared[row[0]], gates.get(row[0], ())) for row in rows]


def _read_job(row: Row, key: JobKey, declaration: Declaration, open_runs: Iterable[str]) -> JobRow:
    job: JobRow = object.__new__(JobRow)  # a third of what __init__ and setting it all again would take
    job.key = key
    job.revision = row[3]
    job.spawned, job.revisions, job.last_refusal = row[13], row[14], row[15]
    job.open = tuple(open_runs)
    job.noted = ()
    job.counters = {
        status: count
        for status, count in zip(COUNTED, row[FIRST_COUNTER:], strict=True)
        if count and type(count) is int
    }
    job.spec, job.declared, job.overrides, job.fingerprints, job.unreadable = declaration
    if row[17] is not None:
        job.unreadable = row[17]
    try:
        for number in (row[3], row[4], row[13], row[14]):
            if not _is_number(number):
                raise ValueError(f"{number!r:.40} is no number of revisions or runs")
        job.created_at, job.updated_at, job.watermark = from_micros(row[7]), from_micros(row[8]), from_micros(row[9])
        job.next_at = maybe_moment(row[10])
        job.next_due = job.next_at if row[11] == row[10] else maybe_moment(row[11])
        job.pause = None if row[12] is None else pause_from_text(row[12])
        job.removed_at = maybe_moment(row[16])
    except NONSENSE as error:
        _set_aside(job, row, f"{error}")
    return job


def _set_aside(job: JobRow, row: Row, reason: str) -> None:
    """Make an unreadable job of one of which something makes no sense; each time that does is kept, and so is a pause.

    It is what the job goes on from once it is put right. A count that is lost begins anew.
    """
    job.unreadable = job.unreadable or reason
    job.spec = stand_in(job.key.id, row[5], row[6])
    job.spawned, job.revisions = (number if _is_number(number) else 0 for number in row[13:15])
    job.created_at, job.updated_at = _moment(row[7]) or EPOCH, _moment(row[8]) or EPOCH
    job.watermark = _moment(row[9]) or NO_WATERMARK
    job.next_at, job.next_due, job.removed_at = map(_moment, (row[10], row[11], row[16]))
    job.pause = None
    if row[12] is not None:
        with suppress(*NONSENSE):
            job.pause = pause_from_text(row[12])


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST


def _moment(micros: int | None) -> datetime | None:
    """An instant; None for what is none."""
    try:
        return maybe_moment(micros)
    except NONSENSE:
        return None
