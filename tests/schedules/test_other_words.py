"""Words of other libraries, and half-known names, are refused with what to write instead."""

from collections.abc import Callable

import pytest

from cronkit.errors import ScheduleError
from cronkit.schedules import Cron, Every


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
