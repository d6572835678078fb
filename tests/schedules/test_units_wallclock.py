"""Gaps and folds with zones made for the purpose: each policy, at each edge of a change."""

from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from cronkit.schedules.timeline import Timeline
from cronkit.schedules.wallclock import (
    Policy,
    count_instants,
    instants_after,
    next_instant,
    previous_instant,
)

CHANGE = 1_800_000_000
HOUR = 3600


class OneChange(tzinfo):
    """A zone with one change of its offset, at `CHANGE`; PEP 495 is followed."""

    def __init__(self, before: int, after: int) -> None:
        self.before, self.after = before, after

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None
        reading = int((moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
        edge = max(self.before, self.after) if not moment.fold else min(self.before, self.after)
        return timedelta(seconds=self.before if reading - edge < CHANGE else self.after)

    def dst(self, moment: datetime | None) -> None:
        """Nobody asks (rule 14)."""

    def tzname(self, moment: datetime | None) -> str:
        return "one change"


class Members:
    """A set of readings, listed."""

    def __init__(self, *readings: int) -> None:
        self.readings = sorted(readings)

    def first(self, reading: int) -> int | None:
        return next((member for member in self.readings if member >= reading), None)

    def last(self, reading: int) -> int | None:
        return next((member for member in reversed(self.readings) if member <= reading), None)

    def count(self, low: int, high: int) -> int:
        return sum(low <= member < high for member in self.readings)


def found(members: Members, before: int, after: int, policy: Policy) -> list[int]:
    """The instants, as seconds from the change, the same whichever way they are found."""
    timeline = Timeline(OneChange(before, after))
    low, high = CHANGE - 10 * 86_400, CHANGE + 10 * 86_400
    walked = [instant - CHANGE for instant, _ in instants_after(members, timeline, policy, low)]
    stepped, moment = [], low
    while (hit := next_instant(members, timeline, policy, moment)) is not None:
        moment = hit[0]
        stepped.append(moment - CHANGE)
    back, moment = [], high
    while (hit := previous_instant(members, timeline, policy, moment)) is not None:
        moment = hit[0]
        back.append(moment - CHANGE)
    assert walked == stepped == back[::-1]
    for edge in (low, CHANGE - 1, CHANGE, CHANGE + 1, CHANGE + 600, high):
        assert count_instants(members, timeline, policy, low, edge) == sum(CHANGE + i < edge for i in walked)
        assert count_instants(members, timeline, policy, edge, high) == sum(CHANGE + i >= edge for i in walked)
    return walked


GAP, LARGE_GAP = (0, HOUR), (0, 3 * HOUR + 1)
FOLD, LARGE_FOLD = (HOUR, 0), (3 * HOUR + 1, 0)
REPEATED = Members(CHANGE - 60, CHANGE, CHANGE + 600, CHANGE + HOUR)
SKIPPED = Members(CHANGE - 60, CHANGE, CHANGE + 600, CHANGE + 1200, CHANGE + HOUR, CHANGE + HOUR + 60)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy.FIXED_TIME, [-60, 0, 60]),
        (Policy.LITERAL, [-60, 0, 60]),
        (Policy.ONCE, [-60, 0, 60]),
    ],
)
def test_all_skipped_readings_and_the_one_at_the_change_are_one_instant(policy: Policy, expected: list[int]) -> None:
    assert found(SKIPPED, *GAP, policy) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(Policy.FIXED_TIME, [0]), (Policy.LITERAL, []), (Policy.ONCE, [])],
)
def test_a_skipped_reading_happens_at_the_change_for_fixed_times_only(policy: Policy, expected: list[int]) -> None:
    assert found(Members(CHANGE + 600), *GAP, policy) == expected


@pytest.mark.parametrize("policy", Policy)
def test_a_gap_of_more_than_three_hours_has_no_instants(policy: Policy) -> None:
    assert found(Members(CHANGE + 600), *LARGE_GAP, policy) == []


def test_a_gap_of_three_hours_is_still_made_good() -> None:
    assert found(Members(CHANGE + 600), 0, 3 * HOUR, Policy.FIXED_TIME) == [0]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy.FIXED_TIME, [-HOUR - 60, -HOUR, -HOUR + 600, HOUR]),
        (Policy.LITERAL, [-HOUR - 60, -HOUR, -HOUR + 600, 0, 600, HOUR]),
        (Policy.ONCE, [-HOUR - 60, -HOUR, -HOUR + 600, HOUR]),
    ],
)
def test_repeated_readings_happen_again_only_when_taken_literally(policy: Policy, expected: list[int]) -> None:
    assert found(REPEATED, *FOLD, policy) == expected


@pytest.mark.parametrize(
    ("policy", "times"),
    [(Policy.FIXED_TIME, 2), (Policy.LITERAL, 2), (Policy.ONCE, 1)],
)
def test_a_fold_of_more_than_three_hours_is_literal_unless_once_is_asked_for(policy: Policy, times: int) -> None:
    assert len(found(Members(CHANGE + 600), *LARGE_FOLD, policy)) == times


def test_a_last_reading_that_is_repeated_is_found_again_when_nothing_follows_it() -> None:
    assert found(Members(CHANGE + 600), *FOLD, Policy.LITERAL) == [600 - HOUR, 600]


def test_offsets_may_have_odd_seconds() -> None:
    assert found(Members(CHANGE + 100), 28, 180, Policy.FIXED_TIME) == [0]
    assert found(Members(CHANGE + 100), 180, 28, Policy.FIXED_TIME) == [-80]
