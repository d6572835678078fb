"""What a cron expression means once it is read: bit masks, and the search through them.

Every field is an integer whose bit v stands for the value v, except ``days`` (bit 0 is day 1) and ``years`` (bit 0 is
1970). All readings are seconds of local time since 1970-01-01T00:00, as in `timeline`.
"""

from datetime import date
from functools import cache
from itertools import pairwise

from cronkit.schedules.monthdays import SpecialDay, weekday_days
from cronkit.schedules.timeline import DAY, EPOCH_ORDINAL, MAX_SECOND, MIN_SECOND, is_leap

__all__ = ["FIRST_YEAR", "CronFields"]

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


class CronFields:
    """The readings that a cron expression matches (cron-rules 5 and 6).

    ``years`` is None where any year matches. ``both_days`` says that the day of the month and the weekday must both
    match; otherwise either suffices.
    """

    __slots__ = (
        "_month",
        "both_days",
        "days",
        "hours",
        "minutes",
        "months",
        "seconds",
        "special_days",
        "special_weekdays",
        "weekdays",
        "years",
    )

    def __init__(
        self,
        seconds: int,
        minutes: int,
        hours: int,
        days: int,
        months: int,
        weekdays: int,
        years: int | None,
        both_days: bool,
        special_days: tuple[SpecialDay, ...],
        special_weekdays: tuple[SpecialDay, ...],
    ) -> None:
        self.seconds = seconds
        self.minutes = minutes
        self.hours = hours
        self.days = days
        self.months = months
        self.weekdays = weekdays
        self.years = years
        self.both_days = both_days
        self.special_days = special_days
        self.special_weekdays = special_weekdays
        self._month = _NO_MONTH

    def values(self) -> tuple[object, ...]:
        """All that the fields say, for comparing and hashing; the order of L, W and # items says nothing."""
        return (
            self.seconds,
            self.minutes,
            self.hours,
            self.days,
            self.months,
            self.weekdays,
            self.years,
            self.both_days,
            frozenset(self.special_days),
            frozenset(self.special_weekdays),
        )

    def first(self, reading: int) -> int | None:
        """The least matching reading at or after ``reading``."""
        day, time = divmod(reading, DAY)
        base, length, mask, _, _ = self._month
        if not 0 <= day - base < length:
            if reading < MIN_SECOND:
                reading = MIN_SECOND
                day, time = MIN_SECOND // DAY, 0
            elif reading > MAX_SECOND:
                return None
            base, _, mask, _, _ = self._month_of(day)
        if mask >> (day - base) & 1:
            hour, rest = divmod(time, 3600)
            if self.hours >> hour & 1:
                minute, second = divmod(rest, 60)
                if self.minutes >> minute & 1:
                    later = self.seconds >> second
                    if later:
                        return reading + (later & -later).bit_length() - 1
                later = self.minutes >> (minute + 1)
                if later:
                    return reading - second + 60 * (later & -later).bit_length() + _lowest(self.seconds)
            later = self.hours >> (hour + 1)
            if later:
                return reading - rest + 3600 * (later & -later).bit_length() + self._first_in_hour()
        following = self._day_from(day + 1)
        return None if following is None else following * DAY + self.first_time()

    def last(self, reading: int) -> int | None:
        """The greatest matching reading at or before ``reading``."""
        reading = min(reading, MAX_SECOND)
        if reading < MIN_SECOND:
            return None
        day, time = divmod(reading, DAY)
        if self._matches(day):
            found = self._time_until(time)
            if found is not None:
                return day * DAY + found
        preceding = self._day_until(day - 1)
        return None if preceding is None else preceding * DAY + self.last_time()

    def count(self, low: int, high: int) -> int:
        """How many readings in ``[low, high)`` match."""
        low, high = max(low, MIN_SECOND), min(high, MAX_SECOND + 1)
        if low >= high:
            return 0
        first_day, early = divmod(low, DAY)
        last_day, late = divmod(high, DAY)
        total = self._count_days(first_day, last_day) * self.times_a_day()
        if early and self._matches(first_day):
            total -= self._count_times(early)
        if late and self._matches(last_day):
            total += self._count_times(late)
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

    def is_possible(self) -> bool:
        """Whether any reading at all matches."""
        return self._fits_a_month() and (self.years is None or self._fits_a_year(self.years))

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

    # Times of a day

    def times_a_day(self) -> int:
        """How often a matching day runs."""
        return self.seconds.bit_count() * self.minutes.bit_count() * self.hours.bit_count()

    def first_time(self) -> int:
        """The first time of a matching day, in seconds."""
        return _lowest(self.hours) * 3600 + self._first_in_hour()

    def _first_in_hour(self) -> int:
        return _lowest(self.minutes) * 60 + _lowest(self.seconds)

    def last_time(self) -> int:
        """The last time of a matching day, in seconds."""
        return _highest(self.hours) * 3600 + _highest(self.minutes) * 60 + _highest(self.seconds)

    def _time_until(self, time: int) -> int | None:
        hour, rest = divmod(time, 3600)
        if self.hours >> hour & 1:
            minute, second = divmod(rest, 60)
            if self.minutes >> minute & 1:
                earlier = self.seconds & ((2 << second) - 1)
                if earlier:
                    return time - second + _highest(earlier)
            earlier = self.minutes & ((1 << minute) - 1)
            if earlier:
                return hour * 3600 + _highest(earlier) * 60 + _highest(self.seconds)
        earlier = self.hours & ((1 << hour) - 1)
        if earlier:
            return _highest(earlier) * 3600 + _highest(self.minutes) * 60 + _highest(self.seconds)
        return None

    def _count_times(self, before: int) -> int:
        hour, rest = divmod(before, 3600)
        minute, second = divmod(rest, 60)
        per_minute = self.seconds.bit_count()
        total = _below(self.hours, hour) * self.minutes.bit_count() * per_minute
        if self.hours >> hour & 1:
            total += _below(self.minutes, minute) * per_minute
            if self.minutes >> minute & 1:
                total += _below(self.seconds, second)
        return total

    # Days, counted from 1970-01-01

    def _matches(self, day: int) -> bool:
        base, length, mask, _, _ = self._month
        if not base <= day < base + length:
            base, _, mask, _, _ = self._month_of(day)
        return bool(mask >> (day - base) & 1)

    def _day_from(self, day: int) -> int | None:
        base, length, mask, year, month = self._month
        if not base <= day < base + length:
            if day > MAX_SECOND // DAY:
                return None
            base, length, mask, year, month = self._month_of(day)
        later = mask >> (day - base)
        while not later:
            later_months = self.months >> (month + 1)
            if later_months and self._year_matches(year):
                month += 1 + _lowest(later_months)
            else:
                following = self._year_from(year + 1)
                if following is None:
                    return None
                year, month = following, _lowest(self.months)
            day, _, later, _, _ = self._enter_first(year, month)
        return day + _lowest(later)

    def _day_until(self, day: int) -> int | None:
        base, length, mask, year, month = self._month
        if not base <= day < base + length:
            if day < MIN_SECOND // DAY:
                return None
            base, length, mask, year, month = self._month_of(day)
        earlier = mask & ((2 << (day - base)) - 1)
        while not earlier:
            earlier_months = self.months & ((1 << month) - 1)
            if earlier_months and self._year_matches(year):
                month = _highest(earlier_months)
            else:
                preceding = self._year_until(year - 1)
                if preceding is None:
                    return None
                year, month = preceding, _highest(self.months)
            base, _, earlier, _, _ = self._enter_first(year, month)
        return base + _highest(earlier)

    def _count_days(self, low: int, high: int) -> int:
        total = 0
        day = self._day_from(low)
        while day is not None and day < high:
            base, length, mask, _, _ = self._month
            if not base <= day < base + length:
                base, length, mask, _, _ = self._month_of(day)
            total += (mask >> (day - base) & ((1 << max(0, high - day)) - 1)).bit_count()
            day = self._day_from(base + length)
        return total

    # Months

    def _month_of(self, day: int) -> tuple[int, int, int, int, int]:
        when = date.fromordinal(day + EPOCH_ORDINAL)
        return self._enter(when.year, when.month, day - when.day + 1)

    def _enter_first(self, year: int, month: int) -> tuple[int, int, int, int, int]:
        return self._enter(year, month, date(year, month, 1).toordinal() - EPOCH_ORDINAL)

    def _enter(self, year: int, month: int, base: int) -> tuple[int, int, int, int, int]:
        """(first day, length, mask of matching days, year, month), remembered as the current month."""
        length = 29 if month == _FEBRUARY and is_leap(year) else _LENGTHS[month]
        mask = 0
        if self.months >> month & 1 and (self.years is None or self._year_matches(year)):
            mask = self.month_days((base + 4) % 7, length)  # 1970-01-01 was a Thursday
        self._month = entered = (base, length, mask, year, month)
        return entered

    # Years

    def _year_matches(self, year: int) -> bool:
        return self.years is None or (year >= FIRST_YEAR and bool(self.years >> (year - FIRST_YEAR) & 1))

    def _year_from(self, year: int) -> int | None:
        if self.years is None:
            return year if year <= date.max.year else None
        year = max(year, FIRST_YEAR)
        later = self.years >> (year - FIRST_YEAR)
        return year + _lowest(later) if later else None

    def _year_until(self, year: int) -> int | None:
        if self.years is None:
            return year if year >= date.min.year else None
        earlier = self.years & ((2 << (year - FIRST_YEAR)) - 1) if year >= FIRST_YEAR else 0
        return FIRST_YEAR + _highest(earlier) if earlier else None


_NO_MONTH = (0, 0, 0, 0, 0)


@cache
def _calendars() -> list[tuple[int, tuple[tuple[int, int], ...]]]:
    """The 14 calendars that years have: a mask of the years, and the shape (first weekday, length) of each month."""
    found: dict[tuple[int, bool], int] = {}
    for bit in range(_CYCLE):
        year = FIRST_YEAR + bit
        calendar = date(year, 1, 1).weekday(), is_leap(year)
        found[calendar] = found.get(calendar, 0) | 1 << bit
    cycles = sum(1 << bit for bit in range(0, date.max.year - FIRST_YEAR + 1, _CYCLE))
    return [(years * cycles, _shapes(FIRST_YEAR + _lowest(years))) for years in found.values()]


def _shapes(year: int) -> tuple[tuple[int, int], ...]:
    """The shapes of a year's months, from index 1 on. Ordinal 0 was a Sunday."""
    firsts = [date(year + month // 12, month % 12 + 1, 1).toordinal() for month in range(13)]
    return (0, 0), *((first % 7, following - first) for first, following in pairwise(firsts))


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _highest(mask: int) -> int:
    return mask.bit_length() - 1


def _below(mask: int, value: int) -> int:
    return (mask & ((1 << value) - 1)).bit_count()
