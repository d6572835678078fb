"""Dates and times as callers give them: ISO text or datetimes, in; integers, out."""

from datetime import UTC, datetime, timedelta

from cronkit.errors import ScheduleError
from cronkit.schedules.timeline import DAY

__all__ = [
    "EPOCH",
    "MICRO",
    "checked_number",
    "from_micros",
    "micros",
    "no_datetime",
    "offset_of",
    "read_moment",
    "require_aware",
    "short",
]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAIVE_EPOCH = datetime(1970, 1, 1)
MICRO = 1_000_000
MAX_OCCURRENCES = 1_000_000
"""How many occurrences one call gives at most."""

_EXAMPLE = 'write "2027-01-01T09:00+01:00"'
_TIME_SHAPES = {"00:00", "00:00:00", *(f"00:00:00.{'0' * digits}" for digits in range(1, 7))}
_OFFSET_SHAPES = {"", "Z", "+00:00", "+00:00:00"}
_COLUMNS = {"year": 1, "month": 6, "day": 9, "hour": 12, "minute": 15, "second": 18}
"""Where a part of an ISO text stands, by the first word of what Python says of it."""
_DIGITS = str.maketrans("123456789-tz", "000000000+TZ")


def read_moment(value: object, field: str) -> datetime:
    """The datetime that ``value`` is, or that its ISO 8601 text says: ``2027-01-01T09:00[:00[.000000]][+01:00]``.

    Raises ScheduleError for anything else, a bare date among it, for a date has no time of day.
    """
    if isinstance(value, datetime):
        shift = offset_of(value, field)
        if shift is not None and shift.microseconds:
            raise ScheduleError("a UTC offset of part of a second", field=field, hint="round it to whole seconds")
        return value
    if not isinstance(value, str):
        raise ScheduleError(
            f"{type(value).__name__} is no date and time",
            field=field,
            hint='give ISO text ("2027-01-01T09:00") or a datetime',
        )
    return _read_iso(str.__str__(value), field)


def _read_iso(value: str, field: str) -> datetime:
    if len(value) > 64 or not value.isascii():
        foreign = next((index for index, character in enumerate(value) if not character.isascii()), 64)
        raise ScheduleError("this is no ISO date and time", field=field, column=foreign + 1, hint=_EXAMPLE)
    text = value.strip(" \t")
    shape = text.translate(_DIGITS)
    if shape == "0000+00+00":
        raise ScheduleError("a date without a time", field=field, text=text, column=11, hint=f'write "{text}T00:00"')
    time, offset = shape[11:], ""
    for mark in "Z+":
        if mark in time:
            start = time.index(mark)
            time, offset = time[:start], time[start:]
    if (
        shape[:10] != "0000+00+00"
        or shape[10:11] not in ("T", " ")
        or time not in _TIME_SHAPES
        or offset not in _OFFSET_SHAPES
    ):
        raise ScheduleError("this is no ISO date and time", field=field, text=_shown(text), column=1, hint=_EXAMPLE)
    if any(part > "59" for part in text[11 + len(time) :].split(":")[1:]):
        raise ScheduleError(
            "an offset has minutes and seconds up to 59",
            field=field,
            text=text,
            column=12 + len(time),
            hint="correct the offset",
        )
    if text[11:13] == "24":
        raise ScheduleError(
            "the hour 24 is not taken", field=field, text=text, column=12, hint="write 00:00 of the next day"
        )
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        problem, column = str(error), _COLUMNS.get(str(error).partition(" ")[0])
        if column is None:
            problem, column = "an offset is less than 24 hours", 12 + len(time)
        raise ScheduleError(problem, field=field, text=text, column=column, hint="correct it") from None


def micros(moment: datetime) -> int:
    """Microseconds since 1970: of the instant where ``moment`` is aware, of its reading where it is naive."""
    try:
        delta = moment - EPOCH
    except TypeError:
        delta = moment.replace(tzinfo=None) - NAIVE_EPOCH
    return (delta.days * DAY + delta.seconds) * MICRO + delta.microseconds


def from_micros(value: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970, which must lie within datetime's years."""
    return EPOCH + timedelta(microseconds=value)


def require_aware(moment: object, field: str) -> datetime:
    """``moment``, if it is an aware datetime; otherwise ScheduleError."""
    if not isinstance(moment, datetime):
        raise no_datetime(moment, field)
    if offset_of(moment, field) is None:
        raise ScheduleError(
            "a datetime without a UTC offset",
            field=field,
            hint="give an aware datetime, such as datetime(..., tzinfo=UTC)",
        )
    return moment


def offset_of(moment: datetime, field: str) -> timedelta | None:
    """The UTC offset of a caller's datetime; ScheduleError where its tzinfo fails."""
    try:
        return moment.utcoffset()
    except Exception as error:
        raise ScheduleError(
            f"the tzinfo of {field} fails: {type(error).__name__}", field=field, hint="give a ZoneInfo"
        ) from error


def no_datetime(value: object, field: str) -> ScheduleError:
    """The refusal of an argument that is no datetime at all."""
    return ScheduleError(f"{type(value).__name__} is no datetime", field=field, hint="give a datetime.datetime")


def checked_number(value: object, field: str) -> int:
    """``value``, if it is a whole number of occurrences within the limit of one call; otherwise ScheduleError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ScheduleError(f"{short(value)} is no number of occurrences", field=field, hint="give an int, 0 or more")
    return value


def short(value: object) -> str:
    """A value of any kind and size, for a message."""
    if isinstance(value, int) and abs(value) >= 10**18:  # Python refuses to write very long numbers
        return "a number of more than 18 digits"
    if isinstance(value, str):
        value = str.__str__(value)[:41]
    text = ascii(value) if isinstance(value, (str, int, float, type(None))) else type(value).__name__
    return text if len(text) <= 40 else f"{text[:40]}..."


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
