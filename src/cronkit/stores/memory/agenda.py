"""The agenda: jobs by when they are to be looked at."""

import heapq
from collections.abc import Mapping
from datetime import datetime

from cronkit.jobs.job import JobRow
from cronkit.stores.protocol import Reach

Entry = tuple[datetime, int, int]
"""When, the job's generation, which no other job of the store has, and the revision for which this is true.

It leads to no object that the garbage collector looks after, so that need not look after it either.
"""
FEW = 64
"""How many entries are kept without asking whether they are still true."""


class Agenda:
    """A heap of jobs by ``next_due``. An entry whose job has changed since is dropped when it comes up, or when the
    heap has doubled.

    What ``take`` offers comes back at the next question, unless the job was changed meanwhile.
    """

    def __init__(self, lives: Mapping[int, JobRow]) -> None:
        """``lives`` are the jobs by their generation: not a copy, they change."""
        self._lives = lives
        self._heap: list[Entry] = []
        self._offered: list[Entry] = []
        self._out_of_reach: dict[tuple[str, str], list[Entry]] = {}
        self._limit = FEW

    def add(self, job: JobRow) -> bool:
        """Look at a job when it is next due, if ever; say whether no other is due earlier."""
        if job.next_due is None:
            return False
        heap = self._heap
        entry = job.next_due, job.key.generation, job.revision
        heapq.heappush(heap, entry)
        if len(heap) > self._limit:
            heap[:] = [entry for entry in heap if self._job_of(entry) is not None]
            heapq.heapify(heap)
            self._limit = max(FEW, 2 * len(heap))
        return heap[0] is entry

    def take(self, now: datetime, limit: int, reach: Reach) -> list[JobRow]:
        """Up to ``limit`` jobs within reach that are due, earliest first."""
        self._put_back(reach)
        namespace, targets = reach
        due: list[JobRow] = []
        heap = self._heap
        while heap and len(due) < limit and heap[0][0] <= now:
            entry = heapq.heappop(heap)
            job = self._job_of(entry)
            if job is None:
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
        while heap and self._job_of(heap[0]) is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def _job_of(self, entry: Entry) -> JobRow | None:
        """The job of an entry that is still true."""
        job = self._lives.get(entry[1])
        return job if job is not None and job.revision == entry[2] else None

    def _put_back(self, reach: Reach) -> None:
        for entry in self._offered:
            if self._job_of(entry) is not None:
                heapq.heappush(self._heap, entry)
        self._offered.clear()
        if self._out_of_reach:
            for key in [key for key in self._out_of_reach if key[0] == reach.namespace and key[1] in reach.targets]:
                for entry in self._out_of_reach.pop(key):
                    heapq.heappush(self._heap, entry)
