"""Coroutines on the host's own event loop, asyncio and trio alike."""

import inspect
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta

import anyio
import pytest

from cronkit.errors import LifecycleError
from cronkit.executors import CoroutineExecutor
from cronkit.executors.feed import SLICE
from cronkit.jobs.outcome import Outcome
from cronkit.jobs.status import RunStatus
from cronkit.testing.executor_suite.work import PATIENCE, Reports, attempt_at

PATIENTLY = timedelta(seconds=PATIENCE)
AT_ONCE = timedelta()

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def started(executor: CoroutineExecutor) -> AsyncIterator[CoroutineExecutor]:
    async with executor.serving():
        executor.start()
        yield executor


async def all_of(reports: Reports, count: int) -> list[Outcome]:
    return await anyio.to_thread.run_sync(reports.all, count)


@pytest.fixture
def executor() -> CoroutineExecutor:
    return CoroutineExecutor()


@pytest.fixture
def reports() -> Reports:
    return Reports()


async def test_a_coroutine_runs_in_the_hosts_thread(executor: CoroutineExecutor, reports: Reports) -> None:
    async def where() -> int:
        await anyio.sleep(0)
        return threading.get_ident()

    async with started(executor):
        executor.submit(attempt_at(where), reports)
        outcomes = await all_of(reports, 1)

    assert outcomes[0].value == threading.get_ident()


async def test_a_coroutine_sees_the_context_of_the_host_and_changes_only_its_own(
    executor: CoroutineExecutor, reports: Reports
) -> None:
    tenant = ContextVar("tenant", default="none")

    async def set_and_get(name: str) -> str:
        before = tenant.get()
        tenant.set(name)
        return before

    tenant.set("host")
    async with started(executor):
        tenant.set("later")
        executor.submit(attempt_at(set_and_get, "acme"), reports)
        executor.submit(attempt_at(set_and_get, "globex"), reports)
        outcomes = await all_of(reports, 2)

    assert [outcome.value for outcome in outcomes] == ["host", "host"]
    assert tenant.get() == "later"


async def test_a_burst_is_reported_attempt_by_attempt(executor: CoroutineExecutor, reports: Reports) -> None:
    async def echo(number: int) -> int:
        await anyio.sleep(0)
        return number

    async with started(executor):
        for number in range(500):
            executor.submit(attempt_at(echo, number), reports)
        outcomes = await all_of(reports, 500)

    assert sorted(outcome.value for outcome in outcomes) == list(range(500))


async def test_other_tasks_of_the_host_take_their_turns_during_a_burst(
    executor: CoroutineExecutor, reports: Reports
) -> None:
    async def job() -> None:
        nonlocal begun
        begun += 1

    begun, between_turns = 0, []
    async with started(executor):
        for _ in range(20 * SLICE):
            executor.submit(attempt_at(job), reports)
        while begun < 20 * SLICE:
            before = begun
            await anyio.sleep(0)
            between_turns.append(begun - before)

    assert max(between_turns) <= 2 * SLICE


async def test_a_coroutine_is_cancelled_from_another_thread(executor: CoroutineExecutor, reports: Reports) -> None:
    begun = anyio.Event()

    async def forever() -> None:
        begun.set()
        await anyio.sleep_forever()

    attempt = attempt_at(forever)
    async with started(executor):
        executor.submit(attempt, reports)
        await begun.wait()
        attempt.cancel_reason = "somebody asked"
        await anyio.to_thread.run_sync(executor.cancel, attempt)
        (outcome,) = await all_of(reports, 1)

    assert (outcome.status, outcome.reason) == (RunStatus.CANCELLED, "somebody asked")


async def test_cancelling_one_coroutine_leaves_the_others(executor: CoroutineExecutor, reports: Reports) -> None:
    ready, go_on = anyio.Event(), anyio.Event()

    async def forever() -> None:
        ready.set()
        await anyio.sleep_forever()

    async def patient() -> str:
        await go_on.wait()
        return "undisturbed"

    doomed, other = attempt_at(forever), attempt_at(patient)
    async with started(executor):
        executor.submit(other, reports)
        executor.submit(doomed, reports)
        await ready.wait()
        doomed.cancel_reason = "in the way"
        executor.cancel(doomed)
        await all_of(reports, 1)
        go_on.set()
        await all_of(reports, 2)

    assert reports.of(other).value == "undisturbed"


