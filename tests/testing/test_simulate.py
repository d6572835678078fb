"""What ``simulate`` does to a scheduler, and what it keeps away from it."""

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter

import anyio
import anyio.to_thread
import pytest

from cronkit import (
    AsyncScheduler,
    ConfigurationError,
    JobNotFoundError,
    LifecycleError,
    MemoryStore,
    RunContext,
    RunError,
    Scheduler,
    current_run,
)
from cronkit.events import Event, JobAdded, RunStarted, RunSucceeded
from cronkit.testing import simulate
from cronkit.testing.script import AnyDuration

START = "2026-03-02T08:00"


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler(tz="Europe/Paris")


def test_a_function_runs_in_the_thread_that_advances(scheduler: Scheduler) -> None:
    threads = []
    scheduler.job("0 9 * * *", id="daily")(lambda: threads.append(threading.current_thread()))
    with simulate(scheduler, START) as sim:
        sim.advance("1d")
    assert threads == [threading.current_thread()]


def test_start_is_read_in_the_zone_given_else_in_the_schedulers_own(scheduler: Scheduler) -> None:
    with simulate(scheduler, START) as sim:
        assert sim.now == datetime(2026, 3, 2, 7, tzinfo=UTC)
    with simulate(scheduler, START, tz="America/New_York") as sim:
        assert sim.now == datetime(2026, 3, 2, 13, tzinfo=UTC)
        assert str(sim.now.tzinfo) == "America/New_York"
    with simulate(scheduler, datetime(2026, 3, 2, tzinfo=UTC), tz="America/New_York") as sim:
        assert sim.now == datetime(2026, 3, 2, tzinfo=UTC)


def test_declared_jobs_are_as_if_added_at_the_start(scheduler: Scheduler) -> None:
    scheduler.job("now", id="first")(lambda: None)
    with simulate(scheduler, START) as sim:
        assert scheduler.get("first").created_at == sim.now
        sim.run_pending()
        assert [run.scheduled_at for run in sim.runs("first")] == [sim.now]


def test_what_is_done_in_a_simulation_is_gone_after_it(scheduler: Scheduler) -> None:
    scheduler.target(lambda: None, name="work")
    scheduler.add("work", "1h", id="real")
    with simulate(scheduler, START) as sim:
        with pytest.raises(JobNotFoundError):
            scheduler.get("real")
        scheduler.add("work", "1h", id="simulated")
        scheduler.job("1h", id="declared")(lambda: None)
        sim.advance("2h")
    assert [job.id for job in scheduler.jobs()] == ["real"]
    assert len(scheduler.ledger.runs()) == 0


def test_declared_jobs_still_reach_the_real_store_afterwards(scheduler: Scheduler) -> None:
    scheduler.job("1h", id="declared")(lambda: None)
    with simulate(scheduler, START):
        pass
    assert [job.id for job in scheduler.jobs()] == ["declared"]


def test_the_scheduler_is_itself_again_after_a_test_that_fails(scheduler: Scheduler) -> None:
    with pytest.raises(ZeroDivisionError), simulate(scheduler, START):
        _ = 1 / 0
    assert not scheduler.is_running
    with simulate(scheduler, START) as sim:
        sim.advance("1h")


def test_jobs_act_on_the_simulation_through_the_global_scheduler(scheduler: Scheduler) -> None:
    @scheduler.target
    def child(n: int) -> int:
        return n * 2

    @scheduler.job("0 9 * * *")
    def parent() -> None:
        scheduler.add(child, "2026-03-02T10:30", id="once", kwargs={"n": 21})
        scheduler.pause("parent", reason="done")

    with simulate(scheduler, START) as sim:
        sim.advance("1d")
        assert [run.value for run in sim.runs("once")] == [42]
        assert scheduler.get("parent").paused


