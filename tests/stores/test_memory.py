"""The memory store: the conformance suite, and what is its own."""

import gc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import FunctionType, MethodType, ModuleType

import pytest

from cronkit.jobs.job import Pause
from cronkit.jobs.policies import LIBRARY_DEFAULTS
from cronkit.jobs.status import RunStatus
from cronkit.schedules import Manual
from cronkit.stores import JobStore, MemoryStore
from cronkit.stores.protocol import Advance, RunFilter, Scope
from cronkit.testing.store_suite import StoreSuite
from cronkit.testing.store_suite.held import hold
from cronkit.testing.store_suite.scene import EVERY, NAMESPACE, NOON, REACH, Scene, after


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def new_store(self) -> Callable[[], JobStore]:
        return MemoryStore


def ended_runs(scene: Scene, count: int) -> list[str]:
    """The ids of runs of one job that started and ended, oldest first."""
    ids = []
    for _ in range(count):
        claimed = scene.start()
        scene.finish(claimed)
        ids.append(claimed.run.id)
    return ids


def test_the_newest_ended_runs_are_kept_and_counters_outlive_the_others() -> None:
    scene = Scene(MemoryStore(keep_runs=3))
    scene.add()
    ids = ended_runs(scene, 10)

    page = scene.store.runs(RunFilter(namespace=NAMESPACE), limit=100, cursor=None)
    assert [run.id for run in page] == ids[:-4:-1]
    assert scene.store.run(ids[0]) is None
    assert scene.store.counts(NAMESPACE) == {RunStatus.SUCCEEDED: 3}
    assert scene.load().counters == {RunStatus.SUCCEEDED: 10}


def test_open_runs_are_kept_however_many_there_are() -> None:
    scene = Scene(MemoryStore(keep_runs=0))
    scene.add(overlap="allow")
    runs = [scene.come_due() for _ in range(20)]

    assert all(scene.store.run(run.id) is not None for run in runs)


def test_a_run_whose_thread_has_not_returned_is_kept() -> None:
    scene = Scene(MemoryStore(keep_runs=0))
    scene.add()
    claimed = scene.start()
    scene.finish(claimed, RunStatus.TIMED_OUT, occupied=True)
    assert scene.store.run(claimed.run.id) is not None
    scene.store.vacate([claimed.run.id])

    assert scene.store.run(claimed.run.id) is None


def test_refused_runs_count_among_those_that_are_kept() -> None:
    scene = Scene(MemoryStore(keep_runs=2))
    scene.add()
    for status in (RunStatus.MISSED, RunStatus.SKIPPED, RunStatus.MISSED, RunStatus.SKIPPED):
        scene.come_due(status=status)

    assert scene.store.counts(NAMESPACE) == {RunStatus.MISSED: 1, RunStatus.SKIPPED: 1}
    assert scene.load().counters == {RunStatus.MISSED: 2, RunStatus.SKIPPED: 2}


def test_an_occurrence_is_forgotten_with_its_run() -> None:
    scene = Scene(MemoryStore(keep_runs=0))
    scene.add(first=None)
    first = scene.trigger(token="click")
    scene.finish(scene.claim()[0])

    assert scene.trigger(token="click").id != first.id


def test_the_newest_jobs_whose_schedule_has_ended_are_kept() -> None:
    scene = Scene(MemoryStore(keep_ended_jobs=2))
    for job_id in "abcde":
        scene.add(job_id, max_runs=1)
        scene.finish(scene.start(job_id))
    scene.add("endless")

    page = scene.store.jobs(EVERY, limit=100, cursor=None)
    assert [job.id for job in page] == ["d", "e", "endless"]


def test_a_job_that_was_given_a_new_schedule_is_not_forgotten() -> None:
    scene = Scene(MemoryStore(keep_ended_jobs=0))
    scene.add("again", max_runs=1)
    claimed = scene.start("again")
    row = scene.load("again")
    row.spec = replace(row.spec, policies=LIBRARY_DEFAULTS)
    row.next_at = row.next_due = after(hours=1)
    scene.store.save(row)
    scene.finish(claimed)

    assert scene.load("again").next_at == after(hours=1)


def test_a_job_that_was_given_a_new_schedule_and_paused_is_not_forgotten() -> None:
    scene = Scene(MemoryStore(keep_ended_jobs=1))
    scene.add("again", max_runs=1)
    scene.finish(scene.start("again"))
    row = scene.load("again")
    row.spec = replace(row.spec, policies=LIBRARY_DEFAULTS)
    row.next_at, row.pause = after(hours=1), Pause(since=after())
    scene.store.save(row)
    for job_id in "ab":
        scene.add(job_id, max_runs=1)
        scene.finish(scene.start(job_id))

    assert scene.load("again").pause == Pause(since=after())


def test_a_job_that_is_only_ever_triggered_is_not_forgotten() -> None:
    scene = Scene(MemoryStore(keep_ended_jobs=0))
    row = scene.job(first=None)
    row.spec = replace(row.spec, schedule=Manual())
    assert scene.store.insert([row]) == [True]
    scene.trigger()
    scene.finish(scene.claim()[0])

    assert scene.load().counters == {RunStatus.SUCCEEDED: 1}


