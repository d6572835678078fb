"""A node's lease: what makes the runs that it has claimed its own."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from cronkit.clock import Clock
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
        self._let_go: set[str] = set()
        self._store = store
        self._clock = clock
        self._in_flight = in_flight
        self._former: dict[str, list[Attempt]] = {}
        self._ends_at: float | None = None
        self._changing = threading.Lock()

    @property
    def is_held(self) -> bool:
        """Whether no other node may take this one's runs yet."""
        left = self.left
        return left is not None and left > 0

    @property
    def has_ended(self) -> bool:
        """Whether it was held and could not be renewed in time."""
        left = self.left
        return left is not None and left <= 0

    @property
    def left(self) -> float | None:
        """Seconds until it ends, less than none once it has ended; None while there is none."""
        ends_at = self._ends_at
        return None if ends_at is None else ends_at - self._clock.monotonic()

    def renew(self) -> list[Attempt]:
        """Hold it anew; return the attempts whose runs other nodes have taken over, which are lost from then on.

        One that is given up meanwhile is not renewed any more, and no two renewals at once lose one attempt.

        Raises:
            StoreUnavailableError: the store is away.
        """
        node, held = self.node, self._held()
        begun, now = self._clock.monotonic(), self._clock.now()
        fences = {run_id: attempt.fence for run_id, attempt in held.items()}
        lost = self._store.renew(node, fences, self.length, now)
        with self._changing:
            if node != self.node:
                return []
            self._ends_at = begun + SAFE * self.length.total_seconds()
        self._renew_former(now)
        with self._changing:  # last, for what is lost is told by whoever gets it from here
            # What is in flight no more has ended here: whether in time, the store says when the end is written.
            running = [each for each in map(held.__getitem__, lost) if self._in_flight.get(each.run.id) is each]
            newly = [attempt for attempt in running if not attempt.is_lost]
            for attempt in newly:
                attempt.is_lost = True
                self._let_go.add(attempt.run.id)
        return newly

    def foreign(self, held: Iterable[str]) -> set[str]:
        """Of the runs that the store has under this node's name, those that it has lost under that name: their rows
        are not as it has claimed them. No others are remembered."""
        with self._changing:
            self._let_go.intersection_update(held)
            return self._let_go.copy()

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
        with self._changing:
            lost = list(self._held().values())
            for attempt in lost:
                attempt.is_lost = True
            if lost:
                self._former[self.node] = lost
            self._let_go.clear()
            self._losses += 1
            self.node = f"{self._name}+{self._losses}"
            self._ends_at = None
            return lost

    def _held(self) -> Mapping[str, Attempt]:
        in_flight = self._in_flight.copy()  # at once: the engine's thread changes it
        return {run_id: attempt for run_id, attempt in in_flight.items() if not attempt.is_lost}


class LeaseThread:
    """Renews a lease in a thread of its own, so that a long step cannot let it end, and sees in another one that it
    ends, so that a renewal cannot that hangs."""

    def __init__(
        self,
        lease: Lease,
        renew_every: timedelta,
        on_loss: Callable[[list[Attempt]], None],
        on_end: Callable[[], None],
    ) -> None:
        self._lease = lease
        self._renew_every = renew_every.total_seconds()
        self._moment = lease.length.total_seconds() / RETRIES
        self._retry_every = min(self._renew_every, self._moment)
        self._on_loss = on_loss
        self._on_end = on_end
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._renew, name="cronkit-lease", daemon=True),
            threading.Thread(target=self._guard, name="cronkit-lease-guard", daemon=True),
        ]

    def start(self) -> None:
        """Begin; the engine's first step takes the lease."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Renew no more, and wait until the threads have ended, or the first is taken to hang."""
        self._is_over.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(LAST_RENEWAL)

    def _renew(self) -> None:
        seconds, is_told = self._renew_every, False
        while not self._is_over.wait(seconds):
            try:
                lost = self._lease.renew()
                seconds, is_told = self._renew_every, False
                if lost:
                    self._on_loss(lost)
            except Exception as error:
                if not is_told:
                    logger.warning("the lease of node %s cannot be renewed: %s", self._lease.node, error)
                seconds, is_told = self._retry_every, True

    def _guard(self) -> None:
        lease, is_over = self._lease, self._is_over
        while not is_over.wait(lease.left or self._moment):
            # Looked at twice: a process that was stopped and goes on has a moment to renew what nobody has taken yet.
            if lease.has_ended and not is_over.wait(self._moment) and lease.has_ended:
                logger.warning("node %s could not renew its lease in time: what it runs is stopped", lease.node)
                self._on_end()
