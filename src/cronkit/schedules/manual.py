"""`Manual`: the schedule of what runs only when asked to."""

from datetime import datetime, tzinfo
from typing import Any, Self

from cronkit.schedules.lint import Finding
from cronkit.schedules.schedule import Schedule, Value

__all__ = ["Manual"]


class Manual(Value, Schedule):
    """No occurrence at all: the job runs when it is triggered."""

    __slots__ = ()

    @property
    def is_bound(self) -> bool:
        return True

    def bind(self, *, tz: tzinfo | str | None = None, now: datetime | None = None) -> Self:
        return self

    def next(self, after: datetime | None = None) -> datetime | None:
        return None

    def previous(self, before: datetime | None = None) -> datetime | None:
        return None

    def count(self, a: datetime, b: datetime) -> int:
        return 0

    def describe(self) -> str:
        return "Only when triggered"

    def lint(self, after: datetime | None = None) -> tuple[Finding, ...]:
        return ()

    def to_json(self) -> dict[str, Any]:
        return {"type": "manual"}

    def __eq__(self, other: object) -> bool:
        return True if isinstance(other, Manual) else NotImplemented

    def __hash__(self) -> int:
        return hash("Manual")

    def __str__(self) -> str:
        return "manual"

    def __repr__(self) -> str:
        return "Manual()"

    def __reduce__(self) -> tuple[Any, ...]:
        return Manual, ()
