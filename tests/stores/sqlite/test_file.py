"""The file: which are opened, which are refused, and what happens when it changes under a store."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cronkit.errors import ConfigurationError, StoreUnavailableError, StoreVersionError
from cronkit.stores import open_store
from cronkit.stores.protocol import JobFilter
from cronkit.stores.sqlite import SQLiteStore, claims
from cronkit.stores.sqlite.database import Loan
from cronkit.stores.sqlite.location import filesystem_of, refuse_network
from cronkit.stores.sqlite.migrations import migrate
from cronkit.stores.sqlite.moments import to_micros
from cronkit.stores.sqlite.schema import APPLICATION_ID, MIGRATIONS, Migration
from cronkit.testing.store_suite.scene import NAMESPACE, NOON, REACH, Scene

EVERYTHING = JobFilter(NAMESPACE)
NEWEST = MIGRATIONS[-1].version


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path, busy_timeout="50ms")
    yield store
    store.close()


def execute(path: Path, *statements: str) -> None:
    """Run statements on a file, as another program would."""
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def look(store: SQLiteStore, statement: str) -> Any:
    """The first row that a statement gives on the connection that writes."""
    return store._database.look(lambda connection: connection.execute(statement).fetchone())


def ask(path: Path, statement: str) -> object:
    """The first value that a query gives."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(statement).fetchone()[0]
    finally:
        connection.close()


# What is opened


def test_making_a_store_touches_nothing(path: Path) -> None:
    SQLiteStore(path)
    assert list(path.parent.iterdir()) == []


def test_a_file_is_marked_as_ours_and_logged_ahead(path: Path, store: SQLiteStore) -> None:
    store.open()
    assert ask(path, "PRAGMA application_id") == APPLICATION_ID
    assert ask(path, "PRAGMA user_version") == NEWEST
    assert ask(path, "PRAGMA journal_mode") == "wal"


def test_every_commit_is_synchronised(store: SQLiteStore) -> None:
    def synchronous(connection: sqlite3.Connection) -> object:
        return connection.execute("PRAGMA synchronous").fetchone()

    assert store._database.write(synchronous) == (2,)
    assert store._database.write_lease(synchronous) == (2,)


def test_a_closed_store_is_opened_by_its_next_use(store: SQLiteStore) -> None:
    Scene(store).add()
    store.close()

    assert Scene(store).load().key.id == "job"


def test_a_path_means_the_same_file_whatever_the_working_directory_becomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = SQLiteStore("jobs.db")
    monkeypatch.chdir("/")

    assert store.path == tmp_path / "jobs.db"


@pytest.mark.parametrize("path", ["", ":memory:", "a\0b", b"bytes"])
def test_what_is_no_path_of_a_file_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="memory://"):
        SQLiteStore(path)


# What is refused


def test_the_database_of_another_application_is_refused_and_left_as_it_is(path: Path, store: SQLiteStore) -> None:
    execute(path, "CREATE TABLE theirs (a)")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="another application"):
        store.open()

    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path, store: SQLiteStore) -> None:
    path.write_text("this is a text, and no database at all\n" * 100)
    with pytest.raises(StoreUnavailableError, match="no SQLite database"):
        store.open()

    assert path.read_text().startswith("this is a text")


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=r"nowhere/jobs\.db.*create its directory"):
        SQLiteStore(tmp_path / "nowhere" / "jobs.db").open()


MOUNTS = """\
22 1 0:1 / / rw - ext4 /dev/vda rw
30 22 0:2 / /data rw,relatime shared:1 - nfs4 server:/x rw
31 22 0:3 / /data/local\\040disk rw - xfs /dev/vdb rw
32 22 0:4 / /shared rw master:2 - fuse.sshfs a@b:/ rw
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/home/jobs.db", "ext4"),
        ("/data/jobs.db", "nfs4"),
        ("/database/jobs.db", "ext4"),
        ("/data/local disk/jobs.db", "xfs"),
        ("/shared/a/b/jobs.db", "fuse.sshfs"),
    ],
)
def test_the_filesystem_of_a_path_is_that_of_the_mount_it_is_under(place: str, kind: str, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert filesystem_of(Path(place), mounts) == kind


def test_a_file_on_a_network_filesystem_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    with pytest.raises(ConfigurationError, match="nfs4"):
        refuse_network(Path("/data/jobs.db"), mounts)
    refuse_network(Path("/data/local disk/jobs.db"), mounts)


def test_where_mounts_cannot_be_read_nothing_is_refused(tmp_path: Path) -> None:
    refuse_network(Path("/data/jobs.db"), tmp_path / "none")


# Versions


SECOND = Migration(
    version=NEWEST + 1,
    readable_from=NEWEST,
    statements=(
        "ALTER TABLE jobs ADD COLUMN colour TEXT",
        "CREATE INDEX jobs_by_colour ON jobs (colour) WHERE colour IS NOT NULL",
        "UPDATE jobs SET colour = 'blue'",
    ),
)


def upgrade(path: Path, migration: Migration) -> None:
    """What newer software does when it opens the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, (*MIGRATIONS, migration))
        migrate(connection, path, (*MIGRATIONS, migration))


