"""From readings of a local clock to instants: the one module that knows gaps and folds (cron-rules 9 to 13, 15, 17).

A schedule says which *readings* it matches (`Readings`); a `Timeline` says which offset holds when. Between them stands
one idea: each segment of the timeline *owns* the readings from where the one before left off.

- Across a gap it owns the skipped readings too, and all of them happen at its first instant (rules 11, 12, 15).
- Across a fold it does not own the readings that are being repeated (rule 10).
- Where a change is to be taken literally it owns just what its own clock shows: the skipped readings have no instant,
  the repeated ones have two (rules 9, 13).

So the instant of an owned reading is ``max(reading - offset, start)``, whichever way it is searched for.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Protocol

from cronkit.schedules.timeline import DAY, MAX_SECOND, MIN_SECOND, Segment, Timeline

__all__ = ["Policy", "Readings", "count_instants", "instants_after", "next_instant", "owned_from", "previous_instant"]

MAX_ADJUSTED_CHANGE = 3 * 3600
"""Rules 10 to 13: a larger change is taken literally."""


class Policy(Enum):
    """What a change of offset does to a schedule."""

    LITERAL = "literal"
    """Every instant whose reading matches (rule 9)."""
    FIXED_TIME = "fixed-time"
    """Once per reading, and late rather than never, across changes of at most 3 h (rules 10 to 13)."""
    ONCE = "once"
    """The first instant of each reading; nothing for gaps (rule 17)."""


class Readings(Protocol):
    """A set of readings, in whole seconds within datetime's years. All arguments may lie outside of them."""

    def first(self, reading: int) -> int | None:
        """The least member at or after ``reading``."""
        ...

    def last(self, reading: int) -> int | None:
        """The greatest member at or before ``reading``."""
        ...

    def count(self, low: int, high: int) -> int:
        """How many members are in ``[low, high)``."""
        ...


def owned_from(segment: Segment, policy: Policy) -> int:
    """The least reading that happens in this segment."""
    change = segment.offset - segment.before
    if policy is Policy.FIXED_TIME:
        continues = abs(change) <= MAX_ADJUSTED_CHANGE
    else:
        continues = policy is Policy.ONCE and change < 0
    return segment.start + (segment.before if continues else segment.offset)


def next_instant(readings: Readings, timeline: Timeline, policy: Policy, after: int) -> tuple[int, Segment] | None:
    """The least instant strictly after ``after``, with its segment."""
    low = max(after + 1, MIN_SECOND)
    while low <= MAX_SECOND:
        segment = timeline.segment_at(low)
        offset = segment.offset
        reading = low + offset
        if reading <= segment.settled:
            owned = owned_from(segment, policy)
            if low == segment.start or reading < owned:
                reading = owned
        match = readings.first(reading)
        if match is not None and match < segment.until:
            instant = match - offset
            return (instant if instant > segment.start else segment.start), segment
        low = _resume(segment, reading, match)
    return None


def _resume(segment: Segment, reading: int, match: int | None) -> int:
    """Where to go on after a segment, when no reading from ``reading`` up to ``match`` (None: at all) matches."""
    end = segment.end
    if end < reading + DAY:  # the next segment may show readings before this one
        return end
    return MAX_SECOND + 1 if match is None else max(end, match - DAY)


def instants_after(readings: Readings, timeline: Timeline, policy: Policy, after: int) -> Iterator[tuple[int, Segment]]:
    """All instants strictly after ``after``, in order, with their segments: `next_instant` over and over."""
    first = readings.first
    while (hit := next_instant(readings, timeline, policy, after)) is not None:
        yield hit
        instant, segment = hit
        offset, until = segment.offset, segment.until
        # Within a segment, past its beginning, readings and instants go together one by one.
        reading = instant + offset + 1
        while (match := first(reading)) is not None and match < until:
            yield match - offset, segment
            reading = match + 1
        after = _resume(segment, reading, match) - 1


def previous_instant(readings: Readings, timeline: Timeline, policy: Policy, before: int) -> tuple[int, Segment] | None:
    """The greatest instant strictly before ``before``, with its segment."""
    high = min(before - 1, MAX_SECOND)
    while high >= MIN_SECOND:
        segment = timeline.segment_at(high)
        reading = high + segment.offset
        match = readings.last(reading)
        if match is not None and (match > segment.settled or match >= owned_from(segment, policy)):
            return max(match - segment.offset, segment.start), segment
        high = segment.start - 1
        if high <= reading - DAY:  # no earlier instant shows a reading after this one
            if match is None:
                return None
            high = min(high, match + DAY)
    return None


def count_instants(readings: Readings, timeline: Timeline, policy: Policy, low: int, high: int) -> int:
    """How many instants are in ``[low, high)``."""
    low, high = max(low, MIN_SECOND), min(high, MAX_SECOND + 1)
    total = 0
    while low < high:
        segment = timeline.segment_at(low)
        reading = low + segment.offset
        if reading <= segment.settled:
            owned = owned_from(segment, policy)
            if low == segment.start and owned < reading:  # the skipped readings and the first one are one run
                match = readings.first(owned)
                total += match is not None and match <= reading
                reading += 1
            else:
                reading = max(reading, owned)
        end = min(high, segment.end)
        if reading < end + segment.offset:
            total += readings.count(reading, end + segment.offset)
        low = end
    return total
