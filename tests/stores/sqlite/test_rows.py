"""Rows that make no sense: they are kept and shown with the reason, and the others go on."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cronkit.engine import changes
from cronkit.jobs.documents import spec_from_text
from cronkit.jobs.job import JobSpec, Pause
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Advance, Change, JobFilter, RunFilter
from cronkit.stores.sqlite import SQLiteStore, declarations
from cronkit.stores.sqlite.declarations import READER
from cronkit.testing.store_suite.scene import NAMESPACE, NOON, REACH, Scene, after


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "jobs.db")
    yield store
    store.close()


@pytest.fixture
def scene(store: SQLiteStore) -> Scene:
    return Scene(store)


@pytest.fixture
def damage(store: SQLiteStore) -> Callable[..., None]:
    """Runs a statement on the file, as another program would; what is in memory is forgotten."""

    def run(statement: str, *values: object) -> None:
        connection = sqlite3.connect(store.path)
        with connection:
            assert connection.execute(statement, values).rowcount
        connection.close()
        store._jobs._declarations._known.clear()
        store._jobs._declarations._patterns.clear()

    return run


BAD_SPECS = [
    "",
    "nonsense",
    "[]",
    '{"v": 2}',
    '{"$new": 1}',
    "[" * 5_000,
    b"\xff\x00",
    '{"id":"job","target":"other","executor":"default","schedule":{"type":"manual"},"v":1}',
]


@pytest.mark.parametrize("text", BAD_SPECS)
def test_a_job_that_cannot_be_read_is_shown_with_the_reason_and_the_others_run(
    text: object, scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add("good")
    scene.add("job")
    damage("UPDATE specs SET spec = ? WHERE job = (SELECT pk FROM jobs WHERE id = 'job')", text)

    shown = {job.id: job.unreadable for job in store.jobs(JobFilter(NAMESPACE), limit=9, cursor=None)}
    assert shown["good"] is None
    assert shown["job"]
    due = {job.key.id: job.unreadable for job in store.due_jobs(NOON, 9, REACH).jobs}
    assert due.keys() == {"good", "job"}
    assert due["job"] == shown["job"] == scene.load("job").unreadable
    scene.start("good")


class Reader:
    """Reads declarations, and runs into an error the first time."""

    def __init__(self, error: Exception) -> None:
        self.errors = [error]

    def __call__(self, text: str) -> JobSpec:
        if self.errors:
            raise self.errors.pop()
        return spec_from_text(text)


def test_what_one_thread_ran_into_when_it_read_a_job_is_not_what_the_next_one_sees(
    scene: Scene, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.add()
    store.close()
    monkeypatch.setattr(declarations, "spec_from_text", Reader(RecursionError("too deep")))

    assert scene.load().unreadable == "too deep"
    assert [job.unreadable for job in store.due_jobs(NOON, 9, REACH).jobs] == [None]


def test_a_job_that_no_memory_is_left_for_is_not_one_that_cannot_be_read(
    scene: Scene, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.add()
    store.close()
    monkeypatch.setattr(declarations, "spec_from_text", Reader(MemoryError()))

    with pytest.raises(MemoryError):
        store.due_jobs(NOON, 9, REACH)
    assert [job.unreadable for job in store.due_jobs(NOON, 9, REACH).jobs] == [None]


@pytest.mark.parametrize(
    "column", ["watermark = 'soon'", "created_at = 9e18", "pause = 'x'", "next_at = x'00'", "updated_at = -1e30"]
)
def test_a_job_whose_row_makes_no_sense_is_unreadable(
    column: str, scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add()
    damage(f"UPDATE jobs SET {column}")

    assert scene.load().unreadable
    assert [job.unreadable for job in store.due_jobs(NOON, 9, REACH).jobs] == [scene.load().unreadable]


def quarantine(scene: Scene) -> None:
    """What the engine does with a job that it is offered and cannot read."""
    (job,) = scene.store.due_jobs(scene.now, 9, REACH).jobs
    scene.claim_due(Advance(job, job.watermark, job.next_at, job.next_due, (), quarantine=job.unreadable))


def test_a_quarantined_job_wakes_nobody_until_it_is_put_right(
    scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    spec = scene.add().spec
    damage("UPDATE specs SET spec = 'nonsense'")
    quarantine(scene)
    assert store.due_jobs(NOON, 9, REACH).jobs == []
    assert store.next_wake({"default": 1}, REACH) is None

    row = scene.load()
    row.spec = replace(spec, description="put right")
    assert store.save(row)
    assert scene.load().unreadable is None
    assert [job.key.id for job in store.due_jobs(NOON, 9, REACH).jobs] == ["job"]


def test_a_quarantined_job_that_is_reset_to_the_declaration_it_has_comes_due_again(
    scene: Scene, store: SQLiteStore
) -> None:
    row = scene.job()
    row.declared = spec = row.spec
    store.insert([row])
    with closing(sqlite3.connect(store.path)) as connection, connection:  # the declaration is still in memory
        connection.execute("UPDATE jobs SET watermark = 'soon'")
    quarantine(scene)
    row = scene.load()
    births = changes.reset(row, spec, None, NOON, None, scene.new_id)
    assert store.save(row, births)

    assert scene.load().unreadable is None
    assert [job.key.id for job in store.due_jobs(after(hours=1), 9, REACH).jobs] == ["job"]


def test_pausing_a_job_that_cannot_be_read_does_not_overwrite_what_may_be_read_later(
    scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add()
    damage("UPDATE specs SET spec = 'a newer format'")
    quarantine(scene)
    row = scene.load()
    row.pause = Pause(since=NOON)
    assert store.save(row)

    assert scene.load().unreadable
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("SELECT spec FROM specs").fetchone() == ("a newer format",)
    connection.close()


def test_what_older_software_could_not_read_is_tried_again(
    scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add()
    damage("UPDATE jobs SET quarantine = 'a newer format', quarantined_by = ?", READER - 1)
    assert store.due_jobs(NOON, 9, REACH).jobs == []
    store.reap(NOON)

    assert [job.unreadable for job in store.due_jobs(NOON, 9, REACH).jobs] == [None]


def test_what_newer_software_could_not_read_is_left_alone(
    scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add()
    damage("UPDATE jobs SET quarantine = 'nonsense', quarantined_by = ?", READER + 1)
    store.reap(NOON)
    store.close()
    store.open()

    assert store.due_jobs(NOON, 9, REACH).jobs == []


def test_opening_the_store_tries_again_what_the_application_may_have_registered_since(
    scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add()
    damage("UPDATE jobs SET quarantine = 'no class is registered as money', quarantined_by = ?", READER)
    store.close()
    store.open()

    assert [job.unreadable for job in store.due_jobs(NOON, 9, REACH).jobs] == [None]


@pytest.mark.parametrize("change", ["kwargs = 'nonsense'", "kwargs = '[1]'", "overlap = 'new'", "created_at = 'x'"])
def test_a_run_that_cannot_be_read_is_held_and_the_others_start(
    change: str, scene: Scene, store: SQLiteStore, damage: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    scene.add("bad")
    scene.add("good")
    bad, good = scene.come_due("bad"), scene.come_due("good")
    damage(f"UPDATE runs SET {change} WHERE id = ?", bad.id)

    claim = store.claim((), scene.now, "node", {"default": 9}, REACH)
    assert [each.run.id for each in claim.runs] == [good.id]
    assert [(run.id, run.job.id, run.status) for run in claim.ended] == [(bad.id, "bad", RunStatus.HELD)]
    run = scene.run(bad.id)
    assert "cannot be started" in (claim.ended[0].reason or "")
    assert run.status is RunStatus.HELD
    assert "cannot be" in (run.reason or "")
    assert any(bad.id in record.message for record in caplog.records)
    wake = store.next_wake({"default": 1}, REACH)
    assert wake is None or wake > NOON


def test_a_run_of_a_job_that_cannot_be_read_is_held_until_somebody_releases_it(
    scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    spec = scene.add().spec
    run = scene.come_due()
    damage("UPDATE specs SET spec = 'nonsense'")
    assert scene.claim() == []
    assert scene.status(run.id) is RunStatus.HELD
    row = scene.load()
    row.spec = spec
    store.save(row)
    store.release(run.id, scene.now)

    assert [each.run.id for each in scene.claim()] == [run.id]


@pytest.mark.parametrize("column", ["value", "error", "log"])
@pytest.mark.parametrize("text", ["nonsense", '{"$new": 1}', b"\x00", "[[1]]", "[" * 5_000])
def test_what_a_run_left_and_cannot_be_read_is_left_out_with_the_reason(
    column: str, text: object, scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add()
    claimed = scene.start()
    scene.finish(claimed)
    damage(f"UPDATE runs SET {column} = ?", text)

    run = scene.run(claimed.run.id)
    assert (run.status, run.error, run.log) == (RunStatus.SUCCEEDED, None, ())
    if (column, text) != ("value", "[[1]]"):
        assert "cannot be read" in (run.reason or "") or "is no" in (run.reason or "")
        assert run.value is None


@pytest.mark.parametrize("change", ["status = 'dreaming'", "cause = 'moon'", "scheduled_at = 'noon'", "due_at = 9e18"])
def test_a_run_that_makes_no_sense_is_shown_all_the_same(
    change: str, scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add()
    run = scene.come_due()
    damage(f"UPDATE runs SET {change}")

    assert "cannot be read" in (scene.run(run.id).reason or "")
    store.runs(RunFilter(NAMESPACE), limit=9, cursor=None)
    store.counts(NAMESPACE)


def test_a_revision_that_cannot_be_read_says_so(scene: Scene, store: SQLiteStore, damage: Callable[..., None]) -> None:
    row = scene.job()
    row.record("added", NOON, "ann")
    store.insert([row])
    damage("UPDATE revisions SET schedule = '{}'")

    (revision,) = store.history(row.key)
    assert (revision.number, revision.by) == (1, "ann")
    assert revision.action.startswith("added (unreadable:")


@dataclass
class Unregistered:
    """A class that no store knows."""

    n: int = 1


class Hostile:
    """Whose every look fails."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


