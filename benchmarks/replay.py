"""The raw side: the rows that cronkit wrote to a SQLite file, written again by nothing but batched statements.

A module of ``durable.py`` and ``scale.py``: run by itself it does nothing.

It takes tables, indexes and columns from the files, so that it writes what cronkit wrote, synced as fully. It looks
nothing up, decides nothing and checks nothing but a job's revision.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cronkit.stores.sqlite.database import PAGES_TO_CHECKPOINT

HERE = Path(__file__).parent
BATCH = 500
"""Runs whose births, or ends, share a transaction."""
SLICE = 1_000
"""Jobs whose insertion shares one, in bulk."""
OF_A_JOB = {"jobs": "pk", "specs": "job", "tags": "job", "revisions": "job"}
"""The tables that an added job has rows in, and the column that says of which job."""
RUNNING = {"status": "running", "held": 1, "place": 0, "finished_at": None, "value": None, "log": None}
"""What a succeeded run's row says while the run goes on; the other columns have come to stay."""
ENDED = "succeeded"


class Statement(NamedTuple):
    """One statement, for each of several rows."""

    sql: str
    rows: list[tuple[Any, ...]]


Transaction = list[Statement]


def connect(path: Path) -> sqlite3.Connection:
    """A connection with the settings of the store's: a log that has to grow costs as much on either side."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES_TO_CHECKPOINT}")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("COMMIT")


def write(connection: sqlite3.Connection, statements: Transaction) -> None:
    with transaction(connection):
        for sql, rows in statements:
            connection.executemany(sql, rows)


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def insertion(connection: sqlite3.Connection, table: str) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns(connection, table)))})"


def empty_copy(source: Path, path: Path) -> sqlite3.Connection:
    """A connection to a new file with the tables and indexes of ``source``."""
    connection = connect(path)
    with sqlite3.connect(source) as original:
        made = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
        for (sql,) in original.execute(made):
            connection.execute(sql)
    original.close()
    return connection


# -- adding jobs -------------------------------------------------------------------------------------------------------


def added_jobs(source: Path) -> list[Transaction]:
    """The rows of each job of a file, in the order they were added."""
    jobs: dict[int, Transaction] = defaultdict(list)
    connection = sqlite3.connect(source)
    for table, owner in OF_A_JOB.items():
        sql, index = insertion(connection, table), columns(connection, table).index(owner)
        for row in connection.execute(f"SELECT * FROM {table}"):
            jobs[row[index]].append(Statement(sql, [row]))
    connection.close()
    return [jobs[pk] for pk in sorted(jobs)]


def add_in_bulk(source: Path, path: Path) -> float:
    """Jobs of ``source`` inserted in a second, ``SLICE`` to a transaction."""
    connection = empty_copy(source, path)
    jobs = added_jobs(source)
    slices = [merged(jobs[first : first + SLICE]) for first in range(0, len(jobs), SLICE)]
    began = time.perf_counter()
    for statements in slices:
        write(connection, statements)
    return len(jobs) / (time.perf_counter() - began)


def merged(transactions: Iterable[Transaction]) -> Transaction:
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for statements in transactions:
        for statement in statements:
            rows[statement.sql] += statement.rows
    return [Statement(sql, each) for sql, each in rows.items()]


# -- firing ------------------------------------------------------------------------------------------------------------


def fires(before: Path, after: Path) -> list[tuple[Transaction, Transaction]]:
    """For each batch of the runs that ``after`` has and ``before`` has not: its birth as running, and its end.

    The birth inserts the run and updates its job's row; the end updates the run, and its job's count of such ends.
    """
    connection = sqlite3.connect(after)
    connection.execute("ATTACH ? AS past", (str(before),))
    newest = connection.execute("SELECT coalesce(max(sequence), 0) FROM past.runs").fetchone()[0]
    names = columns(connection, "runs")
    runs = connection.execute("SELECT * FROM runs WHERE sequence > ? ORDER BY sequence", (newest,)).fetchall()
    assert {run[names.index("status")] for run in runs} == {ENDED}
    born = [tuple(RUNNING.get(name, value) for name, value in zip(names, run, strict=True)) for run in runs]
    run_id, job = names.index("id"), names.index("job")
    ends = [(*(run[names.index(name)] for name in RUNNING), run[run_id]) for run in runs]
    advance, counting = job_updates(connection, newest)
    connection.close()
    insert = f"INSERT INTO runs VALUES ({', '.join('?' * len(names))})"
    end = f"UPDATE runs SET {', '.join(f'{name} = ?' for name in RUNNING)} WHERE id = ?"
    batches = []
    for first in range(0, len(runs), BATCH):
        last = first + BATCH
        owners = [(run[job],) for run in runs[first:last]]
        birth = [Statement(advance.sql, advance.rows[first:last]), Statement(insert, born[first:last])]
        batches.append((birth, [Statement(end, ends[first:last]), Statement(counting, owners)]))
    return batches


def job_updates(connection: sqlite3.Connection, newest: int) -> tuple[Statement, str]:
    """What moves the jobs of the new runs on, in the order of these, and what counts an end."""
    names = columns(connection, "jobs")
    tables = "runs JOIN jobs ON jobs.pk = runs.job JOIN past.jobs AS old ON old.pk = jobs.pk"
    differ = ", ".join(f"max(jobs.{name} IS NOT old.{name})" for name in names)
    changed = connection.execute(f"SELECT {differ} FROM {tables} WHERE sequence > ?", (newest,)).fetchone()
    moved = [name for name, has_changed in zip(names, changed, strict=True) if has_changed and name != ENDED]
    values = ", ".join(f"jobs.{name}" for name in moved)
    rows = connection.execute(
        f"SELECT {values}, jobs.pk, old.revision FROM {tables} WHERE sequence > ? ORDER BY sequence", (newest,)
    ).fetchall()
    sql = f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in moved)} WHERE pk = ? AND revision = ?"
    return Statement(sql, rows), f"UPDATE jobs SET {ENDED} = {ENDED} + 1 WHERE pk = ?"


def fire(before: Path, after: Path, path: Path, processes: int) -> float:
    """Fires a second of ``processes`` that replay, on a copy of ``before``, what made ``after`` of it, a share each."""
    shutil.copy(before, path)
    places = f"{str(before)!r}, {str(after)!r}, {str(path)!r}"
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", f"import replay; replay.node({places}, {share}, {processes})"],
                    cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )
            for share in range(processes)
        ]  # fmt: skip
        for process in nodes:
            process.stdout.readline()  # it is ready
        for process in nodes:
            process.stdin.close()
        told = [json.loads(process.stdout.readline()) for process in nodes]
    runs = sum(each["runs"] for each in told)
    return runs / (max(each["ended"] for each in told) - min(each["began"] for each in told))


def node(before: str, after: str, path: str, share: int, shares: int) -> None:
    """One process of ``fire``: it takes every ``shares``-th batch."""
    batches = fires(Path(before), Path(after))[share::shares]
    connection = connect(Path(path))
    print("ready", flush=True)
    sys.stdin.read()
    began = time.time()
    for birth, end in batches:
        write(connection, birth)
        write(connection, end)
    ended = time.time()
    runs = sum(len(end[0].rows) for _, end in batches)
    print(json.dumps({"began": began, "ended": ended, "runs": runs}))
