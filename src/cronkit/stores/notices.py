"""What a store's subscribers are told, after the change and outside of the lock of the store that uses this."""

import threading
from collections import deque
from collections.abc import Callable

from cronkit.stores.protocol import Change, Subscriber

FINISHED = Change.FINISHED


class Notices:
    """Notes what happens while the lock is held, and tells it when it is not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: tuple[Subscriber, ...] = ()
        self._ended: deque[str] = deque()
        self._cancelling = self._has_work = False

    @property
    def is_heard(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._subscribers)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell ``subscriber`` too; return what ends that."""
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)

        def end() -> None:
            with self._lock:
                self._subscribers = tuple(other for other in self._subscribers if other is not subscriber)

        return end

    def note_ended(self, run_id: str) -> None:
        """A run has ended."""
        self._ended.append(run_id)

    def note_cancelling(self) -> None:
        """A running run is asked to end."""
        self._cancelling = True

    def note_work(self) -> None:
        """A run may start that could not before."""
        self._has_work = True

    def tell(self, change: Change | None = None) -> None:
        """Tell of all that was noted, and of ``change``."""
        while self._ended:
            try:
                ended = self._ended.popleft()
            except IndexError:  # another thread was faster
                break
            for subscriber in self._subscribers:
                subscriber(FINISHED, ended)
        if self._cancelling:
            self._cancelling = False
            self._send(Change.CANCEL)
        if self._has_work:
            self._has_work, change = False, Change.WORK
        if change is not None:
            self._send(change)

    def _send(self, change: Change) -> None:
        for subscriber in self._subscribers:
            subscriber(change, None)
