"""The offsets of a zone, as stretches of instants (cron-rules 14 and 15).

All in integers. An *instant* is a count of UTC seconds since 1970; a *reading* is what a local clock shows, as seconds
since its own 1970-01-01T00:00; reading = instant + offset. Offsets are found from ``utcoffset()`` alone, never from
``dst()`` or a zone's file, so every ``tzinfo`` is served alike.
"""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

__all__ = ["DAY", "MAX_SECOND", "MIN_SECOND", "Segment", "Timeline", "is_leap", "timeline_of"]

DAY = 86_400
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
MIN_SECOND = (date.min.toordinal() - EPOCH_ORDINAL) * DAY
MAX_SECOND = (date.max.toordinal() - EPOCH_ORDINAL) * DAY + DAY - 1

# No two changes of any zone lie closer together than 3.98 days (Freetown, 1939), which a test verifies over all zones:
# so two offsets read this far apart have at most one change between them.
PROBE = 3 * DAY
_PROBES = tuple(timedelta(seconds=PROBE * index) for index in range(125))
# tzdata lists single changes up to 2087, after which each year follows the zone's one rule: from 2101 on, 28 years hold
# each shape of a year (its length and the weekday of its first day), and later ones are like them.
_RULE_YEARS = range(2101, 2129)
_LAST_READ_YEAR = _RULE_YEARS[-1]
_MAX_YEARS = 128
_MAX_TIMELINES = 700


class Segment:
    """A stretch of instants ``[start, end)`` with one ``offset`` (seconds); ``before`` is the offset until ``start``.

    Where a stretch begins or ends only because a calendar year does, ``before`` equals ``offset``, which makes the
    boundary neutral. ``settled`` is the least reading that neither lies in a gap or fold at ``start`` nor comes
    before it; ``until`` is the reading at ``end``.
    """

    __slots__ = ("before", "end", "offset", "settled", "start", "until")

    def __init__(self, start: int, end: int, offset: int, before: int) -> None:
        self.start = start
        self.end = end
        self.offset = offset
        self.before = before
        self.settled = start + max(offset, before)
        self.until = end + offset

    def shifted(self, seconds: int) -> "Segment":
        return Segment(self.start + seconds, self.end + seconds, self.offset, self.before)

    def __repr__(self) -> str:
        return f"Segment(start={self.start}, end={self.end}, offset={self.offset}, before={self.before})"


