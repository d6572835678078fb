"""Pages of jobs: each filter has an index whose order is that of the ids."""

from cronkit.jobs.job import JobRow
from cronkit.stores.protocol import JobFilter
from cronkit.stores.sqlite.database import Connection
from cronkit.stores.sqlite.declarations import Declarations
from cronkit.stores.sqlite.job_rows import COLUMNS, read_jobs

_REST = "(:owner IS NULL OR owner = :owner) AND (:declared IS NULL OR is_declared = :declared)"

ALL = f"""
SELECT {COLUMNS} FROM jobs
WHERE namespace = :namespace AND removed_at IS NULL AND id > :cursor AND {_REST} ORDER BY id LIMIT :limit"""
DECLARED = f"""
SELECT {COLUMNS} FROM jobs
WHERE namespace = :namespace AND is_declared = 1 AND removed_at IS NULL AND id > :cursor AND {_REST}
ORDER BY id LIMIT :limit"""
OWNED = f"""
SELECT {COLUMNS} FROM jobs
WHERE namespace = :namespace AND owner = :owner AND owner IS NOT NULL AND removed_at IS NULL AND id > :cursor
    AND {_REST}
ORDER BY id LIMIT :limit"""
TAGGED = f"""
SELECT {COLUMNS} FROM (SELECT id AS tagged_id, job FROM tags WHERE namespace = :namespace AND tag = :tag) AS tagged
CROSS JOIN jobs ON pk = job
WHERE tagged_id > :cursor AND removed_at IS NULL AND {_REST} ORDER BY tagged_id LIMIT :limit"""
REMOVED = f"""
SELECT {COLUMNS} FROM jobs AS gone
WHERE namespace = :namespace AND removed_at IS NOT NULL AND id > :cursor AND {_REST}
    AND NOT EXISTS (SELECT 1 FROM jobs AS present WHERE present.namespace = gone.namespace AND present.id = gone.id
        AND present.removed_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM jobs AS later WHERE later.namespace = gone.namespace AND later.id = gone.id
        AND later.removed_at IS NOT NULL AND later.pk > gone.pk)
ORDER BY id LIMIT :limit"""


def read_page(
    connection: Connection, declarations: Declarations, wanted: JobFilter, limit: int, cursor: str | None
) -> list[JobRow]:
    """Up to ``limit`` jobs that match, ordered by id, after ``cursor``."""
    statement = _statement(wanted)
    found: list[JobRow] = []
    while len(found) < limit:
        values = {
            "namespace": wanted.namespace,
            "tag": wanted.tag,
            "owner": wanted.owner,
            "declared": wanted.declared,
            "cursor": cursor or "",
            "limit": limit,
        }
        rows = connection.execute(statement, values).fetchall()
        jobs = read_jobs(connection, declarations, rows)
        if wanted.tag is not None:
            # Those of removed jobs are in no index; and those of a job that could not be read when it was changed stay.
            jobs = [job for job in jobs if wanted.tag in job.spec.tags or job.unreadable is not None]
        found += jobs
        if len(rows) < limit:
            break
        cursor = rows[-1][2]
    return found[:limit]


def _statement(wanted: JobFilter) -> str:
    if wanted.removed:
        return REMOVED
    if wanted.tag is not None:
        return TAGGED
    if wanted.declared:
        return DECLARED
    return ALL if wanted.owner is None else OWNED
