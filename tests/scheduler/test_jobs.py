"""What adding, reading, changing, pausing and removing jobs does, on a clock that stands still."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cronkit import (
    At,
    ConfigurationError,
    Cron,
    Defaults,
    Every,
    JobExistsError,
    JobNotFoundError,
    Manual,
    RunStatus,
    ScheduleError,
)
from cronkit.stores import MemoryStore
from tests.scheduler.faces import NOON, Face, HandClock

pytestmark = pytest.mark.anyio


def work(n: int = 0) -> int:
    return n


def at(hour: int, minute: int = 0, *, day: int = 27) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


# -- add --------------------------------------------------------------------------------------------------------------


async def test_a_job_without_a_schedule_runs_by_trigger_alone(face: Face) -> None:
    job = await face.add(work)
    assert (job.id, job.schedule, job.next_run_at) == ("work", Manual(), None)


async def test_a_job_can_be_added_by_the_name_of_its_target(face: Face) -> None:
    face.inner.target(name="send-invoice")(work)
    job = await face.add("send-invoice", At("2027-01-01T09:00+01:00"), id="invoice-42", kwargs={"n": 42})
    assert (job.id, job.spec.target, job.spec.kwargs) == ("invoice-42", "send-invoice", {"n": 42})
    assert job.next_run_at == datetime(2027, 1, 1, 8, tzinfo=UTC)


async def test_an_id_that_is_taken_is_an_error_unless_it_is_said_otherwise(face: Face) -> None:
    await face.add(work, "5m", id="beat")
    with pytest.raises(JobExistsError, match=r"there is a job 'beat' already: .*exists='update' or 'keep'"):
        await face.add(work, "10m", id="beat")
    assert (await face.get("beat")).schedule == Every("5m").bind(tz="UTC")


async def test_adding_to_update_changes_the_job_that_is_there(face: Face) -> None:
    first = await face.add(work, "5m", id="beat", tags=["a"])
    second = await face.add(work, "10m", id="beat", exists="update")
    assert (second.schedule, second.tags) == (Every("10m").bind(tz="UTC"), frozenset())
    assert second.key == first.key


async def test_adding_to_keep_leaves_the_job_that_is_there(face: Face) -> None:
    first = await face.add(work, "5m", id="beat")
    assert await face.add(work, "10m", id="beat", exists="keep") == first


async def test_adding_to_keep_adds_what_is_not_there(face: Face) -> None:
    assert (await face.add(work, "10m", id="beat", exists="keep")).id == "beat"


async def test_a_one_shot_that_is_over_is_no_reason_to_refuse_what_is_kept(face: Face, clock: HandClock) -> None:
    once = At("2026-03-27T13:00Z")
    first = await face.add(work, once, id="once")
    clock.advance(hours=2)
    assert await face.add(work, once, id="once", exists="keep") == first
    assert await face.add(work, once, id="once", exists="update") == first


async def test_another_word_for_exists_is_refused(face: Face) -> None:
    with pytest.raises(ConfigurationError, match=r"exists='replace': give one of 'error', 'update', 'keep'"):
        await face.add(work, exists="replace")


async def test_namespaces_on_one_store_do_not_see_each_others_jobs(make_face: Callable[..., Face]) -> None:
    store = MemoryStore()
    billing, etl = make_face(store, namespace="billing"), make_face(store, namespace="etl")
    await billing.add(work, id="job")
    await etl.add(work, id="job")
    await billing.remove("job")
    assert [len(await face.jobs()) for face in (billing, etl)] == [0, 1]


# -- get and jobs -----------------------------------------------------------------------------------------------------


async def test_a_job_that_there_is_not_is_an_error_for_every_verb(face: Face) -> None:
    for verb in (face.get, face.pause, face.resume, face.remove, face.history, face.trigger, face.update):
        with pytest.raises(JobNotFoundError, match=r"no job 'nobody' in namespace 'default': jobs\(\) lists"):
            await verb("nobody")


async def test_jobs_come_in_pages_ordered_by_id(face: Face) -> None:
    for name in ("e", "b", "d", "a", "c"):
        await face.add(work, id=name)
    seen: list[list[str]] = []
    cursor = None
    while True:
        page = await face.jobs(limit=2, cursor=cursor)
        seen.append([job.id for job in page])
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [["a", "b"], ["c", "d"], ["e"]]


async def test_jobs_are_found_by_tag(face: Face) -> None:
    await face.add(work, id="a", tags={"etl", "daily"})
    await face.add(work, id="b", tags={"daily"})
    await face.add(work, id="c")
    assert [job.id for job in await face.jobs(tag="daily")] == ["a", "b"]
    assert [job.id for job in await face.jobs(tag="etl")] == ["a"]


@pytest.mark.parametrize("limit", [0, 1001, 2.5, True])
async def test_a_page_of_no_or_too_many_jobs_is_refused(face: Face, limit: object) -> None:
    with pytest.raises(ConfigurationError, match="limit="):
        await face.jobs(limit=limit)
    with pytest.raises(ConfigurationError, match="limit="):
        await face.ledger.runs(limit=limit)


async def test_a_job_that_was_read_does_not_change_any_more(face: Face) -> None:
    before = await face.add(work, "5m", id="beat")
    await face.pause("beat")
    assert not before.paused


async def test_a_job_and_a_run_are_shown_on_one_line(face: Face) -> None:
    job = await face.add(work, "5m", id="beat")
    assert repr(job) == "<Job 'beat' on 'every 5m': next run 2026-03-27T12:00:00+00:00>"
    assert repr(await face.pause("beat")) == "<Job 'beat' on 'every 5m': paused>"
    assert repr(await face.add(work)) == "<Job 'work' on 'manual': no next run>"
    run = await (await face.trigger("work")).run()
    assert repr(run) == f"<Run {run.id} of 'work' at 2026-03-27T12:00:00+00:00: queued>"


# -- update -----------------------------------------------------------------------------------------------------------


async def test_a_changed_schedule_counts_from_now_and_causes_no_catch_up(face: Face, clock: HandClock) -> None:
    await face.add(work, "0 * * * *", id="hourly")
    clock.advance(minutes=30)
    job = await face.update("hourly", schedule="0 9 * * *")
    assert job.next_run_at == at(9, day=28)


async def test_what_was_due_before_a_change_of_schedule_is_still_accounted_for(face: Face, clock: HandClock) -> None:
    await face.add(work, "0 * * * *", id="hourly")
    clock.advance(hours=2, minutes=30)
    await face.update("hourly", schedule="0 9 * * *")
    runs = await face.ledger.runs(job="hourly")
    assert [(run.status, run.scheduled_at, run.count) for run in runs] == [
        (RunStatus.QUEUED, at(14), 1),
        (RunStatus.COALESCED, at(12), 2),
    ]


async def test_an_update_of_something_else_leaves_the_next_run_where_it_is(face: Face, clock: HandClock) -> None:
    before = await face.add(work, "0 * * * *", id="hourly")
    clock.advance(minutes=-30)
    job = await face.update("hourly", overlap="queue", kwargs={"n": 2})
    assert (job.next_run_at, job.policies.overlap, job.spec.kwargs) == (before.next_run_at, "queue", {"n": 2})


async def test_an_update_that_changes_nothing_is_no_revision(face: Face) -> None:
    job = await face.add(work, "0 * * * *", id="hourly", tags=["a"])
    assert await face.update("hourly", schedule="0 * * * *", tags=["a"]) == job
    assert len(await face.history("hourly")) == 1


async def test_arguments_that_will_not_be_compared_count_as_changed(face: Face) -> None:
    class Array:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise ValueError("the truth value of an array is ambiguous")

    def heavy(data: Array) -> None:
        """A target."""

    await face.add(heavy, kwargs={"data": Array()})
    data = Array()
    job = await face.update("heavy", kwargs={"data": data})
    assert job.spec.kwargs["data"] is data


async def test_an_update_to_none_goes_back_to_the_schedulers_default(make_face: Callable[..., Face]) -> None:
    face = make_face(defaults=Defaults(retry=2))
    await face.add(work, "5m", id="beat", timeout="10s", retry=5, overlap="allow", max_runs=3, owner="ops")
    job = await face.update("beat", timeout=None, retry=None, overlap=None, max_runs=None, owner=None)
    policies = job.policies
    assert (policies.timeout, policies.retry.attempts, policies.overlap, policies.max_runs) == (None, 2, "skip", None)
    assert job.spec.owner is None


async def test_what_an_update_leaves_out_stays(face: Face) -> None:
    await face.add(work, "5m", id="beat", timeout="10s", tags=["a"])
    job = await face.update("beat", retry=2)
    assert (job.policies.timeout, job.tags) == (timedelta(seconds=10), {"a"})


async def test_mistakes_in_an_update_are_errors_and_change_nothing(face: Face) -> None:
    job = await face.add(work, "5m", id="beat")
    for mistake in (
        {"kwargs": {"m": 1}},
        {"executor": "loop"},
        {"tz": "Europe/Paris"},
        {"schedule": At("2020-01-01T00:00Z")},
    ):
        with pytest.raises(ConfigurationError):
            await face.update("beat", **mistake)
    with pytest.raises(ScheduleError):
        await face.update("beat", schedule="61 * * * *")
    assert await face.get("beat") == job


async def test_an_update_of_the_zone_comes_with_the_schedule(face: Face) -> None:
    await face.add(work, "0 9 * * *", id="daily")
    job = await face.update("daily", schedule="0 9 * * *", tz="Asia/Tokyo")
    assert job.schedule == Cron("0 9 * * *", tz="Asia/Tokyo")


# -- pause and resume -------------------------------------------------------------------------------------------------


async def test_a_pause_says_why_until_when_and_by_whom(face: Face) -> None:
    await face.add(work, "5m", id="beat")
    job = await face.pause("beat", reason="migration", until="2026-03-28T00:00Z", by="ann")
    assert job.paused
    assert job.pause is not None
    assert (job.pause.since, job.pause.reason, job.pause.until, job.pause.by) == (
        NOON,
        "migration",
        at(0, day=28),
        "ann",
    )
    assert job.next_run_at is None


async def test_the_end_of_a_pause_is_read_in_the_schedulers_zone(make_face: Callable[..., Face]) -> None:
    face = make_face(tz="Europe/Paris")
    await face.add(work, "5m", id="beat")
    job = await face.pause("beat", until="2036-03-28T00:00")
    assert job.pause is not None
    assert job.pause.until == datetime(2036, 3, 27, 23, tzinfo=UTC)


async def test_a_pause_until_no_time_is_refused(face: Face) -> None:
    await face.add(work, "5m", id="beat")
    with pytest.raises(ScheduleError, match=r'until: .*\n.*\n.*\nhint: .* or a duration such as "2h"'):
        await face.pause("beat", until="later")
    with pytest.raises(ScheduleError, match="until: a duration must be more than zero"):
        await face.pause("beat", until=timedelta())
    with pytest.raises(ScheduleError, match=r"until: .* out of range"):
        await face.pause("beat", until="3000000d")
    assert not (await face.get("beat")).paused


@pytest.mark.parametrize("until", ["2h", timedelta(hours=2)])
async def test_a_pause_may_last_for_a_duration(face: Face, clock: HandClock, until: str | timedelta) -> None:
    await face.add(work, "5m", id="beat")
    job = await face.pause("beat", until=until)
    assert job.pause is not None
    assert job.pause.until == clock.now() + timedelta(hours=2)


async def test_resuming_records_the_paused_time_as_skipped_once(face: Face, clock: HandClock) -> None:
    await face.add(work, "0 * * * *", id="hourly")
    await face.pause("hourly")
    clock.advance(hours=3, minutes=30)
    job = await face.resume("hourly", by="ann")
    assert (job.paused, job.next_run_at) == (False, at(16))
    runs = await face.ledger.runs(job="hourly", status="skipped")
    assert [(run.reason, run.scheduled_at, run.scheduled_until, run.count) for run in runs] == [
        ("paused", at(13), at(15), 3)
    ]


async def test_a_one_shot_that_came_due_while_paused_runs_at_resume(face: Face, clock: HandClock) -> None:
    await face.add(work, At("2026-03-27T13:00Z"), id="once")
    await face.pause("once")
    clock.advance(hours=3)
    await face.resume("once")
    assert [run.status for run in await face.ledger.runs(job="once")] == [RunStatus.QUEUED]


async def test_resuming_a_job_that_is_not_paused_changes_nothing(face: Face) -> None:
    job = await face.add(work, "5m", id="beat")
    assert await face.resume("beat") == job


# -- remove, generations, history -------------------------------------------------------------------------------------


async def test_a_removed_job_is_gone_and_its_runs_stay(face: Face) -> None:
    await face.add(work, id="job")
    handle = await face.trigger("job")
    await face.remove("job")
    with pytest.raises(JobNotFoundError):
        await face.get("job")
    run = await handle.run()
    assert (run.status, run.reason) == (RunStatus.CANCELLED, "job removed")


async def test_an_id_that_is_added_again_is_another_life_of_the_job(face: Face) -> None:
    first = await face.add(work, id="job")
    await face.trigger("job")
    await face.remove("job")
    second = await face.add(work, id="job")
    assert second.key.generation > first.key.generation
    assert second.counters == {}


async def test_the_history_says_when_what_was_done_and_by_whom(face: Face, clock: HandClock) -> None:
    await face.add(work, "5m", id="beat", by="ann")
    clock.advance(minutes=1)
    await face.update("beat", schedule="10m", by="bob")
    await face.pause("beat", by="cy")
    await face.resume("beat", by="dee")
    history = await face.history("beat")
    assert [(each.number, each.action, each.by) for each in history] == [
        (1, "added", "ann"),
        (2, "updated", "bob"),
        (3, "paused", "cy"),
        (4, "resumed", "dee"),
    ]
    assert [str(each.schedule) for each in history] == ["every 5m"] + ["every 10m"] * 3
    assert [each.at for each in history] == [NOON] + [NOON + timedelta(minutes=1)] * 3


async def test_a_change_is_made_again_if_somebody_else_was_faster(face: Face, make_face: Callable[..., Face]) -> None:
    class Racing(MemoryStore):
        """Lets another writer in between a load and its save, once."""

        rival: Callable[[], None] | None = None

        def load(self, namespace: str, job_id: str) -> object:
            row = super().load(namespace, job_id)
            rival, self.rival = self.rival, None
            if rival is not None:
                rival()
            return row

    store = Racing()
    mine, theirs = make_face(store), make_face(store)
    await mine.add(work, "5m", id="beat")
    sync = getattr(theirs.inner, "_sync", theirs.inner)
    store.rival = lambda: sync.update("beat", tags=["theirs"])
    job = await mine.update("beat", owner="mine")
    assert (job.tags, job.spec.owner) == ({"theirs"}, "mine")
