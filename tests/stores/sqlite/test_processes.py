"""Several processes on one file: noticing each other, standing by, forks, and claims that are made once."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cronkit.clock import SystemClock
from cronkit.errors import ConfigurationError
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Change, JobFilter, Reach
from cronkit.stores.sqlite import SQLiteStore, dispatcher
from cronkit.stores.sqlite.database import Database, _after_fork, _before_fork
from cronkit.stores.sqlite.watcher import Watcher
from cronkit.testing.store_suite.scene import FREE, HOUR, LEASE, NAMESPACE, NOON, REACH, WIDER, Scene, after

EVERYTHING = JobFilter(NAMESPACE)
SECOND = timedelta(seconds=1)
SOON = timedelta(milliseconds=1)


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., SQLiteStore]]:
    """Makes another object on one file, as another process would."""
    made: list[SQLiteStore] = []

    def another(**options: Any) -> SQLiteStore:
        made.append(SQLiteStore(tmp_path / "jobs.db", **options))
        return made[-1]

    yield another
    for store in made:
        store.close()


# Noticing


def test_what_another_process_writes_is_noticed_within_200_ms(connect: Callable[..., SQLiteStore]) -> None:
    here, there = connect(), Scene(connect())
    here.open()
    noticed = threading.Event()
    here.subscribe(lambda change, _: noticed.set() if change is Change.ELSEWHERE else None)
    assert noticed.wait(5)  # the first look cannot know what was there before
    noticed.clear()
    assert not noticed.wait(0.4)
    monotonic = SystemClock().monotonic
    begun = monotonic()
    there.add()

    assert noticed.wait(5)
    assert monotonic() - begun < 1  # 0.2 s; the rest is for a machine that is busy


def test_what_this_object_writes_itself_is_no_news(connect: Callable[..., SQLiteStore]) -> None:
    scene = Scene(connect())
    scene.add()
    database = scene.store._database  # type: ignore[attr-defined]
    assert database.has_changed_elsewhere()
    scene.trigger()
    (claimed,) = scene.store.claim((), NOON, "node", FREE, REACH).runs
    scene.finish(claimed)

    assert not database.has_changed_elsewhere()
    Scene(connect()).add("another")
    assert database.has_changed_elsewhere()
    assert not database.has_changed_elsewhere()


def test_the_watcher_ends_with_the_last_subscriber_and_with_the_store(connect: Callable[..., SQLiteStore]) -> None:
    store = connect()
    watchers = []
    leave = store.subscribe(lambda change, _: None)
    also = store.subscribe(lambda change, _: None)
    watchers.append(store._watcher._watch)
    leave()
    leave()
    assert store._watcher._watch is watchers[0]
    also()
    assert store._watcher._watch is None
    store.subscribe(lambda change, _: None)
    watchers.append(store._watcher._watch)
    store.close()

    for watch in watchers:
        assert watch is not None
        watch.thread.join(5)
        assert not watch.thread.is_alive()


def test_a_look_that_waited_for_a_close_does_not_open_the_file_again(connect: Callable[..., SQLiteStore]) -> None:
    store = connect()
    store.open()
    looked = threading.Event()
    seen: list[Callable[[], bool]] = []

    def look(is_over: Callable[[], bool]) -> bool:
        seen.append(is_over)
        looked.set()
        return False

    watcher = Watcher(look, lambda: None)
    watcher.start()
    assert looked.wait(5)
    watcher.stop()
    store.close()

    assert not store._database.has_changed_elsewhere(seen[0])
    assert store._database._identity is None


def test_what_could_not_be_told_is_told_at_the_next_look(caplog: pytest.LogCaptureFixture) -> None:
    told, failures = threading.Event(), [ConfigurationError("that is another program's file")] * 2

    def tell() -> None:
        if failures:
            raise failures.pop()
        told.set()

    watcher = Watcher(lambda is_over: len(failures) == 2, tell)
    watcher.start()
    assert told.wait(5)
    watcher.stop()

    assert [record.message.rpartition(": ")[2] for record in caplog.records] == ["that is another program's file"]


# Standing by


def test_one_is_preferred_and_the_other_takes_what_is_a_second_late(connect: Callable[..., SQLiteStore]) -> None:
    first, second = Scene(connect()), Scene(connect())
    first.add()
    assert [job.key.id for job in first.store.due_jobs(NOON, 9, REACH).jobs] == ["job"]

    assert second.store.due_jobs(NOON, 9, REACH).jobs == []
    assert second.store.next_wake(FREE, REACH) == NOON + SECOND
    assert [job.key.id for job in second.store.due_jobs(NOON + SECOND, 9, REACH).jobs] == ["job"]


def test_who_stands_by_plans_as_if_it_had_been_in_time(connect: Callable[..., SQLiteStore]) -> None:
    first, second = Scene(connect()), Scene(connect())
    first.add()

    assert first.store.due_jobs(NOON + SECOND, 9, REACH).at == NOON + SECOND
    assert second.store.due_jobs(NOON + SECOND, 9, REACH).at == NOON


def test_each_namespace_has_its_own_preferred_one(connect: Callable[..., SQLiteStore]) -> None:
    first, second = Scene(connect()), Scene(connect())
    first.add()
    second.add(namespace="other/one")
    theirs = Reach("other/one", REACH.targets)

    assert len(first.store.due_jobs(NOON, 9, REACH).jobs) == 1
    assert [job.key.namespace for job in second.store.due_jobs(NOON, 9, theirs).jobs] == ["other/one"]


def test_waiting_runs_are_taken_by_the_other_when_they_are_a_second_late(connect: Callable[..., SQLiteStore]) -> None:
    first, second = Scene(connect()), Scene(connect())
    first.add()
    first.come_due()
    second.now = NOON
    assert second.claim("second") == []
    assert second.store.next_wake(FREE, REACH) == NOON + SECOND
    second.now = NOON + SECOND

    assert len(second.claim("second")) == 1


def test_what_the_preferred_one_cannot_run_is_run_by_the_other(connect: Callable[..., SQLiteStore]) -> None:
    first, second = Scene(connect()), Scene(connect())
    first.add(target="elsewhere")
    assert first.store.due_jobs(NOON + SECOND, 9, REACH).jobs == []

    assert len(second.store.due_jobs(NOON + SECOND, 9, WIDER).jobs) == 1


@pytest.mark.parametrize("end", [lambda store: store.close(), lambda store: store.leave("node")])
def test_who_leaves_makes_room(end: Callable[[SQLiteStore], None], connect: Callable[..., SQLiteStore]) -> None:
    first, second = connect(), connect()
    first.due_jobs(NOON, 1, REACH)
    Scene(second).add()
    assert second.due_jobs(NOON, 1, REACH).jobs == []
    end(first)

    assert len(second.due_jobs(NOON, 1, REACH).jobs) == 1


def test_a_client_that_runs_nothing_is_never_preferred(connect: Callable[..., SQLiteStore]) -> None:
    client, node = Scene(connect()), Scene(connect())
    client.add(overlap="allow")
    client.trigger()
    client.store.due_jobs(NOON, 1, Reach(NAMESPACE, ()))

    assert len(node.store.due_jobs(NOON, 1, REACH).jobs) == 1


def test_a_lock_file_that_was_deleted_stops_nobody(connect: Callable[..., SQLiteStore]) -> None:
    first, second = connect(), connect()
    Scene(first).add()
    assert first.due_jobs(NOON, 1, REACH).jobs
    first.path.with_name("jobs.db-dispatch-suite").unlink()

    assert first.due_jobs(NOON, 1, REACH).jobs
    assert second.due_jobs(NOON, 1, REACH).jobs


def test_a_lock_that_is_taken_while_others_are_given_back_is_kept(
    connect: Callable[..., SQLiteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = connect(standby="1s")
    locks, unlock = store._dispatcher, dispatcher._unlock
    store.open()

    def take_another(file: int) -> None:
        locks.behind("another")
        unlock(file)

    monkeypatch.setattr(dispatcher, "_unlock", take_another)
    for namespace in ("first", "second"):
        locks.behind(namespace)
    locks.release()

    assert list(locks._files) == ["another"]


def test_where_no_lock_can_be_made_nobody_waits(connect: Callable[..., SQLiteStore]) -> None:
    store = connect()
    Scene(store).add()
    store.path.with_name("jobs.db-dispatch-suite").mkdir()

    assert store.due_jobs(NOON, 1, REACH).jobs


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP here")
def test_a_preferred_process_that_was_stopped_is_stood_in_for(connect: Callable[..., SQLiteStore]) -> None:
    store = connect()
    Scene(store).add()
    program = (
        "import sys; from cronkit.stores.sqlite import SQLiteStore; from cronkit.testing.store_suite.scene import *\n"
        f"store = SQLiteStore({str(store.path)!r})\n"
        "print(len(store.due_jobs(NOON, 1, REACH).jobs), flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == b"1\n"
        holder.send_signal(signal.SIGSTOP)
        assert store.due_jobs(NOON, 1, REACH).jobs == []
        assert len(store.due_jobs(NOON + SECOND, 1, REACH).jobs) == 1
    finally:
        holder.kill()
        holder.communicate()
    assert len(store.due_jobs(NOON, 1, REACH).jobs) == 1


# Forks


def in_child(action: Callable[[], object]) -> object:
    """What an action returns in a forked child, as JSON."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(action()).encode())
        except BaseException as error:
            os.write(writer, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer)


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


