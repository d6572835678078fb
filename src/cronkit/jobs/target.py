"""A target: the user's function, what colour it is, and which of its parameters receives the run."""

import functools
import inspect
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

from cronkit.errors import ConfigurationError

_CONTEXT = "RunContext"
_OPTIONAL = frozenset({"None", "Optional", "Union"})
_ANNOTATED = re.compile(r"^(?:\w+\.)*Annotated\[(.+?),.*\]$", re.DOTALL)
"""``Annotated`` as text, and the type in it as far as its first comma, which no type that counts has before its end."""
_NOT_VARIADIC = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


SHAPES = 64
"""How many accepted kinds of call a target remembers."""


class Colour(StrEnum):
    """How a target is run: by calling it, or by awaiting what it returns."""

    FUNCTION = "function"
    COROUTINE = "coroutine"


class Target:
    """A function under the name that stores know it by.

    ``context`` is the parameter annotated as ``RunContext``, optional or not (matched also as text, so that imports
    under ``TYPE_CHECKING`` work), or None. ``place`` says where the function was defined, for error messages.
    ``is_named``: the application chose the name; else it is the function's own.
    """

    __slots__ = ("_accepted", "colour", "context", "function", "is_named", "name", "origin", "place", "signature")

    def __init__(self, name: str, function: Callable[..., Any], *, is_named: bool = False) -> None:
        if not callable(function):
            raise ConfigurationError(
                f"target {name!r} is {type(function).__name__}, not a function: decorate or pass a function"
            )
        plain = unwrap(function)
        self.name = name
        self.function = function
        self.is_named = is_named
        self.colour = _colour(name, function)
        try:
            self.signature: inspect.Signature | None = _signature(function)
        except (TypeError, ValueError):  # some builtins have none to read
            self.signature = None
        self.context = _context_parameter(name, self.signature, getattr(plain, "__globals__", {}))
        # Whether a call is accepted depends on how many arguments there are and on their names; asking costs 4 us.
        self._accepted: set[tuple[object, ...]] = set()
        self.origin = origin_of(plain)
        self.place = _place(plain)

    def check_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Refuse arguments that a call would refuse, now rather than when the job runs.

        Raises:
            ConfigurationError: the target does not take these arguments, or lacks one.
        """
        shape = (len(args), *kwargs)
        if self.signature is None or shape in self._accepted:
            return
        given = {**kwargs, self.context: None} if self.context else kwargs
        try:
            self.signature.bind(*args, **given)
        except TypeError as error:
            if self._lacks_its_object:
                method = str(self.origin[1]).rpartition(".")[2]
                raise ConfigurationError(
                    f"{self.name!r} ({self.place}) is a method without its object: decorate a function, or give the "
                    f"bound method of an object, as in scheduler.job('5m')(thing.{method})"
                ) from None
            raise ConfigurationError(
                f"{self.name!r} cannot be called so: {error}; args= and kwargs= must fit {self.name}{self.signature}"
            ) from None
        if len(self._accepted) < SHAPES:
            self._accepted.add(shape)

    @property
    def _lacks_its_object(self) -> bool:
        """Whether this is a function of a class body, whose first parameter is for the object."""
        first = next(iter(self.signature.parameters), None) if self.signature is not None else None
        _, name = self.origin
        return first in ("self", "cls") and "." in str(name).rpartition("<locals>.")[2]


def unwrap(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function at the heart of partials, bound methods and ``functools.wraps`` wrappers."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        else:
            inner = getattr(function, "__wrapped__", None)
            if inner is None or not callable(inner):
                return function
            function = inner


def origin_of(plain: Any) -> tuple[object, object]:
    """The module and the qualified name of an unwrapped function, or of the class of what is called like one."""
    return getattr(plain, "__module__", None), getattr(plain, "__qualname__", type(plain).__qualname__)


def default_name(function: Callable[..., Any]) -> str:
    """The name of a target that was given none: its function's own.

    Raises:
        ConfigurationError: it has no name of its own, or is no function.
    """
    if not callable(function):
        raise ConfigurationError(f"{function!r} is not a function: decorate or pass a function")
    plain = unwrap(function)
    name: str = getattr(plain, "__name__", f"<{type(plain).__name__}>")
    if name.startswith("<"):
        raise ConfigurationError(
            f"a {name.strip('<>')} has no name of its own: give it one with scheduler.target(name=...), "
            "or declare it with scheduler.job(..., id=...)"
        )
    return name


if sys.version_info >= (3, 14):
    import annotationlib

    def _signature(function: Callable[..., Any]) -> inspect.Signature:
        # Annotations are evaluated when they are asked for, and what is imported under TYPE_CHECKING is not there.
        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
else:
    _signature = inspect.signature


def _colour(name: str, function: Callable[..., Any]) -> Colour:
    outermost = function.func if isinstance(function, functools.partial) else function
    method = vars(type(outermost)).get("__call__")  # of an object that is called like a function
    if inspect.iscoroutinefunction(outermost) or inspect.iscoroutinefunction(method):
        return Colour.COROUTINE
    for called in (outermost, method):
        if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
            raise ConfigurationError(
                f"{name!r} is a generator, which a job would never run: give a plain or async function"
            )
    return Colour.FUNCTION


def _context_parameter(name: str, signature: inspect.Signature | None, known: Mapping[str, Any]) -> str | None:
    """The parameter that receives the run; ``known`` are the globals that its annotation may refer to."""
    for each in () if signature is None else signature.parameters.values():
        if each.kind not in _NOT_VARIADIC or not _is_context(each.annotation, known):
            continue
        if each.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise ConfigurationError(
                f"{name!r} takes its {_CONTEXT}, {each.name!r}, by position alone, and it is given by name: "
                "take away the / in its signature"
            )
        return each.name
    return None


def _is_context(annotation: Any, known: Mapping[str, Any]) -> bool:
    """Whether an annotation means ``RunContext``, or that or None, as a class or as text."""
    text = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(text, str):
        text = _ANNOTATED.sub(r"\1", text)
        words = {word.rpartition(".")[2] for word in re.findall(r"[\w.]+", text)}
        names = {_CONTEXT if getattr(known.get(word), "__name__", None) == _CONTEXT else word for word in words}
        return names - _OPTIONAL == {_CONTEXT}
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return any(_is_context(part, known) for part in get_args(annotation))
    return getattr(annotation, "__name__", None) == _CONTEXT


def _place(plain: Callable[..., Any]) -> str:
    code = getattr(plain, "__code__", None)
    module = getattr(plain, "__module__", "?")
    name = getattr(plain, "__qualname__", repr(plain))
    if code is None:
        return f"{module}.{name}"
    file = getattr(sys.modules.get(module or ""), "__file__", None) or code.co_filename
    return f"{module}.{name} ({file}:{code.co_firstlineno})"
