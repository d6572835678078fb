"""The fixture for users' own tests."""

import inspect

import pytest

from cronkit.testing import SimulationFixture, simulate

pytest_plugins = ["pytester"]


def test_a_simulation_lasts_as_long_as_the_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["cronkit.testing.pytest_plugin"]')
    pytester.makepyfile(
        """
        from cronkit import Scheduler
        from cronkit.testing import SimulationFixture

        scheduler = Scheduler()
        scheduler.job("1h", id="hourly")(lambda: None)

        def test_inside(simulation: SimulationFixture) -> None:
            sim = simulation(scheduler, start="2026-01-01T00:00", durations={"hourly": "5m"})
            sim.advance("2h")
            assert scheduler.is_running
            assert len(sim.runs("hourly")) == 3

        def test_after():
            assert not scheduler.is_running
        """
    )
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2)


def test_the_type_of_the_fixture_takes_what_simulate_takes() -> None:
    _, *taken = inspect.signature(SimulationFixture.__call__).parameters.values()
    assert taken == list(inspect.signature(simulate).parameters.values())
