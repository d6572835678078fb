"""Decorating and adding: nothing happens before it must, and what could never work is refused at once."""

import functools
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from cronkit import (
    At,
    ConfigurationError,
    Cron,
    Defaults,
    Every,
    JobExistsError,
    JobOptions,
    Manual,
    RunContext,
    ScheduleError,
    Scheduler,
    events,
)
from cronkit.executors.coroutine import CoroutineExecutor
from cronkit.scheduler.options import SPELLED
from cronkit.scheduler.unknown_options import REMEDIES
from cronkit.stores import MemoryStore
from tests.scheduler.faces import FACES, Face, HandClock

pytestmark = pytest.mark.anyio


def work() -> None:
    """A target."""


async def work_async() -> None:
    """A target of the other colour."""


# -- inert ------------------------------------------------------------------------------------------------------------


def test_the_decorators_return_the_function_itself(face: Face) -> None:
    assert face.inner.job("5m")(work) is work
    assert face.inner.target(work) is work
    assert face.inner.target(name="another")(work_async) is work_async
    assert face.inner.on(events.Event)(work) is work


class UntouchedStore:
    """A store that nobody may ask anything but what it can do."""

    capabilities = MemoryStore.capabilities

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the store was asked to {name}")


def test_registering_starts_no_thread_and_asks_no_store(colour: str) -> None:
    before = threading.active_count()
    scheduler = FACES[colour][0](UntouchedStore())
    scheduler.job("* * * * *")(work)
    scheduler.target(work_async)
    scheduler.on(events.Event)(work)
    assert threading.active_count() == before


def test_a_module_that_declares_jobs_can_be_imported_without_a_thread_or_an_open_file() -> None:
    program = """
        import os, threading
        import cronkit
        before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
        scheduler = cronkit.Scheduler()

        @scheduler.job("0 9 * * *", tz="Europe/Paris")
        def nightly(): ...

        @scheduler.job("30s")
        async def beat(): ...

        assert threading.active_count() == 1, threading.enumerate()
        after = set(os.listdir("/proc/self/fd")) if before else set()
        assert after <= before, after - before
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=30)


async def test_a_declared_job_is_in_the_store_for_the_first_verb_that_asks(face: Face) -> None:
    face.inner.job("5m", id="beat")(work)
    assert (await face.get("beat")).schedule == Every("5m").bind(tz="UTC")


async def test_a_job_is_called_as_its_function_unless_it_is_given_an_id(face: Face) -> None:
    face.inner.job("5m")(work)
    face.inner.job("5m", id="other")(work_async)
    assert [job.id for job in await face.jobs()] == ["other", "work"]


async def test_a_schedule_without_a_zone_is_in_the_schedulers(make_face: Callable[..., Face]) -> None:
    face = make_face(tz="Europe/Paris")
    face.inner.job("0 9 * * *")(work)
    face.inner.job("0 9 * * *", tz="Asia/Tokyo")(work_async)
    assert (await face.get("work")).schedule == Cron("0 9 * * *", tz="Europe/Paris")
    assert (await face.get("work_async")).schedule == Cron("0 9 * * *", tz="Asia/Tokyo")


async def test_a_job_keeps_everything_that_was_said_of_it(face: Face) -> None:
    job = await face.add(
        work,
        "5m",
        id="beat",
        name="Beat",
        description="keeps time",
        metadata={"room": 3},
        tags=["a", "b"],
        owner="ops",
        overlap="queue",
        missed="all",
        retry=3,
        on_crash="hold",
        timeout="10s",
        spread="1m",
        jitter="2s",
        max_runs=7,
    )
    spec, policies = job.spec, job.policies
    assert (job.name, spec.description, spec.metadata, spec.owner) == ("Beat", "keeps time", {"room": 3}, "ops")
    assert job.tags == {"a", "b"}
    assert (policies.overlap, policies.missed.kind, policies.on_crash) == ("queue", "all", "hold")
    assert (policies.retry.attempts, policies.max_runs) == (3, 7)
    assert policies.timeout == timedelta(seconds=10)
    assert (policies.spread, policies.jitter) == (timedelta(minutes=1), timedelta(seconds=2))


async def test_the_schedulers_defaults_hold_for_jobs_that_say_nothing(make_face: Callable[..., Face]) -> None:
    face = make_face(defaults=Defaults(overlap="queue", timeout="1h"))
    job = await face.add(work, "5m", id="said", overlap="allow")
    assert (job.policies.overlap, job.policies.timeout) == ("allow", timedelta(hours=1))


# -- what stands for the same job -------------------------------------------------------------------------------------


def redefined(answer: int) -> Callable[[], int]:
    def cell() -> int:
        return answer

    return cell


def run_cell(scheduler: Any, schedule: str, answer: int) -> None:
    """Run a notebook's cell that declares a job."""
    cell = f"""
        @scheduler.job({schedule!r})
        def cell(): return {answer}
    """
    exec(textwrap.dedent(cell), {"__name__": "__main__", "scheduler": scheduler})


