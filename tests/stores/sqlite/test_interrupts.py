"""A signal's exception, or its handler, in the middle of a verb: nothing is left locked, and no write is torn."""

import gc
import itertools
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from cronkit.errors import LifecycleError, StoreUnavailableError
from cronkit.stores.sqlite import SQLiteStore, job_table
from cronkit.stores.sqlite.database import _after_fork, _before_fork
from cronkit.testing.store_suite.scene import LEASE, NAMESPACE, NOON, REACH, Scene

pytestmark = pytest.mark.filterwarnings("ignore:unclosed database")

UNTIL_DONE = 10_000
"""At most how many places a verb has where it can be interrupted."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "jobs.db", busy_timeout="50ms")
    store.open()
    yield store
    store.close()
    gc.collect()  # here, where nobody is told of them, connections that an interrupt has left to be collected


def cut_off(place: int, verb: Callable[[], object]) -> KeyboardInterrupt | None:
    """Interrupt a verb at its n-th place, if it has as many.

    A place is where the interpreter heeds signals: as a function begins or has returned, those in C included.
    """
    places = itertools.count()

    def interrupt(frame: FrameType, event: str, argument: object) -> None:
        if event in ("call", "return", "c_return") and next(places) == place:
            sys.setprofile(None)
            raise KeyboardInterrupt

    gc.disable()  # an interrupt in what it calls would go nowhere
    sys.setprofile(interrupt)
    try:
        verb()
    except KeyboardInterrupt as error:
        return error
    finally:
        sys.setprofile(None)
        gc.enable()
    return None


def is_free(store: SQLiteStore) -> bool:
    """Whether another thread could use each connection now, and none is in a transaction."""
    database = store._database
    for lane in (database._writer, database._leases):
        if not lane.lock.acquire(blocking=False):
            return False
        in_transaction = lane.connection is not None and lane.connection.in_transaction
        lane.lock.release()
        if in_transaction:
            return False
    return not any(connection.in_transaction for _, connection in database._readers)


def row_counts(store: SQLiteStore, job_id: str) -> tuple[int, ...]:
    """How many rows there are of what an insert writes."""
    connection = sqlite3.connect(store.path)
    jobs = "SELECT pk FROM jobs WHERE id = ?"
    of_job = f"SELECT count(*) FROM %s WHERE job IN ({jobs})"
    counts = (connection.execute(of_job % table, (job_id,)).fetchone()[0] for table in ("specs", "tags", "revisions"))
    found = len(connection.execute(jobs, (job_id,)).fetchall()), *counts
    connection.close()
    return found


VERBS: dict[str, Callable[[SQLiteStore], object]] = {
    "reads": lambda store: store.target_names(NAMESPACE),
    "looks": lambda store: store.due_jobs(NOON, 1, REACH),
    "writes": lambda store: store.vacate(["run"]),
    "renews a lease": lambda store: store.renew("node", {"run": 1}, LEASE, NOON),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_an_interrupt_anywhere_in_a_verb_leaves_no_lock_and_no_transaction_whoever_keeps_its_traceback(
    verb: Callable[[SQLiteStore], object], store: SQLiteStore
) -> None:
    kept: list[KeyboardInterrupt] = []
    with ThreadPoolExecutor(1) as elsewhere:
        for place in range(UNTIL_DONE):
            error = cut_off(place, lambda: verb(store))
            assert elsewhere.submit(is_free, store).result(), f"interrupted at place {place}"
            if error is None:
                break
            kept.append(error)
    assert 20 < len(kept) < UNTIL_DONE


def test_an_interrupt_anywhere_in_a_write_leaves_all_of_it_or_none(store: SQLiteStore) -> None:
    scene, found = Scene(store), set()
    for place in range(UNTIL_DONE):
        job = scene.job(f"job-{place}", tags={"tag"})
        job.record("added", NOON, None)
        error = cut_off(place, lambda job=job: store.insert([job]))  # type: ignore[misc]
        found.add(row_counts(store, job.key.id))
        if error is None:
            break
    assert found == {(0, 0, 0, 0), (1, 1, 1, 1)}


def on_signal_in_a_write(handler: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a handler be called by a signal in the middle of the next write of a job."""
    write = job_table.write_revisions

    def write_and_signal(*args: Any) -> None:
        monkeypatch.undo()
        before = signal.signal(signal.SIGINT, lambda *_: handler())
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.signal(signal.SIGINT, before)
        write(*args)

    monkeypatch.setattr(job_table, "write_revisions", write_and_signal)


