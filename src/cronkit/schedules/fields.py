"""What a cron expression means once it is read: bit masks, and the search through them.

All readings are seconds of local time since 1970-01-01T00:00, as in `timeline`.
"""

from cronkit.schedules.dates import CronDates, highest, lowest
from cronkit.schedules.timeline import DAY, MAX_SECOND, MIN_SECOND

__all__ = ["CronFields"]


class CronFields:
    """The readings that a cron expression matches: times of the day, on some ``dates``.

    Every field of a time is an integer whose bit v stands for the value v.
    """

    __slots__ = ("dates", "hours", "minutes", "seconds")

    def __init__(self, seconds: int, minutes: int, hours: int, dates: CronDates) -> None:
        self.seconds = seconds
        self.minutes = minutes
        self.hours = hours
        self.dates = dates

    def values(self) -> tuple[object, ...]:
        """All that the fields say, for comparing and hashing."""
        return self.seconds, self.minutes, self.hours, *self.dates.values()

    def first(self, reading: int) -> int | None:
        """The least matching reading at or after ``reading``."""
        day, time = divmod(reading, DAY)
        dates = self.dates
        base, length, mask, _, _ = dates.recent
        if not 0 <= day - base < length:
            if reading < MIN_SECOND:
                reading = MIN_SECOND
                day, time = MIN_SECOND // DAY, 0
            elif reading > MAX_SECOND:
                return None
            base, _, mask, _, _ = dates.month_of(day)
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
                    return reading - second + 60 * (later & -later).bit_length() + lowest(self.seconds)
            later = self.hours >> (hour + 1)
            if later:
                return reading - rest + 3600 * (later & -later).bit_length() + self._first_in_hour()
        following = dates.first(day + 1)
        return None if following is None else following * DAY + self.first_time()

    def last(self, reading: int) -> int | None:
        """The greatest matching reading at or before ``reading``."""
        reading = min(reading, MAX_SECOND)
        if reading < MIN_SECOND:
            return None
        day, time = divmod(reading, DAY)
        if self.dates.has(day):
            found = self._time_until(time)
            if found is not None:
                return day * DAY + found
        preceding = self.dates.last(day - 1)
        return None if preceding is None else preceding * DAY + self.last_time()

    def count(self, low: int, high: int) -> int:
        """How many readings in ``[low, high)`` match."""
        low, high = max(low, MIN_SECOND), min(high, MAX_SECOND + 1)
        if low >= high:
            return 0
        first_day, early = divmod(low, DAY)
        last_day, late = divmod(high, DAY)
        total = self.dates.count(first_day, last_day) * self.times_a_day()
        if early and self.dates.has(first_day):
            total -= self._count_times(early)
        if late and self.dates.has(last_day):
            total += self._count_times(late)
        return total

    # Times of a day

    def times_a_day(self) -> int:
        """How often a matching day runs."""
        return self.seconds.bit_count() * self.minutes.bit_count() * self.hours.bit_count()

    def first_time(self) -> int:
        """The first time of a matching day, in seconds."""
        hours = self.hours
        return ((hours & -hours).bit_length() - 1) * 3600 + self._first_in_hour()

    def _first_in_hour(self) -> int:
        minutes, seconds = self.minutes, self.seconds  # without `lowest`: calls are a tenth of a search
        return (minutes & -minutes).bit_length() * 60 + (seconds & -seconds).bit_length() - 61

    def last_time(self) -> int:
        """The last time of a matching day, in seconds."""
        return highest(self.hours) * 3600 + highest(self.minutes) * 60 + highest(self.seconds)

    def _time_until(self, time: int) -> int | None:
        hour, rest = divmod(time, 3600)
        if self.hours >> hour & 1:
            minute, second = divmod(rest, 60)
            if self.minutes >> minute & 1:
                earlier = self.seconds & ((2 << second) - 1)
                if earlier:
                    return time - second + highest(earlier)
            earlier = self.minutes & ((1 << minute) - 1)
            if earlier:
                return hour * 3600 + highest(earlier) * 60 + highest(self.seconds)
        earlier = self.hours & ((1 << hour) - 1)
        if earlier:
            return highest(earlier) * 3600 + highest(self.minutes) * 60 + highest(self.seconds)
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


def _below(mask: int, value: int) -> int:
    return (mask & ((1 << value) - 1)).bit_count()
