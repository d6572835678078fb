"""What ``simulate`` does to a scheduler, and what it keeps away from it."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

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


def test_of_many_jobs_those_are_named_whose_ids_are_most_like_the_one_that_there_never_was(
    scheduler: Scheduler,
) -> None:
    work = scheduler.target(lambda: None, name="work")
    with simulate(scheduler, START) as sim:
        scheduler.add_many({"target": work, "schedule": "1h", "id": f"job-{number}"} for number in range(100))
        with pytest.raises(JobNotFoundError, match=r"no job 'job-7l', but 'job-7', .* and others;"):
            sim.runs("job-7l")


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
