"""What a target returns or raises becomes an outcome."""

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from cronkit.errors import LifecycleError
from cronkit.executors.invoke import ainvoke, invoke
from cronkit.jobs.attempt import Attempt, RunContext, current_run
from cronkit.jobs.outcome import Fail, Outcome, RetryLater, Skip
from cronkit.jobs.status import RunStatus
from cronkit.testing.executor_suite.work import attempt_at


def run_coroutine_target(attempt: Attempt) -> Outcome:
    return asyncio.run(ainvoke(attempt, lambda error: isinstance(error, asyncio.CancelledError)))


def as_function(body: Callable[[], Any]) -> Outcome:
    def target() -> Any:
        return body()

    return invoke(attempt_at(target))


def as_coroutine(body: Callable[[], Any]) -> Outcome:
    async def target() -> Any:
        return body()

    return run_coroutine_target(attempt_at(target))


either_colour = pytest.mark.parametrize("run", [as_function, as_coroutine])
Run = Callable[[Callable[[], Any]], Outcome]


def throw(error: BaseException) -> Callable[[], Any]:
    def body() -> None:
        raise error

    return body


@either_colour
def test_what_a_target_returns_is_the_value_of_its_success(run: Run) -> None:
    outcome = run(lambda: 42)

    assert (outcome.status, outcome.value) == (RunStatus.SUCCEEDED, 42)


@either_colour
def test_a_target_that_returns_nothing_succeeds(run: Run) -> None:
    outcome = run(lambda: None)

    assert (outcome.status, outcome.value) == (RunStatus.SUCCEEDED, None)


@either_colour
def test_what_a_target_raises_is_its_failure_as_text(run: Run) -> None:
    outcome = run(throw(ValueError("no such file")))

    assert outcome.status is RunStatus.FAILED
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == ("ValueError", "no such file")
    assert "in body" in (outcome.error.traceback or "")


@either_colour
def test_a_target_that_exits_has_failed_and_ends_nothing_else(run: Run) -> None:
    outcome = run(throw(SystemExit(3)))

    assert outcome.status is RunStatus.FAILED
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == ("SystemExit", "3")


def test_a_coroutine_that_its_loop_gave_up_is_cancelled() -> None:
    outcome = as_coroutine(throw(GeneratorExit()))

    assert (outcome.status, outcome.reason) == (RunStatus.CANCELLED, "its event loop was closed")


@either_colour
def test_an_interrupt_in_the_main_thread_is_the_users_and_passes(run: Run) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(throw(KeyboardInterrupt()))


@either_colour
def test_an_interrupt_raised_in_another_thread_is_a_failure(run: Run) -> None:
    with ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(run, throw(KeyboardInterrupt())).result()

    assert outcome.status is RunStatus.FAILED


@either_colour
def test_a_target_may_ask_to_be_skipped(run: Run) -> None:
    outcome = run(throw(Skip("nothing to do")))

    assert (outcome.status, outcome.reason) == (RunStatus.SKIPPED, "nothing to do")


@either_colour
def test_a_target_may_ask_to_be_tried_again(run: Run) -> None:
    outcome = run(throw(RetryLater("10m")))

    assert (outcome.status, outcome.retry_after) == (RunStatus.RETRYING, timedelta(minutes=10))


@either_colour
def test_a_target_may_fail_for_good(run: Run) -> None:
    outcome = run(throw(Fail("the account is closed")))

    assert (outcome.status, outcome.reason, outcome.final) == (RunStatus.FAILED, "the account is closed", True)


@either_colour
def test_the_run_is_at_hand_while_its_target_runs(run: Run) -> None:
    assert run(lambda: current_run().job_id).value == "job"


def test_no_run_is_at_hand_afterwards() -> None:
    as_function(lambda: None)

    with pytest.raises(LifecycleError):
        current_run()


def test_the_run_is_injected_where_a_parameter_asks_for_it() -> None:
    def target(name: str, run: RunContext) -> str:
        return f"{name} {run.attempt}"

    assert invoke(attempt_at(target, "attempt")).value == "attempt 1"


def test_the_attempt_knows_its_thread_while_it_runs() -> None:
    def target() -> int | None:
        return attempt.thread_id

    attempt = attempt_at(target)

    assert invoke(attempt).value == threading.get_ident()
    assert attempt.thread_id is None


def test_a_coroutine_from_a_plain_function_is_a_failure_that_names_the_remedy() -> None:
    async def work() -> None: ...

    def plain(function: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], object]:
        return lambda: function()

    outcome = invoke(attempt_at(plain(work)))  # a coroutine left unclosed would fail the test with a RuntimeWarning

    assert (outcome.status, outcome.final) == (RunStatus.FAILED, True)
    assert outcome.error is not None
    assert "async def" in outcome.error.message


def test_a_coroutine_function_that_is_called_like_a_function_is_a_failure_that_names_the_executor() -> None:
    async def target() -> None: ...

    outcome = invoke(attempt_at(target))

    assert outcome.status is RunStatus.FAILED
    assert outcome.error is not None
    assert "is a coroutine function, which executor 'default' cannot run" in outcome.error.message


def test_a_future_from_a_plain_function_is_a_failure_too() -> None:
    loop = asyncio.new_event_loop()
    try:
        outcome = invoke(attempt_at(loop.create_future))
    finally:
        loop.close()

    assert outcome.status is RunStatus.FAILED


def test_a_bound_coroutine_function_is_awaited() -> None:
    async def add(a: int, b: int) -> int:
        return a + b

    assert run_coroutine_target(attempt_at(functools.partial(add, 1), 2)).value == 3


def test_a_cancelled_coroutine_is_cancelled_for_the_reason_that_was_given() -> None:
    async def target() -> None:
        raise asyncio.CancelledError

    attempt = attempt_at(target)
    attempt.cancel_reason = "not needed any more"
    outcome = run_coroutine_target(attempt)

    assert (outcome.status, outcome.reason) == (RunStatus.CANCELLED, "not needed any more")
