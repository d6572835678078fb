"""What keeps the coroutines of a simulation from waiting for real threads."""

import asyncio
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class ThreadGuard:
    """While it is entered, a coroutine on a loop that can ``refuse`` starts no thread and gives nothing to a pool.

    It is refused as it asks, because how fast a thread is must decide nothing. For everybody else, and so for
    functions under ``asyncio.to_thread``, threads are as ever. It may be entered by several threads at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entered = 0
        self._guarded: list[tuple[type, str, Callable[..., Any], Callable[..., Any]]] = []

    def __enter__(self) -> None:
        with self._lock:
            self._entered += 1
            if self._entered == 1:
                for owner, name, what in _ways_to_a_thread():
                    original = getattr(owner, name)
                    guarded = _guarded(original, what)
                    setattr(owner, name, guarded)
                    self._guarded.append((owner, name, original, guarded))

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._entered -= 1
            while not self._entered and self._guarded:
                owner, name, original, guarded = self._guarded.pop()
                if getattr(owner, name) is guarded:  # else somebody else has wrapped it, and it does no harm
                    setattr(owner, name, original)


GUARD = ThreadGuard()


def _ways_to_a_thread() -> Iterator[tuple[type, str, str]]:
    yield threading.Thread, "start", "a thread"
    yield ThreadPoolExecutor, "submit", "a thread"  # one with an idle thread starts none
    processes = sys.modules.get("concurrent.futures.process")
    if processes is not None:
        yield processes.ProcessPoolExecutor, "submit", "a process"


def _guarded(original: Callable[..., Any], what: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def guarded(*args: Any, **options: Any) -> Any:
        refuse: Callable[[str], Exception] | None = getattr(asyncio._get_running_loop(), "refuse", None)
        if refuse is not None:
            raise refuse(what)
        return original(*args, **options)

    return guarded
