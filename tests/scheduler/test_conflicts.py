"""Options that people have changed by hand, and newer code that they do not go with any more."""

import logging
from typing import Any

import pytest

from cronkit import Scheduler, ThreadExecutor, events
from tests.scheduler.homes import Declare, Home
from tests.scheduler.test_deploys import heard


def work(n: int = 0) -> int:
    return n


def bare() -> None:
    """The same target in newer code, which takes no argument any more."""


async def awaited(n: int = 0) -> int:
    """The same target in newer code, which is a coroutine function now."""
    return n


def beat(function: Any = work, **options: Any) -> Declare:
    """A program that declares one job, on whichever version of its function."""
    return lambda scheduler: scheduler.job("1h", id="beat", **options)(function)


CONFLICTS = {
    "an_executor_that_is_gone": (beat(), {"executor": "pool"}, beat(), "executor='pool' is unknown: give one of"),
    "an_executor_of_the_other_colour": (
        beat(executor="pool"), {"executor": "default"}, beat(awaited), "executor 'default' cannot run the coroutine"
    ),
    "kwargs": (beat(), {"kwargs": {"n": 1}}, beat(bare), "'beat' cannot be called so: got an unexpected keyword"),
    "args": (beat(), {"args": [1]}, beat(bare), "'beat' cannot be called so: too many positional arguments"),
    "overlap": (beat(awaited), {"overlap": "cancel_running"}, beat(), "overlap='cancel_running': executor 'default'"),
}  # fmt: skip
"""What was declared, what somebody changed of it by hand, what is declared now, and why the two do not go together."""


@pytest.fixture(params=CONFLICTS)
def conflict(request: pytest.FixtureRequest, home: Home) -> tuple[Scheduler, str]:
    """A program that has still to deploy, and why its job could not run then."""
    before, changes, newer, why = CONFLICTS[str(request.param)]
    home.deploy(before, executors={"pool": ThreadExecutor(1)}).update("beat", **changes)
    return home.scheduler(newer), why


def test_a_plan_shows_what_does_not_go_with_newer_code(conflict: tuple[Scheduler, str]) -> None:
    scheduler, why = conflict
    plan = scheduler.plan()
    assert plan.conflicting["beat"].startswith(why)
    assert f"! conflicting  beat  cannot run as it is: {why}" in str(plan)
    assert "update() it, or reset() goes back to the code" in str(plan)


def test_a_deployment_tells_of_what_does_not_go_with_it(
    conflict: tuple[Scheduler, str], caplog: pytest.LogCaptureFixture
) -> None:
    scheduler, why = conflict
    told = heard(scheduler, events.OverrideConflicts)
    plan = scheduler.apply()
    assert [(event.job_id, event.reason) for event in told] == [("beat", plan.conflicting["beat"])]
    assert why in caplog.text
    assert "reset('beat') goes back to the code" in caplog.text


def test_a_deployment_leaves_what_does_not_go_with_it_until_reset(conflict: tuple[Scheduler, str]) -> None:
    scheduler, _ = conflict
    due = scheduler.get("beat").next_run_at
    scheduler.apply()
    job = scheduler.get("beat")
    assert job.overrides
    assert job.next_run_at == due
    scheduler.reset("beat")
    assert not scheduler.plan().conflicting


def test_each_start_tells_of_a_conflict_once(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.deploy(beat()).update("beat", kwargs={"n": 1})
    home.deploy(beat(bare))
    scheduler = home.scheduler(beat(bare))
    told = heard(scheduler, events.OverrideConflicts)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "cronkit.scheduler"), scheduler:
        pass
    assert [event.job_id for event in told] == ["beat"]
    assert caplog.text.count("cannot run here as it is") == 1


def test_an_update_of_what_does_not_fit_ends_a_conflict(home: Home) -> None:
    home.deploy(beat()).update("beat", kwargs={"n": 1})
    scheduler = home.deploy(beat(bare))
    assert scheduler.plan().conflicting
    scheduler.update("beat", kwargs={})
    assert not scheduler.plan().conflicting


def test_a_job_that_another_target_was_given_by_hand_conflicts_once_that_is_gone(home: Home) -> None:
    operator = home.deploy(beat())
    operator.target(bare, name="other")
    operator.add("other", "1h", id="beat", exists="update")
    assert home.scheduler(beat()).plan().conflicting["beat"].startswith("no target is called 'other'")


def test_what_goes_together_is_no_conflict(home: Home) -> None:
    home.deploy(beat()).update("beat", kwargs={"n": 1}, timeout="5s")
    plan = home.scheduler(beat(awaited)).plan()
    assert (plan.overridden, plan.conflicting) == ({"beat": ("kwargs", "timeout")}, {})


def test_a_conflict_under_a_new_name_is_told_of_by_that_name(home: Home) -> None:
    home.deploy(beat()).update("beat", kwargs={"n": 1})
    scheduler = home.scheduler(lambda scheduler: scheduler.job("1h", id="pulse", aliases=["beat"])(bare))
    told = heard(scheduler, events.OverrideConflicts)
    scheduler.apply()
    assert [event.job_id for event in told] == ["pulse"]


def test_a_job_that_was_removed_by_hand_is_in_no_conflict(home: Home) -> None:
    operator = home.deploy(beat())
    operator.update("beat", kwargs={"n": 1})
    operator.remove("beat")
    assert home.scheduler(beat(bare)).plan().conflicting == {}
