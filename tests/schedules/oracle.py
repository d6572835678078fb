"""Brute force for the time layer: the cron rules read literally, slow and meant to be obviously right.

Nothing here shares code or ideas with the library. An expression is evaluated one calendar minute at a time, an
offset is asked of the zone at one instant of UTC at a time, and the rules for offset changes are applied as they are
written: take every instant whose local reading matches (rule 9), drop the repeats (rule 10), add the change itself
where a skipped reading matches (rules 11 and 12), leave changes of more than three hours alone (rule 13).

Instants are whole seconds of UTC since 1970; readings are naive datetimes.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple, Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAIVE_EPOCH = datetime(1970, 1, 1)
SECOND = timedelta(seconds=1)
THREE_HOURS = 3 * 3600
TWO_DAYS = 2 * 86_400

MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, start=1)}
WEEKDAYS = {name: number for number, name in enumerate(WEEKDAY_NAMES)}
QUARTZ_WEEKDAYS = {name: number + 1 for name, number in WEEKDAYS.items()}

Dialect = Literal["default", "vixie", "quartz", "croniter"]
Policy = Literal["vixie", "literal", "once"]


# ---- expressions ----------------------------------------------------------------------------------------------------


class Readings(Protocol):
    """A set of local readings, asked about one at a time."""

    @property
    def interval_like(self) -> bool: ...

    @property
    def seconds(self) -> frozenset[int]:
        """The seconds at which any reading can match."""

    def in_minute(self, minute: datetime) -> bool:
        """Whether any reading of this minute can match."""

    def matches(self, reading: datetime) -> bool:
        """Whether this reading, to the second, is in the set."""


@dataclass(frozen=True, kw_only=True)
class Expression:
    """A cron expression taken apart just far enough to ask of one reading whether it matches."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int] | None
    days: str
    weekdays: str
    quartz: bool
    interval_like: bool

    def in_minute(self, minute: datetime) -> bool:
        return minute.minute in self.minutes and minute.hour in self.hours and self.on_day(minute.date())

    def matches(self, reading: datetime) -> bool:
        return reading.second in self.seconds and self.in_minute(reading)

    def on_day(self, day: date) -> bool:
        if day.month not in self.months or (self.years is not None and day.year not in self.years):
            return False
        return day_rule(self.days, self.weekdays, day, quartz=self.quartz)

    def possible(self) -> bool:
        """Whether any day at all matches: 28 years hold every month length on every first weekday."""
        years = range(2001, 2029) if self.years is None else sorted(self.years)
        return any(
            self.on_day(date(year, month, day))
            for year in years
            for month in self.months
            for day in range(1, monthrange(year, month)[1] + 1)
        )


def read(text: str, dialect: Dialect = "default") -> Expression:
    """Take an expression of blank-separated fields apart; ``text`` is trusted to be right."""
    fields = text.upper().split()
    second, year = "0", None
    if dialect == "croniter":
        minute, hour, days, month, weekdays, *more = fields
        second = more[0] if more else "0"
        year = more[1] if len(more) > 1 else None
    elif len(fields) == 5:
        minute, hour, days, month, weekdays = fields
    else:
        second, minute, hour, days, month, weekdays, *more = fields
        year = more[0] if more else None

    def starred(field: str) -> bool:
        return field.startswith(("*", "H/")) or (dialect == "quartz" and field.startswith("0/"))

    return Expression(
        seconds=numbers(second, 0, 59),
        minutes=numbers(minute, 0, 59),
        hours=numbers(hour, 0, 23),
        months=numbers(month, 1, 12, MONTHS),
        years=None if year is None or year == "*" else numbers(year, 1970, 9999),
        days=days,
        weekdays=weekdays,
        quartz=dialect == "quartz",
        interval_like=starred(minute) or starred(hour) or (len(fields) > 5 and starred(second)),
    )


