"""Ends: each verb says which runs it has ended, so that whoever called it can tell of them."""

import pytest

from cronkit.jobs.run import ErrorInfo, RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Finish, JobStore
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import NOON, Scene, after


def said(runs: list[RunRow]) -> list[tuple[str, RunStatus, str | None]]:
    """Which runs, and how they have ended."""
    return [(run.id, run.status, run.reason) for run in runs]


class EndsSuite(StoreFixtures):
    """``Written``, and what the other verbs say of it."""

    def test_a_claim_that_starts_runs_has_ended_none(self, scene: Scene, store: JobStore) -> None:
        job = scene.add()

        assert scene.apply(scene.advance(job)).ended == []

    def test_a_claim_says_which_births_are_refused(self, scene: Scene) -> None:
        scene.add()
        blocker = scene.come_due()
        job = scene.load()
        birth = scene.birth(job, after(hours=1))
        (ended,) = scene.apply(scene.advance(job, [birth])).ended

        assert said([ended]) == [(birth.id, RunStatus.SKIPPED, "overlap")]
        assert (ended.related_id, ended.finished_at, ended.attempt) == (blocker.id, birth.created_at, 0)

    def test_a_birth_that_an_earlier_record_stands_for_is_said_under_its_id(self, scene: Scene) -> None:
        scene.add()
        record = scene.come_due(status=RunStatus.MISSED, count=2)
        job = scene.load()
        (ended,) = scene.apply(scene.advance(job, [scene.birth(job, after(hours=2), RunStatus.MISSED)])).ended

        assert (ended.id, ended.count, scene.run(record.id).count) == (record.id, 1, 3)

    def test_a_new_record_is_said_once_with_all_that_it_stands_for(self, scene: Scene) -> None:
        job = scene.add()
        births = [scene.birth(job, after(hours=number), RunStatus.MISSED) for number in range(3)]
        (ended,) = scene.apply(scene.advance(job, births)).ended

        assert (ended.id, ended.count, ended.scheduled_until) == (births[0].id, 3, after(hours=2))

    def test_a_new_record_is_counted_once_though_another_birth_of_the_claim_has_its_run_already(
        self, scene: Scene, store: JobStore
    ) -> None:
        scene.add("busy")
        blocker = scene.start("busy")
        scene.add("known")
        scene.come_due("known")
        known = scene.load("known")
        known.next_at = known.next_due = NOON
        assert store.save(known)
        known, busy = scene.load("known"), scene.load("busy")
        births = [scene.birth(busy, after(hours=number)) for number in (1, 2, 3)]
        (ended,) = scene.apply(scene.advance(known), scene.advance(busy, births)).ended

        assert (ended.related_id, ended.count, ended.scheduled_until) == (blocker.run.id, 3, after(hours=3))
        assert scene.load("busy").counters == {RunStatus.SKIPPED: 3}
        assert scene.run(ended.id).count == 3

    def test_a_record_that_a_claim_has_said_does_not_change_under_its_reader(self, scene: Scene) -> None:
        row = scene.add()
        (ended,) = scene.apply(scene.advance(row, [scene.birth(row, NOON, RunStatus.MISSED)])).ended
        extended = scene.come_due(status=RunStatus.MISSED)

        assert (extended.id, extended.count) == (ended.id, 2)
        assert (ended.count, ended.scheduled_until) == (1, NOON)

    def test_a_claim_says_what_its_births_supersede(self, scene: Scene) -> None:
        scene.add(overlap="cancel_running")
        waiting = scene.come_due()
        job = scene.load()
        ended = scene.apply(scene.advance(job)).ended

        assert said(ended) == [(waiting.id, RunStatus.CANCELLED, "superseded")]

    def test_a_birth_that_the_next_one_supersedes_is_said(self, scene: Scene) -> None:
        job = scene.add(overlap="cancel_running")
        births = [scene.birth(job, NOON), scene.birth(job, after(hours=1))]
        ended = scene.apply(scene.advance(job, births)).ended

        assert said(ended) == [(births[0].id, RunStatus.CANCELLED, "superseded")]

    def test_a_run_that_runs_is_not_said_to_be_superseded(self, scene: Scene) -> None:
        scene.add(overlap="cancel_running")
        scene.start()

        assert scene.apply(scene.advance(scene.load())).ended == []

    def test_a_change_says_which_of_its_births_are_refused(self, scene: Scene, store: JobStore) -> None:
        row = scene.add()
        skipped = scene.birth(row, NOON, RunStatus.SKIPPED, count=3)
        written = store.save(row, [skipped])

        assert written is not None
        assert said(written.ended) == [(skipped.id, RunStatus.SKIPPED, None)]

    def test_a_record_that_a_change_has_said_does_not_change_under_its_reader(
        self, scene: Scene, store: JobStore
    ) -> None:
        row = scene.add()
        row.next_at = row.next_due = after(hours=1)
        written = store.save(row, [scene.birth(row, NOON, RunStatus.MISSED)])
        extended = scene.come_due(status=RunStatus.MISSED)

        assert written is not None
        (ended,) = written.ended
        assert (extended.id, extended.count) == (ended.id, 2)
        assert (ended.count, ended.scheduled_until) == (1, NOON)

    def test_a_change_that_ends_nothing_says_so_and_one_that_comes_too_late_is_none(
        self, scene: Scene, store: JobStore
    ) -> None:
        scene.add()
        first, second = scene.load(), scene.load()
        written = store.save(first)

        assert written is not None
        assert written.ended == []
        assert store.save(second) is None
        assert store.remove(second, now=NOON) is None

    def test_a_birth_whose_occurrence_has_a_run_is_not_said(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        scene.come_due()
        row = scene.load()
        written = store.save(row, [scene.birth(row, NOON, RunStatus.MISSED)])

        assert written is not None
        assert written.ended == []

    def test_a_removal_says_what_was_due_and_what_waited(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="queue", on_crash="hold")
        held = scene.start()
        scene.lose()
        retrying = scene.start()
        scene.retry(retrying, after(days=1))
        waiting = scene.come_due()
        row = scene.load()
        missed = scene.birth(row, after(hours=3), RunStatus.MISSED)
        written = store.remove(row, [missed], scene.now)

        assert written is not None
        removed = (RunStatus.CANCELLED, "job removed")
        assert sorted(said(written.ended)) == sorted(
            [
                (missed.id, RunStatus.MISSED, None),
                (held.run.id, *removed),
                (retrying.run.id, *removed),
                (waiting.id, *removed),
            ]
        )
        attempts = {run.id: (run.attempt, run.finished_at) for run in written.ended}
        assert attempts[retrying.run.id] == (1, scene.now)

    def test_a_removal_does_not_say_what_runs_on(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        scene.start()
        written = store.remove(scene.load(), now=scene.now)

        assert written is not None
        assert written.ended == []

    def test_a_run_outside_the_schedule_that_waits_has_ended_nothing(self, scene: Scene, store: JobStore) -> None:
        click = scene.click(scene.add(first=None))
        first, second = store.enqueue(click), store.enqueue(click)

        assert first is not None
        assert second is not None
        assert (first.run.id, first.ended) == (second.run.id, second.ended) == (click.id, [])

    def test_a_run_outside_the_schedule_that_is_refused_is_said_once(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        scene.start()
        click = scene.click(scene.load())
        first, second = store.enqueue(click), store.enqueue(click)

        assert first is not None
        assert second is not None
        assert said(first.ended) == [(click.id, RunStatus.SKIPPED, "overlap")]
        assert second.ended == []

    def test_a_run_outside_the_schedule_says_what_it_supersedes(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="cancel_running")
        waiting = scene.come_due()
        enqueued = store.enqueue(scene.click(scene.load()))

        assert enqueued is not None
        assert said(enqueued.ended) == [(waiting.id, RunStatus.CANCELLED, "superseded")]

    def test_cancelling_what_waits_says_that_it_has_ended_once(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        scene.retry(claimed, after(minutes=5))
        first, second = (store.request_cancel(claimed.run.id, "not needed", scene.now) for _ in range(2))

        assert first is not None
        assert second is not None
        assert said(first.ended) == [(claimed.run.id, RunStatus.CANCELLED, "not needed")]
        assert (first.ended[0].attempt, first.ended[0].finished_at) == (1, scene.now)
        assert (second.status, second.ended) == (RunStatus.CANCELLED, [])

    def test_cancelling_what_runs_has_ended_nothing(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        answer = store.request_cancel(claimed.run.id, "not needed", scene.now)

        assert answer is not None
        assert (answer.status, answer.ended) == (RunStatus.RUNNING, [])

    @pytest.mark.parametrize("reason", ["job removed", "not needed"])
    def test_a_retry_that_is_not_to_be_comes_back_as_the_end_that_was_written(
        self, reason: str, scene: Scene, store: JobStore
    ) -> None:
        scene.add()
        claimed = scene.start()
        if reason == "job removed":
            store.remove(scene.load(), now=scene.now)
        else:
            scene.cancel(claimed.run.id, reason)
        error = ErrorInfo(type="OSError", message="busy")
        written = scene.write_end(claimed, RunStatus.RETRYING, retry_at=after(minutes=5), error=error)

        assert written is not None
        assert (written.status, written.reason, written.error) == (RunStatus.CANCELLED, reason, error)
        assert (written.run_id, written.at, written.retry_at) == (claimed.run.id, scene.now, None)

    def test_a_run_that_was_taken_back_does_not_change_under_its_reader(self, scene: Scene) -> None:
        scene.add()
        scene.start(node="lost")
        (taken,) = scene.lose("lost")
        scene.cancel(taken.id)

        assert scene.status(taken.id) is RunStatus.CANCELLED
        assert (taken.status, taken.finished_at) == (RunStatus.QUEUED, None)

    def test_any_other_finish_comes_back_as_it_is(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        retry = Finish(claimed.run.id, claimed.fence, RunStatus.RETRYING, scene.now, retry_at=scene.now)
        assert store.finish([retry]) == [retry]
        (again,) = scene.claim()
        end = Finish(again.run.id, again.fence, RunStatus.FAILED, scene.now)

        assert store.finish([end]) == [end]
        assert store.finish([end]) == [end]
