"""Masks and the search through them, against the calendar of the standard library."""

from calendar import monthrange
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronkit.errors import ScheduleError
from cronkit.schedules.dates import cron_dates
from cronkit.schedules.dialects import DIALECTS
from cronkit.schedules.expression import read_expression
from cronkit.schedules.fields import CronFields
from cronkit.schedules.grammar import span
from cronkit.schedules.monthdays import (
    last_day,
    last_weekday,
    nearest_workday,
    nearest_workday_to_last,
    nth_weekday,
    weekday_days,
)
from cronkit.schedules.strides import DayStride, MonthStride

EPOCH = datetime(1970, 1, 1)
MONTHS = st.tuples(st.integers(1, 9999), st.integers(1, 12))
TEXTS = st.sampled_from(
    [
        "* * * * * *",
        "*/7 3-50/9 */5 * * *",
        "15,45 0 9-17 * * MON-FRI",
        "0 30 2 1,15 * *",
        "0 0 0 L * *",
        "0 0 12 15W,LW * *",
        "0 0 0 13 * FRI",
        "0 0 0 13 * +FRI",
        "5 4 3 29 2 *",
        "0 0 6 * JAN,JUL SUN#1,WEDL",
        "0 0 0 1 1 * 2020-2040/4",
    ]
)
READINGS = st.datetimes(datetime(1960, 1, 1), datetime(2060, 1, 1)).map(
    lambda moment: int((moment - EPOCH).total_seconds())
)


def fields(text: str) -> CronFields:
    return read_expression(text, DIALECTS["default"], None)[2]


def shape(year: int, month: int) -> tuple[int, int]:
    """The weekday of the first day, Sunday being 0, and the length."""
    weekday, length = monthrange(year, month)
    return (weekday + 1) % 7, length


def days(mask: int) -> list[int]:
    return [bit + 1 for bit in range(mask.bit_length()) if mask >> bit & 1]


def weekday_of(year: int, month: int, day: int) -> int:
    return date(year, month, day).isoweekday() % 7


@given(MONTHS, st.integers(0, 127))
def test_the_days_of_some_weekdays_are_those_of_the_calendar(month: tuple[int, int], weekdays: int) -> None:
    first, length = shape(*month)
    expected = [day for day in range(1, length + 1) if weekdays >> weekday_of(*month, day) & 1]
    assert days(weekday_days(first, length, weekdays)) == expected


@given(MONTHS, st.integers(0, 6))
def test_the_nth_and_the_last_weekday_are_those_of_the_calendar(month: tuple[int, int], weekday: int) -> None:
    first, length = shape(*month)
    expected = [day for day in range(1, length + 1) if weekday_of(*month, day) == weekday]
    for n in range(1, 6):
        assert days(nth_weekday(first, length, weekday, n)) == expected[n - 1 : n]
    assert days(last_weekday(first, length, weekday)) == expected[-1:]


@given(MONTHS, st.integers(1, 31))
def test_the_nearest_workday_is_in_the_month_and_no_other_workday_is_nearer(month: tuple[int, int], day: int) -> None:
    first, length = shape(*month)
    found = days(nearest_workday(first, length, day))
    if day > length:
        assert found == []
    else:
        workdays = [other for other in range(1, length + 1) if weekday_of(*month, other) not in (0, 6)]
        assert len(found) == 1
        assert found[0] in workdays
        assert abs(found[0] - day) == min(abs(other - day) for other in workdays)


@given(MONTHS, st.integers(0, 31))
def test_days_are_counted_back_from_the_last(month: tuple[int, int], back: int) -> None:
    first, length = shape(*month)
    assert days(last_day(first, length, back)) == ([length - back] if back < length else [])
    assert nearest_workday_to_last(first, length, back) == nearest_workday(first, length, length - back)


@given(st.integers(0, 70), st.integers(0, 70), st.integers(1, 80))
def test_a_span_is_the_range_of_python(low: int, size: int, step: int) -> None:
    assert span(low, low + size, step) == sum(1 << value for value in range(low, low + size + 1, step))


@given(TEXTS, READINGS)
def test_first_and_last_enclose_a_reading(text: str, reading: int) -> None:
    found = fields(text)
    first, last = found.first(reading), found.last(reading)
    assert first is None or first >= reading
    assert last is None or last <= reading
    assert (first == reading) == (last == reading)
    if first is not None:
        assert found.last(first) == first
        assert first == reading or found.last(first - 1) == last


