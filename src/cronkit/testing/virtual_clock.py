"""A clock that only moves when it is told to."""

from datetime import UTC, datetime, timedelta


class VirtualClock:
    """A ``Clock``: wall time, and the time that has passed, which no jump of the wall clock changes."""

    def __init__(self, start: datetime) -> None:
        self.elapsed = timedelta()
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that have passed since the start; suspended time is not among them."""
        return self.elapsed.total_seconds()

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.elapsed += by
        self._now += by

    def jump(self, by: timedelta) -> None:
        """Move the wall clock alone, either way: it was set, or the machine was suspended."""
        self._now += by
