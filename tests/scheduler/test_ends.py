"""Every end of an occurrence is told, once, by the scheduler whose verb has caused it."""

from collections.abc import Sequence
from typing import Any

import pytest

from cronkit import Manual, Retry, Scheduler, events
from cronkit.events import RunCancelled, RunCoalesced, RunEvent, RunMissed, RunSkipped
from cronkit.stores.protocol import Finish
from cronkit.testing import simulate
from tests.scheduler.homes import Declare, Home


def work() -> None:
    """A target."""


async def work_async() -> None:
    """A target that can be cancelled."""


def beat(schedule: Any = "1h", **options: Any) -> Declare:
    """A program that declares one job."""
    return lambda scheduler: scheduler.job(schedule, id="beat", **options)(work)


def told(scheduler: Scheduler) -> list[Any]:
    """What is told of runs from now on, before the verb that causes it returns."""
    found: list[RunEvent] = []
    scheduler._parts.bus.inline = True
    scheduler.on(RunEvent)(found.append)
    return found


@pytest.fixture
def scheduler(home: Home) -> Scheduler:
    """A client of a store with an hourly job, ten minutes past."""
    home.clock.advance(minutes=10)
    return home.deploy(beat())


def test_a_waiting_run_that_is_cancelled_is_told_once(home: Home) -> None:
    scheduler = home.deploy(beat(Manual()))
    heard, run_id = told(scheduler), scheduler.trigger("beat").id
    home.clock.advance(minutes=5)
    for _ in range(2):
        scheduler.cancel(run_id, reason="not needed")

    (cancelled,) = heard
    assert type(cancelled) is RunCancelled
    assert (cancelled.run_id, cancelled.job_id, cancelled.namespace) == (run_id, "beat", "default")
    assert (cancelled.reason, cancelled.attempt, cancelled.at) == ("not needed", 0, home.clock.now())


def test_a_click_that_is_refused_is_told_once(scheduler: Scheduler) -> None:
    heard, blocker = told(scheduler), scheduler.trigger("beat")
    refused = [scheduler.trigger("beat", key="once").id for _ in range(2)]

    (skipped,) = heard
    assert type(skipped) is RunSkipped
    assert [skipped.run_id] * 2 == refused
    assert (skipped.reason, skipped.related_id, skipped.count) == ("overlap", blocker.id, 1)


def test_what_a_click_supersedes_is_told(home: Home) -> None:
    scheduler = home.deploy(lambda each: each.job("1h", id="beat", overlap="cancel_running")(work_async))
    heard, waiting = told(scheduler), scheduler.trigger("beat")
    scheduler.trigger("beat")

    assert [(type(event), event.run_id, event.reason) for event in heard] == [(RunCancelled, waiting.id, "superseded")]


def test_the_time_for_which_a_job_was_paused_is_told_when_it_is_resumed(home: Home, scheduler: Scheduler) -> None:
    heard = told(scheduler)
    scheduler.pause("beat")
    home.clock.advance(hours=3)
    scheduler.resume("beat")

    (skipped,) = heard
    assert type(skipped) is RunSkipped
    assert (skipped.reason, skipped.count, skipped.at) == ("paused", 3, home.clock.now())


def test_what_a_removal_ends_is_told(home: Home, scheduler: Scheduler) -> None:
    heard, waiting = told(scheduler), scheduler.trigger("beat")
    home.clock.advance(hours=2)
    scheduler.remove("beat")

    assert {type(event): event.reason for event in heard} == {RunMissed: "job removed", RunCancelled: "job removed"}
    assert [event.count for event in heard if type(event) is RunMissed] == [2]
    assert [event.run_id for event in heard if type(event) is RunCancelled] == [waiting.id]


@pytest.mark.parametrize(
    "verb",
    [
        lambda scheduler: scheduler.pause("beat"),
        lambda scheduler: scheduler.update("beat", schedule="7m"),
        lambda scheduler: scheduler.add(work, "7m", id="beat", exists="update"),
        lambda scheduler: scheduler.add_many([{"target": work, "schedule": "7m", "id": "beat"}], exists="update"),
    ],
    ids=["pause", "update", "add", "add_many"],
)
def test_what_a_change_accounts_for_is_told(verb: Any, home: Home, scheduler: Scheduler) -> None:
    heard = told(scheduler)
    home.clock.advance(hours=3)
    verb(scheduler)

    (coalesced,) = heard
    assert type(coalesced) is RunCoalesced
    (run,) = scheduler.ledger.runs(job="beat", status="coalesced")
    assert (coalesced.run_id, coalesced.count, coalesced.into_id) == (run.id, 2, run.related_id)


