"""What is due and cannot run here: it is passed over, for next to nothing, and never hides what can run."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cronkit.stores.protocol import Reach
from cronkit.stores.sqlite import SQLiteStore
from cronkit.stores.sqlite.reach import PASSED_OVER
from cronkit.testing.store_suite.scene import FREE, NAMESPACE, Scene

MANY = Reach(NAMESPACE, [f"target-{n}" for n in range(10)])
FEW_PARKED, MANY_PARKED = 2, PASSED_OVER + 1


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    store = SQLiteStore(tmp_path / "jobs.db")
    yield Scene(store)
    store.close()


def park(scene: Scene, count: int) -> None:
    """Jobs that were due first, each with a run that waits, whose targets nobody here knows."""
    for n in range(count):
        scene.add(f"parked-{n}", target="gone")
        scene.trigger(f"parked-{n}")
    scene.now += timedelta(minutes=1)


def due_ids(scene: Scene, limit: int) -> list[str]:
    return [job.key.id for job in scene.store.due_jobs(scene.now + timedelta(minutes=1), limit, MANY).jobs]


def statements_of_a_step(scene: Scene) -> int:
    """How many statements a step of an engine asks that finds nothing to do."""
    asked: list[str] = []
    store = scene.store
    assert isinstance(store, SQLiteStore)
    store._database.look(lambda connection: connection.set_trace_callback(asked.append))
    store.due_jobs(scene.now, 100, MANY)
    store.claim((), scene.now, "node", FREE, MANY)
    store.next_wake(FREE, MANY)
    store._database.look(lambda connection: connection.set_trace_callback(None))
    return len(asked)


@pytest.mark.parametrize(("count", "more"), [(FEW_PARKED, 0), (MANY_PARKED, 5)])
def test_what_cannot_run_here_costs_no_statement_for_each_target(scene: Scene, count: int, more: int) -> None:
    before = statements_of_a_step(scene)
    park(scene, count)
    assert statements_of_a_step(scene) == before + more


@pytest.mark.parametrize("count", [FEW_PARKED, PASSED_OVER, MANY_PARKED])
def test_jobs_behind_any_number_that_cannot_run_here_are_found_in_their_order(scene: Scene, count: int) -> None:
    park(scene, count)
    for n in (3, 1, 2):
        scene.add(f"job-{n}", target=f"target-{9 - n}", first=scene.now + timedelta(seconds=n))
    assert due_ids(scene, 2) == ["job-1", "job-2"]
    assert due_ids(scene, 4) == ["job-1", "job-2", "job-3"]
    assert scene.store.next_wake(FREE, MANY) == scene.now + timedelta(seconds=1)


@pytest.mark.parametrize("count", [FEW_PARKED, PASSED_OVER, MANY_PARKED])
def test_runs_behind_any_number_that_cannot_run_here_are_claimed_in_their_order(scene: Scene, count: int) -> None:
    park(scene, count)
    for n in (3, 1, 2):
        scene.add(f"job-{n}", target=f"target-{n}", first=None)
    first = scene.now
    for n in (2, 1, 3):
        scene.trigger(f"job-{n}")
        scene.now += timedelta(seconds=1)
    assert scene.store.next_wake(FREE, MANY) == first
    assert [each.job.id for each in scene.claim(free={"default": 2}, reach=MANY)] == ["job-2", "job-1"]
    assert [each.job.id for each in scene.claim(reach=MANY)] == ["job-3"]
