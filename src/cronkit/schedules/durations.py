"""Durations: exact lengths of elapsed time, written as text (cron-rules I1 to I3)."""

from collections.abc import Mapping
from datetime import timedelta

from cronkit.errors import ScheduleError
from cronkit.schedules.expression import plain_text
from cronkit.schedules.moments import short

__all__ = ["describe_duration", "format_duration", "interval_text", "parse_duration"]

_MICROSECOND = timedelta(microseconds=1)
_UNITS = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_NAMES = {"w": "week", "d": "day", "h": "hour", "m": "minute", "s": "second", "ms": "millisecond"}
_SPELLINGS = {
    **{unit: unit for unit in _UNITS},
    **{name: unit for unit, name in _NAMES.items()},
    **{f"{name}s": unit for unit, name in _NAMES.items()},
    **{"hr": "h", "hrs": "h", "min": "m", "mins": "m", "sec": "s", "secs": "s"},
}
UNIT_NAMES = frozenset(_SPELLINGS)
"""Every way to write a unit, in lower case."""
_ISO_DATE, _ISO_TIME = {"W": "w", "D": "d"}, {"H": "h", "M": "m", "S": "s"}
_HINT = 'write it with units, as in "30s", "1h30m" or "PT5M"'
_MONTHS_HINT = "months and years have no fixed length: use CalendarInterval(months=1, ...)"


def parse_duration(value: str | timedelta) -> timedelta:
    """The length of time that ``value`` says, more than zero and exact to the microsecond.

    Text is ``30s``, ``1h30m``, ``1h 30m``, ``2 hours``, ``1.5h`` or ISO 8601 ``PT5M``: units w, d, h, m, s, ms,
    descending, once each, a decimal only in the last. A day is 24 h. Raises ScheduleError for anything else; a bare
    number among it, for it has no unit.
    """
    return _more_than_zero(value, parse_span(value))


def parse_span(value: str | timedelta) -> timedelta:
    """As `parse_duration`, and none at all too, as in ``0s``: for what may take no time."""
    if isinstance(value, timedelta):
        return value if value == timedelta() else _more_than_zero(value, value)
    return _read_text(value)


