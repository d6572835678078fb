"""Starting, draining, stopping and starting again, on both faces."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import anyio
import pytest

from cronkit import (
    At,
    LifecycleError,
    Manual,
    RunContext,
    RunError,
    RunStatus,
    ScheduleError,
    Scheduler,
    ThreadExecutor,
    events,
)
from cronkit.engine.thread import EngineThread
from cronkit.scheduler import runtime
from cronkit.stores import MemoryStore
from tests.scheduler.faces import PATIENCE, Face

pytestmark = pytest.mark.anyio


def work() -> str:
    return "done"


class Held:
    """A function that is under way until it is let go."""

    def __init__(self) -> None:
        self.started, self.go = threading.Event(), threading.Event()

    def function(self) -> str:
        self.started.set()
        assert self.go.wait(PATIENCE)
        return "done"

    async def wait_for_start(self) -> None:
        """Wait for its start, without holding up the loop."""
        assert await anyio.to_thread.run_sync(self.started.wait, PATIENCE)


# -- start and stop ---------------------------------------------------------------------------------------------------


async def test_a_scheduler_runs_between_start_and_stop(make_face: Callable[..., Face]) -> None:
    face = make_face()
    assert not face.is_running
    async with face:
        assert face.is_running
    assert not face.is_running


async def test_starting_twice_is_refused_and_harms_nothing(running: Face) -> None:
    with pytest.raises(LifecycleError, match=r"runs.* already: stop\(\) it first"):
        await running.start()
    await running.add(work)
    assert await (await running.trigger("work")).result(timeout=PATIENCE) == "done"


async def test_a_start_says_what_runs_from_where_in_which_zone(
    make_face: Callable[..., Face], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cronkit.scheduler")
    face = make_face(tz="Europe/Paris")
    face.inner.job(Manual())(work)
    async with face:
        assert "declared jobs: 1; store: MemoryStore, namespace 'default'; zone: Europe/Paris" in caplog.text


async def test_stopping_what_does_not_run_does_nothing(face: Face) -> None:
    assert await face.stop() == 0


@pytest.mark.parametrize("drain", [5, "soon"])
async def test_a_drain_that_is_no_duration_is_refused_and_stops_nothing(running: Face, drain: object) -> None:
    with pytest.raises(ScheduleError):
        await running.stop(drain=drain)
    assert running.is_running


async def test_a_stopped_scheduler_leaves_no_thread(
    make_face: Callable[..., Face], threads_left: Callable[[], list[str]]
) -> None:
    async with make_face() as face:
        await face.add(work)
        await (await face.trigger("work")).result(timeout=PATIENCE)
    assert threads_left() == []


async def test_a_scheduler_can_be_started_again(make_face: Callable[..., Face]) -> None:
    async def work_async() -> str:
        return "done"

    face = make_face()
    await face.add(work)
    await face.add(work_async)
    for _ in range(2):
        async with face:
            for job in ("work", "work_async"):
                assert await (await face.trigger(job)).result(timeout=PATIENCE) == "done"


async def test_jobs_are_put_into_the_store_at_start_and_run(make_face: Callable[..., Face]) -> None:
    face, ran = make_face(), threading.Event()
    face.inner.job("now", id="once")(ran.set)
    async with face:
        assert await anyio.to_thread.run_sync(ran.wait, PATIENCE)


async def test_a_job_that_is_declared_while_the_scheduler_runs_runs(running: Face) -> None:
    ran = threading.Event()
    running.inner.job(At("now"), id="late")(ran.set)
    assert await anyio.to_thread.run_sync(ran.wait, PATIENCE)


async def test_health_says_what_is_under_way(make_face: Callable[..., Face]) -> None:
    face, held = make_face(), Held()
    assert (face.inner.health().running, face.inner.health().node) == (False, None)
    async with face:
        await face.add(held.function, id="held")
        handle = await face.trigger("held")
        await held.wait_for_start()
        health = face.inner.health()
        assert (health.running, health.in_flight, health.stuck) == (True, (handle.id,), ())
        held.go.set()
    assert not face.inner.health().running


# -- draining ---------------------------------------------------------------------------------------------------------


async def test_a_stop_lets_runs_end(make_face: Callable[..., Face]) -> None:
    face, held = make_face(), Held()
    face.inner.on(events.SchedulerStopping)(lambda event: held.go.set())
    async with face:
        await face.add(held.function, id="held")
        handle = await face.trigger("held")
        await held.wait_for_start()
    assert (await handle.run()).status is RunStatus.SUCCEEDED


async def test_what_waits_when_the_scheduler_stops_goes_on_waiting(make_face: Callable[..., Face]) -> None:
    face, held = make_face(executors={"default": ThreadExecutor(1)}), Held()
    face.inner.on(events.SchedulerStopping)(lambda event: held.go.set())
    async with face:
        await face.add(held.function, id="held")
        await face.add(work)
        await face.trigger("held")
        await held.wait_for_start()
        waiting = await face.trigger("work")
    assert (await waiting.run()).status is RunStatus.QUEUED
    async with face:
        assert await waiting.result(timeout=PATIENCE) == "done"


async def test_a_coroutine_that_outlasts_the_drain_is_cancelled(make_face: Callable[..., Face]) -> None:
    face, started = make_face(), threading.Event()

    async def endless() -> None:
        started.set()
        await anyio.sleep_forever()

    await face.start()
    await face.add(endless)
    handle = await face.trigger("endless")
    assert await anyio.to_thread.run_sync(started.wait, PATIENCE)
    assert await face.stop(drain="0s") == 0
    run = await handle.run()
    assert (run.status, run.reason) == (RunStatus.CANCELLED, "scheduler stopped")


async def test_a_function_that_heeds_the_end_of_the_drain_is_cancelled(make_face: Callable[..., Face]) -> None:
    face, started = make_face(), threading.Event()

    def heedful(run: RunContext) -> None:
        started.set()
        while not run.cancel_requested:
            time.sleep(0.001)
        raise InterruptedError

    await face.start()
    await face.add(heedful)
    handle = await face.trigger("heedful")
    assert await anyio.to_thread.run_sync(started.wait, PATIENCE)
    assert await face.stop(drain="0s") == 0
    run = await handle.run()
    assert (run.status, run.reason) == (RunStatus.CANCELLED, "scheduler stopped")


@pytest.mark.realtime
async def test_a_function_that_outlasts_the_drain_is_left_and_reported(make_face: Callable[..., Face]) -> None:
    face, held, stopped = make_face(), Held(), []
    face.inner.on(events.SchedulerStopped)(stopped.append)
    await face.start()
    await face.add(held.function, id="held")
    await face.trigger("held")
    await held.wait_for_start()
    try:
        assert await face.stop(drain="10ms") == 1
        assert [event.left_running for event in stopped] == [1]
    finally:
        held.go.set()


@pytest.mark.realtime
async def test_a_stop_just_after_the_last_run_does_not_wait(make_face: Callable[..., Face]) -> None:
    face, held = make_face(), Held()
    async with face:
        await face.add(held.function, id="held")
        await face.trigger("held")
        await held.wait_for_start()
        began = time.monotonic()
        held.go.set()
    assert time.monotonic() - began < 2


async def test_a_second_stop_shortens_the_first(make_face: Callable[..., Face]) -> None:
    face, started, stopping = make_face(), threading.Event(), threading.Event()
    face.inner.on(events.SchedulerStopping)(lambda event: stopping.set())

    async def endless() -> None:
        started.set()
        await anyio.sleep_forever()

    await face.start()
    await face.add(endless)
    handle = await face.trigger("endless")
    assert await anyio.to_thread.run_sync(started.wait, PATIENCE)
    sync = getattr(face.inner, "_sync", face.inner)
    first = threading.Thread(target=sync.stop, kwargs={"drain": "1h"})
    first.start()
    assert await anyio.to_thread.run_sync(stopping.wait, PATIENCE)
    await face.stop(drain="0s")
    await anyio.to_thread.run_sync(first.join, PATIENCE)
    assert not first.is_alive()
    assert (await handle.run()).status is RunStatus.CANCELLED


async def test_a_stop_inside_a_run_is_refused(running: Face) -> None:
    async def stops() -> None:
        await running.stop()

    await running.add(stops)
    with pytest.raises(RunError, match=r"LifecycleError: stop\(\) was called inside a run"):
        await (await running.trigger("stops")).result(timeout=PATIENCE)
    assert running.is_running


# -- the sync face's own loop -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["stop", "result"])
def test_waiting_on_the_loop_of_the_coroutines_is_refused(verb: str) -> None:
    scheduler, refusals, told = Scheduler(), [], threading.Event()

    @scheduler.on(events.RunSucceeded)
    async def listener(event: events.RunSucceeded) -> None:
        try:
            {"stop": scheduler.stop, "result": scheduler.run_handle(event.run_id).result}[verb]()
        except LifecycleError as error:
            refusals.append(str(error))
        told.set()

    with scheduler:
        scheduler.add(work)
        scheduler.trigger("work").result(timeout=PATIENCE)
        assert told.wait(PATIENCE)
    assert len(refusals) == 1
    assert refusals[0].startswith(f"{verb}() was called on the loop that runs the scheduler's coroutines")


def test_a_listener_that_is_a_function_may_stop_the_scheduler() -> None:
    scheduler, stopped = Scheduler(), threading.Event()

    @scheduler.on(events.RunSucceeded)
    def listener(event: events.RunSucceeded) -> None:
        scheduler.stop()
        stopped.set()

    scheduler.start()
    scheduler.add(work)
    scheduler.trigger("work")
    assert stopped.wait(PATIENCE)
    assert not scheduler.is_running


async def test_run_belongs_to_the_main_thread(make_face: Callable[..., Face]) -> None:
    refusals: list[str] = []

    def run() -> None:
        try:
            anyio.run(make_face().run)
        except LifecycleError as error:
            refusals.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE)
    assert refusals == ["run() waits for signals, which the main thread alone receives: call start() here"]


def test_run_returns_when_another_thread_stops_the_scheduler() -> None:
    scheduler = Scheduler()
    threads: list[threading.Thread] = []

    @scheduler.on(events.SchedulerStarted)
    def stop_soon(event: events.SchedulerStarted) -> None:
        threads.append(threading.Thread(target=scheduler.stop))
        threads[0].start()

    scheduler.run()
    threads[0].join(PATIENCE)
    assert not scheduler.is_running


# -- a start that fails -----------------------------------------------------------------------------------------------


class BrokenExecutor(ThreadExecutor):
    """An executor that does not start until it is repaired."""

    is_broken = True

    def start(self) -> None:
        if self.is_broken:
            raise OSError("no threads today")
        super().start()


async def test_a_start_that_fails_leaves_nothing_running_and_can_be_tried_again(
    make_face: Callable[..., Face], threads_left: Callable[[], list[str]]
) -> None:
    broken = BrokenExecutor()
    face = make_face(executors={"spare": broken})
    with pytest.raises(OSError, match="no threads today"):
        await face.start()
    assert not face.is_running
    assert threads_left() == []
    broken.is_broken = False
    async with face:
        assert face.is_running


async def test_a_store_that_cannot_be_opened_is_an_error_of_the_start(make_face: Callable[..., Face]) -> None:
    class ClosedStore(MemoryStore):
        def open(self) -> None:
            raise ConnectionError("no route")

    face = make_face(ClosedStore())
    with pytest.raises(ConnectionError, match="no route"):
        await face.start()
    assert not face.is_running


async def test_an_executor_that_fails_to_shut_down_is_reported_and_does_not_keep_the_others(
    make_face: Callable[..., Face], caplog: pytest.LogCaptureFixture, threads_left: Callable[[], list[str]]
) -> None:
    class Clinging(ThreadExecutor):
        def shutdown(self, drain: timedelta) -> int:
            super().shutdown(drain)
            raise OSError("not yet")

    face = make_face(executors={"default": Clinging()})
    await face.start()
    await face.stop()
    assert not face.is_running
    assert threads_left() == []
    assert [record.getMessage() for record in caplog.records] == ["the executor 'default' could not be shut down"]


# -- starts and stops that meet, or are interrupted -------------------------------------------------------------------


class Applying(MemoryStore):
    """A store that lets a test act while a start applies what code declares."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    def open(self) -> None:
        """Nothing to open."""

    def insert(self, *args: Any) -> Any:
        """Let the test act first."""
        self._act()
        return super().insert(*args)


