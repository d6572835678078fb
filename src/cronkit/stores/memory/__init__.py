"""The store in memory."""

from cronkit.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
