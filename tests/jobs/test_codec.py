"""The codec: what is written is read back as it was, in strict JSON, and anything else is refused with its place."""

import ast
import functools
import io
import json
import queue
import sqlite3
import sys
import threading
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from enum import Enum, IntEnum, StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

import cronkit
from cronkit.errors import ConfigurationError, UnreadableError
from cronkit.jobs.codec import MAX_DEPTH, MAX_SIZE, decode_value, encode_fields, encode_value
from tests.jobs.values import TEXTS, VALUES, Access, Colour, Level, Order, Point, likeness

PARIS = ZoneInfo("Europe/Paris")


def round_trip(value: Any) -> Any:
    return decode_value(encode_value(value))


# Laws


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert likeness(round_trip(value)) == likeness(value)


@given(VALUES)
def test_the_text_is_strict_json_in_ascii(value: Any) -> None:
    text = encode_value(value)
    assert text.isascii()
    json.loads(text, parse_constant=pytest.fail)


@given(VALUES)
def test_a_canonical_text_is_read_as_an_equal_value_and_written_again_alike(value: Any) -> None:
    canonical = encode_value(value, canonical=True)
    assert encode_value(decode_value(canonical), canonical=True) == canonical


@given(TEXTS)
def test_any_text_comes_back_and_so_do_the_halves_of_a_surrogate_pair(text: str) -> None:
    assert round_trip(text) == text
    assert round_trip({text: 1}) == {text: 1}


def test_two_lone_surrogates_are_not_joined_to_one_character() -> None:
    assert len(round_trip("\ud83d\ude00")) == 2
    assert len(round_trip("😀")) == 1
    assert round_trip({"\ud83d\ude00": 1, "😀": 2}) == {"\ud83d\ude00": 1, "😀": 2}


# What is kept of a value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({}, "{}"),
        ({"n": 42, "ok": True}, '{"n":42,"ok":true}'),
        ((1, "a"), '{"$tuple":[1,"a"]}'),
        ({1: 2}, '{"$dict":[[1,2]]}'),
        ({"$date": 1}, '{"$dict":[["$date",1]]}'),
        ({"$date": 1, "n": 2}, '{"$date":1,"n":2}'),
        (datetime(2027, 1, 1, 9), '{"$datetime":"2027-01-01T09:00:00"}'),
        (datetime(2027, 1, 1, 9, tzinfo=UTC), '{"$datetime":"2027-01-01T09:00:00+00:00"}'),
        (datetime(2027, 1, 1, 9, tzinfo=PARIS), '{"$datetime":["2027-01-01T09:00:00","Europe/Paris",0]}'),
        (timedelta(days=-1, microseconds=5), '{"$timedelta":[-1,0,5]}'),
        (b"abc", '{"$bytes":"YWJj"}'),
        (float("-inf"), '{"$float":"-inf"}'),
        (Colour.RED, '{"$enum":["tests.Colour","RED"]}'),
        (Access.READ | Access.WRITE, '{"$enum":["tests.Access",3]}'),
        (Point(1, 2), '{"$dataclass":["tests.Point",{"x":1,"y":2}]}'),
    ],
)
def test_the_text_of_a_value_is_fixed_for_the_rows_that_hold_it(value: Any, text: str) -> None:
    assert encode_value(value) == text


def test_a_bool_among_keys_stays_a_bool() -> None:
    assert likeness(round_trip({True: 1, 2: False})) == likeness({True: 1, 2: False})


def test_an_int_enum_stays_a_member_of_it() -> None:
    assert round_trip([Level.HIGH, 2]) == [2, 2]
    assert [type(each) for each in round_trip([Level.HIGH, 2])] == [Level, int]


def test_a_dict_keeps_its_order() -> None:
    assert list(round_trip({"b": 1, "a": 2})) == ["b", "a"]


def test_a_canonical_text_does_not_know_the_order_of_a_dict() -> None:
    one, other = {"b": {2: 1, 1: 1}, "a": 2}, {"a": 2, "b": {1: 1, 2: 1}}
    assert encode_value(one, canonical=True) == encode_value(other, canonical=True)


def test_the_text_of_a_set_does_not_depend_on_its_order() -> None:
    assert encode_value({"b", "a", "c"}) == '{"$set":["a","b","c"]}'


def test_the_second_of_two_equal_readings_stays_the_second() -> None:
    moment = datetime(2027, 10, 31, 2, 30, tzinfo=PARIS, fold=1)
    assert round_trip(moment).utcoffset() == timedelta(hours=1)


