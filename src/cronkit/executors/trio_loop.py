"""The trio event loop, for coroutine jobs."""

import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import trio

from cronkit.executors.loop import Task


class TrioLoop:
    """The trio loop that this is made on; its tasks live in a nursery."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.thread_id = threading.get_ident()
        self._nursery = nursery
        self._token = trio.lowlevel.current_trio_token()
        self._context = copy_context()

    def call(self, callback: Callable[[], object], /) -> None:
        """Call back on the loop; a task made there begins with a copy of the context."""
        self._token.run_sync_soon(self._context.run, callback)

    def spawn(self, coroutine: Coroutine[Any, Any, None], /) -> Task:
        """Make a task in the nursery, under a cancel scope of its own."""
        scope = trio.CancelScope()
        self._nursery.start_soon(_run_within, scope, coroutine)
        return scope

    def is_cancellation(self, error: BaseException, /) -> bool:
        """Whether a cancel scope raised it."""
        return isinstance(error, trio.Cancelled)

    async def end(self, tasks: Collection[Task], patience: timedelta, /) -> None:
        """Cancel the nursery, which whoever opened it does not leave before the last task has ended, however long."""
        self._nursery.cancel_scope.cancel()


@asynccontextmanager
async def serving_loop() -> AsyncIterator[TrioLoop]:
    """The loop that this is entered on, and a nursery there for as long as this lasts."""
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield TrioLoop(nursery)
        except Exception as error:  # raised again below: through the nursery it would come out as a group
            failure = error
    if failure is not None:
        raise failure


async def _run_within(scope: trio.CancelScope, coroutine: Coroutine[Any, Any, None]) -> None:
    with scope:
        await coroutine
