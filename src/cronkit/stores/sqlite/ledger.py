"""The record of every occurrence, read beside whatever is being written.

A page is put together from one ordered range of an index for each status, so that it costs the same however many runs
there are; running ones, which are in none of these indexes, come from among those that are held.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from cronkit.jobs.page import Page
from cronkit.jobs.run import Run
from cronkit.jobs.status import RunStatus
from cronkit.jobs.validation import page_number
from cronkit.stores.protocol import RunFilter
from cronkit.stores.sqlite.database import Connection, Database
from cronkit.stores.sqlite.moments import to_micros
from cronkit.stores.sqlite.run_rows import MOST, RUN, RUNS_BY_SEQUENCE, STATUSES, Row, read_snapshot
from cronkit.stores.sqlite.schema import BLOCK

ALL_TIME = -(2**63), 2**63 - 1

_BOUNDS = "sequence > :after AND sequence < :before AND scheduled_until >= :since AND scheduled_at < :until"
_NEWEST = "ORDER BY sequence DESC LIMIT :limit"
OF_NAMESPACE = f"""
SELECT sequence FROM runs
WHERE namespace = :namespace AND status = :status AND status <> 'running' AND {_BOUNDS} {_NEWEST}"""
OF_JOB = f"""
SELECT sequence FROM runs
WHERE job = :job AND status = :status AND status <> 'running' AND {_BOUNDS} {_NEWEST}"""
RUNNING_OF_NAMESPACE = f"""
SELECT sequence FROM runs
WHERE held = 1 AND status = 'running' AND namespace = :namespace AND {_BOUNDS} {_NEWEST}"""
RUNNING_OF_JOB = f"""
SELECT sequence FROM runs WHERE job = :job AND place IS NOT NULL AND status = 'running' AND {_BOUNDS}"""
LIVES = """
SELECT pk FROM jobs WHERE namespace = :namespace AND id = :id AND removed_at IS NULL
UNION ALL SELECT pk FROM jobs WHERE namespace = :namespace AND id = :id AND removed_at IS NOT NULL"""
FIRST_BLOCK = """
SELECT block FROM spans WHERE block >= 0 AND (latest >= ? OR latest < earliest) ORDER BY block LIMIT 1"""
LAST_BLOCK = f"""
SELECT block FROM spans
WHERE block < {MOST // BLOCK} AND (earliest < ? OR latest < earliest) ORDER BY block DESC LIMIT 1"""
"""A span that ends before it begins hides nothing: its block is looked through."""

COUNTS = f"""
SELECT status, count(*) FROM runs WHERE namespace = :namespace AND status <> 'running' GROUP BY status
UNION ALL SELECT status, count(*) FROM runs WHERE held = 1 AND status = 'running' AND namespace = :namespace
UNION ALL
SELECT status, sum(count - 1) FROM runs
WHERE namespace = :namespace AND count > 1 AND count < {MOST} GROUP BY status"""
COUNTS_OF_JOB = f"""
SELECT status, count(*) FROM runs WHERE job = :job AND status <> 'running' GROUP BY status
UNION ALL SELECT status, count(*) FROM runs WHERE job = :job AND place IS NOT NULL AND status = 'running'
UNION ALL
SELECT status, sum(count - 1) FROM runs
WHERE namespace = :namespace AND job = :job AND count > 1 AND count < {MOST} GROUP BY status"""


class SQLiteLedger:
    """The record in a file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def run(self, run_id: str) -> Run | None:
        """See ``LedgerTable``."""
        row = self._database.read(lambda connection: connection.execute(RUN, (run_id,)).fetchone())
        return None if row is None else read_snapshot(row)

    def runs(self, wanted: RunFilter, *, limit: int, cursor: str | None) -> Page[Run]:
        """See ``LedgerTable``."""

        def page(connection: Connection) -> tuple[list[Row], bool]:
            sequences = sorted(_sequences(connection, wanted, limit + 1, cursor), reverse=True)[: limit + 1]
            shown = sequences[:limit]
            rows = {row[0]: row for row in connection.execute(RUNS_BY_SEQUENCE, (json.dumps(shown),))}
            return [rows[sequence] for sequence in shown], len(sequences) > limit

        rows, is_more = self._database.read(page)
        return Page([read_snapshot(row) for row in rows], str(rows[-1][0]) if is_more else None)

    def counts(self, namespace: str, job_id: str | None = None) -> Mapping[RunStatus, int]:
        """See ``LedgerTable``."""
        found: dict[RunStatus, int] = {}
        for status, count in self._database.read(lambda connection: list(_counts(connection, namespace, job_id))):
            if count:
                known = STATUSES.get(status, RunStatus.HELD)  # as ``read_snapshot`` shows it
                found[known] = found.get(known, 0) + count
        return found


def _counts(connection: Connection, namespace: str, job_id: str | None) -> Iterator[tuple[str, int]]:
    if job_id is None:
        yield from connection.execute(COUNTS, {"namespace": namespace})
        return
    for pk in _lives(connection, namespace, job_id):
        yield from connection.execute(COUNTS_OF_JOB, {"namespace": namespace, "job": pk})


def _lives(connection: Connection, namespace: str, job_id: str) -> list[int]:
    return [pk for (pk,) in connection.execute(LIVES, {"namespace": namespace, "id": job_id})]


def _sequences(connection: Connection, wanted: RunFilter, limit: int, cursor: str | None) -> Iterator[int]:
    """The numbers of matching runs: of each status, and each life of the job, the newest ``limit``."""
    values = _bounds(connection, wanted, cursor)
    if values is None:
        return
    values |= {"namespace": wanted.namespace, "limit": limit}
    statuses = wanted.statuses if wanted.statuses is not None else RunStatus
    others = [status._value_ for status in statuses if status is not RunStatus.RUNNING]
    of_status, running = OF_NAMESPACE, RUNNING_OF_NAMESPACE
    lives: Sequence[int | None] = [None]
    if wanted.job_id is not None:
        of_status, running = OF_JOB, RUNNING_OF_JOB
        lives = _lives(connection, wanted.namespace, wanted.job_id)
    for pk in lives:
        values["job"] = pk
        for status in others:
            values["status"] = status
            for (sequence,) in connection.execute(of_status, values):
                yield sequence
        if RunStatus.RUNNING in statuses:
            for (sequence,) in connection.execute(running, values):
                yield sequence


def _bounds(connection: Connection, wanted: RunFilter, cursor: str | None) -> dict[str, object] | None:
    """Between which numbers, and which times, the runs of a page lie; None if there can be none."""
    after, before = -1, ALL_TIME[1] if cursor is None else page_number(cursor)
    since, until = ALL_TIME
    if wanted.since is not None:
        since = to_micros(wanted.since)
        row = connection.execute(FIRST_BLOCK, (since,)).fetchone()
        if row is None:
            return None
        after = row[0] * BLOCK - 1
    if wanted.until is not None:
        until = to_micros(wanted.until)
        row = connection.execute(LAST_BLOCK, (until,)).fetchone()
        if row is None:
            return None
        before = min(before, (row[0] + 1) * BLOCK)
    return {"after": after, "before": before, "since": since, "until": until}
