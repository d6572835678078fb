"""The registry: which function stands behind each target name, in this process."""

import functools
from collections.abc import Callable, Hashable, Mapping
from types import CellType, FunctionType
from typing import Any

from cronkit.errors import ConfigurationError
from cronkit.jobs.target import Target, default_name, unwrap


class Registry:
    """Target names to functions. Stored jobs name their target; only what is registered here can run here."""

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}
        self._names: dict[Callable[..., Any], str] = {}

    @property
    def targets(self) -> Mapping[str, Target]:
        """The targets by name: not a copy, it grows with them."""
        return self._targets

    def copy(self) -> "Registry":
        """Another registry with the same targets, which does not see what is registered here later."""
        twin = Registry()
        twin._targets, twin._names = dict(self._targets), dict(self._names)
        return twin

    def get(self, name: str) -> Target | None:
        """The target of that name, or None."""
        return self._targets.get(name)

    def register(self, function: Callable[..., Any], name: str | None = None) -> Target:
        """Put a function under a name: if none is given, the one it has here already, or its own.

        The same function again, or its redefinition in the same place (a cell run again, a module reloaded),
        replaces the old one. A method of another object, or a partial with other arguments, does not.

        Raises:
            ConfigurationError: another function has that name; the message names both places.
        """
        has_hash = isinstance(function, Hashable)
        name = name or (self._names.get(function) if has_hash else None) or default_name(function)
        known = self._targets.get(name)
        if known is not None and known.function is function:
            return known
        target = Target(name, function)
        if known is not None and known.origin != target.origin:
            raise ConfigurationError(
                f"two targets are called {target.name!r}: {known.place} and {target.place}; "
                "give one of them another name= or id="
            )
        if known is not None and _is_bound_otherwise(known.function, function):
            raise ConfigurationError(
                f"target {name!r} is {known.place} with another object or other arguments bound to it: "
                "give each of the two a name= of its own"
            )
        self._targets[name] = target
        if has_hash:
            self._names[function] = name
        return target

    def displaced_by(self, function: Callable[..., Any]) -> Target | None:
        """The target whose name ``function`` would take, if both are one piece of code over different values.

        For the job that had the old one this is a redefinition; another job would find the old one replaced.
        """
        has_hash = isinstance(function, Hashable)
        if has_hash and function in self._names:
            return None
        known = self._targets.get(default_name(function))
        return known if known is not None and _is_another_closure(known.function, function) else None


def _is_another_closure(known: Callable[..., Any], function: Callable[..., Any]) -> bool:
    one, other = unwrap(known), unwrap(function)
    if getattr(one, "__code__", one) is not getattr(other, "__code__", other):
        return False
    return _values(one) != _values(other)


def _values(function: Callable[..., Any]) -> list[int]:
    """What a function carries beside its code, by identity: values of people's own may refuse to be compared."""
    if not isinstance(function, FunctionType):
        return []
    cells = [cell.cell_contents for cell in function.__closure__ or () if cell != CellType()]
    return [*map(id, (*cells, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()))]


def _is_bound_otherwise(known: Callable[..., Any], function: Callable[..., Any]) -> bool:
    """Whether one and the same function has something else bound to it: neither is a new version of the other."""
    return unwrap(known) is unwrap(function) and _binding(known) != _binding(function)


def _binding(function: Callable[..., Any]) -> tuple[Any, ...]:
    if isinstance(function, functools.partial):
        return function.func, function.args, function.keywords
    return (function,)
