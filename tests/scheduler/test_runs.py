"""Triggering, waiting for, cancelling and reading runs, on both faces."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from cronkit import (
    ConfigurationError,
    Fail,
    MemoryStore,
    RunContext,
    RunError,
    RunNotFoundError,
    RunStatus,
    ScheduleError,
    Skip,
    ThreadExecutor,
)
from tests.scheduler.faces import NOON, PATIENCE, Face, HandClock

pytestmark = pytest.mark.anyio


def add(a: int, b: int = 1) -> int:
    return a + b


async def add_async(a: int, b: int = 1) -> int:
    return a + b


def fail() -> None:
    raise ValueError("out of paper")


# -- trigger ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [add, add_async])
async def test_a_triggered_run_returns_the_targets_value(running: Face, target: Callable[..., Any]) -> None:
    await running.add(target, id="sum", args=[2])
    assert await (await running.trigger("sum")).result(timeout=PATIENCE) == 3


async def test_the_arguments_of_a_trigger_go_over_the_jobs_own(running: Face) -> None:
    await running.add(add, id="sum", kwargs={"a": 2, "b": 3})
    assert await (await running.trigger("sum", kwargs={"b": 10})).result(timeout=PATIENCE) == 12
    assert await (await running.trigger("sum")).result(timeout=PATIENCE) == 5


async def test_a_trigger_with_arguments_that_the_target_does_not_take_is_refused(face: Face) -> None:
    await face.add(add, id="sum", args=[1])
    with pytest.raises(ConfigurationError, match="unexpected keyword argument 'c'"):
        await face.trigger("sum", kwargs={"c": 1})
    assert len(await face.ledger.runs()) == 0


async def test_the_same_key_is_the_same_run_however_often_it_is_triggered(face: Face, clock: HandClock) -> None:
    await face.add(add, id="sum", args=[1], overlap="allow")
    first = await face.trigger("sum", key="click-1")
    clock.advance(seconds=1)
    assert (await face.trigger("sum", key="click-1")).id == first.id
    assert (await face.trigger("sum", key="click-2")).id != first.id
    assert len(await face.ledger.runs()) == 2


async def test_without_a_key_every_trigger_is_a_run_of_its_own(face: Face) -> None:
    await face.add(add, id="sum", args=[1], overlap="allow")
    assert (await face.trigger("sum")).id != (await face.trigger("sum")).id


async def test_a_trigger_works_while_the_job_is_paused(running: Face) -> None:
    await running.add(add, id="sum", args=[1])
    await running.pause("sum")
    assert await (await running.trigger("sum")).result(timeout=PATIENCE) == 2


async def test_a_trigger_before_the_start_waits_for_it(face: Face) -> None:
    await face.add(add, id="sum", args=[1])
    handle = await face.trigger("sum")
    assert (await handle.run()).status is RunStatus.QUEUED
    async with face:
        assert await handle.result(timeout=PATIENCE) == 2


async def test_a_handle_is_made_of_any_runs_id(running: Face) -> None:
    await running.add(add, id="sum", args=[1])
    run_id = (await running.trigger("sum")).id
    handle = Face(running.inner.run_handle(run_id))
    assert await handle.result(timeout=PATIENCE) == 2


# -- result -----------------------------------------------------------------------------------------------------------


async def test_a_failed_run_raises_with_everything_that_is_known_of_it(running: Face) -> None:
    await running.add(fail)
    handle = await running.trigger("fail")
    with pytest.raises(RunError, match=r"run \w+ of job 'fail' is failed: ValueError: out of paper") as failure:
        await handle.result(timeout=PATIENCE)
    error = failure.value
    assert (error.run_id, error.status, error.reason) == (handle.id, "failed", None)
    assert (error.error_type, error.error_message) == ("ValueError", "out of paper")


async def test_a_traceback_begins_at_the_targets_own_frames(running: Face) -> None:
    await running.add(fail)
    with pytest.raises(RunError) as failure:
        await (await running.trigger("fail")).result(timeout=PATIENCE)
    first, frame, *_ = (failure.value.traceback or "").splitlines()
    assert first == "Traceback (most recent call last):"
    assert __file__ in frame
    assert frame.endswith("in fail")


@pytest.mark.parametrize(
    ("signal", "status", "reason"), [(Skip("holiday"), "skipped", "holiday"), (Fail("no money"), "failed", "no money")]
)
async def test_a_run_that_its_target_ended_raises_with_the_reason(
    running: Face, signal: Exception, status: str, reason: str
) -> None:
    async def target() -> None:
        raise signal

    await running.add(target)
    with pytest.raises(RunError, match=reason) as failure:
        await (await running.trigger("target")).result(timeout=PATIENCE)
    assert (failure.value.status, failure.value.reason) == (status, reason)


async def test_a_run_that_was_skipped_at_once_raises_with_the_reason(face: Face) -> None:
    await face.add(add, id="sum", args=[1])
    await face.trigger("sum")
    second = await face.trigger("sum")
    with pytest.raises(RunError, match="is skipped: overlap") as failure:
        await second.result(timeout=PATIENCE)
    assert (failure.value.status, failure.value.reason) == ("skipped", "overlap")


async def test_a_result_that_does_not_come_in_time_is_a_timeout_and_the_run_goes_on(face: Face) -> None:
    await face.add(add, id="sum", args=[1])
    handle = await face.trigger("sum")
    with pytest.raises(TimeoutError, match=r"run \w+ of job 'sum' has not ended within 1ms; it is queued"):
        await handle.result(timeout="1ms")
    assert (await handle.run()).status is RunStatus.QUEUED


@pytest.mark.parametrize(
    ("timeout", "shown"),
    [(0, "0 s"), (0.001, "0.001 s"), ("1ms", "1ms"), (timedelta(), "0s"), (timedelta(microseconds=9), "0.009ms")],
)
async def test_a_wait_that_was_in_vain_says_for_how_long_it_was(face: Face, timeout: Any, shown: str) -> None:
    await face.add(add, id="sum", args=[1])
    handle = await face.trigger("sum")
    with pytest.raises(TimeoutError, match=f"has not ended within {shown}; it is queued"):
        await handle.result(timeout=timeout)


async def test_a_wait_that_was_in_vain_says_that_the_scheduler_is_not_started(face: Face) -> None:
    await face.add(add, id="sum", args=[1])
    handle = await face.trigger("sum")
    why = r"waits on: this scheduler is not started: start\(\) it; cancel\('\w+'\) takes"
    with pytest.raises(TimeoutError, match=why):
        await handle.result(timeout=0)


async def test_a_wait_that_was_in_vain_may_be_for_another_scheduler_on_a_store_that_processes_share(
    make_face: Callable[..., Face], tmp_path: Path
) -> None:
    face = make_face(f"sqlite:///{tmp_path}/jobs.db")
    await face.add(add, id="sum", args=[1])
    handle = await face.trigger("sum")
    with pytest.raises(TimeoutError, match=r"is not started: start\(\) it, or have another one on this store run it;"):
        await handle.result(timeout=0)


async def test_a_wait_that_was_in_vain_names_the_target_that_is_not_registered(
    make_face: Callable[..., Face], clock: HandClock
) -> None:
    store = MemoryStore()
    await make_face(store, clock=clock).add(add, id="sum", args=[1])
    async with make_face(store, clock=clock) as face:
        handle = await face.trigger("sum")
        why = r"no target 'add' is registered here: register it with @scheduler.target\(name='add'\).*aliases=\['add'\]"
        with pytest.raises(TimeoutError, match=why):
            await handle.result(timeout=0)
    with pytest.raises(TimeoutError, match=r"is not started and has no target 'add': register .*, and start\(\) it;"):
        await handle.result(timeout=0)


async def test_a_wait_that_was_in_vain_names_the_executor_that_is_not_here(
    make_face: Callable[..., Face], clock: HandClock
) -> None:
    store = MemoryStore()
    executors = {"reports": ThreadExecutor()}
    await make_face(store, clock=clock, executors=executors).add(add, id="sum", args=[1], executor="reports")
    async with make_face(store, clock=clock) as face:
        face.inner.target(add)
        handle = await face.trigger("sum")
        with pytest.raises(TimeoutError, match="there is no executor 'reports' here: name one in "):
            await handle.result(timeout=0)


async def test_a_wait_for_a_run_that_goes_on_says_how_it_is_stopped(running: Face) -> None:
    started, go = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        go.wait(PATIENCE)

    await running.add(wait)
    handle = await running.trigger("wait")
    assert await anyio.to_thread.run_sync(started.wait, PATIENCE)
    with pytest.raises(TimeoutError, match=r"it is running, and goes on: cancel\('\w+'\) asks it to stop"):
        await handle.result(timeout=0)
    go.set()


async def test_one_who_cannot_be_told_of_an_end_keeps_nobody_else_from_hearing_of_it(
    running: Face, caplog: pytest.LogCaptureFixture
) -> None:
    go, told = threading.Event(), threading.Event()

    def wait() -> None:
        go.wait(PATIENCE)

    def lost() -> None:
        raise RuntimeError("Event loop is closed")

    await running.add(wait)
    run_id = (await running.trigger("wait")).inner.id
    waiters = getattr(running.inner, "_sync", running.inner)._parts.waiters
    for callback in (lost, told.set):
        waiters.call_when_ended(run_id, callback)
    go.set()
    assert await anyio.to_thread.run_sync(told.wait, PATIENCE)
    assert "could not be told" in caplog.text


async def test_a_result_may_be_waited_for_without_end(running: Face) -> None:
    await running.add(add, id="sum", args=[1])
    assert await (await running.trigger("sum")).result(timeout=timedelta.max) == 2


async def test_waiting_inside_a_run_is_refused(running: Face) -> None:
    await running.add(add, id="other", args=[1])

    async def waits() -> None:
        await (await running.trigger("other")).result()

    await running.add(waits)
    with pytest.raises(RunError, match=r"LifecycleError: result\(\) was called inside a run"):
        await (await running.trigger("waits")).result(timeout=PATIENCE)


async def test_a_run_that_is_not_kept_any_more_is_an_error(face: Face) -> None:
    handle = Face(face.inner.run_handle("gone"))
    for question in (handle.run, handle.result):
        with pytest.raises(RunNotFoundError, match="no run 'gone'"):
            await question()
    for verb in (face.cancel, face.ledger.run):
        with pytest.raises(RunNotFoundError, match="no run 'gone'"):
            await verb("gone")


# -- cancel -----------------------------------------------------------------------------------------------------------


async def test_a_waiting_run_is_cancelled_at_once(face: Face) -> None:
    await face.add(add, id="sum", args=[1])
    handle = await face.trigger("sum")
    assert await face.cancel(handle.id, reason="changed my mind") is RunStatus.CANCELLED
    with pytest.raises(RunError, match="is cancelled: changed my mind"):
        await handle.result(timeout=PATIENCE)


async def test_a_running_coroutine_is_cancelled(running: Face) -> None:
    started, cleaned_up = threading.Event(), threading.Event()

    async def endless() -> None:
        try:
            started.set()
            await anyio.sleep_forever()
        finally:
            cleaned_up.set()

    await running.add(endless)
    handle = await running.trigger("endless")
    await anyio.to_thread.run_sync(started.wait, PATIENCE)
    assert await running.cancel(handle.id, reason="enough") is RunStatus.RUNNING
    with pytest.raises(RunError, match="is cancelled: enough"):
        await handle.result(timeout=PATIENCE)
    assert cleaned_up.is_set()


async def test_a_running_function_is_asked_to_stop_and_may(running: Face) -> None:
    started, asked = threading.Event(), threading.Event()

    def patient(run: RunContext) -> None:
        started.set()
        assert asked.wait(PATIENCE)
        while not run.cancel_requested:
            pass
        raise InterruptedError("stopped half way")

    await running.add(patient)
    handle = await running.trigger("patient")
    await anyio.to_thread.run_sync(started.wait, PATIENCE)
    await running.cancel(handle.id, reason="enough")
    asked.set()
    with pytest.raises(RunError, match="is cancelled: enough"):
        await handle.result(timeout=PATIENCE)


async def test_a_function_that_ends_well_after_all_has_succeeded(running: Face) -> None:
    started, asked = threading.Event(), threading.Event()

    def deaf() -> str:
        started.set()
        assert asked.wait(PATIENCE)
        return "done"

    await running.add(deaf)
    handle = await running.trigger("deaf")
    await anyio.to_thread.run_sync(started.wait, PATIENCE)
    await running.cancel(handle.id)
    asked.set()
    assert await handle.result(timeout=PATIENCE) == "done"


async def test_cancelling_what_has_ended_changes_nothing(running: Face) -> None:
    await running.add(add, id="sum", args=[1])
    handle = await running.trigger("sum")
    await handle.result(timeout=PATIENCE)
    assert await running.cancel(handle.id) is RunStatus.SUCCEEDED


# -- the ledger -------------------------------------------------------------------------------------------------------


async def test_the_ledger_shows_runs_newest_first_by_job_and_status(face: Face, clock: HandClock) -> None:
    await face.add(add, id="a", args=[1], overlap="allow")
    await face.add(add, id="b", args=[1], overlap="allow")
    first = await face.trigger("a")
    clock.advance(minutes=1)
    second, other = await face.trigger("a"), await face.trigger("b")
    await face.cancel(first.id)
    assert [run.id for run in await face.ledger.runs(job="a")] == [second.id, first.id]
    assert [run.id for run in await face.ledger.runs(status="cancelled")] == [first.id]
    assert [run.id for run in await face.ledger.runs(status={"queued", "failed"})] == [other.id, second.id]
    assert [run.id for run in await face.ledger.runs(since=clock.now())] == [other.id, second.id]
    assert [run.id for run in await face.ledger.runs(until=clock.now())] == [first.id]
    assert await face.ledger.counts() == {RunStatus.CANCELLED: 1, RunStatus.QUEUED: 2}
    assert await face.ledger.counts("b") == {RunStatus.QUEUED: 1}


async def test_the_ledger_reads_the_bounds_of_time_as_the_other_verbs_do(make_face: Callable[..., Face]) -> None:
    face = make_face(tz="Europe/Paris", clock=HandClock())  # it is noon, and in Paris 13:00
    await face.add(add, id="a", args=[1])
    await face.trigger("a")
    for since, found in (("2026-03-27T12:00Z", 1), ("2026-03-27T13:00", 1), (datetime(2026, 3, 27, 13, 1), 0)):
        assert len(await face.ledger.runs(since=since)) == found
        assert len(await face.ledger.runs(until=since)) == 1 - found


async def test_a_bound_of_time_that_is_none_is_refused_by_its_name(face: Face) -> None:
    with pytest.raises(ScheduleError, match=r'since: a date without a time .*\n.*\n.*\nhint: write "2026-01-01T00:00"'):
        await face.ledger.runs(since="2026-01-01")
    with pytest.raises(ScheduleError, match="until: int is no date and time"):
        await face.ledger.runs(until=5)


async def test_the_id_of_a_job_is_no_runs_id(face: Face) -> None:
    await face.add(add, id="a", args=[1])
    handle = Face(face.inner.run_handle("a"))
    for ask in (lambda: face.cancel("a"), lambda: face.release("a"), lambda: face.ledger.run("a"), handle.result):
        with pytest.raises(RunNotFoundError, match=r"'a' is a job, not a run: give .* trigger\('a'\)\.id"):
            await ask()


async def test_the_id_of_a_job_that_is_only_declared_is_no_runs_id_either(face: Face) -> None:
    face.inner.job("1h", id="a", args=[1])(add)
    with pytest.raises(RunNotFoundError, match="'a' is a job, not a run"):
        await face.ledger.run("a")


async def test_the_ledgers_pages_follow_each_other(face: Face) -> None:
    await face.add(add, id="a", args=[1], overlap="allow")
    handles = [await face.trigger("a") for _ in range(5)]
    first = await face.ledger.runs(limit=2)
    second = await face.ledger.runs(limit=2, cursor=first.cursor)
    third = await face.ledger.runs(limit=2, cursor=second.cursor)
    assert [run.id for page in (first, second, third) for run in page] == [each.id for each in reversed(handles)]
    assert third.cursor is None


async def test_a_status_that_there_is_not_is_refused(face: Face) -> None:
    with pytest.raises(ConfigurationError, match="the statuses are queued, running"):
        await face.ledger.runs(status="done")
    with pytest.raises(ConfigurationError, match="status=5: give one or several of queued, running"):
        await face.ledger.runs(status=5)


async def test_a_runs_progress_and_log_are_kept(running: Face) -> None:
    def target(run: RunContext) -> None:
        run.progress(0.5, "half way")
        run.log.info("halt at %d", 5)

    await running.add(target)
    handle = await running.trigger("target")
    await handle.result(timeout=PATIENCE)
    run = await running.ledger.run(handle.id)
    assert (run.progress, run.progress_note, run.log) == (0.5, "half way", ("INFO halt at 5",))


async def test_a_jobs_counters_count_what_its_runs_became(running: Face) -> None:
    await running.add(add, id="sum", args=[1])
    await (await running.trigger("sum")).result(timeout=PATIENCE)
    await (await running.trigger("sum")).result(timeout=PATIENCE)
    assert (await running.get("sum")).counters == {RunStatus.SUCCEEDED: 2}


async def test_a_run_knows_its_times(face: Face) -> None:
    await face.add(add, id="sum", args=[1])
    run = await (await face.trigger("sum")).run()
    assert (run.scheduled_at, run.due_at, run.started_at, run.finished_at) == (NOON, NOON, None, None)
    assert (run.duration, run.lateness) == (None, None)
