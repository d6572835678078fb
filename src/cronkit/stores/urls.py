"""Stores by URL: ``memory://``, ``sqlite:///jobs.db``."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from cronkit.errors import ConfigurationError

SQLITE = "sqlite://"
OPTIONS = {"standby": str, "keep_runs": int, "keep_for": str, "busy_timeout": str}
"""The options of ``SQLiteStore`` that a URL may carry, and what reads them."""


def read_sqlite_url(url: str) -> tuple[str, Mapping[str, Any]]:
    """The path and the options in a URL such as ``sqlite:///jobs.db?keep_runs=1000``.

    Three slashes begin a relative path, four an absolute one.

    Raises:
        ConfigurationError: there is no path in it, or an option that the store does not have.
    """
    rest, _, query = url.removeprefix(SQLITE).partition("?")
    if not rest.startswith("/"):
        remedy = "give a file, as in 'sqlite:///jobs.db', or 'memory://' for jobs in memory"
        raise ConfigurationError(f"{url!r} names no file: {remedy}")
    path = unquote(rest[1:])
    if path in ("", ":memory:"):
        raise ConfigurationError(
            f"{url!r} names no file: other connections could not share it; give 'memory://' for jobs in memory"
        )
    return path, _read_options(url, query)


def _read_options(url: str, query: str) -> Mapping[str, Any]:
    options: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        reader = OPTIONS.get(name)
        if reader is None:
            raise ConfigurationError(f"{url!r}: unknown option {name!r}; there are {', '.join(OPTIONS)}")
        try:
            options[name] = reader(value)
        except ValueError:
            raise ConfigurationError(f"{url!r}: {name}={value!r} is no whole number") from None
    return options
