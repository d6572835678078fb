"""Where a schedule and the oracle say different things."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

from cronkit.schedules import Schedule
from tests.schedules.oracle import moment, seconds

HALF = timedelta(microseconds=500_000)


def disagreement(
    schedule: Schedule, expected: list[int], zone: tzinfo, a: int, b: int, probes: Iterable[int]
) -> str | None:
    """The first difference between a schedule and its expected occurrences in a <= x < b, as a sentence, or None.

    ``probes`` are the instants from which ``next`` and ``previous`` are asked, besides those next to each member.
    """
    start, stop = moment(a, zone), moment(b)
    found = schedule.between(start, stop)
    if (wrong := _wrong_members(found, expected, zone)) is not None:
        return f"between: {wrong}"
    if (count := schedule.count(start, stop)) != len(expected):
        return f"count gives {count}, not {len(expected)}"
    for probe in probes:
        for here in (moment(probe, zone), moment(probe) + HALF, moment(probe) - HALF):
            if (wrong := _wrong_neighbours(schedule, expected, here, a, b)) is not None:
                return wrong
    return None


def _wrong_members(found: list[datetime], expected: list[int], zone: tzinfo) -> str | None:
    instants = [seconds(member) for member in found]
    if instants != expected:
        missing = [moment(instant, zone).isoformat() for instant in sorted(set(expected) - set(instants))[:5]]
        surplus = [moment(instant, zone).isoformat() for instant in sorted(set(instants) - set(expected))[:5]]
        return f"missing {missing}, surplus {surplus}" if missing or surplus else "out of order or repeated"
    for member in found:
        right = moment(seconds(member), zone)
        if (member.replace(tzinfo=None), member.fold, member.tzinfo) != (right.replace(tzinfo=None), right.fold, zone):
            return f"{member!r} is not written as {right!r}"
    return None


def _wrong_neighbours(schedule: Schedule, expected: list[int], here: datetime, a: int, b: int) -> str | None:
    whole, part = divmod(here.astimezone(UTC) - moment(0), timedelta(seconds=1))
    if not a <= whole < b:
        return None
    after = expected[bisect_right(expected, whole) :]
    before = expected[: bisect_left(expected, whole + bool(part))]
    following, preceding = schedule.next(here), schedule.previous(here)
    if after and (following is None or seconds(following) != after[0]):
        return f"next({here.isoformat()}) is {following}, not {moment(after[0])}"
    if not after and following is not None and seconds(following) < b:
        return f"next({here.isoformat()}) is {following}, which is no member"
    if before and (preceding is None or seconds(preceding) != before[-1]):
        return f"previous({here.isoformat()}) is {preceding}, not {moment(before[-1])}"
    if not before and preceding is not None and seconds(preceding) >= a:
        return f"previous({here.isoformat()}) is {preceding}, which is no member"
    return None
