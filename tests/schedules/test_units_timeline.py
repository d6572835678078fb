"""The timeline of a zone: its segments against the zone's own answers, and what the search takes for granted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo, available_timezones

import pytest

from cronkit.schedules.timeline import DAY, MAX_SECOND, MIN_SECOND, PROBE, Segment, Timeline, timeline_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAMPLE = (
    "UTC",
    "America/New_York",
    "Europe/Dublin",
    "Europe/London",
    "Africa/Casablanca",
    "Africa/Freetown",
    "Africa/Monrovia",
    "America/Caracas",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Australia/Lord_Howe",
    "Europe/Amsterdam",
    "Pacific/Apia",
    "Pacific/Kwajalein",
)
ALL = sorted(available_timezones())


def second(year: int, month: int = 1, day: int = 1) -> int:
    return int((datetime(year, month, day, tzinfo=UTC) - EPOCH).total_seconds())


def offset_at(tz: tzinfo, instant: int) -> int:
    offset = (EPOCH + timedelta(seconds=instant)).astimezone(tz).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def segments(timeline: Timeline, low: int, high: int) -> Iterator[Segment]:
    while low < high:
        segment = timeline.segment_at(low)
        yield segment
        low = segment.end


def changes(timeline: Timeline, low: int, high: int) -> list[Segment]:
    """The segments that begin with a change of offset; one that reaches into the next year comes once."""
    by_start = {segment.start: segment for segment in segments(timeline, low, high)}
    return [segment for segment in by_start.values() if segment.before != segment.offset]


def check_offsets(name: str, number: int) -> None:
    tz, random = ZoneInfo(name), Random(name)
    timeline = Timeline(tz)
    for _ in range(number):
        instant = random.randrange(second(1850), second(2300))
        segment = timeline.segment_at(instant)
        assert segment.start <= instant < segment.end
        assert segment.offset == offset_at(tz, instant)


def check_changes(name: str, low: int, high: int) -> None:
    tz = ZoneInfo(name)
    for segment in changes(Timeline(tz), low, high):
        assert offset_at(tz, segment.start) == segment.offset
        assert offset_at(tz, segment.start - 1) == segment.before


@pytest.mark.parametrize("name", SAMPLE)
def test_a_segment_has_the_offset_that_the_zone_gives(name: str) -> None:
    check_offsets(name, 300)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_segment_begins_at_the_very_second_of_a_change(name: str) -> None:
    check_changes(name, second(1960), second(2040))


@pytest.mark.parametrize("name", SAMPLE)
def test_the_years_of_a_rule_have_the_same_segments_as_if_each_were_read(name: str) -> None:
    timeline = Timeline(ZoneInfo(name))
    for year in (2101, 2128, 2129, 2200, 2201, 2400, 4096, 9999):
        shifted, read = timeline._year(year), timeline._read_year(year)
        assert [(s.start, s.end, s.offset, s.before) for s in shifted] == [
            (s.start, s.end, s.offset, s.before) for s in read
        ]


def test_segments_meet_without_a_hole_over_all_years() -> None:
    timeline = Timeline(ZoneInfo("Europe/London"))
    end = MIN_SECOND
    for segment in segments(timeline, MIN_SECOND, second(200)):
        assert segment.start <= end < segment.end
        end = segment.end
    assert timeline.segment_at(MAX_SECOND).end == MAX_SECOND + 1


def test_a_change_within_the_last_hours_of_a_year_is_known_on_new_years_day() -> None:
    timeline = Timeline(ZoneInfo("Pacific/Apia"))  # skipped 2011-12-30, at 10:00 UTC of that day
    segment = timeline.segment_at(second(2012))
    assert segment.start == second(2011, 12, 30) + 10 * 3600
    assert segment.offset - segment.before == DAY


def test_a_fixed_offset_is_one_segment() -> None:
    timeline = Timeline(timezone(timedelta(hours=5, minutes=30)))
    segment = timeline.segment_at(0)
    assert (segment.start, segment.end, segment.offset) == (MIN_SECOND, MAX_SECOND + 1, 19800)


class Summer(tzinfo):
    """A zone of a third party: two hours ahead from June to August, one hour otherwise."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        assert moment is not None
        return timedelta(hours=2 if 6 <= moment.month <= 8 else 1)

    def dst(self, moment: datetime | None) -> timedelta:
        raise AssertionError("only utcoffset decides")

    def tzname(self, moment: datetime | None) -> str:
        raise AssertionError("only utcoffset decides")


def test_any_tzinfo_is_read_by_its_utcoffset_alone() -> None:
    found = changes(Timeline(Summer()), second(2030), second(2031))
    assert [(segment.offset, segment.before) for segment in found] == [(7200, 3600), (3600, 7200)]


@pytest.mark.parametrize("name", SAMPLE)
def test_the_second_of_a_datetime_of_the_same_zone_is_that_of_its_instant(name: str) -> None:
    tz, random = ZoneInfo(name), Random(name)
    timeline = Timeline(tz)
    for _ in range(300):
        instant = random.randrange(second(1900), second(2100))
        timeline.segment_at(instant + random.randrange(-5 * DAY, 5 * DAY))
        assert timeline.second_of((EPOCH + timedelta(seconds=instant)).astimezone(tz)) == instant


def test_the_repeated_hour_is_told_apart_by_fold_even_when_its_segment_is_at_hand() -> None:
    tz = ZoneInfo("America/New_York")
    timeline = Timeline(tz)
    for near in (-DAY, DAY):
        for fold in (0, 1):
            timeline.segment_at(second(2027, 11, 7) + 6 * 3600 + near)
            moment = datetime(2027, 11, 7, 1, 30, tzinfo=tz, fold=fold)
            assert timeline.second_of(moment) == second(2027, 11, 7) + (5 + fold) * 3600 + 1800


def test_timelines_are_shared() -> None:
    assert timeline_of(ZoneInfo("Europe/Paris")) is timeline_of(ZoneInfo("Europe/Paris"))


def test_a_timeline_keeps_a_bounded_number_of_years() -> None:
    timeline = Timeline(ZoneInfo("UTC"))
    for year in range(1500, 2101):
        timeline.segment_at(second(year))
    assert len(timeline._years) <= 128


def check_distances(name: str) -> None:
    """No two changes so close that a probe could miss both, no segment as short as its own gap or fold."""
    timeline = Timeline(ZoneInfo(name))
    found = changes(timeline, second(1800), second(2160))
    for one, other in pairwise(found):
        assert other.start - one.start > PROBE + DAY // 2
        assert other.start - one.start > 2 * abs(one.offset - one.before)
        readings = other.start + max(other.before, other.offset) - one.start - max(one.before, one.offset)
        assert readings > PROBE


@pytest.mark.parametrize("name", SAMPLE)
def test_changes_lie_further_apart_than_the_probes(name: str) -> None:
    check_distances(name)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(8))
def test_every_zone_keeps_its_changes_apart_and_answers_as_its_segments_do(part: int) -> None:
    for name in ALL[part::8]:
        check_distances(name)
        check_offsets(name, 60)
        check_changes(name, second(1880), second(2120))