@given(TEXTS, READINGS, st.integers(0, 3 * 366 * 86_400))
def test_a_count_is_a_walk(text: str, low: int, size: int) -> None:
    found = fields(text)
    if found.times_a_day() > 30:
        size %= 86_400
    reading, number = found.first(low), 0
    while reading is not None and reading < low + size:
        number += 1
        reading = found.first(reading + 1)
    assert found.count(low, low + size) == number


def test_a_search_does_not_depend_on_the_month_it_came_from() -> None:
    found = fields("0 0 0 L * *")
    for year in (2027, 1999, 2100, 1, 9999, 2028):
        reading = int((datetime(year, 2, 3) - EPOCH).total_seconds())
        cron_dates.cache_clear()
        fresh = fields("0 0 0 L * *")
        assert found.first(reading) == fresh.first(reading)


@given(st.lists(st.tuples(st.sampled_from(["first", "last", "count"]), READINGS), max_size=8), READINGS)
def test_expressions_of_one_set_of_dates_do_not_disturb_each_other(asked: list[tuple[str, int]], reading: int) -> None:
    found, other = fields("30 2 L-3,15W 1-9/2 *"), fields("15 4 L-3,15W 1-9/2 *")
    assert found.dates is other.dates
    cron_dates.cache_clear()
    fresh = fields("30 2 L-3,15W 1-9/2 *")
    for question, at in asked:
        getattr(other, question)(*([at, at + 10**7] if question == "count" else [at]))
    assert found.first(reading) == fresh.first(reading)
    assert found.last(reading) == fresh.last(reading)
    assert found.count(reading, reading + 10**8) == fresh.count(reading, reading + 10**8)


def test_dates_that_differ_in_any_field_are_not_shared() -> None:
    texts = ["* * * * *", "* * 1 * *", "* * * 1 *", "* * * * 1", "* * 1 * 1", "* * 1 * +1", "* * L * *", "* * * * 1L"]
    assert len({id(fields(text).dates) for text in texts}) == len(texts)
    assert fields("0 0 0 1 1 * 2027").dates is not fields("0 0 0 1 1 *").dates


@pytest.mark.parametrize(
    "text",
    [
        "0 0 30 2 *",
        "0 0 31 2,4,6,9,11 *",
        "0 0 31W 4 *",
        "0 0 L-30 4 *",
        "0 0 L-29 2 *",
        "0 0 8-31 * +MON#1",
        "0 0 1 * +TUE#2",
        "0 0 0 29 2 * 2027",
        "0 0 0 29 2 * 2100",
        "0 0 0 1 1 +MON 2027",
    ],
)
def test_what_no_calendar_has_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        fields(text)
    assert caught.value.field == "day-of-month"


@pytest.mark.parametrize(
    "text",
    [
        "0 0 29 2 *",
        "0 0 31 1-2 *",
        "0 0 31 2 MON",
        "0 0 L-28 2 *",
        "0 0 L 2 +MON#4",
        "0 0 29 2 +MON#5",
        "0 0 0 29 2 * 2027-2028",
        "0 0 0 29 2 +SUN 2000-2400",
    ],
)
def test_what_some_calendar_has_is_accepted(text: str) -> None:
    assert fields(text).first(0) is not None


@given(st.dates(), st.integers(1, 40), READINGS)
def test_a_stride_of_days_lands_where_dates_do(start: date, stride: int, reading: int) -> None:
    found = DayStride(start, stride, 3600).first(reading)
    origin = int((datetime(start.year, start.month, start.day, 1) - EPOCH).total_seconds())
    later = max(0, -((origin - reading) // (stride * 86_400)))
    expected = origin + later * stride * 86_400
    limit = int((datetime.max - EPOCH) / timedelta(seconds=1))
    assert found == (expected if expected <= limit else None)


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.integers(1, 30), READINGS)
def test_a_stride_of_months_keeps_the_day_and_skips_months_without_it(start: date, stride: int, reading: int) -> None:
    months = MonthStride(start, stride, 0)
    found = months.first(reading)
    assert found is not None
    day = (EPOCH + timedelta(seconds=found)).date()
    assert day.day == start.day
    assert ((day.year - start.year) * 12 + day.month - start.month) % stride == 0
    assert months.last(found) == found
    previous = months.last(reading - 1)
    assert previous is None or months.first(previous + 1) == found
    assert months.count(reading, found + 1) == 1
