"""The asyncio event loop, for coroutine jobs."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import timedelta
from typing import Any, cast

from cronkit.executors.loop import Task


class AsyncioLoop:
    """The asyncio loop that this is made on."""

    def __init__(self) -> None:
        self.thread_id = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()

    def call(self, callback: Callable[[], object], /) -> None:
        """Call back on the loop; a task made there begins with a copy of the context."""
        self._loop.call_soon_threadsafe(callback, context=self._context)

    def spawn(self, coroutine: Coroutine[Any, Any, None], /) -> Task:
        """Make a task, whose first step is always on a later turn: the host's task factory may be an eager one."""
        return asyncio.Task(coroutine, loop=self._loop)

    def is_cancellation(self, error: BaseException, /) -> bool:
        """Whether the task was asked to stop; otherwise it awaited a future that somebody has cancelled."""
        if not isinstance(error, asyncio.CancelledError):
            return False
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0

    async def end(self, tasks: Collection[Task], patience: timedelta, /) -> None:
        """Cancel tasks and wait for them, no longer than ``patience``; on a closed loop they have run already."""
        if not tasks or self._loop.is_closed():
            return
        for task in tasks:
            task.cancel()
        await asyncio.wait(cast("Collection[asyncio.Task[None]]", tasks), timeout=patience.total_seconds())


@asynccontextmanager
async def serving_loop() -> AsyncIterator[AsyncioLoop]:
    """The loop that this is entered on."""
    yield AsyncioLoop()
