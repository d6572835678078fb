"""Adding many jobs at once."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from cronkit import (
    AsyncScheduler,
    At,
    ConfigurationError,
    Every,
    JobExistsError,
    MemoryStore,
    ScheduleError,
    Scheduler,
    StoreUnavailableError,
    events,
)
from cronkit.jobs.job import JobRow
from tests.scheduler.homes import Home
from tests.scheduler.test_deploys import heard


def send(n: int = 0) -> int:
    return n


def numbered(count: int) -> Iterator[Any]:
    """As many requests, one after the other."""
    for number in range(count):
        yield {"target": send, "schedule": "1h", "id": f"job-{number:05}", "kwargs": {"n": number}}


def ids(scheduler: Scheduler) -> list[str]:
    return [job.id for job in scheduler.jobs(limit=100)]


def test_many_jobs_are_added_in_their_order(home: Home) -> None:
    scheduler = home.scheduler()
    jobs = scheduler.add_many(numbered(2_500), by="ann")
    assert [job.spec.kwargs["n"] for job in jobs] == list(range(2_500))
    assert scheduler.get("job-02499") == jobs[-1]
    assert [revision.by for revision in scheduler.history("job-00000")] == ["ann"]


def test_a_request_takes_what_add_takes(home: Home) -> None:
    scheduler = home.scheduler()
    scheduler.target(name="send-invoice")(send)
    once, daily, plain = scheduler.add_many(
        [
            {"target": "send-invoice", "schedule": At("2027-01-01T09:00Z"), "id": "once", "kwargs": {"n": 42}},
            {"target": send, "schedule": "0 9 * * *", "tz": "Asia/Tokyo", "id": "daily", "tags": ["etl"]},
            {"target": send, "aliases": ["old"]},
        ]
    )
    assert (once.spec.target, once.spec.kwargs) == ("send-invoice", {"n": 42})
    assert (str(daily.schedule), daily.tags) == ("CRON_TZ=Asia/Tokyo 0 9 * * *", frozenset({"etl"}))
    assert (plain.id, plain.next_run_at) == ("send-invoice", None)
    assert scheduler.add("old", id="more").spec.target == "send-invoice"


def test_few_writes_are_made_for_many_jobs(home: Home) -> None:
    scheduler = home.scheduler()
    store, slices = scheduler._parts.store, []
    insert = store.insert
    store.insert = lambda jobs: (slices.append(len(jobs)), insert(jobs))[1]  # type: ignore[method-assign, func-returns-value]
    scheduler.add_many(numbered(2_100))
    assert slices == [1_000, 1_000, 100]


def test_adding_none_adds_none(home: Home) -> None:
    assert home.scheduler().add_many([]) == []


def test_each_of_many_jobs_is_told_of(home: Home) -> None:
    scheduler = home.scheduler()
    told = heard(scheduler, events.JobAdded)
    scheduler.add_many(numbered(3))
    assert [event.job_id for event in told] == ["job-00000", "job-00001", "job-00002"]


@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        ({"target": send, "id": "bad", "kwargs": {"m": 1}}, ConfigurationError, "unexpected keyword"),
        ({"target": send, "id": "bad", "schedule": "every now and then"}, ScheduleError, "now and then"),
        ({"target": send, "id": "bad", "schedule": At("2020-01-01T00:00Z")}, ConfigurationError, "would never run"),
        ({"target": "nobody", "id": "bad"}, ConfigurationError, "no target is called 'nobody'"),
        ({"schedule": "1h"}, ConfigurationError, r"has no target: give what add\(\) takes"),
        (5, ConfigurationError, "is no mapping"),
        ({"target": send, "id": "job-00000"}, ConfigurationError, "two of these jobs have the id 'job-00000'"),
    ],
    ids=["arguments", "schedule", "past", "target", "no target", "no dict", "twice"],
)
def test_one_mistake_refuses_them_all(home: Home, bad: Any, kind: type[Exception], message: str) -> None:
    scheduler = home.scheduler()
    with pytest.raises(kind, match=message):
        scheduler.add_many([*numbered(1_200), bad])
    assert ids(scheduler) == []


def test_a_mistake_says_which_job_it_is_of(home: Home) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        home.scheduler().add_many([*numbered(2), {"target": send, "timeout": "5"}])
    assert refusal.value.__notes__ == ["This is jobs[2] of add_many(); none of them was added."]


def test_ids_that_are_taken_are_named_and_all_others_are_added(home: Home) -> None:
    scheduler = home.scheduler()
    for number in range(7):
        scheduler.add(send, "5m", id=f"job-{number:05}")
    with pytest.raises(
        JobExistsError,
        match=r"7 of 10 jobs have ids that are taken, 'job-00000', .* and 2 more; all others were added",
    ):
        scheduler.add_many(numbered(10))
    assert len(ids(scheduler)) == 10
    assert scheduler.get("job-00006").schedule == Every("5m")
    assert scheduler.get("job-00009").schedule == Every("1h")


@pytest.mark.parametrize(("exists", "schedule"), [("keep", "5m"), ("update", "1h")])
def test_what_is_there_may_be_kept_or_updated(home: Home, exists: str, schedule: str) -> None:
    scheduler = home.scheduler()
    scheduler.add(send, "5m", id="job-00001")
    jobs = scheduler.add_many(numbered(3), exists=exists)
    assert [job.id for job in jobs] == ["job-00000", "job-00001", "job-00002"]
    assert jobs[1].schedule == scheduler.get("job-00001").schedule == Every(schedule)


def test_what_exists_cannot_be_is_refused(home: Home) -> None:
    scheduler = home.scheduler()
    with pytest.raises(ConfigurationError, match="exists='replace': give one of 'error', 'update', 'keep'"):
        scheduler.add_many(numbered(1), exists="replace")
    assert ids(scheduler) == []


def test_many_jobs_can_be_added_on_a_loop() -> None:
    scheduler = AsyncScheduler()
    assert len(asyncio.run(scheduler.add_many(numbered(3)))) == 3


def test_a_store_that_goes_away_half_way_is_an_error_that_says_how_many_jobs_are_in() -> None:
    class Leaving(MemoryStore):
        slices = 1

        def insert(self, jobs: Sequence[JobRow]) -> list[bool]:
            if not self.slices:
                raise StoreUnavailableError("no route")
            self.slices -= 1
            return super().insert(jobs)

    scheduler = Scheduler(Leaving())
    scheduler.target(name="work")(lambda: None)
    with pytest.raises(StoreUnavailableError) as failure:
        scheduler.add_many({"target": "work", "schedule": "1h", "id": f"job-{n}"} for n in range(2_500))
    assert failure.value.__notes__ == ["1,000 of 2,500 jobs are dealt with: give them again with exists='keep'"]
