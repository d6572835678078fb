"""Targets by import path, ``myapp.tasks:send``, and only those that the application allows."""

import importlib
import inspect
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from cronkit.errors import ConfigurationError
from cronkit.jobs.target import unwrap

__all__ = ["Importable"]


class Importable:
    """The modules that stored jobs may name targets in.

    ``prefixes`` are dotted names, each for a module and all below it: ``myapp.tasks`` allows ``myapp.tasks`` and
    ``myapp.tasks.mail``, not ``myapp.tasksx``. No prefix allows no import.
    """

    __slots__ = ("prefixes",)

    def __init__(self, prefixes: Iterable[str] = ()) -> None:
        if isinstance(prefixes, str):
            raise ConfigurationError(f"importable={prefixes!r} is one text: give a list, as in [{prefixes!r}]")
        if not isinstance(prefixes, Iterable):
            raise ConfigurationError(f"importable={prefixes!r}: give the names of modules, such as ['myapp.tasks']")
        self.prefixes = tuple(prefixes)
        for prefix in self.prefixes:
            if not _is_dotted(prefix):
                raise ConfigurationError(
                    f"importable={prefix!r}: give the dotted name of a module, such as 'myapp.tasks'"
                )

    def covers(self, module: object) -> bool:
        """Whether a module of that name is one of them, or below one."""
        return isinstance(module, str) and self._prefix(module) is not None

    def resolve(self, path: str) -> Callable[..., Any]:
        """The function that ``path`` names, as ``module:name`` or ``module:Class.name``; its module is imported.

        Nothing is imported unless the module is covered and every part of the path is a public name. Everything that
        the path goes through must have been defined under the prefixes too, so that ``myapp.tasks:os.system`` is
        refused although ``myapp.tasks`` imports ``os``.

        Raises:
            ConfigurationError: the path is not allowed, leads nowhere, or to something else than a function; the
                message says which, and the remedy.
        """
        module_name, names = self._read(path)
        found: Any = _import(module_name, path)
        for name in names:
            found = _attribute(found, name, path)
            self._check_origin(found, name, path)
        plain = None if isinstance(found, type) or not callable(found) else unwrap(found)
        if plain is None or not inspect.isfunction(plain):
            raise _refused(path, f"{names[-1]} is no function", "name a function or a coroutine function")
        self._check_origin(plain, names[-1], path)
        function: Callable[..., Any] = found
        return function

    def _read(self, path: str) -> tuple[str, list[str]]:
        """The module and the attribute names of a path, all of them allowed."""
        module, colon, rest = path.partition(":")
        if not colon or not _is_dotted(module) or not _is_dotted(rest):
            raise _refused(path, "it is no import path", "write it as 'myapp.tasks:send'")
        prefix = self._prefix(module)
        if prefix is None:
            listed = ", ".join(map(repr, self.prefixes)) or "none yet"
            raise _refused(
                path, f"{module} is not importable", f"list it in Scheduler(importable=...), which has {listed}"
            )
        names = rest.split(".")
        private = [part for part in (*module.removeprefix(prefix).split("."), *names) if part.startswith("_")]
        if private:
            raise _refused(path, f"{private[0]} is private", "give the function a public name")
        return module, names

    def _prefix(self, module: str) -> str | None:
        """The longest prefix that covers a module, whole components of its name compared."""
        covering = (prefix for prefix in self.prefixes if f"{module}.".startswith(f"{prefix}."))
        return max(covering, key=len, default=None)

    def _check_origin(self, value: Any, name: str, path: str) -> None:
        if isinstance(value, ModuleType):
            raise _refused(
                path, f"{name} is a module", f"write the path of a function in it, as in {value.__name__}:..."
            )
        origin = getattr(value, "__module__", None)
        if not self.covers(origin):
            raise _refused(
                path,
                f"{name} is defined in {origin or 'no module'}, outside of what is importable",
                "name a function of the application's own that calls it, and decorate with functools.wraps",
            )


def _is_dotted(name: object) -> bool:
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))


def _import(module: str, path: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:  # whatever the module does when it is run
        raise _refused(
            path, f"importing {module} raised {type(error).__name__}: {error}", "see that it can be imported here"
        ) from error


def _attribute(value: Any, name: str, path: str) -> Any:
    try:
        return getattr(value, name)
    except Exception as error:  # a module's own __getattr__, or a property
        raise _refused(
            path, f"there is no {name} ({type(error).__name__})", "give the job another target, or bring the name back"
        ) from error


def _refused(path: str, why: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"target {path!r} cannot be imported: {why}; {remedy}")
