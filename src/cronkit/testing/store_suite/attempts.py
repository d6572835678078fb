"""Attempts: which run is claimed when and by whom, and whose word on its end is taken."""

from dataclasses import replace

import pytest

from cronkit.jobs.run import ErrorInfo
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Finish, JobStore, Reach
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import FREE, NAMESPACE, NOON, REACH, WIDER, Scene, after


class ClaimSuite(StoreFixtures):
    """``RunQueue.claim`` of waiting runs."""

    def test_a_run_of_another_namespace_is_left_to_its_own_nodes(self, scene: Scene, store: JobStore) -> None:
        row = scene.add(namespace="other", first=None)
        store.enqueue(scene.click(row))
        theirs = Reach("other", REACH.targets)

        assert scene.claim() == []
        assert store.next_wake(FREE, theirs) == scene.now
        assert len(scene.claim(reach=theirs)) == 1

    def test_a_claimed_run_is_this_nodes_first_attempt(self, scene: Scene) -> None:
        row = scene.add()
        claimed = scene.start(node="here")

        assert (claimed.attempt, claimed.job, claimed.run.excused) == (1, row.spec, 0)
        run = scene.run(claimed.run.id)
        assert (run.status, run.node, run.attempt, run.started_at) == (RunStatus.RUNNING, "here", 1, NOON)

    def test_a_run_is_claimed_once(self, scene: Scene) -> None:
        scene.add()
        scene.come_due()

        assert len(scene.claim("one")) == 1
        assert scene.claim("another") == []

    def test_a_run_is_not_claimed_before_its_time(self, scene: Scene, store: JobStore) -> None:
        click = scene.click(scene.add(first=None))
        click.due_at = after(minutes=5)
        store.enqueue(click)
        scene.now = after(minutes=5, microseconds=-1)
        assert scene.claim() == []
        scene.now = after(minutes=5)

        assert len(scene.claim()) == 1

    def test_the_longest_due_are_claimed_first(self, scene: Scene, store: JobStore) -> None:
        for minutes in (3, 1, 4, 2):
            click = scene.click(scene.add(f"job-{minutes}", first=None))
            click.due_at = after(minutes=minutes)
            store.enqueue(click)
        scene.now = after(hours=1)

        assert [each.job.id for each in scene.claim(free={"default": 2})] == ["job-1", "job-2"]
        assert [each.job.id for each in scene.claim(free={"default": 2})] == ["job-3", "job-4"]

    def test_each_executor_gets_as_many_as_it_has_free_slots(self, scene: Scene) -> None:
        for number in range(3):
            for executor in ("small", "large", "full", "another-nodes"):
                scene.add(f"{executor}-{number}", executor=executor)
                scene.come_due(f"{executor}-{number}")

        claimed = scene.claim(free={"small": 1, "large": 5, "full": 0})
        assert sorted(each.job.executor for each in claimed) == ["large", "large", "large", "small"]
        assert len(scene.claim(free={"full": 5, "another-nodes": 5})) == 6

    def test_a_run_that_cannot_be_taken_stands_in_nobodys_way(self, scene: Scene) -> None:
        for number in range(3):
            scene.add(f"strange-{number}", target="elsewhere")
            scene.come_due(f"strange-{number}")
        scene.add("mine")
        scene.come_due("mine")

        assert [each.job.id for each in scene.claim(free={"default": 1})] == ["mine"]

    def test_a_run_whose_target_is_unknown_here_is_left_to_a_node_that_knows_it(self, scene: Scene) -> None:
        scene.add(target="elsewhere")
        run = scene.come_due()

        assert scene.claim("one") == []
        assert [each.run.id for each in scene.claim("another", reach=WIDER)] == [run.id]

    def test_a_waiting_run_follows_its_job_to_another_executor(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        run = scene.come_due()
        row = scene.load()
        row.spec = replace(row.spec, executor="other")
        store.save(row)

        assert scene.claim(free={"default": 5}) == []
        claimed = scene.claim(free={"default": 5, "other": 5})
        assert [(each.run.id, each.job.executor) for each in claimed] == [(run.id, "other")]

    def test_a_run_is_claimed_under_its_jobs_present_declaration(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        scene.come_due()
        row = scene.load()
        row.spec = replace(row.spec, kwargs={"n": 2})
        store.save(row)

        assert scene.claim()[0].job.kwargs == {"n": 2}

    def test_nothing_is_claimed_where_nothing_waits(self, scene: Scene) -> None:
        assert scene.claim() == []


class FinishSuite(StoreFixtures):
    """``RunQueue.finish`` and ``report``."""

    @pytest.mark.parametrize(
        "status",
        [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.TIMED_OUT, RunStatus.CANCELLED, RunStatus.SKIPPED],
    )
    def test_a_run_ends_as_its_holder_says(self, status: RunStatus, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        scene.now = after(minutes=3)
        assert scene.finish(claimed, status)

        run = scene.run(claimed.run.id)
        assert (run.status, run.started_at, run.finished_at) == (status, NOON, after(minutes=3))
        assert scene.load().counters == {status: 1}
        assert scene.load().open == ()

    def test_what_a_run_leaves_behind_is_kept(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        error = ErrorInfo(type="OSError", message="disk full", traceback="Traceback ...")
        value = {"rows": [1, 2.5, None, True, "text"]}
        scene.finish(claimed, RunStatus.FAILED, value=value, error=error, reason="disk", log=("INFO a", "INFO b"))

        run = scene.run(claimed.run.id)
        assert (run.value, run.error, run.reason, run.log) == (value, error, "disk", ("INFO a", "INFO b"))

    def test_a_value_is_kept_or_its_run_says_why_it_is_not(self, scene: Scene) -> None:
        scene.add()
        claimed, value = scene.start(), object()
        scene.finish(claimed, value=value)

        run = scene.run(claimed.run.id)
        assert run.status is RunStatus.SUCCEEDED
        assert run.value is value or (run.value is None and run.reason)

    def test_a_finish_under_another_fence_is_refused(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        for fence in (claimed.fence - 1, claimed.fence + 1):
            assert store.finish([Finish(claimed.run.id, fence, RunStatus.SUCCEEDED, NOON)]) == [None]

        assert scene.status(claimed.run.id) is RunStatus.RUNNING
        assert scene.load().counters == {}

    def test_a_finish_of_an_unknown_run_is_refused(self, store: JobStore) -> None:
        assert store.finish([Finish("unknown", 1, RunStatus.SUCCEEDED, NOON)]) == [None]

    def test_a_finish_that_is_repeated_is_accepted_and_counts_once(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        assert scene.finish(claimed, value=1)
        scene.now = after(minutes=9)

        assert scene.finish(claimed, value=1)
        assert scene.load().counters == {RunStatus.SUCCEEDED: 1}
        assert scene.run(claimed.run.id).finished_at == NOON

    def test_an_end_is_for_good(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        scene.finish(claimed)

        assert not scene.finish(claimed, RunStatus.FAILED)
        assert not scene.retry(claimed, after(minutes=1))
        assert scene.status(claimed.run.id) is RunStatus.SUCCEEDED

    def test_each_of_a_batch_of_finishes_is_judged_by_itself(self, scene: Scene, store: JobStore) -> None:
        for job_id in "abc":
            scene.add(job_id)
            scene.come_due(job_id)
        fences = [(each.run.id, each.fence) for each in scene.claim()]
        stale = (fences[1][0], fences[1][1] - 1)
        batch = [Finish(*pair, RunStatus.SUCCEEDED, NOON) for pair in (fences[0], stale, fences[2])]

        assert store.finish(batch) == [batch[0], None, batch[2]]
        assert store.counts(NAMESPACE) == {RunStatus.SUCCEEDED: 2, RunStatus.RUNNING: 1}

    def test_a_run_that_is_retried_waits_for_its_time(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        error = ErrorInfo(type="OSError", message="busy")
        assert scene.retry(claimed, after(minutes=5), error=error)

        run = scene.run(claimed.run.id)
        assert (run.status, run.due_at, run.finished_at, run.error) == (
            RunStatus.RETRYING,
            after(minutes=5),
            None,
            error,
        )
        scene.now = after(minutes=4)
        assert scene.claim() == []

    def test_the_next_attempt_is_the_same_run_under_a_higher_fence(self, scene: Scene) -> None:
        scene.add()
        first = scene.start()
        scene.retry(first, after(minutes=5))
        scene.now = after(minutes=5)
        (second,) = scene.claim()

        assert (second.run.id, second.attempt) == (first.run.id, 2)
        assert second.fence > first.fence
        assert scene.run(first.run.id).scheduled_at == NOON

    def test_the_next_attempt_is_given_what_the_ones_before_have_logged(self, scene: Scene) -> None:
        scene.add()
        scene.retry(scene.start(), after(minutes=1), log=("INFO a", "INFO b"))
        scene.now = after(minutes=1)
        (again,) = scene.claim()

        assert again.run.log == ("INFO a", "INFO b")

    def test_an_earlier_attempt_has_no_say_any_more(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        first = scene.start()
        scene.retry(first, NOON)
        (second,) = scene.claim()

        assert not scene.finish(first)
        assert not scene.retry(first, NOON)
        assert not store.report(first.run.id, first.fence, 0.5, None)
        assert scene.finish(second, value="of the second")
        assert scene.run(first.run.id).value == "of the second"

    def test_a_retry_that_is_repeated_is_accepted_and_counts_once(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        assert scene.retry(claimed, after(minutes=5), counted=False)
        assert scene.retry(claimed, after(minutes=5), counted=False)
        scene.now = after(minutes=5)
        (second,) = scene.claim()

        assert (second.attempt, second.run.excused) == (2, 1)
        assert scene.claim() == []

    def test_an_attempt_that_does_not_count_is_excused(self, scene: Scene) -> None:
        scene.add()
        for number, counted in enumerate((True, False, True)):
            claimed = scene.start() if number == 0 else scene.claim()[0]
            scene.retry(claimed, scene.now, counted=counted)
        (claimed,) = scene.claim()

        assert (claimed.attempt, claimed.run.excused) == (4, 1)

    def test_a_retry_of_a_removed_job_is_cancelled(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        store.remove(scene.load(), now=NOON)
        assert scene.retry(claimed, after(minutes=5))

        run = scene.run(claimed.run.id)
        assert (run.status, run.reason) == (RunStatus.CANCELLED, "job removed")

    def test_a_retry_of_what_somebody_wants_cancelled_is_cancelled(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        store.request_cancel(claimed.run.id, "not needed", scene.now)
        assert scene.retry(claimed, after(minutes=5))

        run = scene.run(claimed.run.id)
        assert (run.status, run.reason) == (RunStatus.CANCELLED, "not needed")

    def test_progress_is_kept_with_the_run(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        assert store.report(claimed.run.id, claimed.fence, 0.25, "a quarter")
        assert store.report(claimed.run.id, claimed.fence, 0.5, None)

        run = scene.run(claimed.run.id)
        assert (run.progress, run.progress_note) == (0.5, None)

    def test_progress_under_another_fence_is_refused(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()

        assert not store.report(claimed.run.id, claimed.fence + 1, 0.5, None)
        assert not store.report("unknown", claimed.fence, 0.5, None)
        assert scene.run(claimed.run.id).progress is None

    def test_progress_after_the_end_is_refused(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        scene.finish(claimed)

        assert not store.report(claimed.run.id, claimed.fence, 0.5, None)
