"""`ZonedSchedule`: what the schedules written in local time have in common."""

from datetime import datetime, tzinfo
from typing import Self

from cronkit.clock import utc_now
from cronkit.errors import ScheduleError
from cronkit.schedules.moments import (
    MAX_OCCURRENCES,
    MICRO,
    checked_number,
    micros,
    no_datetime,
    offset_of,
    read_moment,
)
from cronkit.schedules.schedule import Schedule, Value, budget_error, no_zone
from cronkit.schedules.timeline import DAY, MAX_SECOND, MIN_SECOND, Timeline, timeline_of
from cronkit.schedules.wallclock import Policy, Readings, count_instants, instants_after, next_instant, previous_instant
from cronkit.schedules.zones import resolve_zone, same_zone

__all__ = ["ZonedSchedule"]

HORIZON = 146_097 * DAY
"""Rule 18: nothing is looked for further away than 400 Gregorian years, after which the calendar repeats."""


class Window:
    """The edges ``[start, end)`` of a schedule: as given, in its zone, and as whole seconds ``[first, until)``."""

    __slots__ = ("end", "first", "start", "until")

    def __init__(self, start: datetime | None, end: datetime | None, timeline: Timeline) -> None:
        """A naive ``start`` or ``end`` is read on the timeline's clock."""
        self.start, self.end = start, end
        self.first, self.until = MIN_SECOND, MAX_SECOND + 1
        if start is not None:
            self.first, self.start = _edge(start, timeline, "start")
        if end is not None:
            self.until, self.end = _edge(end, timeline, "end")
        if self.start is not None and self.end is not None and micros(self.end) < micros(self.start):
            raise ScheduleError("the end lies before the start", field="end", hint="give a later end")

    def to_json(self) -> dict[str, str]:
        edges = (("start", self.start), ("end", self.end))
        return {name: moment.isoformat() for name, moment in edges if moment is not None}


ALWAYS = Window(None, None, timeline_of(None))


NOTHING_ASKED = (None, None, None)