def change(scene: Scene) -> None:
    """Change a job in two tables."""
    row = scene.load()
    row.pause = None
    row.record("changed", NOON, None)
    assert scene.store.save(row)


def test_a_verb_that_a_signal_handler_calls_inside_a_write_is_refused_and_the_write_is_whole(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(store)
    row = scene.add()

    def trigger() -> None:
        with pytest.raises(LifecycleError, match=r"signal handler.*set a flag"):
            scene.trigger()
        called.append(True)

    called: list[bool] = []
    on_signal_in_a_write(trigger, monkeypatch)
    change(scene)

    assert called == [True]
    assert (scene.load().revision, len(store.history(row.key))) == (2, 1)
    assert scene.trigger() is not None


def test_a_write_that_a_signal_handler_raises_in_leaves_nothing(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(store)
    row = scene.add()
    on_signal_in_a_write(scene.trigger, monkeypatch)
    with pytest.raises(LifecycleError):
        change(scene)

    assert (scene.load().revision, store.history(row.key)) == (1, ())


def test_a_write_inside_a_renewal_of_the_same_thread_is_refused(store: SQLiteStore) -> None:
    scene = Scene(store)
    scene.add()
    with pytest.raises(LifecycleError, match="another one of this thread"):
        store._database.write_lease(lambda _: scene.trigger())

    assert scene.trigger() is not None


@pytest.mark.parametrize("verb", ["looks", "renews a lease"])
def test_an_engines_verb_inside_a_write_of_the_same_thread_is_refused_and_the_write_is_whole(
    verb: str, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(store)
    row = scene.add()

    def call() -> None:
        with pytest.raises(LifecycleError, match="another one of this thread"):
            VERBS[verb](store)
        called.append(True)

    called: list[bool] = []
    on_signal_in_a_write(call, monkeypatch)
    change(scene)

    assert called == [True]
    assert (scene.load().revision, len(store.history(row.key))) == (2, 1)
    VERBS[verb](store)


@pytest.mark.parametrize("lane", ["write", "write_lease"])
def test_a_store_is_not_closed_inside_a_transaction_of_the_same_thread(lane: str, store: SQLiteStore) -> None:
    unsubscribe = store.subscribe(lambda _: None)

    def leave(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO nodes (node, until, length) VALUES ('node', 1, 1)")
        with pytest.raises(LifecycleError, match="another one of this thread"):
            store.close()

    getattr(store._database, lane)(leave)
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT node FROM nodes").fetchall() == [("node",)]
    assert store._watcher._watch is not None
    unsubscribe()


def test_a_file_that_a_verb_inside_a_write_finds_moved_is_told_of_by_the_write_too(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(store)
    scene.add()

    def move() -> None:
        store.path.rename(store.path.with_name("moved.db"))
        for refusal in (StoreUnavailableError, LifecycleError):
            with pytest.raises(refusal):
                scene.load()

    on_signal_in_a_write(move, monkeypatch)
    with pytest.raises(StoreUnavailableError, match="moved, deleted or replaced"):
        change(scene)


def test_a_fork_inside_a_write_of_the_same_thread_undoes_that_and_it_says_so(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(store)
    row = scene.add()

    def fork() -> None:  # what Python calls in the parent, and in a child that goes on from here
        _before_fork()
        _after_fork()

    on_signal_in_a_write(fork, monkeypatch)
    with pytest.raises(LifecycleError, match=r"forked the process.*in a thread of its own"):
        change(scene)

    assert (scene.load().revision, store.history(row.key)) == (1, ())
    assert scene.trigger() is not None
