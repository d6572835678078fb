"""The text of a whole cron expression, read into `CronFields`, or refused with field, column and hint."""

from typing import Any

from cronkit.errors import ScheduleError
from cronkit.schedules.dates import FIRST_YEAR, cron_dates
from cronkit.schedules.dialects import ABSENT, Dialect
from cronkit.schedules.fields import CronFields
from cronkit.schedules.grammar import FieldKind, Refused, read_field
from cronkit.schedules.monthdays import SpecialDay
from cronkit.schedules.phrases import cron_text

__all__ = ["MAX_LENGTH", "plain_text", "read_expression", "uses_hash"]

MAX_LENGTH = 256

_EVERY_WEEKDAY = (1 << 7) - 1
_DAY, _WEEKDAY, _YEAR = 3, 5, 6
_FIVE = 5
"""How many fields a crontab has."""
_ZONE_PREFIXES = ("CRON_TZ=", "TZ=")
_STARRED = ("*", "H/")


Seven = tuple[str, ...]
"""The texts of second, minute, hour, day-of-month, month, day-of-week and year."""
Specials = tuple[tuple[SpecialDay, ...], tuple[SpecialDay, ...]]
_NO_SPECIALS: Specials = ((), ())


def read_expression(text: str, rules: Dialect, seed: str | None) -> tuple[str, str | None, CronFields, bool]:
    """Take a cron text apart, or raise ScheduleError.

    Returns the text without its zone prefix, the name in that prefix, what the fields mean, and whether they are
    interval-like (rule 8).
    """
    given = text = plain_text(text, "expression")
    zone = None
    if "=" in text:
        zone, text = _split_zone(text)
    parts = text.upper().split()
    if parts[0][0] == "@":
        parts = _expand_alias(parts, given, rules)
    arrange = rules.arrange.get(len(parts))
    if arrange is None:
        raise _wrong_count(parts, given, rules)
    parts += ABSENT
    seven = arrange(parts)
    fields = _read_fields(seven, rules, seed, given)
    if not fields.dates.is_possible:
        raise _impossible(seven, rules, given)
    return text, zone, fields, _is_interval_like(seven, rules)


def uses_hash(text: str) -> bool:
    """Whether an expression, without its zone prefix, has an ``H``."""
    return text[0] != "@" and "H" in text.upper().replace("THU", "")


