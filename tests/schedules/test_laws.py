"""Laws that hold for every kind of schedule."""

import copy
import inspect
import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronkit.errors import ScheduleError, SearchLimitError
from cronkit.schedules import At, CalendarInterval, Cron, Every, Manual, Schedule, schedule_from_json
from tests.schedules.expectations import at, instants
from tests.schedules.strategies import expressions, moments, schedules

TICK = timedelta(microseconds=1)

SAMPLES: list[Schedule] = [
    Cron("30 2 * * MON-FRI", tz="America/New_York"),
    Cron(
        "0 0 L * ?", tz="Europe/Paris", dst="once", start=at("2024-01-01T00:00+01:00"), end=at("2030-01-01T00:00+01:00")
    ),
    Cron("0 15 10 ? * 6L", tz="UTC", dialect="quartz"),
    Cron("H H * * *", tz="UTC", seed="billing"),
    Cron("0 9 * * *"),
    Cron("@daily"),
    Cron("CRON_TZ=Asia/Tokyo 0 9 * * *"),
    Cron("0 9 * * *", tz=UTC),
    Cron("0 9 * * *", tz=timezone(timedelta(hours=5, minutes=45))),
    Every("90m"),
    Every("1h", start=at("2024-01-01T00:07+00:00"), end=at("2025-01-01T00:00+00:00")),
    Every("250ms", anchor=at("2024-01-01T00:00:00.100000+00:00")),
    CalendarInterval(weeks=2, at="09:00", start="2024-01-01", tz="Europe/London"),
    CalendarInterval(years=1, months=6, at="09:00:30", start="2024-01-31"),
    At("2027-01-01T09:00+01:00", "2027-06-01T09:00Z"),
    At("2027-01-01T09:00", tz="Europe/Paris"),
    At("2027-01-01T09:00"),
    At("now"),
    Manual(),
]
EACH_SAMPLE = pytest.mark.parametrize("schedule", SAMPLES, ids=repr)


@settings(max_examples=150)
@given(schedules(), moments())
def test_upcoming_is_next_again_and_again_and_always_later(schedule: Schedule, after: datetime) -> None:
    found = schedule.upcoming(8, after=after)
    assert all(earlier < later for earlier, later in pairwise(instants([after, *found])))
    stepped: list[datetime] = []
    here = schedule.next(after)
    while here is not None and len(stepped) < 8:
        stepped.append(here)
        here = schedule.next(here)
    assert instants(found) == instants(stepped)


@settings(max_examples=150)
@given(schedules(), moments().map(lambda moment: moment.astimezone(UTC)))
def test_nothing_lies_between_a_moment_and_its_neighbours(schedule: Schedule, moment: datetime) -> None:
    following, preceding = instants([schedule.next(moment), schedule.previous(moment)])
    if following is not None:
        before_it, again = instants([schedule.previous(following), schedule.next(following - TICK)])
        assert before_it is None or before_it <= moment
        assert again == following
    if preceding is not None:
        after_it, again = instants([schedule.next(preceding), schedule.previous(preceding + TICK)])
        assert after_it is None or after_it >= moment
        assert again == preceding


@settings(max_examples=100)
@given(schedules(), moments())
def test_previous_undoes_next_on_members(schedule: Schedule, after: datetime) -> None:
    found = schedule.upcoming(6, after=after)
    assert instants(schedule.previous(member) for member in found[1:]) == instants(found[:-1])


@settings(max_examples=100)
@given(schedules(), moments().map(lambda moment: moment.astimezone(UTC)), st.integers(0, 8), st.integers(0, 8))
def test_between_is_the_part_of_upcoming_in_its_window(schedule: Schedule, after: datetime, i: int, j: int) -> None:
    found = [member.astimezone(UTC) for member in schedule.upcoming(9, after=after)]
    marks = [after + TICK, *found]
    start, stop = marks[min(i, len(found))], marks[min(j, len(found))]
    expected = [member for member in found if start <= member < stop]
    assert instants(schedule.between(start, stop)) == expected
    assert schedule.count(start, stop) == len(expected)


@settings(max_examples=100)
@given(expressions("default"), st.sets(moments().map(lambda moment: moment.astimezone(UTC)), min_size=4, max_size=4))
def test_start_and_end_only_leave_out_what_lies_outside(text: str, cuts: set[datetime]) -> None:
    start, after, before, end = sorted(cuts)
    whole, part = Cron(text, tz="Europe/London"), Cron(text, tz="Europe/London", start=start, end=end)
    following, preceding = instants([whole.next(after), whole.previous(before)])
    assert instants([part.next(after)]) == [following if following is not None and following < end else None]
    assert instants([part.previous(before)]) == [preceding if preceding is not None and preceding >= start else None]
    assert instants([part.next(start - timedelta(days=1))]) in ([None], instants([whole.next(start - TICK)]))
    assert part.count(start - timedelta(days=9), end + timedelta(days=9)) == whole.count(start, end)


