"""What the nodes have to do: targets that write the journal, and jobs of every policy that a fault may touch."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from cronkit import Cron, Every, Missed, Retry, RunContext, Scheduler
from tests.faults.journal import Journal

GLANCE = 0.02
"""Seconds after which a working target looks whether it is to stop."""


class AttemptFailed(Exception):
    """What a target raises that fails on purpose, naming the attempt."""


class ToldToStop(Exception):
    """What a target raises that has looked whether it is to stop."""


class Work:
    """The targets of one node."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def take_a_while(self, run: RunContext, seconds: float = 0.0, failures: int = 0) -> dict[str, Any]:
        """Take a while, unless told to stop; fail in the first attempts; say which attempt this was."""
        with self.journal.attempt(run):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                if run.cancel_requested:
                    raise ToldToStop
                time.sleep(GLANCE)
            if run.attempt <= failures:
                raise AttemptFailed(f"attempt {run.attempt}")
            return self.journal.value(run)

    def listen_to_nobody(self, run: RunContext, seconds: float = 0.0) -> dict[str, Any]:
        """Take a while, and never look whether to stop: as a zombie does."""
        with self.journal.attempt(run):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(GLANCE)
            return self.journal.value(run)

    async def await_a_while(self, run: RunContext, seconds: float = 0.0) -> dict[str, Any]:
        """A coroutine that takes a while."""
        with self.journal.attempt(run):
            await asyncio.sleep(seconds)
            return self.journal.value(run)

    def take_steps(self, run: RunContext, seconds: float = 0.0) -> dict[str, Any]:
        """Say how far it has come, a tenth at a time."""
        with self.journal.attempt(run):
            for tenth in range(10):
                run.progress(tenth / 10, f"step {tenth}")
                time.sleep(seconds / 10)
            return self.journal.value(run)

    def register(self, scheduler: Scheduler, *only: str) -> None:
        """Make them known under their names, all or some."""
        targets: dict[str, Callable[..., Any]] = {
            "work": self.take_a_while,
            "deaf": self.listen_to_nobody,
            "wait": self.await_a_while,
            "steps": self.take_steps,
        }
        for name in only or targets:
            scheduler.target(targets[name], name=name)


def add_mixed_jobs(scheduler: Scheduler, *, longest: float) -> None:
    """Jobs shorter and longer than a lease, under every rule for overlaps and crashes; ``longest`` in seconds."""

    def add(id: str, period: str, target: str = "work", /, *, kwargs: dict[str, Any] | None = None, **options: Any):
        scheduler.add(target, Every(period), id=id, kwargs=kwargs or {}, exists="keep", **options)

    add("quick", "100ms")
    add("every-one", "200ms", missed=Missed.all(limit=1000), overlap="allow")
    add("queued", "400ms", kwargs={"seconds": 0.05}, overlap="queue")
    add("beside", "300ms", kwargs={"seconds": 0.4}, overlap="allow")
    add("long", "1s", kwargs={"seconds": longest})
    add("long-deaf", "1s", "deaf", kwargs={"seconds": longest})
    add("retried", "300ms", kwargs={"failures": 2}, retry=Retry(attempts=3, delay="100ms"))
    add("failing", "500ms", kwargs={"failures": 9}, retry=Retry(attempts=2))
    add("never-again", "200ms", kwargs={"seconds": 0.15}, on_crash="fail")
    add("held", "300ms", kwargs={"seconds": 0.15}, on_crash="hold")
    add("superseded", "500ms", "wait", kwargs={"seconds": 0.8}, overlap="cancel_running")
    add("timed", "400ms", "wait", kwargs={"seconds": 5.0}, timeout="200ms")
    scheduler.add("work", Cron("* * * * * *", tz="Europe/Paris"), id="cron", exists="keep", missed="skip")
