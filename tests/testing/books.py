"""The accountant: works out by itself which occurrences a job had, and compares them with what the ledger holds."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cronkit import Job, Run, RunStatus, Schedule, Scheduler
from cronkit.jobs.keys import Cause, JobKey
from cronkit.testing import Simulation

INSTANT = timedelta(microseconds=1)
REFUSALS = {RunStatus.SKIPPED, RunStatus.MISSED, RunStatus.COALESCED}
JUST_PAST = timedelta(minutes=1)


class Segment:
    """A stretch of a job's life under one schedule: its occurrences from ``since`` on are the job's."""

    def __init__(self, job: Job, since: datetime) -> None:
        self.schedule = job.schedule
        self.pause = job.pause
        self.since = since
        self.until: datetime | None = None
        self.rows: list[str] = []


class Books:
    """Follows jobs from outside: which schedule each had when, and which rows appeared meanwhile."""

    def __init__(self, scheduler: Scheduler, sim: Simulation) -> None:
        self._scheduler = scheduler
        self._sim = sim
        self._lives: dict[JobKey, list[Segment]] = {}
        self._booked: set[str] = set()
        self._delay: dict[JobKey, timedelta] = {}

    @property
    def now(self) -> datetime:
        return self._sim.now.astimezone(UTC)

    def open_life(self, job: Job) -> None:
        self._lives[job.key] = [Segment(job, self._since(job.schedule, self.now))]

    def book(self) -> None:
        """Give each new row to the schedule that its job has now."""
        for run in self._sim.runs():
            if run.cause is Cause.SCHEDULE and run.id not in self._booked:
                self._booked.add(run.id)
                self._lives[run.job][-1].rows.append(run.id)
        for job in self._scheduler.jobs():
            delay = job.policies.spread + job.policies.jitter
            self._delay[job.key] = max(delay, self._delay.get(job.key, delay))

    def close_segment(self, job: Job) -> None:
        """The job's schedule ends: by a change, which ``open_segment`` follows, or with the job."""
        self.book()
        segment, covered = self._lives[job.key][-1], self._last_covered(job.key)
        if self.is_spent(job):
            segment.until = covered
        elif segment.until is None:
            segment.until = self.now if covered is None else max(self.now, covered)

    def is_spent(self, job: Job) -> bool:
        """Whether the job has had as many runs as it may: it has no more occurrences then."""
        limit = job.policies.max_runs
        return (
            limit is not None and sum(_was_queued(run) for run in self._sim.runs(job.id) if run.job == job.key) >= limit
        )

    def open_segment(self, job: Job) -> None:
        """The job has another schedule, which counts from now; time that is accounted for is never gone over again."""
        segments, covered = self._lives[job.key], self._last_covered(job.key)
        since = max(self._since(job.schedule, self.now), segments[-1].since)
        if covered is not None:
            since = max(since, covered + INSTANT)
        segments.append(Segment(job, since))

    @staticmethod
    def _since(schedule: Schedule, now: datetime) -> datetime:
        one_shot = len(getattr(schedule, "instants", ())) == 1
        return now - JUST_PAST if one_shot else now

    def _last_covered(self, key: JobKey) -> datetime | None:
        return max((run.scheduled_until for run in self._sim.runs() if _is_occurrence(run, key)), default=None)

    # -- the audit ----------------------------------------------------------------------------------------------------

    def audit(self) -> None:
        """Every occurrence of every job is in the ledger exactly once, and the counters agree with it."""
        self.book()
        rows = {run.id: run for run in self._sim.runs()}
        self._audit_keys(list(rows.values()))
        for key, segments in self._lives.items():
            job = self._living(key)
            covered: Counter[datetime] = Counter()
            owed: set[datetime] = set()
            for segment in segments:
                for run_id in segment.rows:
                    covered.update(_expand(rows[run_id], segment.schedule))
                owed.update(self._owed(key, segment, segments[-1] is segment, job))
            twice = sorted(instant for instant, count in covered.items() if count > 1)
            assert not twice, f"{key}: accounted for twice: {twice}"
            assert covered.keys() == owed, (
                f"{key}: lost {sorted(owed - covered.keys())}, made up {sorted(covered.keys() - owed)}"
            )
            if job is not None:
                assert job.watermark >= max(covered, default=job.watermark), f"{key}: forgets how far it has come"
                self._audit_counters(job, rows.values())

    def _living(self, key: JobKey) -> Job | None:
        for job in self._scheduler.jobs(limit=1000):
            if job.key == key:
                return job
        return None

    def _owed(self, key: JobKey, segment: Segment, is_last: bool, job: Job | None) -> tuple[datetime, ...]:
        """The occurrences that the ledger has to hold by now."""
        until = segment.until
        if until is None:
            assert is_last
            assert job is not None
            until = self._due_until(key, segment, job)
        return tuple(each.astimezone(UTC) for each in segment.schedule.between(segment.since, until + INSTANT))

    def _due_until(self, key: JobKey, segment: Segment, job: Job) -> datetime:
        """Up to when a living job owes its occurrences; how far it has come where that is its own affair."""
        covered = self._last_covered(key)
        owes_until = self.now
        if self.is_spent(job):
            owes_until = segment.since - INSTANT
        elif job.pause is not None:  # what comes under a pause is accounted for when it ends
            began_paused = segment.pause is not None and segment.pause.since == job.pause.since
            owes_until = segment.since - INSTANT if began_paused else job.pause.since
        owes_until -= self._delay[key]  # the longest it ever had: what waits may wait under an older policy
        return owes_until if covered is None else max(owes_until, covered)

    @staticmethod
    def _audit_counters(job: Job, rows: Iterable[Run]) -> None:
        counted: Counter[RunStatus] = Counter()
        for run in rows:
            if run.job == job.key and not run.status.is_open:
                counted[run.status] += run.count
        assert counted == Counter(job.counters), f"{job.key}: the counters disagree with the ledger"

    @staticmethod
    def _audit_keys(rows: list[Run]) -> None:
        keys = Counter(run.key for run in rows)
        assert max(keys.values(), default=1) == 1, "one occurrence has two records"
        dangling = {run.related_id for run in rows} - {run.id for run in rows} - {None}
        assert not dangling, f"records name runs that there are not: {dangling}"


def _is_occurrence(run: Run, key: JobKey) -> bool:
    return run.job == key and run.cause is Cause.SCHEDULE


def _was_queued(run: Run) -> bool:
    return run.cause is Cause.SCHEDULE and (run.attempt > 0 or run.status not in REFUSALS)


def _expand(run: Run, schedule: Schedule) -> tuple[datetime, ...]:
    """The occurrences that a record stands for."""
    found = tuple(each.astimezone(UTC) for each in schedule.between(run.scheduled_at, run.scheduled_until + INSTANT))
    assert len(found) == run.count, f"{run} stands for {len(found)} occurrences"
    assert found[0] == run.scheduled_at
    assert found[-1] == run.scheduled_until
    return found
