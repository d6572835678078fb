"""Leases and requests: how runs are cancelled, how a node keeps its runs, and what becomes of them when it is lost."""

import pytest

from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import JobStore
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import FREE, HOUR, LEASE, NAMESPACE, NOON, REACH, Scene, after

CRASH_RERUNS = 3


class CancelSuite(StoreFixtures):
    """``RunQueue.request_cancel``."""

    def assert_cancelled(self, scene: Scene, run_id: str) -> None:
        """The run has ended so at the present time, and will not be claimed."""
        run = scene.run(run_id)
        assert (run.status, run.reason) == (RunStatus.CANCELLED, "not needed")
        assert run.finished_at == scene.now
        assert scene.load().counters == {RunStatus.CANCELLED: 1}
        scene.now = after(days=1)
        assert scene.claim() == []

    def test_a_waiting_run_is_cancelled_at_once(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        run = scene.come_due()

        assert scene.cancel(run.id) is RunStatus.CANCELLED
        self.assert_cancelled(scene, run.id)

    def test_a_run_that_waits_for_its_retry_is_cancelled_at_once(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        scene.retry(claimed, after(minutes=5))

        assert scene.cancel(claimed.run.id) is RunStatus.CANCELLED
        self.assert_cancelled(scene, claimed.run.id)

    def test_a_held_run_is_cancelled_at_once(self, scene: Scene, store: JobStore) -> None:
        scene.add(on_crash="hold")
        claimed = scene.start()
        scene.lose()

        assert scene.cancel(claimed.run.id) is RunStatus.CANCELLED
        self.assert_cancelled(scene, claimed.run.id)

    def test_the_node_of_a_running_run_is_asked_and_no_other(self, scene: Scene, store: JobStore) -> None:
        scene.add("a")
        scene.add("b")
        wanted, _ = scene.start("a", "here"), scene.start("b", "there")

        assert scene.cancel(wanted.run.id) is RunStatus.RUNNING
        assert store.cancel_requests("here") == {wanted.run.id: "not needed"}
        assert store.cancel_requests("there") == {}

    def test_a_node_is_asked_until_the_run_has_ended(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        store.request_cancel(claimed.run.id, "not needed", scene.now)
        assert store.cancel_requests("node")
        assert store.cancel_requests("node")
        scene.finish(claimed, RunStatus.CANCELLED, reason="not needed")

        assert not store.cancel_requests("node")

    def test_a_run_that_succeeds_all_the_same_has_succeeded(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        store.request_cancel(claimed.run.id, "not needed", scene.now)
        assert scene.finish(claimed, value="done")

        run = scene.run(claimed.run.id)
        assert (run.status, run.value, run.reason) == (RunStatus.SUCCEEDED, "done", None)

    def test_a_run_that_has_ended_stays_as_it_is(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        scene.finish(claimed)

        assert scene.cancel(claimed.run.id) is RunStatus.SUCCEEDED
        assert scene.run(claimed.run.id).reason is None

    def test_an_unknown_run_cannot_be_cancelled(self, store: JobStore) -> None:
        assert store.request_cancel("unknown", "not needed", NOON) is None


class LeaseSuite(StoreFixtures):
    """``RunQueue.renew`` and ``reap``."""

    def test_a_node_that_renews_keeps_its_runs(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        for _ in range(3):
            scene.now += LEASE
            assert scene.renew("node", claimed) == frozenset()
            assert store.reap(scene.now) == []

        assert scene.finish(claimed)

    def test_the_runs_of_a_node_whose_lease_has_ended_are_taken_back(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()

        assert store.reap(scene.now + LEASE) == []
        taken = store.reap(scene.now + 2 * LEASE)
        assert [(run.id, run.status) for run in taken] == [(claimed.run.id, RunStatus.QUEUED)]

    def test_only_the_lost_node_loses_its_runs(self, scene: Scene, store: JobStore) -> None:
        scene.add("a")
        scene.add("b")
        lost, kept = scene.start("a", "lost"), scene.start("b", "kept")
        scene.now += LEASE
        scene.renew("kept")
        scene.now += LEASE

        assert [run.id for run in store.reap(scene.now)] == [lost.run.id]
        assert scene.renew("kept", kept) == frozenset()
        assert scene.finish(kept)

    def test_runs_are_taken_back_once(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        scene.start()

        assert len(scene.lose()) == 1
        assert store.reap(scene.now) == []

    def test_a_node_that_comes_back_learns_what_it_has_lost(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        scene.lose()

        assert scene.renew("node", claimed) == {claimed.run.id}

    def test_a_node_does_not_hold_what_it_claimed_before_it_lost_it(self, scene: Scene) -> None:
        scene.add()
        before = scene.start()
        scene.lose()
        (after_loss,) = scene.claim()

        assert scene.renew("node", before) == {before.run.id}
        assert scene.renew("node", after_loss) == frozenset()

    def test_what_a_node_holds_can_be_read_again(self, scene: Scene, store: JobStore) -> None:
        scene.add("a")
        scene.add("b")
        scene.add("c")
        held, ended, _ = scene.start("a"), scene.start("b"), scene.start("c", "another")
        scene.finish(ended)

        (again,) = store.held_by("node")
        assert (again.run.id, again.fence, again.attempt, again.job) == (held.run.id, held.fence, 1, held.job)

    def test_a_node_that_has_left_has_no_lease_to_lose(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        scene.finish(scene.start())
        store.leave("node")

        assert store.held_by("node") == []
        assert store.reap(scene.now + 2 * LEASE) == []

    def test_what_a_node_leaves_running_is_taken_back_when_its_lease_ends(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        store.leave("node")

        assert store.reap(scene.now) == []
        assert [run.id for run in store.reap(scene.now + 2 * LEASE)] == [claimed.run.id]

    def test_a_lease_given_before_the_clock_was_set_back_begins_anew(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        scene.now -= HOUR

        assert store.reap(scene.now) == []
        assert store.reap(scene.now + LEASE) == []
        assert [run.id for run in store.reap(scene.now + 2 * LEASE)] == [claimed.run.id]

    def test_what_a_lost_node_says_of_its_runs_is_refused(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        scene.lose()

        assert not scene.finish(claimed)
        assert not scene.retry(claimed, scene.now)
        assert not store.report(claimed.run.id, claimed.fence, 0.5, None)
        assert scene.status(claimed.run.id) is RunStatus.QUEUED

    def test_a_lost_run_starts_again_at_once_as_its_next_attempt(self, scene: Scene) -> None:
        scene.add()
        first = scene.start("job", "lost")
        scene.lose("lost")
        (second,) = scene.claim("another")

        assert (second.run.id, second.attempt, second.run.excused) == (first.run.id, 2, 1)
        assert second.fence > first.fence
        run = scene.run(first.run.id)
        assert (run.node, run.crashes, run.due_at) == ("another", 1, scene.now)
        assert not scene.finish(first)
        assert scene.finish(second)

    def test_a_run_is_abandoned_after_three_reruns(self, scene: Scene) -> None:
        scene.add()
        run_id = scene.start().run.id
        for _ in range(CRASH_RERUNS):
            scene.lose()
            assert [each.run.id for each in scene.claim()] == [run_id]
        scene.lose()

        run = scene.run(run_id)
        assert (run.status, run.crashes, run.attempt) == (RunStatus.ABANDONED, CRASH_RERUNS + 1, CRASH_RERUNS + 1)
        assert (run.reason, run.finished_at) == ("node lost", scene.now)
        assert scene.load().counters == {RunStatus.ABANDONED: 1}
        assert scene.claim() == []

    def test_a_run_that_must_not_start_twice_is_abandoned(self, scene: Scene) -> None:
        scene.add(on_crash="fail")
        claimed = scene.start()
        (taken,) = scene.lose()

        assert (taken.id, taken.status) == (claimed.run.id, RunStatus.ABANDONED)
        assert not scene.finish(claimed)
        assert scene.claim() == []

    def test_a_run_that_waits_for_a_person_is_held(self, scene: Scene, store: JobStore) -> None:
        scene.add(on_crash="hold")
        claimed = scene.start()
        scene.lose()

        run = scene.run(claimed.run.id)
        assert (run.status, run.reason, run.finished_at) == (RunStatus.HELD, "node lost", None)
        assert not scene.finish(claimed)
        assert scene.claim() == []
        assert store.counts(NAMESPACE) == {RunStatus.HELD: 1}

    @pytest.mark.parametrize("on_crash", ["rerun", "fail", "hold"])
    def test_a_lost_run_that_was_to_be_cancelled_is_cancelled(
        self, on_crash: str, scene: Scene, store: JobStore
    ) -> None:
        scene.add(on_crash=on_crash)
        claimed = scene.start()
        store.request_cancel(claimed.run.id, "not needed", scene.now)
        scene.lose()

        run = scene.run(claimed.run.id)
        assert (run.status, run.reason) == (RunStatus.CANCELLED, "not needed")

    def test_a_lost_run_of_a_removed_job_is_abandoned(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        store.remove(scene.load(), now=NOON)
        scene.lose()

        assert scene.status(claimed.run.id) is RunStatus.ABANDONED

    def test_a_run_that_ended_before_its_node_was_lost_stays_ended(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        scene.finish(claimed, value="done")

        assert scene.lose() == []
        assert scene.status(claimed.run.id) is RunStatus.SUCCEEDED

    def test_a_run_that_waits_for_its_retry_belongs_to_no_node(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        scene.retry(claimed, after(minutes=5))

        assert scene.lose() == []
        assert (scene.run(claimed.run.id).crashes, scene.status(claimed.run.id)) == (0, RunStatus.RETRYING)

    def test_a_queue_stays_behind_the_lost_run_at_its_head(self, scene: Scene) -> None:
        scene.add(overlap="queue")
        claimed = scene.start()
        waiting = scene.come_due()
        scene.lose()
        (again,) = scene.claim()
        assert again.run.id == claimed.run.id
        scene.finish(again)

        assert [each.run.id for each in scene.claim()] == [waiting.id]

    def test_an_abandoned_run_lets_the_next_come_forward(self, scene: Scene) -> None:
        scene.add(overlap="queue", on_crash="fail")
        scene.start()
        waiting = scene.come_due()
        scene.lose()

        assert [each.run.id for each in scene.claim()] == [waiting.id]

    def test_a_node_that_is_suspended_and_renews_first_keeps_its_runs(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        scene.now = after(hours=8)

        assert scene.renew("node", claimed) == frozenset()
        assert store.reap(scene.now) == []
        assert scene.finish(claimed)

    def test_without_a_time_the_clock_of_the_store_says_how_long_a_lease_lasts(
        self, scene: Scene, store: JobStore
    ) -> None:
        store.enqueue(scene.click(scene.add(first=None)))
        store.renew("node", {}, LEASE, None)
        assert len(store.claim((), None, "node", FREE, REACH).runs) == 1

        assert store.reap(None) == []
