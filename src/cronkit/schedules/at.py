"""`At`: one instant or several."""

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from cronkit.clock import utc_now
from cronkit.errors import ScheduleError
from cronkit.schedules.describe import join_words, moment_text
from cronkit.schedules.lint import Finding, never_runs
from cronkit.schedules.moments import (
    MICRO,
    NAIVE_EPOCH,
    from_micros,
    micros,
    no_datetime,
    offset_of,
    read_moment,
    require_aware,
)
from cronkit.schedules.schedule import Schedule, Value, no_zone
from cronkit.schedules.timeline import DAY, Timeline, timeline_of
from cronkit.schedules.wallclock import Policy, next_instant
from cronkit.schedules.zones import resolve_zone, same_zone, zone_key, zone_name, zone_title

__all__ = ["At"]

_NOW = "now"


class At(Value, Schedule):
    """A few given instants, each ISO text or a datetime, kept to the microsecond.

    An instant without a UTC offset is read on the clock of ``tz``, and follows cron-rules 10 to 13 where that clock
    changes; without ``tz`` the schedule is naive until `bind` gives it a zone. ``At("now")`` is symbolic: it stands
    for the instant that `bind` is given. Occurrences are in ``tz``, or in UTC. Raises ScheduleError for anything that
    is no instant.
    """

    __slots__ = ("_moments", "_points", "_tz")

    _moments: tuple[datetime, ...] | None
    """As given; None for "now"."""
    _points: tuple[int, ...]
    """In order, as microseconds: of instants, or of readings where there is no zone."""

    def __init__(self, *instants: datetime | str, tz: tzinfo | str | None = None) -> None:
        if not instants:
            raise ScheduleError("there is no instant", field="at", hint='give one, as in At("2027-01-01T09:00+01:00")')
        self._tz = None if tz is None else resolve_zone(tz)
        if any(_is_now(instant) for instant in instants):
            if len(instants) > 1:
                raise ScheduleError('"now" stands alone', field="at", hint="make a schedule of its own for it")
            self._moments = None
            self._points = ()
            return
        moments = tuple(read_moment(instant, "at") for instant in instants)
        if self.tz is None and len({moment.utcoffset() is None for moment in moments}) > 1:
            raise ScheduleError("some instants have an offset, some have none", field="at", hint="give tz= as well")
        self._moments = moments
        self._points = tuple(sorted({point for moment in moments for point in _points(moment, self.tz)}))

    @property
    def tz(self) -> tzinfo | None:
        return self._tz

    @property
    def is_bound(self) -> bool:
        return self._moments is not None and not self._is_naive

    @property
    def _is_naive(self) -> bool:
        return self.tz is None and self._moments is not None and self._moments[0].utcoffset() is None

    @property
    def instants(self) -> tuple[datetime, ...]:
        """The occurrences, in order; none while "now" stands for no instant yet."""
        return tuple(map(self._moment, self._points))

    def bind(self, *, tz: tzinfo | str | None = None, now: datetime | None = None) -> "At":
        if self._moments is None:
            return self if now is None else At(require_aware(now, "now"), tz=self.tz)
        return At(*self._moments, tz=tz) if self._is_naive and tz is not None else self

    def next(self, after: datetime | None = None) -> datetime | None:
        index = bisect_right(self._points, self._point(after, "after"))
        return self._moment(self._points[index]) if index < len(self._points) else None

    def previous(self, before: datetime | None = None) -> datetime | None:
        index = bisect_left(self._points, self._point(before, "before"))
        return self._moment(self._points[index - 1]) if index else None

    def count(self, a: datetime, b: datetime) -> int:
        low, high = self._point(a, "a"), self._point(b, "b")
        return max(0, bisect_left(self._points, high) - bisect_left(self._points, low))

    def describe(self) -> str:
        if self._moments is None:
            return "Once, when it is added"
        zone = f", {zone_title(self.tz)}" if self.tz else "" if self._is_naive else " UTC"
        times = join_words(moment_text(self._moment(point)) for point in self._points) if self._points else "no time"
        return f"{'Once, at' if len(self._points) == 1 else 'At'} {times}{zone}"

    def lint(self, after: datetime | None = None) -> tuple[Finding, ...]:
        if self._moments is None or (after is None and self._is_naive):
            return ()
        return tuple(never_runs(self.next(after)))

    def to_json(self) -> dict[str, Any]:
        at = [_NOW] if self._moments is None else [moment.isoformat() for moment in self._moments]
        return {"type": "at", "at": at} | ({} if self.tz is None else {"tz": zone_name(self.tz)})

    def _point(self, moment: datetime | None, field: str) -> int:
        """A caller's datetime on the scale of this schedule's points."""
        if self._moments is None:
            raise ScheduleError('"now" has no instant yet', field="at", hint="bind(now=...) gives it one")
        if not self._is_naive:
            return micros(
                require_aware(utc_now() if moment is None and field in ("after", "before") else moment, field)
            )
        if moment is None:
            raise no_zone(field)
        if not isinstance(moment, datetime):
            raise no_datetime(moment, field)
        if offset_of(moment, field) is not None:
            raise ScheduleError(
                f"{field} has a UTC offset, but the schedule has no zone", field=field, hint="give tz=, or bind(tz=...)"
            )
        return micros(moment)

    def _moment(self, point: int) -> datetime:
        if self._is_naive:
            return NAIVE_EPOCH + timedelta(microseconds=point)
        if self.tz is None:
            return from_micros(point)
        timeline = timeline_of(self.tz)
        second, micro = divmod(point, MICRO)
        return timeline.local(second, timeline.segment_at(second)).replace(microsecond=micro)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, At):
            return NotImplemented
        return self._identity() == other._identity() and same_zone(self.tz, other.tz)

    def _identity(self) -> tuple[object, ...]:
        return self._moments is None, self._is_naive, self._points

    def __hash__(self) -> int:
        return hash(("At", self._identity()))

    def __str__(self) -> str:
        return _NOW if self._moments is None else ", ".join(moment.isoformat() for moment in self._moments)

    def __repr__(self) -> str:
        written = [repr(text) for text in self.to_json()["at"]]
        zone = [] if self.tz is None else [f"tz={zone_key(self.tz) or self.tz!r}"]
        return f"At({', '.join(written + zone)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, ((_NOW,) if self._moments is None else self._moments, self.tz)


