"""Runs that wait for their time or for a slot."""

import heapq
from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import count

from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus

WAITING = frozenset({RunStatus.QUEUED, RunStatus.RETRYING})


class WaitingRuns:
    """A heap of runs by ``due_at`` for each executor. An entry that is no longer true is dropped when it comes up."""

    def __init__(self) -> None:
        self._heaps: dict[str, list[tuple[datetime, int, RunRow]]] = {}
        self._unresolved: dict[str, list[tuple[str, RunRow]]] = {}
        self._numbers = count()

    def add(self, executor: str, run: RunRow) -> None:
        """Let a run start on an executor from its due time on."""
        heap = self._heaps.get(executor)
        if heap is None:
            heap = self._heaps[executor] = []
        heapq.heappush(heap, (run.due_at, next(self._numbers), run))

    def pop(self, executor: str, now: datetime) -> RunRow | None:
        """The run of this executor that has waited longest, if its time has come."""
        heap = self._heaps.get(executor)
        while heap and heap[0][0] <= now:
            due_at, _, run = heapq.heappop(heap)
            if run.status in WAITING and run.due_at == due_at:
                return run
        return None

    def set_aside(self, executor: str, run: RunRow, target: str) -> None:
        """Leave a run, which was popped, to a node that knows its target."""
        self._unresolved.setdefault(target, []).append((executor, run))

    def resolve(self, targets: Collection[str]) -> None:
        """Put back the runs that were left to a node which knows these targets."""
        if self._unresolved:
            for target in [target for target in self._unresolved if target in targets]:
                for executor, run in self._unresolved.pop(target):
                    self.add(executor, run)

    def first_due(self, free: Mapping[str, int]) -> datetime | None:
        """When the next run may start on an executor that has a free slot."""
        return min((heap[0][0] for name, heap in self._heaps.items() if heap and free.get(name)), default=None)
