"""Rules 9 to 17: what becomes of a schedule where clocks change. Every expectation is worked out by hand."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from cronkit.schedules import Cron
from tests.schedules.expectations import at, instants


def upcoming(text: str, zone: str, after: str, n: int, **options: str) -> list[str]:
    """The next n occurrences as ISO text without the seconds, which are :00 in these tests."""
    found = Cron(text, tz=zone, **options).upcoming(n, after=at(after))
    assert all(member.second == 0 for member in found)
    return [member.isoformat(timespec="minutes") for member in found]


def on_day(text: str, zone: str, day: str, **options: str) -> list[str]:
    """All occurrences of one local day, as HH:MM and the offset."""
    start = at(day).replace(tzinfo=ZoneInfo(zone))
    stop = (at(day) + timedelta(days=1)).replace(tzinfo=ZoneInfo(zone))
    return [member.isoformat()[11:] for member in Cron(text, tz=zone, **options).between(start, stop)]


# ---- 9 to 15: offset changes ----------------------------------------------------------------------------------------


def test_rule_9_nothing_is_made_up_for_a_gap() -> None:
    assert on_day("*/30 1-3 * * *", "America/New_York", "2021-03-14") == [
        "01:00:00-05:00",
        "01:30:00-05:00",
        "03:00:00-04:00",
        "03:30:00-04:00",
    ]


def test_rule_10_a_repeated_reading_runs_once_at_its_first_instant() -> None:
    assert on_day("0,30 1 * * *", "Europe/London", "2021-10-31") == ["01:00:00+01:00", "01:30:00+01:00"]


def test_rule_10_three_hours_apart_is_still_one_run() -> None:
    # Casey went from +11:00 back to +08:00 on 2010-03-05 at 02:00.
    found = upcoming("30 23 * * *", "Antarctica/Casey", "2010-03-04T00:00+11:00", 2)
    assert found == ["2010-03-04T23:30+11:00", "2010-03-05T23:30+08:00"]


def test_rule_11_a_skipped_reading_runs_at_the_change() -> None:
    assert on_day("30 2 * * *", "America/New_York", "2021-03-14") == ["03:00:00-04:00"]


def test_rule_11_three_hours_skipped_still_run() -> None:
    # Casey went from +08:00 to +11:00 on 2009-10-18 at 02:00.
    assert on_day("30 4 * * *", "Antarctica/Casey", "2009-10-18") == ["05:00:00+11:00"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30 0 4 11 *", ["2018-11-04T01:00-02:00", "2019-11-04T00:30-03:00"]),  # the skipped reading has its own date
        ("30 0 * * SUN", ["2018-11-04T01:00-02:00", "2018-11-11T00:30-02:00"]),
        ("@daily", ["2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00"]),
    ],
)
def test_rule_11_holds_at_midnight(text: str, expected: list[str]) -> None:
    assert upcoming(text, "America/Sao_Paulo", "2018-11-03T12:00-03:00", 2) == expected


@pytest.mark.parametrize("text", ["0,30 2 * * *", "0 2,3 * * *", "0,15,30,45 2 * * *", "0 2-3 * * *"])
def test_rule_12_several_skipped_readings_and_an_ordinary_run_are_one_run(text: str) -> None:
    assert on_day(text, "America/New_York", "2021-03-14") == ["03:00:00-04:00"]


def test_rule_13_a_skipped_day_does_not_run_late() -> None:
    # Samoa left out 2011-12-30.
    found = upcoming("0 12 * * *", "Pacific/Apia", "2011-12-28T13:00-10:00", 2)
    assert found == ["2011-12-29T12:00-10:00", "2011-12-31T12:00+14:00"]


def test_rule_13_a_run_on_the_skipped_date_waits_for_the_next_one() -> None:
    found = upcoming("0 12 30 * *", "Pacific/Apia", "2011-12-01T00:00-10:00", 1)
    assert found == ["2012-01-30T12:00+14:00"]


def test_rule_13_a_repeated_day_runs_again() -> None:
    # Kwajalein lived 1969-09-30 nearly twice.
    found = upcoming("0 12 * * *", "Pacific/Kwajalein", "1969-09-29T13:00+11:00", 3)
    assert found == ["1969-09-30T12:00+11:00", "1969-09-30T12:00-12:00", "1969-10-01T12:00-12:00"]


class OneChange(tzinfo):
    """A zone whose only change is at noon of 2024-06-15 in UTC."""

    def __init__(self, before: timedelta, after: timedelta) -> None:
        self.before, self.after = before, after
        self.instant = datetime(2024, 6, 15, 12)

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None
        low, high = sorted((self.instant + self.before, self.instant + self.after))
        reading = moment.replace(tzinfo=None)
        return self.after if reading >= high or (reading >= low and moment.fold) else self.before

    def fromutc(self, moment: datetime) -> datetime:
        instant = moment.replace(tzinfo=None)
        offset = self.before if instant < self.instant else self.after
        repeated = instant >= self.instant and instant + offset < self.instant + self.before
        return (moment + offset).replace(fold=repeated)

    def dst(self, moment: datetime | None) -> None:
        return None

    def tzname(self, moment: datetime | None) -> str:
        return "one change"


@pytest.mark.parametrize(("hours", "runs"), [(3, ["15:00"]), (timedelta(hours=3, seconds=1) / timedelta(hours=1), [])])
def test_rule_13_begins_a_second_above_three_hours_of_gap(hours: float, runs: list[str]) -> None:
    zone = OneChange(timedelta(0), timedelta(hours=hours))
    day = Cron("30 13 * * *", tz=zone).between(at("2024-06-15T00:00Z"), at("2024-06-15T20:00Z"))
    assert [f"{member:%H:%M}" for member in day] == runs


@pytest.mark.parametrize(("hours", "runs"), [(3, 1), (timedelta(hours=3, seconds=1) / timedelta(hours=1), 2)])
def test_rule_13_begins_a_second_above_three_hours_of_fold(hours: float, runs: int) -> None:
    zone = OneChange(timedelta(hours=hours), timedelta(0))
    cron = Cron("30 13 * * *", tz=zone)
    assert cron.count(at("2024-06-15T10:00Z"), at("2024-06-15T20:00Z")) == runs


@pytest.mark.parametrize("text", ["0 30 1 7 11 * *", "0 30 1 7 11 * 2021"])
def test_rule_9_a_yearly_reading_that_is_repeated_is_found_both_times_from_either_side(text: str) -> None:
    cron = Cron(text, tz="America/New_York", dst="literal")
    first, second = at("2021-11-07T01:30-04:00"), at("2021-11-07T01:30-05:00")
    assert instants([cron.next(first), cron.previous(second)]) == [second, first]


@pytest.mark.parametrize("text", ["0 30 1 31 10 * *", "0 30 1 31 10 * 2021"])
@pytest.mark.parametrize("dst", ["vixie", "literal", "once"])
def test_a_yearly_reading_is_found_from_before_it_in_the_second_hour_of_a_fold(text: str, dst: str) -> None:
    cron = Cron(text, tz="Europe/London", dst=dst)
    assert instants([cron.previous(at("2021-10-31T01:15+00:00"))]) == [at("2021-10-31T01:30+01:00")]


@pytest.mark.parametrize(
    ("text", "zone", "day", "expected"),
    [
        ("30 1 * * *", "Europe/Dublin", "2021-10-31", ["01:30:00+01:00"]),
        ("30 1 * * *", "Europe/Dublin", "2021-03-28", ["02:00:00+01:00"]),
        ("30 2 * * *", "Africa/Casablanca", "2021-04-11", ["02:30:00+01:00"]),
        ("30 2 * * *", "Africa/Casablanca", "2021-05-16", ["03:00:00+01:00"]),
        ("45 2 * * *", "America/Caracas", "2007-12-09", ["02:45:00-04:00"]),
        ("45 2 * * *", "America/Caracas", "2016-05-01", ["03:00:00-04:00"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2021-10-03", ["02:30:00+11:00"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2021-04-04", ["01:45:00+11:00"]),
        ("*/15 1 * * *", "Australia/Lord_Howe", "2021-04-04", ["01:00", "01:15", "01:30", "01:45", "01:30", "01:45"]),
        ("30 1,2 * * *", "Antarctica/Troll", "2021-03-28", ["03:00:00+02:00"]),
        ("30 2 * * *", "Antarctica/Troll", "2021-10-31", ["02:30:00+02:00"]),
    ],
)
def test_rule_14_only_the_offset_decides(text: str, zone: str, day: str, expected: list[str]) -> None:
    assert [found[: len(expected[0])] for found in on_day(text, zone, day)] == expected


def test_rule_15_an_offset_may_have_seconds() -> None:
    found = Cron("0 9 * * *", tz="America/New_York").next(at("1883-11-01T00:00+00:00"))
    assert found is not None
    assert found.astimezone(UTC) == at("1883-11-01T13:56:02+00:00")
    assert found.isoformat() == "1883-11-01T09:00:00-04:56:02"


def test_rule_15_a_skipped_reading_runs_at_the_very_second_of_the_change() -> None:
    # Liberia's clocks went from 00:00:00 to 00:44:30 on 1972-01-07.
    found = Cron("0,30 0 * * *", tz="Africa/Monrovia").upcoming(3, after=at("1972-01-06T12:00+00:00"))
    assert [member.isoformat() for member in found] == [
        "1972-01-07T00:44:30+00:00",
        "1972-01-08T00:00:00+00:00",
        "1972-01-08T00:30:00+00:00",
    ]


def test_rule_15_minutes_of_mean_time_fall_on_odd_seconds_of_utc() -> None:
    found = Cron("* * * * *", tz="Africa/Monrovia").next(at("1971-06-01T00:00:00+00:00"))
    assert found is not None
    assert found.astimezone(UTC) == at("1971-06-01T00:00:30+00:00")


# ---- 16 to 18: New York, the modes, the limits ----------------------------------------------------------------------


def test_rule_16_the_list_for_new_york_in_spring() -> None:
    for text in ("30 2 * * *", "0,30 2 * * *", "0 2,3 * * *"):
        assert on_day(text, "America/New_York", "2021-03-14") == ["03:00:00-04:00"]
    assert on_day("*/15 2 * * *", "America/New_York", "2021-03-14") == []


def test_rule_16_the_list_for_new_york_in_autumn() -> None:
    assert on_day("30 1 * * *", "America/New_York", "2021-11-07") == ["01:30:00-04:00"]
    assert on_day("*/15 1 * * *", "America/New_York", "2021-11-07") == [
        f"01:{minute:02d}:00{offset}" for offset in ("-04:00", "-05:00") for minute in (0, 15, 30, 45)
    ]


def test_rule_16_searching_from_the_second_of_the_two_hours() -> None:
    cron = Cron("30 1 * * *", tz="America/New_York")
    assert cron.next(at("2021-11-07T01:10-05:00")) == at("2021-11-08T01:30-05:00")
    found = cron.previous(at("2021-11-07T01:15-05:00"))
    assert found is not None
    assert found.isoformat() == "2021-11-07T01:30:00-04:00"


@pytest.mark.parametrize(
    ("text", "dst", "spring", "autumn"),
    [
        ("30 1,2 * * *", "vixie", ["01:30:00-05:00", "03:00:00-04:00"], ["01:30:00-04:00", "02:30:00-05:00"]),
        ("30 1,2 * * *", "once", ["01:30:00-05:00"], ["01:30:00-04:00", "02:30:00-05:00"]),
        ("30 1,2 * * *", "literal", ["01:30:00-05:00"], ["01:30:00-04:00", "01:30:00-05:00", "02:30:00-05:00"]),
        ("*/30 1 * * *", "once", ["01:00:00-05:00", "01:30:00-05:00"], ["01:00:00-04:00", "01:30:00-04:00"]),
    ],
)
def test_rule_17_each_mode_has_its_own_reading_of_a_change(
    text: str, dst: str, spring: list[str], autumn: list[str]
) -> None:
    assert on_day(text, "America/New_York", "2021-03-14", dst=dst) == spring
    assert on_day(text, "America/New_York", "2021-11-07", dst=dst) == autumn


def test_rule_17_once_holds_for_a_repeated_day_too() -> None:
    found = upcoming("0 12 * * *", "Pacific/Kwajalein", "1969-09-29T13:00+11:00", 2, dst="once")
    assert found == ["1969-09-30T12:00+11:00", "1969-10-01T12:00-12:00"]


def test_rule_17_a_seconds_field_does_not_switch_the_rule_off() -> None:
    assert on_day("15 30 2 * * *", "America/New_York", "2021-03-14") == ["03:00:00-04:00"]
    assert on_day("15 30 1 * * *", "America/New_York", "2021-11-07") == ["01:30:15-04:00"]
