"""What pausing, changing and removing a job make of a pause that has run out before anybody noticed."""

from collections.abc import Callable

import pytest

from cronkit.engine.changes import pause, remove, resume, update
from cronkit.jobs.job import JobRow
from cronkit.jobs.run import RunRow

from .factories import after, make_job, new_ids

BACK, NOW = after(minutes=150), after(hours=6)
"""When the pause runs out, and when somebody does the next thing to the job: a run is due at each hour."""


def paused_job() -> JobRow:
    job = make_job("1h")
    pause(job, after(minutes=-1), None, BACK, None, new_ids())
    return job


def records(births: list[RunRow]) -> list[tuple[str, int]]:
    return [(str(run.status), run.count) for run in births]


@pytest.mark.parametrize(
    "change",
    [
        lambda job: resume(job, NOW, None, new_ids()),
        lambda job: pause(job, NOW, None, None, None, new_ids()),
        lambda job: update(job, make_job("7m").spec, NOW, None, new_ids()),
    ],
    ids=["resume", "pause", "update"],
)
def test_what_came_due_since_is_late_whoever_comes_first(change: Callable[[JobRow], list[RunRow]]) -> None:
    assert records(change(paused_job())) == [("skipped", 3), ("coalesced", 3), ("queued", 1)]


def test_what_came_due_since_is_missed_by_a_job_that_is_removed() -> None:
    assert records(remove(paused_job(), NOW, None, new_ids())) == [("skipped", 3), ("missed", 4)]


def test_a_job_that_is_paused_again_is_paused_since_then() -> None:
    job = paused_job()
    pause(job, NOW, None, None, None, new_ids())

    assert job.pause is not None
    assert job.pause.since == NOW


def test_a_job_that_is_paused_while_it_is_paused_is_so_since_the_first_time() -> None:
    job = paused_job()
    pause(job, after(hours=1), "longer", after(hours=9), None, new_ids())

    assert job.pause is not None
    assert job.pause.since == after(minutes=-1)
