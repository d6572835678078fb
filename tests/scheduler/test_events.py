"""What listeners are told, in which order, on both faces."""

import inspect
import logging
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from cronkit import At, Retry, RunContext, RunError, events
from cronkit.events import Event, ListenerFailed
from tests.scheduler.faces import PATIENCE, Face

pytestmark = pytest.mark.anyio


def work(run: RunContext) -> int:
    run.progress(0.5)
    return 7


async def work_async(run: RunContext) -> int:
    run.progress(0.5)
    return 7


def fail() -> None:
    raise ValueError("out of paper")


class Record:
    """The events that were told, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def kinds(self) -> list[str]:
        """Their classes' names."""
        return [type(event).__name__ for event in self.events]


async def told(face: Face, *types: type[Event], act: Callable[[], Any]) -> Record:
    """What a listener for these classes is told of a start, an act and a stop."""
    record = Record()
    face.inner.on(*types)(record)
    async with face:
        await act()
    return record


@pytest.mark.parametrize("target", [work, work_async])
async def test_a_run_is_told_of_from_its_start_to_its_end_in_order(
    make_face: Callable[..., Face], target: Callable[..., Any]
) -> None:
    face = make_face()

    async def act() -> None:
        await face.add(target, id="job")
        await (await face.trigger("job")).result(timeout=PATIENCE)

    record = await told(face, events.RunEvent, act=act)
    assert record.kinds == ["RunStarted", "RunProgressed", "RunSucceeded"]
    started, progressed, succeeded = record.events
    assert {event.run_id for event in record.events} == {started.run_id}  # type: ignore[attr-defined]
    assert (started.job_id, started.attempt) == ("job", 1)  # type: ignore[attr-defined]
    assert progressed.fraction == 0.5  # type: ignore[attr-defined]
    assert succeeded.value == 7  # type: ignore[attr-defined]


async def test_the_life_of_the_scheduler_is_told_to_the_end(make_face: Callable[..., Face]) -> None:
    async def act() -> None:
        pass

    record = await told(make_face(), events.SchedulerEvent, act=act)
    assert record.kinds == ["SchedulerStarted", "SchedulerStopping", "SchedulerStopped"]


async def test_what_is_done_to_a_job_is_told(make_face: Callable[..., Face]) -> None:
    face = make_face()

    async def act() -> None:
        await face.add(work, id="job", by="ann")
        await face.update("job", schedule=At("2100-01-01T00:00Z"), timeout="5s", tags=["a"])
        await face.update("job", tags=["a"])
        await face.pause("job", reason="why", by="bob")
        await face.resume("job")
        await face.resume("job")
        await face.remove("job")

    record = await told(face, events.JobEvent, act=act)
    assert record.kinds == ["JobAdded", "JobUpdated", "JobPaused", "JobResumed", "JobRemoved"]
    assert {event.job_id for event in record.events} == {"job"}  # type: ignore[attr-defined]
    _, updated, paused, *_ = record.events
    assert updated.changed == ("schedule", "tags", "timeout")  # type: ignore[attr-defined]
    assert (paused.reason, paused.until, paused.by) == ("why", None, "bob")  # type: ignore[attr-defined]


async def test_a_failure_is_told_with_its_retries(make_face: Callable[..., Face]) -> None:
    face = make_face()

    async def act() -> None:
        await face.add(fail, retry=Retry(attempts=2))
        handle = await face.trigger("fail")
        with pytest.raises(RunError):
            await handle.result(timeout=PATIENCE)

    record = await told(face, events.RunEvent, act=act)
    assert record.kinds == ["RunStarted", "RunRetrying", "RunStarted", "RunFailed"]
    failed = record.events[-1]
    assert (failed.attempt, failed.error.message) == (2, "out of paper")  # type: ignore[attr-defined]


async def test_listening_to_a_class_is_listening_to_all_below_it(make_face: Callable[..., Face]) -> None:
    async def act() -> None:
        pass

    assert "SchedulerStopped" in (await told(make_face(), Event, act=act)).kinds


