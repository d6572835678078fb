"""Each mechanism taken out in turn: the audit finds what goes wrong without it, and nothing while it is in.

The unique key, the compare-and-set, the fence and the lease are taken out of stores that two nodes drive by hand, in
one process and at times of their own; the self-stop out of an engine.
"""

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cronkit import Every
from cronkit.clock import utc_now
from cronkit.engine.engine import Engine
from cronkit.engine.planner import plan_due
from cronkit.errors import StoreUnavailableError
from cronkit.jobs.ids import IdSource
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Advance, Claimed, Finish, Reach
from cronkit.stores.sqlite import SQLiteStore, births, queue
from tests.faults.audit import Books, audit
from tests.faults.herd import Disturbance, wait_until
from tests.faults.journal import END, START, Journal
from tests.faults.node import Node, Settings, ShiftedStore

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

LEASE = timedelta(seconds=2)
FREE, REACH = {"default": 10}, Reach("default", frozenset({"work"}))


class Hand:
    """A node that is driven by hand: each verb when the test says, at the time that the test says."""

    def __init__(self, name: str, store: SQLiteStore, journal: Path) -> None:
        self.name = name
        self.store = store
        self._journal = Journal(journal, name)
        self._new_id = IdSource(None).new

    def renew(self, now: datetime, *held: Claimed) -> None:
        """Renew the lease."""
        self.store.renew(self.name, {run.id: fence for run, _, fence, _ in held}, LEASE, now)

    def plan(self, now: datetime) -> list[Advance]:
        """What is to become of the jobs that are due."""
        return [plan_due(job, now, self._new_id) for job in self.store.due_jobs(now, 100, REACH).jobs]

    def claim(self, advances: Sequence[Advance], now: datetime) -> list[Claimed]:
        """Claim, and start what was claimed."""
        claimed = self.store.claim(advances, now, self.name, FREE, REACH).runs
        for each in claimed:
            self._journal.write(START, **self._facts(each))
        return claimed

    def end(self, claimed: Sequence[Claimed], now: datetime) -> None:
        """Let the targets return, and write it."""
        for each in claimed:
            self._journal.write(END, **self._facts(each))
            value = {"attempt": each.attempt, "node": self.name}
            self.store.finish([Finish(each.run.id, each.fence, RunStatus.SUCCEEDED, now, value=value)])

    @staticmethod
    def _facts(claimed: Claimed) -> dict[str, Any]:
        run, job, fence, attempt = claimed
        scheduled_at = run.scheduled_at.isoformat()
        return {"run": run.id, "job": job.id, "scheduled_at": scheduled_at, "attempt": attempt, "fence": fence}


class Stage(SimpleNamespace):
    """A file with a job of every second, two nodes, and the time at which the job was made."""

    client: Node
    one: Hand
    two: Hand
    began: datetime

    def at(self, seconds: float) -> datetime:
        """A time, in seconds from the job's first occurrence."""
        return self.began + timedelta(seconds=seconds)

    def faults(self, *disturbances: Disturbance) -> list[str]:
        """What the auditor finds."""
        return audit(Books(self.client.scheduler, self.client.journal.read(), disturbances))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[[type[SQLiteStore]], Stage]]:
    """Makes the stage for a scenario, with a kind of store."""
    opened: list[SQLiteStore] = []

    def make(kind: type[SQLiteStore] = SQLiteStore) -> Stage:
        directory = tmp_path / "store"
        directory.mkdir()
        client = Node(Settings(directory=directory))
        job = client.scheduler.add("work", Every("1s"), id="job", overlap="allow")
        stores = [kind(client.settings.file, standby="0s") for _ in range(2)]
        one, two = (Hand(name, each, client.settings.journal) for name, each in zip("AB", stores, strict=True))
        assert job.next_run_at is not None
        opened.extend([client.store, *stores])
        return Stage(client=client, one=one, two=two, began=job.next_run_at)

    yield make
    for store in opened:
        store.close()


# -- the compare-and-set ----------------------------------------------------------------------------------------------


class NoCompareAndSet(SQLiteStore):
    """Applies a plan whatever has become of its job since."""

    def claim(self, advances: Sequence[Advance], *rest: Any) -> Any:
        """Claim as if the plans had just been made."""
        for advance in advances:
            job = self.load(advance.key.namespace, advance.key.id)
            assert job is not None
            advance.revision = job.revision
        return super().claim(advances, *rest)


