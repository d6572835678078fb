"""One listener: what it listens for, and how an event is brought to it."""

import inspect
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from cronkit.errors import LifecycleError
from cronkit.events.types import Event

RunCoroutine = Callable[[Coroutine[Any, Any, None]], object]
"""Starts a coroutine on an event loop; safe from any thread, returns at once."""


class Subscription:
    """A listener, and the classes of events it wants.

    What a coroutine function returns is run on an event loop, one event after the other, so that it too sees events
    in their order; it holds up no other listener, and at most ``capacity`` of its coroutines wait. ``on_failure`` is
    told of what such a coroutine raises, ``on_loss`` of the events that waited behind one that ended its loop's task:
    by a cancellation, or the user's interrupt.
    """

    def __init__(
        self,
        listener: Callable[[Any], object],
        types: tuple[type[Event], ...],
        capacity: int,
        on_failure: Callable[["Subscription", Event, BaseException], None],
        on_loss: Callable[[Sequence[Event]], None],
    ) -> None:
        self.listener = listener
        self.types = types
        self._capacity = capacity
        self._on_failure = on_failure
        self._on_loss = on_loss
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Event, Coroutine[Any, Any, object]]] = deque()
        self._feeder: Coroutine[Any, Any, None] | None = None
        self._settled = threading.Event()

    @property
    def name(self) -> str:
        """The listener's name, for people."""
        return str(getattr(self.listener, "__qualname__", None) or repr(self.listener))

    def deliver(self, event: Event, run_coroutine: RunCoroutine | None) -> bool:
        """Call the listener; if it is a coroutine function, see to it that what it returns is run in its turn.

        False: ``capacity`` of its coroutines wait already, and this one is dropped.

        Raises:
            LifecycleError: it is a coroutine function, and there is no loop.
            Exception: whatever the listener raises.
        """
        result = self.listener(event)
        if result is None or not isinstance(result, Coroutine):
            return True
        with self._lock:
            if len(self._waiting) >= self._capacity:
                result.close()
                return False
            self._waiting.append((event, result))
            if self._is_fed():
                return True
            feeder = self._feeder = self._feed()
            self._settled.clear()
        try:
            if run_coroutine is None:
                raise LifecycleError("a coroutine function listens, but no event loop runs: start the scheduler")
            run_coroutine(feeder)
        except BaseException:
            feeder.close()
            self._lose_waiting(told_of=event)
            raise
        return True

    def settle(self, patience: float) -> bool:
        """Wait until no coroutine of the listener waits or runs; False if that takes more than ``patience`` seconds."""
        with self._lock:
            if not self._is_fed():
                return True
        return self._settled.wait(max(patience, 0.0))

    async def _feed(self) -> None:
        while (turn := self._next()) is not None:
            event, coroutine = turn
            try:
                await coroutine
            except (Exception, SystemExit) as error:
                self._on_failure(self, event, error)
            except BaseException as error:
                self._on_failure(self, event, error)
                self._lose_waiting()
                raise

    def _next(self) -> tuple[Event, Coroutine[Any, Any, object]] | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._feeder = None
            self._settled.set()
            return None

    def _lose_waiting(self, told_of: Event | None = None) -> None:
        with self._lock:
            lost = [event for event, _ in self._waiting if event is not told_of]
            for _, coroutine in self._waiting:
                coroutine.close()
            self._waiting.clear()
            self._feeder = None
            if lost:
                self._on_loss(lost)
            self._settled.set()

    def _is_fed(self) -> bool:
        """Whether a feeder runs, or waits to; one whose loop was closed before its first step has been closed too."""
        return self._feeder is not None and inspect.getcoroutinestate(self._feeder) != inspect.CORO_CLOSED
