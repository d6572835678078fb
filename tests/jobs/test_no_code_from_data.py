"""No code comes from data: rows that were changed in any way import nothing, run nothing and harm nobody.

tests/test_project.py keeps pickle, eval and their kin out of the sources; here is the one place that may import by a
name, and what rows do whose text somebody or something has changed.
"""

import ast
import importlib.abc
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from importlib.machinery import ModuleSpec
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from cronkit.errors import UnreadableError
from cronkit.jobs.codec import decode_value, encode_value
from cronkit.jobs.documents import pause_from_text, pause_to_text, spec_from_text, spec_to_text
from cronkit.jobs.job import JobSpec, Pause
from cronkit.jobs.policies import Missed, OnCrash, Overlap, Policies, Retry
from cronkit.schedules import At, CalendarInterval, Cron, Every, Manual
from tests.jobs.values import Access, Colour, Order, Point

SOURCE = Path(__file__).parent.parent.parent / "src"

ROWS = 100_000

# The sources

IMPORTERS = {"importlib", "imp", "pydoc", "runpy", "zipimport"}


def importing_modules(tree: ast.AST) -> set[str]:
    """What a source uses of the modules that import others by a name."""
    named = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.Attribute) and node.attr in ("__loader__", "__spec__", "__import__"):
            named.add("importlib")
    return named & IMPORTERS


def test_only_the_module_for_it_imports_by_a_name() -> None:
    users = [path for path in SOURCE.rglob("*.py") if importing_modules(ast.parse(path.read_text("utf-8")))]
    assert [str(path.relative_to(SOURCE)) for path in users] == ["cronkit/jobs/importing.py"]


@pytest.mark.parametrize(
    "code", ["import importlib", "import importlib.util as u", "from runpy import run_path", "f.__loader__.load()"]
)
def test_the_source_check_finds_each_way_to_import_by_a_name(code: str) -> None:
    assert importing_modules(ast.parse(code))


# The rows


VALUE = {
    "text": 'a "quoted" \ud83d\ude00 $date 😀',
    "numbers": [0, -1, 2**70, 2**3000, 1.5, -0.0, float("nan"), float("-inf"), True, None],
    "times": [
        datetime(2027, 10, 31, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1),
        datetime(2027, 1, 1, tzinfo=UTC),
        datetime(2027, 1, 1),
        time(9, 30),
        date(2027, 1, 1),
        timedelta(days=-1, seconds=5),
    ],
    "others": (Decimal("-1.50"), UUID(int=5), b"\x00bytes", {1, 2}, frozenset({"a", ("b",)}), {1: {"$date": 2}}),
    "own": [Colour.RED, Access.READ | Access.WRITE, Point(1, Point("os.system", "os:system")), Order(id="a")],
}

PLAIN = JobSpec(id="job", target="myapp.tasks:send", schedule=Every("5m"), executor="default")
FULL = replace(
    PLAIN,
    schedule=Cron("H 2-5/2 L * MON#1", tz="America/New_York", seed="job"),
    args=(1, "two", (3,)),
    kwargs={"when": datetime(2027, 1, 1, tzinfo=UTC), "colour": Colour.GREEN},
    policies=Policies(
        missed=Missed.all(limit=5),
        overlap=Overlap.QUEUE,
        retry=Retry(attempts=3, delay="5s", backoff=2),
        on_crash=OnCrash.HOLD,
        timeout=timedelta(seconds=90),
        jitter=timedelta(seconds=5),
        max_runs=7,
    ),
    name="Nightly",
    tags=frozenset({"etl", "db"}),
)
INTERVAL = CalendarInterval(weeks=2, at="09:00", start="2027-01-04", tz="Europe/London")
SPECS = [
    PLAIN,
    FULL,
    replace(PLAIN, schedule=At("2027-01-01T09:00+01:00")),
    replace(PLAIN, schedule=Manual(), metadata={"of": "somebody"}),
    replace(PLAIN, schedule=INTERVAL),
]
PAUSE = Pause(since=datetime(2027, 1, 1, tzinfo=UTC), until=datetime(2027, 2, 1, tzinfo=UTC), reason="migration")

READERS: list[tuple[Callable[[str], Any], list[str]]] = [
    (decode_value, [encode_value(VALUE), *(encode_value(part) for part in VALUE.values())]),
    (spec_from_text, [spec_to_text(spec) for spec in SPECS]),
    (pause_from_text, [pause_to_text(PAUSE)]),
]

NAMES = ["os", "os.system", "os:system", "builtins.eval", "__import__", "tests.Point", "tests.Colour", "cron", "Mars/X"]
PIECES = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    "null",
    "1e999",
    "-",
    "9" * 30,
    "NaN",
    '{"$tuple":[',
    "\ud800",
    "\x00",
]
SCALARS = [*NAMES, None, True, 0, -1, 10**30, 1e999, 0.5, "", "-5s", "nan", "2027-01-01T00:00:00", [], {}, [[]]]
TAGS = ["int", "float", "str", "tuple", "set", "frozenset", "dict", "datetime", "time", "date", "timedelta", "decimal"]
TAGS = [f"${tag}" for tag in (*TAGS, "uuid", "bytes", "enum", "dataclass", "new")]


