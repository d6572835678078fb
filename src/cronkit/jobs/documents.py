"""What people declared, as text for a durable store, and back: specs, schedules, policies and pauses.

Each text is one JSON object in format ``FORMAT``. Fields at their defaults are left out, and a default of cronkit's
never changes within a format. A newer format, an unknown field or a value that cannot be is an ``UnreadableError``:
guessing would change somebody's schedule.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cronkit.errors import ConfigurationError, ScheduleError, UnreadableError
from cronkit.jobs.codec import (
    MAX_SIZE,
    TOO_LONG,
    decode_value,
    encode_fields,
    encode_text,
    encode_value,
    plain_text,
    read_zone,
)
from cronkit.jobs.job import JobSpec, Pause
from cronkit.jobs.policies import LIBRARY_DEFAULTS, Missed, MissedKind, OnCrash, Overlap, Policies, Retry
from cronkit.jobs.refusals import describe_error
from cronkit.jobs.validation import whole_number
from cronkit.schedules import At, CalendarInterval, Cron, Every, Manual, Schedule, parse_duration, serial
from cronkit.schedules.durations import format_duration

FORMAT = 1

_SCHEDULES = (At, CalendarInterval, Cron, Every, Manual)


# Specs


def spec_to_text(spec: JobSpec) -> str:
    """A job's declaration as text.

    Raises:
        ConfigurationError: an argument, the metadata or the schedule cannot be stored; the message says where and why.
    """
    return _spec_text(spec, canonical=False)


def spec_from_text(text: str) -> JobSpec:
    """The declaration that `spec_to_text` made ``text`` of.

    Raises:
        UnreadableError: it is no such text, is of a newer format, or needs a class that is not registered here.
    """
    document = _read_document(text, _SPEC_FIELDS, ("id", "target", "schedule", "executor"))
    document["schedule"] = schedule_from_json(document["schedule"])
    if "args" in document:
        document["args"] = tuple(document["args"])
    if "policies" in document:
        document["policies"] = policies_from_json(document["policies"])
    if "tags" in document:
        document["tags"] = frozenset(_texts(document["tags"], "tags"))
    if "kwargs" in document:
        _texts(document["kwargs"], "kwargs")
    return JobSpec(**document)


def fingerprint(spec: JobSpec) -> str:
    """A short hash of a declaration: 16 hexadecimal digits.

    The same in every process and on every version of Python for declarations that are written alike; the order of
    tags, sets and dicts does not count. Raises as `spec_to_text` does.
    """
    return sha256(_spec_text(spec, canonical=True).encode("ascii")).hexdigest()[:16]


def _spec_text(spec: JobSpec, canonical: bool) -> str:
    """The texts of the fields, in the order of their names: a third of what encoding them as one value takes."""
    texts: list[str] = []
    if spec.args:
        texts.append(_values_text(spec, "args", list(spec.args), canonical))
    if spec.description is not None:
        texts.append(_field_text("description", spec.description))
    texts.append(_field_text("executor", spec.executor))
    texts.append(_field_text("id", spec.id))
    if spec.kwargs:
        texts.append(_values_text(spec, "kwargs", dict(spec.kwargs), canonical))
    if spec.metadata:
        texts.append(_values_text(spec, "metadata", dict(spec.metadata), canonical))
    if spec.name is not None:
        texts.append(_field_text("name", spec.name))
    if spec.owner is not None:
        texts.append(_field_text("owner", spec.owner))
    if spec.policies is not LIBRARY_DEFAULTS and (policies := policies_text(spec.policies)) != "{}":
        texts.append(f'"policies":{policies}')
    texts.append(f'"schedule":{schedule_text(spec.schedule)}')
    if spec.tags:
        texts.append(f'"tags":{encode_value(sorted(_plain(tag, "tags") for tag in spec.tags), "tags")}')
    texts.append(_field_text("target", spec.target))
    texts.append(f'"v":{FORMAT}')
    text = f"{{{','.join(texts)}}}"
    if len(text) > MAX_SIZE:
        raise ConfigurationError(f"job {spec.id!r}: its declaration {TOO_LONG}")
    return text


def _values_text(spec: JobSpec, name: str, value: Any, canonical: bool) -> str:
    if type(value) is dict and not (canonical and len(value) > 1) and (text := plain_text(value)) is not None:
        return f'"{name}":{text}'
    try:
        return encode_fields({name: value}, canonical=canonical)[1:-1]
    except ConfigurationError as error:
        raise ConfigurationError(f"job {spec.id!r}: {error}") from None


def _field_text(name: str, text: str) -> str:
    return f'"{name}":{encode_text(_plain(text, name))}'


# Schedules


def schedule_to_json(schedule: Schedule) -> dict[str, Any]:
    """A schedule as a JSON object, its keys sorted.

    Raises:
        ConfigurationError: it is none of cronkit's own, or has a zone without a name: no text would bring it back.
    """
    if type(schedule) not in _SCHEDULES:
        kind = type(schedule)
        raise ConfigurationError(
            f"a schedule of type {kind.__module__}.{kind.__qualname__} cannot be stored, for cronkit could not read it "
            "back: give a Cron, Every, At, CalendarInterval or Manual, or keep the job in a memory store"
        )
    try:
        document = dict(sorted(schedule.to_json().items()))
        read_zone(document.get("tz"))
    except (ScheduleError, UnreadableError) as error:  # a zone without a name, or one that no other process knows
        raise ConfigurationError(f"the schedule {schedule} cannot be stored: {error}") from None
    return document


def schedule_text(schedule: Schedule) -> str:
    """A schedule as text, raising as `schedule_to_json`. The newest is kept: a job's spec and its history share it."""
    global _newest_schedule
    known, text = _newest_schedule
    if known is not schedule:
        text = encode_value(schedule_to_json(schedule))
        _newest_schedule = schedule, text
    return text