async def test_a_listener_that_raises_is_reported_and_harms_nobody(
    make_face: Callable[..., Face], caplog: pytest.LogCaptureFixture
) -> None:
    face, failures = make_face(), Record()

    @face.inner.on(events.RunEvent)
    def careless(event: Event) -> None:
        raise KeyError("careless")

    face.inner.on(ListenerFailed)(failures)

    async def act() -> None:
        await face.add(work, id="job")
        assert await (await face.trigger("job")).result(timeout=PATIENCE) == 7

    with caplog.at_level(logging.CRITICAL):
        record = await told(face, events.RunEvent, act=act)
    assert record.kinds == ["RunStarted", "RunProgressed", "RunSucceeded"]
    assert len(failures.events) == 3
    assert all("careless" in failure.listener for failure in failures.events)  # type: ignore[attr-defined]


async def test_a_coroutine_function_that_listens_runs_on_the_schedulers_loop_in_order(
    make_face: Callable[..., Face],
) -> None:
    face, seen = make_face(), []

    @face.inner.on(events.Event)
    async def listener(event: Event) -> None:
        await anyio.sleep(0)
        seen.append((type(event).__name__, threading.get_ident()))

    async with face:
        await face.add(work_async, id="job")
        await (await face.trigger("job")).result(timeout=PATIENCE)
    kinds = [kind for kind, _ in seen]
    told_by_the_caller = ["SchedulerStarted", "JobAdded", "SchedulerStopping", "SchedulerStopped"]
    assert [kind for kind in kinds if kind in told_by_the_caller] == told_by_the_caller
    # The end of a run is told after whoever waits for its result was let go, and may have begun the stop.
    assert [kind for kind in kinds if kind != "SchedulerStopping"] == [
        "SchedulerStarted",
        "JobAdded",
        "RunStarted",
        "RunProgressed",
        "RunSucceeded",
        "SchedulerStopped",
    ]
    is_on_this_loop = {thread == threading.get_ident() for _, thread in seen}
    assert is_on_this_loop == {hasattr(face.inner, "_sync")}


async def test_a_stop_leaves_no_thread_of_events_behind(make_face: Callable[..., Face]) -> None:
    before = set(threading.enumerate())
    face = make_face()
    face.inner.on(Event)(Record())
    async with face:
        pass
    assert [each.name for each in threading.enumerate() if each.name == "cronkit-events" and each not in before] == []


async def test_a_listener_may_call_the_schedulers_verbs(make_face: Callable[..., Face]) -> None:
    face, second = make_face(), threading.Event()
    sync = getattr(face.inner, "_sync", face.inner)

    def after(run: RunContext) -> None:
        second.set()

    @face.inner.on(events.RunSucceeded)
    def chain(event: events.RunSucceeded) -> None:
        if event.job_id == "work":
            sync.trigger("after")

    async with face:
        await face.add(work)
        await face.add(after)
        await face.trigger("work")
        assert await anyio.to_thread.run_sync(second.wait, PATIENCE)


async def test_a_listener_that_is_no_function_or_listens_to_no_event_is_refused(face: Face) -> None:
    from cronkit import ConfigurationError

    with pytest.raises(ConfigurationError, match="give classes of events"):
        face.inner.on()
    with pytest.raises(ConfigurationError, match="give classes of events"):
        face.inner.on(str)
    with pytest.raises(ConfigurationError, match="cannot listen"):
        face.inner.on(Event)(5)


def test_every_event_of_a_run_names_the_run_and_its_job() -> None:
    kinds = [kind for _, kind in inspect.getmembers(events, inspect.isclass) if issubclass(kind, events.RunEvent)]
    assert len(kinds) > 10
    for kind in kinds:
        assert {"namespace", "job_id", "run_id", "scheduled_at", "attempt"} <= set(inspect.signature(kind).parameters)