def damaged(random: Random, text: str, other: str) -> str:
    """A text with some of its characters gone, doubled, exchanged, or from another row."""
    for _ in range(random.choice((1, 1, 2, 3))):
        a = random.randrange(len(text) + 1)
        b = min(len(text), a + random.choice((0, 1, 1, 2, 8, 40)))
        c = random.randrange(len(other))
        match random.randrange(6):
            case 0:
                text = text[:a] + chr(random.randrange(128)) + text[a + 1 :]
            case 1:
                text = text[:a] + text[b:]
            case 2:
                text = text[:b] + text[a:]
            case 3:
                text = text[:a] + random.choice(PIECES) + text[b:]
            case 4:
                text = text[:a] + other[c : c + random.choice((1, 8, 40))] + text[b:]
            case _:
                text = text[:b]
    return text


def grafted(random: Random, text: str, other: str) -> str:
    """A text that is JSON still, with one of its values, names or tags exchanged."""
    document = json.loads(text)
    places = list(walk(document))
    if not places:
        return other
    container, key = random.choice(places)
    match random.randrange(4):
        case 0:
            container[key] = random.choice(SCALARS)
        case 1:
            container[key] = {random.choice(TAGS): container[key]}
        case 2 if isinstance(container, dict):
            container[random.choice(NAMES + TAGS)] = container.pop(key)
        case _:
            donors = list(walk(json.loads(other)))
            donor, part = random.choice(donors) if donors else (SCALARS, 0)
            container[key] = donor[part]
    return json.dumps(document)


def walk(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON document: a container, and the index or name of something in it."""
    if isinstance(document, (list, dict)):
        for key in range(len(document)) if isinstance(document, list) else document:
            yield document, key
            yield from walk(document[key])


def changed_rows(count: int, seed: int) -> Iterator[tuple[Callable[[str], Any], str]]:
    random = Random(seed)
    rows = [text for _, texts in READERS for text in texts]
    for number in range(count):
        reader, texts = READERS[number % len(READERS)]
        change = random.choice((damaged, grafted))
        yield reader, change(random, random.choice(texts), random.choice(rows))


class Gate(importlib.abc.MetaPathFinder):
    """Notes every module that somebody wants to import."""

    def __init__(self) -> None:
        self.wanted: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        # The standard library looks for the zones that it does not know in the data of the tzdata package.
        if not f"{fullname}.".startswith("tzdata."):
            self.wanted.append(fullname)
        return None


@pytest.fixture
def gate() -> Iterator[Gate]:
    found = Gate()
    with pytest.raises(UnreadableError):  # what Python itself imports when it first looks for a zone in vain
        decode_value('{"$datetime":["2027-01-01","Europe/Olympus",0]}')
    sys.meta_path.insert(0, found)
    yield found
    sys.meta_path.remove(found)


def test_a_hundred_thousand_changed_rows_import_nothing_and_give_a_value_or_a_reason(gate: Gate) -> None:
    modules = {name for name in sys.modules if not name.startswith("tzdata")}
    found: Counter[str] = Counter()
    for reader, text in changed_rows(ROWS, seed=4):
        try:
            reader(text)
        except UnreadableError:
            found["refused"] += 1
        except Exception as error:
            pytest.fail(f"{reader.__name__}({text!r}) raised {error!r}")
        else:
            found["read"] += 1
    assert gate.wanted == []
    assert {name for name in sys.modules if not name.startswith("tzdata")} == modules
    assert min(found["read"], found["refused"]) > ROWS // 10, found


def test_the_gate_sees_what_is_imported(gate: Gate) -> None:
    with pytest.raises(ImportError):
        __import__("no_such_module")
    assert gate.wanted == ["no_such_module"]


def test_the_rows_that_are_changed_can_be_read_as_they_are() -> None:
    for reader, texts in READERS:
        for text in texts:
            reader(text)


@pytest.mark.parametrize(
    "payload",
    [
        {"$dataclass": ["os.system", {"command": "true"}]},
        {"$dataclass": ["subprocess.Popen", {"args": ["true"]}]},
        {"$dataclass": ["builtins.eval", {"source": "1"}]},
        {"$enum": ["os.environ", "HOME"]},
        {"$enum": ["tests.Colour", "__class__"]},
        {"$enum": ["tests.Colour", "mro"]},
        {"$object": "os.system"},
        {"py/object": "os.system", "$type": 1, "$object": []},
        {"__reduce__": ["os.system", ["true"]]},
    ],
)
def test_a_row_that_names_code_gives_a_plain_dict_or_a_reason(payload: dict[str, Any], gate: Gate) -> None:
    try:
        assert decode_value(json.dumps(payload)) == payload
    except UnreadableError:
        assert len(payload) == 1
    assert gate.wanted == []
