"""Claims: due jobs move on, their runs are born, and waiting runs are leased to a node, in one transaction."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import merge
from operator import itemgetter
from typing import Any

from cronkit.jobs.job import JobRow, JobSpec
from cronkit.jobs.keys import JobKey
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Advance, Claimed, Reach
from cronkit.stores.sqlite.births import Bearer, Births, Newborn
from cronkit.stores.sqlite.database import Connection
from cronkit.stores.sqlite.declarations import READER, Declaration, Declarations
from cronkit.stores.sqlite.gates import WAITING, come_forward, read_gates
from cronkit.stores.sqlite.job_writes import revision_texts, write_revisions
from cronkit.stores.sqlite.moments import maybe_micros, to_micros
from cronkit.stores.sqlite.reach import PASSED_OVER, within_reach
from cronkit.stores.sqlite.run_rows import (
    RUNS_BY_SEQUENCE,
    STATUS,
    STATUSES,
    plain_text,
    read_for_attempt,
    read_run,
    stand_in_run,
)

QUEUED, RUNNING = RunStatus.QUEUED, RunStatus.RUNNING

BEARERS = """
SELECT pk, namespace, id, revision, spec_revision, target, executor, spawned, last_refusal, pause FROM jobs
WHERE pk IN (SELECT value FROM json_each(?)) AND removed_at IS NULL"""
ADVANCE = """
UPDATE jobs SET revision = revision + 1, watermark = ?, next_at = ?, next_due = ?, spawned = ?, last_refusal = ?
WHERE pk = ?"""
WAKE = "UPDATE jobs SET pause = NULL, updated_at = ?, revisions = revisions + 1 WHERE pk = ? RETURNING revisions"
QUARANTINE = "UPDATE jobs SET revision = revision + 1, quarantine = ?, quarantined_by = ? WHERE pk = ?"
READY = """
SELECT due_at, sequence, namespace, target FROM runs
WHERE ready = 1 AND executor = ? AND due_at <= ? ORDER BY due_at LIMIT ?"""
READY_OF_TARGETS = """
SELECT due_at, sequence FROM json_each(?) AS known CROSS JOIN runs AS r WHERE r.sequence IN (
    SELECT sequence FROM runs
    WHERE ready = 1 AND executor = ? AND namespace = ? AND target = known.value AND due_at <= ? ORDER BY due_at LIMIT ?
)"""
PLACE_OF_READY = itemgetter(2, 3)
"""The namespace and the target of a row of ``READY``."""
SPECS_OF_RUNS = """
SELECT DISTINCT j.pk, j.spec_revision, j.namespace, j.id, j.target, j.executor
FROM json_each(?) AS wanted CROSS JOIN runs AS r CROSS JOIN jobs AS j
WHERE r.sequence = wanted.value AND j.pk = r.job"""
LEASE = """
UPDATE runs SET status = 'running', attempt = ?, fence = ?, node = ?, started_at = ?, ready = 0, held = 1
WHERE sequence = ?"""
HOLD = "UPDATE runs SET status = 'held', reason = ?, ready = 0, place = NULL WHERE sequence = ? RETURNING job"
NOT_READY = "UPDATE runs SET ready = 0 WHERE sequence = ?"
KNOW_NODE = "INSERT INTO nodes (node, until, length) VALUES (?, ?, ?) ON CONFLICT (node) DO NOTHING"
FIRST_LEASE = 30_000_000
"""Microseconds for which a node that has never said how long its lease is keeps what it claims."""
MOST_PLACES = 10_000
"""How many places of runs are remembered."""
LONGEST_REASON = 1_000
"""How many characters of a reason are kept."""


class HeldRuns:
    """Where the runs are that this object has claimed and not finished: it saves looking for them by their ids.

    ``lease_length`` is how long, in microseconds, the lease was that was given last.
    """

    def __init__(self) -> None:
        self.lease_length = FIRST_LEASE
        self._places: dict[str, tuple[int, int, str]] = {}

    def add(self, claimed: Sequence[Claimed]) -> None:
        """Note what was claimed; where that is more than most run at once, most of it was lost with a lease."""
        if len(self._places) > MOST_PLACES:
            self.clear()
        for run, _, _, _ in claimed:
            self._places[run.id] = run.sequence, run.job.generation, run.job.id

    def place(self, run_id: str) -> tuple[int, int, str] | None:
        """A run's sequence, and its job: the generation and the id."""
        return self._places.get(run_id)

    def drop(self, run_id: str) -> None:
        """A run is not held any more."""
        self._places.pop(run_id, None)

    def clear(self) -> None:
        """Nothing is held any more."""
        self._places.clear()


