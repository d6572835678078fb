"""Where jobs and runs are kept."""

from typing import TYPE_CHECKING, Any

from cronkit.errors import ConfigurationError
from cronkit.stores.memory import MemoryStore
from cronkit.stores.protocol import JobStore

if TYPE_CHECKING:
    from cronkit.stores.sqlite import SQLiteStore

__all__ = ["JobStore", "MemoryStore", "SQLiteStore", "open_store"]


def open_store(store: JobStore | str | None) -> JobStore:
    """The store that a scheduler was given: an object, a URL, or None for memory. Does no I/O.

    ``sqlite:///jobs.db`` is a path relative to the working directory, ``sqlite:////var/jobs.db`` an absolute one;
    options follow as in ``sqlite:///jobs.db?keep_runs=1000&keep_for=30d``.

    Raises:
        ConfigurationError: a URL of a kind that this version has no store for, or one that cannot mean anything.
    """
    if store is None or store == "memory://":
        return MemoryStore()
    if isinstance(store, str):
        if store.startswith("sqlite:"):
            return _open_sqlite(store)
        raise ConfigurationError(
            f"no store for {store!r}: there are 'memory://', 'sqlite:///jobs.db' and objects that are a JobStore"
        )
    return store


def _open_sqlite(url: str) -> JobStore:
    from cronkit.stores.sqlite import SQLiteStore  # here, for whoever does not use it pays nothing for sqlite3
    from cronkit.stores.urls import read_sqlite_url

    path, options = read_sqlite_url(url)
    return SQLiteStore(path, **options)


def __getattr__(name: str) -> Any:
    if name == "SQLiteStore":
        from cronkit.stores.sqlite import SQLiteStore

        return SQLiteStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
