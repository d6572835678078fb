"""How long the starts of simulated jobs take, and which of them fail."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from random import Random
from typing import TypeVar

from cronkit.errors import ConfigurationError
from cronkit.jobs.attempt import Attempt, RunContext
from cronkit.jobs.policies import ZERO, Duration
from cronkit.schedules.durations import parse_span

AnyDuration = Duration | tuple[Duration, Duration] | Callable[[RunContext], Duration]
"""Always the same, evenly spread between two, or worked out for each start."""
AnyFailures = Collection[int] | Callable[[RunContext], BaseException | None]
"""Which starts of a job fail, counted from 1 and retries included; or what to raise, for each start."""

_Value = TypeVar("_Value")


class SimulatedFailure(Exception):
    """What a start raises that ``failures`` lists by its number."""


class Script:
    """The ``durations`` and ``failures`` of a simulation, each under the id of a job or the name of a target."""

    def __init__(
        self,
        durations: Mapping[str, AnyDuration],
        failures: Mapping[str, AnyFailures],
        known: Collection[str],
        seed: int,
    ) -> None:
        _check_names("durations", durations, known)
        _check_names("failures", failures, known)
        self._durations = {name: _read_duration(name, value) for name, value in durations.items()}
        self._failures = dict(failures)
        self._starts: Counter[str] = Counter()
        self._random = Random(seed)

    def next_start(self, attempt: Attempt) -> tuple[timedelta, BaseException | None]:
        """How long this start takes, and what it raises instead of calling its target."""
        if not self._durations and not self._failures:  # as nearly always
            return ZERO, None
        return self._duration(attempt), self._failure(attempt)

    def _duration(self, attempt: Attempt) -> timedelta:
        value = _of(attempt, self._durations)
        if value is None or isinstance(value, timedelta):
            return value or ZERO
        if isinstance(value, tuple):
            least, most = value
            return least + (most - least) * self._random.random()
        return _parse(attempt.job.id, value(RunContext(attempt)))

    def _failure(self, attempt: Attempt) -> BaseException | None:
        failures = _of(attempt, self._failures)
        if failures is None:
            return None
        if callable(failures):
            return failures(RunContext(attempt))
        self._starts[attempt.job.id] += 1
        start = self._starts[attempt.job.id]
        return SimulatedFailure(f"start {start} was to fail") if start in failures else None


def _of(attempt: Attempt, values: Mapping[str, _Value]) -> _Value | None:
    if not values:
        return None
    own = values.get(attempt.job.id)
    return values.get(attempt.job.target) if own is None else own


def _check_names(parameter: str, given: Collection[str], known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            raise ConfigurationError(
                f"{parameter}: no job or target is called {name!r}; there are {', '.join(sorted(known)) or 'none'}"
            )


def _read_duration(
    name: str, value: AnyDuration
) -> timedelta | tuple[timedelta, timedelta] | Callable[[RunContext], Duration]:
    if isinstance(value, tuple):
        least, most = (_parse(name, each) for each in value)
        return least, most
    return value if callable(value) else _parse(name, value)


def _parse(name: str, value: Duration) -> timedelta:
    try:
        return parse_span(value)
    except ValueError as error:
        raise ConfigurationError(f"durations: {name!r}: {error}") from None
