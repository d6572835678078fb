"""Waking: when a node is to look again, and what the store tells it in between."""

from collections.abc import Callable
from datetime import datetime

import pytest

from cronkit.jobs.job import Pause
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Change, JobStore
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import FREE, NAMESPACE, NOON, REACH, WIDER, Scene, after


def behind_a_running_one(scene: Scene) -> None:
    scene.add(overlap="queue")
    scene.start()
    scene.come_due()


def behind_a_retry(scene: Scene) -> None:
    scene.add(overlap="queue")
    scene.retry(scene.start(), after(hours=9))
    scene.come_due()


def of_an_unknown_target(scene: Scene) -> None:
    scene.add(target="elsewhere")
    scene.come_due()


def of_a_job_of_an_unknown_target(scene: Scene) -> None:
    scene.add(target="elsewhere", first=after(hours=-1))


def for_an_executor_that_is_full(scene: Scene) -> None:
    scene.add(executor="full")
    scene.come_due()


def for_an_executor_of_another_node(scene: Scene) -> None:
    scene.add(executor="another-nodes")
    scene.come_due()


def held(scene: Scene) -> None:
    scene.add(on_crash="hold")
    scene.start()
    scene.lose()


def cancelled(scene: Scene) -> None:
    scene.add()
    scene.store.request_cancel(scene.come_due().id, "not needed", scene.now)


def of_a_removed_job(scene: Scene) -> None:
    scene.add()
    scene.come_due()
    scene.store.remove(scene.load(), now=scene.now)


def of_a_paused_job(scene: Scene) -> None:
    row = scene.add()
    row.pause, row.next_due = Pause(since=NOON), None
    scene.store.save(row)


UNCLAIMABLE = [
    behind_a_running_one,
    behind_a_retry,
    of_an_unknown_target,
    of_a_job_of_an_unknown_target,
    for_an_executor_that_is_full,
    for_an_executor_of_another_node,
    held,
    cancelled,
    of_a_removed_job,
    of_a_paused_job,
]


