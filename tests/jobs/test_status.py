"""The one table that says how a run may move between its states."""

from datetime import UTC, datetime, timedelta

import pytest

from cronkit.errors import LifecycleError
from cronkit.jobs.keys import Cause, JobKey
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import BIRTHS, OPEN, TERMINAL, TRANSITIONS, RunStatus

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)

# Read off design and documentation, not off the code: rows are "from", an x marks each status that may follow.
TABLE = """
            queued running retrying held succeeded failed timed_out cancelled skipped missed coalesced abandoned
queued      .      x       .        x    .         .      .         x         x       x      .         .
running     x      .       x        x    x         x      x         x         x       .      .         x
retrying    .      x       .        x    .         .      .         x         .       .      .         .
held        x      .       .        .    .         .      .         x         .       .      .         .
succeeded   .      .       .        .    .         .      .         .         .       .      .         .
failed      .      .       .        .    .         .      .         .         .       .      .         .
timed_out   .      .       .        .    .         .      .         .         .       .      .         .
cancelled   .      .       .        .    .         .      .         .         .       .      .         .
skipped     .      .       .        .    .         .      .         .         .       .      .         .
missed      .      .       .        .    .         .      .         .         .       .      .         .
coalesced   .      .       .        .    .         .      .         .         .       .      .         .
abandoned   .      .       .        .    .         .      .         .         .       .      .         .
"""


def pairs() -> list[tuple[RunStatus, RunStatus, bool]]:
    heads, *rows = [line.split() for line in TABLE.strip().splitlines()]
    return [
        (RunStatus(row[0]), RunStatus(head), mark == "x")
        for row in rows
        for head, mark in zip(heads, row[1:], strict=True)
    ]


def run_that_is(status: RunStatus) -> RunRow:
    return RunRow("run-1", JobKey("default", "job", 1), Cause.SCHEDULE, NOW, NOW, "", status, NOW)


def test_the_table_covers_every_pair() -> None:
    assert {(before, after) for before, after, _ in pairs()} == {(a, b) for a in RunStatus for b in RunStatus}


@pytest.mark.parametrize(("before", "after", "allowed"), pairs())
def test_a_run_moves_only_as_the_table_says(before: RunStatus, after: RunStatus, allowed: bool) -> None:
    run = run_that_is(before)
    if allowed:
        run.move(after)
        assert run.status is after
    else:
        with pytest.raises(LifecycleError, match=f"run-1 is {before} and cannot become {after}"):
            run.move(after)
        assert run.status is before


def test_the_open_statuses_are_those_that_may_still_change() -> None:
    assert {status for status in RunStatus if status.is_open} == OPEN
    assert {status for status, following in TRANSITIONS.items() if following} == OPEN
    assert {str(status) for status in OPEN} == {"queued", "running", "retrying", "held"}


def test_every_status_is_open_or_terminal() -> None:
    assert set(RunStatus) == OPEN | TERMINAL
    assert not OPEN & TERMINAL


def test_a_run_is_born_waiting_or_refused() -> None:
    assert {str(status) for status in BIRTHS} == {"queued", "skipped", "missed", "coalesced"}


def test_a_status_reads_as_its_word() -> None:
    assert RunStatus.TIMED_OUT == "timed_out"
    assert f"{RunStatus.TIMED_OUT}" == "timed_out"


def test_a_snapshot_keeps_what_the_row_was() -> None:
    row = run_that_is(RunStatus.QUEUED)
    before = row.snapshot()
    row.move(RunStatus.RUNNING)
    row.started_at = NOW + timedelta(seconds=2)

    assert (before.status, before.started_at) == (RunStatus.QUEUED, None)
    assert (row.snapshot().status, row.snapshot().started_at) == (RunStatus.RUNNING, NOW + timedelta(seconds=2))


def test_duration_and_lateness_are_known_once_there_is_an_end_and_a_start() -> None:
    row = run_that_is(RunStatus.QUEUED)
    assert (row.snapshot().duration, row.snapshot().lateness) == (None, None)
    row.started_at = NOW + timedelta(seconds=2)
    assert (row.snapshot().duration, row.snapshot().lateness) == (None, timedelta(seconds=2))
    row.finished_at = NOW + timedelta(seconds=5)

    assert row.snapshot().duration == timedelta(seconds=3)


def test_a_run_shows_what_it_is_at_a_glance() -> None:
    row = run_that_is(RunStatus.SKIPPED)
    row.count, row.reason = 3, "overlap"

    assert repr(row.snapshot()) == "<Run run-1 of 'job' at 2026-03-27T12:00:00+00:00 x 3: skipped (overlap)>"
