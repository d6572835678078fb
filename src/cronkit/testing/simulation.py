"""The time machine: a scheduler's own jobs, on a store and a clock of their own, as fast as they can be worked out."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo

from cronkit.engine.clock_watch import ClockWatch
from cronkit.engine.engine import Engine
from cronkit.errors import ConfigurationError, JobNotFoundError, LifecycleError
from cronkit.jobs.policies import Duration
from cronkit.jobs.run import Run
from cronkit.jobs.status import RunStatus
from cronkit.scheduler.ledger import read_statuses
from cronkit.scheduler.runtime import Parts
from cronkit.schedules import At, parse_duration
from cronkit.stores.protocol import Change, JobFilter, RunFilter
from cronkit.testing.lock_step import LockStep
from cronkit.testing.node import Node
from cronkit.testing.script import Script
from cronkit.testing.virtual_clock import VirtualClock

EVERYTHING = 2**62
"""As a limit: a simulation forgets nothing."""
LISTED = 20
"""How many jobs an error names."""
RESTLESS = 100_000
"""Steps at one instant after which jobs are taken to cause each other without end."""


class Simulation:
    """Time for the jobs of one scheduler, moved by hand. Made by ``simulate``.

    Everything that is due at or before ``now`` has happened when a verb returns. Durations are texts ("30d", "8h")
    or timedeltas. The verbs are for the test alone: a job or a listener that calls one is refused.
    """

    def __init__(self, parts: Parts, clock: VirtualClock, tz: tzinfo, script: Script) -> None:
        self._parts = parts
        self._clock = clock
        self._tz = tz
        self._script = script
        self._watch = ClockWatch(clock, parts.bus)
        self._thread = LockStep()
        self._is_moving = False
        self._is_stirred = False
        self._lease_matters_until = clock.now()
        self._nodes: list[Node] = []
        parts.store.subscribe(self._notice)
        self._begin_node()

    @property
    def now(self) -> datetime:
        """The present instant of the simulation, aware, in its zone."""
        return self._clock.now().astimezone(self._tz)

    @property
    def engine(self) -> Engine:
        """The engine of the node that runs now."""
        return self._nodes[-1].engine

    # -- moving time --------------------------------------------------------------------------------------------------

    def advance(self, by: Duration | None = None, *, until: datetime | str | None = None) -> datetime:
        """Let time pass, and everything happen that is due in it; return the new ``now``.

        ``until`` is an instant on the wall clock, in the simulation's zone unless it says otherwise.

        Raises:
            ConfigurationError: not exactly one of ``by`` and ``until``, or an instant that has passed.
            LifecycleError: called by a job or a listener, jobs that cause each other without end, or a coroutine
            that waits for something real.
        """
        if by is not None and until is None:
            distance = parse_duration(by)
        elif until is not None and by is None:
            distance = self._distance(until)
        else:
            raise ConfigurationError("advance() takes a duration or until=, such as advance('30d')")
        with self._moving():
            self._pass(distance)
        return self.now

    def run_pending(self) -> None:
        """Let everything happen that is due now, without moving the clock."""
        with self._moving():
            self._pass(timedelta())

    def suspend(self, by: Duration) -> None:
        """Put the machine to sleep: the wall clock goes on, nothing runs meanwhile, and then it all wakes up."""
        self._jump(parse_duration(by))

    def step_clock(self, by: Duration) -> None:
        """Set the wall clock forward or, with a minus sign ("-2m"), back; no time passes."""
        self._jump(_signed(by))

    def crash(self) -> None:
        """Kill the node: what runs there vanishes without a word. A new one starts at once, on the same store.

        It takes over what the dead one held when that one's lease, renewed at this moment, has ended.
        """
        with self._moving():
            dead, now, parts = self._nodes[-1], self._clock.now(), self._parts
            parts.store.renew(dead.engine.node, {}, parts.lease, now)
            self._lease_matters_until = now + parts.lease + parts.renew_every
            dead.crash()
            self._begin_node()
            self._pass(timedelta())

    # -- looking ------------------------------------------------------------------------------------------------------

    def runs(
        self, job: str | None = None, *, status: str | RunStatus | Collection[str] | None = None
    ) -> tuple[Run, ...]:
        """All runs so far, of one job or all, in one status, some or any; oldest first.

        Raises:
            JobNotFoundError: the simulation has not had such a job, and without this a test of it would always pass;
            one that was removed is known. ConfigurationError: there is no such status.
        """
        if job is not None and self._parts.store.load(self._parts.namespace, job, removed=True) is None:
            raise JobNotFoundError(
                f"this simulation has had no job {job!r}, but {self._known_jobs(job)}; what was added at run time "
                "before simulate() is not in it: add() it inside the block"
            )
        wanted = RunFilter(namespace=self._parts.namespace, job_id=job, statuses=read_statuses(status))
        return tuple(reversed(self._parts.store.runs(wanted, limit=EVERYTHING, cursor=None)))

    # -- inside -------------------------------------------------------------------------------------------------------

    def _known_jobs(self, asked: str) -> str:
        """The jobs that there were; of many those whose ids are most like the one that was asked for, nearest first."""
        from difflib import get_close_matches

        store, namespace = self._parts.store, self._parts.namespace
        pages = (
            store.jobs(JobFilter(namespace, removed=removed), limit=EVERYTHING, cursor=None)
            for removed in (False, True)
        )
        ids = sorted(job.id for page in pages for job in page)
        if len(ids) <= LISTED:
            return ", ".join(map(repr, ids)) or "none"
        return ", ".join(map(repr, get_close_matches(asked, ids, LISTED, cutoff=0.0))) + " and others"

    def _begin_node(self) -> None:
        node = Node(f"node-{len(self._nodes) + 1}", self._parts, self._clock, self._script, self._thread)
        self._parts.bus.run_coroutine = node.run_coroutine
        self._nodes.append(node)

    @contextmanager
    def _moving(self) -> Iterator[None]:
        if self._is_moving:
            raise LifecycleError("time moves already: a job or a listener cannot move it, only the test that simulates")
        self._is_moving = True
        try:
            yield
        finally:
            self._is_moving = False

    def _jump(self, by: timedelta) -> None:
        with self._moving():
            self._clock.jump(by)
            self._pass(timedelta())

    def _pass(self, distance: timedelta) -> None:
        end = self._clock.elapsed + distance
        while (wakes_at := self._come_to_rest()) is not None and wakes_at <= end:
            self._clock.advance(wakes_at - self._clock.elapsed)
        self._clock.advance(end - self._clock.elapsed)

    def _come_to_rest(self) -> timedelta | None:
        """Let everything happen that is due now; return the elapsed time at which there is more."""
        node, clock = self._nodes[-1], self._clock
        now = clock.now()
        self._watch.check()
        for _ in range(RESTLESS):
            self._is_stirred = False
            wake = node.engine.step(now)
            if wake is not None and wake == node.engine.look_at and now > self._lease_matters_until:
                # Nobody else is there to take over: a lease that is only renewed when something is due is as good.
                wake = node.engine.next_work(now)
            if not node.work() and not self._is_stirred and (wake is None or wake > now):
                wakes = [node.wakes_at, None if wake is None else clock.elapsed + (wake - now)]
                return min((each for each in wakes if each is not None), default=None)
        raise LifecycleError(
            f"{RESTLESS:,} steps at {now}, and still something is due: jobs that start each other need durations="
        )

    def _notice(self, change: Change, detail: str | None) -> None:
        self.engine.wake(change, detail)
        self._is_stirred = self._is_stirred or change is not Change.FINISHED

    def _distance(self, until: datetime | str) -> timedelta:
        distance = instant(until, self._tz) - self._clock.now()
        if distance < timedelta():
            raise ConfigurationError(f"until={until!r} is before {self.now}: time passes forward only")
        return distance

    def end(self) -> None:
        """End what still runs."""
        for node in self._nodes:
            node.end()
        self._thread.end()

    def check(self) -> None:
        """Raise what coroutines were refused since time was last moved.

        Raises:
            LifecycleError: one waits, or waited, for something real.
        """
        for node in self._nodes:
            node.check()


def instant(moment: datetime | str, tz: tzinfo) -> datetime:
    """A moment on the wall clock, in ``tz`` unless it says otherwise, as aware UTC.

    Raises:
        ConfigurationError: it is "now"; ScheduleError: it is no date-time.
    """
    instants = At(moment).bind(tz=tz).instants
    if not instants:
        raise ConfigurationError(f"{moment!r} is no instant: give a date-time such as '2027-01-01T09:00'")
    return instants[0].astimezone(UTC)


def _signed(by: Duration) -> timedelta:
    if isinstance(by, str) and by.startswith("-"):
        return -parse_duration(by[1:])
    if isinstance(by, timedelta) and by < timedelta():
        return by
    return parse_duration(by)
