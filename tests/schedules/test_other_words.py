"""Words of other libraries, and half-known names, are refused with what to write instead."""

from collections.abc import Callable

import pytest

from cronkit.errors import ScheduleError
from cronkit.schedules import CalendarInterval, Cron, Every, parse_schedule


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CEST", "Europe/Paris"),
        ("PST", "America/Los_Angeles"),
        ("EDT", "America/New_York"),
        ("XYZ", "an abbreviation does not say when clocks change"),
        ("UTC+2", 'write an offset as "+02:00"'),
        ("utc", 'did you mean "UTC"'),
        ("paris", 'did you mean "Europe/Paris"'),
    ],
)
def test_an_abbreviation_or_half_a_name_of_a_zone_is_answered_with_a_place(name: str, hint: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        Cron("0 9 * * *", tz=name)
    assert caught.value.hint is not None
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda: Every(minutes=5), 'write Every("5m")'),  # type: ignore[arg-type]
        (lambda: Every(minutes=30, hours=1), 'write Every("1h30m")'),  # type: ignore[arg-type]
        (lambda: Every(seconds=0.5), 'write Every("500ms")'),  # type: ignore[arg-type]
        (lambda: Every(months=1), "use CalendarInterval(months=1"),  # type: ignore[arg-type]
        (lambda: Every("5m", phase=1), "write Every("),  # type: ignore[arg-type]
        (lambda: Every(minutes=-1), 'write Every("1h30m")'),  # type: ignore[arg-type]
        (lambda: Every(minutes="5"), 'write Every("1h30m")'),  # type: ignore[arg-type]
        (lambda: Cron(minute=5), 'Cron("0 9 * * MON-FRI")'),  # type: ignore[arg-type]
        (lambda: CalendarInterval(days=1, start="2027-01-01", hour=9), 'at="09:30"'),  # type: ignore[arg-type]
        (lambda: CalendarInterval(hours=1, start="2027-01-01"), 'write Every("30h")'),  # type: ignore[arg-type]
    ],
)
def test_parameters_of_other_libraries_are_answered_with_the_text_to_write(
    make: Callable[[], object], hint: str
) -> None:
    with pytest.raises(ScheduleError) as caught:
        make()
    assert caught.value.hint is not None
    assert hint in caught.value.hint


@pytest.mark.parametrize("kind", [Cron, Every])
def test_a_schedule_of_nothing_is_refused(kind: Callable[[], object]) -> None:
    with pytest.raises(ScheduleError, match="the text is empty"):
        kind()


@pytest.mark.parametrize(
    ("phrase", "written", "column"),
    [
        ("every monday", "0 0 * * MON", 7),
        ("Every Monday at 9:05", "5 9 * * MON", 7),
        ("every day at 10:30", "30 10 * * *", 7),
        ("every weekday at 6 pm", "0 18 * * MON-FRI", 7),
        ("on sundays at 12am", "0 0 * * SUN", 1),
        ("at 09:00", "0 9 * * *", 1),
        ("daily at 7:15", "15 7 * * *", 1),
        ("10:30", "30 10 * * *", 1),
        ("9am", "0 9 * * *", 1),
        ("daily", "@daily", 1),
        ("every month", "@monthly", 7),
    ],
)
@pytest.mark.parametrize("reader", [parse_schedule, Every])
def test_days_and_times_in_words_are_answered_with_the_cron_text(
    reader: Callable[[str], object], phrase: str, written: str, column: int
) -> None:
    with pytest.raises(ScheduleError) as caught:
        reader(phrase)
    refused = caught.value
    assert (refused.field, refused.text, refused.column) == ("schedule", phrase, column)
    assert refused.hint is not None
    assert f'write Cron("{written}")' in refused.hint
    Cron(written)


@pytest.mark.parametrize(("phrase", "written"), [("hourly", "@hourly"), ("10:30", "30 10 * * *")])
def test_a_cron_in_words_is_answered_with_its_text(phrase: str, written: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        Cron(phrase)
    assert caught.value.hint == f'write "{written}"'


@pytest.mark.parametrize("phrase", ["every day", "every 5", "25:00", "13pm", "every 2 days at 10:30", "tomorrow", "at"])
def test_no_cron_text_is_guessed_for_what_may_mean_something_else(phrase: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(phrase)
    assert caught.value.field == "duration"


def test_a_time_that_may_be_an_interval_is_answered_with_both() -> None:
    with pytest.raises(ScheduleError, match=r'Cron\("30 1 [*] [*] [*]"\) for the time of day, "1h30m" or "1m30s"'):
        parse_schedule("every 1:30")


def test_midnight_is_no_interval() -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_schedule("every 0:00")
    assert caught.value.hint == 'write Cron("0 0 * * *")'


def test_what_is_wrong_after_every_is_shown_in_the_whole_text() -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_schedule("every 5 parsecs")
    assert (caught.value.text, caught.value.column) == ("every 5 parsecs", 9)
