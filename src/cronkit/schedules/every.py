"""`Every`: an interval of elapsed time."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, Never, Self

from cronkit.clock import utc_now
from cronkit.errors import ScheduleError
from cronkit.schedules.describe import moment_text
from cronkit.schedules.durations import describe_duration, format_duration, interval_text, parse_duration
from cronkit.schedules.expression import plain_text
from cronkit.schedules.lint import Finding, many_runs, never_runs
from cronkit.schedules.moments import MICRO, from_micros, micros, read_moment, require_aware
from cronkit.schedules.phrases import refused_phrase
from cronkit.schedules.schedule import Schedule, Value
from cronkit.schedules.timeline import DAY, MAX_SECOND, MIN_SECOND

__all__ = ["Every"]

_MIN, _MAX = MIN_SECOND * MICRO, (MAX_SECOND + 1) * MICRO


class Every(Value, Schedule):
    """Instants a fixed ``period`` of elapsed time apart, in UTC (cron-rules I3 and I4).

    ``period`` is a duration ("5m", "every 90s", "PT1H" or a timedelta). Without more the instants are aligned to
    1970-01-01T00:00Z, so that every node works out the same ones. ``anchor`` aligns them to another instant;
    ``start`` does so too, and is the first one. Occurrences lie in ``[start, end)``. The three are aware datetimes or
    ISO text with an offset. Every search is O(1). Raises ScheduleError for what cannot mean an interval.
    """

    __slots__ = ("_anchor", "_end", "_first", "_origin", "_period", "_start", "_step", "_until")

    def __init__(
        self,
        period: str | timedelta = "",
        *,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        anchor: datetime | str | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise _no_parameter(unknown)
        self._period = _read_period(period)
        self._start = _read_edge(start, "start")
        self._end = _read_edge(end, "end")
        self._anchor = _read_edge(anchor, "anchor")
        aligned = self._anchor or self._start
        self._step = self._period // timedelta(microseconds=1)
        self._origin = 0 if aligned is None else micros(aligned)
        self._first = _MIN if self._start is None else max(_MIN, micros(self._start))
        self._until = _MAX if self._end is None else min(_MAX, micros(self._end))
        if self._first > self._until:
            if self._first > _MAX:
                raise ScheduleError(
                    "the start is out of range", field="start", hint="give a year up to 9999, in UTC too"
                )
            raise ScheduleError("the end lies before the start", field="end", hint="give a later end")

    @property
    def period(self) -> timedelta:
        return self._period

    @property
    def start(self) -> datetime | None:
        return self._start

    @property
    def end(self) -> datetime | None:
        return self._end

    @property
    def anchor(self) -> datetime | None:
        return self._anchor

    @property
    def is_bound(self) -> bool:
        return True

    def bind(self, *, tz: tzinfo | str | None = None, now: datetime | None = None) -> Self:
        return self

    def next(self, after: datetime | None = None) -> datetime | None:
        instant = max(_instant(after, "after"), self._first - 1)
        following = instant + self._step - (instant - self._origin) % self._step
        return from_micros(following) if following < self._until else None

    def previous(self, before: datetime | None = None) -> datetime | None:
        instant = min(_instant(before, "before"), self._until) - 1
        preceding = instant - (instant - self._origin) % self._step
        return from_micros(preceding) if preceding >= self._first else None

    def count(self, a: datetime, b: datetime) -> int:
        low, high = max(_instant(a, "a"), self._first), min(_instant(b, "b"), self._until)
        return max(0, (high - 1 - self._origin) // self._step - (low - 1 - self._origin) // self._step)

    def describe(self) -> str:
        words = f"Every {describe_duration(self.period)}"
        for joint, moment in (("from", self.start), ("before", self.end), ("in step with", self.anchor)):
            if moment is not None:
                words += f", {joint} {_edge_text(moment)}"
        return words

    def lint(self, after: datetime | None = None) -> tuple[Finding, ...]:
        return *many_runs(DAY * MICRO // self._step), *never_runs(self.next(after))

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "every", "period": format_duration(self.period)}
        for name in ("start", "end", "anchor"):
            moment = getattr(self, name)
            if moment is not None:
                found[name] = moment.isoformat()
        return found

    def _identity(self) -> tuple[int, ...]:
        """Equal for all that denote the same instants: only the phase of the alignment counts."""
        return self._step, self._origin % self._step, self._first, self._until

    def __eq__(self, other: object) -> bool:
        return self._identity() == other._identity() if isinstance(other, Every) else NotImplemented

    def __hash__(self) -> int:
        return hash(("Every", self._identity()))

    def __str__(self) -> str:
        return f"every {format_duration(self.period)}"

    def __repr__(self) -> str:
        given = [f", {name}={value!r}" for name, value in self.to_json().items() if name in ("start", "end", "anchor")]
        return f"Every({format_duration(self.period)!r}{''.join(given)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.period, self.start, self.end, self.anchor)


def _restore(period: timedelta, start: Any, end: Any, anchor: Any) -> Every:
    return Every(period, start=start, end=end, anchor=anchor)


def _no_parameter(unknown: Mapping[str, object]) -> ScheduleError:
    name, text = next(iter(unknown)), interval_text(unknown)
    hint = f'write Every("{text or "1h30m"}")'
    if name in ("months", "years"):
        hint = "months and years have no fixed length: use CalendarInterval(months=1, ...)"
    return ScheduleError(f"Every takes no {name}=", field="duration", hint=hint)


def _read_period(period: str | timedelta) -> timedelta:
    if not isinstance(period, str):
        return parse_duration(period)
    text = plain_text(period, "duration")
    try:
        return _read_words(text)
    except ScheduleError as refused:
        raise refused_phrase(text) or refused from None


def _read_words(text: str) -> timedelta:
    """A duration, after "every" or alone."""
    word, blank, rest = text.partition(" ")
    if word.lower() not in ("every", "@every"):
        return parse_duration(text)
    rest = rest.strip()
    if rest.lower() in ("week", "day", "hour", "minute", "second", "millisecond"):
        raise ScheduleError(
            "the number is missing",
            field="duration",
            text=text,
            column=text.index(rest) + 1,
            hint=f'write "every 1 {rest}"',
        )
    if not blank or not rest:
        raise ScheduleError(
            f"nothing follows {word}", field="duration", text=text, column=len(text) + 1, hint=f'write "{word} 5m"'
        )
    try:
        return parse_duration(rest)
    except ScheduleError as refused:
        if refused.column is None:
            raise
        column = len(text) - len(rest) + refused.column
        raise ScheduleError(refused.problem, field="duration", text=text, column=column, hint=refused.hint) from None


def _read_edge(value: object, field: str) -> datetime | None:
    return None if value is None else require_aware(read_moment(value, field), field)


def _edge_text(moment: datetime) -> str:
    """An edge in UTC, or as it was given where UTC has no such year."""
    value = micros(moment)
    return f"{moment_text(from_micros(value))} UTC" if _MIN <= value < _MAX else moment.isoformat(sep=" ")


def _instant(moment: datetime | None, field: str) -> int:
    if moment is None and field in ("after", "before"):
        moment = utc_now()
    return micros(require_aware(moment, field))
