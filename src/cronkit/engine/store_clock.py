"""The clock that the nodes of a store share."""

from datetime import datetime, timedelta

from cronkit.clock import Clock
from cronkit.stores.protocol import JobStore

TOLERANCE = timedelta(milliseconds=1)
"""Differences below this are the cost of asking, not of a clock that goes wrong."""
FRESH = 5.0
"""Seconds for which a comparison is good."""


class StoreClock:
    """A store's clock, as estimated when the two were last compared; in between, this machine's own measures.

    So a node whose clock is an hour wrong does what every other node does, and at the same instant.
    """

    def __init__(self, store: JobStore, own: Clock) -> None:
        self._store = store
        self._own = own
        self._ahead = timedelta()
        self._compared_at: float | None = None
        self.monotonic = own.monotonic

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return self._own.now() + self._ahead

    def compare(self) -> None:
        """Ask the store for the time, unless that was done a moment ago.

        Raises:
            StoreUnavailableError: the store is away; the last estimate stands.
        """
        asked_at = self.monotonic()
        if self._compared_at is not None and asked_at - self._compared_at < FRESH:
            return
        asked, answer, answered = self._own.now(), self._store.now(), self._own.now()
        ahead = answer - (asked + (answered - asked) / 2)
        if abs(ahead - self._ahead) > TOLERANCE:
            self._ahead = ahead
        self._compared_at = asked_at


def shared_clock(store: JobStore, own: Clock) -> Clock:
    """The clock by which jobs of this store are due: the store's, if it has one, else the machine's ``own``."""
    return StoreClock(store, own) if store.capabilities.clock else own
