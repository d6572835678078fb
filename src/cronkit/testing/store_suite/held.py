"""Runs that wait for a person, and those whose thread has not returned: what lets them go on."""

from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import JobStore
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import HOUR, LEASE, NAMESPACE, NOON, Scene


def hold(scene: Scene, job_id: str = "job") -> str:
    """The job's next occurrence is claimed, and its node is lost: a person has to say what becomes of it."""
    run_id = scene.start(job_id, node="lost").run.id
    scene.lose("lost")
    assert scene.status(run_id) is RunStatus.HELD
    return run_id


class ReleaseSuite(StoreFixtures):
    """``RunQueue.release``."""

    def test_a_held_run_that_is_released_starts_again(self, scene: Scene, store: JobStore) -> None:
        scene.add(on_crash="hold")
        run_id = hold(scene)
        assert scene.claim() == []

        assert store.release(run_id, scene.now) is RunStatus.QUEUED
        (claimed,) = scene.claim()
        assert (claimed.run.id, claimed.attempt, claimed.run.reason) == (run_id, 2, None)

    def test_a_released_run_is_due_at_once(self, scene: Scene, store: JobStore) -> None:
        scene.add(on_crash="hold")
        run_id = hold(scene)
        store.release(run_id, scene.now)

        assert scene.run(run_id).due_at == scene.now
        assert scene.run(run_id).scheduled_at == NOON

    def test_a_released_run_takes_its_turn(self, scene: Scene, store: JobStore) -> None:
        scene.add(on_crash="hold", overlap="queue")
        held = hold(scene)
        running = scene.start()
        store.release(held, scene.now)
        assert scene.claim() == []

        scene.finish(running)
        assert [each.run.id for each in scene.claim()] == [held]

    def test_a_released_run_keeps_later_ones_waiting(self, scene: Scene, store: JobStore) -> None:
        scene.add(on_crash="hold", overlap="queue")
        held = hold(scene)
        store.release(held, scene.now)
        later = scene.come_due()

        assert [each.run.id for each in scene.claim()] == [held]
        assert scene.status(later.id) is RunStatus.QUEUED

    def test_a_held_run_blocks_nobody(self, scene: Scene) -> None:
        scene.add(on_crash="hold")
        hold(scene)

        assert scene.come_due().status is RunStatus.QUEUED

    def test_a_released_run_is_released_once(self, scene: Scene, store: JobStore) -> None:
        scene.add(on_crash="hold", overlap="queue")
        run_id = hold(scene)
        store.release(run_id, scene.now)
        (claimed,) = scene.claim()

        assert store.release(run_id, scene.now) is RunStatus.RUNNING
        assert scene.finish(claimed)
        assert store.release(run_id, scene.now) is RunStatus.SUCCEEDED

    def test_only_a_held_run_is_released(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        run = scene.come_due()
        due_at = scene.run(run.id).due_at
        scene.now += HOUR

        assert store.release(run.id, scene.now) is RunStatus.QUEUED
        assert scene.run(run.id).due_at == due_at

    def test_a_run_that_is_not_there_is_not_released(self, store: JobStore) -> None:
        assert store.release("nobody", NOON) is None

    def test_a_held_run_of_a_removed_job_is_cancelled_with_it(self, scene: Scene, store: JobStore) -> None:
        scene.add(on_crash="hold")
        run_id = hold(scene)
        store.remove(scene.load(), now=scene.now)

        assert store.release(run_id, scene.now) is RunStatus.CANCELLED
        assert scene.claim() == []


class VacateSuite(StoreFixtures):
    """``RunQueue.vacate``; what an occupied gate does is with the overlap rules."""

    def test_a_run_whose_thread_has_not_returned_has_ended_all_the_same(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        assert scene.finish(claimed, RunStatus.TIMED_OUT, occupied=True)

        assert scene.status(claimed.run.id) is RunStatus.TIMED_OUT
        assert scene.load().counters == {RunStatus.TIMED_OUT: 1}
        assert scene.load().open == (claimed.run.id,)

    def test_vacating_opens_the_gate_and_counts_nothing_twice(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        scene.finish(claimed, RunStatus.TIMED_OUT, occupied=True)
        for _ in range(2):
            store.vacate([claimed.run.id])

        assert scene.load().open == ()
        assert scene.load().counters == {RunStatus.TIMED_OUT: 1}
        assert store.counts(NAMESPACE) == {RunStatus.TIMED_OUT: 1}

    def test_several_are_vacated_at_once(self, scene: Scene, store: JobStore) -> None:
        claims = []
        for job_id in ("a", "b"):
            scene.add(job_id)
            claims.append(scene.start(job_id))
            scene.finish(claims[-1], RunStatus.TIMED_OUT, occupied=True)
        store.vacate([each.run.id for each in claims])

        assert (scene.load("a").open, scene.load("b").open) == ((), ())

    def test_a_run_that_still_runs_is_not_vacated(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        store.vacate([claimed.run.id, "nobody"])

        assert scene.load().open == (claimed.run.id,)
        assert scene.status(claimed.run.id) is RunStatus.RUNNING

    def test_a_thread_that_was_lost_with_its_node_blocks_no_longer(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start(node="lost")
        scene.finish(claimed, RunStatus.TIMED_OUT, occupied=True)
        scene.now += LEASE + HOUR / 60
        assert store.reap(scene.now) == []

        assert scene.load().open == ()
        assert scene.status(claimed.run.id) is RunStatus.TIMED_OUT
