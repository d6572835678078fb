"""`CalendarInterval`: every so many days, weeks, months or years, at a time of day."""

from datetime import date, datetime, time, tzinfo
from typing import Any, Never, Self

from cronkit.clock import utc_now
from cronkit.errors import ScheduleError
from cronkit.schedules.describe import sentence
from cronkit.schedules.lint import Finding, clock_changes, never_runs
from cronkit.schedules.moments import read_moment, short
from cronkit.schedules.strides import DayStride, MonthStride, Stride
from cronkit.schedules.timeline import timeline_of
from cronkit.schedules.wallclock import Policy
from cronkit.schedules.zoned import NOTHING_ASKED, ZonedSchedule, read_window
from cronkit.schedules.zones import resolve_zone, zone_key, zone_name

__all__ = ["CalendarInterval"]

_UNITS = ("days", "weeks", "months", "years")
_MAX_NUMBER = 1_000_000


class CalendarInterval(ZonedSchedule):
    """The k-th occurrence is ``start`` + k times the interval, on that date at ``at`` local time.

    Months and years add up, weeks and days add up; the two kinds do not mix. Counting is always from ``start``, so a
    month that lacks its day is skipped and the day does not wander: monthly from January 31 is the 31st of the long
    months. ``start`` is a date, a datetime or ISO text; nothing happens before it. ``at`` is "HH:MM[:SS]" or a
    time. Cron-rules 10 to 13 hold where clocks change. Raises ScheduleError for what cannot mean an interval.
    """

    __slots__ = ("_at", "_interval")

    _readings: Stride

    def __init__(
        self,
        *,
        days: int = 0,
        weeks: int = 0,
        months: int = 0,
        years: int = 0,
        at: time | str = "00:00",
        start: date | datetime | str,
        end: datetime | str | None = None,
        tz: tzinfo | str | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise _no_parameter(next(iter(unknown)))
        interval = (days, weeks, months, years)
        for name, number in zip(_UNITS, interval, strict=True):
            _check_number(name, number)
        if not any(interval):
            raise ScheduleError("the interval is empty", field="days", hint="give days=, weeks=, months= or years=")
        if (days or weeks) and (months or years):
            raise ScheduleError(
                "days and weeks do not mix with months and years, for a month has no fixed number of days",
                field="days",
                hint="give one kind, or make two schedules",
            )
        zone = None if tz is None else resolve_zone(tz)
        clock = _read_time(at)
        begin = _read_start(start)
        first = _first_day(begin, zone)
        second = clock.hour * 3600 + clock.minute * 60 + clock.second
        readings: Stride = DayStride(first, days + 7 * weeks, second)
        if months or years:
            readings = MonthStride(first, months + 12 * years, second)
        self._interval = interval
        self._at = clock
        self._policy = Policy.FIXED_TIME
        self._readings = readings
        self._tz = zone
        self._window = read_window(begin, end, zone)
        self._memo = NOTHING_ASKED

    @property
    def at(self) -> time:
        return self._at

    @property
    def interval(self) -> tuple[int, int, int, int]:
        """Days, weeks, months and years, as given."""
        return self._interval

    def _in_zone(self, tz: tzinfo) -> Self:
        days, weeks, months, years = self.interval
        assert self.start is not None
        return type(self)(
            days=days, weeks=weeks, months=months, years=years, at=self.at, start=self.start, end=self.end, tz=tz
        )

    def describe(self) -> str:
        amounts = [(number, unit[:-1]) for number, unit in zip(self.interval, _UNITS, strict=True) if number][::-1]
        words = " and ".join(f"{number} {unit}{'s' * (number > 1)}" for number, unit in amounts)
        if len(amounts) == 1:
            words = words.removeprefix("1 ")
        return sentence([f"every {words} at {_clock_text(self.at)}"], self.tz, self.start, self.end)

    def lint(self, after: datetime | None = None) -> tuple[Finding, ...]:
        if after is None and self.tz is None:
            return ()
        after = utc_now() if after is None else after
        following = self.next(after)
        return *clock_changes(self, self._readings, self._policy, after), *never_runs(following)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "calendar-interval"}
        found |= {unit: number for unit, number in zip(_UNITS, self.interval, strict=True) if number}
        found["at"] = _clock_text(self.at)
        if self.tz is not None:
            found["tz"] = zone_name(self.tz)
        return found | self._window.to_json()

    def _identity(self) -> tuple[object, ...]:
        return *self._readings.values(), self._window.first, self._window.until

    def __str__(self) -> str:
        return self.describe()

    def __repr__(self) -> str:
        numbers = [f"{unit}={number}" for unit, number in zip(_UNITS, self.interval, strict=True) if number]
        window = [f"{name}={value!r}" for name, value in self._window.to_json().items()]
        zone = [] if self.tz is None else [f"tz={zone_key(self.tz) or self.tz!r}"]
        return f"CalendarInterval({', '.join([*numbers, f'at={_clock_text(self.at)!r}', *window, *zone])})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.interval, self.at, self.start, self.end, self.tz)


def _restore(
    interval: tuple[int, int, int, int], at: time, start: datetime, end: datetime | None, tz: tzinfo | None
) -> CalendarInterval:
    days, weeks, months, years = interval
    return CalendarInterval(days=days, weeks=weeks, months=months, years=years, at=at, start=start, end=end, tz=tz)


def _check_number(name: str, number: object) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MAX_NUMBER:
        raise ScheduleError(
            f"{name} must be a whole number from 0 to {_MAX_NUMBER:,}", field=name, hint=f"write {name}=2, for example"
        )


def _read_start(start: object) -> datetime:
    if isinstance(start, date) and not isinstance(start, datetime):
        return datetime(start.year, start.month, start.day)
    if isinstance(start, str):
        start = str.__str__(start)
        if len(start.strip(" \t")) == len("2027-01-01"):
            start = f"{start.strip()}T00:00"
    return read_moment(start, "start")


def _first_day(start: datetime, zone: tzinfo | None) -> date:
    """The date that occurrences are counted from: that of ``start`` on the schedule's own clock."""
    if start.utcoffset() is None or zone is None:
        return start.date()
    timeline = timeline_of(zone)
    second = timeline.second_of(start)
    if not timeline.holds(second):
        raise ScheduleError("the start is out of range", field="start", hint="give a year from 1 to 9999, in UTC too")
    return timeline.local(second, timeline.segment_at(second)).date()


def _read_time(at: object) -> time:
    if isinstance(at, time) and at.tzinfo is None and not at.microsecond:
        return at
    if isinstance(at, str):
        at = str.__str__(at)
        numbers = at.split(":") if len(at) in (5, 8) and at.isascii() and at[2::3] in (":", "::") else [""]
        if all(len(number) == 2 and number.isdigit() for number in numbers):
            hour, minute, second = (int(number) for number in [*numbers, "0"][:3])
            if hour < 24 and minute < 60 and second < 60:
                return time(hour, minute, second)
    shown = at.isoformat() if isinstance(at, time) else short(at)
    raise ScheduleError(f"{shown} is no time of day", field="at", hint='write "09:00" or "09:00:30"')


def _clock_text(at: time) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def _no_parameter(name: str) -> ScheduleError:
    hint = 'the time of day is at="09:30"; days, weeks, months and years are whole numbers'
    if name in ("hours", "minutes", "seconds"):
        hint = f'elapsed time is an Every: write Every("30{name[0]}")'
    return ScheduleError(f"CalendarInterval takes no {name}=", field="interval", hint=hint)
