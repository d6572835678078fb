"""`Cron`: a schedule written as a cron expression."""

from datetime import datetime, tzinfo
from typing import Any, Never, Self

from cronkit.errors import ScheduleError
from cronkit.schedules.describe import describe_cron
from cronkit.schedules.dialects import DIALECTS
from cronkit.schedules.expression import read_expression, uses_hash
from cronkit.schedules.fields import CronFields
from cronkit.schedules.lint import Finding, lint_cron
from cronkit.schedules.moments import short
from cronkit.schedules.wallclock import Policy
from cronkit.schedules.zoned import ALWAYS, NOTHING_ASKED, ZonedSchedule, read_window
from cronkit.schedules.zones import resolve_zone, same_zone, zone_key, zone_name

__all__ = ["Cron", "check_options"]

_DST = ("vixie", "literal", "once")
_POLICIES = {
    ("vixie", True): Policy.LITERAL,
    ("vixie", False): Policy.FIXED_TIME,
    ("literal", True): Policy.LITERAL,
    ("literal", False): Policy.LITERAL,
    ("once", True): Policy.ONCE,
    ("once", False): Policy.ONCE,
}
"""What ``dst`` means for expressions that are interval-like or not (rules 8, 9 and 17)."""


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

    __slots__ = ("_dialect", "_dst", "_seed", "_text")

    _readings: CronFields

    def __init__(
        self,
        text: str = "",
        *,
        tz: tzinfo | str | None = None,
        dialect: str = "default",
        dst: str = "vixie",
        seed: str | None = None,
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise _no_parameter(next(iter(unknown)))
        if dialect != "default" or dst != "vixie" or (seed is not None and type(seed) is not str):
            dialect, dst, seed = check_options(dialect, dst, seed)
        self._text, prefix, self._readings, interval_like = read_expression(text, DIALECTS[dialect], seed)
        self._dialect = dialect
        self._dst = dst
        self._seed = seed if seed is not None and uses_hash(self._text) else None
        self._policy = _POLICIES[dst, interval_like]
        self._tz = None if tz is None else resolve_zone(tz)
        if prefix is not None:
            self._tz = _prefix_zone(prefix, self._tz, str.__str__(text).replace("\t", " "))
        self._memo = NOTHING_ASKED
        self._window = ALWAYS if start is None and end is None else read_window(start, end, self._tz)

    def _in_zone(self, tz: tzinfo) -> Self:
        twin = object.__new__(type(self))
        twin._text, twin._dialect, twin._dst, twin._seed = self._text, self._dialect, self._dst, self._seed
        twin._readings, twin._policy = self._readings, self._policy
        twin._tz = tz
        twin._memo = NOTHING_ASKED
        twin._window = read_window(self.start, self.end, tz)
        return twin

    @property
    def text(self) -> str:
        """The expression, without a ``CRON_TZ=`` prefix."""
        return self._text

    @property
    def dialect(self) -> str:
        return self._dialect

    @property
    def dst(self) -> str:
        return self._dst

    @property
    def seed(self) -> str | None:
        """What ``H`` was read with; None where the text has no ``H``."""
        return self._seed

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
        return found | self._window.to_json()

    def _identity(self) -> tuple[object, ...]:
        return *self._readings.values(), self._policy, self.dst, self._window.first, self._window.until

    def __str__(self) -> str:
        """The expression, with its zone as a ``CRON_TZ=`` prefix where that has a name."""
        key = zone_key(self.tz)
        return f"CRON_TZ={key} {self.text}" if key else self.text

    def __repr__(self) -> str:
        options = [
            f"{name}={value!r}"
            for name, value, default in (
                ("tz", zone_key(self.tz) or self.tz, None),
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


def _no_parameter(name: str) -> ScheduleError:
    fields = "minute, hour, day of month, month, day of week"
    return ScheduleError(
        f"Cron takes no {name}=", field="cron", hint=f'write the fields as text, {fields}: Cron("0 9 * * MON-FRI")'
    )


def _prefix_zone(name: str, zone: tzinfo | None, text: str) -> tzinfo:
    """The zone of a ``CRON_TZ=`` prefix, which ``tz=`` may repeat but not contradict."""
    problem = hint = None
    try:
        written = resolve_zone(name)
        if zone is None or same_zone(zone, written):
            return written
        problem, hint = f"the text says {name}, but tz= says {zone}", "give the zone once"
    except ScheduleError as error:
        problem, hint = error.problem, error.hint
    raise ScheduleError(problem, field="tz", text=text, column=text.index("=") + 2, hint=hint)


def check_options(dialect: object, dst: object, seed: object) -> tuple[str, str, str | None]:
    """The three as plain str, or ScheduleError."""
    if seed is not None and not isinstance(seed, str):
        raise ScheduleError(f"{type(seed).__name__} is no seed", field="seed", hint="give a str")
    plain_seed = None if seed is None else str.__str__(seed)
    return _choice(dialect, "dialect", tuple(DIALECTS)), _choice(dst, "dst", _DST), plain_seed


def _choice(value: object, field: str, choices: tuple[str, ...]) -> str:
    chosen = str.__str__(value) if isinstance(value, str) else None
    if chosen not in choices:
        raise ScheduleError(f"{short(value)} is not known", field=field, hint=f"write one of {', '.join(choices)}")
    return chosen
