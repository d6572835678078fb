"""Simulating a scheduler in place: for a while it is made of other parts, and runs when it is told to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn

from cronkit.engine.engine import Engine
from cronkit.errors import LifecycleError
from cronkit.jobs.ids import IdSource
from cronkit.scheduler import AsyncScheduler, Scheduler
from cronkit.scheduler.handle import RunWaiters
from cronkit.scheduler.options import Zone
from cronkit.schedules.zones import resolve_zone
from cronkit.stores import MemoryStore
from cronkit.testing.script import AnyDuration, AnyFailures, Script
from cronkit.testing.simulation import EVERYTHING, Simulation, instant
from cronkit.testing.virtual_clock import VirtualClock


@contextmanager
def simulate(
    scheduler: Scheduler | AsyncScheduler,
    start: datetime | str,
    *,
    tz: Zone | None = None,
    seed: int = 0,
    durations: Mapping[str, AnyDuration] | None = None,
    failures: Mapping[str, AnyFailures] | None = None,
) -> Iterator[Simulation]:
    """Simulate a scheduler for the length of a ``with`` block, from ``start`` on.

    Inside it the scheduler has its declared jobs, as if they had been added at ``start``, in a store, on a clock and
    on executors of the simulation: whatever is done to it, by the test or by its own jobs, is done to the simulation,
    and is gone afterwards. Its own store is neither read nor written, and nothing waits for real time.

    ``start`` is in ``tz`` (by default the scheduler's) unless it says otherwise. ``durations`` and ``failures`` are
    given by the id of a job or the name of its target: how long each start takes, and which starts raise instead of
    calling their target. With the same ``seed`` a simulation ends in the same ledger, down to the runs' ids.

    Raises:
        LifecycleError: the scheduler runs, or is simulated, already; at the end of the block, a coroutine waits for
        something real.
        ConfigurationError: a job or target that there is not, or a duration that is none.
        ScheduleError: ``start`` is no date-time.
    """
    sync, caller = (scheduler._sync, scheduler._call) if isinstance(scheduler, AsyncScheduler) else (scheduler, None)
    real = sync._parts
    zone = sync._reader.tz if tz is None else tz
    zone = resolve_zone(zone)
    clock = VirtualClock(instant(start, zone))
    store = MemoryStore(keep_runs=EVERYTHING, keep_ended_jobs=EVERYTHING)
    declarations = real.declarations.anew()
    known = {*real.registry.targets, *declarations.ids}
    parts = replace(
        real,
        store=store,
        waiters=_ImpatientWaiters(store, real.namespace, declared=declarations.ids),
        registry=real.registry.copy(),
        declarations=declarations,
        bus=real.bus.twin(inline=True),
        clock=clock,
        new_id=IdSource(seed).new,
    )
    simulation = Simulation(parts, clock, zone, Script(durations or {}, failures or {}, known, seed))
    with sync._remade(parts, _SimulatedRuntime(simulation)):
        if caller is not None:
            caller.inline = True
        try:
            sync._apply_declarations()
            yield simulation
        finally:
            simulation.end()
            if caller is not None:
                caller.inline = False
        simulation.check()


class _SimulatedRuntime:
    """What a scheduler sees running while it is simulated."""

    occupies = (
        "this scheduler is being simulated, and nothing else runs it until the simulate() block ends: leave its start "
        "out of the test, as TestClient(app) without 'with' leaves out a lifespan"
    )
    is_of_this_process = True
    is_over = False
    problem = None

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @property
    def engine(self) -> Engine:
        """The engine of the simulated node."""
        return self._simulation.engine

    def stop(self, drain: timedelta) -> NoReturn:
        """Refuse."""
        raise LifecycleError("a simulated scheduler is not stopped: it ends with the simulate() block")

    def hurry(self) -> None:
        """Do nothing: there is no drain."""


class _ImpatientWaiters(RunWaiters):
    """Lets nobody wait for a run that only the passing of virtual time can end."""

    def call_when_ended(self, run_id: str, callback: Callable[[], object]) -> Callable[[], None]:
        """See ``RunWaiters``."""
        run = self.find(run_id)
        if run is not None and run.status.is_open:
            raise LifecycleError(
                f"run {run_id} is {run.status}, and time stands still while a simulation waits: "
                "advance() or run_pending() first, then ask for the result"
            )
        return super().call_when_ended(run_id, callback)
