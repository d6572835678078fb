"""What the awaitable face owes the application whose loop it lives on, asyncio or trio."""

import threading

import anyio
import anyio.to_thread
import pytest

from cronkit import AsyncScheduler, LifecycleError
from cronkit.scheduler.async_scheduler import THREADS
from cronkit.stores import MemoryStore
from tests.scheduler.faces import PATIENCE

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Either loop."""
    return str(request.param)


async def where() -> int:
    return threading.get_ident()


async def test_coroutine_jobs_run_on_the_loop_that_entered_the_scheduler() -> None:
    async with AsyncScheduler() as scheduler:
        await scheduler.add(where)
        assert await (await scheduler.trigger("where")).result(timeout=PATIENCE) == threading.get_ident()


async def test_functions_run_on_threads_beside_the_loop() -> None:
    async with AsyncScheduler() as scheduler:
        await scheduler.add(threading.get_ident, id="where")
        assert await (await scheduler.trigger("where")).result(timeout=PATIENCE) != threading.get_ident()


async def test_verbs_take_no_thread_from_the_applications_own_limiter() -> None:
    limiter = anyio.to_thread.current_default_thread_limiter()
    before = limiter.total_tokens
    limiter.total_tokens = 1
    try:
        async with limiter, AsyncScheduler() as scheduler:
            await scheduler.add(where)
            assert await (await scheduler.trigger("where")).result(timeout=PATIENCE)
    finally:
        limiter.total_tokens = before


async def test_waiting_for_results_takes_no_thread() -> None:
    waiters = THREADS * 3
    all_started, go, started, results = anyio.Event(), anyio.Event(), [], []

    async def held() -> int:
        started.append(1)
        if len(started) == waiters:
            all_started.set()
        await go.wait()
        return 1

    async with AsyncScheduler() as scheduler:
        await scheduler.add(held, overlap="allow")
        async with anyio.create_task_group() as group:

            async def wait(run_id: str) -> None:
                results.append(await scheduler.run_handle(run_id).result(timeout=PATIENCE))

            for _ in range(waiters):
                group.start_soon(wait, (await scheduler.trigger("held")).id)
            with anyio.fail_after(PATIENCE):
                await all_started.wait()
                assert len(await scheduler.ledger.runs(status="running")) == waiters
            go.set()
    assert results == [1] * waiters


async def test_a_start_that_is_cancelled_half_way_leaves_nothing_running() -> None:
    opening, go = threading.Event(), threading.Event()

    class SlowStore(MemoryStore):
        def open(self) -> None:
            opening.set()
            assert go.wait(PATIENCE)

    scheduler = AsyncScheduler(SlowStore())
    async with anyio.create_task_group() as group:

        async def cancel_while_it_opens() -> None:
            assert await anyio.to_thread.run_sync(opening.wait, PATIENCE)
            scope.cancel()
            go.set()

        group.start_soon(cancel_while_it_opens)
        with anyio.CancelScope() as scope:
            async with scheduler:
                await anyio.sleep_forever()
    assert not scheduler.is_running


async def test_a_host_that_is_cancelled_still_lets_functions_end() -> None:
    started, go = threading.Event(), threading.Event()

    def held() -> str:
        started.set()
        assert go.wait(PATIENCE)
        return "done"

    scheduler = AsyncScheduler()
    with anyio.CancelScope() as scope:
        async with scheduler:
            await scheduler.add(held)
            handle = await scheduler.trigger("held")
            assert await anyio.to_thread.run_sync(started.wait, PATIENCE)
            go.set()
            scope.cancel()
            await anyio.sleep_forever()
    assert await handle.result() == "done"


async def test_a_task_that_starts_it_again_is_refused() -> None:
    scheduler, refusals = AsyncScheduler(), []

    async def start_again() -> None:
        try:
            await scheduler.start()
        except LifecycleError as error:
            refusals.append(error)

    async with anyio.create_task_group() as group, scheduler:
        group.start_soon(start_again)
        await anyio.wait_all_tasks_blocked()
        assert scheduler.is_running
    assert len(refusals) == 1