_newest_schedule: tuple[Schedule | None, str] = (None, "")


def check_schedule(schedule: Schedule) -> None:
    """Refuse a schedule as `schedule_to_json` does; nothing is wrong with one of cronkit's own in UTC."""
    if type(schedule) not in _SCHEDULES or getattr(schedule, "tz", None) is not UTC:
        schedule_to_json(schedule)


def schedule_from_json(value: Any) -> Schedule:
    """The schedule that `schedule_to_json` gave ``value`` for.

    Raises:
        UnreadableError: it is no such object, or in a zone that this machine does not know.
    """
    document = _the(dict, value, "schedule")
    try:
        return serial.schedule_from_json(
            {**document, "tz": read_zone(document["tz"])} if "tz" in document else document
        )
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # ScheduleError, and whatever else the parts of a damaged one lead to
        raise UnreadableError(f"the schedule cannot be read: {describe_error(error)}") from error


# Policies


def policies_to_json(policies: Policies) -> dict[str, Any]:
    """Those policies that are not the library's defaults, as a JSON object with sorted keys.

    Raises:
        ConfigurationError: a duration in them is not more than zero.
    """
    return _changed(policies, LIBRARY_DEFAULTS)


def policies_text(policies: Policies) -> str:
    """Policies as text, raising as `policies_to_json`. The newest is kept, for many jobs share it."""
    global _newest_policies
    known, text = _newest_policies
    if known is not policies:
        text = encode_value(policies_to_json(policies))
        _newest_policies = policies, text
    return text


_newest_policies: tuple[Policies, str] = (LIBRARY_DEFAULTS, "{}")


def policies_from_json(value: Any) -> Policies:
    """The policies that `policies_to_json` gave ``value`` for.

    Raises:
        UnreadableError: it is no such object.
    """
    given = _the(dict, value, "policies")
    try:
        return Policies(**_read_each(given, _POLICY_READERS, "policies")) if given else LIBRARY_DEFAULTS
    except UnreadableError:
        raise
    except (ValueError, TypeError) as error:  # ConfigurationError and ScheduleError among them
        raise UnreadableError(f"the policies cannot be read: {error}") from error


def _changed(value: Policies | Missed | Retry, default: Policies | Missed | Retry) -> dict[str, Any]:
    found = {}
    for name in _POLICY_NAMES[type(value)]:
        given = getattr(value, name)
        if given != getattr(default, name):
            found[name] = _policy_json(given, getattr(default, name), name)
    return found


def _policy_json(value: Any, default: Any, name: str) -> Any:
    if isinstance(value, (Missed, Retry)):
        return _changed(value, default)
    if isinstance(value, timedelta):
        if value <= timedelta():
            raise ConfigurationError(f"{name}={value!r}: give a duration of more than zero")
        return format_duration(value)
    return float(value) if name == "backoff" else _plain(value, name) if isinstance(value, str) else value


_POLICY_NAMES = {kind: sorted(field.name for field in fields(kind)) for kind in (Policies, Missed, Retry)}


def _read_each(given: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]], where: str) -> dict[str, Any]:
    for name in given:
        if name not in readers:
            raise _unknown(where, name)
    return {name: readers[name](value) for name, value in given.items()}


