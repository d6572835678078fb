"""The dates that a cron expression matches: bit masks over the calendar, and the search through them.

Days are counted from 1970-01-01.
"""

from datetime import date
from functools import cache, lru_cache
from itertools import pairwise

from cronkit.schedules.monthdays import SpecialDay, weekday_days
from cronkit.schedules.timeline import DAY, EPOCH_ORDINAL, MAX_SECOND, MIN_SECOND, is_leap

__all__ = ["FIRST_YEAR", "CronDates", "cron_dates", "highest", "lowest"]

FIRST_YEAR = 1970
_CYCLE = 400
"""After so many years the calendar repeats."""
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY = 2
_ALL_WEEKDAYS = (1 << 7) - 1
_MONTHS_BY_LENGTH = (
    (31, sum(1 << month for month in (1, 3, 5, 7, 8, 10, 12))),
    (30, sum(1 << month for month in (4, 6, 9, 11))),
    (29, 1 << _FEBRUARY),
    (28, 1 << _FEBRUARY),
)
_ALL_DAYS = (1 << 31) - 1
_DAYS_OF_ANY_MONTH = (1 << 28) - 1
Month = tuple[int, int, int, int, int]
"""A month of a year: its first day, its length, the mask of its matching days, year and month."""
_NO_MONTH: Month = (0, 0, 0, 0, 0)
SHARED = 1_024
"""How many are kept to be shared; those used least lately go."""


class CronDates:
    """The days that match, whatever the time (cron-rules 5 and 6).

    Every field is an integer whose bit v stands for the value v, except ``days`` (bit 0 is day 1) and ``years`` (bit 0
    is 1970, None where any year matches). ``both_days`` says that the day of the month and the weekday must both match;
    otherwise either suffices. ``is_possible`` says whether any day at all matches; ``recent`` is the month that was
    looked at last.

    Safe to share between threads: each memo is replaced as a whole, by what is true of it.
    """

    __slots__ = (
        "_answer",
        "both_days",
        "days",
        "is_possible",
        "months",
        "recent",
        "special_days",
        "special_weekdays",
        "weekdays",
        "years",
    )

    def __init__(
        self,
        days: int,
        months: int,
        weekdays: int,
        years: int | None,
        both_days: bool,
        special_days: tuple[SpecialDay, ...],
        special_weekdays: tuple[SpecialDay, ...],
    ) -> None:
        self.days = days
        self.months = months
        self.weekdays = weekdays
        self.years = years
        self.both_days = both_days
        self.special_days = special_days
        self.special_weekdays = special_weekdays
        self.recent = _NO_MONTH
        self._answer: tuple[int | None, int | None] = None, None
        self.is_possible = self._fits_a_month() and (years is None or self._fits_a_year(years))

    def values(self) -> tuple[object, ...]:
        """All that the fields say, for comparing and hashing; the order of L, W and # items says nothing."""
        return (
            self.days,
            self.months,
            self.weekdays,
            self.years,
            self.both_days,
            frozenset(self.special_days),
            frozenset(self.special_weekdays),
        )

    def has(self, day: int) -> bool:
        """Whether a day matches."""
        base, length, mask, _, _ = self.recent
        if not base <= day < base + length:
            base, _, mask, _, _ = self.month_of(day)
        return bool(mask >> (day - base) & 1)

    def first(self, day: int) -> int | None:
        """The least matching day at or after ``day``."""
        asked, found = self._answer
        if asked == day:  # schedules of the same dates ask the same, all day long
            return found
        base, length, mask, _, _ = self.recent
        if base <= day < base + length:
            later = mask >> (day - base)
            if later:
                return day + (later & -later).bit_length() - 1
        found = self._search(day)
        self._answer = day, found
        return found

    def _search(self, day: int) -> int | None:
        base, length, mask, year, month = self.recent
        if not base <= day < base + length:
            if day > MAX_SECOND // DAY:
                return None
            base, length, mask, year, month = self.month_of(day)
        later = mask >> (day - base)
        while not later:
            later_months = self.months >> (month + 1)
            if later_months and self._year_matches(year):
                month += 1 + lowest(later_months)
            else:
                following = self._year_from(year + 1)
                if following is None:
                    return None
                year, month = following, lowest(self.months)
            day, _, later, _, _ = self._enter_first(year, month)
        return day + lowest(later)

    def last(self, day: int) -> int | None:
        """The greatest matching day at or before ``day``."""
        base, length, mask, year, month = self.recent
        if not base <= day < base + length:
            if day < MIN_SECOND // DAY:
                return None
            base, length, mask, year, month = self.month_of(day)
        earlier = mask & ((2 << (day - base)) - 1)
        while not earlier:
            earlier_months = self.months & ((1 << month) - 1)
            if earlier_months and self._year_matches(year):
                month = highest(earlier_months)
            else:
                preceding = self._year_until(year - 1)
                if preceding is None:
                    return None
                year, month = preceding, highest(self.months)
            base, _, earlier, _, _ = self._enter_first(year, month)
        return base + highest(earlier)

    def count(self, low: int, high: int) -> int:
        """How many days in ``[low, high)`` match."""
        total = 0
        day = self.first(low)
        while day is not None and day < high:
            base, length, mask, _, _ = self.recent
            if not base <= day < base + length:
                base, length, mask, _, _ = self.month_of(day)
            total += (mask >> (day - base) & ((1 << max(0, high - day)) - 1)).bit_count()
            day = self.first(base + length)
        return total

    def month_days(self, first: int, length: int) -> int:
        """The days that match in a month of this shape, as a mask, whichever month it is."""
        days = self.days & ((1 << length) - 1)
        for rule, a, b in self.special_days:
            days |= rule(first, length, a, b)
        if self.both_days and self.weekdays == _ALL_WEEKDAYS:
            return days
        weekdays = weekday_days(first, length, self.weekdays)
        for rule, a, b in self.special_weekdays:
            weekdays |= rule(first, length, a, b)
        return days & weekdays if self.both_days else days | weekdays

    def has_month_day(self, length: int) -> bool:
        """Whether a month of this length has one of the days of the month; W never leaves a month that has its day."""
        return bool(self.days & ((1 << length) - 1)) or any(rule(0, length, a, b) for rule, a, b in self.special_days)

    def _fits_a_year(self, years: int) -> bool:
        """Whether any of these years has such a day: one year of each calendar speaks for all that are like it."""
        months = [month for month in range(1, 13) if self.months >> month & 1]
        return any(self.month_days(*shapes[month]) for like, shapes in _calendars() if years & like for month in months)

    def _fits_a_month(self) -> bool:
        """Whether any month of any year has such a day: all shapes of its length come up."""
        if self.weekdays and (not self.both_days or self.days & _DAYS_OF_ANY_MONTH):
            return True
        if self.special_weekdays and (not self.both_days or self.days == _ALL_DAYS):
            return True
        special = bool(self.special_days or self.special_weekdays)
        for length, months in _MONTHS_BY_LENGTH:
            if self.months & months:
                if self.weekdays and self.days & ((1 << length) - 1):
                    return True
                if special and any(self.month_days(first, length) for first in range(7)):
                    return True
        return False

    # Months

    def month_of(self, day: int) -> Month:
        """The month of a day, which is ``recent`` from then on."""
        when = date.fromordinal(day + EPOCH_ORDINAL)
        return self._enter(when.year, when.month, day - when.day + 1)

    def _enter_first(self, year: int, month: int) -> Month:
        return self._enter(year, month, date(year, month, 1).toordinal() - EPOCH_ORDINAL)

    def _enter(self, year: int, month: int, base: int) -> Month:
        length = 29 if month == _FEBRUARY and is_leap(year) else _LENGTHS[month]
        mask = 0
        if self.months >> month & 1 and (self.years is None or self._year_matches(year)):
            mask = self.month_days((base + 4) % 7, length)  # 1970-01-01 was a Thursday
        self.recent = entered = (base, length, mask, year, month)
        return entered

    # Years

    def _year_matches(self, year: int) -> bool:
        return self.years is None or (year >= FIRST_YEAR and bool(self.years >> (year - FIRST_YEAR) & 1))

    def _year_from(self, year: int) -> int | None:
        if self.years is None:
            return year if year <= date.max.year else None
        year = max(year, FIRST_YEAR)
        later = self.years >> (year - FIRST_YEAR)
        return year + lowest(later) if later else None

    def _year_until(self, year: int) -> int | None:
        if self.years is None:
            return year if year >= date.min.year else None
        earlier = self.years & ((2 << (year - FIRST_YEAR)) - 1) if year >= FIRST_YEAR else 0
        return FIRST_YEAR + highest(earlier) if earlier else None