def interrupt(*args: object) -> None:
    raise KeyboardInterrupt


def after(function: Callable[..., Any], act: Callable[..., object]) -> Callable[..., Any]:
    """A function that lets a test act when it has done its work, as a signal handler does."""

    def both(*args: Any) -> Any:
        done = function(*args)
        act()
        return done

    return both


def test_a_stop_by_whatever_interrupts_a_start_returns_at_once_and_nothing_starts(
    threads_left: Callable[[], list[str]],
) -> None:
    left: list[int] = []
    scheduler = Scheduler(Applying(lambda: left.append(scheduler.stop())))
    scheduler.job("1h")(work)
    with pytest.raises(LifecycleError, match="was stopped while it started"):
        scheduler.start()
    assert (left, scheduler.is_running, threads_left()) == ([0], False, [])
    with scheduler:
        assert scheduler.trigger("work").result(timeout=PATIENCE) == "done"


def test_whoever_stops_a_scheduler_whose_start_fails_is_not_kept() -> None:
    def stop_elsewhere_and_fail() -> None:
        stopper = threading.Thread(target=scheduler.stop, daemon=True)
        stopper.start()
        stopper.join(PATIENCE)
        stopped.append(not stopper.is_alive())
        raise OSError("no route")

    stopped: list[bool] = []
    scheduler = Scheduler(Applying(stop_elsewhere_and_fail))
    scheduler.job("1h")(work)
    with pytest.raises(OSError, match="no route"):
        scheduler.start()
    assert stopped == [True]


