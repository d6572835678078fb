"""Whatever is given, a schedule is either made or refused with ScheduleError: nothing else, and at once."""

from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronkit.errors import ScheduleError, SearchLimitError
from cronkit.schedules import (
    At,
    CalendarInterval,
    Cron,
    Every,
    parse_duration,
    parse_schedule,
    schedule_from_json,
)

READERS = [Cron, Every, At, parse_schedule, parse_duration, lambda text: CalendarInterval(days=1, start=text)]
READER_NAMES = ["Cron", "Every", "At", "parse_schedule", "parse_duration", "CalendarInterval"]
EACH_READER = pytest.mark.parametrize("reader", READERS, ids=READER_NAMES)

# Text that is nearly right finds more than text of any kind.
PIECES = st.sampled_from(
    [
        "*",
        "?",
        "/",
        "-",
        ",",
        "#",
        "L",
        "W",
        "H",
        "(",
        ")",
        "+",
        "@",
        "=",
        ":",
        " ",
        "\t",
        "\n",
        "0",
        "5",
        "7",
        "31",
        "59",
        "99999999999999999999",
        "MON",
        "FRI",
        "JAN",
        "TZ=",
        "CRON_TZ=UTC",
        "@daily",
        "@every",
        "PT",
        "m",
        "s",
        "now",
        "every",
        "2027-01-01",
        "T09:00",
        "Z",
        "+01:00",
        "\x00",
        "�",
        "٥",
        "５",
        "²",
        "ſ",
        "ı",
        "\xa0",
        "\u2028",
        "é",
        "😀",
    ]
)
NEARLY = st.lists(PIECES, max_size=14).map("".join)
FIVE = st.lists(st.lists(PIECES, min_size=1, max_size=4).map("".join), min_size=5, max_size=7).map(" ".join)
ANY_TEXT = st.one_of(NEARLY, FIVE, st.text(st.characters(), max_size=300))

NOT_TEXT: list[object] = [
    None,
    True,
    5,
    5.5,
    10**400,
    b"0 9 * * *",
    bytearray(b"0 9 * * *"),
    ["0", "9", "*", "*", "*"],
    ("0 9 * * *",),
    {"text": "0 9 * * *"},
    object(),
    Cron,
    lambda: None,
    float("nan"),
]


def error_of(text: str) -> ScheduleError | None:
    try:
        Cron(text)
    except ScheduleError as refused:
        return refused
    return None


@EACH_READER
@settings(max_examples=300)
@given(text=ANY_TEXT)
def test_any_text_is_a_schedule_or_a_schedule_error(reader: Any, text: str) -> None:
    with suppress(ScheduleError):
        reader(text)


@pytest.mark.parametrize("dialect", ["default", "vixie", "quartz", "croniter"])
@settings(max_examples=200)
@given(text=FIVE)
def test_any_text_in_any_dialect_is_a_cron_or_a_schedule_error(dialect: str, text: str) -> None:
    with suppress(ScheduleError):
        cron = Cron(text, dialect=dialect, seed="a job")
        assert cron.describe()
        cron.bind(tz="UTC").lint(after=datetime(2024, 1, 1, tzinfo=UTC))


@settings(max_examples=200)
@given(text=FIVE)
def test_a_refusal_of_any_text_can_be_printed_and_points_into_it(text: str) -> None:
    refused = error_of(text)
    if refused is not None:
        str(refused).encode("utf-8", "backslashreplace")
        assert refused.column is None or (refused.text is not None and 1 <= refused.column <= len(refused.text) + 1)


@EACH_READER
@pytest.mark.parametrize("given_value", NOT_TEXT, ids=repr)
def test_what_is_not_text_is_refused(reader: Any, given_value: object) -> None:
    with pytest.raises(ScheduleError):
        reader(given_value)


@EACH_READER
@pytest.mark.parametrize(
    "text",
    ["," * 10_000_000, " " * 10_000_000, "*" * 10_000_000, "9" * 10_000_000, "1," * 5_000_000 + "1 * * * *"],
    ids=["commas", "blanks", "stars", "digits", "list"],
)
def test_megabytes_are_refused_without_being_read_or_repeated(reader: Any, text: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        reader(text)
    assert len(str(caught.value)) < 2_000


@EACH_READER
@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "0 9 * * *\x00",
        "\ud800",
        "0 9 * * \udfff",
        "\ufeff0 9 * * *",
        "٠ ٩ * * *",
        "０ ９ * * *",
        "0\u00a09 * * *",
    ],
    ids=ascii,
)
def test_characters_of_other_kinds_are_refused(reader: Any, text: str) -> None:
    with pytest.raises(ScheduleError):
        reader(text)


class Shouting(str):
    """A text whose own methods are not to be trusted."""

    __slots__ = ()

    def split(self, *_: object) -> list[str]:
        raise RuntimeError("split")

    def __len__(self) -> int:
        raise RuntimeError("len")

    def upper(self) -> str:
        raise RuntimeError("upper")


@EACH_READER
def test_a_subclass_of_str_is_read_as_its_text_or_refused(reader: Any) -> None:
    try:
        reader(Shouting("0 9 * * *"))
    except ScheduleError:
        return
    assert reader in (Cron, parse_schedule)


class Odd(tzinfo):
    """A zone that answers nonsense."""

    def utcoffset(self, moment: datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, moment: datetime | None) -> str:
        return "odd"


@pytest.mark.parametrize(
    "zone",
    [
        "",
        " ",
        "Nowhere",
        "../../etc/passwd",
        "/etc/localtime",
        "Europe",
        "europe/paris\x00",
        "�",
        "UTC+2",
        "x" * 10000,
        5,
        b"UTC",
        object(),
        ZoneInfo,
        Odd(),
        ["UTC"],
        3.5,
        True,
    ],
    ids=ascii,
)
def test_what_is_no_zone_is_refused(zone: Any) -> None:
    with pytest.raises(ScheduleError) as caught:
        Cron("0 9 * * *", tz=zone)
    assert caught.value.field == "tz"