async def test_a_cell_that_is_run_again_replaces_its_job(face: Face) -> None:
    run_cell(face.inner, "5m", 1)
    run_cell(face.inner, "10m", 1)
    assert [job.schedule for job in await face.jobs()] == [Every("10m").bind(tz="UTC")]


async def test_the_function_of_a_cell_that_is_run_again_is_the_new_one(running: Face) -> None:
    run_cell(running.inner, "5m", 1)
    run_cell(running.inner, "5m", 2)
    assert await (await running.trigger("cell")).result(timeout=10) == 2


async def test_a_closure_over_other_values_is_no_target_for_a_second_job(running: Face) -> None:
    await running.add(redefined(1), id="first")
    with pytest.raises(
        ConfigurationError, match=r"target 'cell' is .*redefined.* with another object, arguments or closure"
    ):
        await running.add(redefined(2), id="second")
    await running.add(running.inner.target(name="second")(redefined(2)), id="second")
    assert await (await running.trigger("first")).result(timeout=10) == 1
    assert await (await running.trigger("second")).result(timeout=10) == 2


def test_a_closure_over_other_values_is_not_declared_over_the_first(face: Face) -> None:
    face.inner.job("5m")(redefined(1))
    with pytest.raises(ConfigurationError, match="another object, arguments or closure bound to it"):
        face.inner.job("5m")(redefined(2))


def test_a_loop_that_declares_several_functions_under_one_id_is_told_of(
    face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):

        @face.inner.job("1h")
        def sync() -> None: ...

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "job 'sync' is declared again" in caplog.text
    assert "scheduler.job('1h', id=name)(function)" in caplog.text


def test_a_loop_whose_second_declaration_is_refused_is_told_that_alone(
    face: Face, caplog: pytest.LogCaptureFixture
) -> None:
    def declare(schedule: str) -> None:
        @face.inner.job(schedule)
        def sync() -> None: ...

    declare("1h")
    with pytest.raises(ConfigurationError, match="twice, in two ways"):
        declare("2h")
    assert caplog.text == ""


