"""An engine that is stepped by hand, on a clock that stands still; its executor ends runs when it is told to."""

from datetime import datetime, timedelta
from typing import Any

from cronkit.engine.changes import create
from cronkit.engine.engine import Engine
from cronkit.events import Event, EventBus
from cronkit.executors.protocol import ExecutorCapabilities, Report
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.job import JobSpec
from cronkit.jobs.outcome import Outcome, raised, succeeded
from cronkit.jobs.policies import LIBRARY_DEFAULTS, read_policies
from cronkit.jobs.registry import Registry
from cronkit.jobs.run import Run
from cronkit.jobs.target import Colour
from cronkit.schedules import Schedule, parse_schedule
from cronkit.stores import MemoryStore
from cronkit.stores.protocol import JobStore, RunFilter
from tests.scheduler.faces import HandClock

from .factories import new_ids

STACK = "  File 'job.py', line 7, in stuck\n"


class HandExecutor:
    """Takes attempts, notes whom it is asked to cancel, and reports what a test says."""

    def __init__(self, slots: int, *, cancels: bool) -> None:
        self.slots = slots
        self.capabilities = ExecutorCapabilities(colours=frozenset(Colour), cancels=cancels)
        self.running: list[Attempt] = []
        self.cancelled: list[Attempt] = []
        self._report: Report | None = None

    def start(self) -> None:
        """Nothing to make ready."""

    def submit(self, attempt: Attempt, report: Report) -> None:
        """Take an attempt."""
        self.running.append(attempt)
        self._report = report

    def cancel(self, attempt: Attempt) -> None:
        """Note who is to be cancelled."""
        self.cancelled.append(attempt)

    def stack_of(self, attempt: Attempt) -> str | None:
        """Always the same place."""
        return STACK

    def shutdown(self, drain: timedelta) -> int:
        """Nothing to let go of."""
        return len(self.running)

    def end(self, outcome: Outcome | BaseException | None = None) -> Attempt:
        """End the attempt that has run longest, with an outcome, what it raises, or no value; return it."""
        attempt = self.running.pop(0)
        assert self._report is not None
        self._report(attempt, raised(outcome) if isinstance(outcome, BaseException) else outcome or succeeded(None))
        return attempt


class Bench:
    """An engine with all it needs, and one target for every job."""

    def __init__(self, *, slots: int = 10, cancels: bool = False, store: JobStore | None = None) -> None:
        self.clock = HandClock()
        self.store = store or MemoryStore()
        self.executor = HandExecutor(slots, cancels=cancels)
        self.events: list[Event] = []
        registry, bus = Registry(), EventBus(inline=True)
        registry.register(lambda: None, "target")
        bus.on(Event)(self.events.append)
        self.engine = Engine(
            store=self.store,
            executors={"default": self.executor},
            registry=registry,
            bus=bus,
            clock=self.clock,
            node="node",
            namespace="default",
            new_id=new_ids(),
            lease=timedelta(seconds=30),
            renew_every=timedelta(seconds=10),
        )

    def add(self, schedule: str | Schedule, id: str = "job", **policies: Any) -> None:
        """Add a job, now."""
        now = self.clock.now()
        bound = parse_schedule(schedule, seed=id).bind(tz="UTC", now=now) if isinstance(schedule, str) else schedule
        spec = JobSpec(
            id=id,
            target="target",
            schedule=bound,
            executor="default",
            policies=read_policies(LIBRARY_DEFAULTS, policies),
        )
        assert self.store.insert([create(spec, "default", now, None)]) == [True]

    def step(self, **advance: float) -> datetime | None:
        """Let time pass, and step; return when the engine wants to be called again."""
        self.clock.advance(**advance)
        return self.engine.step(self.clock.now())

    def end(self, outcome: Outcome | BaseException | None = None) -> None:
        """End the attempt that has run longest, and step."""
        self.executor.end(outcome)
        self.step()

    @property
    def running(self) -> list[str]:
        """The ids of the runs that the executor has under way."""
        return [attempt.run.id for attempt in self.executor.running]

    @property
    def runs(self) -> list[Run]:
        """Every run there is, oldest first."""
        return list(self.store.runs(RunFilter(namespace="default"), limit=1000, cursor=None))[::-1]

    @property
    def run(self) -> Run:
        """The only run there is."""
        (run,) = self.runs
        return run

    @property
    def kinds(self) -> list[str]:
        """What was told, by the names of the events."""
        return [type(event).__name__ for event in self.events]