class Localizing(Odd):
    """What pytz makes: a zone that must not be attached to a reading."""

    zone = "Europe/Paris"

    def localize(self, reading: datetime) -> datetime:
        return reading

    def normalize(self, moment: datetime) -> datetime:
        return moment


def test_a_pytz_zone_is_refused_with_the_remedy() -> None:
    with pytest.raises(ScheduleError, match="ZoneInfo"):
        Cron("0 9 * * *", tz=Localizing())


@pytest.mark.parametrize("seed", [5, b"x", object(), ["a"]])
def test_a_seed_is_text(seed: Any) -> None:
    with pytest.raises(ScheduleError):
        Cron("H 9 * * *", seed=seed)


@pytest.mark.parametrize(
    "given_value",
    [
        None,
        [],
        "cron",
        5,
        {},
        {"type": "cron"},
        {"type": "nothing"},
        {"kind": "cron", "text": None},
        {"type": ["cron"]},
    ],
    ids=repr,
)
def test_what_is_no_json_form_is_refused(given_value: Any) -> None:
    with pytest.raises(ScheduleError):
        schedule_from_json(given_value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200)
@given(st.sampled_from(["cron", "every", "calendar", "at"]), st.data())
def test_a_mangled_json_form_is_a_schedule_or_a_schedule_error(which: str, data: st.DataObject) -> None:
    forms = {
        "cron": Cron("H 9 * * MON", tz="UTC", seed="x").to_json(),
        "every": Every("1h", start=datetime(2024, 1, 1, tzinfo=UTC)).to_json(),
        "calendar": CalendarInterval(weeks=2, at="09:00", start="2024-01-01", tz="UTC").to_json(),
        "at": At("2027-01-01T09:00Z").to_json(),
    }
    form = dict(forms[which])
    for key in data.draw(st.lists(st.sampled_from(sorted(form)), min_size=1, max_size=2)):
        if data.draw(st.booleans()):
            form[key] = data.draw(JSON)
        else:
            form.pop(key, None)
    with suppress(ScheduleError):
        schedule_from_json(form)


class Broken(Odd):
    """A zone that fails."""

    def utcoffset(self, moment: datetime | None) -> None:
        raise RuntimeError("no offset today")


BROKEN = datetime(2027, 1, 1, tzinfo=Broken())
LOCAL = Cron("0 9 * * *", tz="Europe/Paris")


@pytest.mark.parametrize(
    "use",
    [
        lambda: Cron("0 9 * * *", tz=Broken()),
        lambda: LOCAL.next(BROKEN),
        lambda: LOCAL.previous(BROKEN),
        lambda: LOCAL.lint(BROKEN),
        lambda: LOCAL.count(BROKEN, BROKEN),
        lambda: Cron("0 9 * * *").next(BROKEN),
        lambda: Cron("0 9 * * *", tz="UTC", start=BROKEN),
        lambda: Every("5m").next(BROKEN),
        lambda: At(BROKEN),
        lambda: At("2027-01-01T00:00").next(BROKEN),
        lambda: CalendarInterval(days=1, start=BROKEN),
    ],
)
def test_a_tzinfo_that_fails_is_refused(use: Any) -> None:
    with pytest.raises(ScheduleError):
        use()


@pytest.mark.parametrize("after", ["tomorrow", 5, [], datetime(2027, 1, 1)], ids=repr)
def test_lint_refuses_what_next_refuses(after: Any) -> None:
    with pytest.raises(ScheduleError, match="after"):
        LOCAL.lint(after)


@pytest.mark.parametrize("number", [10**5000, -(10**5000)], ids=["huge", "hugely negative"])
def test_numbers_too_long_to_be_written_are_refused_all_the_same(number: int) -> None:
    readers: list[Any] = [Every, parse_schedule, lambda n: CalendarInterval(days=n, start="2027-01-01")]
    for read in readers:
        with pytest.raises(ScheduleError):
            read(number)
    with pytest.raises((ScheduleError, SearchLimitError)):
        LOCAL.upcoming(number)


def test_a_zone_and_its_refusals_in_a_subclass_of_str_are_read_as_text() -> None:
    class Mute(str):
        __slots__ = ()

        def index(self, *_: object) -> int:
            raise RuntimeError("index")

        def __format__(self, _: str) -> str:
            raise RuntimeError("format")

        def __repr__(self) -> str:
            raise RuntimeError("repr")

    assert repr(Cron("H 9 * * *", tz=Mute("UTC"), seed=Mute("a"))) == "Cron('H 9 * * *', tz='UTC', seed='a')"
    with pytest.raises(ScheduleError, match=r"column 9"):
        Cron(Mute("CRON_TZ=Nowhere 0 9 * * *"))
    with pytest.raises(ScheduleError, match="dialect"):
        Cron("0 9 * * *", dialect=Mute("perl"))


def test_the_instants_of_a_json_form_are_a_list() -> None:
    with pytest.raises(ScheduleError, match="list"):
        schedule_from_json({"type": "at", "at": "2027-01-01T09:00Z" * 1_000_000})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1-2-3 * * * *", "more than a range"),
        ("0 0 * * MON-TUE-WED", "more than a range"),
        ("0 0 * * FRI#-1", "write FRIL"),
        ("0 0 * * TUE#", "which weekday"),
        ("0 0 * * 8", "from 0 to 7"),
        ("0 0 0 1 1 * 2030-2027", "write 2027-2030"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_a_fix_that_works(text: str, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        Cron(text)
