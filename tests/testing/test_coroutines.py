"""Coroutines on virtual time, and what they are refused: everything that is real."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import Any

import anyio
import anyio.to_thread
import pytest

from cronkit import AsyncScheduler, LifecycleError, Scheduler
from cronkit.testing import simulate

START = "2026-03-02T08:00"


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler()


def test_a_coroutine_sleeps_a_month_in_no_time(scheduler: Scheduler) -> None:
    @scheduler.job("now")
    async def sleeper() -> float:
        await asyncio.sleep(30 * 86400)
        return asyncio.get_running_loop().time()

    began = perf_counter()
    with simulate(scheduler, START) as sim:
        sim.advance("31d")
        (run,) = sim.runs()
    assert run.value == 30 * 86400
    assert run.duration == timedelta(days=30)
    assert perf_counter() - began < 5


def test_coroutines_wait_for_each_other_in_virtual_order(scheduler: Scheduler) -> None:
    order = []

    async def work(name: str, delay: float) -> None:
        async with asyncio.timeout(10):
            await asyncio.sleep(delay)
        order.append(name)

    scheduler.target(work)
    with simulate(scheduler, START) as sim:
        for name, delay in (("slow", 3.0), ("fast", 0.1), ("middle", 0.3)):
            scheduler.add(work, "now", id=name, args=[name, delay])
        sim.advance("1m")
        assert order == ["fast", "middle", "slow"]
        assert {run.duration for run in sim.runs("fast")} == {timedelta(seconds=0.1)}


@pytest.mark.anyio
async def test_a_simulation_works_inside_an_async_test(scheduler: Scheduler) -> None:
    @scheduler.job("1m")
    async def minutely() -> None:
        await anyio.sleep(1)

    with simulate(scheduler, START) as sim:
        sim.advance("10m")
        assert [run.duration for run in sim.runs(status="succeeded")] == [timedelta(seconds=1)] * 10


@pytest.mark.anyio
async def test_an_async_scheduler_is_simulated_with_its_awaitable_verbs() -> None:
    scheduler = AsyncScheduler()
    scheduler.target(lambda: 5, name="child")

    @scheduler.job("0 9 * * *")
    async def parent() -> None:
        await scheduler.add("child", id="child", exists="keep")
        handle = await scheduler.trigger("child")
        assert (await handle.status()).is_open

    with simulate(scheduler, START) as sim:
        sim.advance("1d")
        handle = scheduler.run_handle(sim.runs("child")[0].id)
        assert await handle.result() == 5
        assert [run.status for run in await scheduler.ledger.runs(job="parent")] == ["succeeded"]
        with pytest.raises(LifecycleError):
            await scheduler.start()
    assert len(await scheduler.jobs()) == 1


def test_threads_of_asyncio_run_at_once(scheduler: Scheduler) -> None:
    @scheduler.job("now")
    async def reader() -> str:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    with simulate(scheduler, START) as sim:
        sim.run_pending()
        assert sim.runs()[0].value == "cronkit-simulation"


async def _connect() -> None:
    await asyncio.open_connection("127.0.0.1", 1)


async def _look_up() -> None:
    await asyncio.open_connection("localhost", 1)


async def _listen() -> None:
    await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)


async def _receive() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.send(b"there already")
        await asyncio.get_running_loop().sock_recv(left, 1)


async def _shell() -> None:
    await asyncio.create_subprocess_shell("touch spawned")


async def _process() -> None:
    await asyncio.create_subprocess_exec("touch", "spawned")


async def _thread() -> None:
    await anyio.to_thread.run_sync(Path("spawned").touch)


async def _pool() -> None:
    with ThreadPoolExecutor() as pool:
        await asyncio.wrap_future(pool.submit(Path("spawned").touch))


@pytest.mark.parametrize("real", [_connect, _look_up, _listen, _receive, _shell, _process, _thread, _pool])
def test_real_io_on_the_virtual_loop_is_an_error_that_names_the_remedy(
    scheduler: Scheduler, real: Callable[[], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scheduler.job("now", id="real")(real)
    with simulate(scheduler, START) as sim:
        with pytest.raises(LifecycleError, match="fake"):
            sim.run_pending()
        sim.run_pending()
        assert [run.error.type for run in sim.runs() if run.error] == ["LifecycleError"]
    assert not Path("spawned").exists()


def test_a_pool_whose_thread_is_idle_is_refused_as_one_that_has_to_start_it(scheduler: Scheduler) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(print).result()

        @scheduler.job("now")
        async def real() -> None:
            await asyncio.wrap_future(pool.submit(print))

        with simulate(scheduler, START) as sim, pytest.raises(LifecycleError, match="thread"):
            sim.run_pending()


def test_real_io_is_an_error_of_the_simulation_although_the_coroutine_swallows_it(scheduler: Scheduler) -> None:
    @scheduler.job("now")
    async def real() -> None:
        with suppress(Exception):
            await _process()

    with simulate(scheduler, START) as sim, pytest.raises(LifecycleError, match="a process"):
        sim.run_pending()


class _CallsBack:
    """A thread that runs before the simulation does, and calls back into the loop of whoever waits for it."""

    def __init__(self) -> None:
        self._loops: SimpleQueue[asyncio.AbstractEventLoop] = SimpleQueue()
        self._may_call = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        loop = self._loops.get()
        self._may_call.wait(10)
        with suppress(LifecycleError):
            loop.call_soon_threadsafe(print)

    async def waited_for(self) -> None:
        self._loops.put(asyncio.get_running_loop())
        await asyncio.get_running_loop().create_future()

    def call_back(self) -> None:
        self._may_call.set()
        self._thread.join(10)


def test_a_thread_that_calls_back_is_found_out_though_no_coroutine_is_due(scheduler: Scheduler) -> None:
    real = _CallsBack()
    scheduler.job("now", id="real")(real.waited_for)
    with simulate(scheduler, START) as sim:
        sim.run_pending()
        real.call_back()
        with pytest.raises(LifecycleError, match="thread"):
            sim.run_pending()


def test_a_thread_that_calls_back_when_time_moves_no_more_is_found_out_at_the_end() -> None:
    def simulated(error: Exception | None) -> None:
        scheduler, real = Scheduler(), _CallsBack()
        scheduler.job("now", id="real")(real.waited_for)
        with simulate(scheduler, START) as sim:
            sim.run_pending()
            real.call_back()
            if error is not None:
                raise error

    with pytest.raises(LifecycleError, match="thread"):
        simulated(None)
    with pytest.raises(ZeroDivisionError):  # a test that fails does so with its own error
        simulated(ZeroDivisionError())


def test_a_generator_that_another_thread_collects_does_no_harm_and_is_closed_at_the_end(scheduler: Scheduler) -> None:
    left, closed = [], []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            closed.append(True)

    @scheduler.job("now")
    async def reader() -> None:
        generator = numbers()
        await anext(generator)
        left.append(generator)

    with simulate(scheduler, START) as sim:
        sim.run_pending()
        collector = threading.Thread(target=left.clear)
        collector.start()
        collector.join()
        sim.advance("1m")
    assert closed == [True]


def test_a_coroutine_may_simulate_another_scheduler(scheduler: Scheduler) -> None:
    inner = Scheduler()

    @inner.job("1m")
    async def beat() -> None:
        await asyncio.sleep(1)

    @scheduler.job("now")
    async def outer() -> int:
        with simulate(inner, "2026-03-02T00:00") as sim:
            sim.advance("3m")
            return len(sim.runs("beat"))

    with simulate(scheduler, START) as sim:
        sim.run_pending()
        assert [run.value for run in sim.runs()] == [4]


def test_a_simulation_ends_although_its_thread_could_not_be_started(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    @scheduler.job("now")
    async def work() -> None: ...

    with simulate(scheduler, START) as sim, monkeypatch.context() as patch:
        patch.setattr("cronkit.testing.lock_step._Thread.start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            sim.run_pending()


def test_a_function_under_to_thread_may_use_threads_and_a_loop_of_its_own(scheduler: Scheduler) -> None:
    def work() -> int:
        with ThreadPoolExecutor() as pool:
            return pool.submit(lambda: 40).result() + asyncio.run(asyncio.sleep(0, 2))

    @scheduler.job("now")
    async def worker() -> int:
        return await asyncio.to_thread(work)

    with simulate(scheduler, START) as sim:
        sim.run_pending()
        assert [run.value for run in sim.runs()] == [42]


def test_threads_are_as_ever_after_a_simulation_and_beside_it(scheduler: Scheduler) -> None:
    as_ever = threading.Thread.start, ThreadPoolExecutor.submit
    beside = []

    @scheduler.job("now")
    async def coroutine() -> None:
        beside.append(threading.Thread.start is as_ever[0])

    with simulate(scheduler, START) as sim:
        scheduler.job("now", id="function")(lambda: beside.append(threading.Thread.start is as_ever[0]))
        sim.run_pending()
    assert set(beside) == {False, True}
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == as_ever


def test_coroutines_that_are_left_at_the_end_are_cancelled(scheduler: Scheduler) -> None:
    ended = []

    @scheduler.job("now")
    async def endless() -> None:
        try:
            await asyncio.sleep(86400)
        finally:
            ended.append(True)

    with simulate(scheduler, START) as sim:
        sim.advance("1m")
        sim.crash()
        sim.advance("1m")
        assert ended == []
    assert ended == [True, True]


class _InterruptedQueue(SimpleQueue[Any]):
    """Where the main thread would wait without end, Ctrl-C reaches it."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if timeout is None and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return super().get(block, timeout)


def test_an_interrupt_does_not_wait_for_a_coroutine_that_never_awaits(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronkit.testing.lock_step.SimpleQueue", _InterruptedQueue)
    monkeypatch.setattr("cronkit.testing.lock_step.PATIENCE", 0.01)
    may_go_on, ended = threading.Event(), threading.Event()

    @scheduler.job("now")
    async def stuck() -> None:
        may_go_on.wait(10)
        try:
            await asyncio.sleep(1)
        finally:
            ended.set()

    with simulate(scheduler, START) as sim:
        with pytest.raises(KeyboardInterrupt):
            sim.run_pending()
        with pytest.raises(LifecycleError, match="interrupted"):
            sim.crash()
    assert not ended.is_set()
    may_go_on.set()
    assert ended.wait(10)
