"""Both faces of the scheduler behind one set of awaitable verbs, and a clock that tests set."""

import inspect
from datetime import UTC, datetime, timedelta
from typing import Any

from cronkit import AsyncScheduler, RunHandle, Scheduler
from cronkit.scheduler.async_scheduler import AsyncLedger, AsyncRunHandle
from cronkit.scheduler.ledger import Ledger

NOON = datetime(2026, 3, 27, 12, tzinfo=UTC)
"""A Friday, when the clock of these tests starts."""
PATIENCE = 10.0
"""Seconds after which a test gives up waiting for something that takes no time."""


class HandClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self._now = NOON
        self._passed = timedelta()

    def now(self) -> datetime:
        """The present instant."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the test began."""
        return self._passed.total_seconds()

    def advance(self, **duration: float) -> None:
        """Let time pass."""
        self._now += timedelta(**duration)
        self._passed += timedelta(**duration)

    def jump(self, by: timedelta) -> None:
        """Set the wall clock, forward or back."""
        self._now += by


class Face:
    """A scheduler, a ledger or a handle of either colour: every verb is awaited, and does what the sync one does."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if isinstance(value, Ledger | AsyncLedger):
            return Face(value)
        if not callable(value):
            return value

        async def verb(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            if inspect.isawaitable(result):
                result = await result
            return Face(result) if isinstance(result, RunHandle | AsyncRunHandle) else result

        return verb

    async def __aenter__(self) -> "Face":
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()


FACES = {"sync": (Scheduler, "asyncio"), "asyncio": (AsyncScheduler, "asyncio"), "trio": (AsyncScheduler, "trio")}
"""The two faces, the awaitable one on either loop: class and backend."""
