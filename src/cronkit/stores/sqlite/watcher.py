"""Notices what other processes write."""

import logging
import threading
from collections.abc import Callable

from cronkit.clock import Alarm

logger = logging.getLogger("cronkit.stores")

EVERY = 0.15
"""Seconds between two looks: a change is seen within 200 ms, at less than 0.1% of a processor."""

Look = Callable[[Callable[[], bool]], bool]
"""Says whether there has been a change. What it is given says whether the watch is over: what waited for
a close is not to open the file again."""


class Watcher:
    """A thread that looks for changes as long as somebody wants to be told."""

    def __init__(self, has_changed: Look, tell: Callable[[], None]) -> None:
        self._has_changed = has_changed
        self._tell = tell
        self._lock = threading.Lock()
        self._watch: _Watch | None = None

    def start(self) -> None:
        """Watch, unless it does already; again after a fork, which no thread survives.

        Whatever is written after this has returned is told.
        """
        with self._lock:
            if self._watch is None or not self._watch.thread.is_alive():
                self._watch = _Watch(self._has_changed, self._tell)
                self._watch.thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        with self._lock:
            watch, self._watch = self._watch, None
        if watch is not None:
            watch.is_over = True
            watch.alarm.ring()


class _Watch:
    """One life of the thread."""

    def __init__(self, has_changed: Look, tell: Callable[[], None]) -> None:
        self.is_over = False
        self.alarm = Alarm()
        self.thread = threading.Thread(target=self._run, name="cronkit-watcher", daemon=True)
        self._is_away = False
        self._has_changed = has_changed
        self._tell = tell

    def _run(self) -> None:
        while True:
            self.alarm.wait(EVERY)
            if self.is_over:
                return
            try:
                if self._has_changed(lambda: self.is_over) or self._is_away:  # what was written meanwhile was not seen
                    self._tell()
                self._is_away = False
            except Exception as error:
                if not self._is_away:
                    self._is_away = True
                    logger.warning("what other processes write cannot be seen until the store is back: %s", error)