@pytest.mark.parametrize("ends", [EngineThread, runtime.Runtime], ids=["of its thread's", "of all of it"])
def test_an_interrupt_at_the_end_of_a_start_leaves_nothing_running(
    ends: type, monkeypatch: pytest.MonkeyPatch, threads_left: Callable[[], list[str]]
) -> None:
    scheduler, ran = Scheduler(), threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(ends, "start", after(ends.start, interrupt))  # type: ignore[attr-defined]
        with pytest.raises(KeyboardInterrupt):
            scheduler.start()
    assert (scheduler.is_running, threads_left()) == (False, [])
    scheduler.job("now", id="once")(ran.set)
    with scheduler:
        assert ran.wait(PATIENCE)


def test_a_thread_that_begins_after_its_start_was_interrupted_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, threads_left: Callable[[], list[str]]
) -> None:
    scheduler, begins, ran = Scheduler(), threading.Event(), threading.Event()
    scheduler.job("now", id="once")(ran.set)
    run = EngineThread._run

    def begin_late(thread: EngineThread) -> None:
        assert begins.wait(PATIENCE)
        run(thread)

    with monkeypatch.context() as patch:
        patch.setattr(EngineThread, "_run", begin_late)
        patch.setattr(threading.Thread, "start", after(threading.Thread.start, interrupt))
        with pytest.raises(KeyboardInterrupt):
            scheduler.start()
    begins.set()
    assert (scheduler.is_running, threads_left(), ran.is_set()) == (False, [], False)