@forks
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_and_its_parent_go_on_with_connections_of_their_own(
    connect: Callable[..., SQLiteStore],
) -> None:
    scene = Scene(connect(standby="0s"))
    scene.add()
    scene.store.counts(NAMESPACE)

    def child() -> str:
        scene.finish(scene.start())
        return scene.add("of the child").key.id

    assert in_child(child) == "of the child"
    assert scene.load().counters == {RunStatus.SUCCEEDED: 1}
    assert scene.load("of the child").key.id == "of the child"
    scene.add("of the parent")


@forks
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_log_is_not_taken_away_from_a_child_whose_parent_closes_the_file(
    connect: Callable[..., SQLiteStore],
) -> None:
    parent = Scene(connect(standby="0s"))
    parent.add()
    reader, writer = os.pipe()
    back, forth = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(forth)
        parent.add("before")
        os.write(writer, b"x")
        os.read(back, 1)
        parent.add("after")
        os._exit(0)
    os.read(reader, 1)
    parent.load("before")
    parent.store.close()
    os.write(forth, b"x")
    os.waitpid(child, 0)

    assert {job.id for job in parent.store.jobs(EVERYTHING, limit=9, cursor=None)} == {"job", "before", "after"}
    for file in (reader, writer, back, forth):
        os.close(file)


