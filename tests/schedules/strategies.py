"""Random expressions, zones, offset changes and schedules.

Expressions are drawn from a ``random.Random``, so that the long check can draw them from a plain seed and hypothesis
from a generator of its own that it can shrink.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from cronkit.schedules import At, CalendarInterval, Cron, Every, Manual, Schedule
from tests.schedules.oracle import MONTHS, NAIVE_EPOCH, WEEKDAYS, Dialect, Policy, changes, offset_at, read, seconds

DIALECTS: tuple[Dialect, ...] = ("default", "vixie", "quartz", "croniter")
POLICIES: tuple[Policy, ...] = ("vixie", "literal", "once")

ZONES = (
    "UTC",
    "America/New_York",  # the plain case: an hour, at 02:00
    "Europe/London",
    "Europe/Paris",
    "Europe/Moscow",  # local mean time with odd seconds, and many laws
    "Europe/Dublin",  # winter time is the negative one
    "Europe/Lisbon",  # double summer time
    "Africa/Casablanca",  # daylight saving suspended for Ramadan
    "Africa/Freetown",  # the shortest stretches of one offset
    "Africa/Monrovia",  # a change of 44 min 30 s
    "America/Caracas",  # standard time that moved by half an hour
    "America/Sao_Paulo",  # changes at midnight
    "America/Scoresbysund",
    "America/St_Johns",  # changes at one minute past midnight
    "Antarctica/Casey",  # changes of three and of eight hours
    "Antarctica/Troll",  # changes of two hours
    "Asia/Gaza",
    "Asia/Kolkata",
    "Asia/Manila",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Australia/Lord_Howe",  # changes of half an hour
    "Pacific/Apia",  # a whole day skipped
    "Pacific/Chatham",
    "Pacific/Kwajalein",  # a day repeated, and one skipped
)


class Window(NamedTuple):
    """The instants a <= x < b of a zone, and one of its changes inside where there is one."""

    zone: str
    a: int
    b: int
    change: int | None

    def middle(self) -> datetime:
        """The local reading in the middle, or at the change."""
        instant = self.change if self.change is not None else (self.a + self.b) // 2
        return NAIVE_EPOCH + timedelta(seconds=instant + offset_at(ZoneInfo(self.zone), instant))


# ---- expressions ----------------------------------------------------------------------------------------------------


def random_expression(rng: Random, dialect: Dialect, near: datetime, *, with_seconds: bool | None = None) -> str:
    """An expression that can match, and that is likely to match near a local reading."""
    while True:
        text = _any_expression(rng, dialect, near, with_seconds)
        if read(text, dialect).possible():
            return text


def _any_expression(rng: Random, dialect: Dialect, near: datetime, with_seconds: bool | None) -> str:
    minute = _field(rng, dialect, 0, 59, [0, 30, near.minute, 59])
    hour = _field(rng, dialect, 0, 23, [(near.hour + shift) % 24 for shift in (-2, -1, 0, 1)])
    days, weekdays = _days(rng, dialect, near)
    month = "*" if rng.random() < 0.7 else _field(rng, dialect, 1, 12, [near.month], MONTHS)
    if with_seconds is None:
        with_seconds = rng.random() < 0.3
    if dialect == "vixie" or (dialect != "quartz" and not with_seconds):
        return " ".join((minute, hour, days, month, weekdays))
    second = _field(rng, dialect, 0, 59, [0, 0, 30, near.second]) if with_seconds else "0"
    year = [] if rng.random() < 0.6 else [_year(rng, near.year)]
    if dialect == "croniter":
        return " ".join((minute, hour, days, month, weekdays, second, *year))
    return " ".join((second, minute, hour, days, month, weekdays, *year))


def _field(
    rng: Random, dialect: Dialect, low: int, high: int, likely: Sequence[int], names: dict[str, int] | None = None
) -> str:
    if rng.random() < 0.25:
        return "*"
    count = rng.choice((1, 1, 1, 2, 3))
    return ",".join(_item(rng, dialect, low, high, likely, names) for _ in range(count))


def _item(
    rng: Random, dialect: Dialect, low: int, high: int, likely: Sequence[int], names: dict[str, int] | None = None
) -> str:
    def value() -> int:
        return rng.choice(likely) if rng.random() < 0.6 else rng.randint(low, high)

    def written(number: int) -> str:
        if names and rng.random() < 0.5:
            name = next(name for name, value in names.items() if value == number)
            return rng.choice((name, name.lower(), name.title()))
        return f"{number:02d}" if rng.random() < 0.1 else str(number)

    step = "" if rng.random() < 0.5 else f"/{rng.choice((1, 2, 3, 5, 7, 10, 15, 20, 45))}"
    shape = rng.random()
    if shape < 0.2:
        return f"*{step}"
    first, last = value(), value()
    if shape < 0.5:
        if dialect == "vixie" and last < first:
            first, last = last, first
        return f"{written(first)}-{written(last)}{step}"
    return written(first) + (step if dialect != "vixie" else "")


def _days(rng: Random, dialect: Dialect, near: datetime) -> tuple[str, str]:
    """Day-of-month and day-of-week: mostly one of them restricted, sometimes both."""
    free = "?" if dialect == "quartz" else rng.choice("**?") if dialect != "vixie" else "*"
    day, weekday = _day_of_month(rng, dialect, near), _day_of_week(rng, dialect, near)
    choice = rng.random()
    if choice < 0.4:
        return ("*", free)
    if choice < 0.6:
        return (day, free)
    if choice < 0.8 or dialect == "quartz":
        return (free, weekday)
    return (day, weekday)


def _day_of_month(rng: Random, dialect: Dialect, near: datetime) -> str:
    def item() -> str:
        number = near.day if rng.random() < 0.5 else rng.randint(1, 31)
        shape = rng.random()
        if dialect == "vixie" or shape < 0.6:
            return _item(rng, dialect, 1, 31, [near.day])
        return rng.choice(("L", "LW", f"L-{rng.randint(1, 30)}", f"L-{rng.randint(1, 30)}W", f"{number}W"))

    return ",".join(item() for _ in range(rng.choice((1, 1, 2))))


def _day_of_week(rng: Random, dialect: Dialect, near: datetime) -> str:
    quartz = dialect == "quartz"
    names = {name: number + quartz for name, number in WEEKDAYS.items()}
    low, high = (1, 7) if quartz else (0, 6)
    today = near.isoweekday() % 7 + quartz

    def item() -> str:
        name = rng.choice((str(today), rng.choice(list(names)), str(rng.randint(low, high))))
        shape = rng.random()
        if dialect == "vixie" or shape < 0.6:
            if not quartz and shape < 0.15:
                return rng.choice(("7", "5-7", "0-7", "6-7", "1-7/2"))
            return _item(rng, dialect, low, high, [today], names)
        return rng.choice((f"{name}L", f"{name}#{rng.randint(1, 5)}", f"{name}#L", f"{name}#l"))

    forced = "+" if dialect in ("default", "croniter") and rng.random() < 0.2 else ""
    return forced + ",".join(item() for _ in range(rng.choice((1, 1, 2))))


def _year(rng: Random, near: int) -> str:
    near = min(max(near, 1970), 9990)
    return rng.choice(
        ("*", str(near), f"{near}-{near + 2}", f"1970-{near + 3}/{rng.randint(1, 4)}", f"{near},{near + 1}")
    )


# ---- windows --------------------------------------------------------------------------------------------------------


def random_window(rng: Random, zone: str, *, longest: int = 2 * 86_400) -> Window:
    """A window round one of the zone's changes from 1900 to 2100, or now and then anywhere in those years."""
    found = changes(ZoneInfo(zone))
    before, after = rng.randint(3600, longest), rng.randint(3600, longest)
    if found and rng.random() < 0.95:
        change = rng.choice(found)
        return Window(zone, change - before, change + after, change)
    middle = seconds(datetime(1900, 1, 3, tzinfo=UTC) + timedelta(days=rng.randint(0, 73_000)))
    return Window(zone, middle - before, middle + after, None)


