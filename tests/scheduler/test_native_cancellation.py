"""What gets through the shield of a cancel scope: asyncio's own cancellation of a task."""

import asyncio
import threading
from collections.abc import Callable

import anyio.to_thread
import pytest

from cronkit import AsyncScheduler, Run, RunStatus, events
from cronkit.stores import MemoryStore
from tests.scheduler.faces import PATIENCE

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The loop that has it."""
    return "asyncio"


class Gate:
    """Where another thread waits until it is let through."""

    def __init__(self) -> None:
        self._reached, self._open = threading.Event(), threading.Event()

    def pass_through(self) -> None:
        """Wait, in the other thread."""
        self._reached.set()
        assert self._open.wait(PATIENCE)

    async def reached(self) -> None:
        """Wait until the other thread is here."""
        assert await anyio.to_thread.run_sync(self._reached.wait, PATIENCE)

    def open(self) -> None:
        """Let it through."""
        self._open.set()


async def ended(task: "asyncio.Task[object]") -> asyncio.Task[object]:
    """A task that has ended, however it did."""
    await asyncio.wait([task], timeout=PATIENCE)
    return task


async def test_a_start_that_is_given_up_is_over_when_that_is_said(threads_left: Callable[[], list[str]]) -> None:
    gate = Gate()

    class SlowStore(MemoryStore):
        def open(self) -> None:
            gate.pass_through()

    scheduler = AsyncScheduler(SlowStore())
    start = asyncio.create_task(scheduler.start())
    await gate.reached()
    start.cancel()
    await asyncio.sleep(0)
    assert not start.done()
    gate.open()
    assert (await ended(start)).cancelled()
    assert not scheduler.is_running
    assert threads_left() == []
    async with scheduler:
        assert scheduler.is_running


async def test_a_stop_that_is_given_up_drains_no_longer_and_is_over_when_that_is_said() -> None:
    scheduler, started, stopping = AsyncScheduler(), asyncio.Event(), threading.Event()
    scheduler.on(events.SchedulerStopping)(lambda event: stopping.set())

    async def endless() -> None:
        started.set()
        await asyncio.sleep(PATIENCE * 10)

    await scheduler.start()
    await scheduler.add(endless)
    handle = await scheduler.trigger("endless")
    await started.wait()
    stop = asyncio.create_task(scheduler.stop(drain="1h"))
    assert await anyio.to_thread.run_sync(stopping.wait, PATIENCE)
    stop.cancel()
    assert (await ended(stop)).cancelled()
    assert not scheduler.is_running
    assert (await handle.run()).status is RunStatus.CANCELLED


async def test_a_result_that_is_given_up_while_it_asks_for_the_run_is_forgotten() -> None:
    gate, looked = Gate(), threading.Event()

    class SlowStore(MemoryStore):
        def run(self, run_id: str) -> Run | None:
            gate.pass_through()
            looked.set()
            return super().run(run_id)

    scheduler = AsyncScheduler(SlowStore())
    await scheduler.add(threading.get_ident, id="never")
    result = asyncio.create_task((await scheduler.trigger("never")).result())
    await gate.reached()
    result.cancel()
    assert (await ended(result)).cancelled()
    gate.open()
    async with asyncio.timeout(PATIENCE):
        while scheduler._sync._parts.waiters._waiting:
            await asyncio.sleep(0.001)


def test_a_scheduler_whose_loop_was_closed_under_it_stops_on_another() -> None:
    scheduler, started = AsyncScheduler(), threading.Event()

    async def endless() -> None:
        started.set()
        await asyncio.sleep(PATIENCE * 10)

    async def begin() -> asyncio.Task[object]:
        await scheduler.start()
        await scheduler.add(endless)
        await scheduler.trigger("endless")
        while not started.is_set():
            await asyncio.sleep(0)
        (task,) = asyncio.all_tasks() - {asyncio.current_task()}
        return task

    async def go_on() -> RunStatus:
        assert await scheduler.stop(drain="0s") == 0
        async with scheduler:
            assert scheduler.is_running
        return (await scheduler.ledger.runs())[0].status

    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(begin())
    loop.close()
    assert asyncio.run(go_on()) is RunStatus.CANCELLED
    task.get_coro().close()
    task._log_destroy_pending = False


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_interrupt_while_a_start_notes_where_it_is_leaves_nothing_running(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cronkit.scheduler.async_scheduler.Place", interrupt)
    scheduler = AsyncScheduler()

    async def host() -> None:
        with pytest.raises(KeyboardInterrupt):
            await scheduler.start()
        assert not scheduler.is_running

    anyio.run(host, backend=backend)
