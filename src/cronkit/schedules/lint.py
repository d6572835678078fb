"""Findings: what in a schedule is legal, but may surprise its author."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from cronkit.clock import utc_now
from cronkit.schedules.dates import CronDates
from cronkit.schedules.describe import MONTHS, join_words, values_of
from cronkit.schedules.dialects import DIALECTS
from cronkit.schedules.fields import CronFields
from cronkit.schedules.grammar import FieldKind, read_field
from cronkit.schedules.timeline import DAY, MAX_SECOND, MIN_SECOND, Segment, Timeline, timeline_of
from cronkit.schedules.wallclock import Policy, Readings, owned_from

if TYPE_CHECKING:
    from cronkit.schedules.cron import Cron
    from cronkit.schedules.zoned import ZonedSchedule

__all__ = ["Finding", "Surprise", "clock_changes", "lint_cron", "many_runs", "never_runs"]

BUSY = 1_440
"""So many runs a day, one a minute, are worth a remark."""
_LOOK_AHEAD = 400 * DAY
_CYCLES = {"second": 60, "minute": 60, "hour": 24, "month": 12, "day-of-week": 7}
_ALL_HOURS = (1 << 24) - 1
_FEBRUARY = 2
_LONGEST = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""The days of each month, of February in a leap year."""


class Surprise(Enum):
    """The kinds of findings."""

    DAYS_ARE_OR_ED = "days-are-or-ed"
    """Day of the month and weekday are both given, and either suffices."""
    SKIPPED_TIME = "skipped-time"
    """A time does not exist on the day of the next change of clocks."""
    REPEATED_TIME = "repeated-time"
    """A time happens twice on the day of the next change of clocks."""
    UNEVEN_STEP = "uneven-step"
    """A step does not divide its range, so the last distance is shorter."""
    MANY_RUNS = "many-runs"
    """1,440 runs a day or more."""
    MISSING_DAY = "missing-day"
    """Some months lack the day."""
    NEVER_RUNS = "never-runs"
    """There is no occurrence left."""


class Finding(NamedTuple):
    """One finding: its kind, what it says, and the field or the local time it is about, where there is one."""

    kind: Surprise
    message: str
    field: str | None = None
    at: datetime | None = None


def lint_cron(cron: "Cron", fields: CronFields, policy: Policy, after: datetime | None) -> tuple[Finding, ...]:
    """The findings of a cron schedule, in a fixed order."""
    found = [*_or_ed_days(fields.dates), *_missing_days(fields.dates), *_uneven_steps(cron)]
    found += many_runs(fields.times_a_day())
    if after is not None or cron.tz is not None:
        after = utc_now() if after is None else after
        following = cron.next(after)
        hours_matter = fields.hours != _ALL_HOURS
        found += clock_changes(cron, fields, policy, after) if hours_matter else []
        found += never_runs(following)
    return tuple(found)


def many_runs(runs: int) -> list[Finding]:
    return [Finding(Surprise.MANY_RUNS, f"{runs:,} runs a day")] if runs >= BUSY else []


def never_runs(following: datetime | None) -> list[Finding]:
    return [] if following is not None else [Finding(Surprise.NEVER_RUNS, "there is no occurrence left")]


def clock_changes(schedule: "ZonedSchedule", readings: Readings, policy: Policy, after: datetime) -> list[Finding]:
    """What the next change of each direction within the schedule's window does to the readings it skips or repeats."""
    timeline = timeline_of(schedule.tz)
    if schedule.tz is None:
        return []
    instant = min(max(timeline.second_of(after), MIN_SECOND), MAX_SECOND)
    if schedule.start is not None:
        instant = max(instant, timeline.second_of(schedule.start) - 1)
    end = min(instant + _LOOK_AHEAD, MAX_SECOND)
    if schedule.end is not None:
        end = min(end, timeline.second_of(schedule.end) - 1)
    gap = fold = None
    segment = timeline.segment_at(instant)
    while segment.end <= end and (gap is None or fold is None):
        segment = timeline.segment_at(segment.end)
        if segment.start <= instant:
            continue
        if segment.offset > segment.before:
            gap = gap or segment
        elif segment.offset < segment.before:
            fold = fold or segment
    found = []
    if gap is not None:
        found += _skipped(timeline, gap, readings, policy)
    if fold is not None:
        found += _repeated(timeline, fold, readings, policy)
    return found


