"""Which run each occurrence has."""

from datetime import datetime

from cronkit.jobs.keys import Cause, JobKey, OccurrenceKey
from cronkit.jobs.run import RunRow

SCHEDULE = Cause.SCHEDULE


class Occurrences:
    """The id of the one run of each occurrence.

    Those of the schedule, nearly all, lie in a dict for each job, by instant: it holds nothing that the garbage
    collector follows, so that it does not follow the dict either. An ``OccurrenceKey`` for each would be every second
    object that a fire leaves behind, and a full collection comes after so and so many of them: 1.6 us of CPU a fire.
    """

    def __init__(self) -> None:
        self._by_instant: dict[JobKey, dict[datetime, str]] = {}
        self._by_key: dict[OccurrenceKey, str] = {}

    def run_of(self, run: RunRow) -> str | None:
        """The id of the run that has the occurrence of ``run`` already."""
        if run.cause is not SCHEDULE:
            return self._by_key.get(run.key)
        by_instant = self._by_instant.get(run.job)
        return None if by_instant is None else by_instant.get(run.scheduled_at)

    def add(self, run: RunRow) -> None:
        """Let a run have its occurrence."""
        if run.cause is not SCHEDULE:
            self._by_key[run.key] = run.id
            return
        by_instant = self._by_instant.get(run.job)
        if by_instant is None:
            by_instant = self._by_instant[run.job] = {}
        by_instant[run.scheduled_at] = run.id

    def drop(self, run: RunRow) -> None:
        """Forget the occurrence of a run."""
        if run.cause is not SCHEDULE:
            del self._by_key[run.key]
            return
        by_instant = self._by_instant[run.job]
        del by_instant[run.scheduled_at]
        if not by_instant:
            del self._by_instant[run.job]
