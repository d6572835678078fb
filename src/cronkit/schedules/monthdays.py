"""Which days of a month match, as bit masks: bit i stands for day i + 1.

A month's days depend on nothing but its shape: the weekday of its first day (Sunday is 0) and its length. There are 28
shapes.
"""

from collections.abc import Callable

__all__ = [
    "SpecialDay",
    "last_day",
    "last_weekday",
    "nearest_workday",
    "nearest_workday_to_last",
    "nth_weekday",
    "weekday_days",
]

SpecialDay = tuple[Callable[..., int], int, int]
"""A rule and its two numbers: called with them, after the first weekday and the length, it gives a mask."""

_EVERY_SEVENTH = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28
_SATURDAY = 6


def weekday_days(first: int, length: int, weekdays: int) -> int:
    """Every day whose weekday is in the mask ``weekdays`` (bit 0 is Sunday)."""
    week = (weekdays >> first | weekdays << (7 - first)) & 0x7F
    return (week * _EVERY_SEVENTH) & ((1 << length) - 1)


def last_day(first: int, length: int, back: int, _: int = 0) -> int:
    """The day that is ``back`` days before the last: ``L``, ``L-3``."""
    return 1 << (length - back - 1) if back < length else 0


def nearest_workday(first: int, length: int, day: int, _: int = 0) -> int:
    """The Monday-to-Friday day nearest to ``day``, without leaving the month: ``15W``."""
    if not 1 <= day <= length:
        return 0
    weekday = (first + day - 1) % 7
    if weekday == _SATURDAY:
        day += -1 if day > 1 else 2
    elif weekday == 0:
        day += 1 if day < length else -2
    return 1 << (day - 1)


def nearest_workday_to_last(first: int, length: int, back: int, _: int = 0) -> int:
    """The Monday-to-Friday day nearest to ``back`` days before the last: ``LW``, ``L-3W``."""
    return nearest_workday(first, length, length - back)


def nth_weekday(first: int, length: int, weekday: int, n: int) -> int:
    """The ``n``-th such weekday of the month: ``FRI#2``."""
    day = (weekday - first) % 7 + 7 * (n - 1)
    return 1 << day if day < length else 0


def last_weekday(first: int, length: int, weekday: int, _: int = 0) -> int:
    """The last such weekday of the month: ``FRIL``, ``FRI#L``."""
    day = (weekday - first) % 7 + 28
    return 1 << (day if day < length else day - 7)