class ZonedSchedule(Value, Schedule):
    """Readings of a local clock, within a window ``[start, end)``, in a zone or in none yet.

    Without a zone it takes and returns naive datetimes, and the window is naive too (rule 4).
    """

    __slots__ = ("_memo", "_policy", "_readings", "_tz", "_window")

    _tz: tzinfo | None
    _readings: Readings
    _policy: Policy
    _window: Window
    _memo: tuple[datetime | None, int | None, datetime | None]
    """What `next` was asked last, the second that this is, and the answer: jobs that share a schedule ask the same
    again, with the same object where that is the answer before (0.25 us less)."""

    @property
    def tz(self) -> tzinfo | None:
        return self._tz

    @property
    def start(self) -> datetime | None:
        return self._window.start

    @property
    def end(self) -> datetime | None:
        return self._window.end

    @property
    def is_bound(self) -> bool:
        return self.tz is not None

    def bind(self, *, tz: tzinfo | str | None = None, now: datetime | None = None) -> Self:
        if self._tz is not None or tz is None:
            return self
        return self._in_zone(resolve_zone(tz))

    def _in_zone(self, tz: tzinfo) -> Self:
        """A copy of this schedule, which has no zone, in ``tz``."""
        raise NotImplementedError

    def next(self, after: datetime | None = None) -> datetime | None:
        asked, asked_second, answer = self._memo
        if after is asked and after is not None:
            return answer
        timeline = timeline_of(self._tz)
        try:
            second = timeline.second_of(after)  # type: ignore[arg-type]
        except Exception:  # whatever a stranger's object does; `_second` says what is wrong with it
            second = self._second(after, timeline, "after")
        if second != asked_second:
            answer = self._next(second, timeline)
        self._memo = after, second, answer
        return answer

    def _next(self, second: int, timeline: Timeline) -> datetime | None:
        window = self._window
        if second < window.first:
            second = window.first - 1
        found = next_instant(self._readings, timeline, self._policy, second)
        if found is None:
            return None
        instant, segment = found
        if instant >= window.until or instant - second > HORIZON:
            return None
        return timeline.local(instant, segment)

    def previous(self, before: datetime | None = None) -> datetime | None:
        timeline = timeline_of(self._tz)
        window = self._window
        second = min(self._second(before, timeline, "before", up=True), window.until)
        found = previous_instant(self._readings, timeline, self._policy, second)
        if found is None:
            return None
        instant, segment = found
        if instant < window.first or second - instant > HORIZON:
            return None
        return timeline.local(instant, segment)

    def upcoming(self, n: int, after: datetime | None = None) -> list[datetime]:
        if checked_number(n, "n") > MAX_OCCURRENCES:
            raise budget_error(n, MAX_OCCURRENCES)
        timeline = timeline_of(self._tz)
        second = max(self._second(after, timeline, "after"), self._window.first - 1)
        return self._walk(timeline, second, n, HORIZON)

    def between(self, a: datetime, b: datetime, limit: int = MAX_OCCURRENCES) -> list[datetime]:
        timeline = timeline_of(self._tz)
        low, high = self._bounds(a, b, timeline)
        total = count_instants(self._readings, timeline, self._policy, low, high)
        if total > checked_number(limit, "limit"):
            raise budget_error(total, limit)
        return self._walk(timeline, low - 1, total, MAX_SECOND - MIN_SECOND)

    def count(self, a: datetime, b: datetime) -> int:
        timeline = timeline_of(self._tz)
        return count_instants(self._readings, timeline, self._policy, *self._bounds(a, b, timeline))

    def _walk(self, timeline: Timeline, second: int, n: int, horizon: int) -> list[datetime]:
        """The next ``n`` occurrences after an instant, as far as no two lie ``horizon`` apart."""
        until, local = self._window.until, timeline.local
        found: list[datetime] = []
        if n == 0:
            return found
        for instant, segment in instants_after(self._readings, timeline, self._policy, second):
            if instant >= until or instant - second > horizon:
                break
            found.append(local(instant, segment))
            if len(found) == n:
                break
            second = instant
        return found

    def _bounds(self, a: datetime, b: datetime, timeline: Timeline) -> tuple[int, int]:
        low, high = self._second(a, timeline, "a", up=True), self._second(b, timeline, "b", up=True)
        return max(low, self._window.first), min(high, self._window.until)

    def _second(self, moment: datetime | None, timeline: Timeline, field: str, up: bool = False) -> int:
        """The whole second at or before a moment (``up``: at or after it)."""
        if moment is None and field in ("after", "before"):
            if timeline.tz is None:
                raise no_zone(field)
            moment = utc_now()
        try:
            second = timeline.second_of(moment)  # type: ignore[arg-type]
        except Exception:
            raise _mismatch(moment, timeline, field) from None
        return -(-micros(moment) // MICRO) if up else second  # type: ignore[arg-type]

    def _identity(self) -> tuple[object, ...]:
        """All that tells this schedule from others, but for its zone."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._identity() == other._identity() and same_zone(self.tz, other.tz)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._identity()))


def read_window(start: object, end: object, tz: tzinfo | None) -> Window:
    """The window of a ``start`` and ``end`` as they are given."""
    if start is None and end is None:
        return ALWAYS
    return Window(
        None if start is None else read_moment(start, "start"),
        None if end is None else read_moment(end, "end"),
        timeline_of(tz),
    )


def _edge(moment: datetime, timeline: Timeline, field: str) -> tuple[int, datetime]:
    """The first whole second of a window's edge, and the edge itself in the timeline's zone."""
    aware = moment.utcoffset() is not None
    if aware and timeline.tz is None:
        problem = f"the {field} has a UTC offset, but the schedule has no zone"
        raise ScheduleError(problem, field=field, hint="give tz= as well")
    if aware:
        second = timeline.second_of(moment)
    else:
        reading = moment.replace(tzinfo=None)
        second = timeline.first_instant(timeline_of(None).second_of(reading))
        if second > MAX_SECOND:
            raise ScheduleError(f"the {field} is out of range", field=field, hint="give a year from 1 to 9999")
        moment = timeline.local(second, timeline.segment_at(second))
        if moment.replace(tzinfo=None, fold=0) == reading.replace(microsecond=0, fold=0):  # it is not in a gap
            moment = moment.replace(microsecond=reading.microsecond)
    return second + (1 if moment.microsecond else 0), moment


def _mismatch(moment: object, timeline: Timeline, field: str) -> ScheduleError:
    """Why a moment cannot be compared with a schedule's own time."""
    if not isinstance(moment, datetime):
        return no_datetime(moment, field)
    offset_of(moment, field)
    if timeline.tz is None:
        return ScheduleError(
            f"{field} has a UTC offset, but the schedule has no zone",
            field=field,
            hint="give the schedule tz=, or bind(tz=...)",
        )
    return ScheduleError(
        f"{field} has no UTC offset, but the schedule has a zone", field=field, hint="give an aware datetime"
    )
