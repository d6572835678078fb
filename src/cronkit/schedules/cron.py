"""`Cron`: a schedule written as a cron expression."""

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any, Self

from cronkit.errors import ScheduleError
from cronkit.schedules.describe import describe_cron
from cronkit.schedules.dialects import DIALECTS
from cronkit.schedules.expression import read_expression
from cronkit.schedules.fields import CronFields
from cronkit.schedules.lint import Finding, lint_cron
from cronkit.schedules.wallclock import Policy
from cronkit.schedules.zoned import ZonedSchedule, read_edge
from cronkit.schedules.zones import resolve_zone, same_zone, zone_name

__all__ = ["Cron"]

_set = object.__setattr__
_DST = ("vixie", "literal", "once")


class Cron(ZonedSchedule):
    """The instants whose local reading a cron expression matches.

    ``text`` has 5 fields, 6 (second first) or 7 (second first, year last) in the default ``dialect``; "vixie", "quartz"
    and "croniter" are the others. ``tz`` is a zone's name or a tzinfo; without one the schedule is naive until `bind`
    gives it a zone. ``dst`` says what happens when clocks change: "vixie" (fixed times run once, and late rather than
    never), "literal", or "once". ``seed`` is what ``H`` hashes. Occurrences lie in ``[start, end)``, each ISO text or a
    datetime; naive ones are read on the zone's clock.

    Raises ScheduleError for whatever cannot mean a schedule. Two crons are equal when they say the same, however it is
    written.
    """

    __slots__ = ("dialect", "dst", "seed", "text")

    text: str
    """The expression, without a ``CRON_TZ=`` prefix."""
    dialect: str
    dst: str
    seed: str | None
    """What ``H`` was read with; None where the text has no ``H``."""
    _readings: CronFields

    def __init__(
        self,
        text: str,
        *,
        tz: tzinfo | str | None = None,
        dialect: str = "default",
        dst: str = "vixie",
        seed: str | None = None,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
    ) -> None:
        rules = DIALECTS[_choice("dialect", dialect, DIALECTS)]
        _choice("dst", dst, _DST)
        if seed is not None:
            _check_seed(seed)
        expression, zone_text, fields, interval_like = read_expression(text, rules, seed)
        zone = None if tz is None else resolve_zone(tz)
        if zone_text is not None:
            zone = _prefix_zone(zone_text, zone, text)
        _set(self, "text", expression)
        _set(self, "dialect", rules.name)
        _set(self, "dst", dst)
        _set(self, "seed", seed if seed is not None and _uses_hash(expression) else None)
        _set(self, "_readings", fields)
        _set(self, "_policy", _policy(dst, interval_like))
        self._set_zone(zone, read_edge(start, "start"), read_edge(end, "end"))

    def _in_zone(self, tz: tzinfo) -> Self:
        bound = object.__new__(type(self))
        for name in ("text", "dialect", "dst", "seed", "_readings", "_policy"):
            _set(bound, name, getattr(self, name))
        bound._set_zone(tz, self.start, self.end)
        return bound

    def describe(self) -> str:
        return describe_cron(self._readings, self.tz, self.start, self.end)

    def lint(self, after: datetime | None = None) -> tuple[Finding, ...]:
        return lint_cron(self, self._readings, self._policy, after)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "cron", "text": self.text}
        if self.tz is not None:
            found["tz"] = zone_name(self.tz)
        if self.dialect != "default":
            found["dialect"] = self.dialect
        if self.dst != "vixie":
            found["dst"] = self.dst
        if self.seed is not None:
            found["seed"] = self.seed
        return found | self._window_json()

    def _identity(self) -> tuple[object, ...]:
        return *self._readings.values(), self._policy, self.dst, self.start, self.end

    def __str__(self) -> str:
        """The expression, with its zone as a ``CRON_TZ=`` prefix where that has a name."""
        key = getattr(self.tz, "key", None)
        return f"CRON_TZ={key} {self.text}" if key else self.text

    def __repr__(self) -> str:
        options = [
            f"{name}={value!r}"
            for name, value, default in (
                ("tz", getattr(self.tz, "key", None) or self.tz, None),
                ("dialect", self.dialect, "default"),
                ("dst", self.dst, "vixie"),
                ("seed", self.seed, None),
                ("start", self.start and self.start.isoformat(), None),
                ("end", self.end and self.end.isoformat(), None),
            )
            if value != default
        ]
        return f"Cron({', '.join([repr(self.text), *options])})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.text, self.tz, self.dialect, self.dst, self.seed, self.start, self.end)


def _restore(text: str, tz: tzinfo | None, dialect: str, dst: str, seed: str | None, start: Any, end: Any) -> Cron:
    return Cron(text, tz=tz, dialect=dialect, dst=dst, seed=seed, start=start, end=end)


def _policy(dst: str, interval_like: bool) -> Policy:
    """Rules 8, 9 and 17."""
    if dst == "once":
        return Policy.ONCE
    return Policy.LITERAL if interval_like or dst == "literal" else Policy.FIXED_TIME


def _prefix_zone(name: str, zone: tzinfo | None, text: str) -> tzinfo:
    written = resolve_zone(name)
    if zone is None or same_zone(zone, written):
        return written
    raise ScheduleError(
        f"the text says {name}, but tz= says {zone}",
        field="tz",
        text=text,
        column=text.index(name) + 1,
        hint="give the zone once",
    )


def _uses_hash(text: str) -> bool:
    return text[0] != "@" and "H" in text.upper().replace("THU", "")


def _choice(field: str, value: object, choices: Iterable[str]) -> str:
    if isinstance(value, str) and value in choices:
        return value
    shown = ascii(value)[:40] if isinstance(value, str) else type(value).__name__
    raise ScheduleError(f"{shown} is not known", field=field, hint=f"write one of {', '.join(choices)}")


def _check_seed(seed: object) -> None:
    if not isinstance(seed, str):
        raise ScheduleError(f"{type(seed).__name__} is no seed", field="seed", hint="give a str")