def _read_missed(value: Any) -> Missed:
    return Missed(**_read_each(_the(dict, value, "missed"), _MISSED_READERS, "missed"))


def _read_retry(value: Any) -> Retry:
    return Retry(**_read_each(_the(dict, value, "retry"), _RETRY_READERS, "retry"))


def _read_duration(value: Any) -> timedelta:
    return parse_duration(_the(str, value, "a duration"))


_MISSED_READERS: dict[str, Callable[[Any], Any]] = {
    "kind": MissedKind,
    "limit": lambda value: whole_number("limit", value),
    "within": _read_duration,
}
_RETRY_READERS: dict[str, Callable[[Any], Any]] = {
    "attempts": lambda value: whole_number("attempts", value),
    "backoff": lambda value: _the(float, value, "backoff"),
    "delay": _read_duration,
    "max_delay": _read_duration,
}
_POLICY_READERS: dict[str, Callable[[Any], Any]] = {
    "jitter": _read_duration,
    "max_runs": lambda value: whole_number("max_runs", value),
    "missed": _read_missed,
    "on_crash": OnCrash,
    "overlap": Overlap,
    "retry": _read_retry,
    "spread": _read_duration,
    "timeout": _read_duration,
}


# Pauses


def pause_to_text(pause: Pause) -> str:
    """A pause as text. Raises ConfigurationError where its reason or its author is no text."""
    document: dict[str, Any] = {}
    if pause.by is not None:
        document["by"] = _plain(pause.by, "by")
    if pause.reason is not None:
        document["reason"] = _plain(pause.reason, "reason")
    document["since"] = pause.since.isoformat()
    if pause.until is not None:
        document["until"] = pause.until.isoformat()
    document["v"] = FORMAT
    return encode_fields(document)


def pause_from_text(text: str) -> Pause:
    """The pause that `pause_to_text` made ``text`` of; UnreadableError for anything else."""
    document = _read_document(text, _PAUSE_FIELDS, ("since",))
    for name in ("since", "until"):
        if name in document:
            document[name] = _read_instant(document[name])
    return Pause(**document)


def _read_instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnreadableError(f"{text[:40]!r} is no date-time: {error}") from error
    raise UnreadableError(f"{text[:40]!r} has no UTC offset")


# What they share

_SPEC_FIELDS: dict[str, type[Any]] = {
    "args": list,
    "description": str,
    "executor": str,
    "id": str,
    "kwargs": dict,
    "metadata": dict,
    "name": str,
    "owner": str,
    "policies": dict,
    "schedule": dict,
    "tags": list,
    "target": str,
}
_PAUSE_FIELDS: dict[str, type[Any]] = {"by": str, "reason": str, "since": str, "until": str}


def _read_document(text: str, kinds: Mapping[str, type[Any]], required: Iterable[str]) -> dict[str, Any]:
    """The fields of a document, each of its kind."""
    document: dict[str, Any] = _the(dict, decode_value(text), "the text")
    version = document.pop("v", None)
    if version != FORMAT or type(version) is not int:
        if type(version) is int and version > FORMAT:
            raise UnreadableError(
                f"a newer version of cronkit wrote this, in format {version}; this one reads up to {FORMAT}: upgrade it"
            )
        raise UnreadableError("the text names no format that cronkit has written")
    for name, value in document.items():
        kind = kinds.get(name)
        if kind is None:
            raise _unknown("the text", name)
        if type(value) is not kind:
            raise UnreadableError(f"{name} is a {type(value).__name__} where a {kind.__name__} belongs")
    for name in required:
        if name not in document:
            raise UnreadableError(f"{name} is missing")
    return document


def _the(kind: type[Any], value: Any, what: str) -> Any:
    if type(value) is not kind:
        raise UnreadableError(f"{what} is a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _texts(values: Iterable[Any], what: str) -> Iterable[str]:
    if not all(type(value) is str for value in values):
        raise UnreadableError(f"{what} holds something else than texts")
    return values


def _unknown(where: str, name: object) -> UnreadableError:
    return UnreadableError(f"{where} has a field {str(name)[:40]!r}, which a newer version of cronkit may have written")


def _plain(text: Any, what: str) -> str:
    """A text without what a subclass adds to it, such as a member of a StrEnum."""
    if type(text) is str:
        return text
    if not isinstance(text, str):
        raise ConfigurationError(f"{what}={text!r}: give a text")
    return str.__str__(text)