def test_a_job_whose_last_occurrence_is_refused_has_ended() -> None:
    scene = Scene(MemoryStore(keep_ended_jobs=0))
    job = scene.add()
    advance = Advance(job, NOON, None, None, [scene.birth(job, NOON, RunStatus.MISSED)])
    scene.claim_due(advance)

    assert list(scene.store.jobs(EVERY, limit=100, cursor=None)) == []


def test_a_job_that_has_ended_while_a_triggered_run_was_open_is_forgotten_with_its_end() -> None:
    scene = Scene(MemoryStore(keep_ended_jobs=0))
    job = scene.add()
    scene.trigger()
    (claimed,) = scene.claim()
    scene.claim_due(Advance(job, NOON, None, None, [scene.birth(job, NOON)]))
    assert scene.load().next_at is None
    scene.finish(claimed)

    assert list(scene.store.jobs(EVERY, limit=100, cursor=None)) == []


def test_a_job_that_was_paused_when_its_turn_to_go_came_is_forgotten_once_it_is_resumed() -> None:
    scene = Scene(MemoryStore(keep_ended_jobs=1))
    for job_id in "ab":
        scene.add(job_id, max_runs=1)
    scene.finish(scene.start("a"))
    paused = scene.load("a")
    paused.pause = Pause(since=after())
    scene.store.save(paused)
    scene.finish(scene.start("b"))
    assert [job.id for job in scene.store.jobs(EVERY, limit=100, cursor=None)] == ["a", "b"]
    resumed = scene.load("a")
    resumed.pause = None
    scene.store.save(resumed)

    assert [job.id for job in scene.store.jobs(EVERY, limit=100, cursor=None)] == ["a"]


def test_a_job_whose_run_waits_for_a_person_is_kept_until_that_has_ended() -> None:
    scene = Scene(MemoryStore(keep_ended_jobs=0))
    scene.add(max_runs=1, on_crash="hold")
    run_id = hold(scene)
    assert scene.load().next_at is None
    scene.store.release(run_id, scene.now)
    (claimed,) = scene.claim()
    scene.finish(claimed)

    assert scene.status(run_id) is RunStatus.SUCCEEDED
    assert list(scene.store.jobs(EVERY, limit=100, cursor=None)) == []


def test_a_job_whose_run_waited_for_a_person_is_forgotten_once_that_is_cancelled() -> None:
    scene = Scene(MemoryStore(keep_ended_jobs=0))
    scene.add(max_runs=1, on_crash="hold")
    run_id = hold(scene)
    assert scene.load().next_at is None
    scene.cancel(run_id)

    assert list(scene.store.jobs(EVERY, limit=100, cursor=None)) == []


def objects_in(root: object) -> int:
    """How many objects another one keeps alive, other than code."""
    gc.collect()
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen and not isinstance(each, type | ModuleType | FunctionType | MethodType):
            seen.add(id(each))
            waiting += gc.get_referents(each)
    return len(seen)


def test_memory_does_not_grow_with_what_has_ended() -> None:
    scene = Scene(MemoryStore(keep_runs=10))
    scene.add()
    ended_runs(scene, 200)
    before = objects_in(scene.store)
    ended_runs(scene, 2000)

    assert objects_in(scene.store) < 2 * before


def test_memory_does_not_grow_with_changes_to_a_job_that_waits() -> None:
    scene = Scene(MemoryStore())
    scene.add()
    scene.retry(scene.start(), after(days=365))

    def save(times: int) -> int:
        for _ in range(times):
            row = scene.load()
            row.next_due = after(days=365)
            scene.store.save(row)
        return objects_in(scene.store)

    assert save(2000) < 2 * save(200)


def test_memory_does_not_grow_with_runs_that_were_cancelled_while_they_waited() -> None:
    scene = Scene(MemoryStore(keep_runs=10))
    row = scene.add(first=None)

    def cancel(times: int) -> int:
        for _ in range(times):
            click = scene.click(row)
            click.due_at = after(days=365)
            scene.store.enqueue(click)
            scene.store.request_cancel(click.id, "not needed", scene.now)
        return objects_in(scene.store)

    assert cancel(2000) < 2 * cancel(200)


def test_memory_does_not_grow_with_nodes_that_are_gone() -> None:
    scene = Scene(MemoryStore())

    def come_and_go(times: int) -> int:
        for number in range(times):
            scene.claim(f"node-{number}")
            scene.lose(f"node-{number}")
        return objects_in(scene.store)

    few = come_and_go(5)
    assert come_and_go(200) <= few + 5


def test_what_waits_is_found_among_much_that_waits_no_longer() -> None:
    scene = Scene(MemoryStore())
    for number in range(300):
        scene.add(f"job-{number}", first=after(minutes=number))
        row = scene.load(f"job-{number}")
        row.next_at = row.next_due = after(days=1, minutes=-number)
        scene.store.save(row)

    due = scene.store.due_jobs(after(days=1), 1000, REACH).jobs
    assert [job.key.id for job in due] == [f"job-{number}" for number in reversed(range(300))]


def test_it_says_that_it_ends_with_its_process() -> None:
    capabilities = MemoryStore.capabilities

    assert (capabilities.scope, capabilities.durable) == (Scope.PROCESS, False)


def test_no_test_of_the_suite_hides_another() -> None:
    names = Counter(
        name
        for part in StoreSuite.__mro__
        if part not in (object, StoreSuite)
        for name in vars(part)
        if not name.startswith("__")
    )

    assert [name for name, count in names.items() if count > 1] == []
