"""`Schedule`: what cronkit asks of anything that says when."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from cronkit.errors import ScheduleError, SearchLimitError
from cronkit.schedules.moments import MAX_OCCURRENCES, checked_number, short

if TYPE_CHECKING:
    from cronkit.schedules.lint import Finding

__all__ = ["Schedule", "budget_error"]


@runtime_checkable
class Schedule(Protocol):
    """A fixed set of instants: the same whoever asks, whenever and in whichever direction (cron-rules 1 and 2).

    Subclass it to get ``upcoming`` and ``between`` for free, or give an object of your own all of its methods.
    Instances are immutable values. Datetimes are aware, except where a schedule has no zone yet: such a one takes and
    returns naive datetimes, and needs its ``after``. Where ``after`` or ``before`` is left out, the present is meant.
    """

    __slots__ = ()

    @property
    def is_bound(self) -> bool:
        """Whether the schedule denotes instants: it needs no zone, or has one, and nothing in it is symbolic."""
        ...

    def next(self, after: datetime | None = None) -> datetime | None:
        """The first occurrence strictly after ``after``, or None."""
        ...

    def previous(self, before: datetime | None = None) -> datetime | None:
        """The last occurrence strictly before ``before``, or None."""
        ...

    def count(self, a: datetime, b: datetime) -> int:
        """How many occurrences lie in ``a <= x < b``, without walking through them."""
        ...

    def describe(self) -> str:
        """The schedule in plain English."""
        ...

    def lint(self, after: datetime | None = None) -> "tuple[Finding, ...]":
        """What in this schedule may surprise its author."""
        ...

    def bind(self, *, tz: tzinfo | str | None = None, now: datetime | None = None) -> "Schedule":
        """This schedule with what it lacks: a zone (where it has none), the instant of a symbolic "now".

        Returns the schedule itself where nothing is lacking.
        """
        ...

    def to_json(self) -> Mapping[str, Any]:
        """A JSON object that `schedule_from_json` turns back into an equal schedule."""
        ...

    def upcoming(self, n: int, after: datetime | None = None) -> list[datetime]:
        """The next ``n`` occurrences after ``after``; fewer where there are fewer.

        Raises SearchLimitError where ``n`` is more than a million.
        """
        number = checked_number(n, "n")
        if number > MAX_OCCURRENCES:
            raise budget_error(number, MAX_OCCURRENCES)
        found: list[datetime] = []
        while len(found) < number and (after := self.next(after)) is not None:
            found.append(after)
        return found

    def between(self, a: datetime, b: datetime, limit: int = MAX_OCCURRENCES) -> list[datetime]:
        """The occurrences in ``a <= x < b``, in order.

        Raises SearchLimitError, before any is worked out, where there are more than ``limit``.
        """
        total = self.count(a, b)
        if total > checked_number(limit, "limit"):
            raise budget_error(total, limit)
        found: list[datetime] = []
        moment: datetime | None = b
        while len(found) < total and (moment := self.previous(moment)) is not None:
            found.append(moment)
        return found[::-1]


class Value:
    """What the built-in schedules share: they cannot be changed, and so are their own copies.

    What they hold is in private slots, and public as read-only properties.
    """

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def budget_error(total: int, limit: int) -> SearchLimitError:
    """The error of a call that would give more occurrences than its limit."""
    number = f"{total:,}" if total < 10**18 else short(total)
    return SearchLimitError(f"{number} occurrences are more than the limit of {limit:,}; ask for a shorter time")


def no_zone(field: str) -> ScheduleError:
    """The refusal to say what the present is to a schedule without a zone."""
    return ScheduleError(f"{field} is needed, for the schedule has no zone", field=field, hint=f"give {field}=, or tz=")
