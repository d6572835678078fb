"""The time layer against brute force, round offset changes from 1900 to 2100."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronkit.schedules import At, CalendarInterval, Cron
from tests.schedules.check_all_zones import main, random_case
from tests.schedules.comparison import disagreement
from tests.schedules.oracle import Dialect, GivenReadings, Policy, changes, moment, occurrences, read, seconds
from tests.schedules.strategies import DIALECTS, POLICIES, ZONES, Window, probes, random_expression, random_window

NEW_YORK = ZoneInfo("America/New_York")


def test_the_oracle_finds_the_published_changes_of_a_zone() -> None:
    in_2021 = [moment(change) for change in changes(NEW_YORK) if moment(change).year == 2021]
    assert in_2021 == [datetime(2021, 3, 14, 7, tzinfo=UTC), datetime(2021, 11, 7, 6, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("text", "day", "readings"),
    [
        ("30 2 * * *", "2021-03-14", ["03:00-04:00"]),
        ("0,30 2 * * *", "2021-03-14", ["03:00-04:00"]),
        ("0 2,3 * * *", "2021-03-14", ["03:00-04:00"]),
        ("*/15 2 * * *", "2021-03-14", []),
        ("30 1 * * *", "2021-11-07", ["01:30-04:00"]),
        ("45/15 1 * * *", "2021-11-07", ["01:45-04:00"]),
        ("*/30 1 * * *", "2021-11-07", ["01:00-04:00", "01:30-04:00", "01:00-05:00", "01:30-05:00"]),
    ],
)
def test_the_oracle_itself_gives_what_the_rules_list_for_new_york(text: str, day: str, readings: list[str]) -> None:
    start = int(datetime.fromisoformat(f"{day}T00:00-05:00").timestamp())
    found = occurrences(read(text), NEW_YORK, start, start + 23 * 3600)
    written = [moment(instant, NEW_YORK).isoformat() for instant in found]
    assert [text[11:16] + text[-6:] for text in written] == readings


@settings(max_examples=120)
@given(st.randoms(use_true_random=False), st.sampled_from(ZONES), st.sampled_from(DIALECTS), st.sampled_from(POLICIES))
def test_five_fields_agree_with_the_oracle(rng: Random, zone: str, dialect: Dialect, dst: Policy) -> None:
    window = random_window(rng, zone)
    _compare_cron(rng, window, random_expression(rng, dialect, window.middle(), with_seconds=False), dialect, dst)


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.sampled_from(ZONES), st.sampled_from(("default", "quartz", "croniter")))
def test_seconds_and_years_agree_with_the_oracle(rng: Random, zone: str, dialect: Dialect) -> None:
    window = random_window(rng, zone, longest=2 * 3600)
    text = random_expression(rng, dialect, window.middle(), with_seconds=True)
    _compare_cron(rng, window, text, dialect, rng.choice(POLICIES))


@pytest.mark.parametrize("zone", ZONES)
def test_fixed_times_beside_each_kind_of_change_agree_with_the_oracle(zone: str) -> None:
    rng = Random(zone)
    for _ in range(6):
        window = random_window(rng, zone, longest=86_400)
        hour = window.middle().hour
        text = f"{rng.randrange(60)} {(hour - 1) % 24},{hour} * * *"
        _compare_cron(rng, window, text, "default", rng.choice(POLICIES))


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.sampled_from(ZONES))
def test_naive_instants_agree_with_the_oracle(rng: Random, zone: str) -> None:
    window = random_window(rng, zone, longest=86_400)
    here = window.middle()
    readings = [here.replace(hour=rng.randrange(24), minute=rng.randrange(60)) for _ in range(3)] + [here]
    expected = occurrences(GivenReadings(frozenset(readings)), ZoneInfo(zone), window.a, window.b)
    wrong = disagreement(
        At(*readings, tz=zone), expected, ZoneInfo(zone), window.a, window.b, probes(rng, window, expected)
    )
    assert wrong is None


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.sampled_from(ZONES), st.sampled_from(("days", "weeks", "months", "years")))
def test_a_calendar_interval_agrees_with_the_oracle(rng: Random, zone: str, unit: str) -> None:
    window = random_window(rng, zone, longest=2 * 86_400)
    here = window.middle().replace(minute=rng.randrange(60), second=0, microsecond=0)
    length, times = rng.randint(1, 3), rng.randint(2, 30)
    start = steps_back(here.date() + timedelta(days=rng.randint(-1, 1)), unit, length * times)
    dates = [step for k in range(times + 6) if (step := steps_forward(start, unit, length * k)) is not None]
    readings = frozenset(datetime.combine(date, here.time()) for date in dates)
    expected = occurrences(GivenReadings(readings), ZoneInfo(zone), window.a, window.b)
    schedule = CalendarInterval(**{unit: length}, at=here.time(), start=start, tz=zone)  # type: ignore[arg-type]
    begin = seconds(datetime.combine(start, time(), ZoneInfo(zone)).astimezone(UTC))
    expected = [instant for instant in expected if instant >= begin]
    wrong = disagreement(schedule, expected, ZoneInfo(zone), window.a, window.b, probes(rng, window, expected))
    assert wrong is None, f"{schedule!r}: {wrong}"


def steps_forward(start: date, unit: str, number: int) -> date | None:
    """The date so many days, weeks, months or years on; None where the month lacks the day."""
    if unit in ("days", "weeks"):
        return start + timedelta(days=number * (7 if unit == "weeks" else 1))
    month = start.year * 12 + start.month - 1 + number * (12 if unit == "years" else 1)
    try:
        return date(month // 12, month % 12 + 1, start.day)
    except ValueError:
        return None


def steps_back(day: date, unit: str, number: int) -> date:
    """A start from which so many steps lead to a day, or to the same day of an earlier month that has it."""
    while (start := steps_forward(day, unit, -number)) is None:
        number += 1
    return start


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.sampled_from(ZONES), st.integers(2101, 9990))
def test_far_years_agree_with_the_oracle(rng: Random, zone: str, year: int) -> None:
    found = changes(ZoneInfo(zone), year, year)
    change = rng.choice(found) if found else seconds(datetime(year, 6, 1, tzinfo=UTC))
    window = Window(zone, change - rng.randint(3600, 86_400), change + rng.randint(3600, 86_400), change)
    text = random_expression(rng, "default", window.middle(), with_seconds=False)
    _compare_cron(rng, window, text, "default", rng.choice(POLICIES))


class Wrapped(tzinfo):
    """A zone of a foreign class, which knows nothing but its offsets."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else moment.replace(tzinfo=self.zone).utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:
        raise AssertionError("only utcoffset() decides")

    def tzname(self, moment: datetime | None) -> str:
        return "wrapped"

    def fromutc(self, moment: datetime) -> datetime:
        return self.zone.fromutc(moment.replace(tzinfo=self.zone)).replace(tzinfo=self)


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.sampled_from(ZONES))
def test_a_foreign_zone_agrees_with_the_oracle_and_its_dst_is_never_asked(rng: Random, zone: str) -> None:
    window = random_window(rng, zone, longest=86_400)
    text = random_expression(rng, "default", window.middle(), with_seconds=False)
    foreign = Wrapped(ZoneInfo(zone))
    expected = occurrences(read(text), foreign, window.a, window.b)
    found = Cron(text, tz=foreign).between(moment(window.a), moment(window.b))
    assert [seconds(member) for member in found] == expected


def test_the_long_check_passes_over_two_zones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--zones", "America/New_York", "Europe/Dublin", "--cases", "3"]) == 0


def test_the_long_check_reports_a_wrong_schedule_as_a_line_to_paste(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.schedules.check_all_zones.check", lambda case, rng: "between: missing []")
    from tests.schedules.check_all_zones import check_zone

    _, failures = check_zone("UTC", cases=1, seed=1)
    assert failures[0].startswith(f"Cron({random_case(Random('1 UTC'), 'UTC').text!r}, tz='UTC'")


def _compare_cron(rng: Random, window: Window, text: str, dialect: Dialect, dst: Policy) -> None:
    zone = ZoneInfo(window.zone)
    expected = occurrences(read(text, dialect), zone, window.a, window.b, dst)
    schedule = Cron(text, tz=window.zone, dialect=dialect, dst=dst)
    wrong = disagreement(schedule, expected, zone, window.a, window.b, probes(rng, window, expected))
    assert wrong is None, f"{schedule!r}: {wrong}"
