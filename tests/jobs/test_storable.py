"""Registering classes to be stored: their names, and what may not be registered."""

import enum
from collections import namedtuple
from dataclasses import InitVar, dataclass, field
from typing import Any

import pytest

import cronkit
from cronkit.errors import ConfigurationError
from cronkit.jobs.codec import decode_value, encode_value
from cronkit.jobs.storable import storable_named


def make(qualname: str, module: str = __name__) -> type[Any]:
    """A new dataclass, as a cell that is run again or a reloaded module would make it."""
    return dataclass(type("Made", (), {"__annotations__": {"n": int}, "__qualname__": qualname, "__module__": module}))


def test_a_class_goes_by_its_qualified_name_whatever_its_module() -> None:
    cls = cronkit.storable(make("Invoice.Line", "myapp.models"))
    assert encode_value(cls(1)) == '{"$dataclass":["Invoice.Line",{"n":1}]}'


def test_a_class_goes_by_the_name_it_was_given() -> None:
    cls = cronkit.storable(name="line")(make("Line"))
    assert encode_value(cls(1)) == '{"$dataclass":["line",{"n":1}]}'


def test_the_decorator_returns_the_class_with_or_without_parentheses() -> None:
    cls = make("Returned")
    assert cronkit.storable(cls) is cls
    assert cronkit.storable()(cls) is cls


def test_two_classes_under_one_name_are_an_error_that_names_both() -> None:
    cronkit.storable(name="twice")(make("One", "myapp.a"))
    with pytest.raises(ConfigurationError, match=r"myapp\.a\.One and myapp\.b\.Two; give one of them another"):
        cronkit.storable(name="twice")(make("Two", "myapp.b"))


def test_a_class_that_is_defined_again_in_its_place_replaces_the_one_before() -> None:
    old, new = make("Cell"), make("Cell")
    cronkit.storable(old)
    text = encode_value(old(1))
    cronkit.storable(new)
    assert type(decode_value(text)) is new


def test_an_instance_of_the_class_before_can_still_be_written() -> None:
    old, new = make("Rerun"), make("Rerun")
    cronkit.storable(old)
    cronkit.storable(new)
    assert decode_value(encode_value(old(1))) == new(1)


def test_a_class_of_two_names_is_read_under_both_and_written_under_the_later() -> None:
    cls = cronkit.storable(name="renamed")(cronkit.storable(name="former")(make("Renamed")))
    assert decode_value('{"$dataclass":["former",{"n":1}]}') == cls(1)
    assert encode_value(cls(1)) == '{"$dataclass":["renamed",{"n":1}]}'


def test_a_subclass_of_a_registered_class_is_not_registered_with_it() -> None:
    base = cronkit.storable(make("Base"))
    with pytest.raises(ConfigurationError, match="not registered"):
        encode_value(dataclass(type("Derived", (base,), {}))(1))


@dataclass
class WithInitVar:
    n: InitVar[int]


@dataclass
class WithConstructor:
    n: int = field(init=False)

    def __init__(self, other: int) -> None:
        self.n = other


@dataclass(init=False)
class WithoutConstructor:
    n: int = 0


class Undecorated(WithInitVar):
    pass


@pytest.mark.parametrize("cls", [WithInitVar, WithConstructor, WithoutConstructor])
def test_a_dataclass_that_cannot_be_made_of_its_fields_is_refused(cls: type[Any]) -> None:
    with pytest.raises(ConfigurationError, match="cannot be made of its own fields"):
        cronkit.storable(cls)


@pytest.mark.parametrize("cls", [int, object, Undecorated, namedtuple("Pair", "a b")])
def test_a_class_that_is_neither_dataclass_nor_enum_is_refused_with_the_order_of_decorators(cls: type[Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"write @cronkit\.storable above @dataclass"):
        cronkit.storable(cls)


@pytest.mark.parametrize("value", ["text", 1, test_the_decorator_returns_the_class_with_or_without_parentheses])
def test_what_is_no_class_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="decorate a class"):
        cronkit.storable(value)


@pytest.mark.parametrize("name", ["", "x" * 201, 5, b"x"])
def test_a_name_is_a_text_of_bounded_length(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="1 to 200 characters"):
        cronkit.storable(name=name)(make("Named"))


def test_what_was_refused_is_not_registered() -> None:
    with pytest.raises(ConfigurationError):
        cronkit.storable(name="refused")(WithInitVar)
    assert storable_named("refused") is None


def test_a_dataclass_that_is_an_enum_too_is_written_as_its_member() -> None:
    @dataclass(frozen=True)
    class Mixin:
        n: int

    class Both(Mixin, enum.Enum):
        ONE = 1

    cronkit.storable(name="both")(Both)
    assert decode_value(encode_value(Both.ONE)) is Both.ONE
