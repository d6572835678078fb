"""Durations: rules I1 and I2."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronkit.errors import ScheduleError
from cronkit.schedules import parse_duration
from cronkit.schedules.durations import format_duration, parse_span


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("1h 30m", timedelta(hours=1, minutes=30)),
        ("2 hours", timedelta(hours=2)),
        ("1 hour", timedelta(hours=1)),
        ("2w", timedelta(weeks=2)),
        ("1w2d3h4m5s6ms", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5, milliseconds=6)),
        ("1d", timedelta(hours=24)),
        ("250ms", timedelta(milliseconds=250)),
        ("1.5s", timedelta(seconds=1.5)),
        ("1h30.5m", timedelta(hours=1, minutes=30, seconds=30)),
        ("0.1s", timedelta(milliseconds=100)),
        ("2 days 4 hours", timedelta(days=2, hours=4)),
        ("90 seconds", timedelta(seconds=90)),
        ("5 minutes", timedelta(minutes=5)),
        ("3 weeks", timedelta(weeks=3)),
        ("10 milliseconds", timedelta(milliseconds=10)),
        ("5M", timedelta(minutes=5)),
        ("PT5M", timedelta(minutes=5)),
        ("PT1H30M", timedelta(hours=1, minutes=30)),
        ("P1D", timedelta(days=1)),
        ("P2W", timedelta(weeks=2)),
        ("P1DT12H", timedelta(days=1, hours=12)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("90m", timedelta(minutes=90)),
    ],
)
def test_each_spelling_is_an_exact_duration(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


def test_a_timedelta_is_taken_as_it_is() -> None:
    assert parse_duration(timedelta(minutes=7)) == timedelta(minutes=7)


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "1:30",
        "0s",
        "0h0m",
        "-5m",
        "5m1h",
        "5m5m",
        "1.5h30m",
        "5x",
        "m",
        "5 5m",
        "",
        " ",
        "h5",
        "1h-30m",
        "5m,",
        "1e3s",
        "PT",
        "P",
        "PT0S",
        "P1Y",
        "P1M",
        "PT5",
        "P5M1D",
        "PT1.5H30M",
        "-PT5M",
        "٥m",
        "５m",
        "5µs",
        ".s",
        "1..5s",
        "5.m.",
        "nan s",
    ],
)
def test_what_is_no_positive_duration_with_units_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_duration(text)
    assert isinstance(caught.value.hint, str | None)


@pytest.mark.parametrize("number", [5, 5.0, True, 0, -1, 10**400, float("nan"), float("inf")])
def test_a_bare_number_is_refused_with_the_remedy(number: object) -> None:
    with pytest.raises(ScheduleError, match=r"unit|5s|timedelta"):
        parse_duration(number)  # type: ignore[arg-type]


@pytest.mark.parametrize("period", [timedelta(0), timedelta(seconds=-1)])
def test_a_timedelta_that_is_not_positive_is_refused(period: timedelta) -> None:
    with pytest.raises(ScheduleError):
        parse_duration(period)


def test_a_duration_beyond_what_timedelta_holds_is_refused() -> None:
    with pytest.raises(ScheduleError):
        parse_duration("9999999999999w")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", "unit"),
        ("1:30", "1h30m|unit"),
        ("5m1h", "order|descending|larg"),
        ("5m5m", "once|twice|repeat"),
        ("0s", "zero|positive"),
    ],
)
def test_a_refusal_gives_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ScheduleError, match=f"(?i){reason}"):
        parse_duration(text)


@pytest.mark.parametrize("value", ["0s", "0ms", "PT0S", "0h0m", timedelta()])
def test_what_may_take_no_time_takes_any_duration_of_none(value: str | timedelta) -> None:
    assert parse_span(value) == timedelta()
    with pytest.raises(ScheduleError, match="more than zero"):
        parse_duration(value)


@pytest.mark.parametrize("value", ["0", 0, "-1s", timedelta(seconds=-1)])
def test_what_may_take_no_time_takes_nothing_that_is_no_duration(value: Any) -> None:
    with pytest.raises(ScheduleError):
        parse_span(value)


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=99_999)))
def test_what_is_written_reads_back(period: timedelta) -> None:
    assert parse_duration(format_duration(period)) == period
