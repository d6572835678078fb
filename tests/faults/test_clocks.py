"""Clocks: nodes an hour apart, and a change of summer time while they run."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cronkit import Cron, Every
from cronkit.clock import utc_now
from tests.faults.audit import summary
from tests.faults.herd import Herd, wait_until
from tests.faults.journal import START
from tests.faults.scenarios import close_books
from tests.faults.work import add_mixed_jobs

Measured = Callable[[str], None]
pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

HOUR = timedelta(hours=1)
CHANGES = {
    "spring": (datetime(2026, 3, 29, 1, tzinfo=UTC), "30 2 * * *"),  # 02:30 does not exist, and runs at 03:00
    "autumn": (datetime(2026, 10, 25, 1, tzinfo=UTC), "0 * * * *"),  # 02:00 comes a second time
}


@pytest.mark.parametrize("herd", [{"clock_ahead": HOUR}], indirect=True, ids=["client-ahead"])
def test_clocks_an_hour_apart_change_no_run(herd: Herd, measured: Measured) -> None:
    add_mixed_jobs(herd.scheduler, longest=0.5)
    before = None
    for ahead in (-HOUR, timedelta(), HOUR):  # each dispatches for a while, after the death of the one before it
        (node,) = herd.start_and_wait(clock_ahead=ahead)
        if before is not None:
            herd.kill(before)
        herd.wait_for_starts(20, node)
        before = node
    books = close_books(herd)
    measured(summary(books))
    early = [start for start in herd.saw(START) if start.wall < start.scheduled_at]
    assert not early, "a run has started before its time"
    for run in books.runs.values():
        assert run.started_at is None or abs(run.started_at - utc_now()) < HOUR / 2, "a record has a wrong time"


def test_a_node_whose_clock_is_wrong_from_the_beginning_tells_of_no_jump(herd: Herd) -> None:
    herd.scheduler.add("work", Every("100ms"), id="quick")
    (node,) = herd.start_and_wait(clock_ahead=-HOUR)
    herd.wait_for_starts(5, node)
    assert not herd.saw("ClockJumped")


@pytest.mark.parametrize("season", CHANGES)
def test_a_change_of_summer_time_loses_nothing_and_repeats_nothing(
    tmp_path: Path, measured: Measured, season: str
) -> None:
    change, expression = CHANGES[season]
    (tmp_path / "store").mkdir()
    with Herd(tmp_path / "store", store_ahead=change - timedelta(seconds=2) - utc_now()) as herd:
        add_mixed_jobs(herd.scheduler, longest=0.5)
        herd.scheduler.add("work", Cron(expression, tz="Europe/Paris"), id="at the change")
        first, _ = herd.start_and_wait(2)
        changed = wait_until(lambda: [s for s in herd.saw(START) if s.scheduled_at >= change], "the change has come")
        herd.kill(first)
        herd.wait_for_starts(30, after=changed[0].at)
        measured(summary(close_books(herd)))
        (run,) = herd.scheduler.ledger.runs(job="at the change")
        assert (run.scheduled_at, run.status) == (change, "succeeded")
