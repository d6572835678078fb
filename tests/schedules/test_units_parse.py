"""Which kind of schedule a text is taken for, where the kinds look alike."""

import pytest

from cronkit.schedules import At, Cron, Every, parse_schedule


@pytest.mark.parametrize(
    "text",
    [
        "30 9-17 * * *",
        "00 9-17 * * MON-FRI",
        "0010-20 * * * *",
        "1,20-30 * * * *",
        "0 H * * *",
        "H 9 * * *",
        "0 H 1 1 1",
        "0 0 L * MON",
        "5 4 3 2 1",
        "5 4 3 MAR FRI",
        "5 4 3 2 5L",
        "TZ=Europe/Paris 5 4 3 2 1",
        "@Daily",
    ],
)
def test_a_cron_text_is_a_cron(text: str) -> None:
    assert isinstance(parse_schedule(text, seed="job"), Cron)


@pytest.mark.parametrize(
    "text",
    ["1 w 2 d 3 h", "1w 1d 1h 1m 1s", "1 hour 30 minutes", "P1D", "pt5m", "1.5h", "Every 5 Minutes", "@EVERY 90s"],
)
def test_numbers_with_units_are_an_interval(text: str) -> None:
    assert isinstance(parse_schedule(text), Every)


@pytest.mark.parametrize("text", ["now", "NOW", "2027-01-01T09:00", "2027-01-01 09:00", "2027-01-01t09:00:00.5z"])
def test_a_moment_is_an_at(text: str) -> None:
    assert isinstance(parse_schedule(text), At)
