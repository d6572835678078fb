"""Which node holds which runs, and until when."""

from datetime import datetime

from cronkit.jobs.run import RunRow
from cronkit.stores.protocol import Renewal


class Leases:
    """A lease for each node, and the runs that go with it."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}
        self._held: dict[str, dict[str, RunRow]] = {}
        self._lost: dict[str, set[str]] = {}

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

    def renew(self, node: str, until: datetime) -> Renewal:
        """Keep a node's runs; tell which it has lost since, and which are to be cancelled."""
        self._until[node] = until
        asked = {
            run.id: run.reason or "cancelled"
            for run in self.held_by(node).values()
            if run.cancel_requested and not run.occupied
        }
        return Renewal(frozenset(self._lost.pop(node, ())), asked)

    def expire(self, now: datetime) -> list[RunRow]:
        """The runs of nodes whose lease has ended: they are nobody's now."""
        freed: list[RunRow] = []
        for node in [node for node, until in self._until.items() if until < now]:
            del self._until[node]
            runs = self._held.pop(node, {}).values()
            lost = {run.id for run in runs if not run.occupied}
            if lost:
                self._lost.setdefault(node, set()).update(lost)
            freed += runs
        return freed