class Claimant:
    """One claim, inside its transaction. ``set_aside`` are the runs that it holds, for they cannot be read, and
    ``stale`` the advances of jobs that have changed."""

    def __init__(
        self,
        connection: Connection,
        declarations: Declarations,
        now: datetime,
        horizon: datetime,
        node: str,
        reach: Reach,
        length: int,
        *,
        careful: bool,
    ) -> None:
        self._length = length
        self.births = Births(connection, careful=careful)
        self.born: list[RunRow] = []
        self.claimed: list[Claimed] = []
        self.set_aside: list[RunRow] = []
        self.stale: list[Advance] = []
        self._connection = connection
        self._declarations = declarations
        self._now = now
        self._horizon = to_micros(horizon)
        self._node = node
        self._reach = reach
        self._specs: dict[int, JobSpec] = {}
        self._leases: list[tuple[object, ...]] = []

    # -- jobs move on -------------------------------------------------------------------------------------------------

    def advance(self, advances: Sequence[Advance]) -> None:
        """Apply each advance whose job is unchanged."""
        pks = [advance.key.generation for advance in advances]
        rows = {row[0]: row for row in self._connection.execute(BEARERS, (json.dumps(pks),))}
        unchanged: list[tuple[Advance, tuple[Any, ...]]] = []
        for advance in advances:
            row = rows.get(advance.key.generation)
            if row is not None and row[3] == advance.revision:
                unchanged.append((advance, row))
                del rows[row[0]]  # an advance is applied once
            else:
                self.stale.append(advance)
        declared = self._declarations.of(
            self._connection, ((row[0], row[4], advance.key, row[5], row[6]) for advance, row in unchanged)
        )
        gates = read_gates(self._connection, [row[0] for _, row in unchanged])
        moved: list[tuple[object, ...]] = []
        bearers: list[Bearer] = []
        for advance, row in unchanged:
            pk = row[0]
            if advance.quarantine is not None:  # its times stay as they are, for whoever can read them
                reason = plain_text(advance.quarantine[:LONGEST_REASON])
                self._connection.execute(QUARANTINE, (reason, READER, pk))
                continue
            spec = self._specs[pk] = declared[pk].spec
            bearer = Bearer(advance.key, row[5], row[6], spec.policies, row[7], row[8], gates.get(pk, []))
            for run in advance.births:
                if self.births.bear(bearer, run):
                    self.born.append(run)
            bearers.append(bearer)
            if advance.wakes:
                self._wake(advance, pk, declared[pk])
            watermark = to_micros(advance.watermark)
            next_at = None if bearer.spent else maybe_micros(advance.next_at)
            is_one = bearer.spent or advance.next_due is advance.next_at
            next_due = next_at if is_one else maybe_micros(advance.next_due)
            moved.append((watermark, next_at, next_due, bearer.spawned, bearer.last_refusal, pk))
        self._connection.executemany(ADVANCE, moved)
        self.births.come_forward(bearers)

    def _wake(self, advance: Advance, pk: int, declaration: Declaration) -> None:
        """Write that a pause has ended."""
        job = JobRow(advance.key, declaration.spec, self._now)
        (job.revisions,) = self._connection.execute(WAKE, (to_micros(self._now), pk)).fetchone()
        job.revisions -= 1
        job.record("resumed", self._now, None)
        write_revisions(self._connection, pk, revision_texts(job.noted))

    # -- runs are leased ----------------------------------------------------------------------------------------------

    def lease(self, free: Mapping[str, int]) -> None:
        """Lease, for each executor, as many runs as it has slots: those in the file and those newly born."""
        newborn = self._ready_newborn(free)
        chosen: list[tuple[int, int, Newborn | None]] = []
        for executor, slots in free.items():
            if slots > 0:
                in_file = ready_runs(self._connection, executor, self._horizon, slots, self._reach)
                waiting = merge(((*each, None) for each in in_file), newborn.get(executor, ()), key=itemgetter(0, 1))
                chosen += [each for each, _ in zip(waiting, range(slots), strict=False)]
        if not chosen:
            return
        old = self._read([sequence for _, sequence, each in chosen if each is None])
        for _, sequence, each in chosen:
            if each is not None:
                self._take_newborn(each)
            elif sequence in old:
                self._take(*old[sequence])
        self._connection.executemany(LEASE, self._leases)
        if self.claimed:
            self._connection.execute(KNOW_NODE, (self._node, to_micros(self._now) + self._length, self._length))

    def _ready_newborn(self, free: Mapping[str, int]) -> dict[str, list[tuple[int, int, Newborn | None]]]:
        """Those newly born that may start at once, the longest due first, by executor."""
        ready: dict[str, list[tuple[int, int, Newborn | None]]] = {}
        now = to_micros(self._now)
        for each in self.births.newborn:
            entry, bearer = each.entry, each.bearer
            if entry is None or not entry.ready or each.row.status is not QUEUED:
                continue
            if free.get(bearer.executor) and bearer.target in self._reach.targets:
                due = to_micros(each.row.due_at)
                if due <= now:  # not the horizon: who bears a run, though late, starts it
                    ready.setdefault(bearer.executor, []).append((due, each.row.sequence, each))
        for waiting in ready.values():
            waiting.sort(key=itemgetter(0, 1))
        return ready

    def _take_newborn(self, newborn: Newborn) -> None:
        run = newborn.row
        run.status = RUNNING
        run.fence = run.attempt = 1
        run.node, run.started_at = self._node, self._now
        self.claimed.append(Claimed(run, self._specs[newborn.bearer.key.generation], 1, 1))

    def _read(self, sequences: list[int]) -> dict[int, tuple[RunRow, JobSpec]]:
        """The runs in the file that are to be leased; one that cannot be read is held instead, with the reason.

        One that does not wait at all is ready by mistake, and stays as it is: its record is not opened again.
        """
        found: dict[int, tuple[RunRow, JobSpec]] = {}
        if not sequences:
            return found
        text = json.dumps(sequences)
        jobs = self._connection.execute(SPECS_OF_RUNS, (text,)).fetchall()
        declared = self._declarations.of(
            self._connection, ((row[0], row[1], JobKey(row[2], row[3], row[0]), row[4], row[5]) for row in jobs)
        )
        unreadable: set[int] = set()
        for row in self._connection.execute(RUNS_BY_SEQUENCE, (text,)).fetchall():
            if STATUSES.get(row[STATUS], QUEUED) not in WAITING:  # an unknown one cannot be read
                self._connection.execute(NOT_READY, (row[0],))
                continue
            try:
                run = read_run(row)
                read_for_attempt(run, row)
                declaration = declared[row[2]]
                if declaration.unreadable is not None:
                    raise ValueError(f"its job cannot be read: {declaration.unreadable}")
            except (ValueError, KeyError, TypeError, OverflowError) as error:
                reason = plain_text(f"it cannot be started: {error}"[:LONGEST_REASON])
                jobs_of_it = self._connection.execute(HOLD, (reason, row[0])).fetchall()
                self.set_aside.append(stand_in_run(row, reason or ""))
                unreadable.update(pk for (pk,) in jobs_of_it if type(pk) is int)
                continue
            found[row[0]] = run, declaration.spec
        come_forward(self._connection, unreadable)
        return found

    def _take(self, run: RunRow, spec: JobSpec) -> None:
        run.move(RUNNING)
        run.fence += 1
        run.attempt += 1
        run.node, run.started_at = self._node, self._now
        self._leases.append((run.attempt, run.fence, self._node, to_micros(self._now), run.sequence))
        self.claimed.append(Claimed(run, spec, run.fence, run.attempt))


def ready_runs(connection: Connection, executor: str, horizon: int, limit: int, reach: Reach) -> list[tuple[int, int]]:
    """The due time and sequence of up to ``limit`` waiting runs that may start, those due longest first."""
    rows = connection.execute(READY, (executor, horizon, limit + PASSED_OVER))
    found = within_reach(rows, PLACE_OF_READY, limit, reach)
    if found is not None:
        return [(row[0], row[1]) for row in found]
    known = json.dumps(list(reach.targets))
    ready = connection.execute(READY_OF_TARGETS, (known, executor, reach.namespace, horizon, limit)).fetchall()
    return sorted(ready)[:limit]