def test_a_stop_that_is_interrupted_goes_on_by_itself(
    monkeypatch: pytest.MonkeyPatch, threads_left: Callable[[], list[str]]
) -> None:
    scheduler, held = Scheduler(), Held()
    scheduler.start()
    scheduler.add(held.function, id="held")
    handle = scheduler.trigger("held")
    assert held.started.wait(PATIENCE)
    with monkeypatch.context() as patch:
        patch.setattr(EngineThread, "wait_until_stopped", interrupt)
        with pytest.raises(KeyboardInterrupt):
            scheduler.stop(drain="1h")
    assert scheduler.is_running
    held.go.set()
    assert threads_left() == []
    assert (scheduler.is_running, scheduler.health().running) == (False, False)
    assert handle.status is RunStatus.SUCCEEDED
    with scheduler:
        assert scheduler.is_running


def test_what_an_engine_needs_is_taken_apart_to_the_last_piece_whichever_piece_fails(
    threads_left: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    class Clinging(MemoryStore):
        def subscribe(self, callback: Any) -> Callable[[], None]:
            super().subscribe(callback)

            def unsubscribe() -> None:
                raise OSError("not yet")

            return unsubscribe

    scheduler = Scheduler(Clinging())
    scheduler.start()
    scheduler.add(work)
    scheduler.trigger("work")
    with caplog.at_level(logging.CRITICAL + 1, "cronkit"):
        scheduler.stop()
    assert (scheduler.is_running, threads_left()) == (False, [])
    assert scheduler.health().problem == "the engine has ended: OSError('not yet')"


# -- several workers --------------------------------------------------------------------------------------------------


@pytest.fixture(params=["WEB_CONCURRENCY", "gunicorn", "multiprocessing"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes this process look like one of several workers."""
    if request.param == "WEB_CONCURRENCY":
        monkeypatch.setenv("WEB_CONCURRENCY", "4")
    elif request.param == "gunicorn":
        monkeypatch.setitem(runtime.sys.modules, "gunicorn", threading)
    else:
        monkeypatch.setattr("multiprocessing.process.parent_process", threading.current_thread)


@pytest.mark.usefixtures("server")
async def test_a_store_in_memory_warns_loudly_under_several_workers(make_face: Callable[..., Face]) -> None:
    face = make_face()
    with pytest.warns(RuntimeWarning, match="looks like one of several server workers.*Give Scheduler a store"):
        await face.start()
    await face.stop()


async def test_one_worker_is_no_reason_to_warn(make_face: Callable[..., Face], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "1")
    async with make_face() as face:
        assert face.is_running


@pytest.mark.parametrize("command", [["uvicorn", "app:app", "--reload"], ["fastapi", "dev", "app.py"]])
async def test_the_worker_of_a_server_that_reloads_is_alone(
    command: list[str], make_face: Callable[..., Face], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("multiprocessing.process.parent_process", threading.current_thread)
    monkeypatch.setattr(runtime.sys, "argv", command)
    async with make_face() as face:
        assert face.is_running


def test_the_sync_face_can_be_used_inside_an_event_loop() -> None:
    scheduler = Scheduler()

    async def host() -> str:
        with scheduler:
            scheduler.add(work, Manual())
            return str(scheduler.trigger("work").result(timeout=PATIENCE))

    assert asyncio.run(host()) == "done"