class NextWakeSuite(StoreFixtures):
    """``RunQueue.next_wake``."""

    def wake(self, store: JobStore) -> datetime | None:
        """When a node with free slots, that knows the target, is to look again."""
        return store.next_wake({**FREE, "full": 0}, REACH)

    def test_an_empty_store_wakes_nobody(self, store: JobStore) -> None:
        assert self.wake(store) is None

    def test_the_earliest_job_wakes(self, scene: Scene, store: JobStore) -> None:
        scene.add("later", first=after(hours=2))
        scene.add("earlier", first=after(hours=1))
        scene.add("never", first=None)

        assert self.wake(store) == after(hours=1)

    def test_the_earliest_waiting_run_wakes(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        scene.retry(scene.start(), after(minutes=5))

        assert self.wake(store) == after(minutes=5)

    def test_a_run_that_may_start_at_once_wakes_at_once(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        run = scene.come_due()

        assert self.wake(store) == run.due_at

    def test_what_has_moved_wakes_at_its_new_time(self, scene: Scene, store: JobStore) -> None:
        row = scene.add(first=after(hours=1))
        row.next_at = row.next_due = after(hours=3)
        store.save(row)

        assert self.wake(store) == after(hours=3)

    def test_a_removed_job_wakes_nobody(self, scene: Scene, store: JobStore) -> None:
        store.remove(scene.add(), now=NOON)

        assert self.wake(store) is None

    @pytest.mark.parametrize("blocked", UNCLAIMABLE)
    def test_what_cannot_start_does_not_make_a_node_spin(
        self, blocked: Callable[[Scene], None], scene: Scene, store: JobStore
    ) -> None:
        blocked(scene)
        assert store.due_jobs(scene.now, 10, REACH).jobs == []
        assert scene.claim(free={**FREE, "full": 0}) == []

        wake = self.wake(store)
        assert wake is None or wake > scene.now

    def test_a_slot_that_becomes_free_wakes_for_what_waited_for_it(self, scene: Scene, store: JobStore) -> None:
        for_an_executor_that_is_full(scene)
        assert scene.claim(free={"full": 0}) == []

        assert store.next_wake({"full": 1}, REACH) == NOON

    def test_a_target_that_becomes_known_wakes_for_what_waited_for_it(self, scene: Scene, store: JobStore) -> None:
        of_a_job_of_an_unknown_target(scene)
        assert store.due_jobs(scene.now, 10, REACH).jobs == []

        assert store.next_wake(FREE, WIDER) == after(hours=-1)

    def test_a_target_that_becomes_known_wakes_for_the_run_that_waited_for_it(
        self, scene: Scene, store: JobStore
    ) -> None:
        of_an_unknown_target(scene)
        assert scene.claim() == []

        assert store.next_wake(FREE, WIDER) == NOON

    def test_a_gate_that_opens_wakes_for_what_waited_behind_it(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="queue")
        claimed = scene.start()
        waiting = scene.come_due()
        scene.claim()
        scene.finish(claimed)

        assert self.wake(store) == waiting.due_at


class SubscriptionSuite(StoreFixtures):
    """``RunQueue.subscribe``."""

    @pytest.fixture
    def told(self, store: JobStore) -> list[tuple[Change, str | None]]:
        """What a subscriber was told, in order."""
        told: list[tuple[Change, str | None]] = []
        store.subscribe(lambda change, detail: told.append((change, detail)))
        return told

    def test_new_work_is_told(self, scene: Scene, store: JobStore, told: list[tuple[Change, str | None]]) -> None:
        changes: list[Callable[[], object]] = [
            lambda: store.insert([scene.job()]),
            lambda: store.save(scene.load()),
            lambda: store.enqueue(scene.click(scene.load())),
        ]
        for change in changes:
            told.clear()
            change()
            assert (Change.WORK, None) in told

    def test_an_opened_gate_is_told(self, scene: Scene, store: JobStore, told: list[tuple[Change, str | None]]) -> None:
        scene.add()
        claimed = scene.start()
        scene.finish(claimed, RunStatus.TIMED_OUT, occupied=True)
        told.clear()
        store.vacate([claimed.run.id])

        assert (Change.WORK, None) in told

    def test_each_run_that_ends_is_told_once(self, scene: Scene, told: list[tuple[Change, str | None]]) -> None:
        scene.add()
        claimed = scene.start()
        skipped = scene.come_due()
        scene.finish(claimed)
        scene.finish(claimed)

        assert [detail for change, detail in told if change is Change.FINISHED] == [skipped.id, claimed.run.id]

    def test_a_run_that_ends_otherwise_is_told_too(
        self, scene: Scene, store: JobStore, told: list[tuple[Change, str | None]]
    ) -> None:
        scene.add("cancelled")
        scene.add("removed", on_crash="fail")
        scene.add("lost", on_crash="fail")
        cancelled, removed, lost = scene.come_due("cancelled"), scene.come_due("removed"), scene.come_due("lost")
        store.request_cancel(cancelled.id, "not needed", scene.now)
        store.remove(scene.load("removed"), now=scene.now)
        scene.claim()
        scene.lose()

        finished = [detail for change, detail in told if change is Change.FINISHED]
        assert finished == [cancelled.id, removed.id, lost.id]

    def test_a_retry_is_not_an_end(self, scene: Scene, told: list[tuple[Change, str | None]]) -> None:
        scene.add()
        scene.retry(scene.start(), after(minutes=5))

        assert Change.FINISHED not in [change for change, _ in told]

    def test_a_request_to_cancel_a_running_run_is_told(
        self, scene: Scene, store: JobStore, told: list[tuple[Change, str | None]]
    ) -> None:
        scene.add()
        claimed = scene.start()
        told.clear()
        store.request_cancel(claimed.run.id, "not needed", scene.now)

        assert (Change.CANCEL, None) in told

    def test_what_is_told_has_happened_already(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        seen: list[RunStatus] = []
        leave = store.subscribe(lambda change, detail: seen.append(scene.status(claimed.run.id)))
        scene.finish(claimed)
        leave()

        assert set(seen) == {RunStatus.SUCCEEDED}

    def test_a_subscriber_that_has_left_is_told_nothing_more(self, scene: Scene, store: JobStore) -> None:
        left: list[Change] = []
        stayed: list[Change] = []
        leave = store.subscribe(lambda change, detail: left.append(change))
        store.subscribe(lambda change, detail: stayed.append(change))
        leave()
        scene.add()

        assert left == []
        assert stayed

    def test_what_changes_nothing_is_not_told(
        self, scene: Scene, store: JobStore, told: list[tuple[Change, str | None]]
    ) -> None:
        row = scene.add()
        store.save(scene.load())
        told.clear()
        assert store.insert([scene.job()]) == [False]
        assert not store.save(row)

        assert told == []
        assert store.counts(NAMESPACE) == {}
