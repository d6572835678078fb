"""Faults seen in other schedulers, each answered as the rules say."""

from datetime import UTC, datetime

import pytest

from cronkit.errors import ScheduleError
from cronkit.schedules import Cron
from tests.schedules.expectations import at, instants


def test_nothing_before_the_start_is_returned_in_the_second_hour_of_a_fold() -> None:
    found = Cron("30 1 * * *", tz="America/New_York").next(at("2021-11-07T01:10-05:00"))
    assert found == at("2021-11-08T01:30-05:00")


def test_half_an_hour_of_change_does_not_lose_six_o_clock() -> None:
    found = Cron("0 */6 * * *", tz="Australia/Lord_Howe").upcoming(3, after=at("2021-10-02T23:00+10:30"))
    assert found == [at("2021-10-03T00:00+10:30"), at("2021-10-03T06:00+11:00"), at("2021-10-03T12:00+11:00")]


def test_half_an_hour_of_change_does_not_lose_half_past_two() -> None:
    found = Cron("30 * * * *", tz="Australia/Lord_Howe").upcoming(3, after=at("2021-10-03T01:00+10:30"))
    assert found == [at("2021-10-03T01:30+10:30"), at("2021-10-03T02:30+11:00"), at("2021-10-03T03:30+11:00")]


def test_fixed_times_in_a_fold_do_not_fire_twice() -> None:
    found = Cron("30 1 * * *", tz="America/New_York").upcoming(2, after=at("2021-11-07T00:00-04:00"))
    assert instants(found) == [at("2021-11-07T01:30-04:00"), at("2021-11-08T01:30-05:00")]


def test_a_reading_that_does_not_exist_is_never_returned() -> None:
    found = Cron("30 2 * * *", tz="America/New_York").next(at("2021-03-14T00:00-05:00"))
    assert found is not None
    assert found.isoformat() == "2021-03-14T03:00:00-04:00"


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def test_the_first_and_the_last_year_do_not_overflow(zone: str) -> None:
    cron = Cron("0 0 29 2 *", tz=zone)
    assert cron.next(at("9996-03-01T00:00+00:00")) is None
    assert cron.previous(at("0004-02-01T00:00+00:00")) is None
    assert cron.previous(datetime.min.replace(tzinfo=UTC)) is None
    assert cron.next(datetime.max.replace(tzinfo=UTC)) is None


def test_an_impossible_day_is_refused_and_not_searched_for() -> None:
    with pytest.raises(ScheduleError):
        Cron("0 0 31 2 *")


def test_a_list_of_100_000_items_is_refused_by_its_length() -> None:
    with pytest.raises(ScheduleError):
        Cron(",".join(["1"] * 100_000) + " * * * *")


def test_friday_to_monday_runs_on_four_days() -> None:
    found = Cron("0 9 * * FRI-MON").upcoming(5, after=datetime(2024, 1, 1, 12))
    assert [f"{member:%a}" for member in found] == ["Fri", "Sat", "Sun", "Mon", "Fri"]


def test_the_second_friday_is_only_the_second() -> None:
    found = Cron("0 9 * * FRI#2").upcoming(3, after=datetime(2024, 1, 1))
    assert [member.day for member in found] == [12, 9, 8]


def test_a_step_after_a_named_day_and_after_a_named_range_counts() -> None:
    week = (datetime(2024, 1, 1), datetime(2024, 1, 8))
    assert [member.day for member in Cron("0 9 * * MON/2").between(*week)] == [1, 3, 5]
    assert [member.day for member in Cron("0 9 * * MON-FRI/2").between(*week)] == [1, 3, 5]


def test_sunday_is_zero() -> None:
    assert Cron("0 0 * * 0").next(datetime(2024, 1, 1)) == datetime(2024, 1, 7)
