"""Jobs beyond their present life: renamed, removed, purged; and what finds them."""

from dataclasses import replace

from cronkit.jobs.job import JobRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import JobFilter, JobStore, RunFilter
from cronkit.testing.store_suite.fixtures import StoreFixtures
from cronkit.testing.store_suite.scene import EVERY, HOUR, NAMESPACE, NOON, Scene, after


def found(store: JobStore, wanted: JobFilter) -> list[str]:
    """The ids of the jobs that a filter lets through."""
    return [job.id for job in store.jobs(wanted, limit=10, cursor=None)]


def remove(scene: Scene, job_id: str = "job") -> None:
    """Take a job away, now."""
    assert scene.store.remove(scene.load(job_id), now=scene.now)


class RenameSuite(StoreFixtures):
    """``JobTable.rename``."""

    def test_a_renamed_job_goes_by_its_new_id_alone(self, scene: Scene, store: JobStore) -> None:
        before = scene.add()
        assert store.rename(before, "new")

        after_it = scene.load("new")
        assert (after_it.key, after_it.spec) == (before.key._replace(id="new"), replace(before.spec, id="new"))
        assert store.load(NAMESPACE, "job") is None
        assert found(store, EVERY) == ["new"]

    def test_a_renamed_job_goes_on_where_it_stood(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        scene.finish(scene.start())
        before = scene.load()
        assert store.rename(scene.load(), "new")

        row = scene.load("new")
        assert (row.watermark, row.next_at, row.next_due) == (before.watermark, before.next_at, before.next_due)
        assert (row.counters, row.spawned, row.created_at) == (before.counters, before.spawned, before.created_at)
        assert scene.come_due("new").scheduled_at == NOON + HOUR

    def test_the_runs_of_a_renamed_job_go_with_it(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        ended = scene.start()
        scene.finish(ended)
        waiting = scene.trigger()
        assert store.rename(scene.load(), "new")

        assert scene.run(ended.run.id).job == scene.run(waiting.id).job == scene.load("new").key
        named = [run.id for run in store.runs(RunFilter(NAMESPACE, job_id="new"), limit=10, cursor=None)]
        assert named == [waiting.id, ended.run.id]
        assert store.counts(NAMESPACE, "job") == {}

    def test_a_run_that_waits_is_claimed_under_the_new_id(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        waiting = scene.come_due()
        assert store.rename(scene.load(), "new")

        (claimed,) = scene.claim()
        assert (claimed.run.id, claimed.job.id) == (waiting.id, "new")

    def test_a_run_that_was_claimed_under_the_old_id_ends_under_the_new_one(
        self, scene: Scene, store: JobStore
    ) -> None:
        scene.add()
        claimed = scene.start()
        assert store.rename(scene.load(), "new")

        assert scene.finish(claimed)
        row = scene.load("new")
        assert (row.counters, row.open) == ({RunStatus.SUCCEEDED: 1}, ())

    def test_an_occurrence_that_has_a_run_has_it_under_the_new_id_too(self, scene: Scene, store: JobStore) -> None:
        scene.add(first=None)
        run = scene.trigger(token="once")
        assert store.rename(scene.load(), "new")

        assert scene.trigger("new", token="once").id == run.id

    def test_the_history_of_a_renamed_job_goes_with_it(self, scene: Scene, store: JobStore) -> None:
        row = scene.job()
        row.record("added", NOON, "ann")
        assert store.insert([row]) == [True]
        assert store.rename(scene.load(), "new")

        assert [revision.action for revision in store.history(scene.load("new").key)] == ["added"]

    def test_an_id_that_is_taken_is_not_given_away(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        other = scene.add("other")

        assert not store.rename(scene.load(), "other")
        assert scene.load("other").key == other.key
        assert found(store, EVERY) == ["job", "other"]

    def test_the_id_of_a_removed_job_may_be_given(self, scene: Scene, store: JobStore) -> None:
        scene.add("other")
        remove(scene, "other")
        scene.add()

        assert store.rename(scene.load(), "other")
        assert found(store, EVERY) == ["other"]

    def test_an_id_is_free_when_its_job_has_another(self, scene: Scene, store: JobStore) -> None:
        first = scene.add()
        run = scene.come_due()
        assert store.rename(scene.load(), "new")
        second = scene.add()

        assert second.key.generation > first.key.generation
        assert (scene.run(run.id).job_id, second.open) == ("new", ())

    def test_a_row_that_was_loaded_before_its_job_was_renamed_is_refused(self, scene: Scene, store: JobStore) -> None:
        row, again = scene.add(), scene.load()
        advance = scene.advance(row)
        assert store.rename(scene.load(), "new")

        assert not store.save(row)
        assert not store.rename(again, "newer")
        assert scene.claim_due(advance) == []

    def test_a_job_that_has_changed_since_is_not_renamed(self, scene: Scene, store: JobStore) -> None:
        row = scene.add()
        assert store.save(scene.load())

        assert not store.rename(row, "new")
        assert found(store, EVERY) == ["job"]


class RemovedSuite(StoreFixtures):
    """Rows of removed jobs, ``JobTable.purge``, ``JobFilter`` and ``target_names``."""

    def test_a_removed_job_is_loaded_where_it_is_asked_for(self, scene: Scene, store: JobStore) -> None:
        before = scene.add()
        scene.now = after(minutes=5)
        remove(scene)

        row = store.load(NAMESPACE, "job", removed=True)
        assert row is not None
        assert (row.key, row.spec, row.removed_at) == (before.key, before.spec, after(minutes=5))

    def test_of_several_removed_lives_the_last_is_loaded(self, scene: Scene, store: JobStore) -> None:
        for owner in ("first", "second"):
            self._add_owned(scene, "job", owner)
            remove(scene)

        row = store.load(NAMESPACE, "job", removed=True)
        assert row is not None
        assert row.spec.owner == "second"

    def test_a_job_that_lives_is_loaded_before_its_removed_lives(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        remove(scene)
        present = scene.add()

        row = store.load(NAMESPACE, "job", removed=True)
        assert row is not None
        assert (row.key, row.removed_at) == (present.key, None)

    def test_removed_jobs_are_shown_where_they_are_asked_for(self, scene: Scene, store: JobStore) -> None:
        for job_id in ("a", "b", "c"):
            scene.add(job_id)
        remove(scene, "c")
        remove(scene, "a")

        assert found(store, EVERY) == ["b"]
        assert found(store, EVERY._replace(removed=True)) == ["a", "c"]
        (shown,) = store.jobs(EVERY._replace(removed=True), limit=1, cursor="a")
        assert (shown.id, shown.removed_at, shown.next_run_at) == ("c", NOON, None)

    def test_a_job_that_was_added_again_shows_its_present_life_alone(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        remove(scene)
        scene.add()

        assert found(store, EVERY._replace(removed=True)) == []

    def test_a_job_that_was_removed_twice_is_shown_once(self, scene: Scene, store: JobStore) -> None:
        for _ in range(2):
            last = scene.add()
            remove(scene)

        (shown,) = store.jobs(EVERY._replace(removed=True), limit=10, cursor=None)
        assert shown.key == last.key

    def test_the_history_of_a_removed_job_is_kept(self, scene: Scene, store: JobStore) -> None:
        row = scene.job()
        row.record("added", NOON, None)
        assert store.insert([row]) == [True]
        remove(scene)

        assert [revision.action for revision in store.history(row.key)] == ["added"]

    def test_the_history_of_a_removed_job_says_who_removed_it(self, scene: Scene, store: JobStore) -> None:
        row = scene.job()
        row.record("added", NOON, "ann")
        assert store.insert([row]) == [True]
        row = scene.load()
        row.record("removed", after(minutes=5), "bob")
        assert store.remove(row, now=after(minutes=5))

        assert [(each.action, each.at, each.by) for each in store.history(row.key)] == [
            ("added", NOON, "ann"),
            ("removed", after(minutes=5), "bob"),
        ]

    def test_a_run_that_outlives_its_job_is_counted_with_it(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        remove(scene)
        scene.finish(claimed)

        row = store.load(NAMESPACE, "job", removed=True)
        assert row is not None
        assert row.counters == {RunStatus.SUCCEEDED: 1}

    def test_purging_forgets_every_removed_life_with_its_history_and_runs(self, scene: Scene, store: JobStore) -> None:
        lives: list[JobRow] = []
        for number in range(2):
            row = scene.job(first=NOON + number * HOUR)
            row.record("added", NOON, None)
            assert store.insert([row]) == [True]
            lives.append(row)
            scene.finish(scene.start())
            remove(scene)

        assert store.purge(NAMESPACE, "job") == 2
        assert store.load(NAMESPACE, "job", removed=True) is None
        assert [store.history(row.key) for row in lives] == [(), ()]
        assert store.counts(NAMESPACE) == {}

    def test_purging_leaves_the_present_life_and_other_jobs_alone(self, scene: Scene, store: JobStore) -> None:
        scene.add("other")
        scene.finish(scene.start("other"))
        remove(scene, "other")
        scene.add()
        remove(scene)
        scene.add()
        scene.finish(scene.start())

        assert store.purge(NAMESPACE, "job") == 1
        assert store.counts(NAMESPACE, "job") == {RunStatus.SUCCEEDED: 1}
        assert scene.load().counters == {RunStatus.SUCCEEDED: 1}
        assert store.load(NAMESPACE, "other", removed=True) is not None
        assert store.counts(NAMESPACE, "other") == {RunStatus.SUCCEEDED: 1}

    def test_a_job_that_was_not_removed_is_not_purged(self, scene: Scene, store: JobStore) -> None:
        scene.add()

        assert store.purge(NAMESPACE, "job") == 0
        assert store.purge(NAMESPACE, "never") == 0
        assert found(store, EVERY) == ["job"]

    def test_a_removed_life_is_purged_once_all_its_runs_have_ended(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        ended = scene.start()
        scene.finish(ended)
        claimed = scene.start()
        remove(scene)

        assert store.purge(NAMESPACE, "job") == 0
        assert scene.status(ended.run.id) is RunStatus.SUCCEEDED
        assert store.load(NAMESPACE, "job", removed=True) is not None
        assert scene.finish(claimed)
        assert store.purge(NAMESPACE, "job") == 1
        assert store.load(NAMESPACE, "job", removed=True) is None
        assert store.counts(NAMESPACE) == {}

    def test_a_removed_life_is_purged_once_its_threads_have_returned(self, scene: Scene, store: JobStore) -> None:
        scene.add()
        claimed = scene.start()
        remove(scene)
        scene.finish(claimed, RunStatus.TIMED_OUT, occupied=True)

        assert store.purge(NAMESPACE, "job") == 0
        store.vacate([claimed.run.id])
        assert store.purge(NAMESPACE, "job") == 1

    def test_jobs_are_found_by_owner(self, scene: Scene, store: JobStore) -> None:
        self._add_owned(scene, "a", "ops")
        self._add_owned(scene, "b", "web")
        scene.add("c")

        assert found(store, EVERY._replace(owner="ops")) == ["a"]

    def test_jobs_are_found_by_whether_code_declares_them(self, scene: Scene, store: JobStore) -> None:
        row = scene.job("declared")
        row.declared = row.spec
        assert store.insert([row]) == [True]
        scene.add("made")

        assert found(store, EVERY._replace(declared=True)) == ["declared"]
        assert found(store, EVERY._replace(declared=False)) == ["made"]
        assert found(store, EVERY) == ["declared", "made"]

    def test_a_removal_is_a_revision(self, scene: Scene, store: JobStore) -> None:
        revision = scene.add("job").revision
        remove(scene, "job")

        row = store.load(NAMESPACE, "job", removed=True)
        assert row is not None
        assert row.revision == revision + 1

    def test_removed_jobs_are_found_by_owner_and_declaration_too(self, scene: Scene, store: JobStore) -> None:
        self._add_owned(scene, "a", "ops")
        self._add_owned(scene, "b", "web")
        remove(scene, "a")
        remove(scene, "b")

        assert found(store, EVERY._replace(removed=True, owner="web")) == ["b"]
        assert found(store, EVERY._replace(removed=True, declared=True)) == []

    def test_the_targets_that_jobs_ask_for_are_known(self, scene: Scene, store: JobStore) -> None:
        scene.add("a", target="one")
        scene.add("b", target="two")
        scene.add("c", target="two")

        assert store.target_names(NAMESPACE) == {"one", "two"}

    def test_the_targets_of_other_namespaces_are_not_asked_for(self, scene: Scene, store: JobStore) -> None:
        scene.add("a", target="one")
        scene.add("b", target="two", namespace="other")

        assert store.target_names(NAMESPACE) == {"one"}
        assert store.target_names("none") == frozenset()

    def test_a_target_is_asked_for_as_long_as_a_job_is_there(self, scene: Scene, store: JobStore) -> None:
        scene.add("a", target="one")
        row = scene.add("b", target="two")
        row.spec = replace(row.spec, target="three")
        assert store.save(row)
        remove(scene, "a")

        assert store.target_names(NAMESPACE) == {"three"}

    def _add_owned(self, scene: Scene, job_id: str, owner: str) -> None:
        row = scene.job(job_id)
        row.spec = replace(row.spec, owner=owner)
        assert scene.store.insert([row]) == [True]
