"""The agenda: jobs by when they are to be looked at."""

import heapq
from datetime import datetime
from itertools import count

from cronkit.jobs.job import JobRow
from cronkit.stores.protocol import Reach

Entry = tuple[datetime, int, JobRow, int]
"""When, a number that breaks ties, the job, and the revision for which this is true."""
FEW = 64
"""How many entries are kept without asking whether they are still true."""


class Agenda:
    """A heap of jobs by ``next_due``. An entry whose job has changed since is dropped when it comes up, or when the
    heap has doubled.

    What ``take`` offers comes back at the next question, unless the job was changed meanwhile.
    """

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._offered: list[Entry] = []
        self._out_of_reach: dict[tuple[str, str], list[Entry]] = {}
        self._limit = FEW
        self._numbers = count()

    def add(self, job: JobRow) -> None:
        """Look at a job when it is next due, if ever."""
        if job.next_due is not None:
            heapq.heappush(self._heap, (job.next_due, next(self._numbers), job, job.revision))
            if len(self._heap) > self._limit:
                self._heap[:] = [entry for entry in self._heap if entry[2].revision == entry[3]]
                heapq.heapify(self._heap)
                self._limit = max(FEW, 2 * len(self._heap))

    def is_first(self, job: JobRow) -> bool:
        """Whether no other job is due earlier."""
        return bool(self._heap) and self._heap[0][2] is job

    def take(self, now: datetime, limit: int, reach: Reach) -> list[JobRow]:
        """Up to ``limit`` jobs within reach that are due, earliest first."""
        self._put_back(reach)
        namespace, targets = reach
        due: list[JobRow] = []
        heap = self._heap
        while heap and len(due) < limit and heap[0][0] <= now:
            entry = heapq.heappop(heap)
            job = entry[2]
            if job.revision != entry[3]:
                continue
            if job.spec.target in targets and job.key.namespace == namespace:
                due.append(job)
                self._offered.append(entry)
            else:
                self._out_of_reach.setdefault((job.key.namespace, job.spec.target), []).append(entry)
        return due

    def first_due(self, reach: Reach) -> datetime | None:
        """When the next job is due that is not known to be out of reach."""
        self._put_back(reach)
        heap = self._heap
        while heap and heap[0][2].revision != heap[0][3]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def _put_back(self, reach: Reach) -> None:
        for entry in self._offered:
            if entry[2].revision == entry[3]:
                heapq.heappush(self._heap, entry)
        self._offered.clear()
        if self._out_of_reach:
            for key in [key for key in self._out_of_reach if key[0] == reach.namespace and key[1] in reach.targets]:
                for entry in self._out_of_reach.pop(key):
                    heapq.heappush(self._heap, entry)
