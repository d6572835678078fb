"""The grammar of expressions, row by row of its table."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from cronkit.errors import ScheduleError
from cronkit.schedules import Cron
from tests.schedules.expectations import at, hours, minutes, month_days, months, refusal, week_days

YEAR = (datetime(2024, 1, 1), datetime(2025, 1, 1))

# ---- fields, names, ranges and steps --------------------------------------------------------------------------------


def test_six_fields_begin_with_the_seconds() -> None:
    assert Cron("15 30 6 * * *").next(datetime(2024, 1, 1)) == datetime(2024, 1, 1, 6, 30, 15)


def test_seven_fields_end_with_the_year() -> None:
    found = Cron("0 0 0 1 1 * 2026,2028-2029").upcoming(5, after=datetime(2024, 1, 1))
    assert [member.year for member in found] == [2026, 2028, 2029]


@pytest.mark.parametrize("year", ["1970", "9999", "*", "1970-9999", "2000-2100/50", "2000/4000"])
def test_years_from_1970_to_9999_are_accepted(year: str) -> None:
    assert Cron(f"0 0 0 1 1 * {year}").next(datetime(1969, 6, 1)) is not None or year == "9999"


@pytest.mark.parametrize("year", ["1969", "10000", "0", "2030-2020", "99"])
def test_years_outside_1970_to_9999_and_reversed_years_are_refused(year: str) -> None:
    assert refusal(f"0 0 0 1 1 * {year}").field == "year"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("5", [5]),
        ("05", [5]),
        ("5,7,5", [5, 7]),
        ("5-8", [5, 6, 7, 8]),
        ("5-5", [5]),
        ("8-20/6", [8, 14, 20]),
        ("5/8", [5, 13, 21]),
        ("*/8", [0, 8, 16]),
        ("*/23", [0, 23]),
        ("*/24", [0]),
        ("*/100", [0]),
        ("7/100", [7]),
        ("9-17/100", [9]),
        ("22-2", [0, 1, 2, 22, 23]),
        ("22-2/2", [0, 2, 22]),
        ("23-4/3", [2, 23]),
        ("*", list(range(24))),
        ("*,5", list(range(24))),
        ("1-3,22-23", [1, 2, 3, 22, 23]),
    ],
)
def test_hours_of_each_form(field: str, expected: list[int]) -> None:
    assert hours(field) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [("5/15", [5, 20, 35, 50]), ("50-10/15", [5, 50]), ("*/45", [0, 45]), ("59", [59]), ("58-1", [0, 1, 58, 59])],
)
def test_minutes_of_each_form(field: str, expected: list[int]) -> None:
    assert minutes(field) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("JAN", [1]),
        ("jan,Feb,MAR", [1, 2, 3]),
        ("NOV-FEB", [1, 2, 11, 12]),
        ("11-2/2", [1, 11]),
        ("OCT/2", [10, 12]),
        ("1-JUN/2", [1, 3, 5]),
    ],
)
def test_months_of_each_form(field: str, expected: list[int]) -> None:
    assert months(field) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        # January 2024: Sundays are 7, 14, 21, 28; Mondays 1, 8, 15, 22, 29; Fridays 5, 12, 19, 26.
        ("0", [7, 14, 21, 28]),
        ("7", [7, 14, 21, 28]),
        ("SUN", [7, 14, 21, 28]),
        ("sun", [7, 14, 21, 28]),
        ("MON-FRI", [d for d in range(1, 32) if d % 7 not in (6, 0)]),
        ("FRI-MON", [d for d in range(1, 32) if d % 7 in (5, 6, 0, 1)]),
        ("FRI-MON/2", [5, 7, 12, 14, 19, 21, 26, 28]),  # Friday, Sunday
        ("MON-FRI/2", [1, 3, 5, 8, 10, 12, 15, 17, 19, 22, 24, 26, 29, 31]),
        ("5-7", [d for d in range(1, 32) if d % 7 in (5, 6, 0)]),
        ("0-7", list(range(1, 32))),
        ("7-2", [d for d in range(1, 32) if d % 7 in (0, 1, 2)]),
        ("6-7/1", [6, 7, 13, 14, 20, 21, 27, 28]),
        ("7-7", [7, 14, 21, 28]),
        ("SUN-7", [7, 14, 21, 28]),
        ("1-7/3", [1, 4, 7, 8, 11, 14, 15, 18, 21, 22, 25, 28, 29]),  # Monday, Thursday, Sunday
        ("5/1", [5, 6, 12, 13, 19, 20, 26, 27]),  # ends at Saturday
        ("MON/2", [1, 3, 5, 8, 10, 12, 15, 17, 19, 22, 24, 26, 29, 31]),
        ("SAT-SUN", [6, 7, 13, 14, 20, 21, 27, 28]),
        ("*/7", [7, 14, 21, 28]),
        ("WED-WED", [3, 10, 17, 24, 31]),
    ],
)
def test_days_of_the_week_of_each_form(field: str, expected: list[int]) -> None:
    assert week_days(field) == expected


def test_days_of_the_month_wrap_along_a_cycle_of_31() -> None:
    assert month_days("29-2", "2024-01") == [1, 2, 29, 30, 31]
    assert month_days("29-2", "2023-02") == [1, 2]
    assert month_days("30-4/2", "2024-01") == [1, 3, 30]


# ---- L, W, # and + --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "month", "expected"),
    [
        ("L", "2024-02", [29]),
        ("L", "2023-02", [28]),
        ("l", "2024-04", [30]),
        ("L-3", "2024-01", [28]),
        ("L-30", "2024-01", [1]),
        ("L-30", "2024-02", []),
        ("1,L", "2024-01", [1, 31]),
        ("LW", "2024-03", [29]),  # the 31st is a Sunday
        ("LW", "2024-08", [30]),  # the 31st is a Saturday
        ("LW", "2024-01", [31]),
        ("L-3W", "2024-01", [29]),  # the 28th is a Sunday
        ("L-1W", "2024-03", [29]),  # the 30th is a Saturday
        ("15W", "2024-01", [15]),
        ("13W", "2024-01", [12]),  # a Saturday
        ("14W", "2024-01", [15]),  # a Sunday
        ("1W", "2024-06", [3]),  # a Saturday: never into May
        ("1W", "2024-09", [2]),  # a Sunday
        ("31W", "2024-03", [29]),  # a Sunday: never into April
        ("31W", "2024-04", []),
        ("30W", "2024-02", []),
        ("1W,15W", "2024-06", [3, 14]),
        ("15w,20", "2024-06", [14, 20]),
    ],
)
def test_days_counted_from_the_end_and_nearest_weekdays(field: str, month: str, expected: list[int]) -> None:
    assert month_days(field, month) == expected


@pytest.mark.parametrize(
    ("field", "month", "expected"),
    [
        ("5L", "2024-01", [26]),
        ("FRIL", "2024-01", [26]),
        ("fril", "2024-01", [26]),
        ("0L", "2024-01", [28]),
        ("7L", "2024-01", [28]),
        ("THUL", "2024-02", [29]),
        ("FRI#L", "2024-01", [26]),
        ("5#L", "2024-01", [26]),
        ("FRI#2", "2024-01", [12]),
        ("5#1", "2024-01", [5]),
        ("7#1", "2024-01", [7]),
        ("MON#5", "2024-01", [29]),
        ("MON#5", "2024-02", []),
        ("MON#1,TUE", "2024-01", [1, 2, 9, 16, 23, 30]),
        ("MON#1,FRI#L", "2024-01", [1, 26]),
    ],
)
def test_the_nth_and_the_last_weekday(field: str, month: str, expected: list[int]) -> None:
    assert week_days(field, month) == expected


@pytest.mark.parametrize("day", ["+FRI", "+5", "+MON-FRI", "+FRI#2", "+FRIL", "+MON,FRI"])
def test_a_plus_before_the_day_of_week_is_accepted(day: str) -> None:
    assert Cron(f"0 0 8-31 * {day}").next(datetime(2024, 1, 1)) is not None


# ---- ?, H, aliases, zones -------------------------------------------------------------------------------------------


def test_a_question_mark_stands_alone_in_a_day_field() -> None:
    assert Cron("0 0 ? * MON").count(*YEAR) == 53
    assert Cron("0 0 15 * ?").count(*YEAR) == 12
    assert Cron("0 0 ? * ?").count(*YEAR) == 366


@pytest.mark.parametrize(
    "text", ["? * * * *", "* ? * * *", "0 0 1 ? *", "0 0 ?,1 * *", "0 0 ?/2 * *", "0 0 * * ?,MON", "0 0 * * ?#1"]
)
def test_a_question_mark_elsewhere_is_refused(text: str) -> None:
    refusal(text)


def test_h_needs_a_seed() -> None:
    assert "seed" in str(refusal("H 3 * * *"))


@pytest.mark.parametrize("field", ["H", "H(0-29)", "H/15", "H(0-29)/10", "h"])
def test_h_stays_in_its_range(field: str) -> None:
    seeds = [f"job-{number}" for number in range(40)]
    chosen = [minutes(field, seed=seed) for seed in seeds]
    low, high, step = 0, (29 if "29" in field else 59), int(field.partition("/")[2] or 60)
    for values in chosen:
        assert all(low <= value <= high for value in values)
        assert all(later - earlier == step for earlier, later in pairwise(values))
    assert len({tuple(values) for values in chosen}) > 5


def test_h_with_a_step_covers_its_whole_range() -> None:
    assert all(len(minutes("H/15", seed=str(seed))) == 4 for seed in range(40))


def test_h_in_a_day_field_runs_in_every_month() -> None:
    assert all(Cron("0 0 H * *", seed=f"job-{number}").count(*YEAR) == 12 for number in range(60))


def test_h_picks_a_year_as_well() -> None:
    years = {Cron("0 0 0 1 1 * H(2025-2030)", seed=f"job-{n}").next(datetime(2024, 6, 1)) for n in range(60)}
    assert years == {datetime(year, 1, 1) for year in range(2025, 2031)}


def test_h_spreads_its_fields_apart() -> None:
    pairs = {
        (found.minute, found.hour)
        for seed in range(60)
        if (found := Cron("H H * * *", seed=f"job-{seed}").next(datetime(2024, 1, 1)))
    }
    assert len(pairs) > 50


def test_h_of_one_seed_is_always_the_same() -> None:
    assert Cron("H H * * *", seed="billing") == Cron("H H * * *", seed="billing")
    assert minutes("H", seed="billing") == minutes("H", seed="billing")


@pytest.mark.parametrize("field", ["H(30-10)", "H(0-60)", "H(5)", "H()", "H/0", "H-5", "HH", "H(0-29", "H5"])
def test_malformed_h_is_refused(field: str) -> None:
    refusal(f"{field} * * * *", seed="a job")


@pytest.mark.parametrize(
    ("alias", "text"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
        ("@Daily", "0 0 * * *"),
        ("@HOURLY", "0 * * * *"),
    ],
)
def test_an_alias_is_its_expression(alias: str, text: str) -> None:
    assert Cron(alias).upcoming(30, after=datetime(2024, 1, 1)) == Cron(text).upcoming(30, after=datetime(2024, 1, 1))


@pytest.mark.parametrize("text", ["@reboot", "@REBOOT", "@every 90s", "@fortnightly", "@", "@daily 5", "@ daily"])
def test_other_words_after_an_at_sign_are_refused_with_a_remedy(text: str) -> None:
    refused = refusal(text)
    assert refused.hint or text not in ("@reboot", "@REBOOT", "@every 90s")


@pytest.mark.parametrize("prefix", ["CRON_TZ", "TZ", "cron_tz", "tz"])
def test_a_prefix_names_the_zone(prefix: str) -> None:
    cron = Cron(f"{prefix}=Europe/Paris 0 9 * * *")
    found = cron.next(at("2024-07-01T00:00+00:00"))
    assert found == at("2024-07-01T09:00+02:00")
    assert str(found.tzinfo) == "Europe/Paris"


@pytest.mark.parametrize(
    "text", ["CRON_TZ=Europe/Paris @daily", "TZ=Europe/Paris  0 0 * * *", "TZ=Europe/Paris\t@daily"]
)
def test_a_prefix_goes_before_every_form(text: str) -> None:
    found = Cron(text).next(at("2024-07-01T00:00+00:00"))
    assert found == at("2024-07-02T00:00+02:00")


def test_a_prefix_may_repeat_the_zone_but_not_contradict_it() -> None:
    Cron("CRON_TZ=Europe/Paris 0 9 * * *", tz="Europe/Paris")
    Cron("CRON_TZ=UTC 0 9 * * *", tz=UTC)
    with pytest.raises(ScheduleError):
        Cron("CRON_TZ=Europe/Paris 0 9 * * *", tz="Europe/London")


@pytest.mark.parametrize(
    "text", ["CRON_TZ= 0 9 * * *", "TZ=Europe/Atlantis 0 9 * * *", "TZ=Europe/Paris", "TZ=../x @daily"]
)
def test_a_prefix_without_a_real_zone_is_refused(text: str) -> None:
    refusal(text)


def test_an_unknown_zone_is_refused_with_the_likely_one() -> None:
    refused = refusal("0 9 * * *", tz="Europe/Pariss")
    assert refused.field == "tz"
    assert "Europe/Paris" in str(refused.hint)
