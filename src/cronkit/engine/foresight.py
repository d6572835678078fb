"""Plans what is due next a moment before it is due, so that it has then only to be claimed and handed over."""

from datetime import datetime

from cronkit.engine.backlog import Planned, planned
from cronkit.engine.planner import NewId, is_timeless, plan_due
from cronkit.stores.protocol import JobStore, Reach

MOST = 100
"""At most how many jobs are planned ahead: the first to start of a larger batch; the rest take longer than that."""


class Foresight:
    """The advances of jobs that are due at one instant to come. Nothing starts early: they are for a claim after it.

    It looks at jobs alone whose plan is the same whenever it is made (``is_timeless``); if one that is due is not of
    that kind, it leaves all to the step. What changes between the look and the claim, the claim refuses: an advance
    names the revision of the job that it was planned for.
    """

    def __init__(self, store: JobStore, new_id: NewId) -> None:
        self._store = store
        self._new_id = new_id
        self._at: datetime | None = None
        self._planned: list[Planned] = []

    def look(self, at: datetime, reach: Reach) -> None:
        """Plan what will be due at ``at``."""
        self._at = None
        due = self._store.due_jobs(at, MOST, reach)
        if all(map(is_timeless, due.jobs)):
            self._planned = [planned(job, plan_due(job, due.at, self._new_id)) for job in due.jobs]
            self._at = at

    def take(self, now: datetime) -> list[Planned]:
        """What was planned for an instant that has come; nothing if more has come due by then than was planned."""
        if self._at is None or now < self._at:
            return []
        self._at = None
        if any(advance.next_due is not None and advance.next_due <= now for _, advance in self._planned):
            return []
        for _, advance in self._planned:
            for run in advance.births:
                run.created_at = now
        return self._planned
