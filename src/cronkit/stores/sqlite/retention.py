"""What is forgotten: ended runs beyond a number or an age, and removed jobs on request. Counters stay."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from cronkit.clock import utc_now
from cronkit.jobs.status import TERMINAL
from cronkit.stores.sqlite.births import KEEP_LAST_SEQUENCE
from cronkit.stores.sqlite.database import Connection, Database
from cronkit.stores.sqlite.job_table import SLICE
from cronkit.stores.sqlite.moments import span_micros, to_micros
from cronkit.stores.sqlite.run_rows import MOST
from cronkit.stores.sqlite.schema import BLOCK

NAMESPACES = """
WITH RECURSIVE names (namespace) AS (
    SELECT min(namespace) FROM runs WHERE status <> 'running'
    UNION ALL
    SELECT (SELECT min(namespace) FROM runs WHERE status <> 'running' AND namespace > names.namespace)
    FROM names WHERE names.namespace IS NOT NULL
)
SELECT namespace FROM names WHERE namespace IS NOT NULL"""
OLDEST = """
SELECT sequence, finished_at FROM runs
WHERE namespace = ? AND status = ? AND status <> 'running' AND sequence < ? AND occupied = 0
ORDER BY sequence LIMIT ?"""
NEWEST = f"SELECT ifnull(max(sequence), 0) FROM runs WHERE sequence < {MOST}"
DELETE_RUNS = "DELETE FROM runs WHERE sequence IN (SELECT value FROM json_each(?))"
DELETE_SPANS = "DELETE FROM spans WHERE block < (SELECT min(sequence) / ? FROM runs)"

FINISHED_LIVES = """
SELECT pk FROM jobs WHERE namespace = ? AND id = ? AND removed_at IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM runs WHERE job = jobs.pk AND place IS NOT NULL)"""
ENDED_OF_JOB = """
SELECT sequence FROM runs WHERE job = ? AND status = ? AND status <> 'running' AND occupied = 0 LIMIT ?"""
PURGE = ("DELETE FROM jobs WHERE pk = ?", "DELETE FROM specs WHERE job = ?", "DELETE FROM revisions WHERE job = ?")


class SQLiteRetention:
    """What a file keeps: the newest ``keep_runs`` runs, and of these the ones that ended within ``keep_for``."""

    def __init__(self, database: Database, keep_runs: int, keep_for: timedelta) -> None:
        self._database = database
        self._keep_runs = keep_runs
        self._keep_for = span_micros(keep_for)

    def prune(self, now: datetime | None, limit: int) -> int:
        """See ``LedgerTable``."""
        too_old = to_micros(now or utc_now()) - self._keep_for
        if not self._database.read(lambda connection: self._prunable(connection, too_old, limit)):
            return 0

        def prune(connection: Connection) -> int:
            gone = self._prunable(connection, too_old, limit)  # a record of refusals may have been extended meanwhile
            _delete(connection, gone)
            return len(gone)

        return self._database.write(prune)

    def _prunable(self, connection: Connection, too_old: int, limit: int) -> list[int]:
        """Up to ``limit`` runs to forget, the oldest first.

        Of each status the oldest runs are looked at. One that took long hides those born after it until it may go
        itself; all of them go in the end.
        """
        (newest,) = connection.execute(NEWEST).fetchone()
        beyond = newest - self._keep_runs
        gone: list[int] = []
        for (namespace,) in connection.execute(NAMESPACES).fetchall():
            for status in TERMINAL:
                rows = connection.execute(OLDEST, (namespace, status._value_, newest, limit))
                gone += [each for each, ended in rows if each <= beyond or (type(ended) is int and ended < too_old)]
        return sorted(gone)[:limit]

    def purge(self, namespace: str, job_id: str) -> int:
        """See ``JobTable``."""
        values = namespace, job_id
        lives = self._database.read(lambda connection: connection.execute(FINISHED_LIVES, values).fetchall())
        for (pk,) in lives:
            self._purge(pk)
        return len(lives)

    def _purge(self, pk: int) -> None:
        for status in TERMINAL:
            while self._purge_slice(pk, status._value_) == SLICE:
                pass
        self._database.write(lambda connection: [connection.execute(statement, (pk,)) for statement in PURGE])

    def _purge_slice(self, pk: int, status: str) -> int:
        def purge(connection: Connection) -> int:
            gone = [each for (each,) in connection.execute(ENDED_OF_JOB, (pk, status, SLICE))]
            if gone:
                _delete(connection, gone)
            return len(gone)

        return self._database.write(purge)


def _delete(connection: Connection, sequences: Iterable[int]) -> None:
    (newest,) = connection.execute(NEWEST).fetchone()
    connection.execute(KEEP_LAST_SEQUENCE, (newest,))
    connection.execute(DELETE_RUNS, (json.dumps(list(sequences)),))
    connection.execute(DELETE_SPANS, (BLOCK,))
