"""Production's way to run the engine: one dedicated thread that steps, then sleeps until the exact next wake-up."""

import logging
import threading
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta

from cronkit.clock import LOOK_AGAIN, Clock, wait_for
from cronkit.engine.clock_watch import ClockWatch
from cronkit.engine.engine import SOON, Engine
from cronkit.errors import LifecycleError
from cronkit.events import (
    EngineFault,
    EventBus,
    SchedulerStarted,
    SchedulerStopped,
    SchedulerStopping,
    StoreDegraded,
    StoreRecovered,
)

logger = logging.getLogger("cronkit.engine")

LONGEST_SLEEP = 5.0
"""Seconds after which the clocks are compared, so that a suspend or a step is noticed; it decides nothing else."""
FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 5.0
"""Seconds to wait after a step that failed, doubled each time it fails again."""
LET_START = 0.005
"""Seconds for which what was handed over may begin, or even end, before the engine goes on to tell of its start: it
would hold the interpreter's lock meanwhile, and wake a thread that wants it too."""
AHEAD = 0.002
"""Seconds before a due time at which the engine wakes to plan what is due then, and to have its own pages in cache."""
LATE = 0.00006
"""Seconds by which a sleep that is to end exactly is shortened: it lasts 90 to 120 us longer than it was asked to, 50
of them the timer slack that Linux gives every thread. A wake-up that is too early all the same costs a step (20 us)."""
FORESEEN = 0.02
"""Seconds that a sleep has to last for that: the second wake-up costs 20 us."""
CANCEL_GRACE = 1.0
"""Seconds that cancelled runs get to end after the drain."""
HANGS = 25.0
"""Seconds after the drain for which a stop waits. All that follows takes 20 at most with the stores' own patience; more
if a store is told to be more patient, or hangs, or an executor does, or the thread that stops holds what they wait for,
in a signal handler."""


