"""CalendarInterval: every so many days, weeks, months or years at a time of day (rule I3)."""

from datetime import date, datetime, time
from typing import Any

import pytest

from cronkit.errors import ScheduleError
from cronkit.schedules import CalendarInterval
from tests.schedules.expectations import at


def dates(schedule: CalendarInterval, n: int, after: str = "1990-01-01T00:00+00:00") -> list[str]:
    return [member.date().isoformat() for member in schedule.upcoming(n, after=at(after))]


def test_every_second_monday_at_nine_in_london() -> None:
    schedule = CalendarInterval(weeks=2, at="09:00", start="2024-01-01", tz="Europe/London")
    assert schedule.upcoming(3, after=at("2024-03-12T00:00+00:00")) == [
        at("2024-03-25T09:00+00:00"),
        at("2024-04-08T09:00+01:00"),
        at("2024-04-22T09:00+01:00"),
    ]


def test_the_first_occurrence_is_the_start_itself() -> None:
    schedule = CalendarInterval(days=3, at="09:00", start="2024-01-01", tz="UTC")
    assert schedule.next(at("1990-01-01T00:00+00:00")) == at("2024-01-01T09:00+00:00")
    assert schedule.previous(at("2024-01-01T09:00+00:00")) is None


def test_weeks_and_days_add_up() -> None:
    assert dates(CalendarInterval(weeks=1, days=3, start="2024-01-01", tz="UTC"), 3) == [
        "2024-01-01",
        "2024-01-11",
        "2024-01-21",
    ]


def test_years_and_months_add_up() -> None:
    assert dates(CalendarInterval(years=1, months=6, start="2024-01-15", tz="UTC"), 3) == [
        "2024-01-15",
        "2025-07-15",
        "2027-01-15",
    ]


def test_a_day_that_the_month_lacks_is_skipped() -> None:
    assert dates(CalendarInterval(months=1, start="2024-01-31", tz="UTC"), 5) == [
        "2024-01-31",
        "2024-03-31",
        "2024-05-31",
        "2024-07-31",
        "2024-08-31",
    ]


def test_a_leap_day_comes_with_leap_years() -> None:
    assert dates(CalendarInterval(years=1, start="2096-02-29", tz="UTC"), 3) == [
        "2096-02-29",
        "2104-02-29",
        "2108-02-29",
    ]


def test_the_count_goes_on_from_the_start_and_not_from_a_shortened_month() -> None:
    assert dates(CalendarInterval(months=2, start="2023-12-31", tz="UTC"), 4) == [
        "2023-12-31",
        "2024-08-31",
        "2024-10-31",
        "2024-12-31",
    ]


def test_a_skipped_time_runs_at_the_change() -> None:
    schedule = CalendarInterval(days=1, at="02:30", start="2021-03-13", tz="America/New_York")
    assert [member.isoformat() for member in schedule.upcoming(3, after=at("2021-03-01T00:00+00:00"))] == [
        "2021-03-13T02:30:00-05:00",
        "2021-03-14T03:00:00-04:00",
        "2021-03-15T02:30:00-04:00",
    ]


def test_a_repeated_time_runs_once() -> None:
    schedule = CalendarInterval(days=1, at="01:30", start="2021-11-06", tz="America/New_York")
    assert schedule.next(at("2021-11-07T01:30-04:00")) == at("2021-11-08T01:30-05:00")


def test_a_skipped_date_does_not_run() -> None:
    schedule = CalendarInterval(days=1, at="12:00", start="2011-12-28", tz="Pacific/Apia")
    assert dates(schedule, 3) == ["2011-12-28", "2011-12-29", "2011-12-31"]


@pytest.mark.parametrize("moment", ["09:30", "09:30:00", time(9, 30)])
def test_the_time_of_day_is_text_or_a_time(moment: str | time) -> None:
    schedule = CalendarInterval(days=1, at=moment, start="2024-01-01", tz="UTC")
    assert schedule == CalendarInterval(days=1, at="09:30", start=date(2024, 1, 1), tz="UTC")


def test_the_time_of_day_may_have_seconds() -> None:
    schedule = CalendarInterval(days=1, at="09:30:15", start="2024-01-01", tz="UTC")
    assert schedule.next(at("2024-01-01T00:00+00:00")) == at("2024-01-01T09:30:15+00:00")


def test_without_a_zone_it_is_naive() -> None:
    schedule = CalendarInterval(days=2, at="09:00", start="2024-01-01")
    assert schedule.next(datetime(2024, 1, 1, 9)) == datetime(2024, 1, 3, 9)
    with pytest.raises(ScheduleError):
        schedule.next()
    assert schedule.bind(tz="Europe/Paris").next(at("2024-01-01T09:00+00:00")) == at("2024-01-03T09:00+01:00")


def test_an_end_is_left_out() -> None:
    schedule = CalendarInterval(days=1, at="09:00", start="2024-01-01", end=at("2024-01-03T09:00+00:00"), tz="UTC")
    assert dates(schedule, 9) == ["2024-01-01", "2024-01-02"]


def test_a_century_is_counted() -> None:
    schedule = CalendarInterval(months=1, start="2000-01-31", tz="Europe/Paris")
    assert schedule.count(at("2000-01-01T00:00+00:00"), at("2400-01-01T00:00+00:00")) == 400 * 7


def test_the_limits_of_datetime_give_none() -> None:
    schedule = CalendarInterval(years=400, start="2000-01-01", tz="UTC")
    assert schedule.next(at("9999-06-01T00:00+00:00")) is None
    assert schedule.previous(at("2000-01-01T00:00+00:00")) is None
    assert CalendarInterval(days=1, start="9999-12-31", tz="UTC").next(at("9999-12-31T00:00+00:00")) is None
    assert CalendarInterval(years=9_000, start="2000-01-01", tz="UTC").next(at("2001-01-01T00:00+00:00")) is None


@pytest.mark.parametrize("lengths", [{"days": 1, "months": 1}, {"weeks": 1, "years": 1}])
def test_days_and_months_do_not_mix_and_the_refusal_says_why(lengths: dict[str, Any]) -> None:
    with pytest.raises(ScheduleError, match=r"(?i)mix|both|either|same|combine"):
        CalendarInterval(**lengths, start="2024-01-01")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"days": 0},
        {"days": -1},
        {"days": 1.5},
        {"days": "1"},
        {"days": True},
        {"days": None},
        {"days": 10**30},
        {"months": -1, "years": 1},
        {"days": 1, "at": "25:00"},
        {"days": 1, "at": "9"},
        {"days": 1, "at": "٠٩:٠٠"},
        {"days": 1, "at": None},
        {"days": 1, "at": 9},
        {"days": 1, "start": None},
        {"days": 1, "start": "2024-02-30"},
        {"days": 1, "start": "yesterday"},
        {"days": 1, "start": 20240101},
        {"days": 1, "tz": "Mars/Olympus"},
        {"days": 1, "tz": 5},
    ],
)
def test_what_makes_no_interval_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ScheduleError):
        CalendarInterval(**{"start": "2024-01-01", **given})  # type: ignore[arg-type]
