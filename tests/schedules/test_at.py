"""At: one or several instants; and Manual, which has none."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cronkit.errors import ScheduleError
from cronkit.schedules import At, Manual, schedule_from_json
from tests.schedules.expectations import at, instants

START, STOP = at("2000-01-01T00:00+00:00"), at("2100-01-01T00:00+00:00")


def test_one_instant_occurs_once() -> None:
    once = At("2027-01-01T09:00+01:00")
    assert once.next(START) == at("2027-01-01T09:00+01:00")
    assert once.next(at("2027-01-01T08:00+00:00")) is None
    assert once.previous(STOP) == at("2027-01-01T08:00+00:00")
    assert once.previous(at("2027-01-01T08:00+00:00")) is None


def test_several_instants_come_in_order_and_once_each() -> None:
    several = At("2027-03-01T00:00Z", "2027-01-01T09:00+01:00", "2027-01-01T08:00Z")
    assert several.upcoming(9, after=START) == [at("2027-01-01T08:00+00:00"), at("2027-03-01T00:00+00:00")]
    assert several.count(START, STOP) == 2


def test_a_part_of_a_second_is_kept() -> None:
    assert At("2027-01-01T09:00:00.250Z").next(START) == at("2027-01-01T09:00:00.250000+00:00")


@pytest.mark.parametrize(
    "instant", [datetime(2027, 1, 1, 9, tzinfo=UTC), "2027-01-01T09:00Z", "2027-01-01 09:00:00+00:00"]
)
def test_text_and_datetime_are_one_schedule(instant: datetime | str) -> None:
    assert At(instant) == At(datetime(2027, 1, 1, 9, tzinfo=UTC))
    assert hash(At(instant)) == hash(At(datetime(2027, 1, 1, 9, tzinfo=UTC)))


def test_an_instant_with_an_offset_needs_no_zone() -> None:
    assert At("2027-01-01T09:00+01:00").bind(tz="Asia/Tokyo").next(START) == at("2027-01-01T08:00+00:00")


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ("2021-03-14T02:30", "2021-03-14T03:00-04:00"),  # skipped: at the change
        ("2021-11-07T01:30", "2021-11-07T01:30-04:00"),  # repeated: the first
        ("2021-07-01T09:00", "2021-07-01T09:00-04:00"),
    ],
)
def test_a_reading_follows_the_rules_of_fixed_times(reading: str, expected: str) -> None:
    assert instants(At(reading, tz="America/New_York").upcoming(2, after=START)) == [at(expected)]


def test_two_skipped_readings_are_one_occurrence() -> None:
    both = At("2021-03-14T02:15", "2021-03-14T02:45", "2021-03-14T03:00", tz="America/New_York")
    assert both.count(START, STOP) == 1


def test_a_reading_without_a_zone_waits_for_one() -> None:
    reading = At("2027-01-01T09:00")
    with pytest.raises(ScheduleError):
        reading.next(START)
    assert reading.bind(tz="Europe/Paris").next(START) == at("2027-01-01T09:00+01:00")


def test_now_is_the_instant_at_which_it_is_bound() -> None:
    now = at("2027-01-01T09:00:00.123456+00:00")
    bound = At("now").bind(now=now)
    assert bound.upcoming(5, after=START) == [now]
    assert bound.bind(now=now + timedelta(days=1)) == bound


def test_now_that_is_not_bound_refuses_to_guess() -> None:
    with pytest.raises(ScheduleError):
        At("now").next(START)


def test_now_keeps_its_meaning_in_json() -> None:
    assert schedule_from_json(At("now").to_json()) == At("now")


def test_a_bare_date_is_refused_with_the_remedy() -> None:
    with pytest.raises(ScheduleError, match="T00:00"):
        At("2027-01-01")


@pytest.mark.parametrize(
    "instant",
    [
        "",
        " ",
        "tomorrow",
        "20270101",
        "2027-W01",
        "2027-01",
        "2027-13-01T00:00Z",
        "2027-01-01T25:00Z",
        "2027-02-30T09:00Z",
        "2027-01-01T09:00Europe/Paris",
        "٢٠٢٧-01-01T09:00Z",
        None,
        5,
        1.5,
        b"2027-01-01T09:00Z",
        date(2027, 1, 1),
        [],
        "2027-01-01T09:00Z\x00",
        "�",
    ],
)
def test_what_is_no_instant_is_refused(instant: object) -> None:
    with pytest.raises(ScheduleError):
        At(instant)  # type: ignore[arg-type]


def test_no_instant_at_all_is_refused() -> None:
    with pytest.raises(ScheduleError):
        At()


def test_a_manual_schedule_never_occurs_by_itself() -> None:
    manual = Manual()
    assert manual.next(START) is None
    assert manual.previous(STOP) is None
    assert manual.upcoming(5, after=START) == manual.between(START, STOP) == []
    assert manual.count(START, STOP) == 0
    assert manual.lint(after=START) == ()
    assert Manual() == manual
    assert hash(Manual()) == hash(manual)


@pytest.mark.parametrize("offset", ["+01:75", "-00:60", "+01:00:60"])
def test_an_offset_of_more_than_59_minutes_or_seconds_is_refused(offset: str) -> None:
    with pytest.raises(ScheduleError, match="59") as caught:
        At(f"2027-01-01T09:00{offset}")
    assert caught.value.column == 17


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("0000-01-01T00:00", 1),
        ("2027-13-01T00:00", 6),
        ("2027-02-30T00:00", 9),
        ("2027-01-01T25:00", 12),
        ("2027-01-01T00:61", 15),
        ("2027-01-01T00:00:61", 18),
        ("2027-01-01T00:00+24:00", 17),
        ("2027-01-01T00:00:00.5+24:00", 22),
    ],
)
def test_a_part_of_the_date_that_cannot_be_is_pointed_at(text: str, column: int) -> None:
    with pytest.raises(ScheduleError) as caught:
        At(text)
    assert caught.value.column == column
    assert f"\n  {text}\n  {' ' * (column - 1)}^" in str(caught.value)
