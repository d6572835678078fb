"""One damaged cell at a time: whatever it holds, the other job goes on, and everything can be shown."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cronkit.jobs.ids import IdSource
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Advance, Finish, JobFilter, RunFilter
from cronkit.stores.sqlite import SQLiteStore
from cronkit.stores.sqlite.schema import MIGRATIONS
from cronkit.testing.store_suite.scene import FREE, HOUR, LEASE, NAMESPACE, NOON, REACH, Scene

BAD_TEXT = "CAST(x'ff41' AS TEXT)"
VALUES = ["NULL", "'abc'", "''", "9223372036854775807", "-9223372036854775808", "1.5", "9e999", "x'ff00'", BAD_TEXT]

ROWS = {
    "jobs": "id = 'bad'",
    "specs": "job = (SELECT pk FROM jobs WHERE id = 'bad')",
    "revisions": "job = (SELECT pk FROM jobs WHERE id = 'bad')",
    "tags": "id = 'bad'",
    "runs": "job = (SELECT pk FROM jobs WHERE id = 'bad')",
    "nodes": "node = 'lost'",
    "meta": "key = 'last_sequence'",
    "spans": "block = 0",
}


def columns() -> Iterator[tuple[str, str]]:
    """Every column of every table."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for migration in MIGRATIONS:
            for statement in migration.statements:
                connection.execute(statement)
        for table in ROWS:
            for column in connection.execute(f"PRAGMA table_info({table})").fetchall():
                yield table, column[1]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a job to be damaged, of which one run waits, one has ended, and one was a lost node's; and another
    job that is due."""
    store = SQLiteStore(tmp_path_factory.mktemp("damage") / "jobs.db")
    scene = Scene(store)
    bad = scene.job("bad", overlap="allow", tags={"tag"})
    bad.record("added", NOON, "ann")
    assert scene.store.insert([bad]) == [True]
    scene.finish(scene.start("bad"), value=1)
    scene.start("bad", node="lost")
    scene.trigger("bad")
    scene.add("good", first=scene.now)
    meta = "INSERT INTO meta (key, value) VALUES ('last_sequence', 3)"
    store._database.write(lambda connection: connection.execute(meta))
    store._database.look(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
    store.close()
    return store.path


def go_on(scene: Scene) -> set[str]:
    """What an engine does in a step, and how people look at it; the jobs whose runs were started and ended."""
    store, scene.now, scene.new_id = scene.store, NOON + HOUR + 2 * LEASE, IdSource(seed=1).new
    seen = set()
    for _ in range(4):
        store.renew("node", {}, LEASE, scene.now)
        store.reap(scene.now)
        advances = [
            Advance(job, job.watermark, job.next_at, job.next_due, (), quarantine=job.unreadable)
            if job.unreadable is not None or job.next_at is None
            else scene.advance(job)
            for job in store.due_jobs(scene.now, 9, REACH).jobs
        ]
        runs = store.claim(advances, scene.now, "node", FREE, REACH).runs
        assert all(store.finish([Finish(each.run.id, each.fence, RunStatus.SUCCEEDED, scene.now) for each in runs]))
        seen |= {each.job.id for each in runs}
        store.next_wake(FREE, REACH)
        scene.now += HOUR
    for job in store.jobs(JobFilter(NAMESPACE), limit=9, cursor=None):
        store.history(job.key)
    store.jobs(JobFilter(NAMESPACE, tag="tag"), limit=9, cursor=None)
    for wanted in (RunFilter(NAMESPACE), RunFilter(NAMESPACE, job_id="bad"), RunFilter(NAMESPACE, since=NOON)):
        for run in store.runs(wanted, limit=99, cursor=None):
            store.run(run.id)
    store.counts(NAMESPACE)
    store.prune(scene.now, 10)
    store.target_names("default")
    store.cancel_requests("node")
    store.held_by("lost")
    return seen


@pytest.mark.parametrize(("table", "column"), list(columns()))
def test_one_damaged_cell_harms_nobody_else(table: str, column: str, original: Path, tmp_path: Path) -> None:
    for number, value in enumerate(VALUES):
        path = tmp_path / f"{number}.db"
        shutil.copy(original, path)
        with closing(sqlite3.connect(path)) as connection, connection:
            try:
                connection.execute(f"UPDATE {table} SET {column} = {value} WHERE {ROWS[table]}")
            except (sqlite3.IntegrityError, OverflowError):
                continue  # the file itself refuses that
        store = SQLiteStore(path)
        assert "good" in go_on(Scene(store)), f"{table}.{column} = {value}"
        store.close()


def test_without_damage_everything_goes_on(original: Path, tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    shutil.copy(original, path)
    scene = Scene(SQLiteStore(path))

    assert go_on(scene) == {"good", "bad"}
    assert scene.load("bad").unreadable is None
    assert scene.load("bad").counters[RunStatus.SUCCEEDED] > 1
    scene.store.close()
