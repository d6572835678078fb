"""Attempts to hand to an executor, with targets of either colour, and what collects their outcomes."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio

from cronkit.jobs.attempt import Attempt, current_run
from cronkit.jobs.ids import IdSource
from cronkit.jobs.job import JobSpec
from cronkit.jobs.keys import Cause, JobKey
from cronkit.jobs.outcome import Outcome
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.jobs.target import Colour, Target
from cronkit.schedules import Manual

PATIENCE = 10.0
"""Seconds after which a test gives up waiting for something that takes no time."""
POLL = 0.001
"""Seconds between two looks of a coroutine at what another thread does."""
NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)


class Gate:
    """Where a target waits until it is let through."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()

    def wait(self) -> None:
        """Wait, in a function, until the gate is open or the run is to be cancelled."""
        self.reached.set()
        for _ in range(int(PATIENCE / POLL)):
            if self._open.wait(POLL) or current_run().cancel_requested:
                return
        raise TimeoutError("nobody opened the gate")

    async def await_(self) -> None:
        """Wait, in a coroutine on any loop, until the gate is open."""
        self.reached.set()
        for _ in range(int(PATIENCE / POLL)):
            if self._open.is_set():
                return
            await anyio.sleep(POLL)
        raise TimeoutError("nobody opened the gate")


class Work:
    """Makes attempts whose targets are of one colour."""

    def __init__(self, colour: Colour) -> None:
        self.colour = colour
        self._new_id = IdSource(seed=0).new
        self.progress: list[tuple[Attempt, float, str | None]] = []

    def doing(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Attempt:
        """An attempt that calls ``action`` with these arguments, in a coroutine if that is the colour."""
        return self.attempt(self._coloured(action), *args, **kwargs)

    def waiting_at(self, gate: Gate) -> Attempt:
        """An attempt that waits at a gate, and returns "through"."""

        def pass_gate() -> str:
            gate.wait()
            return "through"

        async def pass_gate_later() -> str:
            await gate.await_()
            return "through"

        return self.attempt(pass_gate if self.colour is Colour.FUNCTION else pass_gate_later)

    def attempt(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Attempt:
        """A first attempt at a run of a function, which is of the colour already."""
        spec = JobSpec(id="job", target="target", schedule=Manual(), executor="default", args=args, kwargs=kwargs)
        run = RunRow(self._new_id(), JobKey("suite", "job", 1), Cause.MANUAL, NOW, NOW, "click", RunStatus.RUNNING, NOW)
        return Attempt(run, spec, Target("target", function), 1, 1, NOW, self._progress)

    def _progress(self, attempt: Attempt, fraction: float, note: str | None) -> None:
        self.progress.append((attempt, fraction, note))

    def _coloured(self, action: Callable[..., Any]) -> Callable[..., Any]:
        def function_target(*args: Any, **kwargs: Any) -> Any:
            return action(*args, **kwargs)

        async def coroutine_target(*args: Any, **kwargs: Any) -> Any:
            await anyio.sleep(0)
            return action(*args, **kwargs)

        return function_target if self.colour is Colour.FUNCTION else coroutine_target


def attempt_at(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Attempt:
    """A first attempt at a run of a function, whose progress nobody looks at."""
    return Work(Colour.FUNCTION).attempt(function, *args, **kwargs)


class Reports:
    """The outcomes that an executor reported, attempt by attempt."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[Attempt, Outcome]] = []
        self._arrived = threading.Condition()

    def __call__(self, attempt: Attempt, outcome: Outcome) -> None:
        with self._arrived:
            self.outcomes.append((attempt, outcome))
            self._arrived.notify_all()

    def of(self, attempt: Attempt) -> Outcome:
        """Wait for an attempt's outcome."""
        self._wait(lambda: any(each is attempt for each, _ in self.outcomes))
        return next(outcome for each, outcome in self.outcomes if each is attempt)

    def all(self, count: int) -> list[Outcome]:
        """Wait for that many outcomes."""
        self._wait(lambda: len(self.outcomes) >= count)
        return [outcome for _, outcome in self.outcomes]

    def counts(self) -> Counter[str]:
        """How often each run's attempt was reported up to now."""
        with self._arrived:
            return Counter(attempt.run.id for attempt, _ in self.outcomes)

    def _wait(self, arrived: Callable[[], bool]) -> None:
        with self._arrived:
            if not self._arrived.wait_for(arrived, PATIENCE):
                raise TimeoutError(f"{len(self.outcomes)} outcomes were reported, not the one waited for")
