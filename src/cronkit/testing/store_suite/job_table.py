"""Jobs by id: insert, load, save, remove, pages, history."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cronkit.jobs.job import Pause, Revision
from cronkit.jobs.keys import JobKey
from cronkit.jobs.policies import LIBRARY_DEFAULTS, Missed, Retry, read_policies
from cronkit.jobs.status import RunStatus
from cronkit.schedules import Schedule, parse_schedule
from cronkit.stores.protocol import JobStore
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import EVERY, NAMESPACE, NOON, Scene, after


class JobTableSuite(StoreFixtures):
    """``JobTable``."""

    def test_a_job_is_loaded_as_it_was_inserted(self, scene: Scene) -> None:
        row = scene.add(first=after(hours=1))

        assert row.spec == scene.job().spec
        assert (row.created_at, row.updated_at, row.watermark) == (NOON, NOON, NOON)
        assert (row.next_at, row.next_due) == (after(hours=1), after(hours=1))
        assert (row.pause, row.spawned, row.counters, row.open) == (None, 0, {}, ())

    def test_every_part_of_a_declaration_comes_back(self, scene: Scene) -> None:
        row = scene.job()
        row.spec = replace(
            row.spec,
            args=(1, "two"),
            kwargs={"n": 3, "nested": {"list": [1.5, None, True]}},
            name="a name",
            description="what it is for",
            metadata={"ticket": "A-1"},
            tags=frozenset({"etl", "daily"}),
            owner="ops",
            policies=read_policies(
                LIBRARY_DEFAULTS,
                {
                    "missed": Missed.latest(within="6h"),
                    "overlap": "cancel_running",
                    "retry": Retry(attempts=3, delay="5s", backoff=2.0, max_delay="1m"),
                    "on_crash": "hold",
                    "timeout": "1m30s",
                    "spread": "5m",
                    "jitter": "10s",
                    "max_runs": 7,
                },
            ),
        )
        assert scene.store.insert([row]) == [True]

        assert scene.load().spec == row.spec

    @pytest.mark.parametrize(
        "schedule",
        [
            parse_schedule("0 9 * * MON-FRI").bind(tz="America/New_York"),
            parse_schedule("90s"),
            parse_schedule("2027-01-01T09:00+01:00"),
            parse_schedule("@daily").bind(tz="UTC"),
        ],
        ids=str,
    )
    def test_every_kind_of_schedule_comes_back(self, schedule: Schedule, scene: Scene) -> None:
        row = scene.job()
        row.spec = replace(row.spec, schedule=schedule)
        assert scene.store.insert([row]) == [True]

        loaded = scene.load().spec.schedule
        assert loaded == schedule
        assert loaded.next(NOON) == schedule.next(NOON)

    def test_inserting_tells_the_row_its_generation_and_revision(self, scene: Scene) -> None:
        row = scene.job()
        assert scene.store.insert([row]) == [True]

        loaded = scene.load()
        assert (row.key, row.revision) == (loaded.key, loaded.revision)
        assert row.key.generation > 0

    def test_an_id_that_is_taken_is_refused_and_nothing_changes(self, scene: Scene) -> None:
        before = scene.add()

        assert scene.store.insert([scene.job(first=after(hours=5))]) == [False]
        assert scene.load().snapshot() == before.snapshot()
        assert scene.store.counts(NAMESPACE) == {}

    def test_two_namespaces_may_use_one_id(self, scene: Scene) -> None:
        scene.add("job", tags={"mine"})
        scene.add("job", namespace="other", tags={"theirs"})

        assert scene.load("job").spec.tags == {"mine"}
        assert scene.load("job", "other").spec.tags == {"theirs"}

    def test_of_several_jobs_those_are_inserted_whose_id_is_free(self, scene: Scene) -> None:
        scene.add("b")

        assert scene.store.insert([scene.job("a"), scene.job("b"), scene.job("c"), scene.job("c")]) == [
            True, False, True, False,
        ]  # fmt: skip
        assert [job.id for job in scene.store.jobs(EVERY, limit=10, cursor=None)] == ["a", "b", "c"]

    def test_the_generation_rises_when_a_removed_id_is_added_again(self, scene: Scene) -> None:
        first = scene.add()
        scene.store.remove(first, now=NOON)
        second = scene.add()

        assert second.key.generation > first.key.generation

    def test_a_job_that_is_not_there_is_none(self, scene: Scene) -> None:
        scene.add()

        assert scene.store.load(NAMESPACE, "another") is None
        assert scene.store.load("other", "job") is None

    def test_changing_a_loaded_row_changes_nothing_until_it_is_saved(self, scene: Scene) -> None:
        before = scene.add().snapshot()
        row = scene.load()
        row.next_at = row.next_due = after(hours=9)
        row.pause = Pause(since=NOON)
        row.counters[RunStatus.FAILED] = 9

        assert scene.load().snapshot() == before

    def test_saving_writes_what_was_changed(self, scene: Scene) -> None:
        row = scene.add()
        row.spec = replace(row.spec, description="new")
        row.next_at, row.next_due = after(hours=2), after(hours=3)
        row.pause = Pause(since=NOON, reason="migration", until=after(hours=3), by="ann")
        row.updated_at = after(minutes=1)
        assert scene.store.save(row)

        loaded = scene.load()
        assert loaded.spec.description == "new"
        assert (loaded.next_at, loaded.next_due) == (after(hours=2), after(hours=3))
        assert loaded.pause == Pause(since=NOON, reason="migration", until=after(hours=3), by="ann")
        assert loaded.updated_at == after(minutes=1)

    def test_the_revision_rises_with_each_save(self, scene: Scene) -> None:
        before = scene.add()
        assert scene.store.save(scene.load())

        assert scene.load().revision > before.revision

    def test_of_two_who_loaded_one_row_the_second_to_save_is_refused(self, scene: Scene) -> None:
        scene.add()
        first, second = scene.load(), scene.load()
        first.spec = replace(first.spec, owner="first")
        second.spec = replace(second.spec, owner="second")
        birth = scene.birth(second, NOON)

        assert scene.store.save(first)
        assert not scene.store.save(second, [birth])
        assert scene.load().spec.owner == "first"
        assert scene.store.run(birth.id) is None

    def test_a_row_that_was_loaded_before_its_schedule_went_on_is_refused(self, scene: Scene) -> None:
        row = scene.add()
        scene.come_due()

        assert not scene.store.save(row)
        assert not scene.store.remove(row, now=NOON)

    def test_a_removed_job_cannot_be_saved(self, scene: Scene) -> None:
        row = scene.add()
        scene.store.remove(scene.load(), now=NOON)

        assert not scene.store.save(row)
        assert scene.store.load(NAMESPACE, "job") is None

    def test_a_row_of_an_earlier_life_cannot_be_saved_over_the_present_one(self, scene: Scene) -> None:
        earlier = scene.add()
        scene.store.remove(scene.load(), now=NOON)
        scene.add()

        assert not scene.store.save(earlier)
        assert not scene.store.remove(earlier, now=NOON)

    def test_the_runs_that_a_change_causes_are_born_with_it(self, scene: Scene) -> None:
        row = scene.add()
        skipped = scene.birth(row, NOON, RunStatus.SKIPPED, count=3)
        assert scene.store.save(row, [skipped])

        assert scene.run(skipped.id).count == 3
        assert scene.load().counters == {RunStatus.SKIPPED: 3}

    def test_a_run_that_ends_between_load_and_save_still_counts(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        row = scene.load()
        scene.finish(claimed)
        row.spec = replace(row.spec, owner="ops")

        assert scene.store.save(row)
        assert scene.load().counters == {RunStatus.SUCCEEDED: 1}
        assert scene.load().open == ()

    def test_a_run_that_is_born_between_load_and_save_stays_open(self, scene: Scene) -> None:
        row = scene.add(first=None)
        run = scene.trigger()

        assert scene.store.save(row)
        assert scene.load().open == (run.id,)

    def test_a_removed_job_is_gone(self, scene: Scene) -> None:
        row = scene.add()

        assert scene.store.remove(row, now=NOON)
        assert scene.store.load(NAMESPACE, "job") is None
        assert list(scene.store.jobs(EVERY, limit=10, cursor=None)) == []

    def test_removing_a_job_cancels_what_waits(self, scene: Scene) -> None:
        scene.add(overlap="queue")
        runs = [scene.come_due(), scene.trigger()]
        scene.now = after(minutes=5)
        scene.store.remove(scene.load(), now=scene.now)

        for run in runs:
            ended = scene.run(run.id)
            assert (ended.status, ended.finished_at) == (RunStatus.CANCELLED, after(minutes=5))
            assert ended.reason == "job removed"
        assert scene.claim() == []

    def test_removing_a_job_lets_its_running_run_end(self, scene: Scene) -> None:
        scene.add()
        claimed = scene.start()
        scene.store.remove(scene.load(), now=NOON)

        assert scene.status(claimed.run.id) is RunStatus.RUNNING
        assert scene.finish(claimed, value="done")
        assert scene.run(claimed.run.id).value == "done"

    def test_what_removing_leaves_to_be_accounted_for_is_born_with_it(self, scene: Scene) -> None:
        row = scene.add()
        missed = scene.birth(row, NOON, RunStatus.MISSED, count=2)
        assert scene.store.remove(row, [missed], NOON)

        assert scene.run(missed.id).count == 2

    def test_the_runs_of_a_removed_job_stay_on_record_beside_those_of_the_next(self, scene: Scene) -> None:
        scene.add()
        earlier = scene.start()
        scene.finish(earlier)
        scene.store.remove(scene.load(), now=NOON)
        scene.add()
        later = scene.come_due()

        assert scene.run(earlier.run.id).job.generation < later.job.generation
        assert scene.store.counts(NAMESPACE, "job") == {RunStatus.SUCCEEDED: 1, RunStatus.QUEUED: 1}

    def test_jobs_are_paged_by_id(self, scene: Scene) -> None:
        for job_id in ("d", "b", "e", "a", "c"):
            scene.add(job_id)

        pages, cursor = [], None
        while True:
            page = scene.store.jobs(EVERY, limit=2, cursor=cursor)
            pages.append([job.id for job in page])
            cursor = page.cursor
            if cursor is None:
                break
        assert pages == [["a", "b"], ["c", "d"], ["e"]]

    def test_a_last_page_of_jobs_that_is_full_has_no_cursor(self, scene: Scene) -> None:
        scene.add("a")
        scene.add("b")

        assert scene.store.jobs(EVERY, limit=2, cursor=None).cursor is None

    def test_a_job_removed_between_two_pages_shifts_none_of_the_others(self, scene: Scene) -> None:
        rows = {job_id: scene.add(job_id) for job_id in "abcd"}
        page = scene.store.jobs(EVERY, limit=2, cursor=None)
        scene.store.remove(rows["b"], now=NOON)

        rest = scene.store.jobs(EVERY, limit=2, cursor=page.cursor)
        assert [job.id for job in rest] == ["c", "d"]

    def test_jobs_are_found_by_tag_and_namespace(self, scene: Scene) -> None:
        scene.add("a", tags={"etl", "night"})
        scene.add("b", tags={"mail"})
        scene.add("c", tags={"etl"}, namespace="other")

        found = scene.store.jobs(EVERY._replace(tag="etl"), limit=10, cursor=None)
        assert [job.id for job in found] == ["a"]

    def test_a_job_that_is_read_is_a_snapshot_of_its_row(self, scene: Scene) -> None:
        scene.add()
        scene.come_due()

        assert list(scene.store.jobs(EVERY, limit=1, cursor=None)) == [scene.load().snapshot()]

    def test_the_history_of_a_job_is_kept_oldest_first(self, scene: Scene, store: JobStore) -> None:
        row = scene.job()
        revisions = tuple(
            Revision(
                number=number,
                at=NOON + timedelta(minutes=number),
                action=action,
                by=None if action == "added" else "ann",
                schedule=row.spec.schedule,
                policies=row.spec.policies,
            )
            for number, action in ((1, "added"), (2, "updated"))
        )
        row.noted, row.revisions = revisions[:1], 1
        assert store.insert([row]) == [True]
        row = scene.load()
        row.noted, row.revisions = (*row.noted, revisions[1]), 2
        assert store.save(row)

        assert store.history(row.key) == revisions

    def test_a_job_that_never_was_has_no_history(self, store: JobStore) -> None:
        assert store.history(JobKey(NAMESPACE, "never", 1)) == ()
