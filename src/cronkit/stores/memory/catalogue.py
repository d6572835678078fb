"""The catalogue: every job, by the name people use and by the key that names one of its lives."""

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from cronkit.jobs.job import Job, JobRow
from cronkit.jobs.keys import JobKey
from cronkit.jobs.page import Page
from cronkit.stores.protocol import JobFilter

GONE = -1
"""The revision of a row that is no longer the job's, which no heap entry and no advance can match."""


class Catalogue:
    """Jobs by name and by key, and the removed ones by key.

    Jobs whose schedule has ended are kept up to a limit, the oldest going first, and so are removed ones.
    """

    def __init__(self, keep_ended: int) -> None:
        self.by_key: dict[JobKey, JobRow] = {}
        self.by_name: dict[tuple[str, str], JobRow] = {}
        self.removed: dict[JobKey, JobRow] = {}
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

    def row_of(self, key: JobKey) -> JobRow | None:
        """The row of a job, even of a removed one."""
        return self.by_key.get(key) or self.removed.get(key)

    def replace(self, current: JobRow, job: JobRow) -> None:
        """Let ``job`` be the row from now on."""
        current.revision = GONE
        self.by_name[job.key.namespace, job.key.id] = self.by_key[job.key] = job

    def rename(self, job: JobRow, job_id: str) -> None:
        """Let a job go by another id, which is free."""
        del self.by_name[job.key.namespace, job.key.id]
        del self.by_key[job.key]
        job.key = job.key._replace(id=job_id)
        job.spec = replace(job.spec, id=job_id)
        self.by_name[job.key.namespace, job_id] = self.by_key[job.key] = job

    def remove(self, job: JobRow) -> None:
        """End a job's life; its row is kept aside."""
        self._drop(job)
        self.removed[job.key] = job
        if len(self.removed) > self._keep_ended:
            del self.removed[next(iter(self.removed))]

    def purge(self, namespace: str, job_id: str) -> list[JobKey]:
        """Forget the removed lives of a job."""
        gone = [key for key in self.removed if key[:2] == (namespace, job_id)]
        for key in gone:
            del self.removed[key]
        return gone

    def last_removed(self, namespace: str, job_id: str) -> JobRow | None:
        """The row of the last life of a job that was removed."""
        lives = (row for key, row in self.removed.items() if key[:2] == (namespace, job_id))
        return max(lives, key=lambda row: row.key.generation, default=None)

    def note_ended(self, job: JobRow) -> None:
        """A job will not run any more; drop the oldest such jobs beyond the limit."""
        self._ended.append(job.key)
        while len(self._ended) > self._keep_ended:
            oldest = self.by_key.get(self._ended.popleft())
            if oldest is not None and oldest.next_at is None and oldest.pause is None and not oldest.open:
                self._drop(oldest)

    def _drop(self, job: JobRow) -> None:
        job.revision = GONE
        del self.by_name[job.key.namespace, job.key.id]
        del self.by_key[job.key]

    def page(self, wanted: JobFilter, limit: int, cursor: str | None) -> Page[Job]:
        """Matching jobs, ordered by id."""
        rows: Iterable[JobRow] = self.by_name.values()
        if wanted.removed:
            last = {key[:2]: row for key, row in sorted(self.removed.items()) if key[:2] not in self.by_name}
            rows = last.values()
        matching = [row for row in rows if _matches(row, wanted) and (cursor is None or row.key.id > cursor)]
        page = heapq.nsmallest(limit + 1, matching, key=lambda row: row.key.id)
        items = tuple(row.snapshot() for row in page[:limit])
        return Page(items, items[-1].id if len(page) > limit else None)


def _matches(row: JobRow, wanted: JobFilter) -> bool:
    return (
        row.key.namespace == wanted.namespace
        and (wanted.tag is None or wanted.tag in row.spec.tags)
        and (wanted.owner is None or row.spec.owner == wanted.owner)
        and (wanted.declared is None or (row.declared is not None) == wanted.declared)
    )
