"""Instants as the file has them: whole microseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
"""What can be a ``datetime``: the first instant of year 1 to the last of year 9999."""


def to_micros(moment: datetime) -> int:
    """An aware datetime as microseconds."""
    span = moment - EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def from_micros(micros: int) -> datetime:
    """Microseconds as a datetime in UTC. Raises TypeError or OverflowError for what is no instant."""
    return EPOCH + timedelta(0, 0, micros)


def maybe_micros(moment: datetime | None) -> int | None:
    """As ``to_micros``; None stays None."""
    return None if moment is None else to_micros(moment)


def maybe_moment(micros: int | None) -> datetime | None:
    """As ``from_micros``; None stays None."""
    return None if micros is None else EPOCH + timedelta(0, 0, micros)


def span_micros(span: timedelta) -> int:
    """A duration as microseconds."""
    return span // timedelta(microseconds=1)
