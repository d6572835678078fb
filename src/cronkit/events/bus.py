"""Brings events to those who listen for them, off the thread that they happened in."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from traceback import TracebackException
from typing import Any, TypeVar
from weakref import WeakSet

from cronkit.clock import Alarm, SystemClock, wait_for
from cronkit.errors import ConfigurationError
from cronkit.events.subscription import RunCoroutine, Subscription
from cronkit.events.types import Event, EventsDropped, ListenerFailed
from cronkit.jobs.run import ErrorInfo

logger = logging.getLogger("cronkit.events")

Listener = TypeVar("Listener", bound=Callable[..., Any])

NAP = 0.005
"""Seconds that the thread waits after a delivery for more to come: under load it is then woken 200 times a second,
rather than for each event (20 us of CPU each)."""
LONGEST_SLEEP = 3600.0
"""Seconds after which the idle thread looks again, for no reason but that a wait needs an end."""


class _Routes(dict[type[Event], tuple[Subscription, ...]]):
    """Which of some subscriptions an event goes to, by its class: looked up once for each."""

    def __init__(self, subscriptions: tuple[Subscription, ...]) -> None:
        super().__init__()
        self._subscriptions = subscriptions

    def __missing__(self, event_type: type[Event]) -> tuple[Subscription, ...]:
        route = self[event_type] = tuple(each for each in self._subscriptions if issubclass(event_type, each.types))
        return route


class EventBus:
    """Brings each event to every listener of its class or of a class above it, in the order of publishing.

    Publishing returns at once. Functions are called on one daemon thread of the bus's own, started for the first
    event; what coroutine functions return is run by ``run_coroutine``, each listener's one after the other. While
    ``inline`` is set, functions are called by the publisher, before ``publish`` returns.

    Overflow: while ``capacity`` events wait for the thread, or for one listener's coroutines, further ones are
    dropped there; those that wait for a listener's coroutines are dropped if its loop ends them. ``dropped`` counts
    them all, and one ``EventsDropped`` says how many as soon as there is room.

    A listener that raises is logged and reported by ``ListenerFailed``; it harms nobody else.

    The engine writes first and tells later: it sets ``is_behind`` before it writes, and calls ``catch_up`` when it has
    told. What others have to tell of its runs meanwhile, by ``publish_behind``, comes after that.
    """

    def __init__(self, capacity: int = 10_000, *, inline: bool = False) -> None:
        self.run_coroutine: RunCoroutine | None = None
        self.inline = inline
        self.is_behind = False
        self.dropped = 0
        self._capacity = capacity
        self._subscriptions: tuple[Subscription, ...] = ()
        self._routes = _Routes(())
        self._lock = threading.Lock()
        self._queue: deque[Event | threading.Event] = deque()
        self._untold: EventsDropped | None = None
        self._later: deque[Event] = deque()
        self._alarm = Alarm()
        self._thread: threading.Thread | None = None
        self._has_no_thread = False
        self._closing = False
        self._delivering = False
        self._napping = False
        _buses.add(self)

    # -- listening ----------------------------------------------------------------------------------------------------

    def on(self, *types: type[Event]) -> Callable[[Listener], Listener]:
        """Decorate a function, or a coroutine function, to be called with each event of these classes.

        Raises:
            ConfigurationError: something that is no class of events, or a listener that cannot be called.
        """
        if not types or not all(map(_is_event_class, types)):
            given = ", ".join(map(repr, types))
            raise ConfigurationError(f"on({given}): give classes of events, such as on(cronkit.events.RunFailed)")

        def listen(listener: Listener) -> Listener:
            if not callable(listener):
                raise ConfigurationError(f"{listener!r} cannot listen: give a function that takes one event")
            with self._lock:
                for known in self._subscriptions:
                    if known.listener == listener:  # what it is still to hear goes before what it hears from now on
                        known.types = *known.types, *types
                        break
                else:
                    fresh = Subscription(listener, types, self._capacity, self._listener_failed, self._lose)
                    self._subscriptions = (*self._subscriptions, fresh)
                self._routes = _Routes(self._subscriptions)
            return listener

        return listen

    def twin(self, *, inline: bool) -> "EventBus":
        """Another bus with the same listeners, which does not see who listens here later."""
        bus = EventBus(self._capacity, inline=inline)
        for known in self._subscriptions:
            bus.on(*known.types)(known.listener)
        return bus

    def wants(self, event_type: type[Event]) -> bool:
        """Whether anybody listens for events of this class: an event that nobody wants need not be made."""
        return bool(self._routes[event_type])

    @property
    def is_its_thread(self) -> bool:
        """Whether the caller is a listener, on the bus's own thread."""
        return threading.current_thread() is self._thread

    # -- publishing ---------------------------------------------------------------------------------------------------

    def publish(self, event: Event) -> None:
        """Bring an event to its listeners; from any thread."""
        if self.wants(type(event)):
            self.publish_all((event,))

    def publish_all(self, events: Sequence[Event]) -> None:
        """Bring events to their listeners, in this order; from any thread."""
        if not self._subscriptions:
            return
        with self._lock:
            self._put(events)
        if self.inline:
            self._deliver_inline()

    def publish_behind(self, events: Sequence[Event]) -> None:
        """Bring events to their listeners after all that was written before what they tell of; from any thread."""
        self._later.extend(events)  # before it looks, as the engine looks after it has said that it is behind no more
        if not self.is_behind:
            self._publish_later()

    def catch_up(self) -> None:
        """All that was written has been told: bring what has waited for that."""
        self.is_behind = False
        if self._later:
            self._publish_later()

    def _publish_later(self) -> None:
        """Nobody takes an event out of ``_later`` but under the lock, so that none overtakes another."""
        with self._lock:
            events = [self._later.popleft() for _ in range(len(self._later))]
            self._put([event for event in events if self.wants(type(event))])
        if self.inline:
            self._deliver_inline()

    def _put(self, events: Sequence[Event]) -> None:
        if self._untold is None and len(self._queue) + len(events) <= self._capacity:
            self._queue.extend(events)
        else:
            for event in events:
                self._enqueue(event)
        if events and not self.inline:
            self._rouse()

    def drain(self, timeout: timedelta) -> bool:
        """Wait until every event published so far has been dealt with; False if that takes longer than ``timeout``.

        A listener that calls this is told False at once: it is what would be waited for.
        """
        if self.is_its_thread:
            return False
        deadline = SystemClock.monotonic() + timeout.total_seconds()
        reached = threading.Event()
        with self._lock:
            if self._thread is None and not self._queue:
                reached.set()
            else:
                self._queue.append(reached)
                self._rouse()
                if self._thread is None:
                    self._queue.pop()
                    return False
        if not wait_for(reached, timeout.total_seconds()):
            return False
        return all(each.settle(deadline - SystemClock.monotonic()) for each in self._subscriptions)

    def close(self, timeout: timedelta) -> bool:
        """``drain``, then end the thread; the next event starts another."""
        drained = self.drain(timeout)
        with self._lock:
            thread = self._thread
            if thread is not None:
                self._closing = True
                self._alarm.ring()
        if thread is not None and drained:
            thread.join(timeout.total_seconds())
        return drained

    # -- delivering ---------------------------------------------------------------------------------------------------

    def _enqueue(self, event: Event) -> None:
        self._tell_dropped()
        if len(self._queue) < self._capacity:
            self._queue.append(event)
        else:
            self._drop(event)

    def _drop(self, event: Event) -> None:
        if isinstance(event, EventsDropped):  # its own loss would be told by another one, for ever
            return
        self.dropped += 1
        self._untold = EventsDropped(at=event.at, count=1 + (self._untold.count if self._untold else 0))

    def _lose(self, events: Sequence[Event]) -> None:
        """Count events that a listener's loop will not bring any more, and tell of them."""
        with self._lock:
            for event in events:
                self._drop(event)
            if self._tell_dropped() and not self.inline:
                self._rouse()

    def _tell_dropped(self) -> bool:
        if self._untold is None or len(self._queue) >= self._capacity:
            return False
        logger.warning("%d events were dropped: a listener does not keep up, or was ended", self._untold.count)
        self._queue.append(self._untold)
        self._untold = None
        return True

    def _rouse(self) -> None:
        if self._thread is None:
            self._begin_thread()
        elif not self._napping:
            self._alarm.ring()

    def _begin_thread(self) -> None:
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="cronkit-events", daemon=True)
        try:
            self._thread.start()
            self._has_no_thread = False
        except RuntimeError as error:  # whoever publishes is to go on, the engine above all; the next event tries again
            self._thread = None
            if not self._has_no_thread:
                logger.warning("events wait: no thread can be started that would bring them (%s)", error)
            self._has_no_thread = True

    def _run(self) -> None:
        nap = Alarm()
        while True:
            while self._queue:
                self._deliver_waiting()
                self._napping = True
                nap.wait(NAP)
                self._napping = False
            with self._lock:
                if self._closing and not self._queue:
                    self._thread = None
                    return
            self._alarm.wait(LONGEST_SLEEP)

    def _deliver_inline(self) -> None:
        with self._lock:
            if self._delivering:  # a listener published: whoever called it goes on with this event
                return
            self._delivering = True
        try:
            self._deliver_waiting()
        finally:
            self._delivering = False

    def _deliver_waiting(self) -> None:
        queue = self._queue
        while True:
            while queue:
                event = queue.popleft()
                if isinstance(event, Event):
                    self._deliver(event)
                else:
                    event.set()
            with self._lock:
                if not queue and not self._tell_dropped():
                    self._delivering = False
                    return

    def _deliver(self, event: Event) -> None:
        for subscription in self._routes[type(event)]:
            try:
                taken = subscription.deliver(event, self.run_coroutine)
            except BaseException as error:
                if self.inline and isinstance(error, KeyboardInterrupt):  # the user's Ctrl-C, in the publisher's thread
                    raise
                self._listener_failed(subscription, event, error)
            else:
                if not taken:
                    with self._lock:
                        self._drop(event)

    def _listener_failed(self, subscription: Subscription, event: Event, error: BaseException) -> None:
        kind = type(event).__name__
        logger.error("the listener %s failed on %s", subscription.name, kind, exc_info=error)
        if isinstance(event, ListenerFailed):
            return
        details = TracebackException.from_exception(error)
        info = ErrorInfo(type=type(error).__qualname__, message=str(details), traceback="".join(details.format()))
        self.publish(ListenerFailed(at=event.at, listener=subscription.name, event_type=kind, error=info))


_buses: WeakSet[EventBus] = WeakSet()


def _leave_to_parent() -> None:
    """Drop what a forked child has inherited: it is for the parent to bring, whose thread may have held the lock.

    The thread did not come along, or, where a listener has forked, goes on as the child's main one.
    """
    for bus in list(_buses):
        bus._thread = None
        bus._lock = threading.Lock()
        bus._queue.clear()
        bus._later.clear()
        bus._untold = None
        bus.is_behind = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def _is_event_class(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Event)
