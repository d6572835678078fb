"""The store in a SQLite file."""

from cronkit.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
