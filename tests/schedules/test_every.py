"""Every: elapsed time, aligned to the epoch or to an anchor (rules I3 and I4)."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronkit.errors import ScheduleError
from cronkit.schedules import Every
from tests.schedules.expectations import at
from tests.schedules.strategies import moments

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_without_a_start_it_is_aligned_to_the_epoch() -> None:
    assert Every("15m").next(at("2024-05-01T10:07:30+00:00")) == at("2024-05-01T10:15+00:00")
    assert Every("7d").next(at("2024-05-01T00:00+00:00")) == at("2024-05-02T00:00+00:00")  # a Thursday, as 1970 began


def test_a_start_is_the_anchor_and_the_first_occurrence() -> None:
    every = Every("1h", start=at("2024-05-01T10:07:30+00:00"))
    assert every.next(at("2020-01-01T00:00+00:00")) == at("2024-05-01T10:07:30+00:00")
    assert every.next(at("2024-05-01T10:07:30+00:00")) == at("2024-05-01T11:07:30+00:00")
    assert every.previous(at("2024-05-01T10:07:30+00:00")) is None
    assert every.count(at("2000-01-01T00:00+00:00"), at("2024-05-01T11:07:30+00:00")) == 1


def test_an_anchor_only_aligns() -> None:
    every = Every("1h", anchor=at("2024-05-01T10:07:30+00:00"))
    assert every.next(at("2020-01-01T00:00+00:00")) == at("2020-01-01T00:07:30+00:00")


def test_an_end_is_left_out() -> None:
    every = Every("1h", end=at("2024-05-01T10:00+00:00"))
    assert every.next(at("2024-05-01T08:30+00:00")) == at("2024-05-01T09:00+00:00")
    assert every.next(at("2024-05-01T09:00+00:00")) is None
    assert every.previous(at("2030-01-01T00:00+00:00")) == at("2024-05-01T09:00+00:00")


def test_a_day_is_24_hours_whatever_the_clocks_do() -> None:
    every = Every("1d", start=at("2021-03-13T12:00-05:00"))
    assert every.upcoming(2, after=at("2021-03-13T12:00-05:00")) == [
        at("2021-03-14T13:00-04:00"),
        at("2021-03-15T13:00-04:00"),
    ]


def test_results_are_in_utc() -> None:
    found = Every("1h").next(at("2024-05-01T10:07+02:00"))
    assert found is not None
    assert found.tzinfo is UTC


def test_a_period_may_be_a_part_of_a_second() -> None:
    every = Every("250ms")
    assert every.next(at("2024-05-01T10:00:00.100000+00:00")) == at("2024-05-01T10:00:00.250000+00:00")
    assert every.previous(at("2024-05-01T10:00:00.250000+00:00")) == at("2024-05-01T10:00:00+00:00")
    assert every.count(at("2024-05-01T10:00:00+00:00"), at("2024-05-01T10:00:01+00:00")) == 4


def test_instants_before_the_epoch_are_aligned_alike() -> None:
    assert Every("1h").next(at("1969-12-31T21:30+00:00")) == at("1969-12-31T22:00+00:00")
    assert Every("7s").previous(at("1969-12-31T23:59:59+00:00")) == at("1969-12-31T23:59:53+00:00")


def test_the_limits_of_datetime_give_none() -> None:
    for every in (Every("1h"), Every("400000d"), Every("99999d", anchor=datetime.max.replace(tzinfo=UTC))):
        assert every.next(datetime.max.replace(tzinfo=UTC)) is None
        assert every.previous(datetime.min.replace(tzinfo=UTC)) is None
        assert every.next(datetime.max.replace(tzinfo=ZoneInfo("America/New_York"))) is None
        assert every.previous(datetime.min.replace(tzinfo=ZoneInfo("Asia/Tokyo"))) is None


def test_a_year_of_seconds_is_counted_without_walking() -> None:
    assert Every("1s").count(at("0001-01-02T00:00+00:00"), at("9999-12-30T00:00+00:00")) == 3_652_056 * 86_400


def test_an_edge_that_utc_has_no_year_for_is_described_as_it_was_given() -> None:
    east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
    every = Every("1h", start=datetime(1, 1, 1, tzinfo=east), end=datetime(9999, 12, 31, 23, tzinfo=west))
    assert every.describe() == "Every hour, from 0001-01-01 00:00:00+14:00, before 9999-12-31 23:00:00-12:00"


@pytest.mark.parametrize("period", ["0s", "-1s", 5, None, "", "1:30", timedelta(0), timedelta(days=-1), b"5m", "now"])
def test_what_is_no_period_is_refused(period: object) -> None:
    with pytest.raises(ScheduleError):
        Every(period)  # type: ignore[arg-type]


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ScheduleError):
        Every("1h").next(datetime(2024, 5, 1))
    with pytest.raises(ScheduleError):
        Every("1h").between(datetime(2024, 5, 1), datetime(2024, 5, 2))


def test_text_and_timedelta_are_one_schedule() -> None:
    assert Every("90m") == Every("1h30m") == Every(timedelta(minutes=90))
    assert hash(Every("90m")) == hash(Every("1h30m"))
    assert Every("90m") != Every("91m")
    assert Every("90m") != Every("90m", anchor=at("2024-05-01T00:01+00:00"))


@given(st.integers(1, 10**12), moments(), moments())
def test_the_next_occurrence_is_the_formula(microseconds: int, anchor: datetime, after: datetime) -> None:
    period = timedelta(microseconds=microseconds)
    anchor, after = anchor.astimezone(UTC), after.astimezone(UTC)
    expected = anchor + ((after - anchor) // period + 1) * period
    assert Every(period, anchor=anchor).next(after) == expected
