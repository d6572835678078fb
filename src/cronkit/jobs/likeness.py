"""Whether a function is another one, the same, or a newer version of one that is known under its name.

A newer version takes the name over: a cell that is run again and a module that is reloaded must work. Anything else
would take it silently from a function that a job still needs, and is refused. Of two functions of one module and one
qualified name,

- other code is a newer version, unless one text that is being run just now defines both: two ``def`` of one name;
- the same code over the same values is the same function: a bound method's object, a partial's arguments, the values
  of a closure and the defaults count, compared by identity if they can change;
- the same code over a newer version of a function is newer: a decorator's wrapper round a function that was redefined;
- the same code over other values is another function: two wrappers of one decorator, two methods of one class.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from types import CodeType, FunctionType, MethodType
from typing import Any

from cronkit.jobs.target import origin_of, unwrap

_CONSTANT = (bool, int, float, complex, str, bytes, type(None), type(...))


class Likeness(Enum):
    """What a function is to the one that has its name."""

    SAME = "same"
    NEWER = "newer"
    OTHER = "other"


def likeness(known: Callable[..., Any], function: Callable[..., Any]) -> Likeness:
    """What ``function`` is to ``known``; the module says by which rule."""
    return _compare(known, function, frozenset())


def _compare(known: Any, function: Any, asked: frozenset[tuple[int, int]]) -> Likeness:
    pair = id(known), id(function)
    if known is function or pair in asked:  # asked: a function that calls itself is in its own closure
        return Likeness.SAME
    one, other = unwrap(known), unwrap(function)
    if origin_of(one) != origin_of(other):
        return Likeness.OTHER
    if one is not other:
        codes = _code(one), _code(other)
        if codes[0] is None or codes[0] is not codes[1]:
            return Likeness.OTHER if _one_text_defines(*codes) else Likeness.NEWER
        if one.__globals__ is not other.__globals__:  # the code has been run anew, in another namespace
            return Likeness.NEWER
    return _compare_values(known, function, asked | {pair})


def _compare_values(known: Any, function: Any, asked: frozenset[tuple[int, int]]) -> Likeness:
    """Compare what two callables of one piece of code carry beside it."""
    if type(known) is not type(function) or _code(known) is not _code(function):
        return Likeness.OTHER
    before, after = list(_values(known)), list(_values(function))
    if len(before) != len(after):
        return Likeness.OTHER
    found = {_compare_value(*pair, asked) for pair in zip(before, after, strict=True)}
    callables = {like for is_callable, like in found if is_callable}
    if Likeness.OTHER in callables:
        return Likeness.OTHER
    if Likeness.NEWER in callables:  # what else a wrapper carries is its own, made anew with it
        return Likeness.NEWER
    return Likeness.OTHER if (False, Likeness.OTHER) in found else Likeness.SAME


def _compare_value(known: Any, value: Any, asked: frozenset[tuple[int, int]]) -> tuple[bool, Likeness]:
    """Whether it is a function that was compared, and how it went."""
    if _is_function(known) and _is_function(value):
        return True, _compare(known, value, asked)
    is_equal = known is value or (type(known) is type(value) and type(value) in _CONSTANT and known == value)
    return False, Likeness.SAME if is_equal else Likeness.OTHER


def _values(function: Any) -> Iterator[Any]:
    if isinstance(function, functools.partial):
        yield function.func
        yield from function.args
        for name in sorted(function.keywords):
            yield from (name, function.keywords[name])
    elif inspect.ismethod(function):
        yield from (function.__self__, function.__func__)
    elif isinstance(function, FunctionType):
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # it has none yet
                yield None
        yield from function.__defaults__ or ()
        yield from (function.__kwdefaults__ or {}).values()


def _is_function(value: Any) -> bool:
    return isinstance(value, FunctionType | MethodType | functools.partial)


def _code(function: Any) -> CodeType | None:
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _one_text_defines(one: CodeType | None, other: CodeType | None) -> bool:
    """Whether a text that is being run on this thread defines both; a reload runs a new text, without the old code."""
    if one is None or other is None or one.co_filename != other.co_filename:
        return False
    frame = sys._getframe(1) if hasattr(sys, "_getframe") else None
    while frame is not None:
        constants = frame.f_code.co_consts
        if any(each is one for each in constants) and any(each is other for each in constants):
            return True
        frame = frame.f_back
    return False
