"""The type of the pytest fixture ``simulation``, for tests that are type-checked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from cronkit.scheduler import AsyncScheduler, Scheduler
from cronkit.scheduler.options import Zone
from cronkit.testing.script import AnyDuration, AnyFailures
from cronkit.testing.simulation import Simulation


class SimulationFixture(Protocol):
    """What the fixture ``simulation`` gives a test: it is called as ``simulate`` is, and raises what that raises.

    Each simulation it begins ends with the test, the last one first.
    """

    def __call__(
        self,
        scheduler: Scheduler | AsyncScheduler,
        start: datetime | str,
        *,
        tz: Zone | None = None,
        seed: int = 0,
        durations: Mapping[str, AnyDuration] | None = None,
        failures: Mapping[str, AnyFailures] | None = None,
    ) -> Simulation:
        """Simulate a scheduler until the test ends; see ``simulate``."""
