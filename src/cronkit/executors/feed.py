"""How coroutines get from any thread to an event loop: in slices, so that a burst never stalls what else runs there."""

from collections import deque
from collections.abc import Callable, Collection, Coroutine
from datetime import timedelta
from typing import Any

from cronkit.executors.loop import Loop, Task

SLICE = 64
"""How many tasks are started before the loop goes round everything else that is ready."""


class Feed:
    """The coroutines that wait for a loop and those that run on it, each under a key of the caller's.

    ``put`` is called by any thread, before there is a loop as well. ``_awake`` says that a wake is on its way to the
    loop, so that a burst of puts costs one; two at a time do no harm.
    """

    def __init__(self) -> None:
        self.loop: Loop | None = None
        self._waiting: deque[tuple[object, Coroutine[Any, Any, None]]] = deque()
        self._running: dict[object, Task] = {}
        self._awake = False

    @property
    def running(self) -> Collection[object]:
        """The keys of what was started on the loop and has not ended."""
        return self._running.keys()

    @property
    def has_waiting(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def attach(self, loop: Loop) -> None:
        """Bring everything to this loop from now on."""
        self.loop = loop
        self._wake(loop)

    def put(self, key: object, coroutine: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine on the loop soon; it is to ``discard`` its key, last of all.

        Raises:
            RuntimeError: the loop is closed; the coroutine waits all the same.
        """
        self._waiting.append((key, coroutine))
        if not self._awake and self.loop is not None:
            self._wake(self.loop)

    def discard(self, key: object) -> None:
        """Forget a coroutine that has ended; called on the loop."""
        self._running.pop(key, None)

    def cancel(self, key: object) -> None:
        """Cancel a coroutine that runs; one that waits is left to its own first step."""
        self._on_loop(lambda loop: self._cancel(loop, key))

    def cancel_all(self) -> None:
        """Cancel each coroutine that runs."""
        self._on_loop(lambda loop: self._cancel(loop, *self._running))

    async def end(self, patience: timedelta) -> None:
        """Cancel each coroutine that runs, see ``Loop.end``, and let go of the loop; called on it."""
        loop, self.loop = self.loop, None
        if loop is not None:
            await loop.end(list(self._running.values()), patience)

    def drop_waiting(self) -> list[object]:
        """Drop what waits; return the keys."""
        keys: list[object] = []
        while True:
            try:
                key, coroutine = self._waiting.popleft()
            except IndexError:
                return keys
            coroutine.close()
            keys.append(key)

    def drop_running(self) -> list[object]:
        """Drop what was started on a loop that is gone, and did not end there; return the keys."""
        running, self._running = self._running, {}
        return list(running)

    def _on_loop(self, action: Callable[[Loop], None]) -> None:
        loop = self.loop
        if loop is not None:
            loop.call(lambda: action(loop))

    def _wake(self, loop: Loop) -> None:
        self._awake = True
        try:
            loop.call(self._start_some)
        except RuntimeError:
            self._awake = False
            raise

    def _start_some(self) -> None:
        loop, waiting = self.loop, self._waiting
        if loop is None:
            return
        for _ in range(SLICE):
            try:
                key, coroutine = waiting.popleft()
            except IndexError:
                break
            self._running[key] = loop.spawn(coroutine)
        if not waiting:
            self._awake = False
        if waiting:  # looked at again: a put between the two did not wake us
            self._wake(loop)

    def _cancel(self, loop: Loop, *keys: object) -> None:
        for key in keys:
            task = self._running.get(key)
            if task is not None:
                # A turn later, when the task has begun: cancelled before its first step, it would run no line of its
                # coroutine, and so report nothing.
                loop.call(task.cancel)
