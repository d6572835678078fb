"""The text of a whole cron expression, read into `CronFields`, or refused with field, column and hint."""

from typing import NamedTuple

from cronkit.errors import ScheduleError
from cronkit.schedules.dialects import ABSENT, Dialect
from cronkit.schedules.fields import FIRST_YEAR, CronFields
from cronkit.schedules.grammar import Refused, read_field
from cronkit.schedules.monthdays import SpecialDay

__all__ = ["MAX_LENGTH", "Expression", "plain_text", "read_expression"]

MAX_LENGTH = 256

_EVERY_MONTH_DAY = (1 << 31) - 1
_EVERY_WEEKDAY = (1 << 7) - 1
_DAY, _WEEKDAY, _YEAR = 3, 5, 6
_ZONE_PREFIXES = ("CRON_TZ=", "TZ=")


class Expression(NamedTuple):
    """A cron text taken apart: ``text`` without its zone prefix, the prefix's ``zone``, what the fields mean, and
    whether they are interval-like (rule 8)."""

    text: str
    zone: str | None
    fields: CronFields
    interval_like: bool


def read_expression(text: str, dialect: Dialect, seed: str | None) -> Expression:
    """Read ``text``, or raise ScheduleError."""
    given = text = plain_text(text, "expression")
    zone = None
    if "=" in text:
        zone, text = _split_zone(text)
    parts = text.upper().split()
    if parts and parts[0][0] == "@":
        parts = _expand_alias(parts, given, dialect)
    layout = dialect.layouts.get(len(parts))
    if layout is None:
        raise _wrong_count(parts, given, dialect)
    written = [*parts, *ABSENT]
    seven = [written[place] for place in layout]
    fields, starred = _read_fields(seven, dialect, seed, given)
    if not fields.is_possible():
        raise _impossible(seven, layout, given)
    return Expression(text, zone, fields, starred)


def plain_text(text: object, field: str) -> str:
    """``text`` as a plain str of printable ASCII, blanks trimmed and tabs made blanks, or ScheduleError."""
    if type(text) is not str:
        if not isinstance(text, str):
            raise ScheduleError(f"{type(text).__name__} is not text", field=field, hint="give a str")
        text = str.__str__(text)
    if len(text) > MAX_LENGTH:
        raise ScheduleError(
            f"{len(text)} characters are more than {MAX_LENGTH}", field=field, hint="split it into several schedules"
        )
    if not (text.isascii() and text.isprintable()):
        text = _without_tabs(text, field)
    text = text.strip(" ")
    if not text:
        raise ScheduleError("the text is empty", field=field, text=text, column=1, hint="write one, as in '0 9 * * *'")
    return text


def _without_tabs(text: str, field: str) -> str:
    text = text.replace("\t", " ")
    for index, character in enumerate(text):
        if not (character.isascii() and character.isprintable()):
            shown = "".join(c if c.isprintable() else "?" for c in text)
            raise ScheduleError(
                f"the character {character!a} is not taken",
                field=field,
                text=shown,
                column=index + 1,
                hint="write plain ASCII on one line; blanks and tabs separate",
            )
    return text


def _read_fields(seven: list[str], dialect: Dialect, seed: str | None, given: str) -> tuple[CronFields, bool]:
    masks = []
    specials: tuple[list[SpecialDay], list[SpecialDay]] = ([], [])
    index = 0
    try:
        for kind in dialect.kinds:
            text = seven[index]
            if text == "*":
                masks.append(kind.full)
            elif text.isdigit():
                value = kind.value(text)
                masks.append(1 << value if value is not None else 0)
            elif index in (_DAY, _WEEKDAY):
                masks.append(_read_days(text, index, dialect, seed, specials[index == _WEEKDAY]))
            else:
                masks.append(read_field(text, kind, seed, specials[0]))
            index += 1
        day_text, weekday_text = seven[_DAY], seven[_WEEKDAY]
        if dialect.question == "once" and (day_text == "?") == (weekday_text == "?"):
            index = _WEEKDAY
            raise Refused(
                "exactly one of the day fields must be ? in this dialect", weekday_text, "write ? in the other"
            )
    except Refused as refused:
        raise _located(refused, index, seven, dialect, given) from None
    seconds, minutes, hours, days, months, weekdays, years = masks
    if dialect.kinds[_WEEKDAY].sunday:
        weekdays >>= 1
    elif weekdays > _EVERY_WEEKDAY:
        weekdays = weekdays & _EVERY_WEEKDAY | 1
    fields = CronFields(
        seconds,
        minutes,
        hours,
        days >> 1,
        months,
        weekdays,
        None if seven[_YEAR] == "*" else years >> FIRST_YEAR,
        day_text[0] in "*?" or weekday_text[0] in "*?+",
        tuple(specials[0]),
        tuple(specials[1]),
    )
    starred = _is_starred(seven[1], dialect) or _is_starred(seven[2], dialect) or _is_starred(seven[0], dialect)
    return fields, starred


