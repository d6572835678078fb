"""The names of zones: from what a caller gives to a ``tzinfo``, and back to a name."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from cronkit.errors import ScheduleError
from cronkit.schedules.moments import offset_of

__all__ = ["resolve_zone", "same_zone", "zone_key", "zone_name", "zone_title"]

_MAX_NAME = 64
_LONGEST_ABBREVIATION = 4
_PLACES = {
    **dict.fromkeys(("CEST", "MEZ", "MESZ"), "Europe/Paris"),
    **dict.fromkeys(("BST",), "Europe/London"),
    **dict.fromkeys(("EEST",), "Europe/Helsinki"),
    **dict.fromkeys(("WEST",), "Europe/Lisbon"),
    **dict.fromkeys(("EDT", "ET"), "America/New_York"),
    **dict.fromkeys(("CST", "CDT", "CT"), "America/Chicago"),
    **dict.fromkeys(("MDT", "MT"), "America/Denver"),
    **dict.fromkeys(("PST", "PDT", "PT"), "America/Los_Angeles"),
    **dict.fromkeys(("IST",), "Asia/Kolkata"),
    **dict.fromkeys(("JST",), "Asia/Tokyo"),
    **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
}
"""A place for an abbreviation that is no name of a zone; some are used for several, so these are examples."""
_SOME_DAY = datetime(2000, 1, 1)


def resolve_zone(tz: object) -> tzinfo:
    """The zone that ``tz`` names: an IANA name, an offset such as ``+05:30``, or a tzinfo, which is returned as it is.

    Raises ScheduleError (field "tz") for anything else.
    """
    if tz is UTC or type(tz) is ZoneInfo:
        return tz
    if isinstance(tz, str):
        return _named_zone(str.__str__(tz))
    if not isinstance(tz, tzinfo):
        raise ScheduleError(
            f"{type(tz).__name__} is no zone", field="tz", hint='give a name such as "Europe/Paris", or a ZoneInfo'
        )
    if hasattr(tz, "localize") and hasattr(tz, "normalize"):
        name = getattr(tz, "zone", None) or "Europe/Paris"
        raise ScheduleError(
            "a pytz zone does not follow PEP 495", field="tz", hint=f'give "{name}" or ZoneInfo("{name}")'
        )
    offset = offset_of(_SOME_DAY.replace(tzinfo=tz), "tz")
    if offset is None:
        raise ScheduleError(f"{tz!r} has no UTC offset", field="tz", hint="give a ZoneInfo")
    if offset.microseconds:
        raise ScheduleError(f"{tz!r} has an offset of part of a second", field="tz", hint="round it to whole seconds")
    return tz


def zone_key(tz: tzinfo | None) -> str | None:
    """The name that `resolve_zone` takes back: that of a ZoneInfo, "UTC" or a fixed offset; None for other zones."""
    if isinstance(tz, ZoneInfo):
        return tz.key
    if isinstance(tz, timezone):
        offset = tz.utcoffset(None)
        return _offset_text(offset) if offset else "UTC"
    return None


def zone_name(tz: tzinfo) -> str:
    """The name of a zone, or ScheduleError where it has none to store it by."""
    key = zone_key(tz)
    if key is None:
        raise ScheduleError(f"{tz!r} has no name to store it by", field="tz", hint="give a name or a ZoneInfo")
    return key


def zone_title(tz: tzinfo) -> str:
    """The zone in words: "UTC", "New York time", "UTC+05:30"."""
    name = zone_key(tz)
    if name is None:
        return str(tz)
    if name[0] in "+-":
        return f"UTC{name}"
    if "/" not in name or name.startswith("Etc/"):
        return name.removeprefix("Etc/")
    return f"{name.rpartition('/')[2].replace('_', ' ')} time"


def same_zone(a: tzinfo | None, b: tzinfo | None) -> bool:
    """Whether two zones are equal, or go by the same name."""
    return a is b or bool(a == b) or (zone_key(a) is not None and zone_key(a) == zone_key(b))


def _named_zone(name: str) -> tzinfo:
    if len(name) <= _MAX_NAME:
        try:
            return ZoneInfo(name)
        except (LookupError, ValueError, OSError, TypeError):
            pass
    offset = _read_offset(name)
    if offset is not None:
        return offset
    shown = ascii(name if len(name) <= _MAX_NAME else name[:_MAX_NAME] + "...")[1:-1]
    raise ScheduleError(f"the zone {shown!r} is not known", field="tz", hint=_similar(name))


def _similar(name: str) -> str:
    if name and name.isascii() and len(name) <= _MAX_NAME:
        from difflib import get_close_matches
        from zoneinfo import available_timezones

        names = {known.lower(): known for known in available_timezones()}
        wanted = name.lower().replace(" ", "_")
        if name[:3].upper() in ("UTC", "GMT") and name[3:4] in ("+", "-"):
            return 'write an offset as "+02:00"; a place such as "Europe/Paris" has its changes of the clocks too'
        if wanted not in names and name.isalpha() and name.isupper() and len(name) <= _LONGEST_ABBREVIATION:
            place = _PLACES.get(name, "Europe/Paris")
            return f'an abbreviation does not say when clocks change: name a place, such as "{place}"'
        names |= {known.rpartition("/")[2].lower(): known for known in sorted(available_timezones())} | names
        close = get_close_matches(wanted, names, n=1, cutoff=0.7)
        if close:
            return f'did you mean "{names[close[0]]}"?'
    return 'zones have IANA names, such as "Europe/Paris"'


def _read_offset(text: str) -> timezone | None:
    if len(text) not in (6, 9) or text[0] not in "+-" or not text.isascii():
        return None
    parts = text[1:].split(":")
    if len(parts) not in (2, 3) or not all(len(part) == 2 and part.isdigit() for part in parts):
        return None
    hours, minutes, seconds = (int(part) for part in [*parts, "0"][:3])
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-offset if text[0] == "-" else offset)


def _offset_text(offset: timedelta) -> str:
    sign, size = ("-", -offset) if offset < timedelta(0) else ("+", offset)
    minutes, seconds = divmod(size.seconds, 60)
    text = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text
