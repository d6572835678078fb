"""Values as text, and back: strict JSON, with tagged objects for what JSON has no form for.

A tag is an object with one key, which begins with ``$``: ``{"$date": "2027-01-01"}``. An object of the application's
that looks like one is written as its pairs. docs/values.md has the table of tags. Reading makes only what is named
there, of the standard library's types and of classes that were registered with ``cronkit.storable``: it imports
nothing and looks nothing up by a path. The text is ASCII.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Flag
from functools import cache
from itertools import count, repeat
from json.encoder import encode_basestring_ascii as quote
from math import isfinite
from types import NoneType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from cronkit.errors import ConfigurationError, UnreadableError
from cronkit.jobs.refusals import BareStep, describe_error, describe_path, why_not_storable
from cronkit.jobs.storable import Storable, storable_class, storable_named

MAX_SIZE = 1_048_576
"""How many characters of text one encoded value may have: 1 MiB."""
TOO_LONG = f"is longer than {MAX_SIZE:,} characters as text: keep it in a file or a table, and pass its name or id"
"""What an error says of a longer one."""
MAX_DEPTH = 100
"""How many containers may lie within each other."""

_PLAIN_INT_BITS = 2048
"""Longer ones are written in base 16: Python refuses decimal digits beyond a limit that can be set as low as 640."""
_PLAIN_LENGTH = 600
"""At most how long a text that `plain_text` gives: no number in it has as many bits as the above."""
_PLAIN_KEYS = frozenset({str})
_PLAIN_VALUES: dict[type[Any], Callable[[Any], str]] = {
    str: quote,
    int: repr,
    bool: {False: "false", True: "true"}.__getitem__,
    NoneType: {None: "null"}.__getitem__,
}
_SPLIT_SURROGATES = re.compile("[\ud800-\udbff](?=[\udc00-\udfff])")
"""Two lone surrogates that JSON would join to one character."""
_ELEMENT, _KEY = BareStep("{an element}"), BareStep("{a key}")


def encode_value(value: Any, where: str = "value", *, canonical: bool = False) -> str:
    """``value`` as text that `decode_value` turns back into an equal value of the same type.

    ``where`` is what an error calls the value. A canonical text is the same for dicts in any order.

    Raises:
        ConfigurationError: it holds something that cannot be stored, is nested deeper than ``MAX_DEPTH`` or itself,
            or is longer than ``MAX_SIZE``; the message says where, what and what to do instead.
    """
    if value is None:
        return "null"
    if type(value) is dict and (text := plain_text(value)) is not None and not (canonical and len(value) > 1):
        return text
    writer = _Writer(where, canonical)
    return writer.whole(lambda: writer.text(value))


def encode_text(value: str) -> str:
    """As `encode_value`, for a str: 0.1 us rather than 1."""
    return quote(value) if value.isascii() else encode_value(value)


def encode_fields(fields: Mapping[str, Any], *, canonical: bool = False) -> str:
    """A JSON object of named values, each of them as `encode_value` writes it; an error calls each by its name.

    Raises:
        ConfigurationError: as `encode_value`, the limit being one for all.
    """
    writer = _Writer("", canonical)
    return writer.whole(lambda: writer.items(fields, map(_field_step, fields)))


def plain_text(value: dict[Any, Any]) -> str | None:
    """The text of a small dict of nothing but texts and whole numbers, as `encode_value` writes it; None for any other.

    Most arguments and every crontab are such: 0.6 us rather than 1.7 for an argument, 1.0 rather than 2.8 for a
    crontab.
    """
    try:
        if not _PLAIN_KEYS.issuperset(map(type, value)):
            return None
        text = f"{{{','.join([f'{quote(name)}:{_PLAIN_VALUES[type(each)](each)}' for name, each in value.items()])}}}"
    except (KeyError, ValueError, RuntimeError):  # no such type; too many digits; another thread changes the dict
        return None
    # A tag, or half a surrogate, or what looks like one, takes more than this to tell; so does a long number.
    return text if len(text) <= _PLAIN_LENGTH and "$" not in text and "\\ud" not in text else None


def decode_value(text: str) -> Any:
    """The value that `encode_value` made ``text`` of.

    Raises:
        UnreadableError: it is no such text, or needs a class that is not registered here; the message says why.
    """
    if text == "null":
        return None
    if text == "{}":
        return {}
    if type(text) is not str:
        raise UnreadableError(f"a {type(text).__name__} is no text")
    try:
        return _DECODER.decode(text)
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # bad JSON, a payload of the wrong kind, or a class that does not take its fields
        raise UnreadableError(describe_error(error)) from error


# Writing


class _Writer:
    """Writes one value, keeping the path to where it is, for the error."""

    __slots__ = ("canonical", "path", "where")

    def __init__(self, where: str, canonical: bool) -> None:
        self.where = where
        self.canonical = canonical
        self.path: list[object] = []

    def whole(self, write: Callable[[], str]) -> str:
        try:
            text = write()
        except (ConfigurationError, MemoryError):
            raise
        except Exception as error:  # another thread changes a dict meanwhile, or somebody's attribute raises
            raise self.refused(f"cannot be read: {describe_error(error)}") from error
        if len(text) > MAX_SIZE:
            raise self.too_long()
        return text

    def text(self, value: Any) -> str:
        write = _WRITERS.get(type(value))
        if write is not None:
            return write(self, value)
        registered = storable_class(type(value))
        if registered is None:
            raise self.refused(why_not_storable(value))
        return _enum(value, registered) if registered.is_enum else self.instance(value, registered)

    def texts(self, values: Iterable[Any], steps: Iterable[object]) -> list[str]:
        """The text of each of a container's values; ``steps`` are what an error calls them."""
        path = self.path
        if len(path) >= MAX_DEPTH:
            raise self.refused(f"is nested deeper than {MAX_DEPTH} containers, or holds itself: pass less of it")
        path.append(None)
        room, written = MAX_SIZE, []
        for value, path[-1] in zip(values, steps, strict=False):
            written.append(text := self.text(value))
            room -= len(text)
            if room < 0:  # found here, and not at the end: what shares its parts may be longer than memory
                if len(text) <= MAX_SIZE:
                    path.pop()
                raise self.too_long()
        path.pop()
        return written

    def items(self, items: Mapping[str, Any], steps: Iterable[object]) -> str:
        """A JSON object."""
        texts = self.texts(items.values(), steps)
        return f"{{{','.join([f'{quote(name)}:{text}' for name, text in zip(items, texts, strict=True)])}}}"

    def instance(self, value: Any, registered: Storable) -> str:
        fields = {name: getattr(value, name) for name in registered.fields}
        return _tag("dataclass", f"[{quote(registered.name)},{self.items(fields, map(_field_step, fields))}]")

    def refused(self, why: str) -> ConfigurationError:
        return ConfigurationError(f"{describe_path(self.where, self.path)} {why}")

    def too_long(self) -> ConfigurationError:
        return self.refused(TOO_LONG)


