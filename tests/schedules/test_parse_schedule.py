"""parse_schedule: every spelling of a schedule as one text."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from cronkit.errors import ScheduleError
from cronkit.schedules import At, Cron, Every, Schedule, parse_schedule


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 9 * * *", Cron("0 9 * * *")),
        ("30 0 9 * * *", Cron("30 0 9 * * *")),
        ("@daily", Cron("@daily")),
        ("@Weekly", Cron("@weekly")),
        ("CRON_TZ=Europe/Paris 0 9 * * *", Cron("CRON_TZ=Europe/Paris 0 9 * * *")),
        ("TZ=Europe/Paris @daily", Cron("TZ=Europe/Paris @daily")),
        ("5m", Every("5m")),
        ("1h30m", Every("90m")),
        ("1h 30m", Every("90m")),
        ("2 hours", Every("2h")),
        ("every 5 minutes", Every("5m")),
        ("every 5m", Every("5m")),
        ("Every 5 Minutes", Every("5m")),
        ("@every 90s", Every("90s")),
        ("@EVERY 1h30m", Every("90m")),
        ("PT5M", Every("5m")),
        ("every PT5M", Every("5m")),
        ("250ms", Every(timedelta(milliseconds=250))),
        ("now", At("now")),
        ("NOW", At("now")),
        ("2027-01-01T09:00+01:00", At("2027-01-01T09:00+01:00")),
        ("2027-01-01T08:00Z", At("2027-01-01T08:00Z")),
        ("2027-01-01 08:00Z", At("2027-01-01T08:00Z")),
        ("  5m  ", Every("5m")),
    ],
)
def test_each_spelling_is_its_schedule(text: str, expected: Schedule) -> None:
    assert parse_schedule(text) == expected


def test_a_zone_is_given_to_what_needs_one() -> None:
    assert parse_schedule("0 9 * * *", tz="Europe/Paris") == Cron("0 9 * * *", tz="Europe/Paris")
    assert parse_schedule("2027-01-01T09:00", tz="Europe/Paris") == At("2027-01-01T09:00", tz="Europe/Paris")
    assert parse_schedule("5m", tz="Europe/Paris") == Every("5m")


def test_the_options_of_cron_are_passed_on() -> None:
    quartz = parse_schedule("0 0 9 ? * 2", dialect="quartz", dst="once")
    assert quartz == Cron("0 0 9 ? * 2", dialect="quartz", dst="once")


@pytest.mark.parametrize("text", ["H 9 * * *", "0 H * * *", "h(0-29)/10 * * * *", "0 0 H * *", "H H * * *"])
def test_a_seed_is_passed_on_wherever_h_stands(text: str) -> None:
    assert parse_schedule(text, seed="billing") == Cron(text, seed="billing")


@pytest.mark.parametrize("text", ["0 9 * * *", "@daily", "5m", "PT1H30M", "2027-01-01T09:00+01:00", "now"])
def test_what_is_parsed_reads_back_from_its_text(text: str) -> None:
    schedule = parse_schedule(text)
    assert parse_schedule(str(schedule)) == schedule


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "90",
        "1:30",
        "every",
        "every day",
        "@every",
        "@reboot",
        "daily",
        "tomorrow",
        "2027-01-01",
        "* * * *",
        "every 0s",
        "every -5m",
        "5 minutes ago",
        "in 5 minutes",
        "never",
        "0 9 * * * *  * *",
        "every every 5m",
        "@every@daily",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse_schedule(text)


@pytest.mark.parametrize(
    "text", ["0 0 15W JAN MON", "0 0 L JAN 5L", "0 0 1W JAN FRIL", "0 9 LW JAN 1L", "0 0 0 LW JAN FRIL", "0 h 1 jan 5l"]
)
def test_a_cron_without_a_star_is_no_duration(text: str) -> None:
    assert parse_schedule(text, seed="job") == Cron(text, seed="job")


@pytest.mark.parametrize("text", ["1 week 2 days 3 hours", "1 h 30 m 5 s"])
def test_a_duration_of_many_words_is_no_cron(text: str) -> None:
    assert parse_schedule(text) == Every(text)


@pytest.mark.parametrize("text", ["5m", "now", "2027-01-01T09:00+01:00", "0 9 * * *", "@daily"])
@pytest.mark.parametrize("option", [{"tz": "Nope/Zone"}, {"tz": 7}, {"dialect": "x"}, {"dst": "x"}, {"seed": 7}])
def test_an_option_that_cannot_be_is_refused_whatever_the_text(text: str, option: dict[str, Any]) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(text, **option)
    assert caught.value.field == next(iter(option))


@pytest.mark.parametrize(("text", "remedy"), [("5", "5s|5m|unit"), ("1:30", "1h30m"), ("2027-01-01", "T00:00")])
def test_a_refusal_names_the_remedy(text: str, remedy: str) -> None:
    with pytest.raises(ScheduleError, match=remedy):
        parse_schedule(text)


def test_a_cron_that_is_nearly_right_is_refused_as_cron() -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_schedule("0 25 * * *")
    assert (caught.value.field, caught.value.column) == ("hour", 3)


def test_every_needs_its_moment_aware() -> None:
    with pytest.raises(ScheduleError):
        parse_schedule("5m").next(datetime(2024, 1, 1))