@forks
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_does_not_keep_its_parents_preference_alive(connect: Callable[..., SQLiteStore]) -> None:
    parent, other = connect(), connect()
    Scene(parent).add()
    parent.due_jobs(NOON, 1, REACH)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    parent.leave("node")

    assert len(other.due_jobs(NOON, 1, REACH).jobs) == 1
    os.write(writer, b"x")
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)


def test_two_threads_that_fork_at_once_give_back_every_lock(
    connect: Callable[..., SQLiteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = connect()
    store.open()

    def fork() -> None:  # what Python calls: of real forks other libraries may let in one at a time
        _before_fork()
        _after_fork()

    second = threading.Thread(target=fork, daemon=True)
    has_come, first_is_over = threading.Event(), threading.Event()
    before_fork = Database.before_fork

    def meanwhile(database: Database) -> None:
        if threading.current_thread() is second:
            has_come.set()
            first_is_over.wait(5)
        before_fork(database)
        if database is store._database and not second.ident:
            second.start()
            has_come.wait(0.1)  # in vain, if it is made to wait before it comes to a database

    monkeypatch.setattr(Database, "before_fork", meanwhile)
    fork()
    first_is_over.set()
    second.join(5)

    for lock in store._database._locks():
        assert lock.acquire(timeout=1)
        lock.release()


# Claims

CLAIM_EVERYTHING = """
import json
from datetime import timedelta
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Finish
from cronkit.jobs.ids import IdSource
end, seen = NOON + 19 * HOUR, []
scene.now, scene.new_id = end, IdSource().new
import os
node = str(os.getpid())
store.renew(node, {}, timedelta(days=1), end)
while (wake := store.next_wake(FREE, REACH)) is not None and wake <= end:
    due = store.due_jobs(end, 7, REACH).jobs
    claim = store.claim([scene.advance(job) for job in due], end, node, {"default": 3}, REACH)
    assert all(store.finish([Finish(each.run.id, each.fence, RunStatus.SUCCEEDED, end) for each in claim.runs]))
    seen += [[each.job.id, each.run.scheduled_at.isoformat()] for each in claim.runs]
print(json.dumps(seen))
"""


def test_three_processes_claim_every_occurrence_exactly_once(connect: Callable[..., SQLiteStore]) -> None:
    scene = Scene(connect(standby="0s"))
    for number in range(10):
        scene.add(f"job-{number}", overlap="allow")
    begin = (
        "from cronkit.stores.sqlite import SQLiteStore\nfrom cronkit.testing.store_suite.scene import *\n"
        f"store = SQLiteStore({str(scene.store.path)!r}, standby='0s', busy_timeout='60s')\nscene = Scene(store)\n"  # type: ignore[attr-defined]
    )
    nodes = [
        subprocess.Popen([sys.executable, "-c", begin + CLAIM_EVERYTHING], stdout=subprocess.PIPE) for _ in range(3)
    ]
    claimed = Counter(tuple(pair) for node in nodes for pair in json.loads(node.communicate(timeout=60)[0]))

    assert claimed == {(f"job-{n}", (NOON + k * HOUR).isoformat()): 1 for n in range(10) for k in range(20)}
    assert scene.store.counts(NAMESPACE) == {RunStatus.SUCCEEDED: 200}


def test_a_claim_whose_reply_was_lost_can_be_read_again(connect: Callable[..., SQLiteStore]) -> None:
    scene = Scene(connect())
    scene.add()
    claimed = scene.start("job", "node")
    (again,) = connect().held_by("node")

    assert (again.run.id, again.fence, again.attempt) == (claimed.run.id, claimed.fence, claimed.attempt)
    assert scene.store.reap(after(seconds=1) + LEASE + SOON)