def probes(rng: Random, window: Window, expected: Sequence[int]) -> list[int]:
    """Instants to search from: beside some members and the change, and anywhere."""
    beside = rng.sample(expected, min(4, len(expected)))
    if window.change is not None:
        beside += [window.change, window.change - 3600, window.change + 3600]
    return [
        *(at + shift for at in beside for shift in (-1, 0, 1)),
        *(rng.randrange(window.a, window.b) for _ in range(4)),
    ]


# ---- for hypothesis -------------------------------------------------------------------------------------------------


@st.composite
def expressions(draw: st.DrawFn, dialect: Dialect = "default", *, with_seconds: bool | None = None) -> str:
    near = draw(st.datetimes(datetime(1971, 1, 1), datetime(2099, 12, 31)))
    return random_expression(draw(st.randoms(use_true_random=False)), dialect, near, with_seconds=with_seconds)


@st.composite
def crons(draw: st.DrawFn) -> Cron:
    dialect = draw(st.sampled_from(DIALECTS))
    zone, dst = draw(st.sampled_from(ZONES)), draw(st.sampled_from(POLICIES))
    return Cron(draw(expressions(dialect)), tz=zone, dialect=dialect, dst=dst)


def moments(first: int = 1950, last: int = 2090) -> st.SearchStrategy[datetime]:
    """Aware instants of many zones, half of them with a part of a second, folds included."""
    return st.builds(
        lambda wall, fold, zone, exact: wall.replace(microsecond=wall.microsecond * exact, fold=fold, tzinfo=zone),
        st.datetimes(datetime(first, 1, 1), datetime(last, 1, 1)),
        st.sampled_from((0, 1)),
        st.sampled_from(ZONES).map(ZoneInfo),
        st.booleans(),
    )


def everies() -> st.SearchStrategy[Every]:
    periods = st.integers(1, 10**10).map(lambda micros: timedelta(microseconds=micros * 1000))
    aligned = st.builds(Every, periods)
    anchored = st.builds(lambda period, at: Every(period, anchor=at), periods, moments())
    started = st.builds(lambda period, at: Every(period, start=at), periods, moments())
    return st.one_of(aligned, anchored, started)


@st.composite
def calendar_intervals(draw: st.DrawFn) -> CalendarInterval:
    family: Callable[..., st.SearchStrategy[dict[str, Any]]] = st.fixed_dictionaries
    length = draw(
        st.one_of(
            family({"days": st.integers(1, 60)}),
            family({"weeks": st.integers(1, 9), "days": st.integers(0, 6)}),
            family({"months": st.integers(1, 30)}),
            family({"years": st.integers(1, 5), "months": st.integers(0, 11)}),
        )
    )
    start = draw(st.dates(datetime(1960, 1, 1).date(), datetime(2060, 1, 1).date()))
    at = draw(st.times()).replace(microsecond=0)
    return CalendarInterval(**length, at=at, start=start, tz=draw(st.sampled_from(ZONES)))


def ats() -> st.SearchStrategy[At]:
    return st.lists(moments(), min_size=1, max_size=6).map(lambda instants: At(*instants))


def schedules() -> st.SearchStrategy[Schedule]:
    """Every kind of schedule that knows its zone."""
    return st.one_of(crons(), everies(), calendar_intervals(), ats(), st.just(Manual()))
