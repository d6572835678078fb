"""Rows that make no sense, or that later software has written, among good ones."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest

from cronkit import Every, RunHandle
from tests.faults.herd import Herd, wait_until
from tests.faults.journal import START

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

BEYOND_TIME = 9_000_000_000_000_000_000
JOB_DAMAGE = {
    "no JSON": "UPDATE specs SET spec = '{' WHERE job = :pk",
    "no object": "UPDATE specs SET spec = '[1, 2]' WHERE job = :pk",
    "bytes": "UPDATE specs SET spec = x'00ff' WHERE job = :pk",
    "a value that is not there": "UPDATE specs SET spec = replace(spec, '\"every', '\"lunar') WHERE job = :pk",
    "a nesting without end": f"UPDATE specs SET spec = '{'[' * 100_000}' WHERE job = :pk",
    "no declaration": "DELETE FROM specs WHERE job = :pk",
    "a pause that is none": "UPDATE jobs SET pause = 'since then' WHERE pk = :pk",
    "a next time beyond time": f"UPDATE jobs SET next_at = {BEYOND_TIME} WHERE pk = :pk",
    "a watermark that is text": "UPDATE jobs SET watermark = 'high' WHERE pk = :pk",
}
RUN_DAMAGE = {
    "arguments that are no JSON": "UPDATE runs SET kwargs = '{' WHERE id = :id",
    "arguments that are no object": "UPDATE runs SET kwargs = '[1]' WHERE id = :id",
    "a rule of the future": "UPDATE runs SET overlap = 'swap' WHERE id = :id",
    "a cause of the future": "UPDATE runs SET cause = 'comet' WHERE id = :id",
    "a time beyond time": f"UPDATE runs SET scheduled_at = {BEYOND_TIME} WHERE id = :id",
}
STATUS_OF_THE_FUTURE = "UPDATE runs SET status = 'orbiting' WHERE id = :id"
GOOD = [f"good-{number}" for number in range(5)]
CROWD = 600
"""More bad jobs than the engine looks at in one step."""
PERIOD = Every("200ms")


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, without the store."""
    connection = sqlite3.connect(path)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


@pytest.fixture
def bad_jobs(herd: Herd) -> list[str]:
    """The ids of damaged jobs, all of them due, beside the good ones."""
    names = [*JOB_DAMAGE, *(f"crowd-{number}" for number in range(CROWD))]
    for name in (*GOOD, *JOB_DAMAGE):
        herd.scheduler.add("work", PERIOD, id=name)
    with raw(herd.settings.file) as file:
        columns = [row[1] for row in file.execute("PRAGMA table_info(jobs)") if row[1] not in ("pk", "id")]
        for name in names[len(JOB_DAMAGE) :]:  # copies of a job, without a declaration: much faster than to add them
            copied = (
                f"INSERT INTO jobs (id, {', '.join(columns)}) SELECT ?, {', '.join(columns)} FROM jobs WHERE id = ?"
            )
            file.execute(copied, (name, GOOD[0]))
        keys = dict(file.execute("SELECT id, pk FROM jobs").fetchall())
        for name, damage in JOB_DAMAGE.items():
            file.execute(damage, {"pk": keys[name]})
    return names


@pytest.fixture
def bad_runs(herd: Herd) -> dict[str, RunHandle]:
    """Damaged runs that wait to be started."""
    damage = {**RUN_DAMAGE, "a status of the future": STATUS_OF_THE_FUTURE}
    handles: dict[str, RunHandle] = {}
    for name in damage:
        herd.scheduler.add("work", id=f"job of {name}")
        handles[name] = herd.scheduler.trigger(f"job of {name}", kwargs={"seconds": 0})
    with raw(herd.settings.file) as file:
        for name, handle in handles.items():
            file.execute(damage[name], {"id": handle.id})
    return handles


def test_good_jobs_run_on_time_among_bad_rows_which_are_put_aside(
    herd: Herd, bad_jobs: list[str], bad_runs: dict[str, RunHandle]
) -> None:
    (node,) = herd.start_and_wait()
    herd.wait_for_starts(15 * len(GOOD))
    scheduler = herd.scheduler
    unreadable = {job.id: job.unreadable for job in scheduler.jobs(limit=1000) if job.unreadable}
    quarantined = [event.facts["text"] for event in herd.saw("JobQuarantined")]
    herd.end(node)

    starts = herd.saw(START)
    assert {start.facts["job"] for start in starts} == set(GOOD), "a damaged row was started"
    assert median((start.wall - start.scheduled_at).total_seconds() for start in starts) < 0.2
    assert set(unreadable) == set(bad_jobs)
    assert len(quarantined) == len(bad_jobs), "each is told once"
    for name in RUN_DAMAGE:
        run = bad_runs[name].run()
        assert (run.status, bool(run.reason)) == ("held", True), name
    assert not herd.saw("EngineFault", "StoreDegraded")


def test_bad_rows_do_not_make_a_node_spin(herd: Herd, bad_jobs: list[str], bad_runs: dict[str, RunHandle]) -> None:
    for name in GOOD:
        herd.scheduler.pause(name)
    herd.scheduler.add("work", PERIOD, id="pulse")
    (node,) = herd.start_and_wait()
    herd.wait_for_starts(15)  # three seconds
    herd.end(node)
    (down,) = herd.saw("down")
    seconds = down.at - herd.saw("up")[0].at
    assert down.facts["steps"] / seconds < 50
    assert down.facts["cpu"] / seconds < 0.5


def test_a_job_whose_due_time_is_no_time_is_shown_as_unreadable(herd: Herd) -> None:
    herd.scheduler.add("work", PERIOD, id="bad")
    with raw(herd.settings.file) as file:
        file.execute("UPDATE jobs SET next_due = 'soon'")
    assert herd.scheduler.get("bad").unreadable
    herd.scheduler.add("work", PERIOD, id="good")
    herd.start_and_wait()
    herd.wait_for_starts(3)
    assert not herd.saw("EngineFault", "StoreDegraded")


def test_a_job_in_quarantine_runs_again_once_somebody_has_made_it_anew(herd: Herd) -> None:
    herd.scheduler.add("work", PERIOD, id="bad")
    with raw(herd.settings.file) as file:
        file.execute("UPDATE specs SET spec = '{'")
    herd.start_and_wait()
    wait_until(lambda: herd.saw("JobQuarantined"), "it is put into quarantine")
    herd.scheduler.remove("bad")
    herd.scheduler.add("work", PERIOD, id="bad")
    herd.wait_for_starts(1)
    assert herd.scheduler.get("bad").unreadable is None