def _restore(moments: tuple[Any, ...], tz: tzinfo | None) -> At:
    return At(*moments, tz=tz)


def _is_now(instant: object) -> bool:
    return isinstance(instant, str) and str.__str__(instant)[:64].strip(" \t").lower() == _NOW


class _OneReading:
    """The set of one reading."""

    __slots__ = ("reading",)

    def __init__(self, reading: int) -> None:
        self.reading = reading

    def first(self, reading: int) -> int | None:
        return self.reading if reading <= self.reading else None

    def last(self, reading: int) -> int | None:
        return self.reading if reading >= self.reading else None

    def count(self, low: int, high: int) -> int:
        return int(low <= self.reading < high)


def _points(moment: datetime, tz: tzinfo | None) -> list[int]:
    """Where a given instant happens: once, or for a reading that a large change skips or repeats, never or twice."""
    if moment.utcoffset() is None and tz is not None:
        points = _instants(micros(moment.replace(tzinfo=None)), timeline_of(tz))
    else:
        points = [micros(moment)]
    timeline = timeline_of(tz or UTC)
    for point in points:
        if not timeline.holds(point // MICRO):
            raise ScheduleError(
                "the instant is out of range", field="at", hint="give a year from 1 to 9999, in UTC too"
            )
    return points


def _instants(reading: int, timeline: Timeline) -> list[int]:
    second, micro = divmod(reading, MICRO)
    found = []
    hit = next_instant(_OneReading(second), timeline, Policy.FIXED_TIME, second - 2 * DAY)
    while hit is not None:
        instant, segment = hit
        exact = instant + segment.offset == second  # a skipped reading happens at the change itself
        found.append(instant * MICRO + (micro if exact else 0))
        hit = next_instant(_OneReading(second), timeline, Policy.FIXED_TIME, instant)
    return found
