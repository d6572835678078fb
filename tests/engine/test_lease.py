"""A node's lease: what it holds, what it loses, and what it does then."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from cronkit.clock import SystemClock
from cronkit.engine import lease
from cronkit.engine.lease import Lease, LeaseThread
from cronkit.engine.planner import plan_due
from cronkit.events import LeaseLost
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.outcome import cancelled, succeeded
from cronkit.jobs.status import RunStatus
from cronkit.stores import MemoryStore
from cronkit.stores.protocol import Claim, Reach
from tests.engine.bench import Bench
from tests.scheduler.faces import HandClock

LEASE = timedelta(seconds=30)
PATIENCE = 10
REACH = Reach("default", {"target"})


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.fixture
def bench() -> Bench:
    """An engine with a run under way, whose executor can cancel."""
    bench = Bench(cancels=True)
    bench.add("now")
    bench.step()
    assert bench.running
    return bench


def test_a_node_that_cannot_renew_stops_its_runs_at_once(bench: Bench) -> None:
    bench.engine.give_up_lease()
    assert [attempt.run.id for attempt in bench.executor.cancelled] == [bench.run.id]


def test_a_lost_lease_is_told_with_the_runs_that_it_held(bench: Bench) -> None:
    bench.engine.give_up_lease()
    bench.step()
    (lost,) = [event for event in bench.events if isinstance(event, LeaseLost)]
    assert (lost.run_ids, lost.reason) == ((bench.run.id,), "lease lost")


def test_a_run_that_was_stopped_because_its_lease_was_lost_starts_again(bench: Bench) -> None:
    bench.engine.give_up_lease()
    bench.end(cancelled("lease lost"))
    assert bench.run.status is RunStatus.RUNNING
    bench.step(seconds=31)
    bench.step(seconds=10)
    assert (bench.run.status, bench.run.attempt, bench.run.crashes) == (RunStatus.RUNNING, 2, 1)
    bench.end()
    assert bench.run.status is RunStatus.SUCCEEDED


def test_a_run_that_ends_after_its_lease_was_lost_has_ended_if_nobody_took_it(bench: Bench) -> None:
    bench.engine.give_up_lease()
    bench.end(succeeded("done"))
    assert (bench.run.status, bench.run.value) == (RunStatus.SUCCEEDED, "done")


def test_a_node_goes_on_under_another_name_after_a_loss(bench: Bench) -> None:
    before = bench.engine.node
    bench.engine.give_up_lease()
    bench.add("now", id="next")
    bench.step()
    assert bench.engine.node != before
    assert {run.node for run in bench.runs} == {before, bench.engine.node}


def test_a_run_that_another_node_took_over_is_stopped_here(bench: Bench) -> None:
    bench.store.reap(bench.clock.now() + 2 * LEASE)
    bench.step(seconds=10)
    assert [attempt.run.id for attempt in bench.executor.cancelled] == [bench.run.id]
    assert [event.reason for event in bench.events if isinstance(event, LeaseLost)] == ["taken over by another node"]


def test_nothing_is_claimed_without_a_lease() -> None:
    class Deaf(MemoryStore):
        def renew(self, *args: object) -> frozenset[str]:
            raise OSError("no route")

    bench = Bench(store=Deaf())
    bench.add("now")
    with pytest.raises(OSError, match="no route"):
        bench.step()
    assert bench.runs == []


@pytest.fixture
def neighbour() -> tuple[Bench, str]:
    """A node beside another one, which holds a run."""
    bench = Bench()
    bench.engine.stop_claiming()
    bench.step()
    bench.add("now")
    now, store = bench.clock.now(), bench.store
    store.renew("another", {}, LEASE, now)
    (job,) = store.due_jobs(now, 1, REACH).jobs
    (claimed,) = store.claim([plan_due(job, now, lambda: "run")], now, "another", {"default": 1}, REACH).runs
    return bench, claimed.run.id


def test_a_neighbour_that_does_not_renew_is_taken_for_lost(neighbour: tuple[Bench, str]) -> None:
    bench, _ = neighbour
    bench.step(seconds=31)
    assert bench.run.status is RunStatus.QUEUED


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_after_the_clock_was_set_a_neighbour_has_the_time_to_renew(
    neighbour: tuple[Bench, str], jump: timedelta
) -> None:
    bench, _ = neighbour
    bench.clock.jump(jump)
    bench.step(seconds=10)
    bench.step(seconds=15)
    assert bench.run.status is RunStatus.RUNNING
    bench.store.renew("another", {}, LEASE, bench.clock.now())
    bench.step(seconds=10)
    bench.step(seconds=10)
    assert bench.run.status is RunStatus.RUNNING


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_lost_neighbour_is_taken_for_lost_although_the_clock_was_set(
    neighbour: tuple[Bench, str], jump: timedelta
) -> None:
    bench, _ = neighbour
    bench.clock.jump(jump)
    for _ in range(5):
        bench.step(seconds=10)
    assert bench.run.status is RunStatus.QUEUED


def test_a_claim_whose_reply_was_lost_is_read_again_and_runs() -> None:
    class Mute(MemoryStore):
        is_mute = True

        def claim(self, *args: Any) -> Claim:
            claim = super().claim(*args)
            if self.is_mute:
                raise OSError("the connection was lost")
            return claim

    store = Mute()
    bench = Bench(store=store)
    bench.add("now")
    with pytest.raises(OSError, match="lost"):
        bench.step()
    store.is_mute = False
    bench.step()
    assert bench.running == [bench.run.id]
    assert (bench.run.attempt, bench.run.crashes) == (1, 0)


def test_a_run_that_the_node_has_forgotten_is_taken_back() -> None:
    bench = Bench()
    bench.step()
    bench.add("now")
    now, store = bench.clock.now(), bench.store
    (job,) = store.due_jobs(now, 1, REACH).jobs
    store.claim([plan_due(job, now, lambda: "run")], now, bench.engine.node, {"default": 1}, REACH)
    for _ in range(6):
        bench.step(seconds=10)
    assert bench.running == ["run"]
    assert (bench.run.attempt, bench.run.crashes) == (2, 1)


class Doubting(MemoryStore):
    """Whose rows of some runs are not as their node has claimed them, though still under its name."""

    doubted: frozenset[str] = frozenset()

    def renew(self, node: str, held: Mapping[str, int], *rest: Any) -> frozenset[str]:
        return super().renew(node, held, *rest) | (self.doubted & held.keys())


@pytest.fixture
def doubting() -> Bench:
    """An engine with two runs under way, whose store has spoilt the row of the first."""
    store = Doubting()
    bench = Bench(cancels=True, store=store)
    for name in ("spoilt", "sound"):
        bench.add("now", id=name, on_crash="fail")
        bench.step()
    store.doubted = frozenset({bench.runs[0].id})
    bench.step(seconds=10)
    bench.end(cancelled("taken over"))
    return bench


def test_a_run_whose_row_is_spoilt_takes_no_other_with_it(doubting: Bench) -> None:
    for _ in range(6):
        doubting.step(seconds=10)
    spoilt, sound = doubting.runs
    assert [attempt.run.id for attempt in doubting.executor.cancelled] == [spoilt.id]
    assert doubting.running == [sound.id]
    assert doubting.engine.node == sound.node
    assert doubting.kinds.count("LeaseLost") == 1


def test_a_run_whose_row_is_spoilt_is_taken_back_once_nothing_else_would_be_lost(doubting: Bench) -> None:
    doubting.end()
    for _ in range(6):
        doubting.step(seconds=10)
    spoilt, sound = doubting.runs
    assert (spoilt.status, sound.status) == (RunStatus.ABANDONED, RunStatus.SUCCEEDED)
    assert doubting.running == []


def test_what_was_claimed_while_the_lease_was_lost_is_not_started() -> None:
    class Slow(MemoryStore):
        during: Callable[[], None] = staticmethod(lambda: None)

        def claim(self, *args: Any) -> Claim:
            claim = super().claim(*args)
            if claim.runs:
                self.during()
            return claim

    store = Slow()
    bench = Bench(store=store)
    bench.add("now")
    store.during = bench.engine.give_up_lease
    bench.step()
    assert bench.running == []
    store.during = lambda: None
    for _ in range(6):
        bench.step(seconds=10)
    assert bench.running == [bench.run.id]
    assert bench.run.crashes == 1


def test_progress_that_cannot_be_written_holds_up_nothing() -> None:
    class Fussy(MemoryStore):
        def report(self, *args: Any) -> bool:
            raise ValueError("no such text")

    bench = Bench(store=Fussy())
    bench.add("now")
    bench.step()
    (attempt,) = bench.executor.running
    bench.engine.progress(attempt, 0.5, "half")
    bench.end()
    assert bench.run.status is RunStatus.SUCCEEDED


def test_a_thread_that_outlives_its_lease_has_no_second_one_beside_it_here(bench: Bench) -> None:
    bench.engine.give_up_lease()
    for _ in range(12):
        bench.step(seconds=10)
    assert len(bench.running) == 1
    bench.end(succeeded("late, and done"))
    assert (bench.run.status, bench.run.value, bench.run.attempt) == (RunStatus.SUCCEEDED, "late, and done", 1)


def test_a_thread_whose_run_was_taken_over_has_lost_it_for_good(bench: Bench) -> None:
    bench.engine.give_up_lease()
    bench.store.reap(bench.clock.now() + 2 * LEASE)
    for _ in range(7):
        bench.step(seconds=10)
    assert [attempt.number for attempt in bench.executor.running] == [1, 2]
    bench.end(succeeded("too late"))
    assert bench.run.status is RunStatus.RUNNING
    assert bench.kinds[-1] == "StaleWriteRefused"


def test_a_name_under_which_nothing_runs_any_more_is_not_renewed() -> None:
    renewed: list[str] = []

    class Watched(MemoryStore):
        def renew(self, node: str, *rest: Any) -> frozenset[str]:
            renewed.append(node)
            return super().renew(node, *rest)

    bench = Bench(cancels=True, store=Watched())
    bench.add("now")
    bench.step()
    bench.engine.give_up_lease()
    bench.end(cancelled("lease lost"))
    renewed.clear()
    for _ in range(3):
        bench.step(seconds=10)
    assert set(renewed) == {bench.engine.node}


def test_a_renewal_that_hangs_does_not_keep_the_lease_from_being_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, goes_on, has_returned = threading.Event(), threading.Event(), threading.Event()

    class Hanging(MemoryStore):
        def renew(self, *args: Any) -> frozenset[str]:
            hangs.set()
            goes_on.wait(10)
            has_returned.set()
            return super().renew(*args)

    monkeypatch.setattr(lease, "LAST_RENEWAL", 0.001)
    thread = LeaseThread(
        Lease(Hanging(), SystemClock(), "node", LEASE, {}),
        timedelta(milliseconds=1),
        lambda lost: None,
        lambda: None,
    )
    thread.start()
    assert hangs.wait(10)
    thread.stop()
    assert not has_returned.is_set()
    goes_on.set()


def test_a_renewal_that_outlasts_its_lease_renews_nothing_and_loses_nothing_twice() -> None:
    class Slow(MemoryStore):
        during: Callable[[], None] = staticmethod(lambda: None)

        def renew(self, *args: Any) -> frozenset[str]:
            lost = super().renew(*args)
            self.during()
            return lost

    store = Slow()
    bench = Bench(cancels=True, store=store)
    bench.add("now")
    bench.step()
    store.during = bench.engine.give_up_lease
    assert bench.engine.lease.renew() == []
    assert not bench.engine.lease.is_held
    store.during = lambda: None
    bench.step()
    assert [event.run_ids for event in bench.events if isinstance(event, LeaseLost)] == [(bench.run.id,)]


def test_what_two_renewals_at_once_have_lost_is_told_once(bench: Bench) -> None:
    class Doubled(MemoryStore):
        is_second = False

        def renew(self, *args: Any) -> frozenset[str]:
            lost = super().renew(*args)
            if not self.is_second:
                self.is_second = True
                told.append(node.renew())
            return lost

    told: list[list[Attempt]] = []
    (attempt,) = bench.executor.running
    node = Lease(Doubled(), bench.clock, "node", LEASE, {attempt.run.id: attempt})
    told.append(node.renew())

    assert told == [[attempt], []]
    assert node.renew() == []


class Nodding(MemoryStore):
    """Renews once, and then not before ``wakes`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes, self.has_renewed = threading.Event(), threading.Event()
        self.is_first = True

    def renew(self, *args: Any) -> frozenset[str]:
        is_first, self.is_first = self.is_first, False
        if not is_first:
            assert self.wakes.wait(PATIENCE)
        lost = super().renew(*args)
        if not is_first:
            self.has_renewed.set()
        return lost


def test_a_run_that_ends_here_while_the_lease_is_renewed_is_not_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    renew = bench.store.renew

    def end_first(*args: Any) -> frozenset[str]:
        monkeypatch.undo()
        bench.end()
        return renew(*args)

    monkeypatch.setattr(bench.store, "renew", end_first)
    assert bench.engine.lease.renew() == []
    bench.step()
    assert bench.kinds == ["RunStarted", "RunSucceeded"]


def test_a_node_whose_renewal_hangs_stops_its_runs() -> None:
    store, ended = Nodding(), threading.Event()
    lease = Lease(store, SystemClock(), "node", timedelta(milliseconds=100), {})
    lease.renew()
    thread = LeaseThread(lease, timedelta(milliseconds=1), lambda lost: None, ended.set)
    thread.start()
    assert ended.wait(PATIENCE)
    store.wakes.set()
    thread.stop()


def test_a_node_that_was_stopped_past_its_lease_keeps_what_nobody_has_taken() -> None:
    store, clock = Nodding(), HandClock()
    ends: list[str] = []
    lease = Lease(store, clock, "node", LEASE, {})
    lease.renew()
    clock.advance(seconds=30)
    thread = LeaseThread(lease, timedelta(milliseconds=10), lambda lost: None, lambda: ends.append("ended"))
    store.wakes.set()
    thread.start()
    assert store.has_renewed.wait(PATIENCE)
    thread.stop()
    assert (lease.is_held, ends) == (True, [])
