"""Running a target: what it returns or raises becomes an outcome, whatever it is."""

import threading
from collections.abc import Callable
from types import CoroutineType
from typing import Any

from cronkit.jobs.attempt import Attempt, current_attempt
from cronkit.jobs.outcome import Outcome, cancelled, raised, succeeded
from cronkit.jobs.run import ErrorInfo
from cronkit.jobs.status import RunStatus
from cronkit.jobs.target import Colour

LOOP_CLOSED = "its event loop was closed"
"""Why a coroutine was cancelled that nobody had asked to stop."""


def invoke(attempt: Attempt) -> Outcome:
    """Call a function target in this thread.

    Whatever it raises is its outcome, ``SystemExit`` included: a job ends neither a worker nor the application. Only
    the user's own Ctrl-C, a ``KeyboardInterrupt`` in the main thread, passes through.
    """
    token = current_attempt.set(attempt)
    attempt.thread_id = threading.get_ident()
    try:
        value = attempt.call()
        if value is None:
            return succeeded(None)
        return _never_awaited(attempt, value) if hasattr(type(value), "__await__") else succeeded(value)
    except BaseException as error:
        if _is_interrupt(error):
            raise
        return raised(error)
    finally:
        attempt.thread_id = None
        current_attempt.reset(token)


async def ainvoke(attempt: Attempt, is_cancellation: Callable[[BaseException], bool]) -> Outcome:
    """Await a coroutine target in this task, which is its own: the context it sets is left as it is.

    ``is_cancellation`` knows the loop's request to stop the task. That ends here, as an outcome, whoever made it:
    nothing is left in the task to cancel. Otherwise as ``invoke``.
    """
    current_attempt.set(attempt)
    try:
        return succeeded(await attempt.call())
    except BaseException as error:
        if is_cancellation(error) or isinstance(error, GeneratorExit):
            return cancelled(attempt.cancel_reason or LOOP_CLOSED)
        if _is_interrupt(error):
            raise
        return raised(error)


def _never_awaited(attempt: Attempt, value: Any) -> Outcome:
    if isinstance(value, CoroutineType):
        value.close()
    name = attempt.target.name
    if attempt.target.colour is Colour.COROUTINE:
        message = (
            f"{name!r} is a coroutine function, which executor {attempt.job.executor!r} cannot run: update() the job "
            "with executor=None for the one that fits, or reset() it"
        )
    else:
        message = (
            f"{name!r} is a plain function that returned a {type(value).__name__}, which nobody awaits: "
            "declare it async def, or put the job's decorator on the coroutine function itself"
        )
    return Outcome(RunStatus.FAILED, error=ErrorInfo(type="TypeError", message=message), final=True)


def _is_interrupt(error: BaseException) -> bool:
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()