class EngineThread:
    """Steps an engine from a start to a stop. ``problem`` says why nothing starts just now, and is None otherwise.

    Its life: it is new, it has begun, it is over. What has begun enters ``surroundings``, steps, leaves them and is
    over; what is asked to stop while it is new never begins. All of this the thread does itself, and whoever starts or
    stops it only asks and waits: so whatever is raised there, an interrupt above all, leaves the engine running, with
    all that it needs, or ending by itself and nothing left of it.
    """

    def __init__(
        self, engine: Engine, bus: EventBus, clock: Clock, surroundings: AbstractContextManager[None] | None = None
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._clock = clock
        self._surroundings = surroundings or nullcontext()
        self._watch = ClockWatch(clock, bus)
        self._watch_at = 0.0
        self._is_stopping = self._has_begun = self._is_up = False
        self._is_settled, self._has_ended = threading.Event(), threading.Event()
        self._drain_ends: list[float] = []
        self._is_draining = self._has_cancelled = False
        self._left = 0
        self._error: BaseException | None = None
        self.problem: str | None = None
        self._backoff = FIRST_BACKOFF
        self._thread = threading.Thread(target=self._run, name="cronkit-engine", daemon=True)

    def start(self) -> None:
        """Begin, and wait until the engine has all that it needs.

        Raises:
            LifecycleError: it was asked to stop before. Exception: what its surroundings raise.
        """
        self._thread.start()
        wait_for(self._is_settled)
        if not self._is_up:
            raise self._error or LifecycleError("the scheduler was stopped while it started: start() it again")

    def ask_to_stop(self, drain: timedelta) -> None:
        """Claim nothing from the next step on, give what runs ``drain`` to end, then cancel it.

        Asked again, it shortens the drain but never lengthens it. A signal handler may ask.
        """
        self._drain_ends.append(self._clock.monotonic() + drain.total_seconds())
        self._is_stopping = True
        self._engine.alarm.ring()

    def wait_until_stopped(self) -> int:
        """Wait for the end; return how many runs were left: still executed, or ended and not written.

        It is waited for no longer than for what does not hang; what does ends by itself if ever it goes on.
        """
        # Not in join(): up to Python 3.12 a KeyboardInterrupt there makes the thread count as dead while it goes on.
        while not self.is_over and not self._has_ended.wait(LOOK_AGAIN):
            if self._clock.monotonic() > min(self._drain_ends) + HANGS:
                left = len(self._engine.left)  # no event: the bus may be what hangs
                self._bus.is_behind = False  # what verbs end from now on waits for nothing that the engine has to tell
                logger.error("the engine hangs, in its store or an executor: it is left behind, with %d runs", left)
                return left
        return self._left

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more, nor will."""
        return self._has_ended.is_set() or (self._is_stopping and not self._has_begun)

    @property
    def is_engine_thread(self) -> bool:
        """Whether the caller runs on this thread."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        self._has_begun = True  # before it looks whether it is to stop, as who asks looks after
        try:
            if not self._is_stopping:
                with self._surroundings:
                    self._is_up = True
                    self._is_settled.set()
                    self._loop()
                self.problem = None
        except BaseException as error:
            self._fail(error)
        finally:
            self._is_settled.set()
            self._has_ended.set()

    def _fail(self, error: BaseException) -> None:
        """Leave an error to ``start``, or where that has returned, to ``health`` and the log."""
        if not self._is_up:
            self._error = error
            return
        self.problem = f"the engine has ended: {error!r}"
        logger.critical("the engine has ended: nothing runs before the next start", exc_info=error)

    def _loop(self) -> None:
        self._bus.publish(SchedulerStarted(at=self._clock.now()))  # here, and so before any run starts
        try:
            while not (self._is_stopping and self._is_drained()):
                self._turn()
        finally:
            self._bus.catch_up()  # whatever the last step has left
            self._left = len(self._engine.left)
            self._bus.publish(SchedulerStopped(at=self._clock.now(), left_running=self._left))

    def _turn(self) -> None:
        try:
            if self._clock.monotonic() >= self._watch_at:
                self._watch.check()
                self._watch_at = self._clock.monotonic() + LONGEST_SLEEP
            wake_at = self._engine.work(self._clock.now())
            self._backoff = FIRST_BACKOFF
            if self.problem is not None:
                self._tell_of_recovery()
            self._sleep_until(wake_at)
            self._engine.announce()
        except Exception as error:
            self._engine.announce()
            self._tell_of_failure(error)
            self._engine.alarm.wait(self._backoff)
            self._backoff = min(self._backoff * 2, LONGEST_BACKOFF)

    def _tell_of_failure(self, error: Exception) -> None:
        now = self._clock.now()
        if not isinstance(error, OSError):
            logger.exception("a step of the engine failed; the next follows in %.1f s", self._backoff)
            self._bus.publish(EngineFault(at=now, problem=repr(error)))
        elif self.problem is None:
            self.problem = str(error)
            logger.error("nothing new starts while the store is away: %s", error)
            self._bus.publish(StoreDegraded(at=now, problem=self.problem))

    def _tell_of_recovery(self) -> None:
        self.problem = None
        logger.info("the store works again")
        self._bus.publish(StoreRecovered(at=self._clock.now()))

    def _sleep_until(self, wake_at: datetime | None) -> None:
        """Sleep until then, a report, or a change; tell of the step before, and prepare for the one to come.

        ``wake_at`` is published before the reports are looked at: a report that saw the old one and did not ring
        was appended before, so it is seen here.
        """
        engine = self._engine
        engine.wake_at = wake_at
        engine.rings_at_once = engine.is_full
        seconds = self._seconds_until(wake_at)
        if seconds <= 0:
            if engine.awaits_slots:
                end = self._clock.monotonic() + LET_START
                while not engine.has_reports and (left := end - self._clock.monotonic()) > 0:
                    engine.alarm.wait(left)
            return
        now = self._clock.monotonic()
        end = now + min(seconds, LONGEST_SLEEP)
        if engine.has_started and engine.alarm.wait(min(end - now, LET_START)):
            return
        engine.announce()
        if wake_at is not None and wake_at != engine.look_at and FORESEEN < seconds <= LONGEST_SLEEP:
            if engine.alarm.wait(end - AHEAD - self._clock.monotonic()):
                return
            engine.foresee(wake_at)
            end -= LATE
        seconds = end - self._clock.monotonic()
        if seconds > 0:
            engine.alarm.wait(seconds)

    def _seconds_until(self, wake_at: datetime | None) -> float:
        """How long to sleep; nothing where there is something to do already."""
        engine = self._engine
        seconds = LONGEST_SLEEP
        if wake_at is not None:
            seconds = (wake_at - self._clock.now()).total_seconds()
        if engine.has_reports and (engine.rings_at_once or seconds > SOON.total_seconds()):
            return 0.0
        if self._is_stopping and not engine.in_flight:  # the step before has ended the last run: nobody will ring
            return 0.0
        if self._drain_ends:
            seconds = min(seconds, min(self._drain_ends) - self._clock.monotonic())
        return seconds

    def _tell_of_unwritten(self) -> None:
        unwritten = self._engine.left - self._engine.in_flight.keys() - self._engine.stuck.keys()
        if unwritten:
            problem = f"the store is away: how these runs ended is not written, and they count as lost: {unwritten}"
            logger.error(problem)
            self._bus.publish(EngineFault(at=self._clock.now(), problem=problem))

    def _is_drained(self) -> bool:
        """Whether nothing runs any more, or the time for it is over; what is left when it ends is cancelled first."""
        if not self._is_draining:
            self._is_draining = True
            self._engine.stop_claiming()
            self._bus.publish(SchedulerStopping(at=self._clock.now()))
        if not self._engine.in_flight and not self._engine.has_reports:
            return True
        if self._clock.monotonic() < min(self._drain_ends):
            return False
        if self._has_cancelled or (self.problem is not None and not self._engine.in_flight):
            self._tell_of_unwritten()
            return True
        self._has_cancelled = True
        self._drain_ends = [self._clock.monotonic() + CANCEL_GRACE]
        self._engine.cancel_all("scheduler stopped")
        return False
