"""For tests of applications, and of stores and executors: a time machine, and suites to conform to."""

from cronkit.testing.fixture import SimulationFixture
from cronkit.testing.script import SimulatedFailure
from cronkit.testing.simulate import simulate
from cronkit.testing.simulation import Simulation

__all__ = ["SimulatedFailure", "Simulation", "SimulationFixture", "simulate"]
