"""The catalogue: every job, by the name people use and by the key that names one of its lives."""

import heapq
from collections import deque

from cronkit.jobs.job import Job, JobRow
from cronkit.jobs.keys import JobKey
from cronkit.jobs.page import Page

GONE = -1
"""The revision of a row that is no longer the job's, which no heap entry and no advance can match."""


class Catalogue:
    """Jobs by name and by key; those whose schedule has ended are kept up to a limit, the oldest going first."""

    def __init__(self, keep_ended: int) -> None:
        self.by_key: dict[JobKey, JobRow] = {}
        self.by_name: dict[tuple[str, str], JobRow] = {}
        self._keep_ended = keep_ended
        self._ended: deque[JobKey] = deque()
        self._generation = 0

    def add(self, job: JobRow) -> bool:
        """Begin another life of a job, under a key of its own; False if its name is taken."""
        name = job.key.namespace, job.key.id
        if name in self.by_name:
            return False
        self._generation += 1
        job.key = JobKey(*name, self._generation)
        self.by_name[name] = self.by_key[job.key] = job
        return True

    def current(self, key: JobKey, revision: int) -> JobRow | None:
        """The row of a job, if it is still at that revision."""
        row = self.by_key.get(key)
        return row if row is not None and row.revision == revision else None

    def replace(self, current: JobRow, job: JobRow) -> None:
        """Let ``job`` be the row from now on."""
        current.revision = GONE
        self.by_name[job.key.namespace, job.key.id] = self.by_key[job.key] = job

    def drop(self, job: JobRow) -> None:
        """End a job's life."""
        job.revision = GONE
        del self.by_name[job.key.namespace, job.key.id]
        del self.by_key[job.key]

    def note_ended(self, job: JobRow) -> None:
        """A job will not run any more; drop the oldest such jobs beyond the limit."""
        self._ended.append(job.key)
        while len(self._ended) > self._keep_ended:
            oldest = self.by_key.get(self._ended.popleft())
            if oldest is not None and oldest.next_at is None and oldest.pause is None and not oldest.open:
                self.drop(oldest)

    def page(self, namespace: str, tag: str | None, limit: int, cursor: str | None) -> Page[Job]:
        """Jobs of a namespace, ordered by id."""
        matching = [
            row
            for row in self.by_name.values()
            if row.key.namespace == namespace
            and (tag is None or tag in row.spec.tags)
            and (cursor is None or row.key.id > cursor)
        ]
        page = heapq.nsmallest(limit + 1, matching, key=lambda row: row.key.id)
        items = tuple(row.snapshot() for row in page[:limit])
        return Page(items, items[-1].id if len(page) > limit else None)
