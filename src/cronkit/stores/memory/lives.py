"""What becomes of runs in memory, from birth to retention: the one place that moves one."""

from collections.abc import Mapping
from datetime import datetime

from cronkit.jobs.job import JobRow
from cronkit.jobs.keys import Cause
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
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.stores.memory.catalogue import Catalogue
from cronkit.stores.memory.leases import Leases
from cronkit.stores.memory.records import RunRecords
from cronkit.stores.memory.waiting import WAITING, WaitingRuns
from cronkit.stores.notices import Notices
from cronkit.stores.protocol import Claimed, Finish, Reach

QUEUED, RUNNING, SCHEDULE = RunStatus.QUEUED, RunStatus.RUNNING, Cause.SCHEDULE
"""Names of their own: looking a member up in its enum takes 70 ns, some twenty times a fire."""
_new_tuple = tuple.__new__
"""Half of what the class's own constructor costs, 250 ns."""


class RunLives:
    """Runs that are born, wait their turn, are held by nodes and end. Its caller holds the store's lock.

    A job's *gate* are the ids of its open runs, in the order of their birth: its overlap rule looks at them.
    """

    def __init__(
        self, catalogue: Catalogue, records: RunRecords, waiting: WaitingRuns, leases: Leases, notices: Notices
    ) -> None:
        self._catalogue = catalogue
        self._jobs = catalogue.lives
        self._held = catalogue.held
        self._records = records
        self._runs = records.by_id
        self._occurrences = records.occurrences
        self._waiting = waiting
        self._leases = leases
        self._notices = notices

    # -- birth --------------------------------------------------------------------------------------------------------

    def bear(self, job: JobRow, run: RunRow, born: list[RunRow], ended: list[RunRow]) -> None:
        """Add a run, to ``born`` too, unless its occurrence has one already or its job has had its ``max_runs``; and to
        ``ended`` what that ends."""
        if self._occurrences.run_of(run) is not None:
            return
        if run.cause is SCHEDULE and is_spent(job.spec.policies, job.spawned):
            return
        born.append(run)
        if job.open and run.status is QUEUED:
            self._apply_overlap(job, run, ended)
        if run.status is not QUEUED:
            self._refuse(job, run, ended)
            return
        self._records.add(run)
        job.last_refusal = None
        if run.cause is SCHEDULE:
            job.spawned += 1
            if is_spent(job.spec.policies, job.spawned):
                job.next_at = job.next_due = None
        job.open = (*job.open, run.id)
        self.make_ready(job, run)

    def _refuse(self, job: JobRow, run: RunRow, ended: list[RunRow]) -> None:
        """Keep a run that has ended at birth, or have the refusal before it stand for it too."""
        job.counters[run.status] = job.counters.get(run.status, 0) + run.count
        run.finished_at = run.created_at
        record = self._records.extend(job.last_refusal, run)
        if record is None or not (ended and ended[-1] is record):  # else that says it already
            ended.append(run)
        if record is not None:
            return
        job.last_refusal = run.id
        self._records.add(run)
        self._notices.note_ended(run.id)
        self._records.retire(run)

    def _apply_overlap(self, job: JobRow, run: RunRow, ended: list[RunRow]) -> None:
        if is_refused(run.overlap, job.open[0]):
            run.status, run.reason, run.related_id = RunStatus.SKIPPED, OVERLAP_REASON, job.open[0]
        elif run.overlap is Overlap.CANCEL_RUNNING:
            for run_id in job.open:
                self.cancel(self._runs[run_id], SUPERSEDED_REASON, run.created_at, ended)

    # -- attempts -----------------------------------------------------------------------------------------------------

    def lease(self, now: datetime, node: str, free: Mapping[str, int], reach: Reach) -> list[Claimed]:
        """Give waiting runs to a node."""
        claimed: list[Claimed] = []
        held = self._leases.held_by(node)
        self._waiting.put_back(reach)
        namespace, targets = reach
        for executor, slots in free.items():
            while slots and (run := self._waiting.pop(executor, now)) is not None:
                job = self._jobs.get(run.job.generation)
                if job is None or job.spec.executor != executor or must_wait(run.overlap, run.id, job.open):
                    continue
                if job.spec.target not in targets or run.job.namespace != namespace:
                    self._waiting.set_aside(executor, run, job.spec.target)
                    continue
                run.move(RUNNING)
                run.fence += 1
                run.attempt += 1
                run.node = node
                run.started_at = now
                held[run.id] = run
                slots -= 1
                claimed.append(_new_tuple(Claimed, (run, job.spec, run.fence, run.attempt)))
        return claimed

    def held_by(self, node: str) -> list[Claimed]:
        """The runs that a node executes."""
        runs = [run for run in self._leases.held_by(node).values() if run.status is RUNNING]
        jobs = [self._catalogue.row_of(run.job) for run in runs]
        pairs = zip(runs, jobs, strict=True)
        return [Claimed(run, job.spec, run.fence, run.attempt) for run, job in pairs if job is not None]

    def finish(self, finish: Finish) -> Finish | None:
        """Write how an attempt ended; return that, or None if its fence is no longer the run's."""
        run = self._runs.get(finish.run_id)
        if run is None or run.fence != finish.fence:
            return None
        if run.status is not RUNNING:
            return finish if run.status is finish.status else None
        asked, run.reason = run.reason, finish.reason
        run.log, run.error = finish.log, finish.error
        run.excused += not finish.counted
        retry_at = finish.retry_at
        if retry_at is None:
            run.value, run.occupied = finish.value, finish.occupied
            self._end(run, finish.status, finish.at, finish.reason)
        elif (job := self._jobs.get(run.job.generation)) is None or run.cancel_requested:
            finish = finish.cancelled(REMOVED_REASON if job is None else asked)
            self._end(run, finish.status, finish.at, finish.reason)
        else:
            self._leases.let_go(run)
            run.move(RunStatus.RETRYING)
            run.due_at = retry_at
            self.make_ready(job, run)
        return finish

    def cancel(self, run: RunRow, reason: str, now: datetime, ended: list[RunRow]) -> None:
        """End a waiting run, and add it to ``ended``, or ask the node of a running one to."""
        if run.status is RUNNING:
            run.cancel_requested, run.reason = True, reason
            self._notices.note_cancelling()
        elif run.status.is_open:
            self._end(run, RunStatus.CANCELLED, now, reason)
            ended.append(run)

    def cancel_waiting(self, job: JobRow, reason: str, now: datetime, ended: list[RunRow]) -> None:
        """End the runs of a job that wait for their time, their turn, or a person."""
        for run_id in (*job.open, *self._held.get(job.key.generation, ())):
            if self._runs[run_id].status is not RUNNING:
                self.cancel(self._runs[run_id], reason, now, ended)

    # -- lost nodes ---------------------------------------------------------------------------------------------------

    def take_back(self, run: RunRow, now: datetime) -> bool:
        """A lost node held a run: do what the job's ``on_crash`` says. False if only its thread had not returned."""
        if run.occupied:
            self.vacate(run)
            return False
        job = self._jobs.get(run.job.generation)
        run.crashes += 1
        run.excused += 1
        if run.cancel_requested:
            self._end(run, RunStatus.CANCELLED, now, run.reason)
            return True
        status = after_crash(job.spec.policies.on_crash, run.crashes) if job else RunStatus.ABANDONED
        if not status.is_open:
            self._end(run, status, now, CRASH_REASON)
            return True
        run.move(status)
        run.reason = CRASH_REASON
        run.fence += 1
        if status is RunStatus.HELD:
            self._held.setdefault(run.job.generation, {})[run.id] = None
            self._open_gate(self._jobs.get(run.job.generation), run)
        elif job:
            run.due_at = now
            self.make_ready(job, run)
        return True

    def release(self, run: RunRow, now: datetime) -> None:
        """Let a held run wait for its turn again."""
        job = self._jobs.get(run.job.generation)
        if job is not None and self._unhold(run):
            run.move(QUEUED)
            run.due_at, run.reason = now, None
            job.open = (*job.open, run.id)
            self.make_ready(job, run)

    def _unhold(self, run: RunRow) -> bool:
        """Let a run wait for a person no longer; False if it does not."""
        held = self._held.get(run.job.generation)
        if held is None or run.id not in held:
            return False
        del held[run.id]
        if not held:
            del self._held[run.job.generation]
        return True

    # -- the end ------------------------------------------------------------------------------------------------------

    def _end(self, run: RunRow, status: RunStatus, at: datetime, reason: str | None) -> None:
        """Write the end of an open run, and let the next of its job come forward."""
        if self._held:
            self._unhold(run)
        run.move(status)
        run.finished_at = at
        run.reason = reason
        self._notices.note_ended(run.id)
        job = self._jobs.get(run.job.generation)
        counted = job or self._catalogue.row_of(run.job)
        if counted is not None:
            counted.counters[status] = counted.counters.get(status, 0) + 1
        if not run.occupied:
            self._retire(job, run)

    def vacate(self, run: RunRow) -> None:
        """An ended run's thread has returned, or its node is lost."""
        run.occupied = False
        self._retire(self._jobs.get(run.job.generation), run)

    def _retire(self, job: JobRow | None, run: RunRow) -> None:
        """Let an ended run, whose thread has returned too, out of its job's gate and into retention."""
        self._leases.let_go(run)
        self._open_gate(job, run)
        self._records.retire(run)

    # -- the gate -----------------------------------------------------------------------------------------------------

    def _open_gate(self, job: JobRow | None, run: RunRow) -> None:
        if job is None:
            return
        job.open = () if job.open == (run.id,) else tuple(run_id for run_id in job.open if run_id != run.id)
        if job.open:
            self.make_ready(job, self._runs[job.open[0]])
            if self._leases.are_several:  # a node that is alone looks for itself: ringing it costs 10 to 20 us a run
                self._notices.note_work()
        elif job.next_due is None:
            self._catalogue.note_if_over(job)

    def make_ready(self, job: JobRow, run: RunRow) -> None:
        """Let a run wait for its time, if its turn has come."""
        if run.status in WAITING and not must_wait(run.overlap, run.id, job.open):
            self._waiting.add(job.spec.executor, run)

    def make_gate_ready(self, job: JobRow) -> None:
        """As ``make_ready``, for each open run of a job that has changed."""
        for run_id in job.open:
            self.make_ready(job, self._runs[run_id])
