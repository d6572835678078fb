"""Promise P8: what a month of downtime costs does not depend on how many occurrences it held."""

import pytest

from cronkit import Missed, Scheduler
from cronkit.testing import simulate

MONTH = 30 * 86_400
"""Seconds, and so occurrences, in 30 days."""


@pytest.mark.parametrize("schedule", ["1s", "* * * * * *"])
@pytest.mark.parametrize(
    ("missed", "rows", "statuses"),
    [
        ("latest", 3, {"succeeded": 2, "coalesced": MONTH - 1}),
        (Missed.latest(within="1h"), 3, {"succeeded": 2, "coalesced": MONTH - 1}),
        ("skip", 4, {"succeeded": 2, "missed": MONTH - 2, "skipped": 1}),
        ("all", 102, {"succeeded": 101, "missed": MONTH - 100}),
        (Missed.all(limit=7), 9, {"succeeded": 8, "missed": MONTH - 7}),
    ],
)
def test_a_month_behind_costs_a_few_rows(
    schedule: str, missed: Missed | str, rows: int, statuses: dict[str, int]
) -> None:
    scheduler = Scheduler()
    scheduler.job(schedule, id="busy", missed=missed)(lambda: None)
    with simulate(scheduler, "2026-01-01T00:00") as sim:
        sim.run_pending()
        sim.suspend("30d")
        assert scheduler.get("busy").counters == statuses
        assert len(sim.runs()) == rows
        sim.advance("1s")
        assert sim.runs()[-1].scheduled_at == sim.now


def test_a_month_of_paused_time_is_one_row() -> None:
    scheduler = Scheduler()
    scheduler.job("1s", id="busy")(lambda: None)
    with simulate(scheduler, "2026-01-01T00:00") as sim:
        sim.run_pending()
        scheduler.pause("busy", reason="migration")
        sim.advance("30d")
        scheduler.resume("busy")
        _, paused = sim.runs()
        assert (paused.status, paused.reason, paused.count) == ("skipped", "paused", MONTH)


def test_a_month_of_refusals_for_one_reason_is_one_row() -> None:
    scheduler = Scheduler()
    scheduler.job("10m", id="stuck")(lambda: None)
    with simulate(scheduler, "2026-01-01T00:00", durations={"stuck": "40d"}) as sim:
        sim.advance("30d")
        stuck, refused = sim.runs()
        assert (refused.status, refused.related_id, refused.count) == ("skipped", stuck.id, MONTH // 600)
