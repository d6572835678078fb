"""Which node holds which runs, and until when."""

from datetime import datetime, timedelta
from typing import NamedTuple

from cronkit.jobs.run import RunRow


class Lease(NamedTuple):
    """When a node's lease ends, and how long it was when it was given."""

    until: datetime
    length: timedelta


class Leases:
    """A lease for each node, and the runs that go with it."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self._held: dict[str, dict[str, RunRow]] = {}

    @property
    def are_several(self) -> bool:
        """Whether more than one node is known."""
        return len(self._leases) > 1

    def held_by(self, node: str) -> dict[str, RunRow]:
        """The runs of a node by id: the ones it executes, and ended ones whose thread has not returned."""
        held = self._held.get(node)
        if held is None:
            held = self._held[node] = {}
        return held

    def let_go(self, run: RunRow) -> None:
        """A run is no longer its node's."""
        held = self._held.get(run.node) if run.node is not None else None
        if held is not None:
            held.pop(run.id, None)

    def renew(self, node: str, length: timedelta, now: datetime) -> None:
        """Keep a node's runs."""
        self._leases[node] = Lease(now + length, length)

    def leave(self, node: str) -> None:
        """A node ends; what it still holds stays its own until its lease ends."""
        if not self._held.get(node):
            self._leases.pop(node, None)
            self._held.pop(node, None)

    def expire(self, now: datetime) -> list[RunRow]:
        """The runs of nodes whose lease has ended: they are nobody's now.

        A lease that ends later than its whole length from now was given before the clock was set back: it begins anew.
        """
        freed: list[RunRow] = []
        for node, lease in list(self._leases.items()):
            if lease.until > now + lease.length:
                self._leases[node] = Lease(now + lease.length, lease.length)
            elif lease.until < now:
                del self._leases[node]
                freed += self._held.pop(node, {}).values()
        return freed