@cache
def _field_step(name: str) -> BareStep:
    return BareStep(f".{name}")


def _string(writer: _Writer, value: str) -> str:
    if value.isascii() or not _SPLIT_SURROGATES.search(value):
        return quote(value)
    return _tag("str", f"[{','.join(map(quote, _split(value)))}]")


def _split(value: str) -> list[str]:
    ends = [match.end() for match in _SPLIT_SURROGATES.finditer(value)]
    return [value[start:end] for start, end in zip([0, *ends], [*ends, len(value)], strict=True)]


def _int(writer: _Writer, value: int) -> str:
    return repr(value) if value.bit_length() <= _PLAIN_INT_BITS else _tag("int", f'"{value:x}"')


def _float(writer: _Writer, value: float) -> str:
    return repr(value) if isfinite(value) else _tag("float", f'"{value!r}"')


def _list(writer: _Writer, value: list[Any]) -> str:
    return f"[{','.join(writer.texts(value, count()))}]"


def _tuple(writer: _Writer, value: tuple[Any, ...]) -> str:
    return _tag("tuple", f"[{','.join(writer.texts(value, count()))}]")


def _set(writer: _Writer, value: set[Any]) -> str:
    return _tag("set", f"[{','.join(sorted(writer.texts(value, repeat(_ELEMENT))))}]")


