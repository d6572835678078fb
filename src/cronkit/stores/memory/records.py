"""The record of every occurrence: open runs, and as many ended ones as are kept."""

from collections import deque
from collections.abc import Mapping

from cronkit.jobs.keys import Cause, JobKey
from cronkit.jobs.page import Page
from cronkit.jobs.run import Run, RunRow
from cronkit.jobs.status import RunStatus
from cronkit.jobs.validation import page_number
from cronkit.stores.memory.occurrences import Occurrences
from cronkit.stores.protocol import RunFilter


class RunRecords:
    """Runs by id, in the order of their birth, and which of them each occurrence has."""

    def __init__(self, keep: int) -> None:
        self.by_id: dict[str, RunRow] = {}
        self.occurrences = Occurrences()
        self._keep = keep
        self._ended: deque[str] = deque()
        self._last_number = 0

    def add(self, run: RunRow) -> None:
        """Keep a newborn run."""
        self._last_number += 1
        run.sequence = self._last_number
        self.by_id[run.id] = run
        self.occurrences.add(run)

    def extend(self, refusal_id: str | None, run: RunRow) -> RunRow | None:
        """Let an earlier refusal stand for ``run`` too, if that is refused for the same reason and by the same run;
        return it then."""
        last = self.by_id.get(refusal_id) if refusal_id is not None else None
        if last is None or run.cause is not Cause.SCHEDULE or last.cause is not Cause.SCHEDULE:
            return None
        if (last.status, last.reason, last.related_id) != (run.status, run.reason, run.related_id):
            return None
        last.scheduled_until = run.scheduled_until
        last.count += run.count
        last.finished_at = run.finished_at
        run.id = last.id
        return last

    def retire(self, run: RunRow) -> None:
        """Keep an ended run as one of the newest; the oldest beyond the limit go."""
        ended = self._ended
        ended.append(run.id)
        while len(ended) > self._keep:
            self.occurrences.drop(self.by_id.pop(ended.popleft()))

    def forget(self, job: JobKey) -> bool:
        """Drop the runs of a job; none, and False, if one has not ended or its thread has not returned."""
        runs = [run for run in self.by_id.values() if run.job == job]
        if any(run.status.is_open or run.occupied for run in runs):
            return False
        for run in runs:
            self._ended.remove(run.id)
            del self.by_id[run.id]
            self.occurrences.drop(run)
        return True

    def rename(self, job: JobKey, renamed: JobKey) -> None:
        """Let a job's runs go by its other id."""
        for run in self.by_id.values():
            if run.job == job:
                self.occurrences.drop(run)
                run.job = renamed
                self.occurrences.add(run)

    def page(self, wanted: RunFilter, limit: int, cursor: str | None) -> Page[Run]:
        """Matching runs, newest first."""
        before = page_number(cursor) if cursor is not None else self._last_number + 1
        found: list[RunRow] = []
        for run in reversed(self.by_id.values()):
            if run.sequence < before and _matches(run, wanted):
                if len(found) == limit:
                    return Page([row.snapshot() for row in found], str(found[-1].sequence))
                found.append(run)
        return Page([row.snapshot() for row in found], None)

    def counts(self, wanted: RunFilter) -> Mapping[RunStatus, int]:
        """How many occurrences of matching runs stand in each status."""
        counts: dict[RunStatus, int] = {}
        for run in self.by_id.values():
            if _matches(run, wanted):
                counts[run.status] = counts.get(run.status, 0) + run.count
        return counts


def _matches(run: RunRow, wanted: RunFilter) -> bool:
    return (
        run.job.namespace == wanted.namespace
        and (wanted.job_id is None or run.job.id == wanted.job_id)
        and (wanted.statuses is None or run.status in wanted.statuses)
        and (wanted.since is None or run.scheduled_until >= wanted.since)
        and (wanted.until is None or run.scheduled_at < wanted.until)
    )
