"""Overlap: what an occurrence does while another run of its job is open."""

import pytest

from cronkit.jobs.policies import Overlap
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Advance, JobStore
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import NOON, Scene, after


class OverlapSuite(StoreFixtures):
    """The rules of ``overlap``, admitted at birth and kept at each claim."""

    def test_a_skipped_run_names_the_run_in_its_way(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        skipped = scene.come_due()

        assert (skipped.status, skipped.reason) == (RunStatus.SKIPPED, "overlap")
        assert skipped.related_id == claimed.run.id
        assert skipped.finished_at == scene.now

    def test_runs_skipped_for_one_blocker_share_a_record(self, scene: Scene) -> None:
        scene.add()
        scene.start()
        first, second = scene.come_due(), scene.come_due()

        assert (second.id, second.count) == (first.id, 2)
        assert (second.scheduled_at, second.scheduled_until) == (after(hours=1), after(hours=2))

    def test_runs_skipped_for_different_blockers_do_not_share_a_record(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        first = scene.come_due()
        scene.finish(claimed)
        scene.start()
        second = scene.come_due()

        assert first.id != second.id
        assert first.related_id != second.related_id

    def test_a_blocker_that_gives_way_to_the_next_begins_a_new_record(self, scene: Scene) -> None:
        job = scene.add()
        births = [scene.birth(job, NOON), scene.birth(job, after(hours=1))]
        for birth in births:
            birth.overlap = Overlap.QUEUE  # as missed="all" makes them
        scene.claim_due(Advance(job, after(hours=1), after(hours=2), after(hours=2), births))
        (claimed,) = scene.claim()
        first = scene.come_due()
        scene.finish(claimed)
        second = scene.come_due()

        assert (first.related_id, second.related_id) == (births[0].id, births[1].id)
        assert first.id != second.id

    def test_triggered_runs_that_are_skipped_have_a_record_each(self, scene: Scene) -> None:
        scene.add()
        scene.start()
        skipped = [scene.come_due(), scene.trigger(), scene.trigger(), scene.come_due()]

        assert len({run.id for run in skipped}) == 4
        assert {run.count for run in skipped} == {1}

    def test_a_run_that_has_not_started_blocks_as_well(self, scene: Scene) -> None:
        scene.add()
        waiting = scene.come_due()

        assert scene.come_due().related_id == waiting.id

    def test_a_run_that_waits_for_its_retry_blocks_as_well(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        scene.retry(claimed, after(hours=9))

        assert scene.come_due().related_id == claimed.run.id

    def test_an_ended_run_blocks_nothing(self, scene: Scene) -> None:
        scene.add()
        scene.finish(scene.start())

        assert scene.come_due().status is RunStatus.QUEUED

    def test_a_held_run_blocks_nothing(self, scene: Scene) -> None:
        scene.add(on_crash="hold")
        claimed = scene.start()
        scene.lose()

        assert scene.status(claimed.run.id) is RunStatus.HELD
        assert scene.come_due().status is RunStatus.QUEUED

    def test_a_triggered_run_is_skipped_by_the_same_rule(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()

        assert scene.trigger().related_id == claimed.run.id

    def test_two_jobs_do_not_block_each_other(self, scene: Scene) -> None:
        scene.add("a")
        scene.add("b")
        scene.start("a")

        assert scene.come_due("b").status is RunStatus.QUEUED

    def test_a_queued_run_waits_for_the_one_before_it(self, scene: Scene) -> None:
        scene.add(overlap="queue")
        claimed = scene.start()
        waiting = scene.come_due()

        assert scene.claim() == []
        scene.finish(claimed)
        assert [each.run.id for each in scene.claim()] == [waiting.id]

    def test_queued_runs_start_one_by_one_in_the_order_of_their_birth(self, scene: Scene) -> None:
        scene.add(overlap="queue")
        runs = [scene.come_due() for _ in range(3)]

        started = []
        for _ in runs:
            (claimed,) = scene.claim()
            started.append(claimed.run.id)
            scene.finish(claimed)
        assert started == [run.id for run in runs]

    def test_a_queued_run_waits_through_the_retries_of_the_one_before_it(self, scene: Scene) -> None:
        scene.add(overlap="queue")
        claimed = scene.start()
        scene.come_due()
        scene.retry(claimed, after(hours=9))
        assert scene.claim() == []
        scene.now = after(hours=9)

        assert [each.run.id for each in scene.claim()] == [claimed.run.id]

    def test_a_queued_run_comes_forward_when_the_one_before_it_is_cancelled(
        self, scene: Scene, store: JobStore
    ) -> None:
        scene.add(overlap="queue")
        first, second = scene.come_due(), scene.come_due()
        store.request_cancel(first.id, "not needed", scene.now)

        assert [each.run.id for each in scene.claim()] == [second.id]

    def test_a_cancelled_run_in_the_middle_of_a_queue_lets_nobody_past_its_head(
        self, scene: Scene, store: JobStore
    ) -> None:
        scene.add(overlap="queue")
        claimed = scene.start()
        second, third = scene.come_due(), scene.come_due()
        store.request_cancel(second.id, "not needed", scene.now)
        assert scene.claim() == []
        scene.finish(claimed)

        assert [each.run.id for each in scene.claim()] == [third.id]

    def test_runs_that_may_overlap_start_beside_each_other(self, scene: Scene) -> None:
        scene.add(overlap="allow")
        runs = [scene.come_due() for _ in range(3)]

        assert [each.run.id for each in scene.claim()] == [run.id for run in runs]

    def test_cancel_running_asks_the_other_to_stop_and_waits_for_its_end(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="cancel_running")
        claimed = scene.start()
        successor = scene.come_due()

        assert store.cancel_requests("node") == {claimed.run.id: "superseded"}
        assert scene.claim() == []
        scene.finish(claimed, RunStatus.CANCELLED, reason="superseded")
        assert [each.run.id for each in scene.claim()] == [successor.id]

    def test_cancel_running_cancels_what_waits_at_once(self, scene: Scene) -> None:
        scene.add(overlap="cancel_running")
        waiting = scene.come_due()
        successor = scene.come_due()

        ended = scene.run(waiting.id)
        assert (ended.status, ended.reason, ended.finished_at) == (RunStatus.CANCELLED, "superseded", scene.now)
        assert [each.run.id for each in scene.claim()] == [successor.id]

    def test_a_run_whose_thread_has_not_returned_blocks_until_it_is_vacated(
        self, scene: Scene, store: JobStore
    ) -> None:
        scene.add()
        claimed = scene.start()
        assert scene.finish(claimed, RunStatus.TIMED_OUT, occupied=True)
        assert scene.status(claimed.run.id) is RunStatus.TIMED_OUT
        assert scene.come_due().related_id == claimed.run.id
        store.vacate([claimed.run.id])

        assert scene.come_due().status is RunStatus.QUEUED

    def test_a_run_whose_thread_has_not_returned_keeps_a_queue_waiting_until_it_is_vacated(
        self, scene: Scene, store: JobStore
    ) -> None:
        scene.add(overlap="queue")
        claimed = scene.start()
        waiting = scene.come_due()
        scene.finish(claimed, RunStatus.TIMED_OUT, occupied=True)
        assert scene.claim() == []
        store.vacate([claimed.run.id])

        assert [each.run.id for each in scene.claim()] == [waiting.id]

    def test_a_run_whose_thread_was_lost_with_its_node_blocks_no_longer(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        scene.finish(claimed, RunStatus.TIMED_OUT, occupied=True)

        assert scene.lose() == []
        assert scene.renew() == frozenset()
        assert scene.status(claimed.run.id) is RunStatus.TIMED_OUT
        assert scene.come_due().status is RunStatus.QUEUED

    @pytest.mark.parametrize("run_id", ["unknown", "running"])
    def test_vacating_what_is_not_occupied_changes_nothing(self, run_id: str, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        store.vacate([claimed.run.id if run_id == "running" else run_id])

        assert scene.status(claimed.run.id) is RunStatus.RUNNING
        assert scene.come_due().related_id == claimed.run.id
