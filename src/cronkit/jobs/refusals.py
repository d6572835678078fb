"""Why a value cannot be stored, and what to do instead: the sentences of the codec's errors."""

import functools
import inspect
import reprlib
import types
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from io import IOBase
from typing import Any
from uuid import UUID

_SCALARS = (bool, int, float, str, bytes, datetime, date, time, timedelta, Decimal, UUID)
_CONTAINERS = (list, dict, tuple, set, frozenset)
_CONNECTED = ("Client", "Connection", "Cursor", "Engine", "Pool", "Session", "socket")
"""How the names of classes end whose instances talk to something outside the process."""


class BareStep(str):
    """A step of a path that is written as it is, where an index or a key is written in brackets."""

    __slots__ = ()


def describe_path(where: str, path: Sequence[object]) -> str:
    """A path as people write it: ``kwargs['rows'][3].when``."""
    steps = (step if isinstance(step, BareStep) else f"[{reprlib.repr(step)}]" for step in path)
    return "".join((where, *steps)).removeprefix(".")


def describe_error(error: Exception) -> str:
    """An error's class and the beginning of what it says, whatever its own code does."""
    try:
        said = str(error)[:200]
    except Exception as broken:  # its failure is what there is to report
        said = f"<str() raised {type(broken).__name__}>"
    return f"{type(error).__name__}: {said}"


def why_not_storable(value: Any) -> str:
    """What follows the path in the error: what the value is, and the remedy."""
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(value, type):
        return f"is the class {value.__qualname__}: another process could not find it again; pass a name of it instead"
    if callable(value) and (inspect.isroutine(value) or isinstance(value, functools.partial)):
        return f"{_described(value)}: another process could not find it again; pass a name, and look it up in the job"
    if isinstance(value, IOBase):
        return f"is an open file ({name}), which belongs to this process: pass its path, and open it in the job"
    if isinstance(value, (Iterator, types.CoroutineType, types.AsyncGeneratorType)):
        return f"is of type {name}, which can be read once, in this process: pass a list of what it gives"
    if kind.__name__.lower().endswith(tuple(end.lower() for end in _CONNECTED)):
        return f"is of type {name}, which belongs to the process that opened it: open one in the job"
    if isinstance(value, Enum) or is_dataclass(value):
        remedy = "write @cronkit.storable above its class, or pass an id or a text"
        return f"is of type {name}, which is not registered: {remedy}"
    base = next((plain for plain in (*_SCALARS, *_CONTAINERS) if isinstance(value, plain)), None)
    if base is not None:
        return f"is of type {name}, and would come back as a plain {base.__name__}: convert it to one first"
    return (
        f"is of type {name}, which cannot be stored: pass an id or a text that the job finds it by, "
        "or a dataclass under @cronkit.storable"
    )


def _described(value: Any) -> str:
    inner = value.func if isinstance(value, functools.partial) else value
    called = getattr(inner, "__qualname__", None) or type(inner).__qualname__
    if called.endswith("<lambda>"):
        return "is a lambda"
    return f"is a {'partial' if inner is not value else 'function'} ({called})"
