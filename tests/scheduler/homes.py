"""Where jobs live from one deployment to the next: a store in memory that schedulers share, or a SQLite file."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any

from cronkit import Scheduler
from cronkit.stores import JobStore, MemoryStore, SQLiteStore
from cronkit.stores.protocol import Reach
from tests.scheduler.faces import HandClock

Declare = Callable[[Scheduler], object]
"""What a program does with its scheduler before it starts."""


class HandClockedFile(SQLiteStore):
    """A SQLite store whose clock a test sets."""

    def __init__(self, path: Path, clock: HandClock) -> None:
        super().__init__(path)
        self.clock = clock

    def now(self) -> datetime:
        """The present instant."""
        return self.clock.now()


class Home:
    """A store that outlives the programs that use it, one after the other or side by side."""

    def __init__(self, path: Path | None) -> None:
        self.clock = HandClock()
        self.path = path
        self._memory = MemoryStore()
        self._files = ExitStack()

    def store(self) -> JobStore:
        """The store, as one more process opens it."""
        if self.path is None:
            return self._memory
        return self._files.enter_context(closing(HandClockedFile(self.path, self.clock)))

    def scheduler(self, declare: Declare = lambda scheduler: None, **options: Any) -> Scheduler:
        """A program's scheduler, which has not asked its store for anything yet."""
        scheduler = Scheduler(self.store(), clock=self.clock, **options)
        declare(scheduler)
        return scheduler

    def deploy(self, declare: Declare, **options: Any) -> Scheduler:
        """A program that has applied what it declares."""
        scheduler = self.scheduler(declare, **options)
        scheduler.apply()
        return scheduler

    def due(self, scheduler: Scheduler) -> list[str]:
        """The jobs that a node of this scheduler would run now."""
        targets = scheduler._parts.registry.targets
        return [
            job.key.id
            for job in scheduler._parts.store.due_jobs(self.clock.now(), 100, Reach(scheduler.namespace, targets)).jobs
        ]

    def close(self) -> None:
        """Close every file."""
        self._files.close()
