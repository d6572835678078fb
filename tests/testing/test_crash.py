"""Promises P3 and P5: what becomes of the runs of a node that dies."""

import asyncio
from datetime import timedelta

import pytest

from cronkit import RunContext, Scheduler
from cronkit.events import RunAbandoned, RunHeld
from cronkit.testing import simulate

START = "2026-03-02T08:00"


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(lease="30s", renew_every="10s")


def test_a_lost_run_is_taken_over_within_lease_and_reap_interval_and_runs_again(scheduler: Scheduler) -> None:
    scheduler.job("now", id="work")(lambda: None)
    with simulate(scheduler, START, durations={"work": "5m"}) as sim:
        sim.advance("1m")
        sim.crash()
        crashed_at = sim.now
        sim.advance("10m")
        (run,) = sim.runs()
        assert (run.status, run.attempt, run.crashes, run.node) == ("succeeded", 2, 1, "node-2")
        assert run.started_at is not None
        assert timedelta(seconds=30) <= run.started_at - crashed_at <= timedelta(seconds=40)


def test_a_run_that_kills_every_node_is_abandoned(scheduler: Scheduler) -> None:
    scheduler.job("now", id="poison")(lambda: None)
    with simulate(scheduler, START, durations={"poison": "1h"}) as sim:
        sim.run_pending()
        for _ in range(6):
            sim.crash()
            sim.advance("1m")
        (run,) = sim.runs()
        assert (run.status, run.attempt) == ("abandoned", 4)


@pytest.mark.parametrize(
    ("on_crash", "status", "event"), [("fail", "abandoned", RunAbandoned), ("hold", "held", RunHeld)]
)
def test_a_lost_run_may_be_abandoned_or_held(
    scheduler: Scheduler, on_crash: str, status: str, event: type[RunAbandoned | RunHeld]
) -> None:
    events: list[RunAbandoned | RunHeld] = []
    scheduler.on(event)(events.append)
    scheduler.job("now", id="work", on_crash=on_crash)(lambda: None)
    with simulate(scheduler, START, durations={"work": "5m"}) as sim:
        sim.advance("1m")
        sim.crash()
        sim.advance("10m")
        (run,) = sim.runs()
        assert (run.status, run.attempt, [each.run_id for each in events]) == (status, 1, [run.id])


def test_a_dead_node_runs_no_code_any_more(scheduler: Scheduler) -> None:
    seen = []

    @scheduler.job("now", on_crash="fail")
    async def work(run: RunContext) -> None:
        try:
            await asyncio.sleep(60)
            seen.append("slept")
        finally:
            seen.append("left")

    with simulate(scheduler, START) as sim:
        sim.advance("30s")
        sim.crash()
        sim.advance("1h")
        assert seen == []


def test_what_waited_goes_on_at_once_on_the_new_node(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="minutely")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.advance("5m")
        sim.crash()
        sim.advance("5m")
        assert [run.node for run in sim.runs()] == ["node-1"] * 6 + ["node-2"] * 5


def test_the_gate_that_a_stuck_thread_kept_shut_opens_when_its_node_is_lost(scheduler: Scheduler) -> None:
    scheduler.job("1m", id="stuck", timeout="10s")(lambda: None)
    with simulate(scheduler, START, durations={"stuck": "1d"}) as sim:
        sim.advance("90s")
        sim.crash()
        sim.advance("2m")
        assert [run.status for run in sim.runs() if run.attempt] == ["timed_out", "timed_out"]


def test_an_idempotency_key_outlives_the_node(scheduler: Scheduler) -> None:
    keys = []
    scheduler.job("1h", id="work")(lambda: None)

    @scheduler.job("now", id="key")
    def key(run: RunContext) -> None:
        keys.append(run.idempotency_key)

    with simulate(scheduler, START, durations={"key": "1m"}) as sim:
        sim.run_pending()
        sim.crash()
        sim.advance("10m")
    assert len(keys) == 2
    assert len(set(keys)) == 1
