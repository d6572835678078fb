"""Values that can be stored, drawn at random, and what it takes for two of them to be the same."""

import enum
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

import cronkit
from tests.schedules.strategies import ZONES


@cronkit.storable(name="tests.Colour")
class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@cronkit.storable(name="tests.Level")
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@cronkit.storable(name="tests.Access")
class Access(enum.Flag):
    READ = 1
    WRITE = 2


@cronkit.storable(name="tests.Point")
@dataclass(frozen=True, slots=True)
class Point:
    x: Any
    y: Any = 0


@cronkit.storable(name="tests.Order")
@dataclass(kw_only=True)
class Order:
    id: str
    lines: list[Any] = field(default_factory=list)
    total: int = field(init=False)

    def __post_init__(self) -> None:
        self.total = len(self.lines)


TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from('$\ud83d\ude00\x00"\\'),
    ),
    max_size=12,
)
INTS = st.one_of(st.integers(), st.integers(-(2**9000), 2**9000), st.sampled_from([2**2048, 1 - 2**2048, -(2**2048)]))
OFFSETS = st.integers(-86_399, 86_399).map(lambda seconds: timezone(timedelta(seconds=seconds)))
TZINFOS = st.one_of(st.none(), st.sampled_from(ZONES).map(ZoneInfo), OFFSETS, st.just(UTC))
FOLDS = st.sampled_from([0, 1])


def folded(moment: Any, fold: int) -> Any:
    return moment.replace(fold=fold)


DATETIMES = st.builds(folded, st.datetimes(timezones=TZINFOS, allow_imaginary=True), FOLDS)
TIMES = st.builds(folded, st.times(timezones=TZINFOS), FOLDS)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    INTS,
    st.floats(),
    TEXTS,
    st.binary(max_size=20),
    DATETIMES,
    TIMES,
    st.dates(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
    st.sampled_from([*Colour, *Level, Access(0), Access.READ, Access.READ | Access.WRITE]),
)


def hashables(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.frozensets(inner, max_size=3), st.builds(Point, inner, inner)
    )


KEYS = st.recursive(SCALARS, hashables, max_leaves=5)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(TEXTS, inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=3),
        st.dictionaries(st.sampled_from(["$date", "$int", "$dict", "$nonsense", "$"]), inner, max_size=2),
        st.sets(KEYS, max_size=4),
        st.frozensets(KEYS, max_size=4),
        st.builds(Point, inner, inner),
        st.builds(Order, id=TEXTS, lines=st.lists(inner, max_size=2)),
    )


VALUES = st.recursive(st.one_of(SCALARS, st.decimals()), containers, max_leaves=12)


def likeness(value: Any) -> Any:
    """Something that is equal for two values exactly if they cannot be told apart, in type, order, sign and fold."""
    kind = type(value)
    match value:
        case float():
            return kind, value.hex()
        case Decimal():
            return kind, value.as_tuple()
        case datetime() | time():
            return kind, value.replace(tzinfo=None, fold=0), value.fold, zone_of(value.tzinfo)
        case list() | tuple():
            return kind, tuple(map(likeness, value))
        case set() | frozenset():
            return kind, frozenset(map(likeness, value))
        case dict():
            return kind, tuple((likeness(key), likeness(held)) for key, held in value.items())
        case _ if is_dataclass(value):
            return kind, tuple(likeness(getattr(value, each.name)) for each in fields(value))
        case None | bool() | int() | str() | bytes() | date() | timedelta() | UUID() | enum.Enum():
            return kind, value
    raise TypeError(kind)


def zone_of(tz: Any) -> Any:
    return type(tz), tz.key if isinstance(tz, ZoneInfo) else tz
