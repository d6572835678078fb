"""What people say in words, as in "every monday at 10:30", and the cron text for it: the hint of a refusal."""

import re

from cronkit.errors import ScheduleError

__all__ = ["cron_text", "refused_phrase"]

_ALIASES = ("hourly", "daily", "weekly", "monthly", "yearly", "annually", "midnight")
_PERIODS = {"month": "@monthly", "year": "@yearly"}
"""Those that have no fixed length; "every week" is an interval."""
_DAYS = {"day": "*", "daily": "*", "weekday": "MON-FRI", "weekend": "SAT,SUN"}
_NAMES = "monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tue|wed|thu|fri|sat|sun"
_PHRASE = (
    rf"(?P<every>@?every )?(?:on )?(?P<day>day|daily|weekday|weekend|{_NAMES})?s?"
    r"(?: ?(?:at )?(?P<hour>\d{1,2})(?P<minute>:\d\d)? ?(?P<half>am|pm)?)?"
)
"""Compiled when it is first needed: that takes a millisecond, and a text that is right does without it."""


def cron_text(phrase: str) -> str | None:
    """The cron text that a phrase most likely means, or None where it is no such phrase."""
    words = " ".join(phrase.lower().split())
    if words in _ALIASES:
        return f"@{words}"
    period = _PERIODS.get(words.removeprefix("@").removeprefix("every "))
    if period is not None:
        return period
    found = re.fullmatch(_PHRASE, words)
    if found is None:
        return None
    day, hour, minute, half = found["day"], found["hour"], found["minute"], found["half"]
    if hour is None and (day is None or day in ("day", "daily")):  # "every day" is 24 hours
        return None
    if hour is not None and minute is None and half is None:  # "every 5" has no unit
        return None
    time = _time_of_day(hour or "0", minute or ":00", half)
    return None if time is None else f"{time} * * {_DAYS.get(day, day[:3].upper()) if day else '*'}"


def refused_phrase(text: str) -> ScheduleError | None:
    """The refusal of a phrase, which shows the whole of it and the Cron to write; None where it is none."""
    written = cron_text(text)
    if written is None:
        return None
    column = len(re.match(r"(?i)@?every +|", text).group()) + 1  # type: ignore[union-attr]  # the empty text matches
    problem, hint = "days and times of day are written as in a crontab", f'write Cron("{written}")'
    clock = re.fullmatch(r"(\d+):(\d\d)", text[column - 1 :])
    if clock and any(map(int, clock.groups())):  # "0:00" is no interval
        hours, minutes = map(int, clock.groups())
        problem = f"{clock.group()} may be a time of day or an interval"
        hint = f'{hint} for the time of day, "{hours}h{minutes}m" or "{hours}m{minutes}s" for the interval'
    return ScheduleError(problem, field="schedule", text=text, column=column, hint=hint)


def _time_of_day(hour: str, minute: str, half: str | None) -> str | None:
    """The minute and the hour fields; None where there is no such time."""
    hours, minutes = int(hour), int(minute[1:])
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half == "pm" else 0)
    return f"{minutes} {hours}" if hours < 24 and minutes < 60 else None
