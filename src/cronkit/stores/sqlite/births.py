"""Births: what becomes of a newborn run, by the rules of ``cronkit.jobs.rules``, inside one transaction.

Runs are born in memory first and written together at the end, as they stand then: one that is claimed with its birth
is written once.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from cronkit.jobs.keys import Cause, JobKey, OccurrenceKey
from cronkit.jobs.policies import Overlap, Policies
from cronkit.jobs.rules import OVERLAP_REASON, SUPERSEDED_REASON, is_refused, is_spent
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.notices import Notices
from cronkit.stores.sqlite.database import Connection
from cronkit.stores.sqlite.gates import COME_FORWARD, WAITING, Gate, OpenRun, end_newborn, may_start
from cronkit.stores.sqlite.moments import maybe_micros, to_micros
from cronkit.stores.sqlite.run_rows import MOST, RUNS_BY_SEQUENCE, read_cancelled_row
from cronkit.stores.sqlite.schema import BLOCK

QUEUED, RUNNING, CANCELLED, SCHEDULE = RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.CANCELLED, Cause.SCHEDULE

LAST_SEQUENCE = f"""
SELECT max(ifnull((SELECT max(sequence) FROM runs WHERE sequence < {MOST}), 0),
    ifnull((SELECT value FROM meta WHERE key = 'last_sequence' AND typeof(value) = 'integer' AND value < {MOST}), 0))"""
KEEP_LAST_SEQUENCE = f"""
INSERT INTO meta (key, value) VALUES ('last_sequence', ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
WHERE typeof(value) <> 'integer' OR value < excluded.value OR value >= {MOST}"""
"""It only rises, unless it makes no sense: the place of a released run is higher than any run's own number."""
INSERT_RUN = """
INSERT INTO runs (sequence, id, job, namespace, cause, token, scheduled_at, scheduled_until, count, due_at, created_at,
    overlap, status, attempt, fence, place, ready, held, executor, target, node, started_at, finished_at, reason,
    related_id, kwargs)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
WIDEN_SPAN = """
INSERT INTO spans (block, earliest, latest) VALUES (?, ?, ?) ON CONFLICT (block)
DO UPDATE SET earliest = min(earliest, excluded.earliest), latest = max(latest, excluded.latest)"""
FIND_SCHEDULED = "SELECT id FROM runs WHERE cause = 'schedule' AND job = ? AND scheduled_at = ?"
FIND_MANUAL = "SELECT id FROM runs WHERE cause = 'manual' AND job = ? AND token = ?"
FIND_OTHER = """
SELECT id FROM runs
WHERE cause <> 'schedule' AND cause <> 'manual' AND job = ? AND cause = ? AND scheduled_at = ? AND token = ?"""
REFUSAL = "SELECT sequence, cause, status, reason, related_id FROM runs WHERE id = ?"
EXTEND_REFUSAL = "UPDATE runs SET scheduled_until = ?, count = count + ?, finished_at = ? WHERE sequence = ?"
CANCEL_RUNNING = "UPDATE runs SET cancel_requested = 1, reason = ? WHERE sequence = ?"
END_WAITING = """
UPDATE runs SET status = 'cancelled', finished_at = ?, reason = ?, place = NULL, ready = 0 WHERE sequence = ?"""
COUNT = {status: f"UPDATE jobs SET {status} = {status} + ? WHERE pk = ?" for status in RunStatus if not status.is_open}


def find_occurrence(connection: Connection, key: OccurrenceKey) -> str | None:
    """The id of the run that an occurrence has already."""
    pk = key.job.generation
    if key.cause is SCHEDULE and key.scheduled_at is not None:
        found = connection.execute(FIND_SCHEDULED, (pk, to_micros(key.scheduled_at)))
    elif key.scheduled_at is None:
        found = connection.execute(FIND_MANUAL, (pk, key.token))
    else:
        found = connection.execute(FIND_OTHER, (pk, key.cause._value_, to_micros(key.scheduled_at), key.token))
    row = found.fetchone()
    return None if row is None else str(row[0])


def read_cancelled(connection: Connection, sequences: Sequence[int]) -> list[RunRow]:
    """Runs that this transaction has cancelled, whatever their rows hold."""
    return [read_cancelled_row(row) for row in connection.execute(RUNS_BY_SEQUENCE, (json.dumps(sequences),))]


class Bearer:
    """A job as far as births concern it; what they change is written by whoever made it."""

    __slots__ = ("executor", "gate", "key", "last_refusal", "policies", "spawned", "spent", "target")

    def __init__(
        self,
        key: JobKey,
        target: str,
        executor: str,
        policies: Policies,
        spawned: int,
        last_refusal: str | None,
        gate: Gate,
    ) -> None:
        self.key = key
        self.target = target
        self.executor = executor
        self.policies = policies
        self.spawned = spawned
        self.last_refusal = last_refusal
        self.gate = gate
        self.spent = False


class Newborn:
    """A run to be written: its row, its job, and its entry in the gate if it waits there."""

    __slots__ = ("bearer", "entry", "node", "row")

    def __init__(self, row: RunRow, bearer: Bearer, entry: OpenRun | None) -> None:
        self.row = row
        self.bearer = bearer
        self.entry = entry


class Tally:
    """How many occurrences of which job have ended how, to be added to its counters."""

    def __init__(self) -> None:
        self._counts: dict[RunStatus, dict[int, int]] = {}

    def add(self, pk: int, status: RunStatus, count: int = 1) -> None:
        """Count an end."""
        counts = self._counts.get(status)
        if counts is None:
            counts = self._counts[status] = defaultdict(int)
        counts[pk] += count

    def write(self, connection: Connection) -> None:
        """Add it all to the counters."""
        for status, counts in self._counts.items():
            connection.executemany(COUNT[status], [(count, pk) for pk, count in counts.items()])


class Births:
    """The births of one transaction. With ``careful`` each occurrence is looked up before; without, it is the insert
    that finds out, and the transaction is begun again."""

    def __init__(
        self, connection: Connection, kwargs: Mapping[str, str] | None = None, *, careful: bool = True
    ) -> None:
        self.newborn: list[Newborn] = []
        self.ended: list[RunRow] = []
        self.tally = Tally()
        self.is_cancelling = False
        self._connection = connection
        self._kwargs = kwargs or {}
        self._careful = careful
        self._keys: set[OccurrenceKey] = set()
        self._sequence: int | None = None
        self._refusals: dict[str, RunRow] = {}
        self._spans: dict[int, tuple[int, int]] = {}
        self._noted: list[str] = []
        self._cancelled: list[int] = []

    def next_sequence(self) -> int:
        """The number of the next run."""
        if self._sequence is None:
            (self._sequence,) = self._connection.execute(LAST_SEQUENCE).fetchone()
        assert self._sequence is not None
        self._sequence += 1
        return self._sequence

    def bear(self, job: Bearer, run: RunRow) -> bool:
        """Add a newborn run; False if its occurrence has one already, or its job has had its ``max_runs``."""
        if run.cause is SCHEDULE and job.policies.max_runs is not None and is_spent(job.policies, job.spawned):
            return False
        if self._careful and self._is_known(run):
            return False
        if job.gate and run.status is QUEUED:
            self._apply_overlap(job, run)
        if run.status is not QUEUED:
            self._refuse(job, run)
            return True
        run.sequence = self.next_sequence()
        entry = OpenRun(run.sequence, run.id, QUEUED, run.overlap, False, run)
        job.gate.append(entry)
        entry.ready = may_start(entry, job.gate)
        self.newborn.append(Newborn(run, job, entry))
        job.last_refusal = None
        if run.cause is SCHEDULE:
            job.spawned += 1
            job.spent = job.policies.max_runs is not None and is_spent(job.policies, job.spawned)
        return True

    def _is_known(self, run: RunRow) -> bool:
        key = run.key
        if key in self._keys or find_occurrence(self._connection, key) is not None:
            return True
        self._keys.add(key)
        return False

    def _apply_overlap(self, job: Bearer, run: RunRow) -> None:
        first = job.gate[0].id
        if is_refused(run.overlap, first):
            run.status, run.reason, run.related_id = RunStatus.SKIPPED, OVERLAP_REASON, first
        elif run.overlap is Overlap.CANCEL_RUNNING:
            self.cancel(job, SUPERSEDED_REASON, run.created_at)

    def cancel(self, job: Bearer, reason: str, now: datetime, *, running: bool = True) -> None:
        """End what waits in a job's gate, and ask for the end of what runs, if ``running``."""
        stays: Gate = []
        for run in job.gate:
            if run.status in WAITING:
                if run.newborn is not None:
                    end_newborn(run.newborn, CANCELLED, now, reason)
                    self.ended.append(run.newborn)
                    self._count_cancelled(job, run.id)
                else:
                    self.end_waiting(job, run.sequence, run.id, reason, now)
                continue
            if running and run.status is RUNNING:
                self._connection.execute(CANCEL_RUNNING, (reason, run.sequence))
                self.is_cancelling = True
            stays.append(run)
        job.gate[:] = stays

    def end_waiting(self, job: Bearer, sequence: int, run_id: str, reason: str, now: datetime) -> None:
        """Cancel a run of the job that waits in the file."""
        self._connection.execute(END_WAITING, (to_micros(now), reason, sequence))
        self._cancelled.append(sequence)
        self._count_cancelled(job, run_id)

    def _count_cancelled(self, job: Bearer, run_id: str) -> None:
        self.tally.add(job.key.generation, CANCELLED)
        self._noted.append(run_id)

    def note(self, notices: Notices) -> None:
        """Pass on what there is to tell, once it is in the file."""
        for run_id in self._noted:
            notices.note_ended(run_id)
        if self.is_cancelling:
            notices.note_cancelling()

    def _refuse(self, job: Bearer, run: RunRow) -> None:
        """Write a run that ended at its birth, or let an earlier record stand for it too."""
        self.tally.add(job.key.generation, run.status, run.count)
        run.finished_at = run.created_at
        if self._extend(job.last_refusal, run):
            if run.id not in self._refusals:  # else the record is among the ended, with all that it stands for
                self.ended.append(run)
            return
        self.ended.append(run)
        run.sequence = self.next_sequence()
        self.newborn.append(Newborn(run, job, None))
        self._noted.append(run.id)
        job.last_refusal = run.id
        self._refusals[run.id] = run

    def _extend(self, refusal_id: str | None, run: RunRow) -> bool:
        if refusal_id is None or run.cause is not SCHEDULE:
            return False
        last = self._refusals.get(refusal_id)
        if last is not None:
            if (last.cause, last.status, last.reason, last.related_id) != (
                SCHEDULE, run.status, run.reason, run.related_id,
            ):  # fmt: skip
                return False
            last.scheduled_until, last.finished_at = run.scheduled_until, run.finished_at
            last.count += run.count
        else:
            row = self._connection.execute(REFUSAL, (refusal_id,)).fetchone()
            if row is None or row[1:] != (SCHEDULE, run.status, run.reason, run.related_id):
                return False
            until = to_micros(run.scheduled_until)
            self._connection.execute(EXTEND_REFUSAL, (until, run.count, maybe_micros(run.finished_at), row[0]))
            self._widen(row[0], to_micros(run.scheduled_at), until)
        run.id = refusal_id
        return True

    def _widen(self, sequence: int, earliest: int, latest: int) -> None:
        block = sequence // BLOCK
        span = self._spans.get(block)
        if span is not None:
            earliest, latest = min(earliest, span[0]), max(latest, span[1])
        self._spans[block] = earliest, latest

    def write(self) -> None:
        """Write the newborn runs, and what their births have changed beside their own jobs."""
        rows = [self._row(newborn) for newborn in self.newborn]
        if len(rows) == 1:
            self._connection.execute(INSERT_RUN, rows[0])
        elif rows:
            self._connection.executemany(INSERT_RUN, rows)
        if self._spans:
            spans = [(block, *span) for block, span in self._spans.items()]
            self._connection.executemany(WIDEN_SPAN, spans)
        self.tally.write(self._connection)
        if self._cancelled:
            self.ended += read_cancelled(self._connection, self._cancelled)

    def _row(self, newborn: Newborn) -> tuple[object, ...]:
        run, bearer = newborn.row, newborn.bearer
        scheduled = to_micros(run.scheduled_at)
        until = scheduled if run.scheduled_until is run.scheduled_at else to_micros(run.scheduled_until)
        self._widen(run.sequence, scheduled, until)
        status = run.status
        waits, runs = status is QUEUED, status is RUNNING
        ready = waits and newborn.entry is not None and may_start(newborn.entry, bearer.gate)
        return (
            run.sequence,
            run.id,
            bearer.key.generation,
            bearer.key.namespace,
            run.cause._value_,
            run.token,
            scheduled,
            until,
            run.count,
            scheduled if run.due_at is run.scheduled_at else to_micros(run.due_at),
            to_micros(run.created_at),
            run.overlap._value_,
            status._value_,
            run.attempt,
            run.fence,
            run.sequence if waits or runs else None,
            1 if ready else 0,
            1 if runs else 0,
            bearer.executor if waits else None,
            bearer.target if waits else None,
            run.node,
            maybe_micros(run.started_at),
            maybe_micros(run.finished_at),
            run.reason,
            run.related_id,
            self._kwargs.get(run.id),
        )

    def come_forward(self, jobs: Iterable[Bearer]) -> None:
        """Let those in the file start whose turn has come because others before them were cancelled."""
        for job in jobs:
            if job.gate and (first := job.gate[0]).newborn is None and first.status in WAITING and not first.ready:
                self._connection.execute(COME_FORWARD, (first.sequence,))
                first.ready = True
