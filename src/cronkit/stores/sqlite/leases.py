"""Which node holds which runs, until when, and what becomes of them when it is lost."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from cronkit.clock import utc_now
from cronkit.jobs.keys import JobKey
from cronkit.jobs.rules import CRASH_REASON, after_crash
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import TERMINAL, RunStatus
from cronkit.stores.notices import Notices
from cronkit.stores.protocol import Claimed
from cronkit.stores.sqlite.births import Tally
from cronkit.stores.sqlite.claims import SPECS_OF_RUNS, HeldRuns
from cronkit.stores.sqlite.database import Connection, Database
from cronkit.stores.sqlite.declarations import Declaration, Declarations, is_any_quarantined, lift_quarantine, stand_in
from cronkit.stores.sqlite.gates import WAIT_AGAIN, WAITING, come_forward
from cronkit.stores.sqlite.moments import span_micros, to_micros
from cronkit.stores.sqlite.run_rows import (
    COLUMNS,
    SOURCE,
    STATUS,
    STATUSES,
    plain_text,
    read_for_attempt,
    read_run,
    stand_in_run,
)

RENEW = """
INSERT INTO nodes (node, until, length) VALUES (?, ?, ?)
ON CONFLICT (node) DO UPDATE SET until = excluded.until, length = excluded.length"""
MINE = """
SELECT r.id, r.fence FROM json_each(?) AS wanted CROSS JOIN runs AS r
WHERE r.id = wanted.value AND r.node = ? AND r.status = 'running'"""
LEAVE = """
DELETE FROM nodes WHERE node = ? AND NOT EXISTS (SELECT 1 FROM runs WHERE held = 1 AND runs.node = nodes.node)"""
CANCELLING = """
SELECT id, reason FROM runs WHERE held = 1 AND cancel_requested = 1 AND node = ? AND status = 'running'"""
NODES = "SELECT node, until, length FROM nodes"
REWRITE = "UPDATE nodes SET until = ? WHERE node = ?"
FORGET = """
DELETE FROM nodes WHERE until < ? OR typeof(until) <> 'integer' OR typeof(length) <> 'integer' OR length < 0"""
HELD_BY_NOBODY = """
SELECT DISTINCT node FROM runs
WHERE held = 1 AND NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.node = runs.node)"""
HOLD_UNREADABLE = """
UPDATE runs SET status = 'held', reason = ?, fence = CAST(fence AS INTEGER) + 1, held = 0, occupied = 0, ready = 0,
    place = NULL
WHERE sequence = ?"""
HELD = f"SELECT {COLUMNS} FROM {SOURCE} WHERE r.held = 1 AND r.node IS ?"
LET_GO = "UPDATE runs SET occupied = 0, held = 0, place = NULL WHERE sequence = ?"
END = """
UPDATE runs SET status = ?, finished_at = ?, reason = ?, crashes = ?, excused = ?, held = 0, occupied = 0, place = NULL
WHERE sequence = ?"""
HOLD = """
UPDATE runs SET status = 'held', reason = ?, crashes = ?, excused = ?, fence = ?, held = 0, occupied = 0, place = NULL
WHERE sequence = ?"""
REQUEUE = f"""
UPDATE runs SET status = 'queued', due_at = ?, reason = ?, crashes = ?, excused = ?, fence = ?, held = 0,
    occupied = 0, {WAIT_AGAIN}