def test_what_is_declared_again_and_is_no_loop_is_not_told_of(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    thing = Thing()
    for _ in range(2):
        face.inner.job("1h")(work)
        face.inner.job("1h")(thing.method)
        run_cell(face.inner, "5m", 1)
    assert caplog.text == ""


async def test_a_job_declared_again_in_the_same_way_is_the_same_job(face: Face) -> None:
    def create_app() -> None:
        @face.inner.job("5m")
        def beat() -> None: ...

    create_app()
    create_app()
    assert [job.id for job in await face.jobs()] == ["beat"]


def test_a_loop_that_declares_one_function_on_several_schedules_is_refused(face: Face) -> None:
    def declare(schedule: str) -> None:
        @face.inner.job(schedule)
        def beat() -> None: ...

    declare("5m")
    with pytest.raises(ConfigurationError, match="is declared as job 'beat' twice, in two ways"):
        declare("10m")


def test_two_functions_of_one_name_in_one_file_are_refused_naming_both_lines(face: Face) -> None:
    @face.inner.job("5m")
    def report() -> None: ...

    first = report.__code__.co_firstlineno
    with pytest.raises(ConfigurationError, match="two targets are called 'report'") as refusal:

        @face.inner.job("6m")
        def report() -> None: ...

    assert f"{__file__}:{first})" in str(refusal.value)
    assert f"{__file__}:{first + 6})" in str(refusal.value)


async def test_a_refused_add_leaves_the_function_as_it_was(running: Face) -> None:
    await running.add(redefined(1), id="first")
    with pytest.raises(JobExistsError):
        await running.add(redefined(2), id="first")
    assert await (await running.trigger("first")).result(timeout=10) == 1


async def test_an_add_that_keeps_the_job_keeps_its_function(running: Face) -> None:
    await running.add(redefined(1), id="first")
    await running.add(redefined(2), id="first", exists="keep")
    assert await (await running.trigger("first")).result(timeout=10) == 1


def test_a_refused_declaration_leaves_the_function_as_it_was(face: Face) -> None:
    sync = getattr(face.inner, "_sync", face.inner)
    run_cell(sync, "5m", 1)
    with pytest.raises(ScheduleError):
        run_cell(sync, "every now and then", 2)
    assert sync._parts.registry.get("cell").function() == 1


async def test_a_refused_add_registers_a_function_that_is_new_here(make_face: Callable[..., Face]) -> None:
    store = MemoryStore()
    await make_face(store).add(work, id="job")
    async with make_face(store) as later:
        with pytest.raises(JobExistsError):
            await later.add(work, id="job")
        assert await (await later.trigger("job")).result(timeout=10) is None


async def test_a_cell_that_is_run_again_may_update_its_job_with_another_closure(running: Face) -> None:
    await running.add(redefined(1), id="first")
    await running.add(redefined(2), id="first", exists="update")
    assert await (await running.trigger("first")).result(timeout=10) == 2


def test_two_jobs_with_one_id_from_different_places_are_refused_naming_both(face: Face) -> None:
    face.inner.job("5m", id="twin")(work)
    with pytest.raises(ConfigurationError) as refusal:
        face.inner.job("5m", id="twin")(work_async)
    message = str(refusal.value)
    assert re.search(rf"work \({re.escape(__file__)}:\d+\)", message)
    assert re.search(rf"work_async \({re.escape(__file__)}:\d+\)", message)


def test_two_targets_with_one_name_from_different_places_are_refused_naming_both(face: Face) -> None:
    face.inner.target(name="twin")(work)
    with pytest.raises(ConfigurationError, match=r"work .*work_async .*another name="):
        face.inner.target(name="twin")(work_async)


async def test_one_function_may_have_several_jobs(face: Face) -> None:
    face.inner.job("5m", id="often")(work)
    face.inner.job("1h", id="seldom")(work)
    assert [job.id for job in await face.jobs()] == ["often", "seldom"]


async def test_a_job_that_is_declared_again_unchanged_stays_as_it_is(make_face: Callable[..., Face]) -> None:
    store, clock = MemoryStore(), HandClock()
    first = make_face(store, clock=clock)
    first.inner.job("5m", id="beat")(work)
    before = await first.get("beat")
    clock.advance(minutes=2)
    second = make_face(store, clock=clock)
    second.inner.job("5m", id="beat")(work)
    assert await second.get("beat") == before


# -- mistakes ---------------------------------------------------------------------------------------------------------

MISTAKES: dict[str, tuple[Callable[[Scheduler], object], str]] = {
    "an executor that cannot run a coroutine function": (
        lambda s: s.job("5m", executor="default")(work_async),
        "cannot run the coroutine 'work_async': give 'loop'",
    ),
    "an executor that cannot run a function": (
        lambda s: s.job("5m", executor="loop")(work),
        "cannot run the function 'work': give 'default'",
    ),
    "an executor that there is not": (
        lambda s: s.job("5m", executor="gpu")(work),
        "executor='gpu' is unknown: give one of 'default', 'loop'",
    ),
    "a schedule that is none": (lambda s: s.job(5)(work), "schedule=5 is no schedule"),  # type: ignore[arg-type]
    "a schedule that never fires": (
        lambda s: s.job(Cron("0 9 * * *", tz="UTC", start="2026-01-01T10:00Z", end="2026-01-01T11:00Z"))(work),
        "would never run",
    ),
    "an argument that the target does not take": (lambda s: s.job("5m", kwargs={"n": 1})(work), "unexpected keyword"),
    "too many arguments": (lambda s: s.job("5m", args=[1])(work), "too many positional"),
    "an argument that is missing": (lambda s: s.job("5m")(needs_an_argument), "missing a required argument: 'n'"),
    "arguments that are one text": (lambda s: s.job("5m", args="abc")(work), "args='abc' is no collection"),
    "keyword arguments that are none": (
        lambda s: s.job("5m", kwargs=[1])(work),  # type: ignore[arg-type]
        "kwargs=.1. is no mapping",
    ),
    "tags that are one text": (lambda s: s.job("5m", tags="etl")(work), "tags='etl' is no collection"),
    "an option that there is not": (
        lambda s: s.job("5m", priority=1)(work),  # type: ignore[call-arg]
        "priority= is no option of a job; the options are args,",
    ),
    "a slip of the pen": (
        lambda s: s.job("5m", time_out="5s")(work),  # type: ignore[call-arg]
        r"time_out= is no option of a job: did you mean timeout=\?",
    ),
    "another scheduler's option": (
        lambda s: s.job("5m", max_instances=1)(work),  # type: ignore[call-arg]
        "max_instances= is no option of a job: write overlap='skip'",
    ),
    "an option of another verb": (
        lambda s: s.job("5m", exists="keep")(work),  # type: ignore[call-arg]
        r"exists= is no option of a job: it belongs to add\(\)",
    ),
    "another scheduler's trigger": (
        lambda s: s.job("interval", hours=1, minutes=30)(work),  # type: ignore[call-arg]
        "schedule='interval' is no schedule: write the schedule as text, '1h30m'",
    ),
    "a trigger without an amount": (
        lambda s: s.job("interval", seconds=0)(work),  # type: ignore[call-arg]
        "schedule='interval' is no schedule: write the schedule as text, as in '5m'",
    ),
    "another scheduler's cron": (
        lambda s: s.job("cron", hour=9)(work),  # type: ignore[call-arg]
        "schedule='cron' is no schedule: write the schedule as crontab text, as in '0 9",
    ),
    "a number for a timeout": (lambda s: s.job("5m", timeout=5)(work), "timeout=5"),  # type: ignore[arg-type]
    "a policy that there is not": (lambda s: s.job("5m", overlap="wait")(work), "overlap='wait': give one of 'skip'"),
    "cancelling what cannot be cancelled": (
        lambda s: s.job("5m", overlap="cancel_running")(work),
        "executor 'default' cannot cancel",
    ),
    "a generator": (lambda s: s.job("5m")(generator), "'generator' is a generator"),
    "an async generator": (lambda s: s.job("5m")(async_generator), "'async_generator' is a generator"),
    "a lambda without an id": (lambda s: s.job("5m")(lambda: None), "a lambda has no name of its own"),
    "a method without its object": (
        lambda s: s.job("5m")(Thing.method),
        r"'method' .* is a method without its object: .* scheduler.job\('5m'\)\(thing.method\)",
    ),
    "a part of a method without its object": (
        lambda s: s.job("5m")(functools.partial(Thing.method)),
        r"a method without its object: .* scheduler.job\('5m'\)\(thing.method\)",
    ),
    "a datetime for a schedule": (
        lambda s: s.job(datetime(2099, 1, 1, tzinfo=UTC))(work),  # type: ignore[arg-type]
        r"write At\('2099-01-01T00:00:00[+]00:00'\)",
    ),
    "no schedule": (lambda s: s.job(work), "@scheduler.job needs a schedule"),  # type: ignore[arg-type]
    "one function twice under one id": (lambda s: s.job("5m")(s.job("6m")(work)), "is declared as job 'work' twice"),
    "no function": (lambda s: s.job("5m", id="x")(5), "is int, not a function"),  # type: ignore[type-var]
    "an empty id": (lambda s: s.job("5m", id="")(work), "id=''"),
    "an id that is no text": (lambda s: s.job("5m", id=5)(work), "id=5"),  # type: ignore[arg-type]
    "an id that is too long": (lambda s: s.job("5m", id="x" * 201)(work), "1 to 200 characters"),
}


class Thing:
    def method(self) -> None:
        """A target, once it is bound."""


def needs_an_argument(n: int) -> None:
    """A target that needs an argument."""


def generator() -> Any:
    yield


async def async_generator() -> Any:
    yield


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_an_error_at_registration(face: Face, mistake: str) -> None:
    declare, message = MISTAKES[mistake]
    with pytest.raises(ConfigurationError, match=message):
        declare(face.inner)


@pytest.mark.parametrize(
    ("text", "options"),
    [("0 9 * * *", {"tz": "Mars/Olympus"}), ("0 25 * * *", {}), ("every now and then", {}), ("30", {})],
)
def test_a_schedule_or_zone_that_cannot_be_is_an_error_at_registration(
    face: Face, text: str, options: dict[str, Any]
) -> None:
    with pytest.raises(ScheduleError):
        face.inner.job(text, **options)(work)


def shared(scheduler: Scheduler, text: str, *zones: Any) -> list[Any]:
    """The schedules of jobs of one text, one for each zone that is given with it."""
    return [scheduler.add(work, text, id=f"job-{n}", tz=tz).schedule for n, tz in enumerate(zones)]


@pytest.mark.parametrize("text", ["*/5 * * * *", "0 9 * * MON-FRI", "@weekly", "every 5 minutes", "2027-01-01T09:00"])
@pytest.mark.parametrize("zone", [None, "Europe/Paris", ZoneInfo("Europe/Paris")])
def test_jobs_of_one_text_and_zone_share_their_schedule(text: str, zone: Any) -> None:
    first, second = shared(Scheduler(clock=HandClock(), tz="Asia/Tokyo"), text, zone, zone)
    assert first is second


def test_jobs_of_one_text_in_different_zones_have_different_schedules() -> None:
    zones = [None, "Europe/Paris", "UTC", timezone(timedelta(hours=9), "here"), timezone(timedelta(hours=9), "there")]
    schedules = shared(Scheduler(clock=HandClock(), tz="Asia/Tokyo"), "0 9 * * *", *zones)
    assert [str(each.tz) for each in schedules] == ["Asia/Tokyo", "Europe/Paris", "UTC", "here", "there"]


def test_schedulers_of_different_zones_share_no_schedule() -> None:
    schedules = [shared(Scheduler(clock=HandClock(), tz=zone), "0 9 * * *", None) for zone in ("UTC", "Asia/Tokyo")]
    assert schedules[0] != schedules[1]


@pytest.mark.parametrize("text", ["H H * * *", "h 3 * * *"])
def test_what_hashes_its_jobs_id_is_that_jobs_own(text: str) -> None:
    first, second = shared(Scheduler(clock=HandClock()), text, None, None)
    assert (first.seed, second.seed) == ("job-0", "job-1")


def test_many_schedules_do_not_change_what_one_of_them_means() -> None:
    scheduler = Scheduler(clock=HandClock())
    texts = [f"{n % 60} {n // 60} * * *" for n in range(SPELLED + 10)] * 2
    for number, text in enumerate(texts):
        assert scheduler.add(work, text, id=f"job-{number}").schedule == Cron(text, tz="UTC")


async def test_an_update_with_another_schedulers_trigger_says_what_to_write(face: Face) -> None:
    await face.add(work, "5m")
    with pytest.raises(ConfigurationError, match="write the schedule as text, '3s'"):
        await face.update("work", schedule="interval", seconds=3)


@pytest.mark.parametrize("option", sorted(REMEDIES))
def test_no_word_of_another_scheduler_is_an_option_of_a_job_here(option: str) -> None:
    assert option not in JobOptions.__annotations__


async def test_a_schedule_before_its_target_is_told_where_it_belongs(face: Face) -> None:
    with pytest.raises(ConfigurationError, match=r"the target comes first, add\(work, '1h'\)"):
        await face.add("1h", work)


@pytest.mark.parametrize(
    ("schedule", "refusal"),
    [
        (Manual, r"schedule=Manual is a class: write Manual\(\)"),
        (Cron, r"schedule=Cron is a class: write Cron\(\.\.\.\)"),
        (lambda: 0, "is no schedule"),
        (work, "is no schedule"),
    ],
)
async def test_what_is_called_and_is_no_schedule_is_not_taken_for_a_target(
    face: Face, schedule: Any, refusal: str
) -> None:
    with pytest.raises(ConfigurationError, match=refusal):
        await face.add(work, schedule)


def test_a_class_is_no_schedule_of_a_declaration(face: Face) -> None:
    with pytest.raises(ConfigurationError, match=r"write Manual\(\)"):
        face.inner.job(cast(Any, Manual))


async def test_a_schedule_that_can_be_called_is_a_schedule(face: Face) -> None:
    class Called(Every):
        __slots__ = ()

        def __call__(self) -> None: ...

    face.inner.job(Called("1h"), id="declared")(work)
    await face.add(work, Called("1h"), id="added")
    assert [job.id for job in await face.jobs()] == ["added", "declared"]


async def test_a_job_cannot_be_given_another_id_by_update(face: Face) -> None:
    await face.add(work, "5m")
    with pytest.raises(ConfigurationError, match=r"id= is no option of a job: a job keeps its id; .* aliases="):
        await face.update("work", id="other")


async def test_a_mistake_in_add_leaves_no_job_behind(face: Face) -> None:
    with pytest.raises(ConfigurationError):
        await face.add(work, "5m", id="bad", kwargs={"n": 1})
    assert len(await face.jobs()) == 0


async def test_a_target_that_is_not_registered_is_refused_naming_those_that_are(face: Face) -> None:
    face.inner.target(work)
    with pytest.raises(ConfigurationError, match=r"no target is called 'wrok'.*the targets are work"):
        await face.add("wrok", "5m")


async def test_a_one_shot_that_is_over_is_refused_by_add(face: Face) -> None:
    with pytest.raises(ConfigurationError, match=r"would never run: .* give a later instant, or 'now'"):
        await face.add(work, At("2026-03-27T11:00Z"))


async def test_a_one_shot_that_has_only_just_passed_runs(face: Face) -> None:
    job = await face.add(work, At("2026-03-27T11:59:30Z"))
    assert job.next_run_at == datetime(2026, 3, 27, 11, 59, 30, tzinfo=UTC)


async def test_a_one_shot_that_is_over_may_stay_declared_in_code(face: Face) -> None:
    face.inner.job(At("2020-01-01T00:00Z"))(work)
    assert (await face.get("work")).next_run_at is None


def test_mistakes_in_the_constructor_are_refused_at_once(colour: str) -> None:
    make = FACES[colour][0]
    with pytest.raises(ScheduleError, match="Mars"):
        make(tz="Mars/Olympus")
    with pytest.raises(ConfigurationError, match="no store for 'redis://x'"):
        make("redis://x")
    with pytest.raises(ConfigurationError, match="cluster=True needs a store that several hosts share"):
        make(cluster=True)
    with pytest.raises(ScheduleError, match="no unit"):
        make(lease=30)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="slots=0"):
        make(executors={"loop": CoroutineExecutor(0)})
    with pytest.raises(ConfigurationError, match=r"such as ThreadExecutor\(20\)"):
        make(executors={"default": 20})


# -- the run is handed to those who ask for it ------------------------------------------------------------------------


def wants_run(run: RunContext, n: int = 1) -> str:
    return f"{run.job_id} {n}"


def wants_run_as_text(n: int, *, context: "RunContext | None") -> str:
    assert context is not None
    return f"{context.job_id} {n}"


class Bound:
    def method(self, run: RunContext) -> str:
        return run.job_id


@functools.wraps(wants_run)
def wrapped(*args: Any, **kwargs: Any) -> str:
    return wants_run(*args, **kwargs)


@pytest.mark.parametrize(
    ("target", "kwargs", "value"),
    [
        (wants_run, {}, "job 1"),
        (wants_run_as_text, {"n": 2}, "job 2"),
        (Bound().method, {}, "job"),
        (functools.partial(wants_run, n=3), {}, "job 3"),
        (wrapped, {"n": 4}, "job 4"),
    ],
    ids=["plain", "annotated as text", "bound", "partial", "wrapped"],
)
async def test_the_run_is_given_to_the_parameter_that_is_annotated_so(
    running: Face, target: Callable[..., str], kwargs: dict[str, Any], value: str
) -> None:
    await running.add(target, id="job", kwargs=kwargs)
    assert await (await running.trigger("job")).result(timeout=10) == value
