"""The named dialects: what each takes, how it numbers, what it refuses."""

from datetime import datetime

import pytest

from cronkit.schedules import Cron
from tests.schedules.expectations import month_days, refusal, week_days


@pytest.mark.parametrize("text", ["*/5 9-17 * JAN-MAR MON-FRI", "0 0 1,15 * 0-7/2", "@daily", "TZ=UTC 0 9 * * 7"])
def test_vixie_takes_the_five_fields_of_debian(text: str) -> None:
    Cron(text, dialect="vixie")


@pytest.mark.parametrize(
    "text",
    [
        "0 0 9 * * *",
        "0 0 0 1 1 * 2030",
        "0 0 L * *",
        "0 0 15W * *",
        "0 0 * * FRI#2",
        "0 0 * * 5L",
        "0 0 * * +FRI",
        "0 0 ? * *",
        "5/15 * * * *",
        "0 22-2 * * *",
        "0 0 * * FRI-MON",
    ],
)
def test_vixie_refuses_what_debian_does(text: str) -> None:
    refusal(text, dialect="vixie")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("1", [7, 14, 21, 28]),
        ("7", [6, 13, 20, 27]),
        ("SUN", [7, 14, 21, 28]),
        ("2-6", [d for d in range(1, 32) if d % 7 not in (6, 0)]),
        ("L", [6, 13, 20, 27]),
        ("6L", [26]),
        ("FRIL", [26]),
        ("6#3", [19]),
        ("FRI#3", [19]),
        ("1/2", [d for d in range(1, 32) if d % 7 in (0, 2, 4, 6)]),
        ("SAT-SUN", [6, 7, 13, 14, 20, 21, 27, 28]),
    ],
)
def test_quartz_counts_the_week_from_sunday_as_one(field: str, expected: list[int]) -> None:
    assert week_days(field, dialect="quartz") == expected


@pytest.mark.parametrize(
    ("field", "expected"), [("L", [31]), ("L-3", [28]), ("LW", [31]), ("14W", [15]), ("1/10", [1, 11, 21, 31])]
)
def test_quartz_days_of_the_month(field: str, expected: list[int]) -> None:
    assert month_days(field, dialect="quartz") == expected


def test_quartz_takes_seven_fields() -> None:
    found = Cron("0 15 10 ? * 6L 2024-2025", dialect="quartz").upcoming(99, after=datetime(2024, 11, 1))
    assert len(found) == 14
    assert found[0] == datetime(2024, 11, 29, 10, 15)


@pytest.mark.parametrize(
    "text",
    [
        "0 9 * * *",
        "0 0 9 * * *",
        "0 0 9 ? * ?",
        "0 0 9 1 * MON",
        "@daily",
        "0 0 9 ? * 0",
        "0 0 9 ? * 8",
    ],
)
def test_quartz_refuses_what_quartz_does(text: str) -> None:
    refusal(text, dialect="quartz")


def test_croniter_puts_the_seconds_sixth_and_the_year_seventh() -> None:
    cron = Cron("30 6 * * * 15", dialect="croniter")
    assert cron.next(datetime(2024, 1, 1)) == datetime(2024, 1, 1, 6, 30, 15)
    yearly = Cron("30 6 1 1 * 15 2030", dialect="croniter")
    assert yearly.upcoming(3, after=datetime(2024, 1, 1)) == [datetime(2030, 1, 1, 6, 30, 15)]


@pytest.mark.parametrize("dialect", ["default", "vixie", "quartz", "croniter"])
@pytest.mark.parametrize("text", ["", "* * * *", "* * * * * * * *"])
def test_every_dialect_refuses_another_number_of_fields(dialect: str, text: str) -> None:
    refusal(text, dialect=dialect)


@pytest.mark.parametrize("options", [{"dialect": "unix"}, {"dst": "skip"}, {"dialect": None}, {"dst": 1}])
def test_an_unknown_dialect_or_mode_is_refused(options: dict[str, str]) -> None:
    refusal("0 9 * * *", **options)