def _more_than_zero(value: object, span: timedelta) -> timedelta:
    if span <= timedelta():
        text, column = (value, 1) if isinstance(value, str) else (None, None)
        raise ScheduleError("a duration must be more than zero", field="duration", text=text, column=column, hint=_HINT)
    return span


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads as ``duration``, without weeks: "1h30m", "1m30s", "1.5ms"."""
    return "".join(f"{number}{unit}" for number, unit in _split(duration, list(_UNITS)[1:]))


def interval_text(amounts: Mapping[str, object]) -> str | None:
    """The text for amounts by the plural of their unit, such as ``minutes=90``: "1h30m"; None where it cannot be."""
    try:
        return format_duration(sum((_amount(name, amount) for name, amount in amounts.items()), timedelta())) or None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _amount(unit: str, amount: object) -> timedelta:
    if not unit.endswith("s") or not isinstance(amount, (int, float)) or amount < 0:
        raise ValueError(f"{unit}={amount!r}")
    return timedelta(microseconds=amount * _UNITS[_SPELLINGS[unit]])


def describe_duration(duration: timedelta) -> str:
    """A duration in words, as it stands after "every": "minute", "5 minutes", "1 hour 30 minutes"."""
    weeks = duration // _MICROSECOND % _UNITS["w"] == 0
    parts = _split(duration, list(_UNITS)[0 if weeks else 1 :])
    if len(parts) == 1 and parts[0][0] == "1":
        return _NAMES[parts[0][1]]
    return " ".join(f"{number} {_NAMES[unit]}{'s' * (number != '1')}" for number, unit in parts)


def _split(duration: timedelta, units: list[str]) -> list[tuple[str, str]]:
    """A duration in numbers of units, the largest first; what is finer than a millisecond is its decimals."""
    rest = duration // _MICROSECOND
    parts = []
    for unit in units:
        number, rest = divmod(rest, _UNITS[unit])
        decimals = f".{rest:03}".rstrip("0") if unit == "ms" and rest else ""
        if number or decimals:
            parts.append((f"{number}{decimals}", unit))
    return parts


def _read_text(value: object) -> timedelta:
    if isinstance(value, (int, float)):
        shown = short(value)
        example = f"{shown}s" if shown.replace(".", "").isdigit() else "30s"
        raise ScheduleError(
            f"the number {shown} has no unit", field="duration", hint=f'write it as text, as in "{example}"'
        )
    text = plain_text(value, "duration")
    total = _read_iso(text) if text[0] in "Pp" else _read_units(text)
    try:
        return timedelta(microseconds=total)
    except OverflowError:
        raise ScheduleError(
            "the duration is too long", field="duration", text=text, column=1, hint="write at most 999999999d"
        ) from None


def _read_units(text: str) -> int:
    total, position = 0, 0
    seen: list[str] = []
    while position < len(text):
        number, after = _number_at(text, position)
        start = _skip_blanks(text, after)
        end = start
        while end < len(text) and text[end].isalpha():
            end += 1
        name = text[start:end].lower()
        unit = _SPELLINGS.get(name)
        if unit is None:
            raise _unknown_unit(text, name, position, start)
        if unit in seen or (seen and _UNITS[unit] > _UNITS[seen[-1]]):
            problem = f"{name} stands twice" if unit in seen else f"{name} comes after a smaller unit"
            raise _refused(problem, text, start, "write each unit once, the largest first")
        seen.append(unit)
        position = _skip_blanks(text, end)
        total += _scaled(number, _UNITS[unit], text, start, last=position == len(text))
    return total


def _read_iso(text: str) -> int:
    """``PT5M``, ``P1DT12H``, ``P2W``."""
    upper = text.upper()
    total, position, units = 0, 1, _ISO_DATE
    seen: list[str] = []
    while position < len(upper):
        if upper[position] == "T" and units is _ISO_DATE and position + 1 < len(upper):
            units, position = _ISO_TIME, position + 1
        number, end = _number_at(upper, position)
        unit = units.get(upper[end : end + 1])
        if unit is None:
            hint = _MONTHS_HINT if units is _ISO_DATE and upper[end : end + 1] in ("M", "Y") else _HINT
            raise _refused("this is no unit of an ISO duration", text, end, hint)
        if seen and _UNITS[unit] >= _UNITS[seen[-1]]:
            raise _refused("the units are not in order", text, end, "write each unit once, the largest first")
        seen.append(unit)
        position = end + 1
        total += _scaled(number, _UNITS[unit], text, end, last=position == len(upper))
    if not seen:
        raise _refused("an ISO duration without any unit", text, 0, _HINT)
    return total


def _number_at(text: str, position: int) -> tuple[str, int]:
    """The digits at a place, with a decimal point at most once and within them, and where they end."""
    end = position
    while end < len(text) and (text[end].isdigit() or text[end] == "."):
        end += 1
    number = text[position:end]
    whole, point, decimals = number.partition(".")
    if not whole.isdigit() or (point and not decimals.isdigit()):
        sign = text[position : position + 1]
        problem = "a duration cannot be negative" if sign == "-" else "a number is missing here"
        raise _refused(problem, text, position, _HINT)
    return number, end


def _scaled(number: str, unit: int, text: str, position: int, *, last: bool) -> int:
    """A number of units in microseconds, exactly."""
    whole, point, decimals = number.partition(".")
    if not point:
        return int(whole) * unit
    if not last:
        raise _refused("only the last number may have decimals", text, position - len(number), _HINT)
    fine: int = 10 ** len(decimals)
    part, rest = divmod(int(decimals) * unit, fine)
    if rest:
        raise _refused("finer than a microsecond", text, position, "round it to whole microseconds")
    return int(whole) * unit + part


def _skip_blanks(text: str, position: int) -> int:
    while text[position : position + 1] == " ":
        position += 1
    return position


def _unknown_unit(text: str, name: str, number: int, start: int) -> ScheduleError:
    if not name and start == len(text):
        return _refused("the number has no unit", text, number, f'write "{text[number:]}s" for seconds')
    if text[start] == ":":
        return _refused(f"{text[number:]} may be hours or minutes", text, start, 'write them as in "1h30m" or "1m30s"')
    if name in ("mo", "month", "months", "y", "year", "years"):
        return _refused(f"{name} has no fixed length", text, start, _MONTHS_HINT)
    if name in ("us", "microsecond", "microseconds"):
        return _refused(f"{name} is no unit here", text, start, 'write "0.001ms", or a timedelta')
    return _refused(
        f"{text[start : start + max(1, len(name))]!r} is no unit", text, start, "the units are w, d, h, m, s and ms"
    )


def _refused(problem: str, text: str, position: int, hint: str) -> ScheduleError:
    return ScheduleError(problem, field="duration", text=text, column=position + 1, hint=hint)
