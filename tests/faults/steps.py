"""The steps between a due occurrence and its end, numbered, and a node that dies at one of them.

The numbers are those of the table in ``docs/durability.md``, which says what becomes of the run.
"""

import os
import signal
import sqlite3
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial
from typing import Any

from cronkit import RunContext, events
from cronkit.executors.protocol import Report
from cronkit.executors.thread import ThreadExecutor
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.outcome import Outcome
from cronkit.stores.protocol import Finish
from tests.faults.node import Node, Settings, ShiftedStore
from tests.faults.work import Work


class Step(IntEnum):
    """What has just happened when the node dies."""

    DUE_READ = 1
    PLANNED = 2
    CLAIM_BEGUN = 3
    JOB_MOVED = 4
    RUN_INSERTED = 5
    RUN_LEASED = 6
    CLAIM_COMMITTED = 7
    HANDED_OVER = 8
    TARGET_STARTED = 9
    TARGET_ENDED = 10
    REPORTED = 11
    FINISH_BEGUN = 12
    FINISH_WRITTEN = 13
    FINISH_COMMITTED = 14
    TOLD = 15


STATEMENTS: dict[str, Sequence[tuple[str, Step, bool]]] = {
    "claim": (
        ("BEGIN", Step.CLAIM_BEGUN, True),
        ("UPDATE jobs", Step.JOB_MOVED, True),
        ("INSERT INTO runs", Step.RUN_INSERTED, True),
        ("COMMIT", Step.RUN_LEASED, False),
        ("COMMIT", Step.CLAIM_COMMITTED, True),
    ),
    "finish": (
        ("BEGIN", Step.FINISH_BEGUN, True),
        ("COMMIT", Step.FINISH_WRITTEN, False),
        ("COMMIT", Step.FINISH_COMMITTED, True),
    ),
}
"""By verb: how a statement begins, the step it belongs to, and whether that is after it, rather than before."""

verb = ""
"""The verb of the store that the engine's thread is in."""
reach: Callable[[Step], None] = lambda step: None  # noqa: E731
"""Called with each step as it is reached."""


class SteppedConnection(sqlite3.Connection):
    """Says which statements of a claim and of a finish it comes to."""

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Run a statement."""
        self._reach(statement, after=False)
        cursor = super().execute(statement, *values)
        self._reach(statement, after=True)
        return cursor

    def executemany(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Run a statement with each of several values."""
        cursor = super().executemany(statement, *values)
        self._reach(statement, after=True)
        return cursor

    def _reach(self, statement: str, *, after: bool) -> None:
        for begins, step, is_after in STATEMENTS.get(verb, ()):
            if is_after is after and statement.strip().startswith(begins):
                reach(step)


class SteppedStore(ShiftedStore):
    """Says how far a claim has come, and a finish."""

    def due_jobs(self, *arguments: Any) -> Any:
        """Read what is due."""
        due = super().due_jobs(*arguments)
        if due.jobs:
            reach(Step.DUE_READ)
        return due

    def claim(self, advances: Sequence[Any], *rest: Any) -> Any:
        """Apply what is planned."""
        if not advances:
            return super().claim(advances, *rest)
        reach(Step.PLANNED)
        return self._inside("claim", partial(super().claim, advances, *rest))

    def finish(self, finishes: Sequence[Finish]) -> list[Finish | None]:
        """Write how attempts ended."""
        written: list[Finish | None] = self._inside("finish", partial(super().finish, finishes))
        return written

    @staticmethod
    def _inside(name: str, call: Callable[[], Any]) -> Any:
        global verb
        verb = name
        try:
            return call()
        finally:
            verb = ""


class SteppedExecutor(ThreadExecutor):
    """Says when an attempt was handed over, and when it was reported."""

    def submit(self, attempt: Attempt, report: Report) -> None:
        """Run an attempt."""
        reach(Step.HANDED_OVER)

        def reported(attempt: Attempt, outcome: Outcome) -> None:
            report(attempt, outcome)
            reach(Step.REPORTED)

        super().submit(attempt, reported)


class SteppedWork(Work):
    """Says when a target has started, and ended."""

    def take_a_while(self, run: RunContext, seconds: float = 0.0, failures: int = 0) -> dict[str, Any]:
        """Start, and end."""
        with self.journal.attempt(run):
            reach(Step.TARGET_STARTED)
        reach(Step.TARGET_ENDED)
        return self.journal.value(run)


class SteppedNode(Node):
    """A node that dies where it is told to."""

    store_class = SteppedStore
    executor_class = SteppedExecutor
    work_class = SteppedWork


def run_until(fatal: Step, settings: Settings) -> None:
    """Be a node until it comes to a step, which is its last."""
    global reach
    reach = partial(_die_at, fatal)
    sqlite3.connect = partial(sqlite3.connect, factory=SteppedConnection)  # type: ignore[assignment]
    node = SteppedNode(settings)
    node.scheduler.on(events.RunSucceeded)(lambda event: reach(Step.TOLD))
    node.run()


def _die_at(fatal: Step, step: Step) -> None:
    if step is fatal:
        os.kill(os.getpid(), signal.SIGKILL)
