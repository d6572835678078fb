"""Occurrences: when a job is due, what is born of it, and that an occurrence is born once."""

from dataclasses import replace
from datetime import datetime

import pytest

from cronkit.jobs.job import Pause, PlanRow
from cronkit.jobs.keys import Cause
from cronkit.jobs.status import RunStatus
from cronkit.schedules import Every
from cronkit.stores.protocol import Advance, JobStore, Reach
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import HOUR, NAMESPACE, NOON, REACH, WIDER, Scene, after


def due_ids(store: JobStore, now: datetime | None = NOON, limit: int = 10, reach: Reach = REACH) -> list[str]:
    """The ids of the jobs that are due."""
    return [job.key.id for job in store.due_jobs(now, limit, reach).jobs]


class DueSuite(StoreFixtures):
    """``RunQueue.due_jobs``."""

    def test_a_job_is_due_from_its_time_on(self, scene: Scene, store: JobStore) -> None:
        scene.add()

        assert due_ids(store, after(microseconds=-1)) == []
        assert due_ids(store, NOON) == ["job"]
        assert due_ids(store, after(days=30)) == ["job"]

    def test_it_is_due_at_next_due_not_at_next_at(self, scene: Scene, store: JobStore) -> None:
        row = scene.job()
        row.next_due = after(minutes=5)
        store.insert([row])

        assert due_ids(store, after(minutes=4)) == []
        assert due_ids(store, after(minutes=5)) == ["job"]

    def test_the_earliest_due_come_first_and_no_more_than_asked_for(self, scene: Scene, store: JobStore) -> None:
        for job_id, minutes in (("c", 3), ("a", 1), ("d", 4), ("b", 2)):
            scene.add(job_id, first=after(minutes=minutes))

        assert due_ids(store, after(hours=1), limit=3) == ["a", "b", "c"]

    def test_a_job_that_was_offered_is_offered_until_it_is_advanced(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        assert due_ids(store) == due_ids(store) == ["job"]
        scene.claim_due(scene.advance(scene.load()))

        assert due_ids(store) == []
        assert due_ids(store, NOON + HOUR) == ["job"]

    def test_an_offered_job_is_as_it_stands(self, scene: Scene, store: JobStore) -> None:
        row = scene.add()
        (offered,) = store.due_jobs(NOON, 10, REACH).jobs

        for name in PlanRow.__slots__:
            assert getattr(offered, name) == getattr(row, name)

    def test_an_offered_job_does_not_change_under_its_reader(self, scene: Scene, store: JobStore) -> None:
        row = scene.add()
        (offered,) = store.due_jobs(NOON, 10, REACH).jobs
        scene.come_due()

        assert (offered.revision, offered.next_at) == (row.revision, row.next_at)

    def test_a_job_whose_schedule_has_ended_is_never_due(self, scene: Scene, store: JobStore) -> None:
        scene.add(first=None)

        assert due_ids(store, after(days=365)) == []

    def test_a_job_whose_target_is_unknown_here_is_offered_once_it_is_known(
        self, scene: Scene, store: JobStore
    ) -> None:
        scene.add(target="elsewhere")

        assert due_ids(store) == []
        assert due_ids(store, reach=WIDER) == ["job"]

    def test_jobs_of_another_namespace_are_out_of_reach(self, scene: Scene, store: JobStore) -> None:
        scene.add(namespace="other")

        assert due_ids(store) == []
        assert due_ids(store, reach=Reach("other", REACH.targets)) == ["job"]

    def test_jobs_of_unknown_targets_stand_in_nobodys_way(self, scene: Scene, store: JobStore) -> None:
        for number in range(5):
            scene.add(f"strange-{number}", target="elsewhere", first=after(minutes=-number))
        scene.add("mine")

        assert due_ids(store, limit=1) == ["mine"]

    def test_a_job_that_was_put_off_is_not_due_at_its_old_time(self, scene: Scene, store: JobStore) -> None:
        row = scene.add()
        row.next_at = row.next_due = after(hours=3)
        store.save(row)

        assert due_ids(store, after(hours=2)) == []
        assert due_ids(store, after(hours=3)) == ["job"]

    def test_a_job_that_was_brought_forward_is_due_at_its_new_time(self, scene: Scene, store: JobStore) -> None:
        row = scene.add(first=after(hours=3))
        row.next_at = row.next_due = after(hours=1)
        store.save(row)

        assert due_ids(store, after(hours=1)) == ["job"]

    def test_a_removed_job_is_not_due(self, scene: Scene, store: JobStore) -> None:
        store.remove(scene.add(), now=NOON)

        assert due_ids(store) == []

    def test_without_a_time_the_clock_of_the_store_says_what_is_due(self, scene: Scene, store: JobStore) -> None:
        scene.add("past", first=after(days=-30_000))
        scene.add("future", first=after(days=300_000))

        assert due_ids(store, None) == ["past"]


class ClaimDueSuite(StoreFixtures):
    """``RunQueue.claim`` of due jobs, and ``enqueue``."""

    def test_an_occurrence_that_comes_due_is_born(self, scene: Scene) -> None:
        row = scene.add()
        run = scene.come_due()

        assert (run.status, run.cause, run.job) == (RunStatus.QUEUED, Cause.SCHEDULE, row.key)
        assert (run.scheduled_at, run.scheduled_until, run.count, run.due_at) == (NOON, NOON, 1, NOON)
        assert (run.attempt, run.crashes, run.node, run.started_at, run.finished_at) == (0, 0, None, None, None)

    def test_the_job_moves_on_with_it(self, scene: Scene) -> None:
        before = scene.add()
        run = scene.come_due()

        job = scene.load()
        assert (job.watermark, job.next_at, job.next_due) == (NOON, NOON + HOUR, NOON + HOUR)
        assert job.revision > before.revision
        assert job.spawned == 1
        assert job.open == (run.id,)

    def test_an_advance_from_an_earlier_revision_is_refused(self, scene: Scene, store: JobStore) -> None:
        stale = scene.advance(scene.add())
        store.save(scene.load())
        before = scene.load().snapshot()

        assert scene.claim_due(stale) == []
        assert scene.load().snapshot() == before
        assert store.counts(NAMESPACE) == {}

    def test_of_two_advances_from_one_revision_the_first_is_applied(self, scene: Scene, store: JobStore) -> None:
        row = scene.add()
        ours, theirs = scene.advance(row), scene.advance(row)

        assert [run.id for run in scene.claim_due(ours, theirs)] == [ours.births[0].id]
        assert scene.claim_due(theirs) == []
        assert store.counts(NAMESPACE) == {RunStatus.QUEUED: 1}

    def test_a_refused_advance_does_not_stop_the_others(self, scene: Scene) -> None:
        stale = scene.advance(scene.add("a"))
        scene.come_due("a")
        good = scene.advance(scene.add("b"))

        assert [run.job.id for run in scene.claim_due(stale, good)] == ["b"]

    def test_a_claim_says_which_jobs_had_changed(self, scene: Scene, store: JobStore) -> None:
        stale, good = scene.advance(scene.add("a")), scene.advance(scene.add("b"))
        scene.come_due("a")

        assert store.claim([stale, good], scene.now, "node", {}, REACH).stale == [stale]

    def test_an_advance_of_a_removed_job_is_refused(self, scene: Scene, store: JobStore) -> None:
        row = scene.add()
        advance = scene.advance(row)
        store.remove(scene.load(), now=NOON)

        assert scene.claim_due(advance) == []

    def test_an_advance_of_an_earlier_life_is_refused(self, scene: Scene, store: JobStore) -> None:
        row = scene.add()
        advance = scene.advance(row)
        store.remove(scene.load(), now=NOON)
        scene.add()

        assert scene.claim_due(advance) == []

    def test_an_occurrence_that_has_a_run_is_not_born_again(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="allow")
        first = scene.come_due()
        job = scene.load()
        again, new = scene.birth(job, NOON), scene.birth(job, NOON + HOUR)

        assert [run.id for run in scene.claim_due(scene.advance(job, [again, new]))] == [new.id]
        assert store.run(again.id) is None
        assert scene.load().open == (first.id, new.id)

    def test_one_instant_of_two_jobs_is_two_occurrences(self, scene: Scene) -> None:
        scene.add("a")
        scene.add("b")

        assert scene.come_due("a").id != scene.come_due("b").id

    def test_a_manual_run_is_another_occurrence_than_the_schedules(self, scene: Scene) -> None:
        scene.add(overlap="allow")

        assert scene.trigger().id != scene.come_due().id

    def test_an_advance_may_bear_nothing(self, scene: Scene) -> None:
        job = scene.add()

        assert scene.claim_due(Advance(job, NOON, after(hours=2), after(hours=3), ())) == []
        assert (scene.load().next_at, scene.load().next_due) == (after(hours=2), after(hours=3))

    def test_the_end_of_a_pause_is_written_with_the_advance(self, scene: Scene, store: JobStore) -> None:
        row = scene.add()
        row.pause, row.next_due = Pause(since=NOON, until=after(hours=2)), after(hours=2)
        store.save(row)
        job = scene.load()
        scene.claim_due(Advance(job, after(hours=2), after(hours=3), after(hours=3), (), wakes=True))

        assert scene.load().pause is None

    def test_a_refused_occurrence_ends_at_its_birth(self, scene: Scene) -> None:
        scene.add()
        run = scene.come_due(status=RunStatus.MISSED, count=3)

        assert (run.status, run.count, run.finished_at) == (RunStatus.MISSED, 3, NOON)
        assert (run.scheduled_at, run.scheduled_until) == (NOON, after(hours=2))
        assert scene.load().counters == {RunStatus.MISSED: 3}
        assert scene.load().open == ()

    def test_a_refused_occurrence_does_not_count_as_a_run_of_the_schedule(self, scene: Scene) -> None:
        scene.add(max_runs=1)
        scene.come_due(status=RunStatus.MISSED)

        assert (scene.load().spawned, scene.load().next_at) == (0, NOON + HOUR)

    def test_consecutive_refusals_for_one_reason_share_a_record(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        first = scene.come_due(status=RunStatus.MISSED, count=2)
        second = scene.come_due(status=RunStatus.MISSED)

        assert second.id == first.id
        assert (second.count, second.scheduled_at, second.scheduled_until) == (3, NOON, after(hours=1))
        assert scene.load().counters == {RunStatus.MISSED: 3}
        assert store.counts(NAMESPACE) == {RunStatus.MISSED: 3}

    def test_refusals_of_different_kinds_do_not_share_a_record(self, scene: Scene) -> None:
        scene.add()

        assert scene.come_due(status=RunStatus.MISSED).id != scene.come_due(status=RunStatus.SKIPPED).id

    def test_refusals_for_different_reasons_do_not_share_a_record(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        ids = set()
        for reason in ("late", "paused"):
            job = scene.load()
            assert job.next_at is not None
            birth = scene.birth(job, job.next_at, RunStatus.SKIPPED)
            birth.reason = reason
            ids.add(scene.claim_due(scene.advance(job, [birth]))[0].id)

        assert len(ids) == 2

    def test_a_run_in_between_parts_two_refusals(self, scene: Scene) -> None:
        scene.add()
        before = scene.come_due(status=RunStatus.MISSED)
        scene.finish(scene.start())
        between = scene.come_due(status=RunStatus.MISSED)

        assert before.id != between.id

    def test_a_new_schedule_begins_a_new_record(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        before = scene.come_due(status=RunStatus.MISSED)
        row = scene.load()
        row.spec = replace(row.spec, schedule=Every("2h"))
        store.save(row)

        assert scene.come_due(status=RunStatus.MISSED).id != before.id

    def test_what_was_left_of_the_old_schedule_is_still_of_its_record(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        before = scene.come_due(status=RunStatus.MISSED)
        row = scene.load()
        left = scene.birth(row, after(hours=1), RunStatus.MISSED, count=2)
        row.spec = replace(row.spec, schedule=Every("2h"))
        store.save(row, [left])

        assert scene.run(before.id).count == 3

    def test_refusals_of_two_jobs_do_not_share_a_record(self, scene: Scene) -> None:
        scene.add("a")
        scene.add("b")

        assert scene.come_due("a", status=RunStatus.MISSED).id != scene.come_due("b", status=RunStatus.MISSED).id

    def test_a_job_ends_with_the_last_of_its_max_runs(self, scene: Scene, store: JobStore) -> None:
        scene.add(max_runs=2, overlap="allow")
        scene.come_due()
        assert scene.load().next_at == NOON + HOUR
        scene.come_due()

        assert (scene.load().next_at, scene.load().next_due, scene.load().spawned) == (None, None, 2)
        assert due_ids(store, after(days=1)) == []

    def test_no_more_than_max_runs_are_born_of_one_advance(self, scene: Scene) -> None:
        job = scene.add(max_runs=2, overlap="allow")
        births = [scene.birth(job, NOON + number * HOUR) for number in range(4)]

        assert [run.id for run in scene.claim_due(scene.advance(job, births))] == [run.id for run in births[:2]]
        assert scene.load().spawned == 2

    def test_a_job_that_has_ended_can_still_be_triggered(self, scene: Scene) -> None:
        scene.add(max_runs=1, overlap="allow")
        scene.come_due()

        assert scene.trigger().status is RunStatus.QUEUED

    def test_a_manual_run_does_not_count_against_max_runs(self, scene: Scene) -> None:
        scene.add(max_runs=1, overlap="allow")
        scene.trigger()

        assert (scene.load().spawned, scene.load().next_at) == (0, NOON)

    def test_a_run_outside_the_schedule_waits_to_be_claimed(self, scene: Scene) -> None:
        scene.add(first=None)
        run = scene.trigger(token="click")

        assert (run.status, run.cause, run.token, run.due_at) == (RunStatus.QUEUED, Cause.MANUAL, "click", NOON)
        assert [claimed.run.id for claimed in scene.claim()] == [run.id]

    def test_the_same_token_is_the_same_run_whenever_it_comes(self, scene: Scene) -> None:
        scene.add(first=None, overlap="allow")
        first = scene.trigger(token="click")
        scene.now = after(minutes=1)
        assert scene.trigger(token="click").id == first.id
        scene.finish(scene.claim()[0])

        assert scene.trigger(token="click").id == first.id
        assert scene.trigger(token="another").id != first.id

    def test_a_token_means_another_run_in_another_life_of_the_job(self, scene: Scene, store: JobStore) -> None:
        first_life = scene.add(first=None)
        first = scene.trigger(token="click")
        store.remove(first_life, now=NOON)
        scene.add(first=None)

        assert scene.trigger(token="click").id != first.id

    @pytest.mark.parametrize("added_again", [False, True])
    def test_nothing_can_be_enqueued_for_a_removed_job(self, added_again: bool, scene: Scene, store: JobStore) -> None:
        row = scene.add(first=None)
        store.remove(scene.load(), now=NOON)
        if added_again:
            scene.add(first=None)

        assert store.enqueue(scene.click(row)) is None

    def test_the_arguments_of_one_run_reach_the_node_that_claims_it(self, scene: Scene, store: JobStore) -> None:
        click = scene.click(scene.add(first=None))
        click.kwargs = {"n": 42}
        store.enqueue(click)

        assert scene.claim()[0].run.kwargs == {"n": 42}
