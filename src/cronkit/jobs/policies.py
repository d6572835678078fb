"""What a job does when it is late, overlaps, fails, crashes or hangs: each policy is one value with a shorthand."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar, cast

from cronkit.errors import ConfigurationError, ScheduleError
from cronkit.jobs.validation import whole_number
from cronkit.schedules.durations import parse_duration, parse_span

Duration = str | timedelta
_Choice = TypeVar("_Choice", bound=StrEnum)

ZERO = timedelta()


def _duration(policy: str, value: Any, *, zero: bool = False) -> timedelta:
    try:
        return parse_span(value) if zero else parse_duration(value)
    except ScheduleError as error:
        raise ConfigurationError(f"{policy}={value!r}: {error}") from None


def _check_factor(name: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 <= value <= 1000:
        raise ConfigurationError(f"{name}={value!r}: give a factor from 1 to 1000")


class Overlap(StrEnum):
    """What an occurrence does while another run of its job is open, anywhere in the store's scope."""

    SKIP = "skip"
    """It is recorded as skipped, naming the run in its way."""
    QUEUE = "queue"
    """It waits its turn."""
    ALLOW = "allow"
    """It runs beside the other."""
    CANCEL_RUNNING = "cancel_running"
    """It cancels the other, and runs when that has ended."""


class OnCrash(StrEnum):
    """What becomes of a run whose node was lost."""

    RERUN = "rerun"
    """It starts again, at most ``CRASH_RERUNS`` times: at least once."""
    FAIL = "fail"
    """It is abandoned: at most once."""
    HOLD = "hold"
    """It waits for a person."""


CRASH_RERUNS = 3


class MissedKind(StrEnum):
    """Which of the occurrences that were noticed late still run."""

    LATEST = "latest"
    SKIP = "skip"
    ALL = "all"


_SKIP = MissedKind.SKIP
"""Looked up once: 40 ns, at each fire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """What late occurrences become, made by ``latest``, ``skip`` or ``all``; the shorthands are their names.

    ``within`` is how late an occurrence may be and still run (None: no limit); ``limit`` is how many may run.
    """

    kind: MissedKind = field(default=MissedKind.LATEST, kw_only=False)
    within: timedelta | None = None
    limit: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.kind, MissedKind):
            raise ConfigurationError(
                f"Missed({self.kind!r}): write the text alone, missed='latest', 'skip' or 'all', or one of "
                "Missed.latest(within='6h'), Missed.skip(grace='1s') and Missed.all(limit=100)"
            )

    @classmethod
    def latest(cls, *, within: Duration | None = None) -> "Missed":
        """The newest late occurrence runs and stands for the earlier ones, unless it is more than ``within`` late."""
        return cls(within=None if within is None else _duration("within", within))

    @classmethod
    def skip(cls, *, grace: Duration = "1s") -> "Missed":
        """What is noticed more than ``grace`` late does not run; a one-shot does."""
        return cls(kind=MissedKind.SKIP, within=_duration("grace", grace))

    @classmethod
    def all(cls, *, limit: int = 100) -> "Missed":
        """Each late occurrence runs, one after the other, the newest ``limit`` of them."""
        whole_number("limit", limit)
        return cls(kind=MissedKind.ALL, limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a failed run is tried, and how long it waits between attempts.

    ``attempts`` counts the first, so 1 means no retry. Before attempt n + 1 it waits ``delay * backoff ** (n - 1)``,
    at most ``max_delay``. The wait is kept by the store, so it survives a restart.
    """

    attempts: int = field(default=1, kw_only=False)
    delay: Duration = ZERO
    backoff: float = 1.0
    max_delay: Duration = timedelta(hours=1)

    def __post_init__(self) -> None:
        whole_number("attempts", self.attempts, hint="it counts the first")
        _check_factor("backoff", self.backoff)
        object.__setattr__(self, "delay", _duration("delay", self.delay, zero=True))
        object.__setattr__(self, "max_delay", _duration("max_delay", self.max_delay))

    def wait(self, attempt: int) -> timedelta | None:
        """How long to wait after ``attempt`` (counted from 1) failed; None if it was the last."""
        if attempt >= self.attempts:
            return None
        delay, longest = cast(timedelta, self.delay), cast(timedelta, self.max_delay)
        if delay >= longest:
            return longest
        try:
            return min(delay * self.backoff ** (attempt - 1), longest)
        except OverflowError:
            return longest


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Everything that decides what a job's occurrences become, with the text shorthands already read."""

    missed: Missed = field(default_factory=Missed)
    overlap: Overlap = Overlap.SKIP
    retry: Retry = field(default_factory=Retry)
    on_crash: OnCrash = OnCrash.RERUN
    timeout: timedelta | None = None
    spread: timedelta = ZERO
    jitter: timedelta = ZERO
    max_runs: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether a single due occurrence runs, however late, at its nominal time."""
        missed = self.missed
        return missed.kind is not _SKIP and missed.within is None and not self.spread and not self.jitter


LIBRARY_DEFAULTS = Policies()
"""What holds where nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Policies for the jobs of a scheduler that do not give their own; shorthands as at ``Scheduler.job``."""

    missed: str | Missed | None = None
    overlap: str | Overlap | None = None
    retry: int | Retry | None = None
    on_crash: str | OnCrash | None = None
    timeout: Duration | None = None
    spread: Duration | None = None
    jitter: Duration | None = None

    def policies(self) -> Policies:
        """These defaults over the library's own.

        Raises:
            ConfigurationError: a value that its policy does not know.
        """
        return read_policies(LIBRARY_DEFAULTS, {each.name: getattr(self, each.name) for each in fields(self)})


def read_policies(base: Policies, given: dict[str, Any]) -> Policies:
    """``base`` with each policy of ``given`` that is not None, its shorthand read.

    Raises:
        ConfigurationError: a value that its policy does not know, or a bare number for a duration.
    """
    changes = {name: _READERS[name](value) for name, value in given.items() if value is not None}
    return replace(base, **changes) if changes else base


def _choice(policy: str, kind: type[_Choice]) -> Callable[[Any], _Choice]:
    def read(value: Any) -> _Choice:
        try:
            return kind(value)
        except ValueError:
            known = ", ".join(repr(str(choice)) for choice in kind)
            raise ConfigurationError(f"{policy}={value!r}: give one of {known}") from None

    return read


def _read_missed(value: Any) -> Missed:
    if isinstance(value, Missed):
        return value
    if value in ("latest", "skip", "all"):
        return cast(Missed, getattr(Missed, value)())
    raise ConfigurationError(
        f"missed={value!r}: give 'latest', 'skip' or 'all', or a Missed such as Missed.latest(within='6h')"
    )


def _read_retry(value: Any) -> Retry:
    if isinstance(value, Retry):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Retry(attempts=value)
    raise ConfigurationError(
        f"retry={value!r}: give a Retry such as Retry(attempts=3, delay='5s'), or the number of attempts"
    )


_READERS: dict[str, Callable[[Any], Any]] = {
    "missed": _read_missed,
    "overlap": _choice("overlap", Overlap),
    "retry": _read_retry,
    "on_crash": _choice("on_crash", OnCrash),
    "timeout": lambda value: _duration("timeout", value),
    "spread": lambda value: _duration("spread", value),
    "jitter": lambda value: _duration("jitter", value),
    "max_runs": lambda value: whole_number("max_runs", value),
}
