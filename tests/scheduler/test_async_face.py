"""What the awaitable face owes the application whose loop it lives on, asyncio or trio."""

import functools
import threading
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread
import pytest
import trio

from cronkit import AsyncScheduler, LifecycleError, Run, RunStatus, events
from cronkit.scheduler.caller import THREADS
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


async def in_another_task(verb: Callable[[], Awaitable[object]]) -> None:
    """Await a verb in a task of its own."""
    async with anyio.create_task_group() as group:
        group.start_soon(verb)


async def test_another_task_may_stop_what_one_started() -> None:
    scheduler = AsyncScheduler()
    async with scheduler:
        await in_another_task(scheduler.stop)
        assert not scheduler.is_running


async def test_what_another_task_stopped_can_be_started_again() -> None:
    scheduler = AsyncScheduler()
    await scheduler.start()
    await in_another_task(scheduler.stop)
    async with scheduler:
        await scheduler.add(where)
        assert await (await scheduler.trigger("where")).result(timeout=PATIENCE) == threading.get_ident()


async def test_a_task_that_starts_what_another_has_not_let_go_of_is_told_who_has_to() -> None:
    scheduler, refusals = AsyncScheduler(), []

    async def start_again() -> None:
        try:
            async with scheduler:
                pass
        except LifecycleError as error:
            refusals.append(str(error))

    await scheduler.start()
    await in_another_loop(scheduler.stop)
    await in_another_loop(start_again)
    await scheduler.stop()
    assert refusals == ["this scheduler still holds the loop that it ran on: stop() it in the task of start()"]


async def test_a_listener_that_stops_the_scheduler_it_would_wait_for_is_refused() -> None:
    scheduler, told, refusals = AsyncScheduler(), anyio.Event(), []

    @scheduler.on(events.RunSucceeded)
    async def listener(event: events.RunSucceeded) -> None:
        try:
            await scheduler.stop()
        except LifecycleError as error:
            refusals.append(str(error))
        told.set()

    async with scheduler:
        await scheduler.add(where)
        await scheduler.trigger("where")
        with anyio.fail_after(PATIENCE):
            await told.wait()
    assert refusals == ["stop() was called by a listener, which it would wait for: call it in another task"]


async def in_another_loop(verb: Callable[[], Awaitable[object]]) -> None:
    """Await a verb on a loop of the other kind, in another thread."""
    kind = "asyncio" if trio.lowlevel.in_trio_run() else "trio"
    await anyio.to_thread.run_sync(functools.partial(anyio.run, verb, backend=kind))


async def test_verbs_may_be_called_from_several_loops() -> None:
    scheduler = AsyncScheduler()
    await scheduler.add(where)
    await in_another_loop(functools.partial(scheduler.get, "where"))
    assert (await scheduler.get("where")).id == "where"


async def test_verbs_that_wait_on_one_loop_hold_up_no_other() -> None:
    busy, go = threading.Barrier(THREADS + 1), threading.Event()

    class SlowStore(MemoryStore):
        def run(self, run_id: str) -> Run | None:
            busy.wait(PATIENCE)
            assert go.wait(PATIENCE)
            return super().run(run_id)

    scheduler = AsyncScheduler(SlowStore())
    await scheduler.add(where)
    handle = await scheduler.trigger("where")

    async def ask_at_once() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(THREADS):
                group.start_soon(handle.run)

    async with anyio.create_task_group() as group:
        group.start_soon(in_another_loop, ask_at_once)
        await anyio.to_thread.run_sync(busy.wait, PATIENCE)
        with anyio.fail_after(PATIENCE):
            await scheduler.get("where")
        go.set()


async def test_a_stop_on_another_loop_ends_what_runs() -> None:
    scheduler, started = AsyncScheduler(), anyio.Event()

    async def endless() -> None:
        started.set()
        await anyio.sleep_forever()

    async with scheduler:
        await scheduler.add(endless)
        handle = await scheduler.trigger("endless")
        await started.wait()
        await in_another_loop(functools.partial(scheduler.stop, drain="0s"))
        assert (await handle.run()).status is RunStatus.CANCELLED