class Timeline:
    """The segments of one zone, or of naive time where ``tz`` is None (one segment without an offset).

    They are worked out a UTC year at a time when first asked for, and kept. Safe to share between threads: each memo
    is replaced as a whole, by an equal value.
    """

    __slots__ = ("_epoch", "_origin", "_recent", "_years", "tz")

    def __init__(self, tz: tzinfo | None) -> None:
        self.tz = tz
        self._origin = datetime(1970, 1, 1, tzinfo=None if tz is None else UTC)
        self._epoch = datetime(1970, 1, 1, tzinfo=tz)
        self._years: dict[int, tuple[Segment, ...]] = {}
        if tz is None or isinstance(tz, timezone):
            offset = 0 if tz is None else _seconds(tz.utcoffset(None))
            self._recent = Segment(MIN_SECOND, MAX_SECOND + 1, offset, offset)
        else:
            self._recent = Segment(0, 0, 0, 0)

    def second_of(self, moment: datetime) -> int:
        """The instant of a datetime, which may be of any zone, rounded down to the second.

        Raises TypeError where one of the two is naive and the other is not.
        """
        if moment.tzinfo is self.tz:
            delta = moment - self._epoch  # of one zone, hence a difference of readings
            reading = delta.days * DAY + delta.seconds
            segment = self._recent
            if segment.settled <= reading < segment.until - 2 * DAY:  # no other segment shows this reading
                return reading - segment.offset
        delta = moment - self._origin
        return delta.days * DAY + delta.seconds

    def segment_at(self, instant: int) -> Segment:
        """The segment that holds ``instant``, which must lie within datetime's years."""
        segment = self._recent
        if segment.start <= instant < segment.end:
            return segment
        for segment in self._year(date.fromordinal(instant // DAY + EPOCH_ORDINAL).year):
            if instant < segment.end:
                break
        self._recent = segment
        return segment

    def local(self, instant: int, segment: Segment) -> datetime:
        """``instant`` as a datetime of this zone, with the right fold; ``segment`` is the one that holds it."""
        reading = instant + segment.offset
        local = self._epoch + timedelta(0, reading)
        return local if reading >= segment.settled else local.replace(fold=1)

    def holds(self, instant: int) -> bool:
        """Whether datetime's years hold an instant, in UTC and as a reading of this zone."""
        if not MIN_SECOND <= instant <= MAX_SECOND:
            return False
        return MIN_SECOND <= instant + self.segment_at(instant).offset <= MAX_SECOND

    def first_instant(self, reading: int) -> int:
        """The first instant at which a local clock shows ``reading`` or has just skipped it."""
        instant = max(MIN_SECOND, reading - DAY)
        while instant <= MAX_SECOND:
            segment = self.segment_at(instant)
            if reading < segment.until:
                return max(segment.start, reading - segment.offset)
            instant = segment.end
        return instant

    def _year(self, year: int) -> tuple[Segment, ...]:
        """The segments that hold the instants of one UTC year."""
        if year > _LAST_READ_YEAR and isinstance(self.tz, ZoneInfo):
            model = _model_year(year)
            shift = (date(year, 1, 1) - date(model, 1, 1)).days * DAY
            return tuple(segment.shifted(shift) for segment in self._year(model))
        segments = self._years.get(year)
        if segments is None:
            if len(self._years) >= _MAX_YEARS:
                self._years = {}
            segments = self._years[year] = self._read_year(year)
        return segments

    def _read_year(self, year: int) -> tuple[Segment, ...]:
        """The first starts at the change before the year when that lies within the last days of December, so that
        gaps and folds may reach across New Year."""
        begin = (date(year, 1, 1).toordinal() - EPOCH_ORDINAL) * DAY
        end = begin + (366 if is_leap(year) else 365) * DAY
        changes = [change for change in self._changes(begin - PROBE - DAY, end + DAY) if change[0] < end]
        past = [change for change in changes if change[0] <= begin]
        if past:
            start, before, offset = past[-1]
        elif changes:
            start, before, offset = begin, changes[0][1], changes[0][1]
        else:
            start = begin
            before = offset = _seconds(self._at(begin).utcoffset())
        segments = []
        for change, _, after in changes[len(past) :]:
            segments.append(Segment(start, change, offset, before))
            start, before, offset = change, offset, after
        segments.append(Segment(start, end, offset, before))
        return tuple(segments)

    def _changes(self, low: int, high: int) -> list[tuple[int, int, int]]:
        """The changes that show between two readings: (instant, offset before, offset after), in order.

        PEP 495: with fold=0 a reading has the old offset until instant + max(before, after).
        """
        low, high = max(low, MIN_SECOND), min(high, MAX_SECOND)
        first = self._at(low)
        probes = [first + step for step in _PROBES[: (high - low) // PROBE + 1]]
        probes.append(self._at(high))
        found = []
        offset = first.utcoffset()
        for index, after in enumerate([probe.utcoffset() for probe in probes]):
            if after != offset:
                switch = self._bisect(_reading(probes[index - 1]), _reading(probes[index]), offset)
                old, new = _seconds(offset), _seconds(after)
                found.append((switch - max(old, new), old, new))
                offset = after
        return found

    def _bisect(self, low: int, high: int, offset: timedelta | None) -> int:
        """The least reading in ``(low, high]`` that no longer has ``offset``."""
        while high - low > 1:
            middle = (low + high) // 2
            if self._at(middle).utcoffset() == offset:
                low = middle
            else:
                high = middle
        return high

    def _at(self, reading: int) -> datetime:
        return self._epoch + timedelta(0, reading)


_timelines: dict[int, Timeline] = {}


def timeline_of(tz: tzinfo | None) -> Timeline:
    """The shared timeline of a zone (by identity, for a tzinfo need not be hashable)."""
    timeline = _timelines.get(id(tz))
    if timeline is None:
        if len(_timelines) >= _MAX_TIMELINES:
            _timelines.clear()
        timeline = _timelines[id(tz)] = Timeline(tz)
    return timeline


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else offset.days * DAY + offset.seconds


def _reading(local: datetime) -> int:
    return (local.toordinal() - EPOCH_ORDINAL) * DAY + local.hour * 3600 + local.minute * 60 + local.second


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


@cache
def _model_years() -> dict[tuple[int, bool], int]:
    """The year among `_RULE_YEARS` of each shape."""
    return {(date(year, 1, 1).weekday(), is_leap(year)): year for year in _RULE_YEARS}


def _model_year(year: int) -> int:
    return _model_years()[date(year, 1, 1).weekday(), is_leap(year)]
