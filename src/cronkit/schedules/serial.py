"""Schedules as JSON objects, and back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cronkit.errors import ScheduleError
from cronkit.schedules.at import At
from cronkit.schedules.calendar_interval import CalendarInterval
from cronkit.schedules.cron import Cron
from cronkit.schedules.every import Every
from cronkit.schedules.manual import Manual
from cronkit.schedules.schedule import Schedule

__all__ = ["schedule_from_json"]

_READERS: dict[str, Callable[..., Schedule]] = {
    "cron": lambda text, **options: Cron(text, **options),
    "every": lambda period, **options: Every(period, **options),
    "at": lambda at, **options: At(*_listed(at), **options),
    "calendar-interval": CalendarInterval,
    "manual": Manual,
}


def _listed(at: object) -> Sequence[Any]:
    if not isinstance(at, (list, tuple)):
        raise ScheduleError(f"{type(at).__name__} is no list of instants", field="json", hint="give what to_json gave")
    return at


def schedule_from_json(value: Mapping[str, Any]) -> Schedule:
    """The schedule whose ``to_json`` gave ``value``. Raises ScheduleError for anything else."""
    if not isinstance(value, Mapping):
        raise ScheduleError(
            f"{type(value).__name__} is no JSON object", field="json", hint="give what to_json returned"
        )
    kind = value.get("type")
    reader = _READERS.get(str.__str__(kind)) if isinstance(kind, str) else None
    if reader is None:
        raise ScheduleError(
            "this JSON object is no schedule", field="json", hint=f"its type must be one of {', '.join(_READERS)}"
        )
    options = {name: option for name, option in value.items() if name != "type"}
    try:
        return reader(**options)
    except TypeError as error:
        raise ScheduleError(f"this JSON object is no {kind} schedule: {error}", field="json") from None
