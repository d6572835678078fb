"""Attempts to hand to executors, and what collects their outcomes."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cronkit.jobs.attempt import Attempt
from cronkit.jobs.job import JobSpec
from cronkit.jobs.keys import Cause, JobKey
from cronkit.jobs.outcome import Outcome
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.jobs.target import Target
from cronkit.schedules import Manual

PATIENCE = 10.0
"""Seconds after which a test gives up waiting for something that takes no time."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def attempt_at(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Attempt:
    """A first attempt at a run of a function."""
    spec = JobSpec(id="job", target="target", schedule=Manual(), executor="default", args=args, kwargs=kwargs)
    key = JobKey("default", "job", 1)
    run = RunRow("run", key, Cause.SCHEDULE, NOW, NOW, "", RunStatus.RUNNING, NOW)
    return Attempt(run, spec, Target("target", function), 1, 1, NOW, lambda attempt, fraction, note: None)


class Reports:
    """What executors reported, attempt by attempt."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[Attempt, Outcome]] = []
        self._arrived = threading.Condition()

    def __call__(self, attempt: Attempt, outcome: Outcome) -> None:
        with self._arrived:
            self.outcomes.append((attempt, outcome))
            self._arrived.notify_all()

    def of(self, attempt: Attempt) -> Outcome:
        """Wait for an attempt's outcome."""
        self._wait(lambda: any(reported is attempt for reported, _ in self.outcomes))
        return next(outcome for reported, outcome in self.outcomes if reported is attempt)

    def all(self, count: int) -> list[Outcome]:
        """Wait for that many outcomes."""
        self._wait(lambda: len(self.outcomes) >= count)
        return [outcome for _, outcome in self.outcomes]

    def _wait(self, arrived: Callable[[], bool]) -> None:
        with self._arrived:
            if not self._arrived.wait_for(arrived, PATIENCE):
                raise TimeoutError(f"{len(self.outcomes)} outcomes were reported, not the one waited for")