def test_a_file_is_brought_to_the_next_version_with_what_is_in_it(path: Path, store: SQLiteStore) -> None:
    Scene(store).add()
    upgrade(path, SECOND)

    assert ask(path, "SELECT colour FROM jobs") == "blue"
    assert ask(path, "PRAGMA user_version") == NEWEST + 1


def test_an_older_node_goes_on_beside_a_newer_one_that_lets_it(path: Path, store: SQLiteStore) -> None:
    scene = Scene(store)
    scene.add()
    upgrade(path, SECOND)
    scene.finish(scene.start())
    store.close()

    assert scene.add("another").key.id == "another"


def test_a_file_that_newer_software_has_closed_to_older_is_refused_naming_both_versions(
    path: Path, store: SQLiteStore
) -> None:
    store.open()
    store.close()
    upgrade(path, SECOND._replace(readable_from=NEWEST + 1))
    with pytest.raises(StoreVersionError, match=rf"version {NEWEST + 1}.*up to {NEWEST}"):
        store.open()


@pytest.mark.parametrize(
    "verb",
    [
        lambda store: store.vacate(["run"]),
        lambda store: store.renew("node", {}, timedelta(seconds=30), NOON),
        lambda store: store.target_names(NAMESPACE),
        lambda store: store._database.has_changed_elsewhere(),
    ],
    ids=["writes", "renews a lease", "reads", "watches"],
)
def test_every_verb_of_a_store_in_use_is_refused_once_newer_software_has_closed_its_file_to_it(
    verb: Callable[[SQLiteStore], object], path: Path, store: SQLiteStore
) -> None:
    Scene(store).add()
    assert not store.renew("node", {}, timedelta(seconds=30), NOON)
    upgrade(path, SECOND._replace(readable_from=NEWEST + 1))
    with pytest.raises(StoreVersionError, match=rf"version {NEWEST + 1}.*up to {NEWEST}"):
        verb(store)
    with pytest.raises(StoreVersionError):
        store.due_jobs(NOON, 1, REACH)

    assert ask(path, "SELECT until FROM nodes") == to_micros(NOON + timedelta(seconds=30))


def test_a_file_that_was_closed_to_a_store_in_use_is_gone_on_with_where_the_older_one_is_put_back(
    path: Path, store: SQLiteStore
) -> None:
    Scene(store).add()
    store.close()
    shutil.copy(path, path.with_name("copy.db"))
    store.open()
    upgrade(path, SECOND._replace(readable_from=NEWEST + 1))
    with pytest.raises(StoreVersionError):
        store.vacate(["run"])
    path.with_name("copy.db").replace(path)

    assert Scene(store).load().key.id == "job"


def test_a_migration_that_fails_leaves_the_version_before(path: Path, store: SQLiteStore) -> None:
    Scene(store).add()
    broken = SECOND._replace(statements=(*SECOND.statements, "SELECT nonsense FROM nowhere"))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        upgrade(path, broken)

    assert ask(path, "PRAGMA user_version") == NEWEST
    assert ask(path, "SELECT count(*) FROM pragma_table_info('jobs') WHERE name = 'colour'") == 0


# Faults


def test_a_file_that_another_process_holds_is_away_and_then_works_again(path: Path, store: SQLiteStore) -> None:
    scene = Scene(store)
    scene.add()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="busy_timeout"):
        scene.add("another")
    other.execute("ROLLBACK")
    other.close()

    assert scene.add("another").key.id == "another"


def test_a_full_disk_refuses_what_does_not_fit_and_keeps_what_did(path: Path, store: SQLiteStore) -> None:
    scene = Scene(store)
    scene.add()
    (pages,) = look(store, "PRAGMA page_count")
    look(store, f"PRAGMA max_page_count = {pages}")
    jobs = [scene.job(f"job-{number}") for number in range(2_000)]
    with pytest.raises(StoreUnavailableError, match="make room"):
        store.insert(jobs)
    assert [job.id for job in store.jobs(EVERYTHING, limit=10, cursor=None)] == ["job"]
    look(store, f"PRAGMA max_page_count = {pages + 100_000}")

    assert all(store.insert(jobs))