def _skipped(timeline: Timeline, gap: Segment, readings: Readings, policy: Policy) -> list[Finding]:
    reading = readings.first(gap.start + gap.before)
    if reading is None or reading >= gap.start + gap.offset:
        return []
    lost = _naive(reading)
    late = owned_from(gap, policy) <= reading
    runs = f"runs at {_naive(gap.start + gap.offset):%H:%M}" if late else "does not run"
    return [
        Finding(
            Surprise.SKIPPED_TIME,
            f"{lost:%H:%M} does not exist on {lost:%Y-%m-%d}: {runs}",
            at=timeline.local(gap.start, gap),
        )
    ]


def _repeated(timeline: Timeline, fold: Segment, readings: Readings, policy: Policy) -> list[Finding]:
    reading = readings.first(fold.start + fold.offset)
    if reading is None or reading >= fold.start + fold.before:
        return []
    twice = _naive(reading)
    runs = "runs at both" if owned_from(fold, policy) <= reading else "runs at the first only"
    return [
        Finding(
            Surprise.REPEATED_TIME,
            f"{twice:%H:%M} happens twice on {twice:%Y-%m-%d}: {runs}",
            at=timeline.local(fold.start, fold),
        )
    ]


def _naive(reading: int) -> datetime:
    naive = timeline_of(None)
    return naive.local(reading, naive.segment_at(reading))


def _or_ed_days(dates: CronDates) -> list[Finding]:
    if dates.both_days:
        return []
    return [
        Finding(
            Surprise.DAYS_ARE_OR_ED,
            "runs when either day field matches; write + before day-of-week to ask for both",
            "day-of-week",
        )
    ]


def _missing_days(dates: CronDates) -> list[Finding]:
    """Months without any of the days of the month, whatever weekday they begin with."""
    if not dates.both_days or dates.has_month_day(28):
        return []
    days = values_of(dates.days, 1)
    lacking = [month for month in values_of(dates.months) if not dates.has_month_day(_LONGEST[month])]
    words = [MONTHS[month] for month in lacking]
    if dates.has_month_day(29) and dates.months >> _FEBRUARY & 1:
        words = ["February of most years"]
    if not words:
        return []
    missing = f"day {days[0]}" if days else "such day"
    return [
        Finding(
            Surprise.MISSING_DAY, f"there is no {missing} in {join_words(words)}: does not run then", "day-of-month"
        )
    ]


def _uneven_steps(cron: "Cron") -> list[Finding]:
    dialect = DIALECTS[cron.dialect]
    parts = cron.text.upper().split()
    layout = dialect.layouts.get(len(parts))
    if layout is None:
        return []
    found = []
    for kind, place in zip(dialect.kinds, layout, strict=True):
        for item in parts[place].removeprefix("+").split(",") if place >= 0 else ():
            start, slash, step = item.partition("/")
            if slash and "-" not in start:
                values = values_of(read_field(item, kind, cron.seed)[0])
                found += _uneven(kind, item, values, int(step))
    return found


def _uneven(kind: FieldKind, item: str, values: list[int], step: int) -> list[Finding]:
    """The finding of a step that goes on to the end of its field, where it does not come round evenly.

    One that starts after the first step, as ``9/2`` for hours, leaves the beginning out on purpose.
    """
    size = _CYCLES.get(kind.name)
    last = size - values[-1] + values[0] if size else step
    if kind.name == "day-of-month" and step > 1:
        problem = f"{item} starts anew each month, so the last distance varies"
    elif size is None or last == step or (values[0] - kind.low >= step and len(values) > 1):
        return []
    else:
        unit = "day" if kind.name == "day-of-week" else kind.name
        problem = f"{item} does not divide {size} {unit}s: the last distance is {last}, not {step}"
        if len(values) == 1:
            problem = f"{item} is a single {unit}, for there is no second step"
    return [Finding(Surprise.UNEVEN_STEP, problem, kind.name)]
