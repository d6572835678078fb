"""The cron rules, one by one: which instants an expression denotes. Every expectation is worked out by hand."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from cronkit.errors import ScheduleError
from cronkit.schedules import Cron
from tests.schedules.expectations import at

NEW_YORK = ZoneInfo("America/New_York")


# ---- 1 to 5: a set of instants --------------------------------------------------------------------------------------


def test_rule_1_an_answer_does_not_depend_on_the_questions_before_it() -> None:
    cron = Cron("30 2 * * *", tz="America/New_York")
    first = cron.next(at("2021-03-13T12:00-05:00"))
    cron.previous(at("1950-01-01T00:00+00:00"))
    cron.next(at("2999-01-01T00:00+00:00"))
    assert cron.next(at("2021-03-13T12:00-05:00")) == first == at("2021-03-14T03:00-04:00")


def test_rule_2_next_is_strictly_after_and_previous_strictly_before() -> None:
    cron = Cron("0 10 * * *", tz="UTC")
    assert cron.next(at("2024-05-01T10:00+00:00")) == at("2024-05-02T10:00+00:00")
    assert cron.previous(at("2024-05-01T10:00+00:00")) == at("2024-04-30T10:00+00:00")


def test_rule_2_walking_back_gives_the_list_of_walking_forward() -> None:
    cron = Cron("*/20 0-3 * * *", tz="America/New_York")
    forward = cron.upcoming(60, after=at("2021-11-06T12:00-04:00"))
    backward = [forward[-1]]
    while len(backward) < 60:
        earlier = cron.previous(backward[-1])
        assert earlier is not None
        backward.append(earlier)
    assert backward[::-1] == forward


def test_rule_3_five_fields_mean_second_zero() -> None:
    assert Cron("* * * * *", tz="UTC").next(at("2024-05-01T10:00:01+00:00")) == at("2024-05-01T10:01+00:00")


@pytest.mark.parametrize(
    ("verb", "given", "expected"),
    [
        ("previous", "2024-05-01T10:00:00.500000+00:00", "2024-05-01T10:00+00:00"),
        ("previous", "2024-05-01T10:00:00.000001+00:00", "2024-05-01T10:00+00:00"),
        ("previous", "2024-05-01T09:59:59.999999+00:00", "2024-04-30T10:00+00:00"),
        ("next", "2024-05-01T09:59:59.999999+00:00", "2024-05-01T10:00+00:00"),
        ("next", "2024-05-01T10:00:00.000001+00:00", "2024-05-02T10:00+00:00"),
    ],
)
def test_rule_3_parts_of_a_second_compare_exactly(verb: str, given: str, expected: str) -> None:
    assert getattr(Cron("0 10 * * *", tz="UTC"), verb)(at(given)) == at(expected)


def test_rule_3_between_takes_parts_of_a_second_exactly() -> None:
    cron = Cron("* * * * * *", tz="UTC")
    found = cron.between(at("2024-05-01T10:00:00.500000+00:00"), at("2024-05-01T10:00:02.000001+00:00"))
    assert found == [at("2024-05-01T10:00:01+00:00"), at("2024-05-01T10:00:02+00:00")]


def test_rule_4_an_aware_input_of_any_zone_becomes_an_instant() -> None:
    cron = Cron("0 9 * * *", tz="Europe/London")
    assert cron.next(at("2024-07-01T17:29+09:30")) == at("2024-07-01T09:00+01:00")
    assert cron.next(at("2024-07-01T17:30+09:30")) == at("2024-07-02T09:00+01:00")


def test_rule_4_the_fold_of_an_input_is_honoured() -> None:
    cron = Cron("*/30 * * * *", tz="America/New_York")
    half_past_one = datetime(2021, 11, 7, 1, 30, tzinfo=NEW_YORK)
    assert cron.next(half_past_one).isoformat() == "2021-11-07T01:00:00-05:00"  # type: ignore[union-attr]
    assert cron.next(half_past_one.replace(fold=1)).isoformat() == "2021-11-07T02:00:00-05:00"  # type: ignore[union-attr]


def test_rule_4_results_carry_the_zone_and_the_right_fold() -> None:
    found = Cron("30 * * * *", tz="America/New_York").upcoming(3, after=at("2021-11-07T00:59-04:00"))
    assert [(member.hour, member.fold, member.tzinfo) for member in found] == [
        (1, 0, NEW_YORK),
        (1, 1, NEW_YORK),
        (2, 0, NEW_YORK),
    ]


def test_rule_4_an_input_in_a_gap_is_the_instant_its_offset_says() -> None:
    # 02:30 with the offset before the change, as PEP 495 has it, is 03:30 EDT.
    inside = datetime(2021, 3, 14, 2, 30, tzinfo=NEW_YORK)
    assert Cron("0 * * * *", tz="America/New_York").next(inside) == at("2021-03-14T04:00-04:00")


def test_rule_4_a_cron_without_a_zone_takes_and_returns_naive_readings() -> None:
    cron = Cron("0 9 * * *")
    assert cron.next(datetime(2024, 5, 1, 9)) == datetime(2024, 5, 2, 9)
    assert cron.previous(datetime(2024, 5, 1, 9)) == datetime(2024, 4, 30, 9)
    assert cron.upcoming(1, after=datetime(2024, 5, 1))[0].tzinfo is None
    assert cron.count(datetime(2024, 5, 1), datetime(2024, 6, 1)) == 31


@pytest.mark.parametrize("verb", ["next", "previous"])
def test_rule_4_a_cron_without_a_zone_needs_its_moment_given(verb: str) -> None:
    with pytest.raises(ScheduleError, match=r"zone|tz"):
        getattr(Cron("0 9 * * *"), verb)()


@pytest.mark.parametrize(
    ("zone", "moment"), [(None, datetime(2024, 5, 1, tzinfo=UTC)), ("Europe/Paris", datetime(2024, 5, 1))]
)
def test_rule_4_mixing_naive_and_aware_raises(zone: str | None, moment: datetime) -> None:
    cron = Cron("0 9 * * *", tz=zone)
    with pytest.raises(ScheduleError):
        cron.next(moment)
    with pytest.raises(ScheduleError):
        cron.previous(moment)
    with pytest.raises(ScheduleError):
        cron.between(moment, moment)
    with pytest.raises(ScheduleError):
        cron.count(moment, moment)
    with pytest.raises(ScheduleError):
        cron.upcoming(1, after=moment)


def test_rule_4_between_takes_its_start_in_and_leaves_its_end_out() -> None:
    cron = Cron("0 * * * *", tz="UTC")
    found = cron.between(at("2024-05-01T10:00+00:00"), at("2024-05-01T12:00+00:00"))
    assert [member.hour for member in found] == [10, 11]
    assert cron.count(at("2024-05-01T10:00+00:00"), at("2024-05-01T12:00+00:00")) == 2


def test_rule_4_an_empty_or_reversed_window_holds_nothing() -> None:
    cron = Cron("* * * * *", tz="UTC")
    now, earlier = at("2024-05-01T10:00+00:00"), at("2024-05-01T09:00+00:00")
    assert (cron.between(now, now), cron.between(now, earlier)) == ([], [])
    assert (cron.count(now, now), cron.count(now, earlier)) == (0, 0)


def test_rule_5_every_field_must_match() -> None:
    cron = Cron("15 30 6 4 7 ? 2026", tz="UTC")
    assert cron.upcoming(3, after=at("2000-01-01T00:00+00:00")) == [at("2026-07-04T06:30:15+00:00")]


def test_a_fixed_offset_is_a_zone() -> None:
    cron = Cron("0 9 * * *", tz=timezone(timedelta(hours=5, minutes=45)))
    assert cron.next(at("2024-05-01T00:00+00:00")) == at("2024-05-01T09:00+05:45")


def test_start_and_end_bound_the_set() -> None:
    cron = Cron("0 9 * * *", tz="UTC", start=at("2024-05-03T09:00+00:00"), end=at("2024-05-05T09:00+00:00"))
    first, second = at("2024-05-03T09:00+00:00"), at("2024-05-04T09:00+00:00")
    assert cron.upcoming(5, after=at("2024-01-01T00:00+00:00")) == [first, second]
    assert cron.next(second) is None
    assert cron.previous(first) is None
    assert cron.previous(at("2030-01-01T00:00+00:00")) == second
    assert cron.count(at("2000-01-01T00:00+00:00"), at("2030-01-01T00:00+00:00")) == 2


# ---- 6 to 8: the day rule and what is starred -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "weekdays", "expected"),
    [
        # January 2024 starts on a Monday; its Mondays are 1, 8, 15, 22 and 29.
        ("13", "MON", [1, 8, 13, 15, 22, 29]),
        ("13", "+MON", []),
        ("15", "+MON", [15]),
        ("1-7", "+MON,FRI", [1, 5]),
        ("*", "MON", [1, 8, 15, 22, 29]),
        ("?", "MON", [1, 8, 15, 22, 29]),
        ("13", "*", [13]),
        ("13", "?", [13]),
        ("*/2", "MON", [1, 15, 29]),
        ("*,13", "MON", [1, 8, 15, 22, 29]),
        ("13,*", "MON", list(range(1, 32))),
        ("1-31", "MON", list(range(1, 32))),
        ("13", "0-6", list(range(1, 32))),
        ("13", "*,MON", [13]),
        ("13", "MON,*", list(range(1, 32))),
        ("13", "*/2", [13]),  # a Saturday, 6
        ("12", "*/2", []),  # a Friday, 5
        ("1-7", "*/7", [7]),  # the first Sunday
        ("*/100,1-7", "MON", [1]),  # the first Monday
        ("L", "MON", [1, 8, 15, 22, 29, 31]),
        ("15W", "MON#2", [8, 15]),
        ("?", "?", list(range(1, 32))),
    ],
)
def test_rule_6_a_star_in_either_day_field_asks_for_both(days: str, weekdays: str, expected: list[int]) -> None:
    cron = Cron(f"0 0 {days} * {weekdays}")
    assert [member.day for member in cron.between(datetime(2024, 1, 1), datetime(2024, 2, 1))] == expected


def test_rule_6_friday_the_thirteenth_needs_the_plus() -> None:
    found = Cron("0 0 13 * +FRI").between(datetime(2024, 1, 1), datetime(2026, 1, 1))
    assert [member.date().isoformat() for member in found] == ["2024-09-13", "2024-12-13", "2025-06-13"]


@pytest.mark.parametrize(
    ("text", "options", "runs"),
    [
        # 01:00 to 02:00 happens twice: what is starred runs in both hours, what is fixed in the first alone.
        ("* 1 * * *", {}, 120),
        ("*/7 1 * * *", {}, 18),
        ("*,5 1 * * *", {}, 120),
        ("5,* 1 * * *", {}, 60),
        ("0-59 1 * * *", {}, 60),
        ("0-59/15 1 * * *", {}, 4),
        ("0/15 1 * * *", {}, 4),
        ("0 1 * * *", {}, 1),
        ("0 * * * *", {}, 25),
        ("0 */1 * * *", {}, 25),
        ("0 0-23 * * *", {}, 24),
        ("H/15 1 * * *", {"seed": "a job"}, 8),
        ("H 1 * * *", {"seed": "a job"}, 1),
        ("0 0/15 1 * * ?", {"dialect": "quartz"}, 8),
        ("0 00/15 1 * * ?", {"dialect": "quartz"}, 8),
        ("0 5/15 1 * * ?", {"dialect": "quartz"}, 4),
        ("0 05/15 1 * * ?", {"dialect": "quartz"}, 4),
        ("0/30 30 1 * * ?", {"dialect": "quartz"}, 4),
        ("*/30 30 1 * * *", {}, 4),
        ("0,30 30 1 * * *", {}, 2),
        ("30 1 * * * */30", {"dialect": "croniter"}, 4),
        ("@hourly", {}, 25),
        ("@daily", {}, 1),
    ],
)
def test_rules_7_and_8_what_is_starred_runs_through_a_fold(text: str, options: dict[str, str], runs: int) -> None:
    cron = Cron(text, tz="America/New_York", **options)
    assert cron.count(at("2021-11-07T00:00-04:00"), at("2021-11-08T00:00-05:00")) == runs


# ---- 18 and 20: limits, and the same everywhere ----------------------------------------------------------------------


def test_rule_18_past_the_last_listed_year_there_is_nothing() -> None:
    cron = Cron("0 0 0 1 1 * 2020-2021", tz="Europe/Paris")
    assert cron.next(at("2021-01-01T00:00+01:00")) is None
    assert cron.previous(at("2020-01-01T00:00+01:00")) is None
    assert cron.previous(at("2400-01-01T00:00+00:00")) == at("2021-01-01T00:00+01:00")


def test_rule_18_the_search_ends_after_400_years() -> None:
    cron = Cron("0 0 0 1 1 * 3000", tz="UTC")
    assert cron.next(at("2500-01-01T00:00+00:00")) is None
    assert cron.next(at("2700-01-01T00:00+00:00")) == at("3000-01-01T00:00+00:00")
    assert cron.previous(at("3500-01-01T00:00+00:00")) is None


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati", "Etc/GMT+12"])
def test_rule_18_the_limits_of_datetime_give_none_and_no_overflow(zone: str) -> None:
    cron = Cron("* * * * *", tz=zone)
    assert cron.next(datetime.max.replace(tzinfo=UTC)) is None
    assert cron.previous(datetime.min.replace(tzinfo=UTC)) is None
    assert cron.next(datetime.max.replace(tzinfo=ZoneInfo(zone))) is None
    assert cron.previous(datetime.min.replace(tzinfo=ZoneInfo(zone))) is None


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_rule_18_the_first_and_last_days_of_datetime_are_searched(zone: str) -> None:
    cron = Cron("0 12 * * *", tz=zone)
    first, last = cron.next(datetime.min.replace(tzinfo=UTC)), cron.previous(datetime.max.replace(tzinfo=UTC))
    assert first is not None
    assert last is not None
    assert (first.year, first.month, first.hour) == (1, 1, 12)
    assert (last.year, last.month, last.day, last.hour) == (9999, 12, 31, 12)


def test_rule_18_naive_limits_give_none() -> None:
    cron = Cron("* * * * *")
    assert cron.next(datetime.max) is None
    assert cron.previous(datetime.min) is None
    assert cron.next(datetime.min) == datetime(1, 1, 1, 0, 1)
    assert cron.previous(datetime.max) == datetime(9999, 12, 31, 23, 59)


@pytest.mark.parametrize(
    "text",
    [
        "0 0 31 2 *",
        "0 0 30 2 ?",
        "0 0 31 4,6,9,11 *",
        "0 0 31W 2 *",
        "0 0 L-29 2 *",
        "0 0 31 2 +MON",
        "0 0 30 2 */2",
        "0 0 1 * +MON#2",
        "0 0 */100 * MON#4",
        "0 0 29 2 +MON#1",
        "0 0 0 29 2 * 2025-2027",
        "0 0 0 13 1 +FRI 2024",
    ],
)
def test_rule_18_what_can_never_match_is_refused_when_parsed(text: str) -> None:
    with pytest.raises(ScheduleError):
        Cron(text)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("0 0 31 2 MON", "2024-02-05"),  # the other day field suffices
        ("0 0 29 2 *", "2024-02-29"),
        ("0 0 29 2 +MON", "2044-02-29"),
        ("0 0 29W 2 *", "2024-02-29"),
        ("0 0 L-28 2 *", "2024-02-01"),
        ("0 0 * 2 MON#5", "2044-02-29"),
    ],
)
def test_rule_18_what_matches_rarely_is_legal(text: str, first: str) -> None:
    assert Cron(text).next(datetime(2024, 1, 1)) == at(first)


def test_rule_20_a_plain_schedule_is_its_text() -> None:
    assert str(Cron("0 9 * * MON-FRI")) == "0 9 * * MON-FRI"


def test_rule_20_a_text_with_a_zone_still_reads_back_as_the_same_schedule() -> None:
    cron = Cron("0 9 * * MON-FRI", tz="Europe/London")
    assert Cron(str(cron)) == cron
