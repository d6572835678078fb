"""Which dataclasses and enums of the application may be stored, and under which names."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar, overload

from cronkit.errors import ConfigurationError

Class = TypeVar("Class", bound=type[Any])

NAME_LENGTH = 200


class Storable:
    """A registered class: the name that rows know it by and, of a dataclass, the fields that are written."""

    __slots__ = ("cls", "fields", "name")

    def __init__(self, name: str, cls: type[Any], fields: tuple[str, ...]) -> None:
        self.name = name
        self.cls = cls
        self.fields = fields

    @property
    def is_enum(self) -> bool:
        """Whether it is an enum, and not a dataclass."""
        return issubclass(self.cls, Enum)

    @property
    def place(self) -> str:
        """Where the class was defined."""
        return f"{self.cls.__module__}.{self.cls.__qualname__}"


_by_name: dict[str, Storable] = {}
_by_class: dict[type[Any], Storable] = {}


@overload
def storable(cls: Class, *, name: str | None = None) -> Class: ...
@overload
def storable(cls: None = None, *, name: str | None = None) -> Callable[[Class], Class]: ...
def storable(cls: Class | None = None, *, name: str | None = None) -> Class | Callable[[Class], Class]:
    """Decorate a dataclass or an enum, so that its instances can be arguments and results of jobs in a durable store.

    ``name`` is what rows know the class by, unless given its ``__qualname__``, so that it may move to another module.
    A class registered twice can be read under both names and is written under the later one. The same class defined
    again, by a cell that is run again or a module that is reloaded, replaces the one before.

    Raises:
        ConfigurationError: another class has that name, or it is neither a dataclass nor an enum, or a dataclass that
            cannot be made of its own fields.
    """

    def register(cls: Class) -> Class:
        _register(cls, name)
        return cls

    return register if cls is None else register(cls)


def storable_class(cls: type[Any]) -> Storable | None:
    """What a class is registered as, or None."""
    return _by_class.get(cls)


def storable_named(name: str) -> Storable | None:
    """The class that is registered under a name, or None."""
    return _by_name.get(name)


def _register(cls: Any, name: Any) -> None:
    if not isinstance(cls, type):
        raise ConfigurationError(f"storable({cls!r}): decorate a class, as in @cronkit.storable or storable(name=...)")
    name = cls.__qualname__ if name is None else name
    if not (isinstance(name, str) and 0 < len(name) <= NAME_LENGTH):
        raise ConfigurationError(f"storable(name={name!r}): give a text of 1 to {NAME_LENGTH} characters")
    entry = Storable(name, cls, () if issubclass(cls, Enum) else _fields(cls))
    known = _by_name.get(name)
    if known is not None and known.place != entry.place:
        raise ConfigurationError(
            f"two classes are stored as {name!r}: {known.place} and {entry.place}; "
            "give one of them another, as in @cronkit.storable(name=...)"
        )
    _by_name[name] = _by_class[cls] = entry


def _fields(cls: type[Any]) -> tuple[str, ...]:
    """The fields that a dataclass is written as and made of again."""
    if "__dataclass_fields__" not in vars(cls) or not is_dataclass(cls):
        raise ConfigurationError(
            f"{cls.__module__}.{cls.__qualname__} is neither a dataclass nor an enum: "
            "write @cronkit.storable above @dataclass, or pass an id or a text in its place"
        )
    names = tuple(field.name for field in fields(cls) if field.init)
    if sorted(inspect.signature(cls).parameters) != sorted(names):
        raise ConfigurationError(
            f"{cls.__module__}.{cls.__qualname__} cannot be made of its own fields: "
            "a class to be stored keeps the constructor that dataclass gives it, and has no InitVar"
        )
    return names
