"""A node's lease: what makes the runs that it has claimed its own."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from cronkit.clock import Alarm, Clock
from cronkit.jobs.attempt import Attempt
from cronkit.stores.protocol import JobStore

logger = logging.getLogger("cronkit.engine")

SAFE = 0.9
"""The part of a lease for which its holder trusts it: what it stops then has stopped when others may start it."""
RETRIES = 20
"""How often, within a lease, a renewal that failed is tried again."""
LAST_RENEWAL = 1.0
"""Seconds for which a stop waits for a renewal that is under way; one that hangs is left behind."""


class Lease:
    """Held from one renewal for nearly ``length``, as measured on the monotonic clock from before the renewal began:
    never as long as the store counts it."""

    def __init__(
        self, store: JobStore, clock: Clock, node: str, length: timedelta, in_flight: dict[str, Attempt]
    ) -> None:
        self.node = node
        self.length = length
        self._name = node
        self._losses = 0
        self._store = store
        self._clock = clock
        self._in_flight = in_flight
        self._former: dict[str, list[Attempt]] = {}
        self._ends_at: float | None = None

    @property
    def is_held(self) -> bool:
        """Whether no other node may take this one's runs yet."""
        return self._ends_at is not None and self._clock.monotonic() < self._ends_at

    @property
    def has_ended(self) -> bool:
        """Whether it was held and could not be renewed in time."""
        return self._ends_at is not None and not self.is_held

    def renew(self) -> list[Attempt]:
        """Hold it anew; return the attempts whose runs other nodes have taken over.

        Raises:
            StoreUnavailableError: the store is away.
        """
        held = self._held()
        begun, now = self._clock.monotonic(), self._clock.now()
        fences = {run_id: attempt.fence for run_id, attempt in held.items()}
        lost = self._store.renew(self.node, fences, self.length, now)
        self._ends_at = begun + SAFE * self.length.total_seconds()
        self._renew_former(now)
        return [held[run_id] for run_id in lost]

    def _renew_former(self, now: datetime) -> None:
        """Keep what was lost with a lease and cannot be stopped from starting a second time while it still runs here;
        not if somebody has taken it over before."""
        for node, attempts in list(self._former.items()):
            running = {each.run.id: each for each in attempts if self._in_flight.get(each.run.id) is each}
            if not running:  # what was stopped is taken back as soon as its lease has ended
                self._former.pop(node, None)
                continue
            lost = self._store.renew(node, {key: each.fence for key, each in running.items()}, self.length, now)
            self._former[node] = [each for key, each in running.items() if key not in lost]

    def give_up(self) -> list[Attempt]:
        """The lease has ended: what ran under it is lost. The node goes on under another name, so that nobody, nor
        itself, takes these runs for held ones; return their attempts."""
        lost = list(self._held().values())
        for attempt in lost:
            attempt.is_lost = True
        if lost:
            self._former[self.node] = lost
        self._losses += 1
        self.node = f"{self._name}+{self._losses}"
        self._ends_at = None
        return lost

    def _held(self) -> Mapping[str, Attempt]:
        in_flight = self._in_flight.copy()  # at once: the engine's thread changes it
        return {run_id: attempt for run_id, attempt in in_flight.items() if not attempt.is_lost}


class LeaseThread:
    """Renews a lease in a thread of its own, so that a long step cannot let it end."""

    def __init__(
        self,
        lease: Lease,
        renew_every: timedelta,
        on_loss: Callable[[list[Attempt]], None],
        on_end: Callable[[], None],
    ) -> None:
        self._lease = lease
        self._renew_every = renew_every.total_seconds()
        self._retry_every = min(self._renew_every, lease.length.total_seconds() / RETRIES)
        self._on_loss = on_loss
        self._on_end = on_end
        self._alarm = Alarm()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="cronkit-lease", daemon=True)

    def start(self) -> None:
        """Begin; the engine's first step takes the lease."""
        self._thread.start()

    def stop(self) -> None:
        """Renew no more, and wait until the thread has ended, or is taken to hang."""
        self._is_stopping = True
        self._alarm.ring()
        if self._thread.ident is not None:
            self._thread.join(LAST_RENEWAL)

    def _run(self) -> None:
        seconds, is_told = self._renew_every, False
        while True:
            self._alarm.wait(seconds)
            if self._is_stopping:
                return
            try:
                lost = self._lease.renew()
                seconds, is_told = self._renew_every, False
                if lost:
                    self._on_loss(lost)
            except Exception as error:
                if not is_told:
                    logger.warning("the lease of node %s cannot be renewed: %s", self._lease.node, error)
                seconds, is_told = self._retry_every, True
                if self._lease.has_ended:
                    self._on_end()