@settings(max_examples=100)
@given(expressions("default"), st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)))
def test_without_a_zone_it_answers_as_in_utc(text: str, after: datetime) -> None:
    naive, aware = Cron(text), Cron(text, tz="UTC")
    expected = [member.replace(tzinfo=None) for member in aware.upcoming(5, after=after.replace(tzinfo=UTC))]
    assert naive.upcoming(5, after=after) == expected
    earlier = aware.previous(after.replace(tzinfo=UTC))
    assert naive.previous(after) == (None if earlier is None else earlier.replace(tzinfo=None))


@settings(max_examples=100)
@given(schedules(), st.lists(moments(), min_size=3, max_size=3))
def test_counts_add_up(schedule: Schedule, cuts: list[datetime]) -> None:
    a, b, c = sorted(cut.astimezone(UTC) for cut in cuts)
    assert schedule.count(a, b) + schedule.count(b, c) == schedule.count(a, c)


@settings(max_examples=100)
@given(schedules(), moments())
def test_a_schedule_and_its_json_form_are_equal_and_answer_alike(schedule: Schedule, after: datetime) -> None:
    again = schedule_from_json(json.loads(json.dumps(schedule.to_json())))
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert instants(again.upcoming(3, after=after)) == instants(schedule.upcoming(3, after=after))


@settings(max_examples=100)
@given(expressions("default"))
def test_a_plain_cron_reads_back_from_its_text(text: str) -> None:
    cron = Cron(text)
    assert Cron(str(cron)) == cron


@EACH_SAMPLE
def test_json_holds_only_plain_values_and_round_trips(schedule: Schedule) -> None:
    assert schedule_from_json(json.loads(json.dumps(schedule.to_json()))) == schedule


@EACH_SAMPLE
def test_a_pickled_schedule_is_equal(schedule: Schedule) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(schedule, protocol)) == schedule


@EACH_SAMPLE
def test_a_copy_is_equal(schedule: Schedule) -> None:
    assert copy.copy(schedule) == copy.deepcopy(schedule) == schedule


@EACH_SAMPLE
def test_a_schedule_used_is_equal_to_one_that_is_not(schedule: Schedule) -> None:
    fresh = schedule_from_json(schedule.to_json())
    bound = schedule.bind(tz="UTC", now=at("2024-01-01T00:00+00:00"))
    bound.upcoming(3, after=at("2024-06-01T00:00+00:00"))
    assert (fresh, hash(fresh)) == (schedule, hash(schedule))
    assert pickle.loads(pickle.dumps(bound)) == bound


@EACH_SAMPLE
def test_a_schedule_cannot_be_changed(schedule: Schedule) -> None:
    for name in ("text", "tz", "period", "start", "anything"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(schedule, name, "other")


@EACH_SAMPLE
def test_only_equal_schedules_are_equal(schedule: Schedule) -> None:
    assert [other == schedule for other in SAMPLES].count(True) == 1
    others: list[object] = [schedule.to_json(), str(schedule), None]
    assert schedule not in others


@EACH_SAMPLE
def test_its_description_and_its_repr_are_one_line(schedule: Schedule) -> None:
    for text in (schedule.describe(), repr(schedule), str(schedule)):
        assert text.strip()
        assert "\n" not in text
        assert " at 0x" not in text


@EACH_SAMPLE
def test_binding_gives_a_zone_where_one_is_missing_and_nothing_else(schedule: Schedule) -> None:
    bound = schedule.bind(tz="Asia/Tokyo", now=at("2027-01-01T00:00+00:00"))
    assert bound.bind(tz="Europe/Paris", now=at("2028-01-01T00:00+00:00")) is bound
    assert all(member.tzinfo is not None for member in bound.upcoming(2, after=at("2026-01-01T00:00+00:00")))


def test_crons_differ_by_zone_dialect_and_mode() -> None:
    variants = [
        Cron("0 0 9 ? * 2"),
        Cron("0 0 9 ? * 2", tz="UTC"),
        Cron("0 0 9 ? * 2", dialect="quartz"),
        Cron("0 0 9 ? * 2", dst="literal"),
        Cron("0 0 9 ? * 2", start=datetime(2024, 1, 1)),
    ]
    assert len(set(variants)) == len(variants)


def hashed_and_plain() -> list[list[str]]:
    """What two schedules answer that could depend on how a process hashes texts."""
    hashed = Cron("H H(0-7)/2 H * H", tz="Europe/Paris", seed="nightly")
    plain = Cron("0 0 * * FRI#2", tz="UTC")
    after = datetime(2024, 1, 1, tzinfo=UTC)
    return [[member.isoformat() for member in cron.upcoming(5, after=after)] for cron in (hashed, plain)]


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_schedules_answer_alike_in_every_process(seed: str) -> None:
    imports = "from datetime import UTC, datetime\nfrom cronkit.schedules import Cron\n"
    program = f"{imports}{inspect.getsource(hashed_and_plain)}print(hashed_and_plain())"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == str(hashed_and_plain())


def test_a_schedule_answers_by_the_calendar_whatever_the_process() -> None:
    assert hashed_and_plain()[1][0].startswith("2024-01-12")


def test_threads_that_share_a_schedule_get_the_answers_of_one() -> None:
    shared, moments = Cron("*/7 1,2 * * *", tz="America/New_York"), [at("1990-03-01T00:00+00:00")]
    while len(moments) < 300:
        moments.append(moments[-1] + timedelta(days=97, hours=5))
    expected = [Cron("*/7 1,2 * * *", tz="America/New_York").next(moment) for moment in moments]

    def ask(worker: int) -> bool:
        order = moments[worker * 37 :] + moments[: worker * 37]
        found = [shared.next(moment) for moment in order]
        return instants(found) == instants(expected[worker * 37 :] + expected[: worker * 37])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(ask, range(8)))
    finally:
        sys.setswitchinterval(interval)


