"""`parse_schedule`: a schedule from any text that spells one."""

import re
from datetime import timedelta, tzinfo

from cronkit.errors import ScheduleError
from cronkit.schedules.at import At
from cronkit.schedules.cron import Cron, check_options
from cronkit.schedules.durations import UNIT_NAMES, parse_duration
from cronkit.schedules.every import Every
from cronkit.schedules.expression import plain_text
from cronkit.schedules.schedule import Schedule
from cronkit.schedules.zones import resolve_zone

__all__ = ["parse_schedule"]

_MIN_FIELDS = 5


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
    ``now`` are `At`. ``tz`` is the zone of what needs one. Raises ScheduleError for anything else, and for an option
    that cannot be, whether the text needs it or not.
    """
    if type(text) is str and "*" in text and text[0] in "*0123456789":  # most are, and asking costs a third of reading
        return Cron(text, tz=tz, dialect=dialect, dst=dst, seed=seed)
    plain = plain_text(_as_text(text), "schedule")
    lower = plain.lower()
    words = len(plain.split())
    check_options(dialect, dst, seed)
    zone = None if tz is None else resolve_zone(tz)
    if lower == "now" or (plain[:4].isdigit() and plain[4:5] == "-" and words < _MIN_FIELDS):
        return At(plain, tz=zone)
    if lower.startswith(("every", "@every")) or (lower[0] == "p" and words == 1) or _looks_like_duration(lower, words):
        return Every(plain)
    return Cron(plain, tz=zone, dialect=dialect, dst=dst, seed=seed)


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
    """Whether text, in lower case, is meant as numbers with units; where it has many words, each once, by turns."""
    if text[0] in "@*?h" or "=" in text:
        return False
    if words < _MIN_FIELDS:
        return words < 3 or text.lstrip("0123456789.-+ ")[:1].isalpha()
    if not re.fullmatch(r"(?:[\d.]+ *[a-z]+ *)+", text):
        return False
    units = re.findall("[a-z]+", text)
    return len(set(units)) == len(units) and UNIT_NAMES.issuperset(units)
