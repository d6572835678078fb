"""The engine: one synchronous step that does all that is due now and says when it wants to be called again.

It holds no thread and reads no clock of its own accord. Production loops it in a dedicated thread
(``engine.thread``), simulation in the caller's; both take this path.
"""

import heapq
import logging
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from cronkit.clock import Alarm, Clock
from cronkit.engine.announcer import Announcer
from cronkit.engine.planner import NewId, plan_due
from cronkit.engine.settlement import may_retry, settle
from cronkit.events import EngineFault, EventBus, StaleWriteRefused
from cronkit.executors.protocol import Executor
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.job import JobRow
from cronkit.jobs.outcome import Outcome, raised, timed_out
from cronkit.jobs.registry import Registry
from cronkit.stores.protocol import Advance, Change, Finish, JobStore

logger = logging.getLogger("cronkit.engine")

BATCH = 500
"""At most how many due jobs one step plans, so that finished runs never wait long for their turn."""
SOON = timedelta(milliseconds=5)
"""A report does not wake the engine if it wakes within this anyway: it costs a thread switch (10 to 20 us)."""
RESOLUTION = 1e-6
"""Seconds: a deadline this near has come, for ``step`` cannot ask to be called at a time between two microseconds."""
LONGEST_WAIT = 86_400.0
"""Seconds: a deadline that is further away is looked at again then, however far it is."""
SET_ASIDE = timedelta(minutes=1)
"""How long a job whose plan failed is left alone before it is looked at again."""


