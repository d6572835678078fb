"""The fixture for users' own tests."""

import pytest

pytest_plugins = ["pytester"]


def test_a_simulation_lasts_as_long_as_the_test(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["cronkit.testing.pytest_plugin"]')
    pytester.makepyfile(
        """
        from cronkit import Scheduler

        scheduler = Scheduler()
        scheduler.job("1h", id="hourly")(lambda: None)

        def test_inside(simulation):
            sim = simulation(scheduler, start="2026-01-01T00:00", durations={"hourly": "5m"})
            sim.advance("2h")
            assert scheduler.is_running
            assert len(sim.runs("hourly")) == 3

        def test_after():
            assert not scheduler.is_running
        """
    )
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2)
