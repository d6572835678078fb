"""The readings of a calendar interval: a day every so many days or months, at one time of day."""

from datetime import date

from cronkit.schedules.timeline import DAY, EPOCH_ORDINAL, MAX_SECOND, MIN_SECOND

__all__ = ["DayStride", "MonthStride", "Stride"]

_LAST_DAY = MAX_SECOND // DAY
_DAYS_OF_ANY_MONTH = 28


class Stride:
    """Occurrence k, from 0 on, lies k strides after the start date, at ``time`` seconds of its day."""

    __slots__ = ("start", "stride", "time")

    def __init__(self, start: date, stride: int, time: int) -> None:
        self.start = start
        self.stride = stride
        self.time = time

    def values(self) -> tuple[object, ...]:
        """All that tells this sequence from others."""
        return type(self).__name__, self.start, self.stride, self.time

    def day(self, k: int) -> int | None:
        """The day of occurrence k since 1970-01-01, or None where its month lacks the day."""
        raise NotImplementedError

    def index(self, day: int) -> int:
        """The greatest k whose day, or whose month, does not come after ``day``; -1 where there is none."""
        raise NotImplementedError

    def existing(self, first: int, last: int) -> int:
        """How many of the occurrences first to last have a day."""
        return max(0, last - first + 1)

    def first(self, reading: int) -> int | None:
        """The least member at or after ``reading``."""
        reading = max(reading, MIN_SECOND)
        if reading <= MAX_SECOND:
            for k in range(max(0, self.index(reading // DAY)), self.index(_LAST_DAY) + 1):
                found = self._reading(k)
                if found is not None and found >= reading:
                    return found
        return None

    def last(self, reading: int) -> int | None:
        """The greatest member at or before ``reading``."""
        reading = min(reading, MAX_SECOND)
        if reading >= MIN_SECOND:
            for k in range(self.index(reading // DAY), -1, -1):
                found = self._reading(k)
                if found is not None and found <= reading:
                    return found
        return None

    def count(self, low: int, high: int) -> int:
        """How many members are in ``[low, high)``."""
        low, high = max(low, MIN_SECOND), min(high, MAX_SECOND + 1)
        if low >= high:
            return 0
        first, last = max(0, self.index(low // DAY)), self.index((high - 1) // DAY)
        total = self.existing(first, last)
        for k in {first, last} if first <= last else ():
            found = self._reading(k)
            total -= found is not None and not low <= found < high
        return total

    def _reading(self, k: int) -> int | None:
        day = self.day(k)
        return None if day is None else day * DAY + self.time


class DayStride(Stride):
    """Every ``stride`` days."""

    __slots__ = ()

    def day(self, k: int) -> int:
        return self.start.toordinal() - EPOCH_ORDINAL + k * self.stride

    def index(self, day: int) -> int:
        return max(-1, (day - self.day(0)) // self.stride)


class MonthStride(Stride):
    """Every ``stride`` months, on the start's day of the month."""

    __slots__ = ()

    def day(self, k: int) -> int | None:
        year, month = divmod(self.start.year * 12 + self.start.month - 1 + k * self.stride, 12)
        try:
            return date(year, month + 1, self.start.day).toordinal() - EPOCH_ORDINAL
        except ValueError:
            return None

    def index(self, day: int) -> int:
        when = date.fromordinal(day + EPOCH_ORDINAL)
        months = (when.year - self.start.year) * 12 + when.month - self.start.month
        return max(-1, months // self.stride)

    def existing(self, first: int, last: int) -> int:
        if self.start.day <= _DAYS_OF_ANY_MONTH:
            return super().existing(first, last)
        return sum(self.day(k) is not None for k in range(first, last + 1))