def _read_days(text: str, index: int, dialect: Dialect, seed: str | None, specials: list[SpecialDay]) -> int:
    """A day field, which alone may be ``?`` or begin with ``+``."""
    kind = dialect.kinds[index]
    if text == "?" and dialect.question != "refused":
        return kind.full
    if text[0] == "+" and index == _WEEKDAY and dialect.plus and len(text) > 1:
        try:
            return read_field(text[1:], kind, seed, specials)
        except Refused as refused:
            refused.offset += 1
            raise
    return read_field(text, kind, seed, specials)


def _is_starred(text: str, dialect: Dialect) -> bool:
    """Rule 7."""
    start = text[0]
    return start == "*" or (start == "H" and text[1:2] == "/") or (dialect.zero_step_stars and text[:2] == "0/")


def _expand_alias(parts: list[str], given: str, dialect: Dialect) -> list[str]:
    name = parts[0]
    expansion = dialect.aliases.get(name)
    if expansion is not None and len(parts) == 1:
        return expansion.split()
    column = given.upper().index(name) + 1
    if name == "@REBOOT":
        problem, hint = "a start of the machine is no time", "trigger the job when the program starts"
    elif name.startswith("@EVERY"):
        problem, hint = "@every is an interval, not a cron expression", 'write Every("90s"), or use parse_schedule'
    elif expansion is not None:
        problem, hint, column = f"{name.lower()} stands alone", "remove what follows", column + len(name)
    elif not dialect.aliases:
        problem, hint = f"the {dialect.name} dialect has no aliases", "write the fields out"
    else:
        known = ", ".join(dialect.aliases).lower()
        problem, hint = f"{name.lower()} is not known", f"write one of {known}"
    raise ScheduleError(problem, field="alias", text=given, column=column, hint=hint)


def _split_zone(text: str) -> tuple[str, str]:
    """Take ``CRON_TZ=Zone`` or ``TZ=Zone`` off the front."""
    prefix, _, rest = text.partition(" ")
    for name in _ZONE_PREFIXES:
        if prefix.upper().startswith(name):
            zone, rest = prefix[len(name) :], rest.lstrip(" ")
            if zone and rest:
                return zone, rest
            missing = "zone" if not zone else "expression"
            raise ScheduleError(
                f"the {missing} is missing after {name}",
                field="tz" if not zone else "expression",
                text=text,
                column=len(prefix) + 1,
                hint=f"write {name}Europe/Paris 0 9 * * *",
            )
    column = text.index("=") + 1
    raise ScheduleError(
        "'=' cannot stand here",
        field="expression",
        text=text,
        column=column,
        hint="a zone is CRON_TZ= or TZ=, in front",
    )


# Refusals. Columns are worked out here only, when something is wrong.


def _columns(given: str) -> list[int]:
    """Where the fields begin, counted from 1."""
    columns, previous = [], " "
    for index, character in enumerate(given):
        if character != " " and previous == " ":
            columns.append(index + 1)
        previous = character
    return columns[1:] if "=" in given else columns


def _located(refused: Refused, index: int, seven: list[str], dialect: Dialect, given: str) -> ScheduleError:
    kind, text = dialect.kinds[index], seven[index]
    place = next(layout for count, layout in dialect.layouts.items() if count == len(_columns(given)))[index]
    within = text.find(refused.part, refused.offset) if refused.part else refused.offset
    column = _columns(given)[place] + max(within, 0)
    return ScheduleError(refused.problem, field=kind.name, text=given, column=column, hint=refused.hint)


def _wrong_count(parts: list[str], given: str, dialect: Dialect) -> ScheduleError:
    count, columns = len(parts), _columns(given)
    most = max(dialect.layouts)
    return ScheduleError(
        f"{count} field{'s' * (count != 1)}, but the {dialect.name} dialect takes {dialect.shape}",
        field="expression",
        text=given,
        column=columns[most] if count > most else len(given) + 1,
        hint=_count_hint(given, count, dialect),
    )


def _count_hint(given: str, count: int, dialect: Dialect) -> str:
    if "#" in given.split()[-1][:1] or count > max(dialect.layouts):
        return "remove what follows the last field"
    if count == 1 and given[:1].isdigit():
        return f'an interval is Every("{given}"), or use parse_schedule'
    return "blanks separate the fields, and nothing else"


def _impossible(seven: list[str], layout: tuple[int, ...], given: str) -> ScheduleError:
    columns = _columns(given)
    return ScheduleError(
        f"no {'year' if seven[_YEAR] != '*' else 'month'} that is listed has such a day, so this never runs",
        field="day-of-month",
        text=given,
        column=columns[layout[_DAY]],
        hint="L is the last day of any month",
    )