def numbers(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    """The values of a field of plain items: ``*``, ``a``, ``a-b``, each with or without ``/step``."""
    found: set[int] = set()
    for item in field.split(","):
        body, _, step = item.partition("/")
        if body == "*":
            first, last = low, high
        elif "-" in body:
            first, last = (named(end, names) for end in body.split("-"))
        else:
            first = named(body, names)
            last = high if step else first
        if last < first:
            last += high - low + 1
        found |= {(value - low) % (high - low + 1) + low for value in range(first, last + 1, int(step or 1))}
    return frozenset(found)


def named(text: str, names: dict[str, int] | None) -> int:
    return names[text] if names and text in names else int(text)


@lru_cache(maxsize=65_536)
def day_rule(days: str, weekdays: str, day: date, *, quartz: bool) -> bool:
    """Rule 6, the star bit, on the text of both fields."""
    both = days.startswith(("*", "?")) or weekdays.startswith(("*", "?", "+"))
    in_month = days == "?" or any(day_item(item, day) for item in days.split(","))
    in_week = weekdays == "?" or any(
        weekday_item(item, day, quartz=quartz) for item in weekdays.removeprefix("+").split(",")
    )
    return (in_month and in_week) if both else (in_month or in_week)


def day_item(item: str, day: date) -> bool:
    """Whether one item of the day-of-month field takes in this day."""
    length = monthrange(day.year, day.month)[1]
    target, nearest = item.removesuffix("W"), item.endswith("W")
    if target.startswith("L"):
        number = length - int(target[2:] or 0)
    elif nearest:
        number = int(target)
    else:
        return day.day in numbers(item, 1, 31)
    if not 1 <= number <= length:
        return False
    return day.day == (nearest_weekday(day.year, day.month, number) if nearest else number)


def nearest_weekday(year: int, month: int, number: int) -> int:
    """The day from Monday to Friday that is nearest to this one without leaving the month."""
    working = [day for day in range(1, monthrange(year, month)[1] + 1) if date(year, month, day).isoweekday() <= 5]
    return min(working, key=lambda day: abs(day - number))


def weekday_item(item: str, day: date, *, quartz: bool) -> bool:
    """Whether one item of the day-of-week field takes in this day."""
    today = day.isoweekday() % 7
    last_of_its_kind = day.day + 7 > monthrange(day.year, day.month)[1]
    if quartz and item == "L":
        return today == 6
    if "#" in item:
        weekday, nth = item.split("#")
        ordinal = last_of_its_kind if nth == "L" else (day.day - 1) // 7 + 1 == int(nth)
        return ordinal and today in weekday_numbers(weekday, quartz=quartz)
    if item.endswith("L"):
        return last_of_its_kind and today in weekday_numbers(item[:-1], quartz=quartz)
    return today in weekday_numbers(item, quartz=quartz)


def weekday_numbers(item: str, *, quartz: bool) -> frozenset[int]:
    """The weekdays of a plain item, Sunday as 0."""
    if quartz:
        return frozenset(value - 1 for value in numbers(item, 1, 7, QUARTZ_WEEKDAYS))
    body, slash, step = item.partition("/")
    first, dash, last = body.partition("-")
    if first == last == "7":
        return frozenset({0})
    if first == "7":
        first = "0"
    if last == "7":
        return frozenset(value % 7 for value in range(named(first, WEEKDAYS), 8, int(step or 1)))
    return numbers(first + dash + last + slash + step, 0, 6, WEEKDAYS)


@dataclass(frozen=True)
class GivenReadings:
    """A finite set of readings that follow the rules of fixed times."""

    readings: frozenset[datetime]
    interval_like: bool = False

    @property
    def seconds(self) -> frozenset[int]:
        return frozenset(reading.second for reading in self.readings)

    def in_minute(self, minute: datetime) -> bool:
        return any(minute.replace(second=second) in self.readings for second in self.seconds)

    def matches(self, reading: datetime) -> bool:
        return reading in self.readings


# ---- zones ----------------------------------------------------------------------------------------------------------


class Span(NamedTuple):
    """Instants from ``start`` to before ``end``, all with one offset, in seconds."""

    start: int
    end: int
    offset: int


def offset_at(zone: tzinfo, instant: int) -> int:
    offset = (EPOCH + timedelta(seconds=instant)).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // SECOND


def spans(zone: tzinfo, a: int, b: int, step: int = 60) -> list[Span]:
    """The stretches of one offset from ``a`` to ``b``, looking once every ``step`` seconds and closer at a change."""
    found: list[Span] = []
    start, offset = a, offset_at(zone, a)
    for later in [*range(a + step, b, step), b]:
        if offset_at(zone, later) != offset:
            low, high = later - step, later
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset_at(zone, middle) == offset else (low, middle)
            found.append(Span(start, high, offset))
            start, offset = high, offset_at(zone, high)
    return [*found, Span(start, b, offset)]


@lru_cache(maxsize=1024)
def changes(zone: tzinfo, first_year: int = 1900, last_year: int = 2100) -> tuple[int, ...]:
    """Every instant of these years at which the zone's offset changes, found by asking twice a day."""
    a = seconds(datetime(first_year, 1, 1, tzinfo=UTC))
    b = seconds(datetime(last_year, 12, 31, tzinfo=UTC))
    return tuple(span.start for span in spans(zone, a, b, step=43_200)[1:])


def seconds(moment: datetime) -> int:
    """An aware datetime of whole seconds as an instant."""
    return (moment - EPOCH) // SECOND


def moment(instant: int, zone: tzinfo = UTC) -> datetime:
    return (EPOCH + timedelta(seconds=instant)).astimezone(zone)


# ---- the rules ------------------------------------------------------------------------------------------------------


def occurrences(readings: Readings, zone: tzinfo, a: int, b: int, policy: Policy = "vixie") -> list[int]:
    """Every occurrence in a <= x < b, by the rules as they are written."""
    stretches = spans(zone, a - TWO_DAYS, b)
    every = [(instant, reading) for span in stretches for instant, reading in matching(readings, span)]
    if policy == "literal" or (policy == "vixie" and readings.interval_like):
        found = {instant for instant, _ in every}
    else:
        found = set(without_repeats(every, at_most=THREE_HOURS if policy == "vixie" else TWO_DAYS))
        if policy == "vixie":
            found |= set(run_late(readings, stretches))
    return sorted(instant for instant in found if a <= instant < b)


def matching(readings: Readings, span: Span) -> Iterator[tuple[int, datetime]]:
    """Rule 9: the instants of one span whose reading matches."""
    for reading in between_readings(readings, span.start + span.offset, span.end + span.offset):
        yield (reading - NAIVE_EPOCH) // SECOND - span.offset, reading


def between_readings(readings: Readings, low: int, high: int) -> Iterator[datetime]:
    """The matching readings of low <= x < high, given as seconds of local time."""
    for minute in range(low - low % 60, high, 60):
        start = NAIVE_EPOCH + timedelta(seconds=minute)
        if readings.in_minute(start):
            for second in sorted(readings.seconds):
                if low <= minute + second < high and readings.matches(start.replace(second=second)):
                    yield start.replace(second=second)


def without_repeats(every: Iterable[tuple[int, datetime]], at_most: int) -> Iterator[int]:
    """Rule 10: of instants with the same reading at most so many seconds apart, only the first."""
    seen: dict[datetime, int] = {}
    for instant, reading in every:
        if reading not in seen or instant - seen[reading] > at_most:
            yield instant
        seen[reading] = instant


def run_late(readings: Readings, stretches: list[Span]) -> Iterator[int]:
    """Rule 11: the change itself, where a reading that it skips matches and it skips at most three hours."""
    for before, after in pairwise(stretches):
        skips_from, skips_to = after.start + before.offset, after.start + after.offset
        if skips_to - skips_from <= THREE_HOURS and any(between_readings(readings, skips_from, skips_to)):
            yield after.start
