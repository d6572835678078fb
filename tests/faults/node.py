"""A node: a process with a scheduler on the shared file, which does what it is told and writes a journal."""

import faulthandler
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import wait
from pathlib import Path

from cronkit import Scheduler, events
from cronkit.clock import utc_now
from cronkit.engine.engine import Engine
from cronkit.executors.thread import ThreadExecutor
from cronkit.stores.sqlite import SQLiteStore
from tests.faults.journal import Journal
from tests.faults.work import Work

LEASE = 2.0
RENEW_EVERY = LEASE / 3
TOLD = (
    events.StoreDegraded,
    events.StoreRecovered,
    events.LeaseLost,
    events.StaleWriteRefused,
    events.JobQuarantined,
    events.EngineFault,
    events.ClockJumped,
)
"""The events that a node writes into the journal."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a node is told when it starts. ``clock_ahead`` is how far its own clock is ahead of the machine's,
    ``store_ahead`` how far the store's is: for the store's, all nodes have to be told the same."""

    directory: Path
    name: str = "client"
    targets: tuple[str, ...] = ()
    lease: float = LEASE
    standby: str = "1s"
    busy_timeout: str = "1s"
    clock_ahead: timedelta = timedelta()
    store_ahead: timedelta = timedelta()
    slots: int = 10

    @property
    def file(self) -> Path:
        """The store's file."""
        return self.directory / "jobs.db"

    @property
    def journal(self) -> Path:
        """The file of the journal, kept apart from the store's, whose disk may be full."""
        return self.directory.parent / f"{self.directory.name}-journal"


class ShiftedClock:
    """The machine's clock, set wrong."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        """The present instant, as this clock has it."""
        return utc_now() + self.ahead


class ShiftedStore(SQLiteStore):
    """A store whose clock is set wrong, for all its nodes alike."""

    ahead = timedelta()

    def now(self) -> datetime:
        """The present instant, as the store has it."""
        return super().now() + self.ahead


class Node:
    """A scheduler with its targets and its journal; it is a client until ``run``."""

    store_class = ShiftedStore
    executor_class = ThreadExecutor
    work_class = Work

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.journal = Journal(settings.journal, settings.name)
        self.store = self.store_class(settings.file, standby=settings.standby, busy_timeout=settings.busy_timeout)
        self.store.ahead = settings.store_ahead
        self.scheduler = Scheduler(
            self.store,
            executors={"default": self.executor_class(settings.slots)},
            lease=timedelta(seconds=settings.lease),
            renew_every=timedelta(seconds=settings.lease / 3),
            clock=ShiftedClock(settings.clock_ahead),
        )
        self.work_class(self.journal).register(self.scheduler, *settings.targets)

    def run(self) -> None:
        """Be a node until SIGTERM."""
        self.scheduler.on(*TOLD)(self._tell)
        steps = _count_steps()
        self.journal.write("up", pid=os.getpid())
        began = time.process_time()
        self.scheduler.run(drain="10s")
        self.journal.write("down", steps=steps[0], cpu=time.process_time() - began)

    def _tell(self, event: events.Event) -> None:
        self.journal.write(type(event).__name__, text=repr(event)[:1000])


def _count_steps() -> list[int]:
    steps, step = [0], Engine.step

    def counted(engine: Engine, now: datetime) -> datetime | None:
        steps[0] += 1
        return step(engine, now)

    Engine.step = counted  # type: ignore[method-assign]
    return steps


def main(settings: Settings, run: Callable[[Settings], None]) -> None:
    """What a node's process does; its own output goes into a file beside the journal."""
    log = os.open(settings.journal.with_suffix(f".{settings.name}.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for number in (1, 2):
        os.dup2(log, number)
    faulthandler.enable()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    run(settings)


def run_node(settings: Settings) -> None:
    """Be a node, as it should be."""
    Node(settings).run()


def _end_with_parent() -> None:
    """Leave no node behind when the tests are killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
