"""The engine: one synchronous step that does all that is due now and says when it wants to be called again.

It holds no thread and reads no clock of its own accord. Production loops it in a dedicated thread
(``engine.thread``), simulation in the caller's; both take this path.
"""

import logging
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from cronkit.clock import Alarm, Clock
from cronkit.engine.announcer import Announcer
from cronkit.engine.backlog import Backlog, planned
from cronkit.engine.clock_watch import Offset
from cronkit.engine.deadlines import Deadlines
from cronkit.engine.foresight import Foresight
from cronkit.engine.lease import Lease
from cronkit.engine.outbox import Outbox
from cronkit.engine.planner import NewId, plan_due
from cronkit.engine.settlement import may_retry, settle
from cronkit.events import EngineFault, EventBus, LeaseLost
from cronkit.executors.protocol import Executor
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.job import PlanRow
from cronkit.jobs.outcome import Outcome, raised, timed_out
from cronkit.jobs.registry import Registry
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Advance, Change, Claimed, JobStore, Reach

logger = logging.getLogger("cronkit.engine")

BATCH = 500
"""At most how many due jobs one step plans, so that finished runs never wait long for their turn."""
SOON = timedelta(milliseconds=5)
"""A report does not wake the engine if it wakes within this anyway: it costs a thread switch (10 to 20 us)."""
LONGEST_WAIT = 86_400.0
"""Seconds: a deadline that is further away is looked at again then, however far it is."""
SET_ASIDE = timedelta(minutes=1)
"""How long a job whose plan failed is left alone before it is looked at again."""
PRUNED = 500
"""At most how many ended runs one step lets go: a transaction of some milliseconds."""
NO_TIME = timedelta()
FINISHED, CANCELLED = Change.FINISHED, RunStatus.CANCELLED
TAKEN_OVER, LEASE_LOST = "taken over by another node", "lease lost"


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
        namespace: str,
        new_id: NewId,
        lease: timedelta,
        renew_every: timedelta,
    ) -> None:
        self.alarm = Alarm()
        self.wake_at: datetime | None = None
        self.rings_at_once = True
        self.look_at: datetime | None = None
        self.in_flight: dict[str, Attempt] = {}
        self.stuck: dict[str, Attempt] = {}
        self.lease = Lease(store, clock, node, lease, self.in_flight)
        self.is_lease_kept = self.has_started = False
        self._store = store
        self._executors = executors
        self._targets = registry.targets
        self._reach = Reach(namespace, registry.targets)
        self._clock = clock
        self._new_id = new_id
        self._renew_every = renew_every
        self._announcer = Announcer(bus)
        self._outbox = Outbox(store, self._announcer)
        self._foresight = Foresight(store, new_id)
        self._backlog = Backlog(clock)
        self._returned: list[str] = []
        self._inbox: deque[tuple[Attempt, Outcome, datetime]] = deque()
        self._progress: deque[tuple[Attempt, float, str | None, datetime]] = deque()
        self._lost: deque[tuple[list[Attempt], str]] = deque()
        self._free = {name: executor.slots for name, executor in executors.items()}
        self._deadlines = Deadlines(self._runs_on)
        self._is_asked = self._is_unsure = self._is_pruning = False
        self._claiming = True
        self._offset = Offset(clock)
        self._reap_from: datetime | None = None

    @property
    def node(self) -> str:
        """The name that this node claims under."""
        return self.lease.node

    # -- from other threads -------------------------------------------------------------------------------------------

    def report(self, attempt: Attempt, outcome: Outcome) -> None:
        """An executor says how an attempt ended."""
        at = self._clock.now()
        self._inbox.append((attempt, outcome, at))
        if not self.alarm.is_rung and (self.rings_at_once or self.wake_at is None or self.wake_at - at > SOON):
            self.alarm.ring()

    def progress(self, attempt: Attempt, fraction: float, note: str | None) -> None:
        """A target says how far it has come; kept with the next step, which this does not hasten much."""
        self._progress.append((attempt, fraction, note, self._clock.now()))
        self.alarm.ring()

    def wake(self, change: Change, detail: str | None) -> None:
        """A store says that something has changed."""
        if change is FINISHED:
            return
        if change is Change.CANCEL or change is Change.ELSEWHERE:
            self._is_asked = True
        self.alarm.ring()

    def lose(self, attempts: list[Attempt], reason: str = TAKEN_OVER) -> None:
        """The store says that other nodes have these runs now."""
        self._lost.append((attempts, reason))
        self.alarm.ring()

    def give_up_lease(self) -> None:
        """The lease could not be renewed in time: stop what runs, without waiting for a step, which may hang."""
        attempts = self.lease.give_up()
        for attempt in attempts:
            self._cancel(attempt, LEASE_LOST)
        self.lose(attempts, LEASE_LOST)

    @property
    def is_full(self) -> bool:
        """Whether an executor has no free slot, so that a report may let a waiting run start."""
        return not all(self._free.values())

    @property
    def awaits_slots(self) -> bool:
        """Whether what is due waits for a slot that may come free any moment."""
        return self.is_full and bool(self._backlog) and self._backlog.is_quick

    @property
    def left(self) -> set[str]:
        """The ids of runs that are executed here, or whose end is not written."""
        reported = {attempt.run.id for attempt, _, _ in self._inbox.copy()}  # at once: executors go on reporting
        return self.in_flight.keys() | self.stuck.keys() | reported | self._outbox.run_ids

    @property
    def has_reports(self) -> bool:
        """Whether reports wait for the next step, or their writing for the store."""
        return bool(self._inbox or self._outbox or self._returned)

    # -- the step -----------------------------------------------------------------------------------------------------

    def step(self, now: datetime) -> datetime | None:
        """Do all that is due at ``now``, and tell of it; return when to call again at the latest, None for not before
        a wake."""
        try:
            return self.work(now)
        finally:
            self.announce()

    def work(self, now: datetime) -> datetime | None:
        """The step without telling of it."""
        self.has_started = False
        self._announcer.begin()
        ended = len(self._inbox)  # what these runs had to say before they ended is told before their end
        if self._progress:
            self._tell_progress()
        if ended or self._outbox or self._returned:
            self._settle(ended)
        if self._lost:
            self._let_go(now)
        if self._wants_to_look(now):
            self._look_round(now)
        if self._is_asked:
            self._heed_requests()
        if self._is_pruning:
            self._is_pruning = self._store.prune(now, PRUNED) == PRUNED
        if self._deadlines:
            self._expire(now)
        if self._claiming:
            self._claim(now)
        return self._next_wake(now)

    def announce(self) -> None:
        """Tell of what was done since the last time."""
        self._announcer.flush()

    def foresee(self, at: datetime) -> None:
        """Prepare, a moment before, for a step at ``at``; it does nothing else, and no step needs it."""
        if self._claiming and not self._backlog:
            try:
                self._foresight.look(at, self._reach)
            except Exception as error:
                logger.debug("what is due at %s could not be planned ahead; the step will say why: %r", at, error)

    def stop_claiming(self) -> None:
        """From the next step on, only let what runs come to its end."""
        self._claiming = False
        self._backlog.clear()  # what waits there asks for a step at once, and none would claim it

    def cancel_all(self, reason: str) -> None:
        """Ask the executors to cancel everything in flight."""
        for attempt in list(self.in_flight.values()):
            self._cancel(attempt, reason)

    def _settle(self, ended: int) -> None:
        """Write down how attempts ended, the ``ended`` first reports, in one transaction, and free their slots."""
        inbox, in_flight, stuck, free, outbox = self._inbox, self.in_flight, self.stuck, self._free, self._outbox
        for _ in range(ended):
            attempt, outcome, at = inbox.popleft()
            free[attempt.job.executor] += 1
            run_id = attempt.run.id
            if stuck and stuck.get(run_id) is attempt:
                del stuck[run_id]
                if in_flight.get(run_id) is not attempt:
                    self._returned.append(run_id)
                    continue
                outcome = _timed_out(attempt)
            if in_flight.get(run_id) is attempt:
                del in_flight[run_id]
            finish = settle(attempt, outcome, at)
            if not attempt.is_lost or finish.status is not CANCELLED:  # else it is for others to say
                outbox.put(attempt, finish)
        self._outbox.write()
        if self._returned:
            self._store.vacate(self._returned)
            self._returned = []

    def _tell_progress(self) -> None:
        """Write what each run said last: one that tells of each of 100,000 rows holds up nobody."""
        newest = {said[0]: said for said in (self._progress.popleft() for _ in range(len(self._progress)))}
        while newest:
            attempt, fraction, note, at = newest[next(iter(newest))]
            try:
                if self._store.report(attempt.run.id, attempt.fence, fraction, note):
                    self._announcer.progressed(attempt, at, fraction, note)
            except OSError:  # the store is away; it waits
                self._progress.extendleft(reversed(newest.values()))
                raise
            except Exception:
                logger.exception("run %s: its progress could not be written", attempt.run.id)
            del newest[attempt]

    def _let_go(self, now: datetime) -> None:
        """Stop the attempts whose runs are other nodes' now."""
        while self._lost:
            attempts, reason = self._lost.popleft()
            for attempt in attempts:
                attempt.is_lost = True
                if self._runs_on(attempt) and attempt.cancel_reason is None:
                    self._cancel(attempt, reason)
            logger.warning("node %s has lost %d runs: %s", self.node, len(attempts), reason)
            ids = tuple(attempt.run.id for attempt in attempts)
            self._announcer.announce(LeaseLost(at=now, run_ids=ids, reason=reason))

    def _wants_to_look(self, now: datetime) -> bool:
        if self.look_at is None or not self.lease.is_held:
            return True
        return not NO_TIME < self.look_at - now <= self._renew_every  # further off: the clock was set back

    def _look_round(self, now: datetime) -> None:
        """What is done now and then: hold the lease, take over from lost nodes, and let go of old runs.

        It renews before it reaps, so that a node that was suspended keeps what nobody else has taken. Runs under this
        node's name that it knows nothing of are nobody's (somebody put back a backup, say): to have them taken back it
        goes on under another name. So it does for those that it has lost, though not while it would lose others by it.
        """
        if self.lease.is_held and not self._is_unsure:
            unknown, is_any_lost = self._unknown()
            if unknown or (is_any_lost and not self.in_flight):
                self.give_up_lease()
        if not (self.is_lease_kept and self.lease.is_held):
            lost = self.lease.renew()
            if lost:
                self._lost.append((lost, TAKEN_OVER))
                self._let_go(now)
        if self._may_reap(now):
            self._announcer.ended(self._store.reap(now), now)
        self._is_asked = self._is_pruning = True
        self.look_at = now + self._renew_every

    def _may_reap(self, now: datetime) -> bool:
        """Not for the length of a lease after the wall clock has jumped forward, or the machine slept: by that clock
        all leases may have ended, and live nodes are to have the time to renew theirs."""
        if self._offset.jump() > NO_TIME:
            self._reap_from = now + self.lease.length
        if self._reap_from is not None and self._reap_from - self.lease.length <= now < self._reap_from:
            return False
        self._reap_from = None
        return True

    def _heed_requests(self) -> None:
        """Cancel what somebody wants cancelled."""
        self._is_asked = False
        for run_id, reason in self._store.cancel_requests(self.node).items() if self.in_flight else ():
            attempt = self.in_flight.get(run_id)
            if attempt is not None and attempt.cancel_reason is None:
                self._cancel(attempt, reason)

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
        """Stop attempts that ran past their timeout."""
        for attempt in self._deadlines.pop(self._clock.monotonic()):
            self._time_out(attempt, now)

    def _runs_on(self, attempt: Attempt) -> bool:
        """Whether an attempt is in flight and has not been timed out."""
        return self.in_flight.get(attempt.run.id) is attempt and attempt.run.id not in self.stuck

    def _time_out(self, attempt: Attempt, now: datetime) -> None:
        """Record a timeout, now or, where the run may be retried, once its thread has returned.

        A thread cannot be killed: its slot and its job's overlap gate stay taken until it returns.
        """
        executor = self._executors[attempt.job.executor]
        self.stuck[attempt.run.id] = attempt
        attempt.is_overdue = True
        attempt.stack = executor.stack_of(attempt)
        can_stop = executor.capabilities.cancels
        if not can_stop and may_retry(attempt):
            logger.warning(
                "run %s of job %r is past its timeout, and its thread cannot be stopped: it is tried again when that "
                "returns\n%s",
                *(attempt.run.id, attempt.job.id, attempt.stack or ""),
            )
        elif not can_stop:
            del self.in_flight[attempt.run.id]
            finish = settle(attempt, _timed_out(attempt), now)
            finish.occupied = True
            self._outbox.put(attempt, finish)
            self._outbox.write()
        self._stop(attempt)

    def _claim(self, now: datetime) -> None:
        """Turn due occurrences into runs, claim as many waiting ones as there are free slots, and hand them over."""
        if self._is_unsure:
            self._dispatch(self._unknown()[0], now)  # what the claim has brought although its reply was lost
            self._backlog.clear()  # the store may be another one by now
        advances = self._backlog.take(self._free) or self._plan(now)
        self._is_unsure, node = True, self.node  # until the reply is here
        _, claimed, ended, stale = self._store.claim(advances, now, node, self._free, self._reach)
        self._is_unsure = False
        if node != self.node:  # the lease was lost meanwhile, and so were these
            claimed = []
        if ended:
            self._announcer.ended(ended, now)
        if advances:
            told = [each for each in advances if (each.wakes or each.quarantine is not None) and each not in stale]
            self._announcer.advanced(told, now)
        if claimed:
            self._dispatch(claimed, now)

    def _plan(self, now: datetime) -> list[Advance]:
        """Plan what is due; return what of it is to be claimed in this step."""
        ready = self._foresight.take(now)
        if not ready:
            at, due = self._store.due_jobs(now, BATCH, self._reach)
            ready = [planned(job, self._advance(job, at)) for job in due]
        self._backlog.put(ready)
        return self._backlog.take(self._free, is_fresh=True)

    def _unknown(self) -> tuple[list[Claimed], bool]:
        """What the store has under this node's name and the node has never heard of; and whether there is something
        that it has lost."""
        known = self.in_flight.keys() | self._outbox.run_ids
        held = self._store.held_by(self.node)
        foreign = self.lease.foreign(each.run.id for each in held)
        return [each for each in held if each.run.id not in known | foreign], bool(foreign - known)

    def _advance(self, job: PlanRow, now: datetime) -> Advance:
        if job.unreadable is not None:
            return Advance(job, job.watermark, job.next_at, job.next_due, (), quarantine=job.unreadable)
        try:
            return plan_due(job, now, self._new_id)
        except Exception as error:
            logger.exception("job %s: its schedule cannot be worked out; it is set aside for %s", job.key, SET_ASIDE)
            self._announcer.announce(EngineFault(at=now, problem=f"job {job.key}: {error!r}"))
            return Advance(job, job.watermark, job.next_at, now + SET_ASIDE, ())

    def _dispatch(self, claimed: list[Claimed], now: datetime) -> None:
        """Hand claimed runs to their executors."""
        attempts: list[Attempt] = []
        in_flight, free, targets, progress = self.in_flight, self._free, self._targets, self.progress
        for run, job, fence, number in claimed:
            attempt = Attempt(run, job, targets[job.target], fence, number, now, progress)
            in_flight[run.id] = attempt
            free[job.executor] -= 1
            timeout = job.policies.timeout
            if timeout is not None:
                self._deadlines.add(self._clock.monotonic() + timeout.total_seconds(), attempt)
            attempts.append(attempt)
        executors, report = self._executors, self.report
        for attempt in attempts:
            try:
                executors[attempt.job.executor].submit(attempt, report)
            except Exception as error:
                logger.exception("run %s: executor %r did not take it", attempt.run.id, attempt.job.executor)
                report(attempt, raised(error))
        self._announcer.started(attempts)
        self.has_started = True

    def next_work(self, now: datetime) -> datetime | None:
        """When something will be due, may start or has to be stopped; the rest can wait for that."""
        wakes: list[datetime] = []
        deadline = self._deadlines.first()
        if deadline is not None:
            seconds = max(deadline - self._clock.monotonic(), 0)
            wakes.append(now + timedelta(seconds=min(seconds, LONGEST_WAIT)))
        if self._is_pruning or self._backlog:
            return now  # the store would say the same, and put back what it has offered: 0.7 us a fire
        if self._claiming:
            wake = self._store.next_wake(self._free, self._reach)
            if wake is not None:
                wakes.append(wake)
        return min(wakes, default=None)

    def _next_wake(self, now: datetime) -> datetime | None:
        work, look_at = self.next_work(now), self.look_at
        return look_at if work is None or (look_at is not None and look_at < work) else work


def _timed_out(attempt: Attempt) -> Outcome:
    return timed_out(attempt.job.policies.timeout or NO_TIME, attempt.stack)
