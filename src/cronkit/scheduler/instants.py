"""Instants as people give them to verbs: ISO text or a datetime, on the scheduler's clock where it has no offset."""

from datetime import UTC, datetime, timedelta, tzinfo

from cronkit.errors import ScheduleError
from cronkit.schedules import At, parse_duration
from cronkit.schedules.moments import read_moment


def read_instant(name: str, given: datetime | str, tz: tzinfo | str) -> datetime:
    """The aware UTC instant that is given as the parameter ``name``; without an offset it is a time in ``tz``.

    Raises:
        ScheduleError: it is no date-time, or none that there is in ``tz``.
    """
    instants = At(read_moment(given, name)).bind(tz=tz).instants
    if not instants:
        raise ScheduleError(f"{given} does not exist in {tz}", field=name, hint="give it with its UTC offset")
    return instants[0].astimezone(UTC)


def read_end(name: str, given: datetime | timedelta | str, tz: tzinfo | str, now: datetime) -> datetime:
    """As ``read_instant``, or the end of a duration that begins ``now``."""
    try:
        if not isinstance(given, timedelta):
            return read_instant(name, given, tz)
    except ScheduleError as refused:
        try:
            span = parse_duration(given)  # type: ignore[arg-type]
        except ScheduleError:
            hint = f'{refused.hint}, or a duration such as "2h"'
            raise ScheduleError(
                refused.problem, field=name, text=refused.text, column=refused.column, hint=hint
            ) from None
    else:
        span = _read_span(name, given)
    try:
        return now + span
    except OverflowError:
        raise ScheduleError(f"{given} from now is out of range", field=name, hint="give a shorter one") from None


def _read_span(name: str, given: timedelta) -> timedelta:
    try:
        return parse_duration(given)
    except ScheduleError as refused:
        raise ScheduleError(refused.problem, field=name, hint=refused.hint) from None