def test_a_file_that_was_replaced_is_noticed_before_anything_is_written_and_the_new_one_is_opened(
    path: Path, store: SQLiteStore
) -> None:
    scene = Scene(store)
    scene.add()
    other = SQLiteStore(path.with_name("other.db"))
    Scene(other).add("in the other")
    other.close()
    other.path.replace(path)
    for left in path.parent.glob("jobs.db-*"):
        left.unlink()

    with pytest.raises(StoreUnavailableError, match="replaced"):
        scene.add("lost")
    assert store.load(NAMESPACE, "job") is None
    assert scene.load("in the other").key.id == "in the other"


def test_a_connection_made_while_the_file_is_replaced_is_not_taken_for_one_of_the_new_file(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(store)
    scene.add()
    store.close()
    shutil.copy(path, path.with_name("copy.db"))
    store.jobs(EVERYTHING, limit=1, cursor=None)
    database = store._database
    database._writer.close()
    connect, stale = database._connect, []

    def meanwhile(cache: int | None = None) -> Any:
        stale.append(made := connect(cache))
        path.with_name("copy.db").replace(path)
        monkeypatch.undo()
        with pytest.raises(StoreUnavailableError, match="replaced"):
            store.counts(NAMESPACE)  # somebody who reads has noticed it
        return made

    monkeypatch.setattr(database, "_connect", meanwhile)
    with pytest.raises(StoreUnavailableError, match="replaced"):
        scene.add("perhaps lost")
    scene.add("another")

    assert database._writer.connection not in (None, stale[0][0])


def test_a_file_that_was_deleted_is_not_silently_begun_anew(path: Path, store: SQLiteStore) -> None:
    scene = Scene(store)
    scene.add()
    away = path.with_name("away.db")
    look(store, "PRAGMA wal_checkpoint(TRUNCATE)")
    path.rename(away)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            scene.add("lost")
        assert not path.exists()
    away.rename(path)

    assert scene.load().key.id == "job"


def test_a_file_that_is_moved_while_a_connection_is_made_is_not_made_anew(path: Path, store: SQLiteStore) -> None:
    Scene(store).add()
    path.rename(path.with_name("away.db"))

    with pytest.raises(StoreUnavailableError, match="gone"):
        store._database._connect()  # as if it had been checked just before
    assert not path.exists()


def test_an_empty_file_in_the_place_of_the_one_that_was_used_is_refused_until_the_store_is_closed(
    path: Path, store: SQLiteStore
) -> None:
    scene = Scene(store)
    scene.add()
    path.unlink()
    path.touch()
    with pytest.raises(StoreUnavailableError, match="replaced"):
        scene.add("lost")
    with pytest.raises(StoreUnavailableError, match="empty file"):
        scene.add("lost")
    assert path.stat().st_size == 0

    store.close()
    scene.add("another")
    assert store.load(NAMESPACE, "job") is None


def test_a_file_that_was_emptied_is_unavailable_until_it_is_put_back(path: Path, store: SQLiteStore) -> None:
    scene = Scene(store)
    scene.add()
    look(store, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    path.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match=r"put the file back|no SQLite database"):
            store.jobs(EVERYTHING, limit=1, cursor=None)
    path.write_bytes(content)

    assert [job.id for job in store.jobs(EVERYTHING, limit=1, cursor=None)] == ["job"]


def test_a_file_without_its_tables_is_unavailable(path: Path, store: SQLiteStore) -> None:
    store.open()
    execute(path, "DROP TABLE jobs")

    with pytest.raises(StoreUnavailableError, match="put the file back"):
        store.next_wake({}, REACH)


def test_an_interrupted_read_keeps_nobody_waiting(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.open()

    def interrupted(cache: int | None = None) -> sqlite3.Connection:
        raise KeyboardInterrupt

    monkeypatch.setattr(store._database, "_connect", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.target_names("default")
    monkeypatch.undo()

    assert not store._database._lent
    assert store.target_names("default") == frozenset()


def test_a_read_whose_end_is_never_told_is_no_loan_any_more(store: SQLiteStore) -> None:
    loan = Loan()
    store._database._lend(loan).close()
    assert len(store._database._lent) == 1
    del loan

    assert not store._database._lent


def test_a_store_that_is_dropped_leaves_no_connection_no_thread_and_no_lock(path: Path) -> None:
    store = SQLiteStore(path)
    Scene(store).add()
    assert store.due_jobs(NOON, 1, REACH).jobs
    store.subscribe(lambda change, detail: None)
    database, watcher, dispatcher = store._database, store._watcher, store._dispatcher
    del store

    assert [lane.connection for lane in (database._writer, database._leases)] == [None, None]
    assert (database._readers, watcher._watch, dispatcher._files) == ([], None, {})


def test_what_was_written_to_a_file_that_is_gone_is_not_acknowledged(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(store)
    scene.add()
    with pytest.raises(StoreUnavailableError, match="deleted"):
        store._database.write(lambda _: path.unlink())


@pytest.mark.parametrize("is_link", [False, True])
def test_what_was_written_to_a_log_that_is_gone_is_not_acknowledged(is_link: bool, path: Path) -> None:
    if is_link:
        (path.parent / "elsewhere").mkdir()
        path.symlink_to(path.parent / "elsewhere" / "real.db")
    store = SQLiteStore(path)
    scene = Scene(store)
    scene.add()
    real = path.resolve()
    for left in real.parent.glob(f"{real.name}-*"):
        left.unlink()
    with pytest.raises(StoreUnavailableError, match="write-ahead log was deleted"):
        scene.add("perhaps lost")

    scene.add("another")
    assert ask(path, "SELECT count(*) FROM jobs WHERE id = 'another'") == 1
    store.close()


def test_a_transaction_that_fails_leaves_nothing(store: SQLiteStore) -> None:
    scene = Scene(store)
    row = scene.add()

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM jobs").connection.execute(f"SELECT {1 // 0}")

    with pytest.raises(ZeroDivisionError):
        store._database.write(fail)

    assert scene.load().snapshot() == row.snapshot()


# URLs


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///jobs.db", Path.cwd() / "jobs.db"),
        ("sqlite:////var/lib/jobs.db", Path("/var/lib/jobs.db")),
        ("sqlite:///a%20b/jobs.db?standby=0s&keep_runs=7", Path.cwd() / "a b" / "jobs.db"),
    ],
)
def test_a_url_names_a_file(url: str, path: Path) -> None:
    store = open_store(url)
    assert isinstance(store, SQLiteStore)
    assert store.path == path


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("sqlite://", "memory://"),
        ("sqlite:///", "memory://"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite://jobs.db", "sqlite:///jobs.db"),
        ("sqlite:jobs.db", "sqlite:///jobs.db"),
        ("sqlite:///jobs.db?timeout=5", "unknown option 'timeout'"),
        ("sqlite:///jobs.db?keep_runs=many", "no whole number"),
        ("sqlite:///jobs.db?keep_for=30", "keep_for"),
        ("mysql://host/jobs", "no store for"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_with_the_remedy(url: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        open_store(url)


def test_the_suites_time_is_not_the_files(store: SQLiteStore) -> None:
    assert store.now() > NOON
    assert store.capabilities.clock


def test_what_is_remembered_of_a_file_is_not_taken_for_that_of_another(path: Path, store: SQLiteStore) -> None:
    Scene(store).add("one", target="target")
    other = SQLiteStore(path.with_name("other.db"))
    Scene(other).add("two", target="another")
    other.close()
    store.close()
    other.path.replace(path)

    assert (Scene(store).load("two").spec.id, Scene(store).load("two").spec.target) == ("two", "another")


def test_a_renewal_waits_no_longer_than_a_tenth_of_its_lease(path: Path) -> None:
    store = SQLiteStore(path, busy_timeout="60s")
    store.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="busy_timeout"):
        store.renew("node", {}, timedelta(milliseconds=500), NOON)
    other.close()
    store.close()


def test_a_node_claims_under_the_lease_that_it_has_given_last(store: SQLiteStore) -> None:
    scene = Scene(store)
    scene.add()
    scene.come_due()
    store.renew("node", {}, timedelta(seconds=2), NOON)
    store.leave("node")
    assert len(store.claim((), NOON, "node", {"default": 1}, REACH).runs) == 1

    assert store.reap(NOON + timedelta(seconds=2)) == []
    assert len(store.reap(NOON + timedelta(seconds=3))) == 1


def test_what_was_claimed_and_is_never_finished_is_not_remembered_for_ever(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "MOST_PLACES", 3)
    scene = Scene(store)
    scene.add(overlap="allow", first=None)
    claimed = []
    for _ in range(10):
        scene.trigger()
        claimed += scene.claim()
    assert len(store._queue._held._places) <= 4
    assert all(scene.finish(each) for each in claimed)
