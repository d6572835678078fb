"""Rule 18 for every kind of schedule and every verb: datetime's limits give None or fewer, never OverflowError."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cronkit.errors import ScheduleError, SearchLimitError
from cronkit.schedules import At, CalendarInterval, Cron, Every, Manual, Schedule
from tests.schedules import oracle

ZONES = (UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York"), timezone(timedelta(hours=23, minutes=59)))
FIRST = [datetime.min.replace(tzinfo=zone) for zone in ZONES]
LAST = [datetime.max.replace(tzinfo=zone) for zone in ZONES]

SCHEDULES: list[Schedule] = [
    *(Cron("0 0 29 2 *", tz=zone) for zone in (*ZONES, timezone(timedelta(hours=-23, minutes=-59)))),
    *(Cron("* * * * * *", tz=zone) for zone in ("UTC", "Pacific/Kiritimati", "Etc/GMT+12")),
    Cron("30 2 * * *", tz="America/New_York", dst="literal"),
    Cron("0 12 * * *", tz="Asia/Tokyo", dst="once"),
    Every("400d"),
    Every("1ms"),
    Every("99999d", anchor=datetime.max.replace(tzinfo=UTC)),
    CalendarInterval(months=1, start="0001-01-01", tz="Asia/Tokyo"),
    CalendarInterval(days=1, start="0001-01-01", at="23:59", tz="America/New_York"),
    CalendarInterval(years=9_000, start="2000-01-01", tz="UTC"),
    At("0001-01-01T00:00Z", "9999-12-31T23:59:59.999999Z"),
    At("0001-01-01T00:00", tz="Asia/Tokyo"),
    At("9999-12-31T23:59", tz="America/New_York"),
    Manual(),
]
EACH = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


@EACH
def test_searching_from_the_limits_gives_a_moment_or_none(schedule: Schedule) -> None:
    for moment in (*FIRST, *LAST):
        for found in (schedule.next(moment), schedule.previous(moment), *schedule.upcoming(3, after=moment)):
            assert found is None or found.astimezone(UTC) is not None
    assert schedule.next(datetime.max.replace(tzinfo=UTC)) is None
    assert schedule.previous(datetime.min.replace(tzinfo=UTC)) is None


@EACH
def test_a_window_at_a_limit_is_counted_and_listed(schedule: Schedule) -> None:
    early, late = datetime(3, 1, 1, tzinfo=UTC), datetime(9997, 1, 1, tzinfo=UTC)
    for a, b in (*((moment, early) for moment in FIRST), *((late, moment) for moment in LAST)):
        total = schedule.count(a, b)
        if total > 2_000:
            with pytest.raises(SearchLimitError):
                schedule.between(a, b, limit=2_000)
        else:
            assert len(schedule.between(a, b)) == total


@pytest.mark.parametrize(
    ("schedule", "total"),
    [
        (Cron("0 0 29 2 *", tz="UTC"), 2424),
        (Every("400d"), 9130),
        (CalendarInterval(years=400, start="0001-01-01", tz="UTC"), 25),
    ],
    ids=repr,
)
def test_a_window_from_limit_to_limit_is_counted_and_listed(schedule: Schedule, total: int) -> None:
    a, b = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert schedule.count(a, b) == len(schedule.between(a, b)) == total


@EACH
def test_findings_and_descriptions_are_given_at_the_limits(schedule: Schedule) -> None:
    for moment in (*FIRST, *LAST):
        assert isinstance(schedule.lint(after=moment), tuple)
    assert schedule.describe()


@pytest.mark.parametrize("schedule", [Cron("0 0 29 2 *"), CalendarInterval(years=1, start="0001-01-01")], ids=repr)
def test_naive_limits_are_limits_too(schedule: Schedule) -> None:
    assert schedule.next(datetime.max) is None
    assert schedule.previous(datetime.min) is None
    total = schedule.count(datetime.min, datetime.max)
    assert total == len(schedule.between(datetime.min, datetime.max)) > 2_000


@pytest.mark.parametrize("edge", ["start", "end"])
def test_a_window_may_begin_or_end_at_the_limits(edge: str) -> None:
    moment: Any = datetime.min.replace(tzinfo=UTC) if edge == "start" else datetime.max.replace(tzinfo=UTC)
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    for schedule in (Cron("0 0 * * *", tz="Asia/Tokyo", **{edge: moment}), Every("1d", **{edge: moment})):
        assert schedule.next(noon) is not None
        assert schedule.previous(noon) is not None


@pytest.mark.parametrize("days", ["29 2 *", "29W 2 *", "L-28 2 *", "13 1 +FRI", "* 2 FRI#5", "29 2 +MON#5"])
@pytest.mark.parametrize("years", ["1971/4", "2027", "2027,2032", "1972-9999/28", "2100-2103", "9997"])
def test_an_expression_is_refused_just_when_none_of_its_years_has_such_a_day(days: str, years: str) -> None:
    text = f"0 0 0 {days} {years}"
    try:
        Cron(text)
        accepted = True
    except ScheduleError:
        accepted = False
    assert accepted is oracle.read(text).possible()
