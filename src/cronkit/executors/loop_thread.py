"""An asyncio event loop of cronkit's own, for a host that has none."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from cronkit.executors.loop import Loop

logger = logging.getLogger("cronkit.executors")

Serve = Callable[[Loop], AbstractAsyncContextManager[None]]


class LoopThread:
    """A loop on a daemon thread, which imports asyncio itself: whoever starts it does not wait for that.

    The loop runs for as long as ``serve`` is entered, until ``stop``. ``on_end`` is called in the thread, last of
    all, even if the loop could not be opened or a job has stopped it.
    """

    def __init__(self, name: str, serve: Serve, on_end: Callable[[], None]) -> None:
        self._serve = serve
        self._on_end = on_end
        self._opened = threading.Event()
        self._stop: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self, patience: timedelta) -> None:
        """End the loop; wait for that, no longer than ``patience``. A loop that is stuck is left behind."""
        seconds = patience.total_seconds()
        if self._opened.wait(seconds):
            self._stop()
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            import asyncio

            asyncio.run(self._main())
        except BaseException:
            logger.exception("the event loop for coroutine jobs has ended; the next job opens another")
        finally:
            self._on_end()
            self._opened.set()

    async def _main(self) -> None:
        import asyncio

        from cronkit.executors.asyncio_loop import AsyncioLoop

        loop, stopped = AsyncioLoop(), asyncio.Event()

        def stop() -> None:
            try:
                loop.call(stopped.set)
            except RuntimeError:  # it has ended already
                logger.debug("the event loop for coroutine jobs was stopped twice")

        self._stop = stop
        async with self._serve(loop):
            self._opened.set()
            await stopped.wait()
