"""Schedules in plain English, worked out from what was read, not from the text."""

from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from itertools import pairwise

from cronkit.schedules.dates import FIRST_YEAR, CronDates
from cronkit.schedules.fields import CronFields
from cronkit.schedules.monthdays import (
    SpecialDay,
    last_day,
    last_weekday,
    nearest_workday,
    nearest_workday_to_last,
    nth_weekday,
)
from cronkit.schedules.zones import zone_title

__all__ = ["describe_cron", "join_words", "moment_text", "ordinal", "sentence", "values_of"]

MONTHS = (
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_NTH = ("", "first", "second", "third", "fourth", "fifth")
_MAX_TIMES = 6
_ALL_HOURS, _ALL_SIXTY, _ALL_DAYS, _ALL_MONTHS, _ALL_WEEKDAYS = (
    (1 << 24) - 1,
    (1 << 60) - 1,
    (1 << 31) - 1,
    (1 << 13) - 2,
    (1 << 7) - 1,
)


def describe_cron(fields: CronFields, tz: tzinfo | None, start: datetime | None, end: datetime | None) -> str:
    """A cron expression in words: "At 09:00, Monday to Friday, New York time"."""
    dates = fields.dates
    return sentence([_times(fields), _days(dates), _months(dates), _years(dates)], tz, start, end)


def sentence(parts: Iterable[str], tz: tzinfo | None, start: datetime | None, end: datetime | None) -> str:
    """The parts that are not empty, then the window and the zone, as one sentence without a full stop."""
    words = [part for part in parts if part]
    if start is not None:
        words.append(f"from {moment_text(start)}")
    if end is not None:
        words.append(f"before {moment_text(end)}")
    if tz is not None:
        words.append(zone_title(tz))
    text = ", ".join(words)
    return text[0].upper() + text[1:]


def moment_text(moment: datetime) -> str:
    """A date and time as short as it can be said exactly, without the zone."""
    text = moment.replace(tzinfo=None).isoformat(sep=" ")
    return text.removesuffix(":00") if moment.second == 0 and moment.microsecond == 0 else text


def values_of(mask: int, low: int = 0) -> list[int]:
    """The values in a mask whose bit 0 stands for ``low``."""
    return [low + bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def join_words(words: Iterable[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    *head, tail = words
    return f"{', '.join(head)} {last} {tail}" if head else tail


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# Times of a day


def _times(fields: CronFields) -> str:
    hours, minutes, seconds = values_of(fields.hours), values_of(fields.minutes), values_of(fields.seconds)
    if len(hours) * len(minutes) * len(seconds) <= _MAX_TIMES:
        return f"at {join_words(_clock(h, m, s) for h in hours for m in minutes for s in seconds)}"
    if len(seconds) == 1 and len(minutes) == 1:
        return _hourly(hours, minutes[0], seconds[0])
    if fields.seconds == 1:
        return f"{_each(minutes, 60, 'minute')}{_within(hours, fields.hours)}"
    if fields.minutes == _ALL_SIXTY:
        every = _each(seconds, 60, "second")
        if len(seconds) == 1:
            every = f"every minute, {every}"
        return f"{every}{_within(hours, fields.hours)}"
    return f"{_each(seconds, 60, 'second')}, {_each(minutes, 60, 'minute')}{_within(hours, fields.hours)}"


def _hourly(hours: list[int], minute: int, second: int) -> str:
    """One moment of each of several hours."""
    if len(hours) == 24:
        if minute == second == 0:
            return "every hour"
        past = f"{minute} minute{'s' * (minute != 1)}" if minute else ""
        odd = f"{second} second{'s' * (second != 1)}" if second else ""
        return f"at {join_words(word for word in (past, odd) if word)} past every hour"
    step = _even_step(hours)
    if step is None:
        return f"at {join_words(_clock(hour, minute, second) for hour in hours)}"
    if 24 % step == 0 and hours[0] < step and len(hours) == 24 // step and (hours[0], minute, second) == (0, 0, 0):
        return f"every {step} hours"
    every = "every hour" if step == 1 else f"every {step} hours"
    return f"{every} from {_clock(hours[0], minute, second)} to {_clock(hours[-1], minute, second)}"


def _each(values: list[int], size: int, unit: str) -> str:
    """Some values of a field that begins at 0: "every minute", "every 5 minutes", "at minutes 5, 10 and 40"."""
    if len(values) == size:
        return f"every {unit}"
    step = _even_step(values)
    if step is not None and len(values) > 2:
        every = f"every {unit}" if step == 1 else f"every {step} {unit}s"
        if values[0] == 0 and values[-1] + step >= size:
            return every
        return f"{every} from {unit} {values[0]} to {values[-1]}"
    return f"at {unit}{'s' * (len(values) > 1)} {_number_words(values)}"


def _within(hours: list[int], mask: int) -> str:
    if mask == _ALL_HOURS:
        return ""
    if hours[-1] - hours[0] + 1 == len(hours):
        return f" from {hours[0]:02}:00 to {hours[-1]:02}:59"
    step = _even_step(hours)
    if step is not None and len(hours) > 2 and hours[0] == 0 and hours[-1] + step >= 24:
        return f" of every {ordinal(step)} hour"
    return f" of the hours {_number_words(hours, 2)}"


def _clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _even_step(values: list[int]) -> int | None:
    if len(values) < 2:
        return None
    step = values[1] - values[0]
    return step if all(b - a == step for a, b in pairwise(values)) else None


# Days, months and years


def _days(dates: CronDates) -> str:
    every_day = dates.days == _ALL_DAYS
    every_weekday = dates.weekdays == _ALL_WEEKDAYS
    if (every_day and every_weekday) or (not dates.both_days and (every_day or every_weekday)):
        return ""
    weekdays = _weekdays(dates)
    if every_day:
        return weekdays if not dates.special_weekdays else f"on {weekdays}"
    days = _month_days(dates)
    if every_weekday:
        return days
    if dates.both_days:
        return f"{days} when that is {'a ' * (not dates.special_weekdays)}{_any_weekday(dates)}"
    return f"{days} or on {weekdays}"


def _weekdays(dates: CronDates) -> str:
    return join_words(_ranges(dates.weekdays, WEEKDAYS, wraps=True) + _special_words(dates.special_weekdays))


def _any_weekday(dates: CronDates) -> str:
    return join_words(
        [WEEKDAYS[day] for day in values_of(dates.weekdays)] + _special_words(dates.special_weekdays), "or"
    )


def _month_days(dates: CronDates) -> str:
    days = values_of(dates.days, 1)
    words = _special_words(dates.special_days)
    if not days:
        return f"on {join_words(words)} of the month"
    step = _even_step(days)
    if step is not None and step > 1 and len(days) > 3 and not words:
        every = f"on every {ordinal(step)} day of the month"
        return every if days[0] == 1 and days[-1] + step > 31 else f"{every} from day {days[0]} to {days[-1]}"
    named = _ranges(dates.days << 1, tuple(map(str, range(32))))
    plural = "s" * (len(days) > 1)
    return f"on {join_words([f'day{plural} {join_words(named)}', *words])} of the month"


def _months(dates: CronDates) -> str:
    if dates.months & _ALL_MONTHS == _ALL_MONTHS:
        return ""
    return f"in {join_words(_ranges(dates.months, MONTHS))}"


def _years(dates: CronDates) -> str:
    if dates.years is None:
        return ""
    years = values_of(dates.years, FIRST_YEAR)
    step = _even_step(years)
    if step is not None and step > 1 and len(years) > 3:
        return f"every {ordinal(step)} year from {years[0]} to {years[-1]}"
    ranges = _spans(years)
    return f"in {join_words(str(a) if a == b else f'{a} to {b}' for a, b in ranges)}"


def _ranges(mask: int, names: tuple[str, ...], wraps: bool = False) -> list[str]:
    """The names in a mask; three or more in a row become "first to last"."""
    spans = _spans(values_of(mask))
    if wraps and len(spans) > 1 and spans[0][0] == 0 and spans[-1][1] == len(names) - 1:
        spans = [*spans[1:-1], (spans[-1][0], spans[0][1] + len(names))]
    words: list[str] = []
    for first, last in spans:
        if last - first < 2:
            words.extend(names[value % len(names)] for value in range(first, last + 1))
        else:
            words.append(f"{names[first]} to {names[last % len(names)]}")
    return words


def _number_words(values: list[int], digits: int = 1) -> str:
    words: list[str] = []
    for first, last in _spans(values):
        if last - first < 2:
            words.extend(f"{value:0{digits}}" for value in range(first, last + 1))
        else:
            words.append(f"{first:0{digits}} to {last:0{digits}}")
    return join_words(words)


def _spans(values: list[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for value in values:
        if spans and value == spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], value)
        else:
            spans.append((value, value))
    return spans


def _special_words(specials: tuple[SpecialDay, ...]) -> list[str]:
    return [_SPECIAL_WORDS[rule](a, b) for rule, a, b in specials]


def _before_last(back: int) -> str:
    return "the last day" if back == 0 else f"the {ordinal(back + 1)} last day" if back > 1 else "the second last day"


_SPECIAL_WORDS: dict[Callable[..., int], Callable[[int, int], str]] = {
    last_day: lambda back, _: _before_last(back),
    nearest_workday: lambda day, _: f"the weekday nearest to day {day}",
    nearest_workday_to_last: lambda back, _: (
        "the last weekday" if back == 0 else f"the weekday nearest to {_before_last(back)}"
    ),
    nth_weekday: lambda weekday, n: f"the {_NTH[n]} {WEEKDAYS[weekday]} of the month",
    last_weekday: lambda weekday, _: f"the last {WEEKDAYS[weekday]} of the month",
}