def test_the_documented_hash_of_h_does_not_change() -> None:
    found = Cron("H H * * *", tz="UTC", seed="billing").next(datetime(2024, 1, 1, tzinfo=UTC))
    assert found == at("2024-01-01T12:20+00:00")


def test_between_refuses_more_than_its_limit_before_it_collects_them() -> None:
    second = Every("1s")
    with pytest.raises(SearchLimitError):
        second.between(at("0002-01-01T00:00+00:00"), at("9998-01-01T00:00+00:00"))
    with pytest.raises(SearchLimitError):
        Cron("* * * * * *", tz="UTC").between(at("2000-01-01T00:00+00:00"), at("2020-01-01T00:00+00:00"))
    with pytest.raises(SearchLimitError):
        second.between(at("2024-01-01T00:00:00+00:00"), at("2024-01-01T00:00:04+00:00"), limit=3)
    assert len(second.between(at("2024-01-01T00:00:00+00:00"), at("2024-01-01T00:00:03+00:00"), limit=3)) == 3


@pytest.mark.parametrize("n", [-1, 1.5, "3", None, True])
def test_upcoming_wants_a_whole_number(n: object) -> None:
    with pytest.raises(ScheduleError):
        Every("1h").upcoming(n, after=at("2024-01-01T00:00+00:00"))  # type: ignore[arg-type]


@pytest.mark.parametrize("moment", ["2024-01-01T00:00+00:00", 5, b"", datetime(2024, 1, 1).date(), object()])
def test_a_moment_is_a_datetime(moment: object) -> None:
    schedule = Cron("0 9 * * *", tz="UTC")
    for ask in (
        lambda: schedule.next(moment),  # type: ignore[arg-type]
        lambda: schedule.previous(moment),  # type: ignore[arg-type]
        lambda: schedule.upcoming(1, after=moment),  # type: ignore[arg-type]
        lambda: schedule.between(moment, moment),  # type: ignore[arg-type]
        lambda: schedule.count(moment, moment),  # type: ignore[arg-type]
    ):
        with pytest.raises(ScheduleError):
            ask()


@pytest.mark.parametrize("edge", ["2021-11-07T01:30", "2021-03-14T02:30"], ids=["fold", "gap"])
@pytest.mark.parametrize("fold", [0, 1])
def test_a_window_whose_edge_lies_in_a_change_keeps_equality_through_json(edge: str, fold: int) -> None:
    zone = ZoneInfo("America/New_York")
    schedule = Cron("0 9 * * *", tz=zone, start=datetime.fromisoformat(edge).replace(fold=fold, tzinfo=zone))
    again = schedule_from_json(schedule.to_json())
    assert again == schedule
    assert hash(again) == hash(schedule)


def test_an_input_whose_offset_has_part_of_a_second_compares_exactly() -> None:
    half = timezone(timedelta(hours=1, milliseconds=500))
    schedule = Cron("* * * * * *", tz="UTC")
    moment = datetime(2027, 1, 1, 1, 0, 0, tzinfo=half)  # 23:59:59.5 UTC
    assert schedule.previous(moment) == at("2026-12-31T23:59:59+00:00")
    assert schedule.next(moment) == at("2027-01-01T00:00:00+00:00")


def test_crons_that_list_the_same_special_days_in_another_order_are_equal() -> None:
    for one, other in (("0 0 * * MON#1,FRI#2", "0 0 * * FRI#2,MON#1"), ("0 0 1W,L * *", "0 0 L,1W * *")):
        assert Cron(one) == Cron(other)
        assert hash(Cron(one)) == hash(Cron(other))