def test_a_triggered_run_has_its_result_once_time_has_been_given(scheduler: Scheduler) -> None:
    @scheduler.target
    def double(n: int) -> int:
        return 2 * n

    with simulate(scheduler, START) as sim:
        scheduler.add(double, id="double", kwargs={"n": 1})
        handle = scheduler.trigger("double", kwargs={"n": 4})
        with pytest.raises(LifecycleError, match="advance"):
            handle.result()
        sim.run_pending()
        assert handle.result() == 8


def test_a_failed_run_raises_its_error_from_result(scheduler: Scheduler) -> None:
    scheduler.target(lambda: None, name="work")
    with simulate(scheduler, START, failures={"work": [1]}) as sim:
        scheduler.add("work", id="w")
        handle = scheduler.trigger("w")
        sim.run_pending()
        with pytest.raises(RunError, match="SimulatedFailure"):
            handle.result()


def test_listeners_are_called_in_the_thread_that_advances(scheduler: Scheduler) -> None:
    seen: list[tuple[type[Event], threading.Thread]] = []
    scheduler.job("1h", id="hourly")(lambda: None)
    scheduler.on(JobAdded, RunStarted, RunSucceeded)(lambda e: seen.append((type(e), threading.current_thread())))
    with simulate(scheduler, START) as sim:
        sim.run_pending()
    assert seen == [(kind, threading.current_thread()) for kind in (JobAdded, RunStarted, RunSucceeded)]


def test_who_listens_inside_a_simulation_is_forgotten_with_it(scheduler: Scheduler) -> None:
    seen: list[Event] = []
    scheduler.job("1h", id="hourly")(lambda: None)
    with simulate(scheduler, START) as sim:
        scheduler.on(RunStarted)(seen.append)
        sim.run_pending()
    with simulate(scheduler, START) as sim:
        sim.run_pending()
    assert len(seen) == 1


def test_a_coroutine_that_listens_runs_on_virtual_time(scheduler: Scheduler) -> None:
    seen = []

    @scheduler.on(RunSucceeded)
    async def listener(event: RunSucceeded) -> None:
        await asyncio.sleep(600)
        seen.append((event.scheduled_at, asyncio.get_running_loop().time()))

    scheduler.job("1h", id="hourly")(lambda: None)
    with simulate(scheduler, START) as sim:
        start = sim.now
        sim.advance("30m")
        sim.crash()
        sim.advance("1h")
    assert seen == [(start, 600.0), (start + timedelta(hours=1), 4200.0)]


def test_a_running_scheduler_cannot_be_simulated(scheduler: Scheduler) -> None:
    with scheduler, pytest.raises(LifecycleError, match="stop"), simulate(scheduler, START):
        pass


def test_a_simulated_scheduler_cannot_be_started_stopped_or_simulated_again(scheduler: Scheduler) -> None:
    with simulate(scheduler, START):
        assert scheduler.is_running
        with pytest.raises(LifecycleError, match=r"being simulated.*leave its start"):
            scheduler.start()
        with pytest.raises(LifecycleError, match="being simulated"), simulate(scheduler, START):
            pass
        with pytest.raises(LifecycleError, match="ends with the simulate"):
            scheduler.stop()


def test_an_application_is_tested_in_a_simulation_without_its_lifespan() -> None:
    fastapi = pytest.importorskip("fastapi", reason="needs the examples extra")
    testclient = pytest.importorskip("fastapi.testclient", reason="needs the examples extra")
    scheduler, numbers = AsyncScheduler(), []

    @scheduler.target
    async def send_invoice(number: int) -> None:
        await asyncio.sleep(60)
        numbers.append(number)

    app = fastapi.FastAPI(lifespan=lambda app: scheduler)

    @app.post("/orders/{number}")
    async def order(number: int) -> str:
        job = await scheduler.add(send_invoice, "2026-03-03T09:00", id=f"invoice-{number}", kwargs={"number": number})
        return job.id

    client = testclient.TestClient(app)
    with simulate(scheduler, START) as sim:
        assert client.post("/orders/42").json() == "invoice-42"
        sim.advance("2d")
        assert numbers == [42]
        with pytest.raises(LifecycleError, match="TestClient"), client:
            pass


