"""Rows whose marks contradict their status: nothing fails or spins for them, and a record that has ended stays so."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cronkit.jobs.run import Run
from cronkit.jobs.status import TERMINAL, RunStatus
from cronkit.stores.sqlite import SQLiteStore
from cronkit.testing.store_suite.scene import FREE, LEASE, REACH, Scene

RUNNING, QUEUED, RETRYING, HELD = RunStatus.RUNNING, RunStatus.QUEUED, RunStatus.RETRYING, RunStatus.HELD
MARKS = ["ready", "held", "occupied", "place"]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    store = SQLiteStore(tmp_path / "jobs.db")
    yield Scene(store)
    store.close()


def put(scene: Scene, change: str, *values: object) -> None:
    """Write into the run of the job "bad", as another program would."""
    assert isinstance(scene.store, SQLiteStore)
    with closing(sqlite3.connect(scene.store.path)) as connection, connection:
        changed = connection.execute(
            f"UPDATE runs SET {change} WHERE job = (SELECT pk FROM jobs WHERE id = 'bad')", values
        )
        assert changed.rowcount == 1


def stand(scene: Scene, status: RunStatus) -> Run:
    """A run of "bad", the node of which is lost, as rows of that status are."""
    scene.add("bad")
    claimed = scene.start("bad", node="lost")
    in_gate, runs = status in (QUEUED, RETRYING, RUNNING), status is RUNNING
    put(
        scene, "status = ?, held = ?, ready = ?, place = CASE ? WHEN 1 THEN place END, executor = ?, target = ?",
        status, runs, in_gate and not runs, in_gate, "default", "target",
    )  # fmt: skip
    return scene.run(claimed.run.id)


def go_on(scene: Scene) -> set[str]:
    """What an engine does in some steps after that node's lease; the jobs whose runs were started."""
    scene.now += 2 * LEASE
    started = set()
    for _ in range(3):
        scene.renew()
        scene.store.reap(scene.now)
        claimed = scene.store.claim((), scene.now, "node", FREE, REACH).runs
        assert all(scene.finish(each) for each in claimed)
        started |= {each.job.id for each in claimed}
    return started


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_record_that_has_ended_stays_as_it_is_and_is_in_nobodys_way(
    status: RunStatus, mark: str, scene: Scene
) -> None:
    run = stand(scene, status)
    put(scene, f"{mark} = 1")
    scene.add("good")
    scene.come_due("good")
    assert go_on(scene) == {"good"}
    assert scene.run(run.id) == run

    again = scene.trigger("bad")
    assert again.status is QUEUED
    assert go_on(scene) == {"bad"}
    assert scene.store.next_wake(FREE, REACH) != scene.now


@pytest.mark.parametrize("mark", MARKS)
def test_a_held_run_waits_for_a_person_whatever_its_marks_say(mark: str, scene: Scene) -> None:
    run = stand(scene, HELD)
    put(scene, f"{mark} = 1")
    scene.add("good")
    scene.come_due("good")
    assert go_on(scene) == {"good"}
    assert scene.run(run.id) == run

    scene.trigger("bad")
    assert go_on(scene) == {"bad"}
    assert scene.store.release(run.id, scene.now) is QUEUED
    assert go_on(scene) == {"bad"}


@pytest.mark.parametrize("marks", ["ready = 1", "held = 1", "held = 1, ready = 0", "occupied = 1", "place = 1"])
@pytest.mark.parametrize("status", [QUEUED, RETRYING])
def test_a_waiting_run_that_a_lost_node_is_said_to_hold_waits_on_and_starts(
    status: RunStatus, marks: str, scene: Scene
) -> None:
    run = stand(scene, status)
    put(scene, marks)

    assert go_on(scene) == {"bad"}
    assert (scene.status(run.id), scene.run(run.id).crashes) == (RunStatus.SUCCEEDED, 0)


@pytest.mark.parametrize("marks", ["ready = 1", "occupied = 1", "place = NULL"])
def test_a_running_run_is_taken_back_from_a_lost_node_whatever_its_marks_say(marks: str, scene: Scene) -> None:
    run = stand(scene, RUNNING)
    put(scene, marks)

    assert go_on(scene) == {"bad"}
    assert (scene.status(run.id), scene.run(run.id).crashes) == (RunStatus.SUCCEEDED, 1)


def test_a_run_that_a_live_node_runs_is_not_started_again_because_it_is_marked_ready(scene: Scene) -> None:
    scene.add("bad")
    claimed = scene.start("bad")
    put(scene, "ready = 1, executor = 'default', target = 'target'")

    assert scene.claim() == []
    assert scene.claim() == []
    assert scene.renew("node", claimed) == frozenset()
    assert scene.finish(claimed)


def test_a_run_that_is_marked_as_nobodys_stays_with_its_node_and_is_found_when_that_is_lost(scene: Scene) -> None:
    scene.add("bad")
    claimed = scene.start("bad")
    put(scene, "held = 0")
    assert scene.renew("node", claimed) == frozenset()
    assert scene.trigger("bad").status is RunStatus.SKIPPED

    assert [run.id for run in scene.lose()] == [claimed.run.id]


def test_an_ended_run_that_cannot_be_read_is_not_opened_again(scene: Scene) -> None:
    scene.add("bad")
    claimed = scene.start("bad", node="lost")
    scene.finish(claimed, RunStatus.TIMED_OUT, occupied=True)
    put(scene, "kwargs = 'nonsense'")
    go_on(scene)

    assert scene.status(claimed.run.id) is RunStatus.TIMED_OUT
    assert scene.trigger("bad").status is QUEUED
