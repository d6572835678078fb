"""How an event loop calls the sync verbs: on threads, so that whatever else runs there goes on meanwhile."""

import functools
import logging
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar, cast

from cronkit.clock import LOOK_AGAIN, Alarm

Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")

logger = logging.getLogger("cronkit.scheduler")

THREADS = 8
"""How many verbs of one event loop may wait for the store at once; they never take a thread from the application's own
limiter."""


class Caller:
    """Runs sync verbs in worker threads; while ``inline`` is set, in the caller's thread.

    A simulation sets it: its store is memory, and its loop waits for no thread.
    """

    def __init__(self) -> None:
        self.inline = False

    async def __call__(
        self, verb: Callable[Parameters, Value], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Value:
        if self.inline:
            return verb(*args, **kwargs)
        import anyio.to_thread

        return await anyio.to_thread.run_sync(functools.partial(verb, *args, **kwargs), limiter=self._limiter())

    async def to_the_end(self, verb: Callable[[], Value], *, given_up: Callable[[], object] = lambda: None) -> Value:
        """Run a verb that must not go on by itself: a task that is cancelled meanwhile waits for its end all the same.

        No cancel scope is felt before that. What comes through a shield, ``asyncio.Task.cancel`` or a Ctrl-C under
        trio, calls ``given_up``, and is raised at the end.
        """
        if self.inline:
            return verb()
        import concurrent.futures

        import anyio

        outcome: concurrent.futures.Future[Value] = concurrent.futures.Future()
        ended, call_here, interruption = anyio.Event(), caller_into_this_loop(), None
        first, has_begun = threading.Lock(), False

        def run() -> None:
            if not first.acquire(blocking=False):
                return
            try:
                outcome.set_result(verb())
            except BaseException as error:
                outcome.set_exception(error)
            try:
                call_here(ended.set)
            except RuntimeError as error:
                logger.warning("nobody waits any more for the scheduler to start or stop: %s", error)

        with anyio.CancelScope(shield=True):
            while not ended.is_set():
                try:
                    if not has_begun:  # a Ctrl-C in here does not tell whether the thread has: the first runs the verb
                        context = copy_context()
                        threading.Thread(target=context.run, args=(run,), name="cronkit-caller", daemon=True).start()
                        has_begun = True
                    await ended.wait()
                except Exception:  # no thread can be started
                    raise
                except BaseException as error:
                    given_up()
                    if isinstance(error, GeneratorExit):  # the loop was closed
                        raise
                    interruption = interruption or error
        if interruption is not None:
            raise interruption
        return outcome.result()

    def _limiter(self) -> Any:
        """This loop's: a limiter belongs to one."""
        import anyio

        try:
            return self._limiters.get()
        except LookupError:
            limiter = anyio.CapacityLimiter(THREADS)
            self._limiters.set(limiter)
            return limiter

    @functools.cached_property
    def _limiters(self) -> Any:
        from anyio.lowlevel import RunVar

        return RunVar(f"cronkit-{id(self)}")  # older versions of anyio know it by its name alone


def caller_into_this_loop() -> Callable[[Callable[[], object]], object]:
    """What has a callback run on the loop that asks, from any thread or signal handler, without waiting for it."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return cast("Callable[[Callable[[], object]], object]", trio.lowlevel.current_trio_token().run_sync_soon)
    import asyncio

    return asyncio.get_running_loop().call_soon_threadsafe


class LoopAlarm(Alarm):
    """An alarm that a task of this loop waits for."""

    __slots__ = ("_call_here", "_rung")

    def __init__(self) -> None:
        import anyio

        super().__init__()
        self._rung, self._call_here = anyio.Event(), caller_into_this_loop()

    def ring(self) -> None:
        """Wake the task, from any thread or signal handler."""
        self._call_here(self._rung.set)

    async def rung(self, *, unless: Callable[[], bool]) -> None:
        """Wait until somebody rings, or ``unless`` is true when it is looked at again."""
        import anyio

        while not self._rung.is_set() and not unless():
            with anyio.move_on_after(LOOK_AGAIN):
                await self._rung.wait()


class Place:
    """Where a loop was entered, and so is to be left: this task on trio, any task of this loop on asyncio."""

    def __init__(self) -> None:
        self._here = _here()

    @property
    def is_here(self) -> bool:
        """Whether the caller is there; anybody is once an asyncio loop is closed."""
        is_closed = getattr(self._here, "is_closed", None)
        return self._here is _here() or (is_closed is not None and is_closed())


def _here() -> object:
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        return trio.lowlevel.current_task()
    import asyncio

    return asyncio.get_running_loop()
