"""Nodes whose connections to the file fail, or stand still, as a test wants it."""

import os
import random
import signal
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

from cronkit import LifecycleError, RunContext
from tests.faults import steps
from tests.faults.node import Node, Settings
from tests.faults.steps import Step, SteppedConnection, SteppedNode


class FaultyConnection(sqlite3.Connection):
    """Calls ``fault`` with the name of each moment of a transaction: begun, written, committed."""

    fault: Callable[[sqlite3.Connection, str], None]

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Run a statement."""
        if statement == "COMMIT":
            self.fault("written")
        elif statement.startswith("BEGIN IMMEDIATE"):
            self.fault("begun")
        cursor = super().execute(statement, *values)
        if statement == "COMMIT":
            self.fault("committed")
        return cursor


def _connect_with(kind: type[sqlite3.Connection]) -> None:
    sqlite3.connect = partial(sqlite3.connect, factory=kind)  # type: ignore[assignment]


def _error(code: int, text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


def run_failing(chance: float, settings: Settings) -> None:
    """Be a node to which one commit in so many fails for want of room, and one more succeeds without saying so."""
    dice = random.Random(settings.name)

    def fault(connection: sqlite3.Connection, moment: str) -> None:
        if moment == "written" and dice.random() < chance:
            raise _error(sqlite3.SQLITE_FULL, "database or disk is full")
        if moment == "committed" and dice.random() < chance:
            raise _error(sqlite3.SQLITE_IOERR, "disk I/O error")

    FaultyConnection.fault = fault
    _connect_with(FaultyConnection)
    Node(settings).run()


def run_read_only_while_told(settings: Settings) -> None:
    """Be a node that cannot write to the file while there is a file "read-only" beside the store's directory."""
    flag = settings.directory.parent / "read-only"

    def fault(connection: sqlite3.Connection, moment: str) -> None:
        if moment == "begun":
            connection.execute(f"PRAGMA query_only = {flag.exists():d}")

    FaultyConnection.fault = fault
    _connect_with(FaultyConnection)
    Node(settings).run()


def run_and_stop_at(moment: Step, settings: Settings) -> None:
    """Be a node that stops itself the first time it comes to a step."""
    has_stopped = False

    def stop(step: Step) -> None:
        nonlocal has_stopped
        if step is moment and not has_stopped:
            has_stopped = True
            node.journal.write("stops")
            # To this thread: one for the process may be taken by another, while this one goes on and commits.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    steps.reach = stop
    _connect_with(SteppedConnection)
    node = SteppedNode(settings)
    node.run()


def run_with_child(settings: Settings) -> None:
    """Be a node with a target "fork", which leaves a child behind that lives on."""
    node = Node(settings)

    def fork(run: RunContext) -> dict[str, Any]:
        with node.journal.attempt(run):
            if os.fork() == 0:
                _live_as_child(node)
            return node.journal.value(run)

    node.scheduler.target(fork, name="fork")
    node.run()


def _live_as_child(node: Node) -> NoReturn:
    """Ask the parent's scheduler and one of its own, say what they answer, and stay."""
    try:
        try:
            node.scheduler.get("quick")
            refusal = ""
        except LifecycleError as error:
            refusal = str(error)
        own = Node(replace(node.settings, name="child"))
        own.journal.write("child", pid=os.getpid(), refusal=refusal, job=own.scheduler.get("quick").id)
        signal.pause()
    finally:
        os._exit(1)
