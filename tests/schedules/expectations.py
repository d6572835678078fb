"""What an expression gives, in the short forms in which the tests state what they expect."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from cronkit.errors import ScheduleError
from cronkit.schedules import Cron


def at(text: str) -> datetime:
    """A moment from its ISO text."""
    return datetime.fromisoformat(text)


def instants(moments: Iterable[datetime | None]) -> list[Any]:
    """Moments in UTC. Python calls no two aware datetimes of different zones equal where one lies in a fold, and
    orders those of one zone by their readings alone: only in UTC do they compare as instants."""
    return [None if moment is None else moment.astimezone(UTC) for moment in moments]


def hours(field: str, **options: str) -> list[int]:
    day = Cron(f"0 {field} * * *", **options).between(datetime(2024, 1, 1), datetime(2024, 1, 2))
    return [member.hour for member in day]


def minutes(field: str, **options: str) -> list[int]:
    hour = Cron(f"{field} * * * *", **options).between(datetime(2024, 1, 1), datetime(2024, 1, 1, 1))
    return [member.minute for member in hour]


def month_days(field: str, month: str = "2024-01", **options: str) -> list[int]:
    text = f"0 0 0 {field} * ?" if options.get("dialect") == "quartz" else f"0 0 {field} * *"
    return _days_of(Cron(text, **options), month)


def week_days(field: str, month: str = "2024-01", **options: str) -> list[int]:
    text = f"0 0 0 ? * {field}" if options.get("dialect") == "quartz" else f"0 0 * * {field}"
    return _days_of(Cron(text, **options), month)


def _days_of(cron: Cron, month: str) -> list[int]:
    first = datetime.fromisoformat(f"{month}-01")
    following = datetime(first.year + first.month // 12, first.month % 12 + 1, 1)
    return [member.day for member in cron.between(first, following)]


def months(field: str) -> list[int]:
    year = Cron(f"0 0 1 {field} *").between(datetime(2024, 1, 1), datetime(2025, 1, 1))
    return [member.month for member in year]


def refusal(text: object, **options: object) -> ScheduleError:
    """The error with which a text is refused; the test fails where it is accepted."""
    with pytest.raises(ScheduleError) as caught:
        Cron(text, **options)  # type: ignore[arg-type]
    return caught.value
