"""Runs that wait for their time or for a slot."""

import heapq
from collections.abc import Mapping
from datetime import datetime
from itertools import count

from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Reach

WAITING = frozenset({RunStatus.QUEUED, RunStatus.RETRYING})
Entry = tuple[datetime, int, RunRow]
FEW = 64
"""How many entries of a heap are kept without asking whether they are still true."""


class WaitingRuns:
    """A heap of runs by ``due_at`` for each executor.

    An entry that is no longer true is dropped when it comes up, or when its heap has doubled.
    """

    def __init__(self) -> None:
        self._heaps: dict[str, list[Entry]] = {}
        self._limits: dict[str, int] = {}
        self._out_of_reach: dict[tuple[str, str], list[tuple[str, RunRow]]] = {}
        self._numbers = count()

    def add(self, executor: str, run: RunRow) -> None:
        """Let a run start on an executor from its due time on."""
        heap = self._heaps.get(executor)
        if heap is None:
            heap = self._heaps[executor] = []
            self._limits[executor] = FEW
        heapq.heappush(heap, (run.due_at, next(self._numbers), run))
        if len(heap) > self._limits[executor]:
            heap[:] = {entry[2].id: entry for entry in heap if _is_true(entry)}.values()
            heapq.heapify(heap)
            self._limits[executor] = max(FEW, 2 * len(heap))

    def pop(self, executor: str, now: datetime) -> RunRow | None:
        """The run of this executor that has waited longest, if its time has come."""
        heap = self._heaps.get(executor)
        while heap and heap[0][0] <= now:
            entry = heapq.heappop(heap)
            if _is_true(entry):
                return entry[2]
        return None

    def set_aside(self, executor: str, run: RunRow, target: str) -> None:
        """Leave a run, which was popped, to a node that it is within reach of."""
        self._out_of_reach.setdefault((run.job.namespace, target), []).append((executor, run))

    def put_back(self, reach: Reach) -> None:
        """Put back the runs that were left to a node of this reach."""
        if self._out_of_reach:
            for key in [key for key in self._out_of_reach if key[0] == reach.namespace and key[1] in reach.targets]:
                for executor, run in self._out_of_reach.pop(key):
                    self.add(executor, run)

    def first_due(self, free: Mapping[str, int]) -> datetime | None:
        """When the next run may start on an executor that has a free slot."""
        return min((heap[0][0] for name, heap in self._heaps.items() if heap and free.get(name)), default=None)


def _is_true(entry: Entry) -> bool:
    due_at, _, run = entry
    return run.status in WAITING and run.due_at == due_at
