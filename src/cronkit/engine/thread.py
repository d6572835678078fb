"""Production's way to run the engine: one dedicated thread that steps, then sleeps until the exact next wake-up."""

import logging
import threading
from datetime import datetime, timedelta

from cronkit.clock import LOOK_AGAIN, Clock
from cronkit.engine.clock_watch import ClockWatch
from cronkit.engine.engine import SOON, Engine
from cronkit.events import EngineFault, EventBus, SchedulerStarted, StoreDegraded, StoreRecovered

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


class EngineThread:
    """Steps an engine until it is stopped. ``problem`` says why the store is away, and is None while it is there."""

    def __init__(self, engine: Engine, bus: EventBus, clock: Clock) -> None:
        self._engine = engine
        self._bus = bus
        self._clock = clock
        self._watch = ClockWatch(clock, bus)
        self._watch_at = 0.0
        self._is_stopping = False
        self._has_ended = threading.Event()
        self._drain_ends: list[float] = []
        self._has_cancelled = False
        self.problem: str | None = None
        self._backoff = FIRST_BACKOFF
        self._thread = threading.Thread(target=self._run, name="cronkit-engine", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self, drain: timedelta) -> None:
        """Claim nothing from the next step on, give what runs ``drain`` to end, then cancel it.

        Asked again, it shortens the drain but never lengthens it. A signal handler may ask.
        """
        self._drain_ends.append(self._clock.monotonic() + drain.total_seconds())
        self._is_stopping = True
        self._engine.alarm.ring()

    def wait_until_stopped(self) -> int:
        """Wait for the end; return how many runs were left: still executed, or ended and not written."""
        # Up to Python 3.12 a KeyboardInterrupt in join() makes the thread count as dead while it goes on.
        while not self._has_ended.wait(LOOK_AGAIN):
            pass
        self._thread.join()
        return len(self._engine.left)

    @property
    def is_engine_thread(self) -> bool:
        """Whether the caller runs on this thread."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        try:
            self._loop()
        finally:
            self._has_ended.set()

    def _loop(self) -> None:
        self._bus.publish(SchedulerStarted(at=self._clock.now()))  # here, and so before any run starts
        while not (self._is_stopping and self._is_drained()):
            if self._clock.monotonic() >= self._watch_at:
                self._watch.check()
                self._watch_at = self._clock.monotonic() + LONGEST_SLEEP
            try:
                wake_at = self._engine.work(self._clock.now())
            except Exception as error:
                self._engine.announce()
                self._tell_of_failure(error)
                self._engine.alarm.wait(self._backoff)
                self._backoff = min(self._backoff * 2, LONGEST_BACKOFF)
                continue
            self._backoff = FIRST_BACKOFF
            if self.problem is not None:
                self._tell_of_recovery()
            self._sleep_until(wake_at)
            self._engine.announce()

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
        self._engine.stop_claiming()
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
