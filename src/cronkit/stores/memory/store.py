"""``MemoryStore``: an agenda of jobs, a queue of runs, their records, and one lock. It ends with its process."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta

from cronkit.clock import utc_now
from cronkit.jobs.job import Job, JobRow, Revision
from cronkit.jobs.keys import JobKey
from cronkit.jobs.page import Page
from cronkit.jobs.rules import (
    REMOVED_REASON,
)
from cronkit.jobs.run import Run, RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.memory.agenda import Agenda
from cronkit.stores.memory.catalogue import Catalogue
from cronkit.stores.memory.leases import Leases
from cronkit.stores.memory.lives import RunLives
from cronkit.stores.memory.records import RunRecords
from cronkit.stores.memory.waiting import WaitingRuns
from cronkit.stores.notices import Notices
from cronkit.stores.protocol import (
    Advance,
    Cancelling,
    Change,
    Claim,
    Claimed,
    Due,
    Enqueued,
    Finish,
    JobFilter,
    Reach,
    RunFilter,
    Scope,
    StoreCapabilities,
    Subscriber,
    Written,
)


class MemoryStore:
    """Jobs and runs in this process's memory.

    Finished runs are kept up to ``keep_runs`` and jobs whose schedule has ended up to ``keep_ended_jobs``, the oldest
    going first; counters outlive the runs they count.
    """

    capabilities = StoreCapabilities(scope=Scope.PROCESS, durable=False, push=True)

    def __init__(self, *, keep_runs: int = 10_000, keep_ended_jobs: int = 10_000) -> None:
        self._lock = threading.RLock()
        self._catalogue = Catalogue(keep_ended_jobs)
        self._jobs = self._catalogue.lives
        self._agenda = Agenda(self._jobs)
        self._waiting = WaitingRuns()
        self._records = RunRecords(keep_runs)
        self._runs = self._records.by_id
        self._leases = Leases()
        self._notices = Notices()
        self._lives = RunLives(self._catalogue, self._records, self._waiting, self._leases, self._notices)

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
                is_new = self._catalogue.add(job)
                inserted.append(is_new)
                if is_new:
                    job.revision += 1
                    is_next = self._agenda.add(job) or is_next
        self._notices.tell(Change.WORK if is_next else None)
        return inserted

    def load(self, namespace: str, job_id: str, *, removed: bool = False) -> JobRow | None:
        """See ``JobTable``."""
        with self._lock:
            row = self._catalogue.named(namespace, job_id)
            if row is None and removed:
                row = self._catalogue.last_removed(namespace, job_id)
            return row.copy() if row is not None else None

    def save(self, job: JobRow, births: Sequence[RunRow] = ()) -> Written | None:
        """See ``JobTable``."""
        ended: list[RunRow] = []
        with self._lock:
            current = self._catalogue.current(job.key, job.revision)
            if current is None:
                return None
            job.counters, job.open, job.last_refusal = current.counters, current.open, current.last_refusal
            self._catalogue.replace(job)
            self._apply(job, births, [], ended)
            if job.spec.schedule != current.spec.schedule:
                # A record stands for occurrences of one schedule, so that they can be told from its ends; the births
                # are still the old one's.
                job.last_refusal = None
            self._lives.make_gate_ready(job)
            written = Written(_as_they_stand(ended))
        self._notices.tell(Change.WORK)
        return written

    def rename(self, job: JobRow, job_id: str) -> bool:
        """See ``JobTable``."""
        with self._lock:
            current = self._catalogue.current(job.key, job.revision)
            if current is None or self._catalogue.named(job.key.namespace, job_id) is not None:
                return False
            before = current.key
            self._catalogue.rename(current, job_id)
            self._records.rename(before, current.key)
            self._apply(current, (), [], [])
        self._notices.tell(Change.WORK)
        return True

    def remove(self, job: JobRow, births: Sequence[RunRow] = (), now: datetime | None = None) -> Written | None:
        """See ``JobTable``."""
        now = now or utc_now()
        ended: list[RunRow] = []
        with self._lock:
            row = self._catalogue.current(job.key, job.revision)
            if row is None:
                return None
            for run in births:
                self._lives.bear(row, run, [], ended)
            self._lives.cancel_waiting(row, REMOVED_REASON, now, ended)
            row.revision += 1
            row.removed_at, row.noted = now, job.noted
            self._catalogue.remove(row)
            written = Written(_as_they_stand(ended))
        self._notices.tell()
        return written

    def purge(self, namespace: str, job_id: str) -> int:
        """See ``JobTable``."""
        with self._lock:
            removed = self._catalogue.removed_lives(namespace, job_id)
            gone = [key for key in removed if self._records.forget(key)]
            for key in gone:
                self._catalogue.forget(key)
        return len(gone)

    def jobs(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page[Job]:
        """See ``JobTable``."""
        with self._lock:
            return self._catalogue.page(wanted, limit, cursor)

    def history(self, key: JobKey) -> tuple[Revision, ...]:
        """See ``JobTable``."""
        with self._lock:
            row = self._catalogue.row_of(key)
            return row.noted if row is not None else ()

    def target_names(self, namespace: str) -> frozenset[str]:
        """See ``JobTable``."""
        with self._lock:
            return frozenset(row.spec.target for row in self._jobs.values() if row.key.namespace == namespace)

    def _apply(self, job: JobRow, births: Iterable[RunRow], born: list[RunRow], ended: list[RunRow]) -> None:
        """Bear the runs that a change to ``job`` causes, and have the job looked at when it is next due."""
        job.revision += 1
        for run in births:
            self._lives.bear(job, run, born, ended)
        self._agenda.add(job)
        if job.next_due is None:
            self._catalogue.note_if_over(job)

    # -- occurrences --------------------------------------------------------------------------------------------------

    def due_jobs(self, now: datetime | None, limit: int, reach: Reach) -> Due:
        """See ``RunQueue``."""
        now = now or utc_now()
        with self._lock:
            # Copies: another node may advance them while this one plans.
            return Due(now, [job.to_plan() for job in self._agenda.take(now, limit, reach)])

    def claim(
        self,
        advances: Sequence[Advance],
        now: datetime | None,
        node: str,
        free: Mapping[str, int],
        reach: Reach,
    ) -> Claim:
        """See ``RunQueue``."""
        now = now or utc_now()
        born: list[RunRow] = []
        ended: list[RunRow] = []
        stale: list[Advance] = []
        with self._lock:
            for advance in advances:
                job = self._jobs.get(advance.key.generation)
                if job is not None and job.revision == advance.revision:
                    self._advance(job, advance, now, born, ended)
                else:
                    stale.append(advance)
            claimed = self._lives.lease(now, node, free, reach)
            if ended:  # seldom
                ended = _as_they_stand(ended)
        self._notices.tell()
        return Claim(born, claimed, ended, stale)

    def _advance(self, job: JobRow, advance: Advance, now: datetime, born: list[RunRow], ended: list[RunRow]) -> None:
        job.watermark, job.next_at, job.next_due = advance.watermark, advance.next_at, advance.next_due
        if advance.wakes:
            job.pause = None
            job.record("resumed", now, None)
        self._apply(job, advance.births, born, ended)

    def enqueue(self, run: RunRow) -> Enqueued | None:
        """See ``RunQueue``."""
        ended: list[RunRow] = []
        with self._lock:
            known = self._records.occurrences.run_of(run)
            if known is not None:
                return Enqueued(self._runs[known], ended)
            job = self._jobs.get(run.job.generation)
            if job is None or job.key != run.job:
                return None
            self._lives.bear(job, run, [], ended)
            enqueued = Enqueued(run, _as_they_stand(ended))
        self._notices.tell(Change.WORK)
        return enqueued

    # -- runs ---------------------------------------------------------------------------------------------------------

    def held_by(self, node: str) -> list[Claimed]:
        """See ``RunQueue``."""
        with self._lock:
            return self._lives.held_by(node)

    def finish(self, finishes: Sequence[Finish]) -> list[Finish | None]:
        """See ``RunQueue``."""
        with self._lock:
            written = [self._lives.finish(finish) for finish in finishes]
        self._notices.tell()
        return written

    def vacate(self, run_ids: Sequence[str]) -> None:
        """See ``RunQueue``."""
        with self._lock:
            for run_id in run_ids:
                run = self._runs.get(run_id)
                if run is not None and run.occupied:
                    self._lives.vacate(run)
        self._notices.tell(Change.WORK)

    def release(self, run_id: str, now: datetime | None) -> RunStatus | None:
        """See ``RunQueue``."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is not None:
                self._lives.release(run, now or utc_now())
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

    def request_cancel(self, run_id: str, reason: str, now: datetime | None) -> Cancelling | None:
        """See ``RunQueue``."""
        ended: list[RunRow] = []
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                return None
            self._lives.cancel(run, reason, now or utc_now(), ended)
            answer = Cancelling(run.status, _as_they_stand(ended))
        self._notices.tell(Change.WORK)
        return answer

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
                if run_id not in mine or (mine[run_id].status, mine[run_id].fence) != (RunStatus.RUNNING, fence)
            )

    def leave(self, node: str) -> None:
        """See ``RunQueue``."""
        with self._lock:
            self._leases.leave(node)

    def reap(self, now: datetime | None) -> list[RunRow]:
        """See ``RunQueue``."""
        now = now or utc_now()
        with self._lock:
            taken = _as_they_stand(run for run in self._leases.expire(now) if self._lives.take_back(run, now))
        self._notices.tell()
        return taken

    def next_wake(self, free: Mapping[str, int], reach: Reach) -> datetime | None:
        """See ``RunQueue``."""
        with self._lock:
            self._waiting.put_back(reach)
            job_due = self._agenda.first_due(reach)
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


def _as_they_stand(runs: Iterable[RunRow]) -> list[RunRow]:
    """Copies: before the caller has told of them, a record may come to stand for more, and a run may go on."""
    return [copy(run) for run in runs]
