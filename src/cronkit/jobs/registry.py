"""The registry: which function stands behind each target name, in this process."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from types import FunctionType
from typing import Any

from cronkit.errors import ConfigurationError
from cronkit.jobs.likeness import Likeness, likeness
from cronkit.jobs.target import Target, default_name
from cronkit.jobs.validation import storable_text


class Registry:
    """Target names to functions. Stored jobs name their target; only what is registered here can run here.

    A target may have aliases: the names that it had before, which stored jobs may still ask for.
    """

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}
        self._names: dict[Callable[..., Any], str] = {}

    @property
    def targets(self) -> Mapping[str, Target]:
        """The targets by name and by alias: not a copy, it grows with them."""
        return self._targets

    def copy(self) -> "Registry":
        """Another registry with the same targets, which does not see what is registered here later."""
        twin = Registry()
        twin._targets, twin._names = dict(self._targets), dict(self._names)
        return twin

    def get(self, name: str) -> Target | None:
        """The target of that name or alias, or None."""
        return self._targets.get(name)

    def known(self, function: Callable[..., Any]) -> Target | None:
        """The target that a function is here already, under the name that it was given last, or None."""
        name = self._name_of(function)
        target = None if name is None else self._targets.get(name)
        return target if target is not None and target.function is function else None

    def register(self, function: Callable[..., Any], name: str | None = None, aliases: Collection[str] = ()) -> Target:
        """``check``, ``check_aliases`` and ``put`` in one."""
        if name is not None:
            storable_text("name", name)
        target = self.check(function, name)
        self.put(target, self.check_aliases(target, aliases))
        return target

    def check(
        self, function: Callable[..., Any], name: str | None = None, *, may_rebind: Callable[[], bool] | None = None
    ) -> Target:
        """The target that a function is under a name: if none is given, the one it has here already, or its own.

        Changes nothing here: ``put`` does. ``cronkit.jobs.likeness`` says which functions may take over a name that
        is taken. Where ``may_rebind`` says so, one piece of code over other values may too.

        Raises:
            ConfigurationError: another function has that name; the message names both places.
        """
        is_named = name is not None
        name = name or self._name_of(function) or default_name(function)
        known = self._targets.get(name)
        if known is not None and known.function is function and known.is_named >= is_named:
            return known
        target = Target(name, function, is_named=is_named)
        like = Likeness.NEWER if known is None else likeness(known.function, function)
        if known is None or like is Likeness.NEWER:
            return target
        if like is Likeness.SAME:
            return known if known.is_named >= is_named else target
        if known.place != target.place:
            raise ConfigurationError(
                f"two targets are called {name!r}: {known.place} and {target.place}; "
                "give one of them another name= or id="
            )
        if may_rebind is None or not may_rebind():
            raise ConfigurationError(
                f"target {name!r} is {known.place} with another object, arguments or closure bound to it: give "
                "each of the two a name of its own, as in scheduler.target(name=...)(function) or id= of a declared "
                "job; a decorator that uses functools.wraps leaves each function its name"
            )
        return target

    def check_aliases(self, target: Target, aliases: Collection[str]) -> tuple[str, ...]:
        """The aliases of a target, for ``put``.

        Raises:
            ConfigurationError: they are one text, or one of them is the name of another target.
        """
        if aliases == ():
            return ()
        if isinstance(aliases, str):
            raise ConfigurationError(f"aliases={aliases!r}: give several names, such as [{aliases!r}]")
        if not isinstance(aliases, Iterable):
            raise ConfigurationError(f"aliases={aliases!r}: give names that {target.name!r} had before, or none: ()")
        names: tuple[Any, ...] = tuple(aliases)
        for alias in names:
            if not isinstance(alias, str) or alias in ("", target.name):
                raise ConfigurationError(f"aliases={aliases!r}: give names that {target.name!r} had before")
            storable_text("alias", alias)
            known = self._targets.get(alias)
            if known is not None and known.name != target.name:
                raise ConfigurationError(
                    f"{alias!r} cannot be an alias of {target.name!r} ({target.place}): "
                    f"it leads to {known.name!r}, {known.place}"
                )
        return names

    def put(self, target: Target, aliases: Collection[str] = ()) -> None:
        """Have a target that was checked here, in place of what had its name, and aliases that were."""
        known = self._targets.get(target.name)
        if known is not target:
            if known is not None:
                self._replace(known, target)
            self._targets[target.name] = target
        for alias in aliases:
            self._targets[alias] = target
        if _has_hash(target.function):
            self._names[target.function] = target.name

    def _replace(self, known: Target, target: Target) -> None:
        """Let another target have the names of one."""
        if self._name_of(known.function) == known.name:
            del self._names[known.function]
        for name in [name for name, each in self._targets.items() if each is known]:
            self._targets[name] = target

    def _name_of(self, function: Callable[..., Any]) -> str | None:
        return self._names.get(function) if _has_hash(function) else None


def _has_hash(function: Callable[..., Any]) -> bool:
    # Nearly all are plain functions, and asking whether an object is Hashable takes 0.4 us, at each add.
    return type(function) is FunctionType or isinstance(function, Hashable)