class Engine:
    """Claims what is due, hands it to executors, and writes down how it ended.

    ``step`` belongs to one thread; ``report``, ``progress`` and ``wake`` may be called from any.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        executors: Mapping[str, Executor],
        registry: Registry,
        bus: EventBus,
        clock: Clock,
        node: str,
        new_id: NewId,
        lease: timedelta,
        renew_every: timedelta,
    ) -> None:
        self.node = node
        self.alarm = Alarm()
        self.wake_at: datetime | None = None
        self.rings_at_once = True
        self.renew_at: datetime | None = None
        self.in_flight: dict[str, Attempt] = {}
        self.stuck: dict[str, Attempt] = {}
        self._store = store
        self._executors = executors
        self._targets = registry.targets
        self._clock = clock
        self._new_id = new_id
        self._lease = lease
        self._renew_every = renew_every
        self._announcer = Announcer(bus)
        self._settled: list[tuple[Attempt, Finish]] = []
        self._returned: list[str] = []
        self._inbox: deque[tuple[Attempt, Outcome, datetime]] = deque()
        self._progress: deque[tuple[Attempt, float, str | None, datetime]] = deque()
        self._free = {name: executor.slots for name, executor in executors.items()}
        self._deadlines: list[tuple[float, str, int]] = []
        self._claiming = True

    # -- from other threads -------------------------------------------------------------------------------------------

    def report(self, attempt: Attempt, outcome: Outcome) -> None:
        """An executor says how an attempt ended."""
        at = self._clock.now()
        self._inbox.append((attempt, outcome, at))
        if self.rings_at_once or self.wake_at is None or self.wake_at - at > SOON:
            self.alarm.ring()

    def progress(self, attempt: Attempt, fraction: float, note: str | None) -> None:
        """A target says how far it has come; kept with the next step, which this does not hasten much."""
        self._progress.append((attempt, fraction, note, self._clock.now()))
        self.alarm.ring()

    def wake(self, change: Change, detail: str | None) -> None:
        """A store says that something has changed."""
        if change is Change.CANCEL:
            self.renew_at = None
        if change is not Change.FINISHED:
            self.alarm.ring()

    @property
    def is_full(self) -> bool:
        """Whether an executor has no free slot, so that a report may let a waiting run start."""
        return not all(self._free.values())

    @property
    def has_reports(self) -> bool:
        """Whether reports wait for the next step, or their writing for the store."""
        return bool(self._inbox or self._settled or self._returned)

    # -- the step -----------------------------------------------------------------------------------------------------

    def step(self, now: datetime) -> datetime | None:
        """Do all that is due at ``now``; return when to call again at the latest, None for not before a wake."""
        try:
            ended = len(self._inbox)  # what these runs had to say before they ended is told before their end
            if self._progress:
                self._tell_progress()
            if ended or self._settled or self._returned:
                self._settle(ended)
            renew_at = self.renew_at  # read once, here and below: another thread may set it to None
            if renew_at is None or now >= renew_at:
                self._keep_lease(now)
            if self._deadlines:
                self._expire(now)
            if self._claiming:
                self._plan(now)
                self._dispatch(now)
        finally:
            self._announcer.flush()
        return self._next_wake(now)

    def stop_claiming(self) -> None:
        """From the next step on, only let what runs come to its end."""
        self._claiming = False

    def cancel_all(self, reason: str) -> None:
        """Ask the executors to cancel everything in flight."""
        for attempt in list(self.in_flight.values()):
            self._cancel(attempt, reason)

    def _settle(self, ended: int) -> None:
        """Write down how attempts ended, the ``ended`` first reports, in one transaction, and free their slots."""
        for _ in range(ended):
            attempt, outcome, at = self._inbox.popleft()
            self._free[attempt.job.executor] += 1
            run_id = attempt.run.id
            if self.stuck.get(run_id) is attempt:
                del self.stuck[run_id]
                if self.in_flight.get(run_id) is not attempt:
                    self._returned.append(run_id)
                    continue
                outcome = timed_out(attempt.job.policies.timeout or timedelta())
            if self.in_flight.get(run_id) is attempt:
                del self.in_flight[run_id]
            self._settled.append((attempt, settle(attempt, outcome, at)))
        self._write_finishes()
        if self._returned:
            self._store.release(self._returned)
            self._returned = []

    def _write_finishes(self) -> None:
        """Write what was settled; it waits here while the store is away."""
        if not self._settled:
            return
        settled = self._settled
        accepted = self._store.finish([finish for _, finish in settled])
        self._settled = []
        if not all(accepted):
            for (attempt, finish), was_accepted in zip(settled, accepted, strict=True):
                if not was_accepted:
                    logger.warning(
                        "run %s: the end of an attempt that is no longer current was refused", attempt.run.id
                    )
                    self._announcer.announce(
                        StaleWriteRefused(at=finish.at, run_id=attempt.run.id, fence=attempt.fence)
                    )
            settled = [pair for pair, was_accepted in zip(settled, accepted, strict=True) if was_accepted]
        self._announcer.finished(settled)

    def _tell_progress(self) -> None:
        while self._progress:
            attempt, fraction, note, at = self._progress.popleft()
            if self._store.report(attempt.run.id, attempt.fence, fraction, note):
                self._announcer.progressed(attempt, at, fraction, note)

    def _keep_lease(self, now: datetime) -> None:
        """Renew this node's lease, learn what was lost or is to be cancelled, and take over from lost nodes.

        It renews before it reaps, so that a node that was suspended keeps what nobody else has taken.
        """
        self.renew_at = now + self._renew_every
        try:
            renewal = self._store.renew(self.node, self._lease, now)
        except Exception:
            self.renew_at = None  # the next step tries again
            raise
        for run_id in renewal.lost:
            if run_id in self.in_flight:
                self._cancel(self.in_flight[run_id], "taken over by another node")
        for run_id, reason in renewal.cancel.items():
            attempt = self.in_flight.get(run_id)
            if attempt is not None and attempt.cancel_reason is None:
                self._cancel(attempt, reason)
        self._announcer.taken_back(self._store.reap(now), now)

    def _cancel(self, attempt: Attempt, reason: str) -> None:
        attempt.cancel_reason = reason
        self._stop(attempt)

    def _stop(self, attempt: Attempt) -> None:
        try:
            self._executors[attempt.job.executor].cancel(attempt)
        except Exception as error:
            logger.exception("run %s: executor %r could not cancel it", attempt.run.id, attempt.job.executor)
            self._announcer.announce(
                EngineFault(at=self._clock.now(), problem=f"run {attempt.run.id} could not be cancelled: {error!r}")
            )

    def _expire(self, now: datetime) -> None:
        """Stop attempts that ran past their timeout, which is measured on the clock that nobody can set."""
        reached = self._clock.monotonic() + RESOLUTION
        while self._deadlines and self._deadlines[0][0] <= reached:
            _, run_id, fence = heapq.heappop(self._deadlines)
            if self._is_running(run_id, fence):
                self._time_out(self.in_flight[run_id], now)

    def _is_running(self, run_id: str, fence: int) -> bool:
        """Whether that attempt runs and has not been timed out yet."""
        attempt = self.in_flight.get(run_id)
        return attempt is not None and attempt.fence == fence and run_id not in self.stuck

    def _time_out(self, attempt: Attempt, now: datetime) -> None:
        """Record a timeout, now or, where the run may be retried, once its thread has returned.

        A thread cannot be killed: its slot and its job's overlap gate stay taken until it returns.
        """
        executor = self._executors[attempt.job.executor]
        self.stuck[attempt.run.id] = attempt
        attempt.is_overdue = True
        if not executor.capabilities.cancels and not may_retry(attempt):
            del self.in_flight[attempt.run.id]
            finish = settle(
                attempt, timed_out(attempt.job.policies.timeout or timedelta(), executor.stack_of(attempt)), now
            )
            finish.occupied = True
            self._settled.append((attempt, finish))
            self._write_finishes()
        self._stop(attempt)

    def _plan(self, now: datetime) -> None:
        """Turn due occurrences into runs."""
        due = self._store.due_jobs(now, BATCH, self._targets)
        if due:
            advances = [self._advance(job, now) for job in due]
            self._announcer.born(self._store.claim_due(advances, now))
            self._announcer.resumed([advance.key for advance in advances if advance.wakes], now)

    def _advance(self, job: JobRow, now: datetime) -> Advance:
        try:
            return plan_due(job, now, self._new_id)
        except Exception as error:
            logger.exception("job %s: its schedule cannot be worked out; it is set aside for %s", job.key, SET_ASIDE)
            self._announcer.announce(EngineFault(at=now, problem=f"job {job.key}: {error!r}"))
            return Advance(job, job.watermark, job.next_at, now + SET_ASIDE, ())

    def _dispatch(self, now: datetime) -> None:
        """Claim as many waiting runs as there are free slots, and hand them over."""
        claimed = self._store.claim_ready(now, self.node, self._free, self._targets)
        if not claimed:
            return
        attempts: list[Attempt] = []
        for run, job, fence, number in claimed:
            attempt = Attempt(run, job, self._targets[job.target], fence, number, now, self.progress)
            self.in_flight[run.id] = attempt
            self._free[job.executor] -= 1
            if job.policies.timeout is not None:
                deadline = self._clock.monotonic() + job.policies.timeout.total_seconds()
                heapq.heappush(self._deadlines, (deadline, run.id, fence))
            attempts.append(attempt)
        for attempt in attempts:
            try:
                self._executors[attempt.job.executor].submit(attempt, self.report)
            except Exception as error:
                logger.exception("run %s: executor %r did not take it", attempt.run.id, attempt.job.executor)
                self.report(attempt, raised(error))
        self._announcer.started(attempts)  # after the start itself: a listener can wait, a job cannot

    def next_work(self, now: datetime) -> datetime | None:
        """When something will be due, may start or has to be stopped; only the lease may want a step before that."""
        wakes: list[datetime] = []
        while self._deadlines and not self._is_running(*self._deadlines[0][1:]):
            heapq.heappop(self._deadlines)
        if self._deadlines:
            seconds = max(self._deadlines[0][0] - self._clock.monotonic(), 0)
            wakes.append(now + timedelta(seconds=min(seconds, LONGEST_WAIT)))
        if self._claiming:
            wake = self._store.next_wake(self._free, self._targets)
            if wake is not None:
                wakes.append(wake)
        return min(wakes, default=None)

    def _next_wake(self, now: datetime) -> datetime | None:
        work, renew_at = self.next_work(now), self.renew_at
        return renew_at if work is None or (renew_at is not None and renew_at < work) else work
