"""Occurrences that are due, and the claims on them."""

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cronkit.clock import utc_now
from cronkit.jobs.codec import encode_value
from cronkit.jobs.keys import JobKey
from cronkit.jobs.run import RunRow
from cronkit.stores.notices import Notices
from cronkit.stores.protocol import Advance, Change, Claim, Due, Reach
from cronkit.stores.sqlite.births import Bearer, Births, find_occurrence
from cronkit.stores.sqlite.claims import BEARERS, Claimant, HeldRuns, ready_runs
from cronkit.stores.sqlite.database import Connection, Database
from cronkit.stores.sqlite.declarations import Declarations
from cronkit.stores.sqlite.dispatcher import Dispatcher
from cronkit.stores.sqlite.gates import read_gates
from cronkit.stores.sqlite.job_rows import COLUMNS, Row, read_jobs
from cronkit.stores.sqlite.moments import EARLIEST, LATEST, from_micros, to_micros
from cronkit.stores.sqlite.run_rows import RUN, read_run, stand_in_run

logger = logging.getLogger("cronkit.stores")

DUE = f"""
SELECT {COLUMNS} FROM jobs
WHERE next_due <= ? AND next_due IS NOT NULL AND removed_at IS NULL AND quarantine IS NULL ORDER BY next_due LIMIT ?"""
DUE_OF_TARGET = f"""
SELECT {COLUMNS} FROM jobs
WHERE namespace = ? AND target = ? AND next_due <= ? AND removed_at IS NULL AND quarantine IS NULL
ORDER BY next_due LIMIT ?"""
FIRST_DUE = f"""
SELECT next_due, namespace, target FROM jobs
WHERE next_due IS NOT NULL AND next_due <= {LATEST} AND removed_at IS NULL AND quarantine IS NULL
ORDER BY next_due LIMIT 1"""
FIRST_DUE_OF_TARGETS = f"""
SELECT min((
    SELECT next_due FROM jobs
    WHERE namespace = ? AND target = known.value AND next_due <= {LATEST} AND removed_at IS NULL AND quarantine IS NULL
    ORDER BY next_due LIMIT 1
)) FROM json_each(?) AS known"""
FIRST_READY = f"""
SELECT due_at, namespace, target FROM runs
WHERE ready = 1 AND executor = ? AND due_at <= {LATEST} ORDER BY due_at LIMIT 1"""
FIRST_READY_OF_TARGETS = f"""
SELECT min((
    SELECT due_at FROM runs
    WHERE ready = 1 AND executor = ? AND namespace = ? AND target = known.value AND due_at <= {LATEST}
    ORDER BY due_at LIMIT 1
)) FROM json_each(?) AS known"""
NAMESPACE_COLUMN, TARGET_COLUMN, NEXT_DUE_COLUMN = 1, 5, 11


