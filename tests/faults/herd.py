"""The nodes of a scenario: starts, kills, stops and wakes them, and remembers what it did to whom."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from cronkit import Scheduler
from tests.faults.journal import START, Entry, Journal
from tests.faults.node import Node, Settings, main, run_node

PATIENCE = 45.0
"""Seconds that a condition may take to come true before a test gives up; nothing waits so long but for a fault."""
WAITING = ("queued", "running", "retrying")
Run = Callable[[Settings], None]
"""What a node's process does."""


class Disturbance(NamedTuple):
    """A signal that a node was sent, and when (monotonic seconds)."""

    node: str
    signal: signal.Signals
    at: float


def wait_until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait for a condition to come true; return what it gave. Fails after ``patience`` seconds."""
    until = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < until, f"in {patience} seconds it never came to this: {what}"
        time.sleep(0.01)


_process_table = threading.Lock()
"""``multiprocessing`` looks after ended processes in each start too, and of two threads that look one sees nothing."""


def _wait_for_end(process: BaseProcess) -> None:
    wait([process.sentinel], PATIENCE)
    with _process_table:
        process.join(0)


class Herd:
    """Processes that share one file."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.settings = Settings(directory=directory, **settings)
        self.journal = Journal(self.settings.journal)
        self.client = Node(self.settings)
        self.disturbances: list[Disturbance] = []
        self.nodes: dict[str, BaseProcess] = {}
        self._started = 0
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.faults.node"])

    @property
    def scheduler(self) -> Scheduler:
        """A client of the store, which runs nothing."""
        return self.client.scheduler

    # -- what is done to nodes ----------------------------------------------------------------------------------------

    def start(self, run: Run = run_node, **settings: Any) -> str:
        """Start a node, or what ``run`` makes of one; return its name."""
        self._started += 1
        name = f"n{self._started}"
        told = replace(self.settings, **{"name": name, **settings})
        process = self._context.Process(target=main, args=(told, run), name=name, daemon=True)
        with _process_table:
            process.start()
        self.nodes[name] = process
        return name

    def start_and_wait(self, count: int = 1, **settings: Any) -> list[str]:
        """Start nodes, and wait until they are up."""
        names = [self.start(**settings) for _ in range(count)]
        wait_until(lambda: set(names) <= {entry.node for entry in self.journal.read("up")}, f"{names} are up")
        return names

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a node."""
        process = self.nodes[name]
        assert process.pid is not None
        if number is not signal.SIGCONT:  # noted first: what comes after it is its fault
            self.note(name, number)
        os.kill(process.pid, number)

    def note(self, name: str, number: signal.Signals) -> None:
        """Remember that a node was sent a signal, or has sent it to itself."""
        self.disturbances.append(Disturbance(name, number, time.monotonic()))

    def kill(self, name: str) -> None:
        """End a node as a power cut would."""
        self.send(name, signal.SIGKILL)
        _wait_for_end(self.nodes.pop(name))

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Let a node stand still."""
        self.send(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(name, signal.SIGCONT)

    def end(self, name: str) -> None:
        """Let a node drain and end; fails if it does not."""
        process = self.nodes.pop(name)
        process.terminate()
        _wait_for_end(process)
        assert process.exitcode == 0, f"{name} ended with {process.exitcode}: {self.output(name)}"

    def wait_for_death(self, name: str) -> None:
        """Wait for a node that kills itself."""
        process = self.nodes.pop(name)
        _wait_for_end(process)
        self.note(name, signal.SIGKILL)
        assert process.exitcode == -signal.SIGKILL, f"{name} ended with {process.exitcode}: {self.output(name)}"

    # -- what can be seen of them -------------------------------------------------------------------------------------

    def output(self, name: str) -> str:
        """What a node has written to its streams."""
        log = self.settings.journal.with_suffix(f".{name}.log")
        return log.read_text() if log.exists() else ""

    def saw(self, *kinds: str, node: str | None = None, after: float = 0.0) -> list[Entry]:
        """The journal's entries of some kinds, of one node, from a time on."""
        return [each for each in self.journal.read(*kinds) if each.at > after and node in (None, each.node)]

    def wait_for_starts(self, count: int, node: str | None = None, after: float = 0.0) -> list[Entry]:
        """Wait until so many targets have started, on a node if one is given; return the entries of them all."""

        def enough() -> list[Entry] | None:
            starts = self.saw(START, node=node, after=after)
            return starts if len(starts) >= count else None

        starts: list[Entry] = wait_until(enough, f"{count} starts on {node or 'any node'}")
        return starts

    # -- the end ------------------------------------------------------------------------------------------------------

    def settle(self, patience: float = PATIENCE) -> None:
        """Let every job pause, and all that is open come to its end; then end the nodes."""
        for job in self.scheduler.jobs(limit=1000):
            self.scheduler.pause(job.id)
        ledger = self.scheduler.ledger
        wait_until(lambda: not ledger.runs(status=WAITING, limit=1), "all runs have ended", patience)
        for name in list(self.nodes):
            self.end(name)

    def close(self) -> None:
        """End what is left."""
        for process in self.nodes.values():
            with suppress(ProcessLookupError):
                process.kill()
            _wait_for_end(process)
        self.nodes.clear()
        self.client.store.close()

    def __enter__(self) -> "Herd":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
