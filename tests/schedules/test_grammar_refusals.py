"""What the grammar refuses, and where the refusal points."""

from datetime import datetime

import pytest

from cronkit.schedules import Cron
from tests.schedules.expectations import refusal


@pytest.mark.parametrize("text", ["0  9 * * *", "0\t9\t*\t*\t*", " 0 9 * * * ", "\t0 9 * * *"])
def test_blanks_and_tabs_separate(text: str) -> None:
    assert Cron(text).next(datetime(2024, 1, 1)) == datetime(2024, 1, 1, 9)


@pytest.mark.parametrize("text", ["0 9 * * *\n", "0\n9 * * *", "0\v9 * * *", "0\u00a09 * * *", "0\u20039 * * *"])
def test_no_other_space_separates(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("text", ["0 9 * * * # daily", "0 9 * * * %", "0 9 * * * root ls", "# 0 9 * * *", "0 9 * * *;"])
def test_comments_and_commands_are_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("text", ["", " ", "\t", "*", "* * * *", "* * * * * * * *", "hello"])
def test_another_number_of_fields_is_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize(
    "minute", ["0,,5", ",5", "5,", ",", "5-", "-5", "-", "5/", "/5", "/", "1//2", "1-/2", "*/", "*,"]
)
def test_empty_parts_are_refused(minute: str) -> None:
    refusal(f"{minute} * * * *")


@pytest.mark.parametrize(
    "minute", ["*5", "**", "*-5", "5-*", "*/*", "5-10-15", "1/2/3", "*/-2", "*/+2", "+5", "!5", "5!"]
)
def test_malformed_items_are_refused(minute: str) -> None:
    refusal(f"{minute} * * * *")


@pytest.mark.parametrize("minute", ["1_0", "0x5", "1.5", "1e1", "٥", "５", "²", "೨", "1٥", "५/5", "*/５"])
def test_only_ascii_digits_are_numbers(minute: str) -> None:
    refusal(f"{minute} * * * *")


@pytest.mark.parametrize("day", ["ＭＯＮ", "ſun", "mοn", "FRı", "MONDAY", "MO", "JAN", "M", "FRIDAY#2", "MON TUE"])
def test_only_three_ascii_letters_name_a_weekday(day: str) -> None:
    refusal(f"0 0 * * {day}")


@pytest.mark.parametrize("text", ["JAN * * * *", "0 MON * * *", "0 0 SUN * *", "0 0 * MON *", "0 0 * JANUARY *"])
def test_a_name_belongs_to_its_own_field(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize(
    "text",
    ["60 * * * *", "0 24 * * *", "0 0 0 * *", "0 0 32 * *", "0 0 * 0 *", "0 0 * 13 *", "0 0 * * 8", "60 0 0 * * *"],
)
def test_values_outside_their_field_are_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("minute", ["0-60", "60-5", "55-60/2", "*/0", "0/0", "5-10/0", "*/00", "99999999999", "*/1e9"])
def test_ends_and_steps_outside_their_field_are_refused(minute: str) -> None:
    refusal(f"{minute} * * * *")


@pytest.mark.parametrize(
    "day", ["1-L", "W15", "L/2", "L-0", "L-31", "L-", "L3", "32W", "0W", "15W-20", "15W/2", "WL", "1-5W", "L-3-4", "+1"]
)
def test_malformed_days_of_the_month_are_refused(day: str) -> None:
    refusal(f"0 0 {day} * *")


@pytest.mark.parametrize(
    "day", ["L5", "FRI#-1", "1-5#2", "FRI#0", "FRI#6", "FRI#", "#2", "FRI##2", "FRI#1#2", "FRI#2/2", "FRI#1.5"]
)
def test_malformed_ordinals_are_refused(day: str) -> None:
    refusal(f"0 0 * * {day}")


@pytest.mark.parametrize(
    "day", ["8", "8L", "-1", "FRIL/2", "L", "LW", "2W", "MON-FRIL", "+", "++FRI", "FRI+", "MON,+FRI"]
)
def test_malformed_days_of_the_week_are_refused(day: str) -> None:
    refusal(f"0 0 * * {day}")


@pytest.mark.parametrize("text", ["L 0 * * *", "0 L * * *", "0 0 * L *", "15W 0 * * *", "0 0 1#2 * *", "0 0 * 1#2 *"])
def test_day_items_in_other_fields_are_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("minute", ["R", "~", "0~30", "R(0-9)", "?", "@5"])
def test_random_values_are_refused(minute: str) -> None:
    refusal(f"{minute} * * * *")


def test_at_most_256_characters_are_read() -> None:
    longest = ",".join(["10"] * 82) + " * * * *"
    assert len(longest) == 253
    Cron(longest + "   ")
    refusal(longest + "    ")


@pytest.mark.parametrize(
    ("text", "field", "fault"),
    [
        ("60 * * * *", "minute", "60"),
        ("0 24 * * *", "hour", "24"),
        ("0 0 32 * *", "day-of-month", "32"),
        ("0 0 1 13 *", "month", "13"),
        ("0 0 * * 8", "day-of-week", "8"),
        ("0 0 * * FOO", "day-of-week", "FOO"),
        ("61 0 0 * * *", "second", "61"),
        ("0 0 0 1 1 * 1969", "year", "1969"),
        ("0   24 * * *", "hour", "24"),
        ("  60 * * * *", "minute", "60"),
        ("60 60 * * *", "minute", "60 60"),
        ("24 24 * * *", "hour", "24 *"),
        ("1,2,77 * * * *", "minute", "77"),
        ("CRON_TZ=UTC 0 24 * * *", "hour", "24"),
        ("0 0 * jan-fob *", "month", "fob"),
    ],
)
def test_a_refusal_names_the_field_and_points_at_the_fault(text: str, field: str, fault: str) -> None:
    refused = refusal(text)
    assert refused.field == field
    assert refused.text is not None
    assert refused.column is not None
    assert refused.text[refused.column - 1 :].startswith(fault)


def test_a_refusal_shows_a_caret_under_the_fault() -> None:
    lines = str(refusal("0 24 * * *")).splitlines()
    place = next(index for index, line in enumerate(lines) if line.strip() == "0 24 * * *")
    assert lines[place + 1].index("^") == lines[place].index("24")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("0 0 * * MONDAY", "MON"),
        ("0 0 * JANUARY *", "JAN"),
        ("0 0 * * L", "L"),
        ("@reboot", "start"),
        ("@every 90s", "Every"),
        ("H * * * *", "seed"),
        ("0 0 31 2 *", ""),
    ],
)
def test_a_refusal_names_the_likely_fix(text: str, hint: str) -> None:
    refused = refusal(text)
    assert refused.hint or not hint
    assert hint in str(refused)