WHERE sequence = ?"""
GO_ON_WAITING = f"UPDATE runs SET held = 0, occupied = 0, {WAIT_AGAIN} WHERE sequence = ?"
TRIES = 10
"""A renewal waits a tenth of the lease for others that write: there has to be time for another try."""
PRESENT = "SELECT pk FROM jobs WHERE pk IN (SELECT value FROM json_each(?)) AND removed_at IS NULL"


class SQLiteLeases:
    """The leases in a file."""

    def __init__(self, database: Database, declarations: Declarations, notices: Notices, held: HeldRuns) -> None:
        self._database = database
        self._held_runs = held
        self._declarations = declarations
        self._notices = notices

    def renew(self, node: str, held: Mapping[str, int], lease: timedelta, now: datetime | None) -> frozenset[str]:
        """See ``RunQueue``."""
        length = span_micros(lease)
        self._held_runs.lease_length = length

        def renew(connection: Connection) -> dict[str, int]:
            connection.execute(RENEW, (node, to_micros(now or utc_now()) + length, length))
            return dict(connection.execute(MINE, (json.dumps(list(held)), node))) if held else {}

        mine = self._database.write_lease(renew, lease / TRIES)
        lost = frozenset(run_id for run_id, fence in held.items() if mine.get(run_id) != fence)
        for run_id in lost:
            self._held_runs.drop(run_id)
        return lost

    def leave(self, node: str) -> None:
        """See ``RunQueue``."""
        self._database.write_lease(lambda connection: connection.execute(LEAVE, (node,)))

    def cancel_requests(self, node: str) -> Mapping[str, str]:
        """See ``RunQueue``."""
        rows = self._database.read(lambda connection: connection.execute(CANCELLING, (node,)).fetchall())
        return {run_id: reason or "cancelled" for run_id, reason in rows}

    def held_by(self, node: str) -> list[Claimed]:
        """See ``RunQueue``."""
        return [
            Claimed(run, declaration.spec, run.fence, run.attempt)
            for run, declaration in self._database.look(lambda connection: self._held(connection, node))
            if run.status is RunStatus.RUNNING and declaration.unreadable is None
        ]

    def reap(self, now: datetime | None) -> list[RunRow]:
        """See ``RunQueue``."""
        now = now or utc_now()
        micros = to_micros(now)

        def is_any(connection: Connection) -> bool:
            is_any_wrong = any(_is_wrong(until, length, micros) for _, until, length in connection.execute(NODES))
            is_any_lost = connection.execute(HELD_BY_NOBODY).fetchone() is not None
            return is_any_wrong or is_any_lost or is_any_quarantined(connection)

        if not self._database.look(is_any):
            return []
        reaper = _Reaper(now)

        def reap(connection: Connection) -> None:
            for node, until, length in connection.execute(NODES).fetchall():
                if _is_lease(until, length) and until > micros + length:
                    connection.execute(REWRITE, (micros + length, node))
            connection.execute(FORGET, (micros,))
            for (node,) in connection.execute(HELD_BY_NOBODY).fetchall():
                reaper.take_back(connection, self._held(connection, node))
            lift_quarantine(connection)
            reaper.tally.write(connection)
            come_forward(connection, reaper.jobs)

        self._database.write(reap)
        for run in reaper.taken:
            if not run.status.is_open:
                self._notices.note_ended(run.id)
        self._notices.tell()
        return reaper.taken

    def _held(self, connection: Connection, node: str) -> list[tuple[RunRow, Declaration]]:
        """The runs that a node holds, and the declarations of their jobs. What cannot be read of them is left out."""
        rows = connection.execute(HELD, (node,)).fetchall()
        jobs = connection.execute(SPECS_OF_RUNS, (json.dumps([row[0] for row in rows]),)).fetchall()
        declared = self._declarations.of(
            connection, ((row[0], row[1], JobKey(row[2], row[3], row[0]), row[4], row[5]) for row in jobs)
        )
        found: list[tuple[RunRow, Declaration]] = []
        for row in rows:
            try:
                run = read_run(row)
                read_for_attempt(run, row)
                found.append((run, declared[row[2]]))
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                run = stand_in_run(row, f"{CRASH_REASON}; it cannot be read: {error}")
                if STATUSES.get(row[STATUS]) in TERMINAL:  # its record is not opened again
                    run.status = STATUSES[row[STATUS]]
                found.append((run, Declaration(stand_in(run.job.id, "", ""), unreadable=run.reason)))
        return found


def _is_lease(until: object, length: object) -> bool:
    return type(until) is int and type(length) is int and length >= 0


def _is_wrong(until: int, length: int, now: int) -> bool:
    """Whether a lease has ended, was given before the clock was set back, or makes no sense."""
    return not _is_lease(until, length) or until < now or until > now + length


class _Reaper:
    """Takes back the runs of lost nodes, inside the transaction."""

    def __init__(self, now: datetime) -> None:
        self.taken: list[RunRow] = []
        self.tally = Tally()
        self.jobs: set[int] = set()
        self._now = now

    def take_back(self, connection: Connection, held: list[tuple[RunRow, Declaration]]) -> None:
        """The runs are nobody's now; what is neither running nor unreadable is only let go."""
        pks = json.dumps([run.job.generation for run, _ in held])
        present = {pk for (pk,) in connection.execute(PRESENT, (pks,))}
        for run, declaration in held:
            self.jobs.add(run.job.generation)
            if run.status is RunStatus.RUNNING:
                self._take_back(connection, run, declaration, run.job.generation in present)
                self.taken.append(run)
            elif run.status is RunStatus.HELD and declaration.unreadable is not None:  # a stand-in
                connection.execute(HOLD_UNREADABLE, (plain_text(run.reason), run.sequence))
                self.taken.append(run)
            elif run.status in WAITING:
                connection.execute(GO_ON_WAITING, (run.sequence,))
            else:
                connection.execute(LET_GO, (run.sequence,))

    def _take_back(self, connection: Connection, run: RunRow, declaration: Declaration, is_present: bool) -> None:
        run.crashes += 1
        run.excused += 1
        reason: str | None = CRASH_REASON
        if run.cancel_requested:
            status, reason = RunStatus.CANCELLED, run.reason
        elif not is_present:
            status = RunStatus.ABANDONED
        elif declaration.unreadable is not None:
            status, reason = RunStatus.HELD, plain_text(f"{CRASH_REASON}; {declaration.unreadable}")
        else:
            status = after_crash(declaration.spec.policies.on_crash, run.crashes)
        run.move(status)
        run.reason = reason
        now = to_micros(self._now)
        if not status.is_open:
            run.finished_at = self._now
            self.tally.add(run.job.generation, status)
            values = status._value_, now, reason, run.crashes, run.excused, run.sequence
            connection.execute(END, values)
            return
        run.fence += 1
        if status is RunStatus.HELD:
            connection.execute(HOLD, (reason, run.crashes, run.excused, run.fence, run.sequence))
        else:
            run.due_at = self._now
            connection.execute(REQUEUE, (now, reason, run.crashes, run.excused, run.fence, run.sequence))
