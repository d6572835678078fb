"""Whatever is given, a schedule is either made or refused with ScheduleError: nothing else, and at once."""

from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronkit.errors import ScheduleError
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