def test_a_job_cannot_move_time(scheduler: Scheduler) -> None:
    with simulate(scheduler, START) as sim:
        scheduler.job("1h", id="hourly")(lambda: sim.advance("1h"))
        sim.run_pending()
        (run,) = sim.runs()
        assert run.error is not None
        assert run.error.type == "LifecycleError"


@pytest.mark.parametrize("arguments", [{}, {"by": "1h", "until": "2027-01-01"}, {"until": "2026-03-02T07:59"}])
def test_advance_refuses_what_is_no_way_forward(scheduler: Scheduler, arguments: dict[str, str]) -> None:
    with simulate(scheduler, START) as sim, pytest.raises(ConfigurationError):
        sim.advance(**arguments)


def test_advance_goes_to_an_instant_on_the_wall_clock(scheduler: Scheduler) -> None:
    with simulate(scheduler, START) as sim:
        assert sim.advance(until="2026-04-01T12:00").isoformat() == "2026-04-01T12:00:00+02:00"


def test_a_duration_or_failure_for_nobody_is_refused(scheduler: Scheduler) -> None:
    scheduler.job("1h", id="hourly")(lambda: None)
    with (
        pytest.raises(ConfigurationError, match=r"'hurly'.*hourly"),
        simulate(scheduler, START, durations={"hurly": "1s"}),
    ):
        pass
    with pytest.raises(ConfigurationError, match="failures"), simulate(scheduler, START, failures={"hurly": [1]}):
        pass
    with (
        pytest.raises(ConfigurationError, match="unit"),
        simulate(scheduler, START, durations={"hourly": "5"}),
    ):
        pass


def test_the_runs_of_a_job_that_there_never_was_are_refused_with_those_that_there_were(scheduler: Scheduler) -> None:
    work = scheduler.target(lambda: None, name="work")
    scheduler.add(work, "1h", id="real")
    scheduler.job("1h", id="nightly")(lambda: None)
    with simulate(scheduler, START) as sim:
        scheduler.add(work, "1h", id="invoice")
        sim.run_pending()
        scheduler.remove("invoice")
        assert len(sim.runs("invoice", status="succeeded")) == 1
        assert sim.runs("nightly", status="failed") == ()
        with pytest.raises(JobNotFoundError, match=r"'nigthly', but 'invoice', 'nightly';"):
            sim.runs("nigthly", status="failed")
        with pytest.raises(JobNotFoundError, match="inside the block"):
            sim.runs("real")


