"""What a due job's occurrences become."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronkit.engine.changes import create
from cronkit.engine.planner import INSTANT, due_time, plan_due
from cronkit.errors import ScheduleError
from cronkit.jobs.job import JobRow
from cronkit.jobs.policies import Missed, Overlap
from cronkit.jobs.run import RunRow
from cronkit.jobs.status import RunStatus
from cronkit.schedules import At, Every

from .factories import NOON, after, make_job, new_ids


def plan(job: JobRow, now: Any) -> list[RunRow]:
    return list(plan_due(job, now, new_ids()).births)


def summary(runs: list[RunRow]) -> list[tuple[str, int, Any, Any]]:
    return [(run.status.value, run.count, run.scheduled_at, run.scheduled_until) for run in runs]


def test_an_occurrence_on_time_becomes_one_queued_run() -> None:
    advance = plan_due(make_job("1h"), NOON, new_ids())
    assert summary(list(advance.births)) == [("queued", 1, NOON, NOON)]
    assert (advance.watermark, advance.next_at, advance.next_due) == (NOON, after(hours=1), after(hours=1))


def test_under_latest_the_newest_runs_and_stands_for_the_earlier_ones() -> None:
    earlier, newest = plan(make_job("1h"), after(hours=3, minutes=1))
    assert summary([earlier, newest]) == [
        ("coalesced", 3, NOON, after(hours=2)),
        ("queued", 1, after(hours=3), after(hours=3)),
    ]
    assert earlier.related_id == newest.id


def test_latest_within_a_limit_misses_what_is_later_than_that() -> None:
    job = make_job("1h", missed=Missed.latest(within="10m"))
    assert summary(plan(job, after(hours=3, minutes=11))) == [("missed", 4, NOON, after(hours=3))]
    assert summary(plan(job, after(hours=3, minutes=10)))[-1][0] == "queued"


def test_under_skip_what_is_later_than_the_grace_is_missed() -> None:
    job = make_job("1h", missed="skip")
    assert summary(plan(job, after(hours=1, seconds=2))) == [("missed", 2, NOON, after(hours=1))]
    assert summary(plan(job, after(hours=1, seconds=1))) == [
        ("missed", 1, NOON, NOON),
        ("queued", 1, after(hours=1), after(hours=1)),
    ]


def test_under_all_each_runs_and_waits_for_the_one_before() -> None:
    runs = plan(make_job("1h", missed="all"), after(hours=2))
    assert [(run.scheduled_at, run.overlap) for run in runs] == [(after(hours=n), Overlap.QUEUE) for n in range(3)]


def test_under_all_what_is_over_the_limit_is_one_missed_record() -> None:
    runs = plan(make_job("1s", missed=Missed.all(limit=2)), after(days=30))
    assert summary(runs) == [
        ("missed", 30 * 86_400 - 1, NOON, after(days=30, seconds=-2)),
        ("queued", 1, after(days=30, seconds=-1), after(days=30, seconds=-1)),
        ("queued", 1, after(days=30), after(days=30)),
    ]


def test_a_late_one_shot_runs_whatever_the_missed_policy_says() -> None:
    for missed in ("latest", "skip", "all"):
        job = make_job(At(after(hours=1)), missed=missed)
        assert summary(plan(job, after(days=1))) == [("queued", 1, after(hours=1), after(hours=1))]


def test_a_job_that_is_not_due_yet_is_left_as_it_is() -> None:
    job = make_job("1h")
    advance = plan_due(job, NOON - INSTANT, new_ids())
    assert not advance.births
    assert (advance.watermark, advance.next_at) == (job.watermark, job.next_at)


def test_a_pause_that_has_run_out_leaves_one_skipped_record() -> None:
    from cronkit.engine.changes import pause

    job = make_job("1h")
    pause(job, after(minutes=-1), "migration", after(hours=2, minutes=30), None, new_ids())
    advance = plan_due(job, after(hours=4), new_ids())
    assert advance.wakes
    assert summary(list(advance.births)) == [("skipped", 3, NOON, after(hours=2))]
    assert advance.next_due == after(hours=3)


@pytest.mark.parametrize("option", ["spread", "jitter"])
def test_spread_and_jitter_move_forward_by_less_than_the_gap(option: str) -> None:
    job = make_job("1m", **{option: "5m"})
    for minute in range(50):
        nominal, following = after(minutes=minute), after(minutes=minute + 1)
        assert nominal <= due_time(job.spec, nominal, following) < following


def test_a_spread_that_is_wider_than_the_gap_keeps_jobs_apart() -> None:
    spec = make_job("1m", spread="5m").spec
    starts = {due_time(replace(spec, id=f"job-{n}"), NOON, after(minutes=1)) for n in range(200)}
    assert len(starts) == 200


def test_spread_is_the_same_for_each_occurrence_and_jitter_is_not() -> None:
    def delays(**policy: str) -> set[timedelta]:
        spec = make_job("1h", **policy).spec
        return {due_time(spec, after(hours=h), after(hours=h + 1)) - after(hours=h) for h in range(20)}

    assert len(delays(spread="5m")) == 1
    assert len(delays(jitter="5m")) == 20


policies = st.fixed_dictionaries(
    {},
    optional={
        "missed": st.sampled_from(["latest", "skip", "all", Missed.all(limit=3), Missed.latest(within="7m")]),
        "spread": st.sampled_from(["10s", "5m"]),
        "jitter": st.sampled_from(["10s", "5m"]),
        "overlap": st.sampled_from(["skip", "queue", "allow"]),
    },
)
schedules = st.sampled_from(["1m", "7m", "1h", "*/15 * * * *", "0,20 12-14 * * *", "30 2 * * *", "90s"])


@given(schedules, policies, st.lists(st.integers(0, 8 * 3600), min_size=1, max_size=8))
def test_every_occurrence_is_accounted_for_exactly_once(text: str, policy: dict[str, Any], looks: list[int]) -> None:
    job, new_id = make_job(text, **policy), new_ids()
    births: list[RunRow] = []
    for seconds in sorted(looks):
        advance = plan_due(job, after(seconds=seconds), new_id)
        births += advance.births
        job.watermark, job.next_at, job.next_due = advance.watermark, advance.next_at, advance.next_due
    covered = []
    for run in births:
        span = job.spec.schedule.between(run.scheduled_at, run.scheduled_until + INSTANT)
        assert len(span) == run.count
        covered += span
    last = after(seconds=max(looks))
    expected = [
        occurrence
        for occurrence in job.spec.schedule.between(NOON, last + INSTANT)
        if due_time(job.spec, occurrence, job.spec.schedule.next(occurrence)) <= last
    ]
    assert covered == expected


def test_a_month_behind_costs_as_many_births_as_a_day_behind() -> None:
    for missed in ("latest", "skip", "all"):
        job = make_job(Every("1s"), missed=missed)
        assert len(plan(job, after(days=1))) == len(plan(job, after(days=30)))


def test_a_coalesced_record_ends_at_birth() -> None:
    coalesced, _ = plan(make_job("1h"), after(hours=2))
    assert coalesced.status is RunStatus.COALESCED


# -- schedules of somebody else's making ------------------------------------------------------------------------------


class Lying(Every):
    """A schedule that answers one question with something else."""

    def __init__(self, question: str, answer: Any) -> None:
        super().__init__("1h")
        self.question, self.answer = question, answer

    def _ask(self, question: str, *args: Any) -> Any:
        return self.answer if self.question == question else getattr(super(), question)(*args)

    def next(self, after: Any = None) -> Any:
        return self._ask("next", after)

    def previous(self, before: Any = None) -> Any:
        return self._ask("previous", before)

    def count(self, a: Any, b: Any) -> Any:
        return self._ask("count", a, b)

    def __str__(self) -> str:
        return "the moon's phases"


NO_INSTANTS = [datetime(2100, 1, 1), date(2100, 1, 1), time(9, tzinfo=UTC), "2100-01-01T00:00Z", 4_102_444_800.0, False]


@pytest.mark.parametrize("answer", NO_INSTANTS, ids=repr)
@pytest.mark.parametrize("question", ["next", "previous"])
def test_an_answer_of_a_schedule_that_is_no_instant_is_refused_naming_the_schedule(question: str, answer: Any) -> None:
    job = make_job("1h")
    job.spec = replace(job.spec, schedule=Lying(question, answer))
    with pytest.raises(
        ScheduleError, match=rf"the moon's phases answers {question}\(\) with .*\nhint: .*aware datetime"
    ):
        plan_due(job, after(hours=3), new_ids())


def test_a_job_whose_schedule_answers_with_a_naive_datetime_is_refused_when_it_is_made() -> None:
    spec = replace(make_job("1h").spec, schedule=Lying("next", datetime(2100, 1, 1)))
    with pytest.raises(ScheduleError, match="the moon's phases"):
        create(spec, "default", NOON, None)


def test_a_schedule_that_does_not_move_back_is_refused() -> None:
    job = make_job("1h")
    job.spec = replace(job.spec, schedule=Lying("previous", after(days=1)))
    with pytest.raises(ScheduleError, match="the moon's phases does not move back"):
        plan_due(job, after(hours=3), new_ids())


@pytest.mark.parametrize("count", [0, -1, None, "4", 4.0])
def test_a_count_that_leaves_an_occurrence_out_is_refused(count: Any) -> None:
    job = make_job("1h")
    job.spec = replace(job.spec, schedule=Lying("count", count))
    with pytest.raises(ScheduleError, match=r"but its count\(\) is"):
        plan_due(job, after(hours=3), new_ids())
