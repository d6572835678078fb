"""When attempts have to be stopped, on the clock that nobody can set."""

import heapq
from collections.abc import Callable

from cronkit.jobs.attempt import Attempt

RESOLUTION = 1e-6
"""Seconds: a deadline this near has come, for ``step`` cannot ask to be called at a time between two microseconds."""
FEW = 64
"""How many deadlines are kept without looking whether their attempts have ended."""


class Deadlines:
    """A heap of attempts by the monotonic time at which their timeout is over.

    Those that have ended meanwhile, for which ``runs_on`` is false, drop out when they come up, or when they may be
    half of all there are.
    """

    def __init__(self, runs_on: Callable[[Attempt], bool]) -> None:
        self._runs_on = runs_on
        self._heap: list[tuple[float, int, Attempt]] = []
        self._number = 0
        self._enough = FEW

    def __bool__(self) -> bool:
        return bool(self._heap)

    def add(self, at: float, attempt: Attempt) -> None:
        """Have an attempt stopped at ``at``."""
        self._number += 1
        heapq.heappush(self._heap, (at, self._number, attempt))
        if len(self._heap) > self._enough:
            self._heap = [each for each in self._heap if self._runs_on(each[2])]
            heapq.heapify(self._heap)
            self._enough = max(2 * len(self._heap), FEW)

    def pop(self, monotonic: float) -> list[Attempt]:
        """The running attempts whose time is over."""
        over: list[Attempt] = []
        while self._heap and self._heap[0][0] <= monotonic + RESOLUTION:
            attempt = heapq.heappop(self._heap)[2]
            if self._runs_on(attempt):
                over.append(attempt)
        return over

    def first(self) -> float | None:
        """The earliest deadline of an attempt that still runs."""
        while self._heap and not self._runs_on(self._heap[0][2]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