def _frozenset(writer: _Writer, value: frozenset[Any]) -> str:
    return _tag("frozenset", f"[{','.join(sorted(writer.texts(value, repeat(_ELEMENT))))}]")


def _dict(writer: _Writer, value: dict[Any, Any]) -> str:
    for key in value:
        if type(key) is not str or not (key.isascii() or not _SPLIT_SURROGATES.search(key)):
            return _pairs(writer, value)
        if key[:1] == "$" and len(value) == 1:
            return _pairs(writer, value)
    if writer.canonical:
        value = dict(sorted(value.items()))
    return writer.items(value, value)


def _pairs(writer: _Writer, value: dict[Any, Any]) -> str:
    """A dict that JSON has no form for: any keys, and what would be taken for a tag."""
    names = writer.texts(value, repeat(_KEY))
    pairs = [f"[{name},{text}]" for name, text in zip(names, writer.texts(value.values(), value), strict=True)]
    return _tag("dict", f"[{','.join(sorted(pairs) if writer.canonical else pairs)}]")


def _datetime(writer: _Writer, value: datetime | time) -> str:
    zone, kind = value.tzinfo, "datetime" if type(value) is datetime else "time"
    if zone is None or type(zone) is timezone:
        if zone is not None and zone.utcoffset(None).microseconds:
            raise writer.refused(f"is {zone}, which is part of a second from UTC: round the offset to whole seconds")
        if not value.fold:
            return _tag(kind, f'"{value.isoformat()}"')
    reading = value.replace(tzinfo=None, fold=0).isoformat()
    return _tag(kind, f'["{reading}",{_zone_text(writer, zone)},{value.fold}]')


def _zone_text(writer: _Writer, zone: tzinfo | None) -> str:
    if zone is None:
        return "null"
    if type(zone) is timezone:
        return f'"{time(tzinfo=zone).isoformat()[8:]}"'
    if type(zone) is ZoneInfo and zone.key and _named_zone(zone.key) is not None:
        return quote(zone.key)
    raise writer.refused(
        f"is in the zone {zone!r}, which has no name to store it by: convert it to UTC, or to a ZoneInfo"
    )


def _enum(value: Any, registered: Storable) -> str:
    member = repr(int(value.value)) if isinstance(value, Flag) else quote(value.name)
    return _tag("enum", f"[{quote(registered.name)},{member}]")


def _tag(name: str, payload: str) -> str:
    return f'{{"${name}":{payload}}}'


_WRITERS: dict[type[Any], Callable[[_Writer, Any], str]] = {
    NoneType: lambda writer, value: "null",
    bool: lambda writer, value: "true" if value else "false",
    int: _int,
    float: _float,
    str: _string,
    list: _list,
    dict: _dict,
    tuple: _tuple,
    set: _set,
    frozenset: _frozenset,
    datetime: _datetime,
    time: _datetime,
    date: lambda writer, value: _tag("date", f'"{value.isoformat()}"'),
    timedelta: lambda writer, value: _tag("timedelta", f"[{value.days},{value.seconds},{value.microseconds}]"),
    Decimal: lambda writer, value: _tag("decimal", f'"{value}"'),
    UUID: lambda writer, value: _tag("uuid", f'"{value}"'),
    bytes: lambda writer, value: _tag("bytes", f'"{b64encode(value).decode()}"'),
}


# Reading


def _read_object(pairs: list[tuple[str, Any]]) -> Any:
    """A JSON object whose values are read already: a tag's value, or a dict."""
    if len(pairs) == 1 and pairs[0][0][:1] == "$":
        tag, payload = pairs[0]
        reader = _READERS.get(tag)
        if reader is None:
            raise UnreadableError(f"the tag {tag[:40]!r} is not known: a newer version of cronkit may have written it")
        return reader(payload)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("an object names a key twice")
    return found


