"""What a schedule says of itself: plain English, and findings about what may surprise its author."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronkit.schedules import At, CalendarInterval, Cron, Every, Finding, Manual, Schedule
from tests.schedules.expectations import at
from tests.schedules.oracle import Dialect
from tests.schedules.strategies import DIALECTS, expressions

IN_2027 = datetime(2027, 1, 1, tzinfo=UTC)


def findings(schedule: Schedule, after: datetime = IN_2027) -> dict[str, str]:
    return {finding.kind.name: finding.message for finding in schedule.lint(after=after)}


# ---- describe -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", "Every minute"),
        ("* * * * * *", "Every second"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("*/10 * * * * *", "Every 10 seconds"),
        ("0 * * * *", "Every hour"),
        ("0 9 * * *", "At 09:00"),
        ("30 15 10 * * *", "At 10:15:30"),
        ("0 9,12,18 * * SAT,SUN", "At 09:00, 12:00 and 18:00, Saturday and Sunday"),
        ("0 9 * * MON-FRI", "At 09:00, Monday to Friday"),
        ("0 0 * * FRI-MON", "At 00:00, Friday to Monday"),
        ("15 10 L * *", "At 10:15, on the last day of the month"),
        ("0 0 LW * *", "At 00:00, on the last weekday of the month"),
        ("0 0 15W * *", "At 00:00, on the weekday nearest to day 15 of the month"),
        ("0 12 * * FRI#2", "At 12:00, on the second Friday of the month"),
        ("0 12 * * FRIL", "At 12:00, on the last Friday of the month"),
        ("0 0 13 * FRI", "At 00:00, on day 13 of the month or on Friday"),
        ("0 0 13 * +FRI", "At 00:00, on day 13 of the month when that is a Friday"),
        ("0 0 0 1 1 * 2030", "At 00:00, on day 1 of the month, in January, in 2030"),
    ],
)
def test_an_expression_is_described_in_plain_english(text: str, expected: str) -> None:
    assert Cron(text).describe() == expected


def test_a_zone_is_named_by_its_city() -> None:
    assert Cron("0 9 * * MON-FRI", tz="America/New_York").describe() == "At 09:00, Monday to Friday, New York time"
    assert Cron("0 9 * * *", tz="UTC").describe() == "At 09:00, UTC"


def test_the_dialect_decides_what_a_day_number_means() -> None:
    assert "Monday" in Cron("0 0 9 ? * 2", dialect="quartz").describe()
    assert "Tuesday" in Cron("0 0 9 ? * 2").describe()


def test_the_window_is_part_of_the_description() -> None:
    described = Cron("0 9 * * *", tz="UTC", start="2024-01-01T00:00Z", end="2025-01-01T00:00Z").describe()
    assert "2024-01-01" in described
    assert "2025-01-01" in described


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0 0 13 * FRI", "0 0 13 * +FRI"),
        ("0 0 */2 * MON", "0 0 1-31/2 * MON"),
        ("0 0 L * *", "0 0 LW * *"),
        ("0 0 L-1 * *", "0 0 L-2 * *"),
        ("0 0 L-1 * *", "0 0 L-1W * *"),
        ("0 0 15 * *", "0 0 15W * *"),
        ("0 0 * * FRI#1", "0 0 * * FRI#2"),
        ("0 0 * * FRI", "0 0 * * FRI#L"),
        ("*/2 * * * *", "1/2 * * * *"),
        ("*/7 * * * *", "0-49/7 * * * *"),
        ("*/5 * * * *", "*/5 */2 * * *"),
        ("0 0 1 * *", "0 0 1 1 *"),
        ("0 0 1 * * *", "0 0 1 * *"),
        ("* 0 0 * * *", "0 * 0 * * *"),
        ("0 9-17 * * *", "0 9,17 * * *"),
    ],
)
def test_two_expressions_that_differ_are_described_differently(one: str, other: str) -> None:
    assert Cron(one).describe() != Cron(other).describe()


@settings(max_examples=150)
@given(st.data(), st.sampled_from(DIALECTS))
def test_every_expression_has_a_short_description_without_cron_in_it(data: st.DataObject, dialect: Dialect) -> None:
    described = Cron(data.draw(expressions(dialect)), dialect=dialect).describe()
    assert described[0].isupper()
    assert not set("*/?#+\n") & set(described)
    assert len(described) < 1_000
    assert "  " not in described


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Every("5m"), "Every 5 minutes"),
        (Every("90m"), "Every 1 hour 30 minutes"),
        (Every("1h"), "Every hour"),
        (CalendarInterval(weeks=2, at="09:00", start="2024-01-01", tz="Europe/London"), "Every 2 weeks at 09:00"),
        (At("2027-01-01T09:00+00:00"), "Once, at 2027-01-01 09:00 UTC"),
        (At("2027-01-01T09:00", tz="Europe/Paris"), "Once, at 2027-01-01 09:00, Paris time"),
        (At("now"), "Once, when it is added"),
        (Manual(), "Only when triggered"),
    ],
)
def test_the_other_schedules_describe_themselves_too(schedule: Schedule, expected: str) -> None:
    assert schedule.describe().startswith(expected)


# ---- lint -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schedule",
    [
        Cron("0 9 * * MON-FRI", tz="America/New_York"),
        Cron("*/5 * * * *", tz="America/New_York"),
        Cron("0 0 13 * +FRI", tz="UTC"),
        Cron("0 0 L * *", tz="Europe/Paris"),
        Every("5m"),
        CalendarInterval(weeks=2, at="09:00", start="2024-01-01", tz="Europe/London"),
        At("2027-01-01T09:00+01:00"),
        Manual(),
    ],
    ids=str,
)
def test_an_ordinary_schedule_has_no_findings(schedule: Schedule) -> None:
    assert schedule.lint(after=at("2026-06-01T00:00+00:00")) == ()


def test_day_fields_that_are_joined_by_or_are_found() -> None:
    assert "DAYS_ARE_OR_ED" in findings(Cron("0 0 13 * FRI", tz="UTC"))
    assert "DAYS_ARE_OR_ED" not in findings(Cron("0 0 */2 * MON", tz="UTC"))


@pytest.mark.parametrize(
    ("dst", "outcome"), [("vixie", "runs at 03:00"), ("literal", "does not run"), ("once", "does not run")]
)
def test_a_time_that_the_next_change_skips_is_found(dst: str, outcome: str) -> None:
    found = findings(Cron("30 2 * * *", tz="America/New_York", dst=dst))
    assert found["SKIPPED_TIME"] == f"02:30 does not exist on 2027-03-14: {outcome}"


@pytest.mark.parametrize(
    ("text", "dst", "outcome"),
    [
        ("30 1 * * *", "vixie", "first"),
        ("30 1 * * *", "literal", "both"),
        ("30 1 * * *", "once", "first"),
        ("*/30 1 * * *", "vixie", "both"),
    ],
)
def test_a_time_that_the_next_change_repeats_is_found(text: str, dst: str, outcome: str) -> None:
    repeated = findings(Cron(text, tz="America/New_York", dst=dst))["REPEATED_TIME"]
    assert "happens twice on 2027-11-07" in repeated
    assert outcome in repeated


def test_a_finding_of_a_change_says_what_the_schedule_then_does() -> None:
    cron = Cron("30 2 * * *", tz="America/New_York")
    assert "runs at 03:00" in findings(cron)["SKIPPED_TIME"]
    day = cron.between(at("2027-03-14T00:00-05:00"), at("2027-03-15T00:00-04:00"))
    assert [f"{member:%H:%M}" for member in day] == ["03:00"]


def test_the_change_after_the_given_moment_is_the_one_that_counts() -> None:
    found = findings(Cron("30 2 * * *", tz="America/New_York"), after=at("2027-03-15T00:00-04:00"))
    assert "2028-03-12" in found["SKIPPED_TIME"]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_zone_without_changes_has_no_times_to_skip_or_repeat(zone: str) -> None:
    assert not {"SKIPPED_TIME", "REPEATED_TIME"} & set(findings(Cron("30 1,2 * * *", tz=zone)))


def test_a_calendar_interval_is_looked_through_for_skipped_times_too() -> None:
    daily = CalendarInterval(days=1, at="02:30", start="2024-01-01", tz="America/New_York")
    assert "2027-03-14" in findings(daily)["SKIPPED_TIME"]


@pytest.mark.parametrize(
    ("text", "uneven"),
    [
        ("*/7 * * * *", True),
        ("0 */5 * * *", True),
        ("*/15 */6 * * *", False),
        ("0 9/2 * * *", False),
        ("5/15 * * * *", False),
        ("50/15 * * * *", True),
    ],
)
def test_a_step_that_does_not_divide_its_range_is_found(text: str, uneven: bool) -> None:
    assert ("UNEVEN_STEP" in findings(Cron(text, tz="UTC"))) is uneven


def test_an_uneven_step_tells_the_distance_from_its_last_value_to_its_first() -> None:
    assert "last distance is 11, not 7" in findings(Cron("5/7 * * * *", tz="UTC"))["UNEVEN_STEP"]


@pytest.mark.parametrize("days", ["31", "31W", "31,31W"])
def test_a_day_that_short_months_lack_is_found(days: str) -> None:
    assert "February, April, June, September and November" in findings(Cron(f"0 0 {days} * *", tz="UTC"))["MISSING_DAY"]


@pytest.mark.parametrize("days", ["31,L", "1,31", "L-27", "LW", "31W,15W"])
def test_a_month_with_another_of_the_days_lacks_nothing(days: str) -> None:
    assert "MISSING_DAY" not in findings(Cron(f"0 0 {days} * *", tz="UTC"))


def test_changes_of_clocks_outside_the_window_are_no_findings() -> None:
    zone = "America/New_York"  # 02:30 is skipped on 2027-03-14
    assert "SKIPPED_TIME" in findings(Cron("30 2 * * *", tz=zone, end="2027-03-15T00:00"))
    assert "SKIPPED_TIME" not in findings(Cron("30 2 * * *", tz=zone, end="2027-03-14T00:00"))
    later = findings(Cron("30 2 * * *", tz=zone, start="2027-06-01T00:00"))
    assert later["SKIPPED_TIME"].startswith("02:30 does not exist on 2028-03-12")


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        (Cron("* * * * *", tz="UTC"), "1,440 runs a day"),
        (Cron("* * * * * *", tz="UTC"), "86,400 runs a day"),
        (Every("1s"), "86,400 runs a day"),
        (Every("1m"), "1,440 runs a day"),
    ],
)
def test_many_runs_a_day_are_found(schedule: Schedule, runs: str) -> None:
    assert findings(schedule)["MANY_RUNS"] == runs


def test_fewer_than_1440_runs_a_day_are_not_many() -> None:
    assert "MANY_RUNS" not in findings(Every("61s"))


@pytest.mark.parametrize(("text", "lacking"), [("0 0 31 * *", "April"), ("0 0 30 2-3 MON", None), ("0 0 28 * *", None)])
def test_a_day_that_some_months_lack_is_found(text: str, lacking: str | None) -> None:
    found = findings(Cron(text, tz="UTC"))
    assert ("MISSING_DAY" in found) is (lacking is not None)
    assert lacking is None or lacking in found["MISSING_DAY"]


def test_a_schedule_that_is_over_is_found() -> None:
    assert "NEVER_RUNS" in findings(Cron("0 9 * * *", tz="UTC", end=at("2026-01-01T00:00+00:00")))
    assert "NEVER_RUNS" in findings(Cron("0 0 0 1 1 * 2020", tz="UTC"))
    assert "NEVER_RUNS" in findings(At("2020-01-01T00:00Z"))


def test_findings_are_the_same_each_time_and_can_be_compared() -> None:
    cron = Cron("*/7 1,2 14 * FRI", tz="America/New_York")
    first, second = cron.lint(after=IN_2027), cron.lint(after=IN_2027)
    assert first == second
    assert all(isinstance(finding, Finding) for finding in first)
    assert len({finding.kind for finding in first}) == len(first) == 3


@settings(max_examples=100)
@given(
    st.data(), st.sampled_from(DIALECTS), st.sampled_from(("America/New_York", "Australia/Lord_Howe", "Pacific/Apia"))
)
def test_lint_answers_for_every_expression(data: st.DataObject, dialect: Dialect, zone: str) -> None:
    cron = Cron(data.draw(expressions(dialect)), dialect=dialect, tz=zone)
    for finding in cron.lint(after=IN_2027):
        assert finding.message
        assert "\n" not in finding.message