def a_plan_gone_stale(stage: Stage) -> list[str]:
    """One node plans, and falls asleep; the other goes on; the first wakes up, and claims; the other goes on again."""
    stale = stage.one.plan(stage.at(0))
    stage.two.end(stage.two.claim(stage.two.plan(stage.at(2)), stage.at(2)), stage.at(2))
    stage.one.end(stage.one.claim(stale, stage.at(2)), stage.at(2))
    stage.two.end(stage.two.claim(stage.two.plan(stage.at(5)), stage.at(5)), stage.at(5))
    return stage.faults()


def test_a_stale_plan_does_no_harm(stage: Callable[..., Stage]) -> None:
    assert a_plan_gone_stale(stage()) == []


def test_without_the_compare_and_set_the_audit_fails(stage: Callable[..., Stage]) -> None:
    assert any("accounted for twice" in fault for fault in a_plan_gone_stale(stage(NoCompareAndSet)))


# -- the unique key ---------------------------------------------------------------------------------------------------


def take_out_the_key(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Let an occurrence have several runs: no index forbids it, and nobody looks."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for index in ("occurrences_scheduled", "occurrences_manual", "occurrences_other"):
            connection.execute(f"DROP INDEX {index}")
    for module in (births, queue):
        monkeypatch.setattr(module, "find_occurrence", lambda connection, key: None)


def one_click_twice(stage: Stage) -> list[str]:
    """Two processes trigger a job with one key."""
    other = Node(stage.client.settings)
    for node in (stage.client, other):
        node.scheduler.trigger("job", key="click")
    other.store.close()
    stage.one.end(stage.one.claim([], utc_now()), utc_now())
    return stage.faults()


def test_one_key_is_one_run(stage: Callable[..., Stage]) -> None:
    assert one_click_twice(stage()) == []


def test_without_the_unique_key_the_audit_fails(stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    scene = stage()
    take_out_the_key(monkeypatch, scene.client.settings.file)
    assert any("records have the key" in fault for fault in one_click_twice(scene))


# -- the fence --------------------------------------------------------------------------------------------------------


class NoFence(SQLiteStore):
    """Lets anybody write how a run ended."""

    def finish(self, finishes: Sequence[Finish]) -> list[Finish | None]:
        """Write it as if the writer had the claim."""
        with closing(sqlite3.connect(self.path)) as connection:
            for finish in finishes:
                (finish.fence,) = connection.execute("SELECT fence FROM runs WHERE id = ?", (finish.run_id,)).fetchone()
        return super().finish(finishes)


def a_zombie_writes(stage: Stage) -> list[str]:
    """A node stands still past its lease, its run is taken over, and it wakes up and writes how its attempt ended."""
    stage.one.renew(stage.at(0))
    lost = stage.one.claim(stage.one.plan(stage.at(0)), stage.at(0))
    stopped = Disturbance("A", signal.SIGSTOP, time.monotonic())
    stage.two.renew(stage.at(3))
    stage.two.store.reap(stage.at(3))
    taken = stage.two.claim([], stage.at(3))
    stage.one.end(lost, stage.at(4))
    stage.two.end(taken, stage.at(5))
    assert [each.run.id for each in taken] == [each.run.id for each in lost]
    return stage.faults(stopped)


def test_what_a_zombie_writes_is_refused(stage: Callable[..., Stage]) -> None:
    assert a_zombie_writes(stage()) == []


def test_without_the_fence_the_audit_fails(stage: Callable[..., Stage]) -> None:
    assert any("a stale write" in fault for fault in a_zombie_writes(stage(NoFence)))


# -- the lease --------------------------------------------------------------------------------------------------------


class NoLease(SQLiteStore):
    """Takes no notice of who is alive."""

    def renew(self, *_: Any) -> frozenset[str]:
        """Keep nothing."""
        return frozenset()


def a_long_run(stage: Stage) -> list[str]:
    """A run takes far longer than a lease, and its node renews that as it should."""
    stage.one.renew(stage.at(0))
    held = stage.one.claim(stage.one.plan(stage.at(0)), stage.at(0))
    taken: list[Claimed] = []
    for second in range(1, 60):
        stage.one.renew(stage.at(second), *held)
        stage.two.renew(stage.at(second))
        stage.two.store.reap(stage.at(second))
        taken += stage.two.claim([], stage.at(second))
    stage.two.end(taken, stage.at(60))
    stage.one.end(held, stage.at(60))
    return stage.faults()


def test_a_node_that_renews_its_lease_keeps_its_runs(stage: Callable[..., Stage]) -> None:
    assert a_long_run(stage()) == []


def test_without_the_lease_the_audit_fails(stage: Callable[..., Stage]) -> None:
    assert any("which nobody had disturbed" in fault for fault in a_long_run(stage(NoLease)))


def test_what_a_forgotten_node_claims_is_lost_with_its_lease(stage: Callable[..., Stage]) -> None:
    """A node stands still, is forgotten, wakes up, claims before it renews, and dies."""
    scene = stage()
    scene.one.renew(scene.at(0))
    scene.two.renew(scene.at(3))
    scene.two.store.reap(scene.at(3))
    claimed = scene.one.claim(scene.one.plan(scene.at(4)), scene.at(4))
    scene.two.renew(scene.at(7))
    assert [run.id for run in scene.two.store.reap(scene.at(7))] == [each.run.id for each in claimed]


# -- the self-stop ----------------------------------------------------------------------------------------------------


class DeafStore(ShiftedStore):
    """A store that cannot renew leases, from some time on."""

    is_deaf = False

    def renew(self, *arguments: Any) -> frozenset[str]:
        """Renew, or fail."""
        if self.is_deaf:
            raise StoreUnavailableError("cut off")
        return super().renew(*arguments)


class DeafNode(Node):
    """A node that can be cut off."""

    store_class = DeafStore


def a_node_cut_off(directory: Path) -> list[str]:
    """A node cannot renew its lease while its run goes on; another one takes the run over as soon as it may."""
    directory.mkdir()
    client, cut_off = (
        Node(Settings(directory=directory)),
        DeafNode(Settings(directory=directory, name="A", standby="0s")),
    )
    other = Hand("B", SQLiteStore(client.settings.file, standby="0s"), client.settings.journal)
    client.scheduler.add("work", id="long", kwargs={"seconds": 60.0})
    with cut_off.scheduler:
        handle = client.scheduler.trigger("long")
        wait_until(partial(client.journal.read, START), "the run has started")
        cut_off.store.is_deaf = True
        wait_until(lambda: other.store.reap(utc_now()), "the lease has ended")
        taken = other.claim([], utc_now())
        other.end(taken, utc_now())
        cut_off.scheduler.stop(drain="0s")
    assert handle.run().attempt == 2
    faults = audit(Books(client.scheduler, client.journal.read(), ()))
    for store in (client.store, cut_off.store, other.store):
        store.close()
    return faults


def test_a_node_that_cannot_renew_its_lease_stops_its_runs_before_others_start_them(tmp_path: Path) -> None:
    assert a_node_cut_off(tmp_path / "store") == []


def test_without_the_self_stop_the_audit_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "give_up_lease", lambda self: None)
    assert any("which nobody had disturbed" in fault for fault in a_node_cut_off(tmp_path / "store"))


# -- the auditor itself -----------------------------------------------------------------------------------------------

FALSIFIED = {
    "lost": "DELETE FROM runs WHERE sequence = 1",
    "accounted for twice": "UPDATE runs SET scheduled_until = scheduled_until + 1000000, count = 2 WHERE sequence = 1",
    "made up": "UPDATE jobs SET watermark = watermark - 1000000",
    "the job counts": "UPDATE jobs SET succeeded = succeeded + 1",
    "a stale write": """UPDATE runs SET value = '{"attempt": 1, "node": "B"}' WHERE sequence = 1""",
    "never started": "UPDATE runs SET attempt = 2 WHERE sequence = 1",
    "in no record": "UPDATE runs SET id = 'another' WHERE sequence = 1",
    "names a run": "UPDATE runs SET related_id = 'nobody' WHERE sequence = 1",
}


@pytest.mark.parametrize("fault", FALSIFIED)
def test_the_auditor_finds_what_was_falsified(stage: Callable[..., Stage], fault: str) -> None:
    scene = stage()
    for second in range(3):
        scene.one.end(scene.one.claim(scene.one.plan(scene.at(second)), scene.at(second)), scene.at(second))
    assert scene.faults() == []
    with closing(sqlite3.connect(scene.client.settings.file)) as connection, connection:
        connection.execute(FALSIFIED[fault])
    assert any(fault in each for each in scene.faults())
