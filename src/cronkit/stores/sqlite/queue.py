"""Occurrences that are due, and the claims on them."""

import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

from cronkit.clock import utc_now
from cronkit.jobs.codec import encode_value
from cronkit.jobs.job import JobRow
from cronkit.jobs.keys import JobKey
from cronkit.jobs.run import RunRow
from cronkit.stores.notices import Notices
from cronkit.stores.protocol import Advance, Change, Claim, Due, Enqueued, Reach
from cronkit.stores.sqlite.births import Bearer, Births, find_occurrence
from cronkit.stores.sqlite.claims import BEARERS, Claimant, HeldRuns, ready_runs
from cronkit.stores.sqlite.database import Connection, Database
from cronkit.stores.sqlite.declarations import Declarations
from cronkit.stores.sqlite.dispatcher import Dispatcher
from cronkit.stores.sqlite.gates import read_gates
from cronkit.stores.sqlite.job_rows import COLUMNS, Row, read_jobs
from cronkit.stores.sqlite.moments import EARLIEST, LATEST, from_micros, to_micros
from cronkit.stores.sqlite.reach import PASSED_OVER, within_reach
from cronkit.stores.sqlite.run_rows import RUN, read_run, stand_in_run

logger = logging.getLogger("cronkit.stores")

DUE = f"""
SELECT {COLUMNS} FROM jobs
WHERE next_due <= ? AND next_due IS NOT NULL AND removed_at IS NULL AND quarantine IS NULL ORDER BY next_due LIMIT ?"""
DUE_OF_TARGETS = """
SELECT next_due, pk FROM json_each(?) AS known CROSS JOIN jobs AS j WHERE j.pk IN (
    SELECT pk FROM jobs
    WHERE namespace = ? AND target = known.value AND next_due <= ? AND removed_at IS NULL AND quarantine IS NULL
    ORDER BY next_due LIMIT ?
)"""
JOBS = f"SELECT {COLUMNS} FROM jobs WHERE pk IN (SELECT value FROM json_each(?))"
FIRST_DUE = f"""
SELECT next_due, namespace, target FROM jobs
WHERE next_due IS NOT NULL AND next_due <= {LATEST} AND removed_at IS NULL AND quarantine IS NULL
ORDER BY next_due LIMIT {1 + PASSED_OVER}"""
FIRST_DUE_OF_TARGETS = f"""
SELECT min((
    SELECT next_due FROM jobs
    WHERE namespace = ? AND target = known.value AND next_due <= {LATEST} AND removed_at IS NULL AND quarantine IS NULL
    ORDER BY next_due LIMIT 1
)) FROM json_each(?) AS known"""
FIRST_READY = f"""
SELECT due_at, namespace, target FROM runs
WHERE ready = 1 AND executor = ? AND due_at <= {LATEST} ORDER BY due_at LIMIT {1 + PASSED_OVER}"""
FIRST_READY_OF_TARGETS = f"""
SELECT min((
    SELECT due_at FROM runs
    WHERE ready = 1 AND executor = ? AND namespace = ? AND target = known.value AND due_at <= {LATEST}
    ORDER BY due_at LIMIT 1
)) FROM json_each(?) AS known"""
PLACE_OF_JOB, PLACE_OF_FIRST = itemgetter(1, 5), itemgetter(1, 2)
"""The namespace and the target of a row of ``COLUMNS``, and of one of the first."""
BY_NEXT_DUE = itemgetter(11, 0)


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

        def due(connection: Connection) -> list[JobRow]:
            rows = self._due_rows(connection, to_micros(at), limit, reach)
            return read_jobs(connection, self._declarations, rows)

        return Due(at, self._database.look(due))

    def _due_rows(self, connection: Connection, horizon: int, limit: int, reach: Reach) -> list[Row]:
        rows = connection.execute(DUE, (horizon, limit + PASSED_OVER))
        found = within_reach(rows, PLACE_OF_JOB, limit, reach)
        if found is None:
            known = json.dumps(list(reach.targets))
            due = connection.execute(DUE_OF_TARGETS, (known, reach.namespace, horizon, limit)).fetchall()
            pks = [pk for _, pk in sorted(due)[:limit]]
            found = sorted(connection.execute(JOBS, (json.dumps(pks),)), key=BY_NEXT_DUE)
        return found

    def next_wake(self, free: Mapping[str, int], reach: Reach) -> datetime | None:
        """See ``RunQueue``."""

        def firsts(connection: Connection) -> list[int | None]:
            times = [self._first(connection, reach, FIRST_DUE, FIRST_DUE_OF_TARGETS)]
            for executor, slots in free.items():
                if slots > 0:
                    times.append(self._first(connection, reach, FIRST_READY, FIRST_READY_OF_TARGETS, executor))
            return times

        first = min((each for each in self._database.look(firsts) if each is not None), default=None)
        return None if first is None else from_micros(max(int(first), EARLIEST)) + self._behind(reach)

    def _first(self, connection: Connection, reach: Reach, of_any: str, of_known: str, *values: str) -> int | None:
        found = within_reach(connection.execute(of_any, values), PLACE_OF_FIRST, 1, reach)
        if found is None:
            known = json.dumps(list(reach.targets))
            found = connection.execute(of_known, (*values, reach.namespace, known)).fetchall()
        return int(found[0][0]) if found and found[0][0] is not None else None

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
            return Claim([], [], [], [])
        drafts = [
            (run, run.id, run.status, run.reason, run.related_id, run.scheduled_until, run.count)
            for advance in advances
            for run in advance.births
        ]
        try:
            done = self._claim(advances, now, horizon, node, free, reach, careful=False)
        except sqlite3.IntegrityError:  # an occurrence has its run already: nothing was written, and each is looked up
            for run, run_id, status, reason, related_id, until, count in drafts:
                run.id, run.status, run.reason, run.related_id = run_id, status, reason, related_id
                run.scheduled_until, run.count = until, count
                run.finished_at = run.started_at = run.node = None
                run.attempt = run.fence = 0
            done = self._claim(advances, now, horizon, node, free, reach, careful=True)
        self._held.add(done.claimed)
        done.births.note(self._notices)
        for run in done.set_aside:
            logger.warning("run %s is held until somebody releases or cancels it: %s", run.id, run.reason)
            self._notices.note_work()  # those behind it have come forward
        self._notices.tell()
        return Claim(done.born, done.claimed, done.births.ended + done.set_aside, done.stale)

    def _is_anything_ready(self, horizon: datetime, free: Mapping[str, int], reach: Reach) -> bool:
        micros = to_micros(horizon)
        return self._database.look(
            lambda connection: any(
                slots > 0 and ready_runs(connection, executor, micros, 1, reach) for executor, slots in free.items()
            )
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
        def claim(connection: Connection) -> Claimant:
            claimant = Claimant(
                connection, self._declarations, now, horizon, node, reach, self._held.lease_length, careful=careful
            )
            if advances:
                claimant.advance(advances)
            claimant.lease(free)
            claimant.births.write()
            return claimant

        return self._database.write(claim)

    def enqueue(self, run: RunRow) -> Enqueued | None:
        """See ``RunQueue``."""
        kwargs = {} if run.kwargs is None else {run.id: encode_value(dict(run.kwargs), "kwargs")}

        def enqueue(connection: Connection) -> Enqueued | Births | None:
            known = find_occurrence(connection, run.key)
            if known is not None:
                row = connection.execute(RUN, (known,)).fetchone()
                try:
                    return Enqueued(read_run(row), [])
                except (ValueError, KeyError, TypeError, OverflowError) as error:
                    return Enqueued(stand_in_run(row, f"the run cannot be read: {error!r}"), [])
            bearer = self._bearer(connection, run.job.generation)
            if bearer is None:
                return None
            births = Births(connection, kwargs)
            births.bear(bearer, run)
            births.write()
            births.come_forward([bearer])
            connection.execute(KEEP_REFUSAL, (bearer.last_refusal, bearer.spawned, bearer.key.generation))
            return births

        found = self._database.write(enqueue)
        if not isinstance(found, Births):
            return found
        found.note(self._notices)
        self._notices.tell(Change.WORK)
        return Enqueued(run, found.ended)

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
