"""Where jobs and runs are kept."""

from cronkit.errors import ConfigurationError
from cronkit.stores.memory import MemoryStore
from cronkit.stores.protocol import JobStore

__all__ = ["JobStore", "MemoryStore", "open_store"]


def open_store(store: JobStore | str | None) -> JobStore:
    """The store that a scheduler was given: an object, a URL, or None for memory. Does no I/O.

    Raises:
        ConfigurationError: a URL of a kind that this version has no store for.
    """
    if store is None or store == "memory://":
        return MemoryStore()
    if isinstance(store, str):
        raise ConfigurationError(
            f"no store for {store!r}: this version knows 'memory://' and objects that are a JobStore"
        )
    return store
