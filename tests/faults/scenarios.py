"""What is done to nodes at random: a little of it with the tests, a lot by ``python -m tests.faults.long``."""

import random
import signal
import time

from tests.faults.audit import Books, audit
from tests.faults.herd import Herd, Run
from tests.faults.node import LEASE, run_node
from tests.faults.work import add_mixed_jobs

LONGER_THAN_A_LEASE = 1.5 * LEASE
SETTLING = 120.0
"""Seconds: a run that is lost again and again is run again three times, each after a lease."""


def begin(herd: Herd, nodes: int, run: Run = run_node, *, longest: float) -> None:
    """Start nodes that have jobs of all kinds to do, the longest of them taking so many seconds."""
    add_mixed_jobs(herd.scheduler, longest=longest)
    herd.start_and_wait(nodes, run=run)


def kill_at_random(herd: Herd, kills: int, run: Run = run_node, *, seed: int = 0) -> None:
    """Kill a node, a random one at a random moment, again and again; another takes its place at once."""
    chance = random.Random(seed)
    for _ in range(kills):
        time.sleep(chance.uniform(0.0, 0.3))
        herd.kill(chance.choice(list(herd.nodes)))
        herd.start(run)


def stop_at_random(herd: Herd, stops: int, *, seconds: float, seed: int = 0) -> None:
    """Let a random node stand still for a while, again and again, wherever it happens to be: in a transaction too."""
    chance = random.Random(seed)
    for _ in range(stops):
        time.sleep(chance.uniform(0.0, 0.1))
        name = chance.choice(list(herd.nodes))
        herd.send(name, signal.SIGSTOP)
        time.sleep(seconds)
        herd.send(name, signal.SIGCONT)


def close_books(herd: Herd) -> Books:
    """Let the scenario come to its end, and return its books, in which there is no fault."""
    herd.settle(SETTLING)
    books = Books(herd.scheduler, herd.journal.read(), herd.disturbances)
    faults = audit(books)
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:20])
    return books