async def test_what_still_runs_when_the_host_leaves_is_cancelled(executor: CoroutineExecutor, reports: Reports) -> None:
    begun, cleaned_up = anyio.Event(), []

    async def forever() -> None:
        try:
            begun.set()
            await anyio.sleep_forever()
        finally:
            cleaned_up.append(True)

    async with started(executor):
        executor.submit(attempt_at(forever), reports)
        await begun.wait()

    assert [outcome.status for _, outcome in reports.outcomes] == [RunStatus.CANCELLED]
    assert cleaned_up == [True]


async def test_what_waits_when_the_host_leaves_is_cancelled(executor: CoroutineExecutor, reports: Reports) -> None:
    async def never() -> None:
        raise AssertionError("there was no turn to begin in")

    async with started(executor):
        executor.submit(attempt_at(never), reports)

    assert [outcome.status for _, outcome in reports.outcomes] == [RunStatus.CANCELLED]


async def test_a_coroutine_of_no_attempt_that_waits_when_the_host_leaves_is_closed(executor: CoroutineExecutor) -> None:
    async def never() -> None:
        raise AssertionError("there was no turn to begin in")

    coroutine = never()
    async with started(executor):
        executor.run_coroutine(coroutine)

    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


async def test_what_the_host_raises_comes_out_as_it_is(executor: CoroutineExecutor) -> None:
    with pytest.raises(ZeroDivisionError):
        async with started(executor):
            raise ZeroDivisionError


async def test_a_host_that_is_cancelled_takes_its_coroutines_along(
    executor: CoroutineExecutor, reports: Reports
) -> None:
    async def forever() -> None:
        scope.cancel()
        await anyio.sleep_forever()

    with anyio.CancelScope() as scope:
        async with started(executor):
            executor.submit(attempt_at(forever), reports)
            await anyio.sleep_forever()

    assert [outcome.status for _, outcome in reports.outcomes] == [RunStatus.CANCELLED]


async def test_a_coroutine_that_exits_does_not_end_the_host(executor: CoroutineExecutor, reports: Reports) -> None:
    async def leave() -> None:
        sys.exit(1)

    async with started(executor):
        executor.submit(attempt_at(leave), reports)
        (outcome,) = await all_of(reports, 1)

    assert outcome.status is RunStatus.FAILED


async def test_shutdown_waits_in_another_thread_while_the_host_goes_on(
    executor: CoroutineExecutor, reports: Reports
) -> None:
    async def several_turns() -> str:
        for _ in range(100):
            await anyio.sleep(0)
        return "to the end"

    async with started(executor):
        executor.submit(attempt_at(several_turns), reports)
        left = await anyio.to_thread.run_sync(executor.shutdown, PATIENTLY)

    assert left == 0
    assert [outcome.value for _, outcome in reports.outcomes] == ["to the end"]


async def test_shutdown_cancels_what_has_not_ended_by_then(executor: CoroutineExecutor, reports: Reports) -> None:
    begun = anyio.Event()

    async def forever() -> None:
        begun.set()
        await anyio.sleep_forever()

    async with started(executor):
        executor.submit(attempt_at(forever), reports)
        await begun.wait()
        left = await anyio.to_thread.run_sync(executor.shutdown, AT_ONCE)

    assert left == 0
    assert [outcome.status for _, outcome in reports.outcomes] == [RunStatus.CANCELLED]


async def test_shutdown_on_the_hosts_loop_is_refused(executor: CoroutineExecutor) -> None:
    async with started(executor):
        with pytest.raises(LifecycleError, match="another thread"):
            executor.shutdown(AT_ONCE)


async def test_it_serves_one_host_at_a_time(executor: CoroutineExecutor) -> None:
    async with started(executor):
        with pytest.raises(LifecycleError, match="once"):
            async with executor.serving():
                pytest.fail("it served twice")


async def test_it_serves_no_host_once_it_is_started(executor: CoroutineExecutor) -> None:
    executor.start()

    with pytest.raises(LifecycleError, match="before start"):
        async with executor.serving():
            pytest.fail("it had a loop of its own already")


async def test_it_serves_another_host_afterwards(executor: CoroutineExecutor, reports: Reports) -> None:
    async def work() -> str:
        return "done"

    for count in (1, 2):
        async with started(executor):
            executor.submit(attempt_at(work), reports)
            await all_of(reports, count)

    assert [outcome.value for _, outcome in reports.outcomes] == ["done", "done"]


async def test_a_coroutine_of_no_attempt_runs_on_the_host_too(executor: CoroutineExecutor) -> None:
    heard = anyio.Event()

    async def listen() -> None:
        heard.set()

    async with started(executor):
        executor.run_coroutine(listen())
        with anyio.fail_after(PATIENCE):
            await heard.wait()
