"""``MemoryStore``: an agenda of jobs, a queue of runs, their records, and one lock. It ends with its process."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from cronkit.clock import utc_now
from cronkit.jobs.job import Job, JobRow, Revision
from cronkit.jobs.keys import Cause, JobKey
from cronkit.jobs.page import Page
from cronkit.jobs.policies import Overlap
from cronkit.jobs.rules import (
    CRASH_REASON,
    OVERLAP_REASON,
    REMOVED_REASON,
    SUPERSEDED_REASON,
    after_crash,
    is_refused,
    is_spent,
    must_wait,
)
from cronkit.jobs.run import Run, RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.memory.agenda import Agenda
from cronkit.stores.memory.catalogue import Catalogue
from cronkit.stores.memory.leases import Leases
from cronkit.stores.memory.notices import Notices
from cronkit.stores.memory.records import RunRecords
from cronkit.stores.memory.waiting import WAITING, WaitingRuns
from cronkit.stores.protocol import (
    Advance,
    Change,
    Claim,
    Claimed,
    Finish,
    JobFilter,
    RunFilter,
    Scope,
    StoreCapabilities,
    Subscriber,
)

QUEUED, RUNNING, SCHEDULE = RunStatus.QUEUED, RunStatus.RUNNING, Cause.SCHEDULE
"""Names of their own: looking a member up in its enum takes 80 ns, some twenty times a fire."""


class MemoryStore:
    """Jobs and runs in this process's memory.

    Finished runs are kept up to ``keep_runs`` and jobs whose schedule has ended up to ``keep_ended_jobs``, the oldest
    going first; counters outlive the runs they count.
    """

    capabilities = StoreCapabilities(scope=Scope.PROCESS, durable=False, push=True)

    def __init__(self, *, keep_runs: int = 10_000, keep_ended_jobs: int = 10_000) -> None:
        self._lock = threading.RLock()
        self._catalogue = Catalogue(keep_ended_jobs)
        self._by_key = self._catalogue.by_key
        self._agenda = Agenda()
        self._waiting = WaitingRuns()
        self._records = RunRecords(keep_runs)
        self._runs = self._records.by_id
        self._held: dict[str, RunRow] = {}
        self._leases = Leases()
        self._notices = Notices()

    def open(self) -> None:
        """Nothing to connect to."""

    def close(self) -> None:
        """Nothing to let go of: the content stays as long as the object."""

    # -- jobs ---------------------------------------------------------------------------------------------------------

    def insert(self, jobs: Sequence[JobRow]) -> list[bool]:
        """See ``JobTable``."""
        inserted: list[bool] = []
        is_next = False
        with self._lock:
            for job in jobs:
                inserted.append(self._catalogue.add(job))
                if inserted[-1]:
                    self._apply(job, ())
                    is_next = is_next or self._agenda.is_first(job)
        self._notices.tell(Change.WORK if is_next else None)
        return inserted

    def load(self, namespace: str, job_id: str, *, removed: bool = False) -> JobRow | None:
        """See ``JobTable``."""
        with self._lock:
            row = self._catalogue.by_name.get((namespace, job_id))
            if row is None and removed:
                row = self._catalogue.last_removed(namespace, job_id)
            return row.copy() if row is not None else None

    def save(self, job: JobRow, births: Sequence[RunRow] = ()) -> bool:
        """See ``JobTable``."""
        with self._lock:
            current = self._catalogue.current(job.key, job.revision)
            if current is None:
                return False
            job.counters, job.open, job.last_refusal = current.counters, current.open, current.last_refusal
            self._catalogue.replace(current, job)
            self._apply(job, births)
            if job.spec.schedule != current.spec.schedule:
                # A record stands for occurrences of one schedule, so that they can be told from its ends; the births
                # are still the old one's.
                job.last_refusal = None
            for run_id in job.open:
                self._make_ready(job, self._runs[run_id])
        self._notices.tell(Change.WORK)
        return True

    def rename(self, job: JobRow, job_id: str) -> bool:
        """See ``JobTable``."""
        with self._lock:
            current = self._catalogue.current(job.key, job.revision)
            if current is None or (job.key.namespace, job_id) in self._catalogue.by_name:
                return False
            before = current.key
            self._catalogue.rename(current, job_id)
            self._records.rename(before, current.key)
            self._apply(current, ())
        self._notices.tell(Change.WORK)
        return True

    def remove(self, job: JobRow, births: Sequence[RunRow] = (), now: datetime | None = None) -> bool:
        """See ``JobTable``."""
        now = now or utc_now()
        with self._lock:
            row = self._catalogue.current(job.key, job.revision)
            if row is None:
                return False
            for run in births:
                self._bear(row, run)
            held = [run.id for run in self._held.values() if run.job == row.key]
            for run_id in (*row.open, *held):
                if self._runs[run_id].status is not RUNNING:
                    self._cancel(self._runs[run_id], REMOVED_REASON, now)
            row.removed_at = now
            self._catalogue.remove(row)
        self._notices.tell()
        return True

    def purge(self, namespace: str, job_id: str) -> int:
        """See ``JobTable``."""
        with self._lock:
            gone = self._catalogue.purge(namespace, job_id)
            for key in gone:
                self._records.forget(key)
        return len(gone)

    def jobs(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page[Job]:
        """See ``JobTable``."""
        with self._lock:
            return self._catalogue.page(wanted, limit, cursor)

    def history(self, key: JobKey) -> tuple[Revision, ...]:
        """See ``JobTable``."""
        with self._lock:
            row = self._job(key)
            return row.noted if row is not None else ()

    def target_names(self) -> frozenset[str]:
        """See ``JobTable``."""
        with self._lock:
            return frozenset(row.spec.target for row in self._by_key.values())

    def _job(self, key: JobKey) -> JobRow | None:
        """The row of a job, even of a removed one."""
        return self._by_key.get(key) or self._catalogue.removed.get(key)

    def _apply(self, job: JobRow, births: Iterable[RunRow]) -> list[RunRow]:
        """Bear the runs that a change to ``job`` causes, and have the job looked at when it is next due."""
        job.revision += 1
        born = [run for run in births if self._bear(job, run)]
        self._agenda.add(job)
        return born

    # -- occurrences --------------------------------------------------------------------------------------------------

    def due_jobs(self, now: datetime | None, limit: int, targets: Collection[str]) -> list[JobRow]:
        """See ``RunQueue``."""
        now = now or utc_now()
        with self._lock:
            # Copies: another node may advance them while this one plans.
            return [job.copy() for job in self._agenda.take(now, limit, targets)]

    def claim(
        self,
        advances: Sequence[Advance],
        now: datetime | None,
        node: str,
        free: Mapping[str, int],
        targets: Collection[str],
    ) -> Claim:
        """See ``RunQueue``."""
        now = now or utc_now()
        born: list[RunRow] = []
        with self._lock:
            for advance in advances:
                job = self._by_key.get(advance.key)
                if job is not None and job.revision == advance.revision:
                    born += self._advance(job, advance, now)
            claimed = self._lease(now, node, free, targets)
        self._notices.tell()
        return Claim(born, claimed)

    def _advance(self, job: JobRow, advance: Advance, now: datetime) -> list[RunRow]:
        job.watermark, job.next_at, job.next_due = advance.watermark, advance.next_at, advance.next_due
        if advance.wakes:
            job.pause = None
            job.record("resumed", now, None)
        return self._apply(job, advance.births)

    def enqueue(self, run: RunRow) -> RunRow | None:
        """See ``RunQueue``."""
        with self._lock:
            known = self._records.id_of.get(run.key)
            if known is not None:
                return self._runs[known]
            job = self._by_key.get(run.job)
            if job is None:
                return None
            self._bear(job, run)
        self._notices.tell(Change.WORK)
        return run

    def _bear(self, job: JobRow, run: RunRow) -> bool:
        """Add a newborn run; False if its occurrence has one already, or its job has had its ``max_runs``."""
        key = run.key
        if key in self._records.id_of or (run.cause is SCHEDULE and is_spent(job.spec.policies, job.spawned)):
            return False
        if job.open and run.status is QUEUED:
            self._apply_overlap(job, run)
        if run.status is not QUEUED:
            job.counters[run.status] = job.counters.get(run.status, 0) + run.count
            run.finished_at = run.created_at
            if self._records.extend(job.last_refusal, run):
                return True
            job.last_refusal = run.id
        self._records.add(key, run)
        if run.status is QUEUED:
            job.last_refusal = None
            if run.cause is SCHEDULE:
                job.spawned += 1
                if is_spent(job.spec.policies, job.spawned):
                    job.next_at = job.next_due = None
            job.open = (*job.open, run.id)
            self._make_ready(job, run)
        else:
            self._notices.note_ended(run.id)
            self._records.retire(run)
        return True

    def _apply_overlap(self, job: JobRow, run: RunRow) -> None:
        if is_refused(run.overlap, job.open[0]):
            run.status, run.reason, run.related_id = RunStatus.SKIPPED, OVERLAP_REASON, job.open[0]
        elif run.overlap is Overlap.CANCEL_RUNNING:
            for run_id in job.open:
                self._cancel(self._runs[run_id], SUPERSEDED_REASON, run.created_at)

    # -- runs ---------------------------------------------------------------------------------------------------------

    def _lease(self, now: datetime, node: str, free: Mapping[str, int], targets: Collection[str]) -> list[Claimed]:
        """Give waiting runs to a node."""
        claimed: list[Claimed] = []
        held = self._leases.held_by(node)
        self._waiting.resolve(targets)
        for executor, slots in free.items():
            while slots and (run := self._waiting.pop(executor, now)) is not None:
                job = self._by_key.get(run.job)
                if job is None or job.spec.executor != executor or must_wait(run.overlap, run.id, job.open):
                    continue
                if job.spec.target not in targets:
                    self._waiting.set_aside(executor, run, job.spec.target)
                    continue
                run.move(RUNNING)
                run.fence += 1
                run.attempt += 1
                run.node = node
                run.started_at = now
                held[run.id] = run
                slots -= 1
                claimed.append(Claimed(run, job.spec, run.fence, run.attempt))
        return claimed

    def held_by(self, node: str) -> list[Claimed]:
        """See ``RunQueue``."""
        with self._lock:
            runs = [run for run in self._leases.held_by(node).values() if run.status is RUNNING]
            jobs = [self._job(run.job) for run in runs]
            pairs = zip(runs, jobs, strict=True)
            return [Claimed(run, job.spec, run.fence, run.attempt) for run, job in pairs if job is not None]

    def finish(self, finishes: Sequence[Finish]) -> list[bool]:
        """See ``RunQueue``."""
        accepted: list[bool] = []
        with self._lock:
            for finish in finishes:
                run = self._runs.get(finish.run_id)
                accepted.append(run is not None and self._finish(run, finish))
        self._notices.tell()
        return accepted

    def _finish(self, run: RunRow, finish: Finish) -> bool:
        if run.fence != finish.fence:
            return False
        if run.status is not RUNNING:
            return run.status is finish.status
        asked, run.reason = run.reason, finish.reason
        run.log, run.error = finish.log, finish.error
        run.excused += not finish.counted
        if finish.retry_at is None:
            run.value, run.occupied = finish.value, finish.occupied
            self._end(run, finish.status, finish.at, finish.reason)
        elif (job := self._by_key.get(run.job)) is None:
            self._end(run, RunStatus.CANCELLED, finish.at, REMOVED_REASON)
        elif run.cancel_requested:
            self._end(run, RunStatus.CANCELLED, finish.at, asked)
        else:
            self._leases.let_go(run)
            run.move(RunStatus.RETRYING)
            run.due_at = finish.retry_at
            self._make_ready(job, run)
        return True

    def vacate(self, run_ids: Sequence[str]) -> None:
        """See ``RunQueue``."""
        with self._lock:
            for run_id in run_ids:
                run = self._runs.get(run_id)
                if run is not None and run.occupied:
                    self._vacate(run)
        self._notices.tell(Change.WORK)

    def release(self, run_id: str, now: datetime | None) -> RunStatus | None:
        """See ``RunQueue``."""
        with self._lock:
            run = self._runs.get(run_id)
            job = None if run is None else self._by_key.get(run.job)
            if run is not None and job is not None and self._held.pop(run_id, None) is not None:
                run.move(QUEUED)
                run.due_at, run.reason = now or utc_now(), None
                job.open = (*job.open, run.id)
                self._make_ready(job, run)
        self._notices.tell(Change.WORK)
        return None if run is None else run.status

    def report(self, run_id: str, fence: int, fraction: float, note: str | None) -> bool:
        """See ``RunQueue``."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None or run.fence != fence or run.status is not RunStatus.RUNNING:
                return False
            run.progress, run.progress_note = fraction, note
            return True

    def request_cancel(self, run_id: str, reason: str, now: datetime | None) -> RunStatus | None:
        """See ``RunQueue``."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                return None
            self._cancel(run, reason, now or utc_now())
            status = run.status
        self._notices.tell(Change.WORK)
        return status

    def _cancel(self, run: RunRow, reason: str, now: datetime) -> None:
        if run.status is RUNNING:
            run.cancel_requested, run.reason = True, reason
            self._notices.note_cancelling()
        elif run.status.is_open:
            self._end(run, RunStatus.CANCELLED, now, reason)

    def cancel_requests(self, node: str) -> Mapping[str, str]:
        """See ``RunQueue``."""
        with self._lock:
            return {
                run.id: run.reason or "cancelled"
                for run in self._leases.held_by(node).values()
                if run.cancel_requested and not run.occupied
            }

    def renew(self, node: str, held: Mapping[str, int], lease: timedelta, now: datetime | None) -> frozenset[str]:
        """See ``RunQueue``."""
        with self._lock:
            self._leases.renew(node, lease, now or utc_now())
            mine = self._leases.held_by(node)
            return frozenset(
                run_id
                for run_id, fence in held.items()
                if run_id not in mine or (mine[run_id].status, mine[run_id].fence) != (RUNNING, fence)
            )

    def leave(self, node: str) -> None:
        """See ``RunQueue``."""
        with self._lock:
            self._leases.leave(node)

    def reap(self, now: datetime | None) -> list[RunRow]:
        """See ``RunQueue``."""
        now = now or utc_now()
        taken: list[RunRow] = []
        with self._lock:
            for run in self._leases.expire(now):
                if run.occupied:
                    self._vacate(run)
                else:
                    self._take_back(run, now)
                    taken.append(run)
        self._notices.tell()
        return taken

    def _take_back(self, run: RunRow, now: datetime) -> None:
        job = self._by_key.get(run.job)
        run.crashes += 1
        run.excused += 1
        if run.cancel_requested:
            self._end(run, RunStatus.CANCELLED, now, run.reason)
            return
        status = after_crash(job.spec.policies.on_crash, run.crashes) if job else RunStatus.ABANDONED
        if not status.is_open:
            self._end(run, status, now, CRASH_REASON)
            return
        run.move(status)
        run.reason = CRASH_REASON
        run.fence += 1
        if status is RunStatus.HELD:
            self._held[run.id] = run
            self._open_gate(run)
        elif job:
            run.due_at = now
            self._make_ready(job, run)

    def _end(self, run: RunRow, status: RunStatus, at: datetime, reason: str | None) -> None:
        """Write the end of an open run, and let the next of its job come forward."""
        run.move(status)
        run.finished_at = at
        run.reason = reason
        self._held.pop(run.id, None)
        self._notices.note_ended(run.id)
        job = self._job(run.job)
        if job is not None:
            job.counters[status] = job.counters.get(status, 0) + 1
        if not run.occupied:
            self._retire(run)

    def _vacate(self, run: RunRow) -> None:
        """An ended run's thread has returned, or its node is lost."""
        run.occupied = False
        self._retire(run)

    def _retire(self, run: RunRow) -> None:
        """Let an ended run, whose thread has returned too, out of its job's gate and into retention."""
        self._leases.let_go(run)
        self._open_gate(run)
        self._records.retire(run)

    # -- the gate -----------------------------------------------------------------------------------------------------

    def _open_gate(self, run: RunRow) -> None:
        job = self._by_key.get(run.job)
        if job is None:
            return
        job.open = () if job.open == (run.id,) else tuple(run_id for run_id in job.open if run_id != run.id)
        if job.open:
            self._make_ready(job, self._runs[job.open[0]])
            if self._leases.are_several:  # a node that is alone looks for itself: ringing it costs 10 to 20 us a run
                self._notices.note_work()
        elif job.next_due is None and run.cause is SCHEDULE and job.pause is None:
            self._catalogue.note_ended(job)

    def _make_ready(self, job: JobRow, run: RunRow) -> None:
        if run.status in WAITING and not must_wait(run.overlap, run.id, job.open):
            self._waiting.add(job.spec.executor, run)

    def next_wake(self, free: Mapping[str, int], targets: Collection[str]) -> datetime | None:
        """See ``RunQueue``."""
        with self._lock:
            self._waiting.resolve(targets)
            job_due = self._agenda.first_due(targets)
            run_due = self._waiting.first_due(free)
        if job_due is None or run_due is None:
            return run_due if job_due is None else job_due
        return min(job_due, run_due)

    # -- the ledger ---------------------------------------------------------------------------------------------------

    def run(self, run_id: str) -> Run | None:
        """See ``LedgerTable``."""
        with self._lock:
            row = self._runs.get(run_id)
            return row.snapshot() if row is not None else None

    def runs(self, wanted: RunFilter, *, limit: int, cursor: str | None) -> Page[Run]:
        """See ``LedgerTable``."""
        with self._lock:
            return self._records.page(wanted, limit, cursor)

    def counts(self, namespace: str, job_id: str | None = None) -> Mapping[RunStatus, int]:
        """See ``LedgerTable``."""
        with self._lock:
            return self._records.counts(RunFilter(namespace=namespace, job_id=job_id))

    def prune(self, now: datetime | None, limit: int) -> int:
        """Nothing: what retention does not keep goes as soon as it has ended."""
        return 0

    def now(self) -> datetime:
        """See ``JobStore``."""
        return utc_now()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """See ``RunQueue``."""
        return self._notices.subscribe(subscriber)
