"""`parse_schedule`: a schedule from any text that spells one."""

from datetime import timedelta, tzinfo

from cronkit.errors import ScheduleError
from cronkit.schedules.at import At
from cronkit.schedules.cron import Cron
from cronkit.schedules.durations import parse_duration
from cronkit.schedules.every import Every
from cronkit.schedules.expression import plain_text
from cronkit.schedules.schedule import Schedule

__all__ = ["parse_schedule"]

_MIN_FIELDS = 5
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NO_DIGITS = str.maketrans("0123456789.", " " * 11)
_NO_LETTERS = str.maketrans(_LETTERS, " " * 26)


def parse_schedule(
    text: str,
    *,
    tz: tzinfo | str | None = None,
    dialect: str = "default",
    dst: str = "vixie",
    seed: str | None = None,
) -> Schedule:
    """The schedule that ``text`` spells.

    ``0 9 * * *``, ``@daily`` and ``CRON_TZ=Europe/Paris 0 9 * * *`` are `Cron`, read with ``dialect``, ``dst`` and
    ``seed``; ``5m``, ``1h 30m``, ``every 5 minutes``, ``@every 90s`` and ``PT5M`` are `Every`; an ISO date-time and
    ``now`` are `At`. ``tz`` is the zone of what needs one. Raises ScheduleError for anything else.
    """
    if type(text) is str and "*" in text and text[0] in "*0123456789":  # most are, and asking costs a third of reading
        return Cron(text, tz=tz, dialect=dialect, dst=dst, seed=seed)
    plain = plain_text(_as_text(text), "schedule")
    lower = plain.lower()
    words = len(plain.split())
    if lower == "now" or (plain[:4].isdigit() and plain[4:5] == "-" and words < _MIN_FIELDS):
        return At(plain, tz=tz)
    if lower.startswith(("every", "@every")) or (lower[0] == "p" and words == 1) or _looks_like_duration(lower, words):
        return Every(plain)
    return Cron(plain, tz=tz, dialect=dialect, dst=dst, seed=seed)


def _as_text(value: object) -> object:
    if isinstance(value, str):
        return value
    if isinstance(value, timedelta):
        raise ScheduleError("a timedelta is no text", field="schedule", hint="write Every(timedelta(...))")
    if isinstance(value, Schedule):
        raise ScheduleError("this is a schedule already", field="schedule", hint="use it as it is")
    if isinstance(value, (int, float)):
        parse_duration(value)  # type: ignore[arg-type]
    return value


def _looks_like_duration(text: str, words: int) -> bool:
    """Whether text, in lower case, is meant as numbers with units: a unit for each number, where it has many words."""
    if text[0] in "@*?h" or "=" in text:
        return False
    if words < _MIN_FIELDS:
        return words < 3 or text.lstrip("0123456789.-+ ")[:1].isalpha()
    numbers, units = text.translate(_NO_LETTERS).split(), text.translate(_NO_DIGITS).split()
    return len(numbers) == len(units) and not text.strip(f"0123456789. {_LETTERS}")