class SQLiteQueue:
    """The queue of a file, up to the claim."""

    def __init__(
        self,
        database: Database,
        declarations: Declarations,
        notices: Notices,
        dispatcher: Dispatcher,
        held: HeldRuns,
    ) -> None:
        self._database = database
        self._declarations = declarations
        self._notices = notices
        self._dispatcher = dispatcher
        self._held = held

    # -- what is due --------------------------------------------------------------------------------------------------

    def due_jobs(self, now: datetime | None, limit: int, reach: Reach) -> Due:
        """See ``RunQueue``."""
        at = (now or utc_now()) - self._behind(reach)
        with self._database.look() as connection:
            rows = self._due_rows(connection, to_micros(at), limit, reach)
            return Due(at, read_jobs(connection, self._declarations, rows))

    def _due_rows(self, connection: Connection, horizon: int, limit: int, reach: Reach) -> list[Row]:
        found: list[Row] = []
        for row in connection.execute(DUE, (horizon, limit)):
            if row[TARGET_COLUMN] not in reach.targets or row[NAMESPACE_COLUMN] != reach.namespace:
                break
            found.append(row)
        else:
            return found
        # Some that no node like this one can run may be due for ever: from here on each target is asked for by itself.
        found = []
        for target in reach.targets:
            found += connection.execute(DUE_OF_TARGET, (reach.namespace, target, horizon, limit))
        return sorted(found, key=lambda row: (row[NEXT_DUE_COLUMN], row[0]))[:limit]

    def next_wake(self, free: Mapping[str, int], reach: Reach) -> datetime | None:
        """See ``RunQueue``."""
        with self._database.look() as connection:
            times = [self._first(connection, reach, FIRST_DUE, FIRST_DUE_OF_TARGETS)]
            for executor, slots in free.items():
                if slots > 0:
                    times.append(self._first(connection, reach, FIRST_READY, FIRST_READY_OF_TARGETS, executor))
        first = min((each for each in times if each is not None), default=None)
        return None if first is None else from_micros(max(int(first), EARLIEST)) + self._behind(reach)

    def _first(self, connection: Connection, reach: Reach, of_any: str, of_known: str, *values: str) -> int | None:
        row = connection.execute(of_any, values).fetchone()
        if row is None or (row[1] == reach.namespace and row[2] in reach.targets):
            return None if row is None else int(row[0])
        known = json.dumps(list(reach.targets))
        (first,) = connection.execute(of_known, (*values, reach.namespace, known)).fetchone()
        return first if first is None else int(first)

    def _behind(self, reach: Reach) -> timedelta:
        return self._dispatcher.behind(reach.namespace) if reach.targets else timedelta()

    # -- claims -------------------------------------------------------------------------------------------------------

    def claim(
        self,
        advances: Sequence[Advance],
        now: datetime | None,
        node: str,
        free: Mapping[str, int],
        reach: Reach,
    ) -> Claim:
        """See ``RunQueue``."""
        now = now or utc_now()
        horizon = now - self._behind(reach)
        if not advances and not self._is_anything_ready(horizon, free, reach):
            return Claim([], [])
        drafts = [
            (run, run.id, run.status, run.reason, run.related_id) for advance in advances for run in advance.births
        ]
        try:
            done = self._claim(advances, now, horizon, node, free, reach, careful=False)
        except sqlite3.IntegrityError:  # an occurrence has its run already: nothing was written, and each is looked up
            for run, run_id, status, reason, related_id in drafts:
                run.id, run.status, run.reason, run.related_id = run_id, status, reason, related_id
                run.finished_at = run.started_at = run.node = None
                run.attempt = run.fence = 0
            done = self._claim(advances, now, horizon, node, free, reach, careful=True)
        self._held.add(done.claimed)
        done.births.note(self._notices)
        for run in done.set_aside:
            logger.warning("run %s is held until somebody releases or cancels it: %s", run.id, run.reason)
            self._notices.note_work()  # those behind it have come forward
        self._notices.tell()
        return Claim([*done.born, *done.set_aside], done.claimed)

    def _is_anything_ready(self, horizon: datetime, free: Mapping[str, int], reach: Reach) -> bool:
        micros = to_micros(horizon)
        with self._database.look() as connection:
            return any(
                slots > 0 and ready_runs(connection, executor, micros, 1, reach) for executor, slots in free.items()
            )

    def _claim(
        self,
        advances: Sequence[Advance],
        now: datetime,
        horizon: datetime,
        node: str,
        free: Mapping[str, int],
        reach: Reach,
        *,
        careful: bool,
    ) -> Claimant:
        with self._database.write() as connection:
            claimant = Claimant(
                connection, self._declarations, now, horizon, node, reach, self._held.lease_length, careful=careful
            )
            if advances:
                claimant.advance(advances)
            claimant.lease(free)
            claimant.births.write()
        return claimant

    def enqueue(self, run: RunRow) -> RunRow | None:
        """See ``RunQueue``."""
        kwargs = {} if run.kwargs is None else {run.id: encode_value(dict(run.kwargs), "kwargs")}
        with self._database.write() as connection:
            known = find_occurrence(connection, run.key)
            if known is not None:
                row = connection.execute(RUN, (known,)).fetchone()
                try:
                    return read_run(row)
                except (ValueError, KeyError, TypeError, OverflowError) as error:
                    return stand_in_run(row, f"the run cannot be read: {error!r}")
            bearer = self._bearer(connection, run.job.generation)
            if bearer is None:
                return None
            births = Births(connection, kwargs)
            births.bear(bearer, run)
            births.write()
            births.come_forward([bearer])
            connection.execute(KEEP_REFUSAL, (bearer.last_refusal, bearer.spawned, bearer.key.generation))
        births.note(self._notices)
        self._notices.tell(Change.WORK)
        return run

    def _bearer(self, connection: Connection, pk: int) -> Bearer | None:
        row = connection.execute(BEARERS, (json.dumps([pk]),)).fetchone()
        if row is None:
            return None
        key = JobKey(row[1], row[2], pk)
        declared = self._declarations.of(connection, [(pk, row[4], key, row[5], row[6])])
        gate = read_gates(connection, [pk]).get(pk, [])
        return Bearer(key, row[5], row[6], declared[pk].spec.policies, row[7], row[8], gate)


KEEP_REFUSAL = "UPDATE jobs SET last_refusal = ?, spawned = ? WHERE pk = ?"
"""A run outside the schedule does not change its job's revision, but stands between two refusals."""