def test_jobs_that_start_each_other_at_one_instant_are_found_out(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronkit.testing.simulation.RESTLESS", 50)

    @scheduler.job("1h", overlap="queue")
    def again() -> None:
        scheduler.trigger("again")

    with simulate(scheduler, START) as sim, pytest.raises(LifecycleError, match="durations="):
        sim.run_pending()


# -- durations and failures -------------------------------------------------------------------------------------------


def test_a_run_takes_the_virtual_time_it_is_given(scheduler: Scheduler) -> None:
    scheduler.job("1h", id="hourly")(lambda: None)
    with simulate(scheduler, START, durations={"hourly": "10m"}) as sim:
        sim.advance("5m")
        assert [run.status for run in sim.runs()] == ["running"]
        sim.advance("5m")
        assert [run.duration for run in sim.runs()] == [timedelta(minutes=10)]


def test_durations_are_worked_out_from_the_run_or_spread_between_two(scheduler: Scheduler) -> None:
    scheduler.job("1h", id="worked-out")(lambda: None)
    scheduler.job("1h", id="spread")(lambda: None)
    durations: dict[str, AnyDuration] = {
        "worked-out": lambda run: timedelta(minutes=run.scheduled_at.hour),
        "spread": ("1m", "5m"),
    }
    with simulate(scheduler, START, durations=durations) as sim:
        sim.advance("2h30m")
        assert [run.duration for run in sim.runs("worked-out")] == [timedelta(minutes=n) for n in (7, 8, 9)]
        spread = [run.duration for run in sim.runs("spread")]
        assert len(set(spread)) == 3
        assert all(timedelta(minutes=1) <= took <= timedelta(minutes=5) for took in spread if took)


def test_the_starts_that_are_listed_fail_and_do_not_call_the_target(scheduler: Scheduler) -> None:
    calls = []
    scheduler.job("1h", id="hourly", retry=2)(lambda: calls.append(current_run().attempt))
    with simulate(scheduler, START, failures={"hourly": [1, 3, 4]}) as sim:
        sim.advance("2h")
        assert [(run.status, run.attempt) for run in sim.runs()] == [("succeeded", 2), ("failed", 2), ("succeeded", 1)]
    assert calls == [2, 1]


def test_a_failure_may_be_worked_out_from_the_run(scheduler: Scheduler) -> None:
    def failure(run: RunContext) -> Exception | None:
        return OSError("disk full") if run.scheduled_at.hour == 8 else None

    scheduler.job("1h", id="hourly")(lambda: None)
    with simulate(scheduler, START, failures={"hourly": failure}) as sim:
        sim.advance("2h")
        assert [run.error.type if run.error else None for run in sim.runs()] == [None, "OSError", None]


def test_a_targets_name_stands_for_jobs_that_are_added_later(scheduler: Scheduler) -> None:
    scheduler.target(lambda: None, name="invoice")
    with simulate(scheduler, START, durations={"invoice": "5s"}) as sim:
        scheduler.add("invoice", "now", id="invoice-7")
        sim.advance("1m")
        assert [run.duration for run in sim.runs("invoice-7")] == [timedelta(seconds=5)]


# -- coroutines -------------------------------------------------------------------------------------------------------


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals between threads")
def test_an_interrupt_does_not_wait_for_a_coroutine_that_never_awaits(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cronkit.testing.lock_step.PATIENCE", 0.01)
    may_go_on, ended = threading.Event(), threading.Event()

    @scheduler.job("now")
    async def stuck() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        may_go_on.wait(50)
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


# -- the seed ---------------------------------------------------------------------------------------------------------


def ledger_of(seed: int) -> list[tuple[str, str]]:
    scheduler = Scheduler()
    scheduler.job("1h", id="hourly")(lambda: None)
    with simulate(scheduler, START, seed=seed) as sim:
        sim.advance("3h")
        return [(run.id, run.node or "") for run in sim.runs()]


def test_a_seed_fixes_ids_and_another_gives_others() -> None:
    assert ledger_of(1) == ledger_of(1)
    assert ledger_of(1) != ledger_of(2)


def cancellations_of_a_group() -> list[int]:
    scheduler, order = Scheduler(), []

    async def part(number: int) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            order.append(number)

    @scheduler.job("1h")
    async def group() -> None:
        async with asyncio.TaskGroup() as parts:
            for number in range(20):
                parts.create_task(part(number))
            await asyncio.sleep(1)
            raise ValueError

    @scheduler.job("now")
    async def left() -> None:
        await asyncio.wait([asyncio.create_task(part(number)) for number in range(20)])

    with simulate(scheduler, START) as sim:
        sim.advance("2h")
    return order


def test_tasks_are_cancelled_in_the_same_order_each_time() -> None:
    assert cancellations_of_a_group() == cancellations_of_a_group()


def test_the_users_file_is_neither_read_nor_written() -> None:
    class Untouchable:
        capabilities = MemoryStore.capabilities

        def __getattr__(self, name: str) -> object:
            raise AssertionError(f"the simulation asked the real store for {name}")

    scheduler = Scheduler(Untouchable())  # type: ignore[arg-type]
    scheduler.job("1h", id="hourly")(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.advance("1d")
        assert len(sim.runs()) == 25
