"""The four dialects of cron, as data (cron-rules, "Named dialects")."""

from operator import itemgetter

from cronkit.schedules.describe import MONTHS, WEEKDAYS
from cronkit.schedules.grammar import FieldKind

__all__ = ["DIALECTS", "Dialect"]

_MONTHS = {month.upper()[:3]: number for number, month in enumerate(MONTHS) if month}
_WEEKDAYS = {weekday.upper()[:3]: number for number, weekday in enumerate(WEEKDAYS)}

_ALIASES = {
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
    "@MONTHLY": "0 0 1 * *",
    "@WEEKLY": "0 0 * * 0",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@HOURLY": "0 * * * *",
}

ABSENT = ("*", "0")
"""What stands for a year and a second that are not written."""
_YEAR, _SECOND = -2, -1
_FIVE = (_SECOND, 0, 1, 2, 3, 4, _YEAR)


class Dialect:
    """How a dialect writes cron.

    ``kinds`` are its fields in the order second, minute, hour, day-of-month, month, day-of-week, year. ``layouts``
    says for each number of fields where those seven stand in the text; -2 and -1 mean that the year or second is
    absent, and ``arrange`` takes them from there. ``question`` says whether ``?`` is "taken", "refused" or wanted
    "once"; ``plus`` whether ``+FRI`` is taken; ``stars_zero`` whether ``0/n`` in a time field is starred (rule 7).
    """

    __slots__ = ("aliases", "arrange", "kinds", "layouts", "name", "plain", "plus", "question", "shape", "stars_zero")

    def __init__(
        self,
        name: str,
        kinds: tuple[FieldKind, ...],
        layouts: dict[int, tuple[int, ...]],
        shape: str,
        *,
        question: str = "taken",
        plus: bool = True,
        aliases: dict[str, str] = _ALIASES,
        stars_zero: bool = False,
    ) -> None:
        self.name = name
        self.kinds = kinds
        self.plain = tuple(kind.plain for kind in kinds)
        self.layouts = layouts
        self.arrange = {count: itemgetter(*layout) for count, layout in layouts.items()}
        self.shape = shape
        self.question = question
        self.plus = plus
        self.aliases = aliases
        self.stars_zero = stars_zero


_SECOND_KIND = FieldKind("second", 0, 59, hashed=(0, 59))
_MINUTE_KIND = FieldKind("minute", 0, 59, hashed=(0, 59))
_HOUR_KIND = FieldKind("hour", 0, 23, hashed=(0, 23))
_DAY_KIND = FieldKind("day-of-month", 1, 31, hashed=(1, 28), specials="day")
_MONTH_KIND = FieldKind("month", 1, 12, names=_MONTHS, hashed=(1, 12))
_WEEKDAY_KIND = FieldKind("day-of-week", 0, 7, top=6, names=_WEEKDAYS, hashed=(0, 6), specials="weekday", sunday=0)
_YEAR_KIND = FieldKind("year", 1970, 9999, wraps=False, hashed=(1970, 2099))

_STANDARD = (_SECOND_KIND, _MINUTE_KIND, _HOUR_KIND, _DAY_KIND, _MONTH_KIND, _WEEKDAY_KIND, _YEAR_KIND)
_VIXIE = (
    _SECOND_KIND,
    FieldKind("minute", 0, 59, open_steps=False, wraps=False),
    FieldKind("hour", 0, 23, open_steps=False, wraps=False),
    FieldKind("day-of-month", 1, 31, open_steps=False, wraps=False),
    FieldKind("month", 1, 12, names=_MONTHS, open_steps=False, wraps=False),
    FieldKind("day-of-week", 0, 7, top=6, names=_WEEKDAYS, open_steps=False, wraps=False, sunday=0),
    _YEAR_KIND,
)
_QUARTZ_WEEKDAY_KIND = FieldKind(
    "day-of-week",
    1,
    7,
    names={name: i + 1 for name, i in _WEEKDAYS.items()},
    hashed=(1, 7),
    specials="weekday",
    sunday=1,
)

_FIVE_SHAPE = "5 (minute hour day-of-month month day-of-week)"

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            "default",
            _STANDARD,
            {5: _FIVE, 6: (0, 1, 2, 3, 4, 5, _YEAR), 7: (0, 1, 2, 3, 4, 5, 6)},
            f"{_FIVE_SHAPE}, 6 (second first) or 7 (second first, year last)",
        ),
        Dialect("vixie", _VIXIE, {5: _FIVE}, _FIVE_SHAPE, question="refused", plus=False),
        Dialect(
            "quartz",
            (*_STANDARD[:5], _QUARTZ_WEEKDAY_KIND, _YEAR_KIND),
            {6: (0, 1, 2, 3, 4, 5, _YEAR), 7: (0, 1, 2, 3, 4, 5, 6)},
            "6 (second minute hour day-of-month month day-of-week) or 7 (year last)",
            question="once",
            aliases={},
            stars_zero=True,
        ),
        Dialect(
            "croniter",
            _STANDARD,
            {5: _FIVE, 6: (5, 0, 1, 2, 3, 4, _YEAR), 7: (5, 0, 1, 2, 3, 4, 6)},
            f"{_FIVE_SHAPE}, 6 (second last) or 7 (second sixth, year last)",
        ),
    )
}
