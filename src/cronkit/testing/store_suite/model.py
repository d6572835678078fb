"""What a store has to do, said as simply as can be: two dictionaries, searched from end to end each time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cronkit.jobs.keys import Cause, JobKey, OccurrenceKey
from cronkit.jobs.policies import CRASH_RERUNS, OnCrash, Overlap
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Finish

WAITING = {RunStatus.QUEUED, RunStatus.RETRYING}


@dataclass(slots=True, kw_only=True)
class ModelJob:
    """A job: its policies, where its schedule stands, and its open runs in the order of their birth."""

    key: JobKey
    overlap: Overlap
    on_crash: OnCrash
    max_runs: int | None
    executor: str
    next_at: datetime | None
    spawned: int = 0
    open: list[str] = field(default_factory=list)
    counters: Counter[RunStatus] = field(default_factory=Counter)
    last_refusal: str | None = None


@dataclass(slots=True, kw_only=True)
class ModelRun:
    """A run, and under which claim it stands."""

    id: str
    job: JobKey
    cause: Cause
    status: RunStatus
    due_at: datetime
    until: datetime
    count: int = 1
    reason: str | None = None
    related: str | None = None
    attempt: int = 0
    crashes: int = 0
    excused: int = 0
    node: str | None = None
    claim: int | None = None
    progress: float | None = None
    cancel: bool = False
    occupied: bool = False


class StoreModel:
    """The state that a store is to be in; each verb changes it as the store's verb of that name should."""

    def __init__(self) -> None:
        self.jobs: dict[str, ModelJob] = {}
        self.runs: dict[str, ModelRun] = {}
        self.keys: dict[OccurrenceKey, str] = {}
        self.leases: dict[str, datetime] = {}
        self._ended: list[str] = []
        self._recorded: set[str] = set()

    def job_of(self, run: ModelRun) -> ModelJob | None:
        """The run's job, unless it was removed."""
        job = self.jobs.get(run.job.id)
        return job if job is not None and job.key == run.job else None

    def due(self, now: datetime) -> list[ModelJob]:
        """The jobs that are due."""
        return [job for job in self.jobs.values() if job.next_at is not None and job.next_at <= now]

    def remove(self, job_id: str) -> None:
        """The job is gone, and what waited of it is cancelled."""
        job = self.jobs[job_id]
        for run in self.runs.values():
            if run.job == job.key and run.status.is_open and run.status is not RunStatus.RUNNING:
                self.end(run, RunStatus.CANCELLED, "job removed")
        del self.jobs[job_id]

    def advance(self, job_id: str, next_at: datetime | None, births: Sequence[RunRow]) -> int:
        """The job moves on to its next occurrence; return how many runs were born."""
        job = self.jobs[job_id]
        job.next_at = next_at
        return sum(self.bear(job, birth) for birth in births)

    def bear(self, job: ModelJob, birth: RunRow) -> bool:
        """A run is born, waiting or refused; False if it had one already, or the job has had its ``max_runs``."""
        scheduled = birth.cause is Cause.SCHEDULE
        if birth.key in self.keys or (scheduled and job.max_runs is not None and job.spawned >= job.max_runs):
            return False
        run = ModelRun(
            id=birth.id,
            job=job.key,
            cause=birth.cause,
            status=birth.status,
            due_at=birth.due_at,
            until=birth.scheduled_until,
            count=birth.count,
            reason=birth.reason,
        )
        if run.status is RunStatus.QUEUED and job.open and job.overlap is Overlap.SKIP:
            run.status, run.reason, run.related = RunStatus.SKIPPED, "overlap", job.open[0]
        if run.status is not RunStatus.QUEUED:
            self._refuse(job, run, birth.key)
            return True
        if job.overlap is Overlap.CANCEL_RUNNING:
            for other in list(job.open):
                self.cancel(self.runs[other], "superseded")
        self.runs[run.id], self.keys[birth.key] = run, run.id
        job.open.append(run.id)
        job.last_refusal = None
        job.spawned += scheduled
        if job.spawned == job.max_runs:
            job.next_at = None
        return True

    def _refuse(self, job: ModelJob, run: ModelRun, key: OccurrenceKey) -> None:
        job.counters[run.status] += run.count
        last = self.runs[job.last_refusal] if job.last_refusal else None
        if last is not None and self._is_alike(last, run):
            last.count += run.count
            last.until = run.until
            if last.id not in self._recorded:
                self._ended.append(last.id)
            return
        self._ended.append(run.id)
        self._recorded.add(run.id)
        self.runs[run.id], self.keys[key] = run, run.id
        job.last_refusal = run.id

    def _is_alike(self, last: ModelRun, run: ModelRun) -> bool:
        return last.cause is run.cause is Cause.SCHEDULE and (last.status, last.reason, last.related) == (
            run.status,
            run.reason,
            run.related,
        )

    def may_start(self, run: ModelRun, executor: str, now: datetime) -> bool:
        """Whether a run's time and turn have come."""
        job = self.job_of(run)
        return (
            job is not None
            and job.executor == executor
            and run.status in WAITING
            and run.due_at <= now
            and (job.overlap is Overlap.ALLOW or job.open[0] == run.id)
        )

    def claim(self, run_id: str, node: str, claim: int) -> None:
        """A node takes a run."""
        run = self.runs[run_id]
        run.status, run.node, run.claim = RunStatus.RUNNING, node, claim
        run.attempt += 1

    def holds(self, run_id: str, claim: int) -> bool:
        """Whether a claim is the one under which the run runs."""
        run = self.runs[run_id]
        return run.status is RunStatus.RUNNING and run.claim == claim

    def finish(self, finish: Finish, claim: int) -> RunStatus | None:
        """The holder of a claim says how its attempt ended; return what is written, None if that is refused."""
        run = self.runs[finish.run_id]
        if not self.holds(run.id, claim):
            return run.status if run.claim == claim and run.status is finish.status else None
        run.excused += not finish.counted
        if finish.retry_at is None:
            run.occupied = finish.occupied
            self.end(run, finish.status, finish.reason)
        elif self.job_of(run) is None:
            self.end(run, RunStatus.CANCELLED, "job removed")
        elif run.cancel:
            self.end(run, RunStatus.CANCELLED, run.reason)
        else:
            run.status, run.due_at, run.reason = RunStatus.RETRYING, finish.retry_at, finish.reason
        return run.status

    def end(self, run: ModelRun, status: RunStatus, reason: str | None) -> None:
        """A run comes to its end."""
        run.status, run.reason = status, reason
        self._ended.append(run.id)
        job = self.job_of(run)
        if job is not None:
            job.counters[status] += 1
        if not run.occupied:
            self.leave(run)

    def take_ended(self) -> list[str]:
        """The runs that have ended since this was last asked; an older record again, for each birth that it stands for
        besides."""
        ended, self._ended = self._ended, []
        self._recorded.clear()
        return ended

    def leave(self, run: ModelRun) -> None:
        """A run is in nobody's way any more."""
        run.occupied = False
        job = self.job_of(run)
        if job is not None and run.id in job.open:
            job.open.remove(run.id)

    def cancel(self, run: ModelRun, reason: str) -> RunStatus:
        """Somebody wants a run cancelled."""
        if run.status is RunStatus.RUNNING:
            run.cancel, run.reason = True, reason
        elif run.status.is_open:
            self.end(run, RunStatus.CANCELLED, reason)
        return run.status

    def release(self, run: ModelRun, now: datetime) -> RunStatus:
        """A held run takes its place behind the open ones."""
        job = self.job_of(run)
        if run.status is RunStatus.HELD and job is not None:
            run.status, run.reason, run.due_at = RunStatus.QUEUED, None, now
            job.open.append(run.id)
        return run.status

    def renew(self, node: str, lease: timedelta, now: datetime) -> None:
        """A node renews."""
        self.leases[node] = now + lease

    def held_by(self, node: str) -> list[ModelRun]:
        """What runs on a node."""
        return [run for run in self.runs.values() if run.node == node and run.status is RunStatus.RUNNING]

    def reap(self, now: datetime) -> set[str]:
        """The runs of the nodes whose lease has ended are taken back."""
        taken: set[str] = set()
        for node in [node for node, until in self.leases.items() if until < now]:
            del self.leases[node]
            for run in [run for run in self.runs.values() if run.node == node]:
                if run.status is RunStatus.RUNNING:
                    taken.add(run.id)
                    self._take_back(run, now)
                elif run.occupied:
                    self.leave(run)
        return taken

    def _take_back(self, run: ModelRun, now: datetime) -> None:
        job = self.job_of(run)
        run.crashes += 1
        run.excused += 1
        run.claim = None
        if run.cancel:
            self.end(run, RunStatus.CANCELLED, run.reason)
        elif job is None or job.on_crash is OnCrash.FAIL:
            self.end(run, RunStatus.ABANDONED, "node lost")
        elif job.on_crash is OnCrash.HOLD:
            run.status, run.reason = RunStatus.HELD, "node lost"
            self.leave(run)
        elif run.crashes > CRASH_RERUNS:
            self.end(run, RunStatus.ABANDONED, "node lost")
        else:
            run.status, run.reason, run.due_at = RunStatus.QUEUED, "node lost", now

    def next_wake(self, free: dict[str, int]) -> datetime | None:
        """The earliest time at which a job is due, or a run may start that has a free slot."""
        times = [job.next_at for job in self.jobs.values() if job.next_at is not None]
        times += [
            run.due_at
            for run in self.runs.values()
            for executor, slots in free.items()
            if slots and self.may_start(run, executor, run.due_at)
        ]
        return min(times, default=None)
