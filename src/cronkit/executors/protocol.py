"""What an executor does for the engine: run attempts, and say honestly what it can and cannot stop."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, Protocol

from cronkit.errors import ConfigurationError
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.outcome import Outcome
from cronkit.jobs.target import Colour

Report = Callable[[Attempt, Outcome], None]
"""Says how an attempt ended; safe from any thread, returns at once. Called exactly once per submitted attempt."""


class ExecutorCapabilities(NamedTuple):
    """What an executor can do. ``cancels``: it can stop an attempt that does not co-operate."""

    colours: frozenset[Colour]
    cancels: bool


class Executor(Protocol):
    """Runs attempts on something: threads, a loop, processes, another engine."""

    @property
    def capabilities(self) -> ExecutorCapabilities:
        """What this executor can do."""

    @property
    def slots(self) -> int:
        """How many attempts may be in flight at once; the engine never hands over more."""

    def start(self) -> None:
        """Make ready; called before the first ``submit``, and again after a shutdown."""

    def submit(self, attempt: Attempt, report: Report) -> None:
        """Run an attempt; returns at once."""

    def cancel(self, attempt: Attempt) -> None:
        """Stop an attempt if this executor can; its outcome is reported all the same."""

    def stack_of(self, attempt: Attempt) -> str | None:
        """Where the attempt is now, as the text of a traceback; None if it is not running or cannot be looked at."""

    def shutdown(self, drain: timedelta) -> int:
        """Wait up to ``drain`` for attempts in flight, then stop; return how many were left running."""


def check_slots(parameter: str, value: object) -> int:
    """The number of slots that an executor was given.

    Raises:
        ConfigurationError: it is not a whole number of 1 or more.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{parameter}={value!r}: give a whole number, 1 or more")
    return value
