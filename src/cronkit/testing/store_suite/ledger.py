"""The record: one run, pages of them, counts, and what is left of all of it after the store was closed."""

from collections.abc import Callable

from cronkit.jobs.keys import Cause
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import JobStore, RunFilter
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import NAMESPACE, NOON, Scene, after

EVERYTHING = RunFilter(namespace=NAMESPACE)


def all_pages(store: JobStore, wanted: RunFilter = EVERYTHING, limit: int = 2) -> list[list[str]]:
    """The ids of the runs of each page."""
    pages, cursor = [], None
    while True:
        page = store.runs(wanted, limit=limit, cursor=cursor)
        pages.append([run.id for run in page])
        cursor = page.cursor
        if cursor is None:
            return pages


class LedgerSuite(StoreFixtures):
    """``LedgerTable``."""

    def test_a_run_that_is_not_there_is_none(self, store: JobStore) -> None:
        assert store.run("unknown") is None

    def test_a_run_tells_its_whole_story(self, scene: Scene) -> None:
        row = scene.add()
        claimed = scene.start(node="here")
        scene.now = after(seconds=7)
        scene.finish(claimed, value=42)

        run = scene.run(claimed.run.id)
        assert (run.job, run.cause, run.token) == (row.key, Cause.SCHEDULE, "")
        assert (run.scheduled_at, run.due_at, run.created_at, run.started_at) == (NOON, NOON, NOON, NOON)
        assert (run.finished_at, run.duration) == (after(seconds=7), after(seconds=7) - NOON)
        assert (run.status, run.value, run.node, run.attempt) == (RunStatus.SUCCEEDED, 42, "here", 1)

    def test_a_run_that_was_read_does_not_change_any_more(self, scene: Scene) -> None:
        scene.add()
        before = scene.come_due()
        scene.claim()

        assert before.status is RunStatus.QUEUED
        assert scene.status(before.id) is RunStatus.RUNNING

    def test_runs_are_shown_newest_first(self, scene: Scene, store: JobStore) -> None:
        scene.add("a", overlap="allow")
        scene.add("b", overlap="allow")
        ids = [scene.come_due(job_id).id for job_id in ("a", "b", "a", "b")]

        assert all_pages(store, limit=10) == [ids[::-1]]

    def test_pages_follow_each_other_without_gap_or_repetition(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="allow")
        ids = [scene.come_due().id for _ in range(5)][::-1]

        assert all_pages(store) == [ids[:2], ids[2:4], ids[4:]]

    def test_a_last_page_of_runs_that_is_full_has_no_cursor(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="allow")
        ids = [scene.come_due().id for _ in range(2)][::-1]

        assert all_pages(store) == [ids]

    def test_runs_born_between_two_pages_shift_none(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="allow")
        ids = [scene.come_due().id for _ in range(4)][::-1]
        page = store.runs(EVERYTHING, limit=2, cursor=None)
        scene.come_due()

        rest = store.runs(EVERYTHING, limit=2, cursor=page.cursor)
        assert [run.id for run in (*page, *rest)] == ids

    def test_runs_are_found_by_job(self, scene: Scene, store: JobStore) -> None:
        scene.add("a")
        scene.add("b")
        run, _ = scene.come_due("a"), scene.come_due("b")

        assert all_pages(store, RunFilter(namespace=NAMESPACE, job_id="a")) == [[run.id]]

    def test_runs_are_found_by_status(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="queue")
        claimed = scene.start()
        scene.finish(claimed, RunStatus.FAILED)
        waiting = scene.come_due()
        missed = scene.come_due(status=RunStatus.MISSED)

        wanted = frozenset({RunStatus.FAILED, RunStatus.MISSED})
        assert all_pages(store, RunFilter(namespace=NAMESPACE, statuses=wanted)) == [[missed.id, claimed.run.id]]
        wanted = frozenset({RunStatus.QUEUED})
        assert all_pages(store, RunFilter(namespace=NAMESPACE, statuses=wanted)) == [[waiting.id]]

    def test_runs_are_found_by_their_scheduled_time(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="allow")
        ids = [scene.come_due().id for _ in range(4)]

        since_one = RunFilter(namespace=NAMESPACE, since=after(hours=1))
        until_two = RunFilter(namespace=NAMESPACE, until=after(hours=2))
        both = RunFilter(namespace=NAMESPACE, since=after(hours=1), until=after(hours=2))
        assert all_pages(store, since_one, 9) == [ids[:0:-1]]
        assert all_pages(store, until_two, 9) == [[ids[1], ids[0]]]
        assert all_pages(store, both, 9) == [[ids[1]]]

    def test_a_record_of_several_occurrences_is_found_by_any_of_them(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        missed = scene.come_due(status=RunStatus.MISSED, count=5)

        wanted = RunFilter(namespace=NAMESPACE, since=after(hours=2), until=after(hours=3))
        assert all_pages(store, wanted) == [[missed.id]]

    def test_filters_and_pages_go_together(self, scene: Scene, store: JobStore) -> None:
        scene.add("a", overlap="allow")
        scene.add("b", overlap="allow")
        runs = [scene.come_due(job_id) for job_id in "ababab"]
        ids = [run.id for run in reversed(runs) if run.job.id == "a"]

        assert all_pages(store, RunFilter(namespace=NAMESPACE, job_id="a")) == [ids[:2], ids[2:]]

    def test_namespaces_do_not_see_each_other(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        scene.come_due()

        assert all_pages(store, RunFilter(namespace="other")) == [[]]
        assert store.counts("other") == {}

    def test_occurrences_are_counted_by_status(self, scene: Scene, store: JobStore) -> None:
        scene.add("a")
        scene.add("b")
        scene.finish(scene.start("a"))
        scene.come_due("a", status=RunStatus.MISSED, count=5)
        scene.come_due("b")

        assert store.counts(NAMESPACE) == {RunStatus.SUCCEEDED: 1, RunStatus.MISSED: 5, RunStatus.QUEUED: 1}
        assert store.counts(NAMESPACE, "b") == {RunStatus.QUEUED: 1}
        assert store.counts(NAMESPACE, "unknown") == {}

    def test_counters_and_counts_agree(self, scene: Scene, store: JobStore) -> None:
        scene.add(overlap="skip")
        for status in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.SUCCEEDED):
            claimed = scene.start()
            scene.come_due()
            scene.finish(claimed, status)

        expected = {RunStatus.SUCCEEDED: 2, RunStatus.FAILED: 1, RunStatus.SKIPPED: 3}
        assert scene.load().counters == store.counts(NAMESPACE) == expected


class ReopeningSuite(StoreFixtures):
    """What was acknowledged is there for whoever opens the store next."""

    def test_jobs_and_runs_are_there_when_the_store_is_opened_again(
        self, scene: Scene, store: JobStore, connect: Callable[[], JobStore]
    ) -> None:
        scene.add(overlap="allow")
        claimed = scene.start()
        scene.finish(claimed, value={"rows": 3})
        waiting = scene.come_due()
        job, runs = scene.load().snapshot(), [scene.run(claimed.run.id), waiting]
        store.close()

        again = Scene(connect())
        again.store.open()
        again.now = scene.now
        assert again.load().snapshot() == job
        assert [again.run(run.id) for run in runs] == runs
        assert [each.run.id for each in again.claim("another")] == [waiting.id]
        again.store.close()

    def test_an_occurrence_is_still_known_when_the_store_is_opened_again(
        self, scene: Scene, store: JobStore, connect: Callable[[], JobStore]
    ) -> None:
        scene.add(first=None)
        clicked = scene.trigger(token="click")
        store.close()

        again = Scene(connect())
        again.store.open()
        assert again.trigger(token="click").id == clicked.id
        again.store.close()

    def test_a_fence_still_holds_when_the_store_is_opened_again(
        self, scene: Scene, store: JobStore, connect: Callable[[], JobStore]
    ) -> None:
        scene.add()
        first = scene.start("job", "lost")
        scene.lose("lost")
        store.close()

        again = Scene(connect())
        again.store.open()
        again.now = scene.now
        (second,) = again.claim("another")
        assert not again.finish(first)
        assert again.finish(second)
        again.store.close()