def test_what_a_reset_accounts_for_is_told(home: Home, scheduler: Scheduler) -> None:
    scheduler.update("beat", schedule="30m")
    heard = told(scheduler)
    home.clock.advance(hours=1)
    scheduler.reset("beat")

    assert [(type(event), event.count) for event in heard] == [(RunCoalesced, 1)]


def test_what_a_deployment_accounts_for_is_told(home: Home, scheduler: Scheduler) -> None:
    home.clock.advance(hours=3)
    newer = home.scheduler(beat("7m"))
    heard = told(newer)
    newer.apply()

    assert [(type(event), event.count) for event in heard] == [(RunCoalesced, 2)]


def test_what_pruning_ends_is_told(home: Home, scheduler: Scheduler) -> None:
    waiting = scheduler.trigger("beat")
    home.clock.advance(hours=2)
    without = home.scheduler(lambda each: each.job("1d", id="other")(work))
    heard = told(without)
    without.apply(prune=["beat"])

    assert sorted((type(event).__name__, event.reason) for event in heard) == [
        ("RunCancelled", "job removed"),
        ("RunMissed", "job removed"),
    ]
    assert waiting.id in [event.run_id for event in heard]


def test_a_verb_that_is_refused_tells_nothing(home: Home, scheduler: Scheduler) -> None:
    heard = told(scheduler)
    home.clock.advance(hours=3)
    with pytest.raises(Exception, match="would never run"):
        scheduler.update("beat", schedule="2026-03-27T13:00Z")

    assert heard == []


def test_a_retry_whose_job_was_removed_is_told_as_the_cancellation_that_it_is() -> None:
    scheduler = Scheduler()
    scheduler.job("1h", id="beat", retry=Retry(attempts=3))(work)
    with simulate(
        scheduler, "2027-01-01T00:30Z", durations={"beat": "10m"}, failures={"beat": lambda run: OSError("busy")}
    ) as sim:
        heard: list[Any] = []
        scheduler.on(events.RunEvent)(heard.append)
        sim.advance("35m")
        scheduler.remove("beat")
        sim.advance("10m")

    assert [type(event).__name__ for event in heard] == ["RunStarted", "RunCancelled"]
    assert (heard[-1].reason, heard[-1].attempt) == ("job removed", 1)


def test_a_held_run_that_is_cancelled_is_told() -> None:
    scheduler = Scheduler()
    scheduler.job("1h", id="beat", on_crash="hold")(work)
    with simulate(scheduler, "2027-01-01T00:30Z", durations={"beat": "10m"}) as sim:
        heard: list[Any] = []
        scheduler.on(events.RunEvent)(heard.append)
        sim.advance("35m")
        sim.crash()
        sim.advance("2m")
        scheduler.cancel(sim.runs("beat")[0].id)

    assert [type(event).__name__ for event in heard] == ["RunStarted", "RunHeld", "RunCancelled"]


def test_an_end_that_a_verb_causes_is_told_after_what_the_engine_has_written_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheduler = Scheduler()
    scheduler.job("1h", id="beat", retry=Retry(attempts=3, delay="1m"))(work)
    busy = {"beat": lambda run: OSError("busy")}
    with simulate(scheduler, "2027-01-01T00:30Z", failures=busy) as sim:
        store = scheduler._parts.store
        finish = store.finish

        def finish_and_be_cancelled(finishes: Sequence[Finish]) -> list[Finish | None]:
            """Somebody cancels what waits for its retry before the engine has told of that."""
            written = finish(finishes)
            for each in finishes:
                scheduler.cancel(each.run_id)
            return written

        monkeypatch.setattr(store, "finish", finish_and_be_cancelled)
        heard: list[Any] = []
        scheduler.on(events.RunEvent)(heard.append)
        sim.advance("35m")

    assert [type(event).__name__ for event in heard] == ["RunStarted", "RunRetrying", "RunCancelled"]