@lru_cache(SHARED)
def cron_dates(
    days: int,
    months: int,
    weekdays: int,
    years: int | None,
    both_days: bool,
    special_days: tuple[SpecialDay, ...],
    special_weekdays: tuple[SpecialDay, ...],
) -> CronDates:
    """A ``CronDates``: one for all expressions of the same dates, so that they share what was found for one of them.

    Most that differ do so in the time of day. A schedule's first search takes half as long so, and its job in memory a
    sixth less.
    """
    return CronDates(days, months, weekdays, years, both_days, special_days, special_weekdays)


@cache
def _calendars() -> list[tuple[int, tuple[tuple[int, int], ...]]]:
    """The 14 calendars that years have: a mask of the years, and the shape (first weekday, length) of each month."""
    found: dict[tuple[int, bool], int] = {}
    for bit in range(_CYCLE):
        year = FIRST_YEAR + bit
        calendar = date(year, 1, 1).weekday(), is_leap(year)
        found[calendar] = found.get(calendar, 0) | 1 << bit
    cycles = sum(1 << bit for bit in range(0, date.max.year - FIRST_YEAR + 1, _CYCLE))
    return [(years * cycles, _shapes(FIRST_YEAR + lowest(years))) for years in found.values()]


def _shapes(year: int) -> tuple[tuple[int, int], ...]:
    """The shapes of a year's months, from index 1 on. Ordinal 0 was a Sunday."""
    firsts = [date(year + month // 12, month % 12 + 1, 1).toordinal() for month in range(13)]
    return (0, 0), *((first % 7, following - first) for first, following in pairwise(firsts))


def lowest(mask: int) -> int:
    """The least value in a mask."""
    return (mask & -mask).bit_length() - 1


def highest(mask: int) -> int:
    """The greatest value in a mask."""
    return mask.bit_length() - 1
