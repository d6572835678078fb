"""Coroutines on an event loop of cronkit's own."""

import asyncio
import contextvars
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from cronkit.errors import ConfigurationError, LifecycleError
from cronkit.executors import CoroutineExecutor, coroutine
from cronkit.jobs.status import RunStatus
from cronkit.jobs.target import Colour
from cronkit.testing.executor_suite.work import PATIENCE, Reports, attempt_at

PATIENTLY = timedelta(seconds=PATIENCE)
AT_ONCE = timedelta()


class Forever:
    """A coroutine function that says when it has begun, and then waits until it is cancelled."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    async def __call__(self) -> None:
        self.begun.set()
        await asyncio.Event().wait()


@pytest.fixture
def executor() -> Iterator[CoroutineExecutor]:
    executor = CoroutineExecutor()
    executor.start()
    yield executor
    executor.shutdown(AT_ONCE)


@pytest.fixture
def reports() -> Reports:
    return Reports()


def test_a_coroutine_runs_on_a_loop_in_another_thread(executor: CoroutineExecutor, reports: Reports) -> None:
    async def where() -> str:
        return threading.current_thread().name

    attempt = attempt_at(where)
    executor.submit(attempt, reports)

    assert reports.of(attempt).value == "cronkit-loop"


def test_every_attempt_of_a_burst_is_reported_exactly_once(executor: CoroutineExecutor, reports: Reports) -> None:
    async def echo(number: int) -> int:
        await asyncio.sleep(0)
        return number

    for number in range(1000):
        executor.submit(attempt_at(echo, number), reports)
    reports.all(1000)
    executor.shutdown(PATIENTLY)

    assert sorted(outcome.value for _, outcome in reports.outcomes) == list(range(1000))


def test_coroutines_wait_beside_each_other(executor: CoroutineExecutor, reports: Reports) -> None:
    async def meet() -> str:
        await asyncio.wait_for(barrier.wait(), PATIENCE)
        return "met"

    async def open_barrier() -> None:
        barrier.set()

    barrier = asyncio.Event()
    waiting = [attempt_at(meet) for _ in range(3)]
    for attempt in waiting:
        executor.submit(attempt, reports)
    executor.submit(attempt_at(open_barrier), reports)

    assert [reports.of(attempt).value for attempt in waiting] == ["met"] * 3


def test_a_coroutine_is_cancelled_for_the_reason_that_was_given(executor: CoroutineExecutor, reports: Reports) -> None:
    forever = Forever()
    attempt = attempt_at(forever)
    executor.submit(attempt, reports)
    assert forever.begun.wait(PATIENCE)
    attempt.cancel_reason = "somebody asked"
    executor.cancel(attempt)

    assert (reports.of(attempt).status, reports.of(attempt).reason) == (RunStatus.CANCELLED, "somebody asked")


def test_a_coroutine_cancelled_before_it_began_does_not_run(executor: CoroutineExecutor, reports: Reports) -> None:
    forever = Forever()
    attempt = attempt_at(forever)
    attempt.cancel_reason = "changed my mind"
    executor.submit(attempt, reports)
    executor.cancel(attempt)

    assert (reports.of(attempt).status, reports.of(attempt).reason) == (RunStatus.CANCELLED, "changed my mind")
    assert not forever.begun.is_set()


def test_a_coroutine_cancelled_at_any_moment_is_reported(executor: CoroutineExecutor, reports: Reports) -> None:
    attempts = [attempt_at(Forever()) for _ in range(300)]
    for attempt in attempts:
        executor.submit(attempt, reports)
        attempt.cancel_reason = "at once"
        executor.cancel(attempt)

    assert {outcome.status for outcome in reports.all(300)} == {RunStatus.CANCELLED}


def test_cancelling_what_has_ended_does_nothing(executor: CoroutineExecutor, reports: Reports) -> None:
    async def quick() -> str:
        return "done"

    attempt = attempt_at(quick)
    executor.submit(attempt, reports)
    reports.of(attempt)
    executor.cancel(attempt)
    executor.shutdown(PATIENTLY)

    assert [outcome.value for _, outcome in reports.outcomes] == ["done"]


def test_a_future_that_somebody_else_cancelled_is_a_failure(executor: CoroutineExecutor, reports: Reports) -> None:
    async def unlucky() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    attempt = attempt_at(unlucky)
    executor.submit(attempt, reports)
    outcome = reports.of(attempt)

    assert outcome.status is RunStatus.FAILED
    assert outcome.error is not None
    assert outcome.error.type == "CancelledError"


def test_a_coroutine_that_exits_does_not_end_the_loop(executor: CoroutineExecutor, reports: Reports) -> None:
    async def leave() -> None:
        sys.exit(1)

    async def stay() -> str:
        return "still here"

    executor.submit(attempt_at(leave), reports)
    attempt = attempt_at(stay)
    executor.submit(attempt, reports)

    assert reports.of(attempt).value == "still here"


def test_a_job_that_stops_the_loop_loses_what_ran_and_the_next_gets_another(
    executor: CoroutineExecutor, reports: Reports, caplog: pytest.LogCaptureFixture
) -> None:
    async def stop_loop() -> None:
        asyncio.get_running_loop().stop()
        await asyncio.Event().wait()

    async def work() -> str:
        return "on another loop"

    stopping, working = attempt_at(stop_loop), attempt_at(work)
    executor.submit(stopping, reports)
    assert reports.of(stopping).status is RunStatus.CANCELLED
    executor.submit(working, reports)

    assert reports.of(working).value == "on another loop"
    assert "opens another" in caplog.text


def test_what_is_submitted_to_a_loop_that_is_ending_runs_on_the_next(
    executor: CoroutineExecutor, reports: Reports
) -> None:
    async def work() -> str:
        return "on another loop"

    async def stop_loop_then_submit() -> None:
        asyncio.get_running_loop().stop()
        try:
            await asyncio.Event().wait()
        finally:
            executor.submit(working, reports)

    working = attempt_at(work)
    executor.submit(attempt_at(stop_loop_then_submit), reports)

    assert reports.of(working).value == "on another loop"


def test_what_one_coroutine_sets_in_its_context_another_does_not_see(
    executor: CoroutineExecutor, reports: Reports
) -> None:
    tenant = contextvars.ContextVar("tenant", default="none")

    async def set_and_get(name: str) -> str:
        before = tenant.get()
        tenant.set(name)
        return before

    for name in ("acme", "globex"):
        executor.submit(attempt_at(set_and_get, name), reports)

    assert [outcome.value for outcome in reports.all(2)] == ["none", "none"]


def test_a_coroutine_of_no_attempt_runs_on_the_same_loop(executor: CoroutineExecutor, reports: Reports) -> None:
    async def where() -> int:
        return threading.get_ident()

    async def listen() -> None:
        seen.append(await where())
        heard.set()

    seen: list[int] = []
    heard = threading.Event()
    attempt = attempt_at(where)
    executor.submit(attempt, reports)
    executor.run_coroutine(listen())

    assert heard.wait(PATIENCE)
    assert seen == [reports.of(attempt).value]


def test_a_machine_without_a_thread_for_the_loop_ends_the_attempt(
    executor: CoroutineExecutor, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    attempt = attempt_at(Forever())
    executor.submit(attempt, reports)

    assert reports.of(attempt).status is RunStatus.CANCELLED


def test_shutdown_waits_for_what_runs(executor: CoroutineExecutor, reports: Reports) -> None:
    async def several_turns() -> str:
        for _ in range(100):
            await asyncio.sleep(0)
        return "to the end"

    attempt = attempt_at(several_turns)
    executor.submit(attempt, reports)

    assert executor.shutdown(PATIENTLY) == 0
    assert reports.of(attempt).value == "to the end"


def test_shutdown_cancels_what_has_not_ended_by_then(executor: CoroutineExecutor, reports: Reports) -> None:
    forever = Forever()
    attempt = attempt_at(forever)
    executor.submit(attempt, reports)
    assert forever.begun.wait(PATIENCE)

    assert executor.shutdown(AT_ONCE) == 0
    assert (reports.of(attempt).status, reports.of(attempt).reason) == (RunStatus.CANCELLED, coroutine.SHUT_DOWN)


def test_shutdown_tells_how_many_would_not_end(
    executor: CoroutineExecutor, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck() -> str:
        begun.set()
        let_go.wait(PATIENCE)
        return "let go"

    monkeypatch.setattr(coroutine, "CANCEL_GRACE", timedelta(milliseconds=10))
    begun, let_go = threading.Event(), threading.Event()
    attempt = attempt_at(stuck)
    executor.submit(attempt, reports)
    assert begun.wait(PATIENCE)

    assert executor.shutdown(AT_ONCE) == 1
    let_go.set()
    assert reports.of(attempt).value == "let go"


def test_the_loop_and_its_thread_end_with_a_shutdown(executor: CoroutineExecutor, reports: Reports) -> None:
    async def where() -> tuple[threading.Thread, asyncio.AbstractEventLoop]:
        return threading.current_thread(), asyncio.get_running_loop()

    attempt = attempt_at(where)
    executor.submit(attempt, reports)
    thread, loop = reports.of(attempt).value
    executor.shutdown(PATIENTLY)

    assert (thread.is_alive(), loop.is_closed()) == (False, True)


def test_shutdown_on_its_own_loop_is_refused(executor: CoroutineExecutor, reports: Reports) -> None:
    async def shut_down() -> None:
        executor.shutdown(PATIENTLY)

    attempt = attempt_at(shut_down)
    executor.submit(attempt, reports)
    error = reports.of(attempt).error

    assert error is not None
    assert error.type == "LifecycleError"


def test_it_can_be_started_again(executor: CoroutineExecutor, reports: Reports) -> None:
    async def work() -> str:
        return "again"

    executor.shutdown(PATIENTLY)
    executor.start()
    attempt = attempt_at(work)
    executor.submit(attempt, reports)

    assert reports.of(attempt).value == "again"


@pytest.mark.parametrize("use", ["submit", "run_coroutine"])
def test_nothing_can_be_handed_to_one_that_is_not_started(use: str, reports: Reports) -> None:
    async def work() -> None: ...

    executor = CoroutineExecutor()
    hand_over: dict[str, Callable[[], None]] = {
        "submit": lambda: executor.submit(attempt_at(work), reports),
        "run_coroutine": lambda: executor.run_coroutine(work()),
    }

    with pytest.raises(LifecycleError, match="start"):
        hand_over[use]()


def test_shutting_down_or_cancelling_what_was_not_started_does_nothing() -> None:
    executor = CoroutineExecutor()
    executor.cancel(attempt_at(Forever()))

    assert executor.shutdown(PATIENTLY) == 0


def test_starting_opens_no_loop() -> None:
    before = threading.active_count()
    executor = CoroutineExecutor()
    executor.start()

    assert threading.active_count() == before
    assert executor.shutdown(PATIENTLY) == 0


def test_a_coroutine_has_no_stack_to_show(executor: CoroutineExecutor, reports: Reports) -> None:
    forever = Forever()
    attempt = attempt_at(forever)
    executor.submit(attempt, reports)
    assert forever.begun.wait(PATIENCE)

    assert executor.stack_of(attempt) is None


def test_it_has_a_whole_number_of_slots() -> None:
    with pytest.raises(ConfigurationError, match="slots"):
        CoroutineExecutor(0)


def test_it_says_that_it_runs_coroutines_and_can_cancel_them(executor: CoroutineExecutor) -> None:
    assert executor.slots == 1000
    assert executor.capabilities.colours == {Colour.COROUTINE}
    assert executor.capabilities.cancels


def run_script(script: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout.strip(), done.stderr


def test_asyncio_is_not_imported_before_a_coroutine_needs_it() -> None:
    script = """
import sys
from cronkit.executors import CoroutineExecutor
executor = CoroutineExecutor()
executor.start()
print("asyncio" in sys.modules, "trio" in sys.modules)
"""
    assert run_script(script) == (0, "False False", "")


@pytest.mark.parametrize("wait", ["await asyncio.Event().wait()", "threading.Event().wait()"])
def test_a_stuck_coroutine_does_not_keep_the_interpreter_from_exiting(wait: str) -> None:
    script = f"""
import asyncio, threading
from cronkit.executors import CoroutineExecutor
from cronkit.testing.executor_suite.work import attempt_at

begun = threading.Event()
async def stuck():
    begun.set()
    {wait}
executor = CoroutineExecutor()
executor.start()
executor.submit(attempt_at(stuck), print)
begun.wait()
print("done")
"""
    assert run_script(script) == (0, "done", "")
