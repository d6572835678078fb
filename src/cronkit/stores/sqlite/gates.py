"""A job's gate: its open runs in their order, the first of which is in the way of the others."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from cronkit.jobs.policies import Overlap
from cronkit.jobs.rules import must_wait
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.sqlite.database import Connection
from cronkit.stores.sqlite.run_rows import OVERLAPS, STATUSES

WAITING = frozenset({RunStatus.QUEUED, RunStatus.RETRYING})
IN_GATE = WAITING | {RunStatus.RUNNING}
"""The statuses in which a run is in its job's gate; one that has ended is there only while its thread runs on."""

GATES = """
SELECT job, sequence, id, status, overlap, ready, held, occupied, place FROM runs
WHERE job IN (SELECT value FROM json_each(?)) AND place IS NOT NULL ORDER BY job, place"""
WAIT_AGAIN = """
    ready = ifnull(overlap = 'allow' OR place = (
        SELECT min(g.place) FROM runs AS g WHERE g.job = runs.job AND g.place IS NOT NULL
    ), 1),
    (executor, target) = (SELECT executor, target FROM jobs WHERE pk = runs.job)"""
"""What a run that keeps its place gets when it waits again."""
COME_FORWARD = "UPDATE runs SET ready = 1 WHERE sequence = ?"
LEAVE_GATE = "UPDATE runs SET place = NULL WHERE sequence = ?"
BE_HELD = "UPDATE runs SET held = 1 WHERE sequence = ?"


class OpenRun:
    """A run in its job's gate. ``newborn`` is its row while it is not in the file yet."""

    __slots__ = ("id", "newborn", "overlap", "ready", "sequence", "status")

    def __init__(
        self, sequence: int, run_id: str, status: RunStatus, overlap: Overlap, ready: bool, newborn: RunRow | None
    ) -> None:
        self.sequence = sequence
        self.id = run_id
        self.status = status
        self.overlap = overlap
        self.ready = ready
        self.newborn = newborn


Gate = list[OpenRun]


def read_gates(connection: Connection, jobs: Iterable[int]) -> dict[int, Gate]:
    """The gates of jobs; a job without open runs has none.

    What contradicts itself and would block a gate for ever is put right: a run that is there although it has ended,
    and one that runs but is nobody's, which no reaper would find.
    """
    gates: dict[int, Gate] = defaultdict(list)
    strays: list[tuple[int]] = []
    unheld: list[tuple[int]] = []
    rows = connection.execute(GATES, (json.dumps(list(jobs)),))
    for pk, sequence, run_id, status, overlap, ready, held, occupied, _ in rows:
        # What software of another version has written counts as one that runs on.
        known = STATUSES.get(status, RunStatus.RUNNING)
        if known not in IN_GATE and not occupied:
            strays.append((sequence,))
            continue
        if held != 1 and status == RunStatus.RUNNING:
            unheld.append((sequence,))
        gates[pk].append(OpenRun(sequence, run_id, known, OVERLAPS.get(overlap, Overlap.SKIP), bool(ready), None))
    if strays or unheld:
        connection.executemany(LEAVE_GATE, strays)
        connection.executemany(BE_HELD, unheld)
    return gates


def come_forward(connection: Connection, jobs: Iterable[int]) -> bool:
    """Let the first of each gate start that waits behind nobody any more; say whether there was one."""
    forward = [
        (gate[0].sequence,)
        for gate in read_gates(connection, jobs).values()
        if gate[0].status in WAITING and not gate[0].ready
    ]
    if forward:
        connection.executemany(COME_FORWARD, forward)
    return bool(forward)


def may_start(run: OpenRun, gate: Gate) -> bool:
    """Whether a run's turn has come."""
    return not must_wait(run.overlap, run.id, (gate[0].id,) if gate else ())


def end_newborn(run: RunRow, status: RunStatus, at: datetime, reason: str | None) -> None:
    """End a run that is not in the file yet."""
    run.move(status)
    run.finished_at, run.reason = at, reason
