"""What only asyncio can do wrong to those who run coroutines on the host's loop."""

import asyncio
import gc
import sys
from contextlib import suppress
from datetime import timedelta

import pytest

from cronkit.executors import CoroutineExecutor, coroutine
from cronkit.jobs.status import RunStatus
from cronkit.testing.executor_suite.work import Reports, attempt_at


async def work() -> str:
    return "done"


@pytest.fixture
def executor() -> CoroutineExecutor:
    return CoroutineExecutor()


@pytest.fixture
def reports() -> Reports:
    return Reports()


def test_a_loop_that_was_closed_under_it_cancels_what_is_submitted(
    executor: CoroutineExecutor, reports: Reports
) -> None:
    serving = executor.serving()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(serving.__aenter__())
    loop.close()
    attempt = attempt_at(work)
    executor.submit(attempt, reports)

    assert reports.of(attempt).status is RunStatus.CANCELLED


def test_a_loop_that_was_closed_under_it_ends_what_ran_there(executor: CoroutineExecutor, reports: Reports) -> None:
    begun = asyncio.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    attempt, serving = attempt_at(endless), executor.serving()

    async def begin() -> "asyncio.Task[object]":
        await serving.__aenter__()
        executor.submit(attempt, reports)
        await begun.wait()
        (task,) = asyncio.all_tasks() - {asyncio.current_task()}
        return task

    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(begin())
    loop.close()
    executor.cancel(attempt)

    assert reports.of(attempt).status is RunStatus.CANCELLED
    task.get_coro().close()
    task._log_destroy_pending = False  # asyncio would tell of it in another test


def test_a_coroutine_that_swallows_its_cancellation_is_left_behind(
    executor: CoroutineExecutor, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coroutine, "CANCEL_GRACE", timedelta())
    left, let_go = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        while not let_go.is_set():
            with suppress(asyncio.CancelledError):
                await let_go.wait()
        left.set()

    async def host() -> None:
        async with executor.serving():
            executor.submit(attempt_at(stubborn), reports)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert not left.is_set()
        let_go.set()
        await left.wait()

    asyncio.run(host())
    assert [outcome.status for _, outcome in reports.outcomes] == [RunStatus.CANCELLED]


def test_the_users_interrupt_is_recorded_and_passes(executor: CoroutineExecutor, reports: Reports) -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt

    async def host() -> None:
        async with executor.serving():
            executor.submit(attempt_at(interrupted), reports)
            await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(host())
    assert [outcome.status for _, outcome in reports.outcomes] == [RunStatus.FAILED]
    gc.collect()  # asyncio logs that nobody asked the task for its exception; here rather than into another test


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio can start tasks eagerly from 3.12 on")
def test_a_host_that_starts_its_tasks_eagerly_changes_nothing(executor: CoroutineExecutor, reports: Reports) -> None:
    async def host() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with executor.serving():
            executor.submit(attempt_at(work), reports)
            await asyncio.to_thread(reports.all, 1)

    asyncio.run(host())
    assert [outcome.value for _, outcome in reports.outcomes] == ["done"]
