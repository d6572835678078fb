"""Retention: what is forgotten, how much at a time, and what stays."""

from pathlib import Path

import pytest

from cronkit.jobs.job import HISTORY_LIMIT, RENAMED
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import RunFilter
from cronkit.stores.sqlite import SQLiteStore
from cronkit.stores.sqlite.database import Connection
from cronkit.stores.sqlite.moments import to_micros
from cronkit.stores.sqlite.schema import BLOCK
from cronkit.testing.store_suite.scene import NAMESPACE, NOON, Scene, after

EVERYTHING = RunFilter(NAMESPACE)


def make(path: Path, **options: object) -> Scene:
    return Scene(SQLiteStore(path / "jobs.db", **options))  # type: ignore[arg-type]


def ended(scene: Scene, count: int) -> list[str]:
    """The ids of runs that started and ended, an hour apart, oldest first."""
    ids = []
    for _ in range(count):
        claimed = scene.start()
        scene.finish(claimed)
        ids.append(claimed.run.id)
    return ids


def write(scene: Scene, statement: str, *values: object) -> None:
    """Change the scene's file behind the store's back."""
    scene.store._database.write(lambda connection: connection.execute(statement, values))  # type: ignore[attr-defined]


def column(scene: Scene, query: str) -> list[object]:
    """The only column of what a query finds in the scene's file."""
    found: list[tuple[object]] = scene.store._database.look(  # type: ignore[attr-defined]
        lambda connection: connection.execute(query).fetchall()
    )
    return [value for (value,) in found]


def kept(scene: Scene) -> list[str]:
    """The ids of the runs that are left, oldest first."""
    return [run.id for run in scene.store.runs(EVERYTHING, limit=1_000, cursor=None)][::-1]


def test_the_newest_ended_runs_are_kept_and_counters_outlive_the_others(tmp_path: Path) -> None:
    scene = make(tmp_path, keep_runs=3)
    scene.add()
    ids = ended(scene, 10)
    assert scene.store.prune(scene.now, 100) == 7

    assert kept(scene) == ids[-3:]
    assert scene.load().counters == {RunStatus.SUCCEEDED: 10}
    assert scene.store.counts(NAMESPACE) == {RunStatus.SUCCEEDED: 3}
    scene.store.close()


def test_runs_are_kept_for_as_long_as_was_asked(tmp_path: Path) -> None:
    scene = make(tmp_path, keep_for="5h")
    scene.add()
    ids = ended(scene, 10)
    assert scene.store.prune(scene.now, 100) == 4

    assert kept(scene) == ids[4:]
    scene.store.close()


def test_a_record_that_is_extended_while_the_old_ones_are_looked_for_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SQLiteStore(tmp_path / "jobs.db", keep_for="5h")
    scene = Scene(store)
    scene.add()
    ids = ended(scene, 10)
    look = store._retention._prunable

    def extended_afterwards(connection: Connection, too_old: int, limit: int) -> list[int]:
        gone = look(connection, too_old, limit)
        monkeypatch.undo()
        values = to_micros(scene.now), ids[0]
        store._database.write(lambda other: other.execute("UPDATE runs SET finished_at = ? WHERE id = ?", values))
        return gone

    monkeypatch.setattr(store._retention, "_prunable", extended_afterwards)
    assert store.prune(scene.now, 100) == 3

    assert kept(scene) == [ids[0], *ids[4:]]
    store.close()


def test_no_more_than_was_asked_for_go_at_once_the_oldest_first(tmp_path: Path) -> None:
    scene = make(tmp_path, keep_runs=1)
    scene.add()
    ids = ended(scene, 10)

    assert scene.store.prune(scene.now, 4) == 4
    assert kept(scene) == ids[4:]
    assert scene.store.prune(scene.now, 4) == 4
    assert scene.store.prune(scene.now, 4) == 1
    assert scene.store.prune(scene.now, 4) == 0
    scene.store.close()


def test_the_oldest_of_all_statuses_go_first(tmp_path: Path) -> None:
    scene = make(tmp_path, keep_runs=1)
    scene.add()
    ids = []
    for status in (RunStatus.FAILED, RunStatus.SUCCEEDED, RunStatus.TIMED_OUT, RunStatus.SUCCEEDED):
        claimed = scene.start()
        scene.finish(claimed, status)
        ids.append(claimed.run.id)
    scene.store.prune(scene.now, 2)

    assert kept(scene) == ids[2:]
    scene.store.close()


def test_a_run_whose_number_makes_no_sense_does_not_make_the_others_old(tmp_path: Path) -> None:
    scene = make(tmp_path, keep_runs=3)
    scene.add()
    ids = ended(scene, 4)
    write(scene, "UPDATE runs SET sequence = ? WHERE id = ?", 2**60, ids[1])

    assert scene.store.prune(scene.now, 100) == 1
    assert kept(scene) == [*ids[2:], ids[1]]
    scene.store.close()


def test_what_is_open_or_occupied_is_kept_however_old(tmp_path: Path) -> None:
    scene = make(tmp_path, keep_runs=1, keep_for="1s")
    scene.add("running", overlap="allow")
    scene.add("occupied")
    scene.add("waiting")
    running, occupied, waiting = scene.start("running"), scene.start("occupied"), scene.come_due("waiting")
    scene.finish(occupied, RunStatus.TIMED_OUT, occupied=True)
    scene.add("ended")
    gone = scene.come_due("ended", status=RunStatus.MISSED)
    scene.add("newest")
    newest = scene.come_due("newest")
    scene.now = after(days=99)

    assert scene.store.prune(scene.now, 100) == 1
    assert kept(scene) == [running.run.id, occupied.run.id, waiting.id, newest.id]
    assert scene.store.run(gone.id) is None
    assert scene.finish(running)
    scene.store.close()


