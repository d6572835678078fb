"""The text of one cron field, read into a bit mask (cron-rules 19 and the table below it).

The reader is written for texts that are right: what is refused raises `Refused` with the offending part, and the
caller finds its column only then.
"""

from cronkit.schedules.monthdays import (
    SpecialDay,
    last_day,
    last_weekday,
    nearest_workday,
    nearest_workday_to_last,
    nth_weekday,
)

__all__ = ["FieldKind", "Refused", "read_field"]

MAX_BACK = 30
_MONTH_LENGTH = 31


class Refused(Exception):
    """A field that is refused: ``part`` is the offending piece of it, found from ``offset`` on."""

    def __init__(self, problem: str, part: str, hint: str | None = None, offset: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.part = part
        self.hint = hint
        self.offset = offset


class FieldKind:
    """What one field of a dialect takes.

    ``low`` to ``high`` are the numbers that may be written, ``top`` is where a range without an end stops (the
    weekday field takes 7 but ends at 6). ``hashed`` is the range of a bare ``H``, None where there is no ``H``.
    ``specials`` is "day" or "weekday" where L, W and # are taken. ``open_steps`` allows ``5/15``, ``wraps`` allows
    ``22-2``. ``sunday`` is the number of Sunday in a weekday field. ``values`` are the plain numbers and names,
    ``plain`` the masks of these and of ``*``, which is ``full``.
    """

    __slots__ = (
        "full",
        "hashed",
        "high",
        "is_day",
        "low",
        "name",
        "names",
        "open_steps",
        "plain",
        "specials",
        "sunday",
        "top",
        "values",
        "wraps",
    )

    def __init__(
        self,
        name: str,
        low: int,
        high: int,
        *,
        top: int | None = None,
        names: dict[str, int] | None = None,
        hashed: tuple[int, int] | None = None,
        specials: str | None = None,
        open_steps: bool = True,
        wraps: bool = True,
        sunday: int | None = None,
    ) -> None:
        self.name = name
        self.low = low
        self.high = high
        self.top = high if top is None else top
        self.names = names or {}
        self.hashed = hashed
        self.specials = specials
        self.open_steps = open_steps
        self.wraps = wraps
        self.sunday = sunday
        self.full = span(low, self.top, 1)
        self.is_day = name.startswith("day-")
        self.values = {str(value): value for value in range(low, min(high, 60) + 1)} | self.names
        self.plain = {"*": self.full} | {text: 1 << value for text, value in self.values.items()}

    def value(self, text: str) -> int | None:
        """The number or name that ``text`` is, or None where it is neither."""
        value = self.values.get(text)
        if value is None and text.isdigit():
            value = int(text)
            if not self.low <= value <= self.high:
                raise Refused(f"{text} is not in {self.low}-{self.high}", text, self._range_hint(value))
        return value

    def _range_hint(self, value: int) -> str:
        if self.sunday == 1 and value == 0:
            return "Sunday is 1 in this dialect"
        if value == self.high + 1 and self.low == 0 and self.sunday is None:
            return f"the field counts from 0, so {value} is written 0"
        return f"write a number from {self.low} to {self.high}"


def read_field(text: str, kind: FieldKind, seed: str | None) -> tuple[int, tuple[SpecialDay, ...]]:
    """The mask of a field's upper-case text, and its L, W and # items."""
    if "," not in text:
        found = _read_item(text, kind, seed)
        return (found, ()) if isinstance(found, int) else (0, (found,))
    mask = 0
    specials: list[SpecialDay] = []
    items = text.split(",")
    for index, item in enumerate(items):
        try:
            found = _read_item(item, kind, seed)
        except Refused as refused:
            refused.offset += index + sum(map(len, items[:index]))
            raise
        if isinstance(found, int):
            mask |= found
        elif found not in specials:
            specials.append(found)
    return mask, tuple(specials)


def span(low: int, high: int, step: int) -> int:
    """The mask of low, low + step, ... up to high."""
    if step == 1:
        return (2 << high) - (1 << low)
    if step > high - low:
        return 1 << low
    count = (high - low) // step + 1
    return ((1 << step * count) - 1) // ((1 << step) - 1) << low


def _read_item(item: str, kind: FieldKind, seed: str | None) -> int | SpecialDay:
    start, step = item, 1
    if "/" in item:
        start, _, steps = item.partition("/")
        step = _read_step(steps, item)
    if start == "*":
        return span(kind.low, kind.top, step)
    first_text, dash, last_text = start.partition("-")
    first = kind.value(first_text)
    if first is None:
        if start[:1] == "H":
            return _read_hash(item, start, step if start is not item else 0, kind, seed)
        return _read_special(item, kind)
    if dash:
        last = kind.value(last_text)
        if last is None:
            raise _unreadable_end(item, last_text, kind)
        return _read_range(first, last, step, first_text, item, kind)
    if start is item:
        return 1 << first
    if not kind.open_steps:
        raise Refused(
            "a step needs a range or * in this dialect", item, f"write {first_text}-{kind.top}{item[len(start) :]}"
        )
    return span(first if first <= kind.top else 0, kind.top, step)


def _read_step(text: str, item: str) -> int:
    hint, offset = "write a whole number after the /", len(item) - len(text)
    if not text:
        raise Refused("a step is missing after /", item, hint)
    if not text.isdigit():
        raise _misplaced(text, text) or Refused(f"the step {text!r} is not a whole number", text, hint, offset)
    step = int(text)
    if step == 0:
        raise Refused("a step of 0 never moves on", text, "write a step of 1 or more", offset)
    return step


def _read_range(first: int, last: int, step: int, first_text: str, item: str, kind: FieldKind) -> int:
    """A range, which may wrap; 7 begins the week as Sunday and ends it as the day after Saturday."""
    top = kind.top
    if kind.sunday == 0 and kind.wraps:
        if first % 7 == last % 7 and not (last == 7 and first == 0 and first_text.isdigit()):
            return 1 << first % 7
        first %= 7
    if first <= last:
        return span(first, last, step)
    if not kind.wraps:
        raise Refused(
            f"the range {item} runs backwards",
            item,
            f"write {last}-{first}"
            if kind.name == "year"
            else f"write two ranges: {first_text}-{top},{kind.low}-{last}",
        )
    size = top - kind.low + 1
    mask = span(first, last + size, step)
    return (mask | mask >> size) & kind.full


# H: a value picked by the seed


def _read_hash(item: str, start: str, step: int, kind: FieldKind, seed: str | None) -> int:
    """``H``, ``H/n``, ``H(a-b)``, ``H(a-b)/n``; ``step`` is 0 where none is written.

    The hash is the BLAKE2b digest of 8 bytes over ``seed``, a zero byte and the field's name, as a big-endian number.
    Without a step it picks one value of the range; with one it picks the phase, the distance of the first value from
    the low end.
    """
    if kind.hashed is None:
        raise Refused("H is not known here", item, f"write a number from {kind.low} to {kind.high}")
    low, high = kind.hashed
    if start != "H":
        if start[:2] != "H(" or start[-1] != ")":
            raise Refused(f"{item!r} is no form of H", item, "write H, H/n, H(a-b) or H(a-b)/n")
        low_text, _, high_text = start[2:-1].partition("-")
        lowest, highest = kind.value(low_text), kind.value(high_text)
        if lowest is None or highest is None or lowest > highest:
            raise Refused(f"{start} needs a range from low to high", item, f"write H({low}-{high})")
        low, high = lowest, highest
    if seed is None:
        raise Refused("H needs a seed", item, 'give seed="...", such as the id of the job')
    number = _stable_hash(seed, kind.name)
    size = high - low + 1
    if not step:
        return 1 << (low + number % size)
    return span(low + number % min(step, size), high, step)


def _stable_hash(seed: str, field: str) -> int:
    from hashlib import blake2b

    text = f"{seed}\0{field}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


# L, W and #


def _read_special(item: str, kind: FieldKind) -> int | SpecialDay:
    special = None
    if kind.specials == "day":
        special = _special_day(item, kind)
    elif kind.specials == "weekday":
        if item == "L" and kind.sunday == 1:
            return 1 << kind.high
        special = _special_weekday(item, kind)
    if special is None:
        raise _unreadable(item, kind)
    return special


def _special_day(item: str, kind: FieldKind) -> SpecialDay | None:
    """``L``, ``L-3``, ``LW``, ``L-3W``, ``15W``."""
    if item == "L":
        return last_day, 0, 0
    if item == "LW":
        return nearest_workday_to_last, 0, 0
    workday = item[-1:] == "W"
    text = item[:-1] if workday else item
    if text[:2] == "L-" and text[2:].isdigit():
        back = int(text[2:])
        if not 1 <= back <= MAX_BACK:
            raise Refused(f"{back} is not in 1-{MAX_BACK}", text[2:], "the last day itself is L")
        return nearest_workday_to_last if workday else last_day, back, 0
    if workday and text.isdigit():
        day = kind.value(text)
        return None if day is None else (nearest_workday, day, 0)
    return None


def _special_weekday(item: str, kind: FieldKind) -> SpecialDay | None:
    """``5L``, ``FRIL``, ``FRI#2``, ``FRI#L``."""
    name, hash_sign, nth = item.partition("#")
    if not hash_sign:
        if item[-1:] != "L" or not item[:-1]:
            return None
        name, nth = item[:-1], "L"
    value = kind.value(name) if name else None
    if value is None or kind.sunday is None:
        return None
    weekday = (value - kind.sunday) % 7
    if nth == "L":
        return last_weekday, weekday, 0
    if not nth.isdigit():
        return None
    n = int(nth)
    if not 1 <= n <= 5:
        raise Refused(
            f"a month has no weekday number {nth}",
            nth,
            f"write {name}#1 to {name}#5, or {name}L for the last",
            len(name) + 1,
        )
    return nth_weekday, weekday, n


# Refusals


def _unreadable(item: str, kind: FieldKind) -> Refused:
    """The refusal of an item that is neither a number, a name nor a special day."""
    if not item:
        return Refused("an item is missing", "", "remove the comma, or write a value")
    known = _misplaced(item, item)
    if known is not None:
        return known
    head, slash, _ = item.partition("/")
    if slash and not head:
        return Refused("a value or * is missing before /", item, f"write *{item}")
    if slash and any(mark in head for mark in "LW#"):
        return Refused(f"{head} cannot have a step", item, f"write {head}, or list the days")
    if "#-" in head and kind.specials:
        return Refused(f"{item} counts from the end", item, f"write {item.partition('#')[0]}L for the last")
    first, dash, last = head.partition("-")
    if dash and not first:
        return Refused(f"{item!r} is negative or lacks the start of a range", item, "write low-high")
    end = _special_end(head, kind) if dash else None
    if end is not None:
        example = "MON#2,TUE#2" if kind.specials == "weekday" else "29,30,L"
        return Refused(f"{end} cannot be an end of a range", end, f"list the days one by one, as in {example}")
    if "-" in last:
        return Refused(f"{head} is more than a range", item, "write low-high")
    if kind.specials == "weekday" and item == "L":
        return Refused("L alone does not say which weekday", item, "write SATL for the last Saturday, or SAT for each")
    swapped = item[1:] + item[0]
    if item[0] in "LW" and len(item) > 1 and _is_special(swapped, kind):
        return Refused(f"{item} is written the wrong way round", item, f"write {swapped}")
    return _unknown_name(first, kind)


def _is_special(item: str, kind: FieldKind) -> bool:
    try:
        return (_special_day if kind.specials == "day" else _special_weekday)(item, kind) is not None
    except Refused:
        return False


def _unreadable_end(item: str, text: str, kind: FieldKind) -> Refused:
    if not text:
        return Refused("the end of the range is missing", item, "write low-high")
    return _unreadable(item if "-" in text or _special_end(text, kind) else text, kind)


def _special_end(text: str, kind: FieldKind) -> str | None:
    """The part of a range that has an L, W or # in a field that knows them."""
    ends = text.split("-") if kind.specials else []
    return next((end for end in ends if end not in kind.values and any(mark in end for mark in "LW#")), None)


def _unknown_name(text: str, kind: FieldKind) -> Refused:
    if any(mark in text for mark in "LW#?+H") and kind.specials is None:
        hint = "the default dialect knows L, W, #, ? and +" if kind.is_day else "L, W, # and ? belong to the day fields"
        return Refused(f"{text!r} is not known in this field", text, hint)
    if "#" in text and kind.specials == "weekday":
        return Refused(f"{text!r} does not say which weekday", text, "write FRI#2, or FRIL for the last")
    if kind.names:
        short = text[:3]
        if short in kind.names:
            return Refused(f"{text!r} is no name", text, f"names have three letters: write {short}")
        names = ", ".join(kind.names)
        return Refused(f"{text!r} is neither a number nor a name", text, f"write {kind.low}-{kind.high} or {names}")
    return Refused(f"{text!r} is not a number", text, f"write a number from {kind.low} to {kind.high}, or *")


def _misplaced(text: str, part: str) -> Refused | None:
    """The refusal of a character that no field takes, or takes elsewhere only."""
    for mark, hint in _MISPLACED.items():
        if mark in text:
            return Refused(f"{mark!r} cannot stand here", mark if mark in part else part, hint)
    return None


_MISPLACED = {
    "?": "? stands alone, in day-of-month or day-of-week",
    "+": "+ stands first in day-of-week, once",
    "~": "random times are not supported; H spreads jobs by their seed",
    "%": "% belongs to crontab command lines, not to schedules",
    "*": "* stands alone or before a step, as in */5",
}