def plain_text(text: object, field: str) -> str:
    """``text`` as a plain str of printable ASCII, blanks trimmed and tabs made blanks, or ScheduleError."""
    if type(text) is not str:
        if not isinstance(text, str):
            raise ScheduleError(f"{type(text).__name__} is not text", field=field, hint="give a str")
        text = str.__str__(text)
    if len(text) > MAX_LENGTH:
        raise ScheduleError(
            f"{len(text)} characters are more than {MAX_LENGTH}",
            field=field,
            column=MAX_LENGTH + 1,
            hint="split it into several schedules",
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


def _read_fields(seven: Seven, rules: Dialect, seed: str | None, given: str) -> CronFields:
    masks: list[Any] = list(map(dict.get, rules.plain, seven))
    specials = _fill(masks, seven, rules, seed, given) if None in masks else _NO_SPECIALS
    if rules.question == "once" and (seven[_DAY] == "?") == (seven[_WEEKDAY] == "?"):
        raise _located(_not_one_question(seven), _WEEKDAY, rules, given)
    seconds, minutes, hours, days, months, weekdays, years = masks
    if rules.kinds[_WEEKDAY].sunday:
        weekdays >>= 1
    elif weekdays > _EVERY_WEEKDAY:
        weekdays = weekdays & _EVERY_WEEKDAY | 1
    dates = cron_dates(
        days >> 1,
        months,
        weekdays,
        None if seven[_YEAR] == "*" else years >> FIRST_YEAR,
        seven[_DAY][0] in "*?" or seven[_WEEKDAY][0] in "*?+",
        *specials,
    )
    return CronFields(seconds, minutes, hours, dates)


def _fill(masks: list[Any], seven: Seven, rules: Dialect, seed: str | None, given: str) -> Specials:
    """Read the fields that have no mask yet; return the L, W and # items of the two day fields."""
    special_days, special_weekdays = _NO_SPECIALS
    while None in masks:
        index = masks.index(None)
        kind, text = rules.kinds[index], seven[index]
        try:
            if not kind.is_day:
                masks[index], _ = read_field(text, kind, seed)
            elif kind.sunday is None:
                masks[index], special_days = _read_days(text, kind, rules, seed)
            else:
                masks[index], special_weekdays = _read_days(text, kind, rules, seed)
        except Refused as refused:
            raise _located(refused, index, rules, given) from None
    return special_days, special_weekdays


def _read_days(text: str, kind: FieldKind, rules: Dialect, seed: str | None) -> tuple[int, tuple[SpecialDay, ...]]:
    """A day field, which alone may be ``?`` or begin with ``+``."""
    if text == "?" and rules.question != "refused":
        return kind.full, ()
    if text[0] == "+" and kind.sunday is not None and rules.plus and len(text) > 1:
        try:
            return read_field(text[1:], kind, seed)
        except Refused as refused:
            refused.offset += 1
            raise
    return read_field(text, kind, seed)


def _is_interval_like(seven: Seven, rules: Dialect) -> bool:
    """Rules 7 and 8."""
    second, minute, hour = seven[:_DAY]
    if minute.startswith(_STARRED) or hour.startswith(_STARRED) or second.startswith(_STARRED):
        return True
    return rules.stars_zero and any(text[0] == "0" and text.lstrip("0")[:1] == "/" for text in seven[:_DAY])


def _expand_alias(parts: list[str], given: str, rules: Dialect) -> list[str]:
    name = parts[0]
    expansion = rules.aliases.get(name)
    if expansion is not None and len(parts) == 1:
        return expansion.split()
    column = given.upper().index(name) + 1
    if name == "@REBOOT":
        problem, hint = "a start of the machine is no time", "trigger the job when the program starts"
    elif name.startswith("@EVERY"):
        problem, hint = "@every is an interval, not a cron expression", 'write Every("90s"), or use parse_schedule'
    elif expansion is not None:
        problem, hint, column = f"{name.lower()} stands alone", "remove what follows", column + len(name)
    elif not rules.aliases:
        problem, hint = f"the {rules.name} dialect has no aliases", "write the fields out"
    else:
        known = ", ".join(rules.aliases).lower()
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


def _located(refused: Refused, index: int, rules: Dialect, given: str) -> ScheduleError:
    """The error for a part of field ``index``, of the seven."""
    columns = _columns(given)
    column = columns[rules.layouts[len(columns)][index]] + refused.offset
    part = refused.part
    column += max(0, given.upper().find(part, column - 1) - column + 1) if part else 0
    return ScheduleError(refused.problem, field=rules.kinds[index].name, text=given, column=column, hint=refused.hint)


def _not_one_question(seven: Seven) -> Refused:
    return Refused("exactly one of the day fields must be ? in this dialect", seven[_WEEKDAY], "write ? in the other")


def _wrong_count(parts: list[str], given: str, rules: Dialect) -> ScheduleError:
    count, columns = len(parts), _columns(given)
    most = max(rules.layouts)
    return ScheduleError(
        f"{count} field{'s' * (count != 1)}, but the {rules.name} dialect takes {rules.shape}",
        field="expression",
        text=given,
        column=columns[most] if count > most else len(given) + 1,
        hint=_count_hint(given, count, rules),
    )


def _count_hint(given: str, count: int, rules: Dialect) -> str:
    if "#" in given.split()[-1][:1] or count > max(rules.layouts):
        return "remove what follows the last field"
    written = cron_text(given) if _FIVE in rules.layouts else None
    if written is not None:
        return f'write "{written}"'
    if count == 1 and ":" in given:
        return 'a time of day is written as in "0 9 * * *"'
    if count == 1 and given[:1].isdigit():
        return f'an interval is Every("{given}"), or use parse_schedule'
    return "blanks separate the fields, and nothing else"


def _impossible(seven: Seven, rules: Dialect, given: str) -> ScheduleError:
    columns = _columns(given)
    layout = rules.layouts.get(len(columns))
    return ScheduleError(
        f"no {'year' if seven[_YEAR] != '*' else 'month'} that is listed has such a day, so this never runs",
        field="day-of-month",
        text=given,
        column=columns[layout[_DAY]] if layout else 1,
        hint="L is the last day of any month",
    )