def test_a_number_is_never_used_again_though_its_run_is_gone(tmp_path: Path) -> None:
    scene = make(tmp_path)
    scene.add()
    ended(scene, 3)
    before = scene.store.run(kept(scene)[-1])
    scene.store.remove(scene.load(), now=scene.now)
    assert scene.store.purge(NAMESPACE, "job") == 1
    assert kept(scene) == []
    row = scene.add(first=scene.now)
    run = scene.start()

    assert before is not None
    assert row.key.generation > before.job.generation
    assert run.run.sequence > 3
    scene.store.close()


def test_no_run_gets_the_place_of_one_that_was_released_before_others_were_forgotten(tmp_path: Path) -> None:
    scene = make(tmp_path, keep_runs=1)
    scene.add(overlap="queue", on_crash="hold")
    held = [scene.start().run.id]
    scene.lose()
    ended(scene, 3)
    held.append(scene.start().run.id)
    scene.lose()
    scene.store.release(held[0], scene.now)
    assert scene.store.prune(scene.now, 100)
    scene.store.release(held[1], scene.now)
    scene.trigger()

    places = column(scene, "SELECT place FROM runs WHERE place IS NOT NULL")
    assert len(places) == len(set(places)) == 3
    scene.store.close()


@pytest.mark.parametrize("last", ["'x'", "1.5", 2**60, -1])
def test_a_last_number_that_makes_no_sense_is_replaced(last: object, tmp_path: Path) -> None:
    scene = make(tmp_path, keep_runs=1)
    scene.add()
    ids = ended(scene, 3)
    write(scene, f"INSERT INTO meta (key, value) VALUES ('last_sequence', {last})")
    assert scene.store.prune(scene.now, 100) == 2

    assert column(scene, "SELECT value FROM meta WHERE key = 'last_sequence'") == [len(ids)]
    scene.store.close()


def test_purging_forgets_every_removed_life_and_leaves_the_present_one(tmp_path: Path) -> None:
    scene = make(tmp_path)
    for _ in range(2):
        row = scene.job()
        row.record("added", NOON, None)
        scene.store.insert([row])
        scene.now = NOON
        ended(scene, 2)
        scene.store.remove(scene.load(), now=scene.now)
    present = scene.add(first=scene.now)
    (left,) = ended(scene, 1)

    assert scene.store.purge(NAMESPACE, "job") == 2
    assert scene.store.purge(NAMESPACE, "job") == 0
    assert kept(scene) == [left]
    assert scene.store.history(row.key) == ()
    assert scene.load().key == present.key
    scene.store.close()


def test_a_history_is_bounded_though_a_job_is_renamed_without_end(tmp_path: Path) -> None:
    scene = make(tmp_path)
    row = scene.add()
    for number in range(3 * HISTORY_LIMIT):
        row.record(f"{RENAMED}{number}" if number < 2 * HISTORY_LIMIT else "paused", NOON, None)
        assert scene.store.save(row)

    history = scene.store.history(row.key)
    assert [each.number for each in history] == list(range(HISTORY_LIMIT + 1, 3 * HISTORY_LIMIT + 1))
    scene.store.close()


@pytest.mark.parametrize("bound", ["since", "until"])
def test_a_page_bounded_in_time_is_right_across_blocks_of_runs(bound: str, tmp_path: Path) -> None:
    scene = make(tmp_path)
    scene.add(overlap="allow")
    ids = [scene.come_due(status=RunStatus.MISSED, count=1).id]
    last = f"INSERT OR REPLACE INTO meta (key, value) VALUES ('last_sequence', {3 * BLOCK})"
    scene.store._database.write(lambda connection: connection.execute(last))  # type: ignore[attr-defined]
    ids += [scene.come_due().id for _ in range(3)]
    middle = after(hours=2)
    wanted = RunFilter(NAMESPACE, since=middle) if bound == "since" else RunFilter(NAMESPACE, until=middle)

    found = [run.id for run in scene.store.runs(wanted, limit=9, cursor=None)][::-1]
    assert found == (ids[2:] if bound == "since" else ids[:2])
    nothing = RunFilter(NAMESPACE, since=after(days=9)) if bound == "since" else RunFilter(NAMESPACE, until=NOON)
    assert list(scene.store.runs(nothing, limit=9, cursor=None)) == []
    scene.store.close()


@pytest.mark.parametrize("change", ["latest = 0", "latest = 'x'", "earliest = 9e18", "earliest = 'x'"])
def test_a_span_that_makes_no_sense_hides_no_run_from_a_page_bounded_in_time(change: str, tmp_path: Path) -> None:
    scene = make(tmp_path)
    scene.add()
    run = scene.come_due()
    write(scene, f"UPDATE spans SET {change}")

    for bounds in ({"since": NOON}, {"until": after(hours=1)}):
        found = scene.store.runs(RunFilter(NAMESPACE, **bounds), limit=9, cursor=None)
        assert [each.id for each in found] == [run.id]
    scene.store.close()