def test_a_number_beyond_the_digits_that_python_prints_comes_back() -> None:
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert round_trip(10**9999) == 10**9999
        assert round_trip(10**600) == 10**600
    finally:
        sys.set_int_max_str_digits(digits)


def test_a_field_that_is_computed_is_computed_again() -> None:
    assert round_trip(Order(id="a", lines=[1, 2])).total == 2


def test_a_field_that_a_row_lacks_takes_its_default() -> None:
    assert decode_value('{"$dataclass":["tests.Point",{"x":1}]}') == Point(1, 0)


# What cannot be stored


class Plain:
    def method(self) -> None: ...


@dataclass
class Unregistered:
    n: int = 0


class Mood(Enum):
    GOOD = 1


class Text(str):
    __slots__ = ()


class Team(StrEnum):
    DATA = "data"


class Rank(IntEnum):
    FIRST = 1


class Moment(datetime):
    pass


class Anywhere(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(0)


class DatabaseSession:
    pass


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (lambda: 1, "lambda"),
        (len, "function (len)"),
        (round_trip, "function (round_trip)"),
        (Plain().method, "function (Plain.method)"),
        (functools.partial(round_trip, 1), "partial (round_trip)"),
        (Plain, "class Plain"),
        (Plain(), "tests.jobs.test_codec.Plain"),
        (Unregistered(), "@cronkit.storable"),
        (Mood.GOOD, "@cronkit.storable"),
        (Text("a"), "a plain str"),
        (Team.DATA, "@cronkit.storable"),
        (Rank.FIRST, "@cronkit.storable"),
        (Pair(1, 2), "a plain tuple"),
        (OrderedDict(), "a plain dict"),
        (Moment(2027, 1, 1), "a plain datetime"),
        (bytearray(b"a"), "bytearray"),
        (1j, "complex"),
        ((n for n in ()), "list of what it gives"),
        (iter([]), "list of what it gives"),
        (io.StringIO(), "its path"),
        (DatabaseSession(), "open one in the job"),
        (threading.Lock(), "_thread.lock"),
        (queue.Queue(), "queue.Queue"),
        (json, "module"),
        (object(), "object"),
        (datetime(2027, 1, 1, tzinfo=Anywhere()), "has no name"),
        (time(9, tzinfo=Anywhere()), "has no name"),
        (datetime(2027, 1, 1, tzinfo=timezone(timedelta(microseconds=1))), "whole seconds"),
        (Path("x"), "pass"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_what_it_is_and_the_remedy(value: Any, what: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        encode_value(value)
    assert str(refusal.value).startswith("value is ")
    assert what in str(refusal.value)


def test_an_open_database_is_refused_with_the_remedy() -> None:
    connection = sqlite3.connect(":memory:")
    try:
        with pytest.raises(
            ConfigurationError, match=r"sqlite3\.Connection, which belongs to the process that opened it"
        ):
            encode_value(connection)
    finally:
        connection.close()


def test_a_coroutine_is_refused_with_the_remedy() -> None:
    async def work() -> None: ...

    coroutine = work()
    try:
        with pytest.raises(ConfigurationError, match="coroutine, which can be read once"):
            encode_value(coroutine)
    finally:
        coroutine.close()


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"rows": [0, 1, 2, Point(1, {"when": len})]}, r"kwargs['rows'][3].y['when']"),
        ((1, (2, len)), "kwargs[1][1]"),
        ({"a": {len}}, "kwargs['a']{an element}"),
        ({"a": {1: len}}, "kwargs['a'][1]"),
        ({(1, len): 1}, "kwargs{a key}[1]"),
        ({"a": 1, "b": {"$x": len}}, "kwargs['b']['$x']"),
        ({"a" * 100: len}, "kwargs['aaaaaaaaaaaa...aaaaaaaaaaaaa']"),
    ],
)
def test_the_error_names_the_place(value: Any, path: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        encode_value(value, "kwargs")
    assert str(refusal.value).startswith(f"{path} is a function (len)")


def test_the_error_of_several_fields_names_the_field() -> None:
    with pytest.raises(ConfigurationError, match=r"^kwargs\['f'\] is a lambda"):
        encode_fields({"args": [1], "kwargs": {"f": lambda: 1}})


def test_a_value_that_cannot_even_be_shown_is_refused_like_others() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

        def __hash__(self) -> int:
            return 1

    with pytest.raises(ConfigurationError, match="Broken"):
        encode_value({Broken(): len})


def test_a_zone_whose_name_is_not_known_elsewhere_is_refused() -> None:
    with (files("tzdata.zoneinfo") / "UTC").open("rb") as file:
        made_up = ZoneInfo.from_file(file, key="Mars/Olympus")
    with pytest.raises(ConfigurationError, match="no name to store it by"):
        encode_value(datetime(2027, 1, 1, tzinfo=made_up))


# Size and depth


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_a_value_may_be_nested_as_deep_as_the_limit() -> None:
    assert round_trip(nested(MAX_DEPTH)) == nested(MAX_DEPTH)


def test_a_value_nested_deeper_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nested deeper than 100 containers"):
        encode_value(nested(MAX_DEPTH + 1))


def test_a_value_that_holds_itself_is_refused() -> None:
    value: dict[str, Any] = {}
    value["self"] = [value]
    with pytest.raises(ConfigurationError, match="holds itself"):
        encode_value(value)


@pytest.mark.parametrize("value", ["a" * (MAX_SIZE - 2), [None] * (MAX_SIZE // 5 - 1), b"a" * (MAX_SIZE // 4 * 3 - 20)])
def test_a_value_may_be_as_long_as_the_limit(value: Any) -> None:
    assert round_trip(value) == value


@pytest.mark.parametrize("value", ["a" * (MAX_SIZE - 1), [None] * (MAX_SIZE // 5 + 1), {"a": b"a" * MAX_SIZE}])
def test_a_longer_value_is_refused_with_the_remedy(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="longer than 1,048,576 characters as text: keep it in a file"):
        encode_value(value)


@pytest.mark.parametrize(
    ("value", "path"), [({"a": ["a" * MAX_SIZE]}, r"value\['a'\]\[0\]"), ({"a": ["a" * 9999] * 999}, r"value\['a'\]")]
)
def test_the_error_names_what_is_too_long_itself(value: Any, path: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{path} is longer"):
        encode_value(value)


def test_an_attribute_that_raises_is_a_value_that_cannot_be_stored() -> None:
    value = Point(1)
    object.__delattr__(value, "y")
    with pytest.raises(ConfigurationError, match=r"^value\[0\] cannot be read: AttributeError"):
        encode_value([value])


def test_a_value_whose_parts_are_shared_over_and_over_is_refused_at_once() -> None:
    value: Any = [1]
    for _ in range(60):
        value = [value, value]
    with pytest.raises(ConfigurationError, match="longer than"):
        encode_value(value)


# What cannot be read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ("[1,]", "JSONDecodeError"),
        ("1 2", "Extra data"),
        ("NaN", "NaN is no JSON"),
        ("[-Infinity]", "-Infinity is no JSON"),
        ('{"a":1,"a":2}', "names a key twice"),
        ('{"$dict":[[1,1],[1,2]]}', "names a key twice"),
        ('{"$dict":["ab"]}', "holds a str where a list belongs"),
        ('{"$set":[1,1]}', "names an element twice"),
        ('{"$set":[[]]}', "unhashable"),
        ('{"$new":1}', "the tag '$new' is not known: a newer version"),
        ('{"$datetime":1}', "holds a int where a list belongs"),
        ('{"$datetime":"2027-13-01"}', "month must be"),
        ('{"$datetime":["2027-01-01","Mars/Olympus",0]}', "the zone 'Mars/Olympus' is not known here: install tzdata"),
        ('{"$datetime":["2027-01-01","../../../etc/passwd",0]}', "is not known here"),
        ('{"$datetime":["2027-01-01","/etc/passwd",0]}', "is not known here"),
        ('{"$datetime":["2027-01-01","Europe",0]}', "is not known here"),
        ('{"$datetime":["2027-01-01","zone.tab",0]}', "is not known here"),
        ('{"$datetime":["2027-01-01","os.path/x",0]}', "is not known here"),
        ('{"$datetime":["2027-01-01","\\u0000",0]}', "is not known here"),
        ('{"$datetime":["2027-01-01","",0]}', "is not known here"),
        ('{"$datetime":["2027-01-01","+99:00",0]}', "the zone '+99:00' is not known here"),
        ('{"$timedelta":[999999999999,0,0]}', "OverflowError"),
        ('{"$timedelta":[1e99,0,0]}', "holds a float"),
        ('{"$decimal":"x"}', "ConversionSyntax"),
        ('{"$uuid":"x"}', "hexadecimal"),
        ('{"$bytes":"*"}', "Error"),
        ('{"$int":"zz"}', "invalid literal"),
        ('{"$float":"1"}', "nan, inf or -inf"),
        ('{"$str":[1]}', "TypeError"),
        ('{"$enum":["tests.Colour","BLUE"]}', "KeyError: 'BLUE'"),
        ('{"$enum":["tests.Access",4]}', "ValueError"),
        ('{"$enum":["tests.Point","RED"]}', "no enum is registered as 'tests.Point'"),
        ('{"$enum":["os.environ","RED"]}', "no enum is registered as 'os.environ': import the module that decorates"),
        ('{"$dataclass":["tests.Colour",{}]}', "no dataclass is registered as 'tests.Colour'"),
        ('{"$dataclass":["tests.Point",{"z":1}]}', "unexpected keyword argument 'z'"),
        ('{"$dataclass":["tests.Point",{"$dict":[[1,1]]}]}', "keywords must be strings"),
        ("1" * 5000, "ValueError"),
        ("[" * 100_000, "RecursionError"),
        ('{"$tuple":[' * 50_000, "RecursionError"),
    ],
)
def test_a_text_that_cannot_be_read_says_why(text: str, why: str) -> None:
    with pytest.raises(UnreadableError) as refusal:
        decode_value(text)
    assert why in str(refusal.value)


@pytest.mark.parametrize("value", [None, b"null", 1])
def test_what_is_no_text_cannot_be_read(value: Any) -> None:
    with pytest.raises(UnreadableError, match="is no text"):
        decode_value(value)


class Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ArithmeticError("below zero"), "ArithmeticError: below zero"),
        (Wordless(), "Wordless: <str() raised RuntimeError>"),
    ],
)
def test_a_class_that_refuses_its_fields_makes_the_text_unreadable(error: Exception, why: str) -> None:
    @cronkit.storable(name="tests.Picky")
    @dataclass
    class Picky:
        n: int

        def __post_init__(self) -> None:
            if self.n < 0:
                raise error

    text = encode_value(Picky(1))
    with pytest.raises(UnreadableError) as refusal:
        decode_value(text.replace('"n":1', '"n":-1'))
    assert str(refusal.value) == why


def test_the_reason_is_short_whatever_the_text_holds() -> None:
    with pytest.raises(UnreadableError) as refusal:
        decode_value('{"$' + "x" * 100_000 + '":1}')
    assert len(str(refusal.value)) < 300


def test_every_tag_that_is_written_can_be_read() -> None:
    source = Path(str(sys.modules["cronkit.jobs.codec"].__file__)).read_text("utf-8")
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "_tag"]
    tags = {f"${arg.value}" for arg in named if isinstance(arg, ast.Constant)}
    assert tags
    for tag in tags:
        with pytest.raises(UnreadableError) as refusal:
            decode_value(json.dumps({tag: None}))
        assert "not known" not in str(refusal.value)


def test_a_fixed_offset_keeps_its_seconds() -> None:
    zone = timezone(timedelta(hours=5, seconds=30))
    assert round_trip(datetime(2027, 1, 1, tzinfo=zone, fold=1)).utcoffset() == timedelta(hours=5, seconds=30)


@pytest.mark.parametrize(
    "value",
    [
        {"$date": "2027-01-01"},
        {"n": 1, "$date": "2027-01-01"},
        {"n": 2**2048},
        {"n": -(2**2047)},
        {"n": 10**5000},
        {"text": "\ud83d" + "\ude00"},
        {"text": "\U0001f600"},
        {"\ud83d\ude00": "$"},
        {"text": "x" * 1_000},
        {"yes": True, "no": False, "nothing": None, "one": 1, "text": '"\\\n'},
    ],
)
def test_a_small_dict_of_plain_values_comes_back_as_it_was(value: dict[str, Any]) -> None:
    found = decode_value(encode_value(value))
    assert found == value
    assert list(map(type, found.values())) == list(map(type, value.values()))


def test_a_dict_is_written_alike_alone_and_within_another_value() -> None:
    value = {"b": 1, "a": "\u00e9", "c": None, "d": True}
    assert encode_value([value]) == f"[{encode_value(value)}]"
    assert encode_value([value], canonical=True) == f"[{encode_value(value, canonical=True)}]"