def _read_constant(name: str) -> Any:
    raise UnreadableError(f"{name} is no JSON")


def _the(kind: type[Any], payload: Any) -> Any:
    if type(payload) is not kind:
        raise UnreadableError(f"a tag holds a {type(payload).__name__} where a {kind.__name__} belongs")
    return payload


def _read_float(payload: Any) -> float:
    if payload not in ("nan", "inf", "-inf"):
        raise UnreadableError("a $float is nan, inf or -inf")
    return float(payload)


def _read_datetime(payload: Any, kind: type[datetime] | type[time] = datetime) -> datetime | time:
    if type(payload) is str:
        return kind.fromisoformat(payload)
    reading, zone, fold = _the(list, payload)
    return kind.fromisoformat(_the(str, reading)).replace(tzinfo=read_zone(zone), fold=_the(int, fold))


def read_zone(name: Any) -> tzinfo | None:
    """The zone of a name or an offset as it is stored, None for None.

    Unlike a zone in an argument it is not looked for among similar names: a store may hold a million of them.

    Raises:
        UnreadableError: this machine does not know it.
    """
    if name is None:
        return None
    zone = _offset_zone(name) if _the(str, name)[:1] in ("+", "-") else _named_zone(name)
    if zone is None:
        raise UnreadableError(f"the zone {name[:40]!r} is not known here: install tzdata")
    return zone


def _named_zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # unknown, no path below the zones, or no file of one
        return None


def _offset_zone(name: str) -> tzinfo | None:
    try:
        return time.fromisoformat(f"00:00:00{name}").tzinfo
    except ValueError:
        return None


def _read_dict(payload: Any) -> dict[Any, Any]:
    found = dict(_the(list, pair) for pair in _the(list, payload))
    if len(found) != len(payload):
        raise UnreadableError("a $dict names a key twice")
    return found


def _read_set(payload: Any, kind: type[set[Any]] | type[frozenset[Any]] = set) -> Any:
    found = kind(_the(list, payload))
    if len(found) != len(payload):
        raise UnreadableError("a set names an element twice")
    return found


def _read_enum(payload: Any) -> Any:
    name, member = _the(list, payload)
    registered = _registered(name, is_enum=True)
    if issubclass(registered.cls, Flag):
        return registered.cls(_the(int, member))
    return registered.cls[_the(str, member)]


def _read_dataclass(payload: Any) -> Any:
    name, fields = _the(list, payload)
    return _registered(name, is_enum=False).cls(**_the(dict, fields))


def _registered(name: Any, is_enum: bool) -> Storable:
    found = storable_named(_the(str, name))
    if found is None or found.is_enum is not is_enum:
        raise UnreadableError(
            f"no {'enum' if is_enum else 'dataclass'} is registered as {name[:100]!r}: "
            "import the module that decorates it with @cronkit.storable"
        )
    return found


_READERS: dict[str, Callable[[Any], Any]] = {
    "$str": lambda payload: "".join(_the(list, payload)),
    "$int": lambda payload: int(_the(str, payload), 16),
    "$float": _read_float,
    "$tuple": lambda payload: tuple(_the(list, payload)),
    "$set": _read_set,
    "$frozenset": lambda payload: _read_set(payload, frozenset),
    "$dict": _read_dict,
    "$datetime": _read_datetime,
    "$time": lambda payload: _read_datetime(payload, time),
    "$date": lambda payload: date.fromisoformat(_the(str, payload)),
    "$timedelta": lambda payload: timedelta(*(_the(int, part) for part in _the(list, payload))),
    "$decimal": lambda payload: Decimal(_the(str, payload)),
    "$uuid": lambda payload: UUID(_the(str, payload)),
    "$bytes": lambda payload: b64decode(_the(str, payload), validate=True),
    "$enum": _read_enum,
    "$dataclass": _read_dataclass,
}

_DECODER = json.JSONDecoder(object_pairs_hook=_read_object, parse_constant=_read_constant)