@pytest.mark.parametrize("make", [Unregistered, object, Hostile, lambda: [len]])
def test_a_result_that_cannot_be_stored_does_not_fail_its_run_nor_the_others(
    make: Callable[[], object], scene: Scene, store: SQLiteStore
) -> None:
    scene.add("bad")
    scene.add("good")
    bad, good = scene.start("bad"), scene.start("good")
    assert scene.finish(bad, value=make())
    assert scene.finish(good, value=2)

    run = scene.run(bad.run.id)
    assert (run.status, run.value) == (RunStatus.SUCCEEDED, None)
    assert (run.reason or "").startswith("its value was not kept: result")
    assert scene.run(good.run.id).value == 2


def test_a_lost_nodes_run_that_cannot_be_read_is_held(
    scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add()
    claimed = scene.start()
    damage("UPDATE runs SET kwargs = 'nonsense'")
    scene.lose()

    assert scene.status(claimed.run.id) is RunStatus.HELD


def test_the_file_says_to_people_what_it_holds(scene: Scene, store: SQLiteStore) -> None:
    scene.add()
    scene.finish(scene.start(), value={"rows": 3})
    connection = sqlite3.connect(store.path)
    run = connection.execute("SELECT status, cause, value, scheduled_at FROM runs").fetchone()
    job = connection.execute("SELECT id, target, executor, succeeded FROM jobs").fetchone()
    connection.close()

    assert run == ("succeeded", "schedule", '{"rows":3}', int(NOON.timestamp()) * 1_000_000)
    assert job == ("job", "target", "default", 1)
    assert json.loads(run[2]) == {"rows": 3}
    assert after(hours=0) == NOON


def test_a_run_that_is_held_because_it_cannot_be_read_lets_the_next_come_forward(
    scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add(overlap="queue")
    bad, good = scene.come_due(), scene.come_due()
    damage("UPDATE runs SET kwargs = 'nonsense' WHERE id = ?", bad.id)
    told: list[Change] = []
    end = store.subscribe(lambda change, detail: told.append(change))
    assert scene.claim() == []
    end()
    assert Change.WORK in told

    assert [each.run.id for each in scene.claim()] == [good.id]


def test_a_quarantine_leaves_the_times_of_the_job_as_they_are(
    scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    row = scene.add()
    damage("UPDATE jobs SET pause = 'of a newer format'")
    quarantine(scene)
    damage("UPDATE jobs SET pause = NULL, quarantine = NULL")

    again = scene.load()
    assert (again.watermark, again.next_at, again.next_due) == (row.watermark, row.next_at, row.next_due)


def test_a_job_that_could_not_be_read_when_it_was_removed_is_found_by_its_tags_no_more(
    scene: Scene, store: SQLiteStore, damage: Callable[..., None]
) -> None:
    scene.add(tags={"etl"})
    damage("UPDATE specs SET spec = 'nonsense'")
    store.remove(scene.load(), now=NOON)
    scene.add(tags={"etl"})

    assert len(store.jobs(JobFilter(NAMESPACE, tag="etl"), limit=9, cursor=None)) == 1


@pytest.mark.parametrize("note", ["\ud800", ["no", "text"], Hostile])
def test_whatever_a_target_says_of_its_progress_can_be_written(note: Any, scene: Scene, store: SQLiteStore) -> None:
    scene.add()
    claimed = scene.start()
    said: Any = Hostile() if note is Hostile else note
    assert store.report(claimed.run.id, claimed.fence, 0.5, said)

    assert isinstance(scene.run(claimed.run.id).progress_note, str)
    assert scene.finish(claimed, RunStatus.SKIPPED, reason="\udfff")
