"""What a function is to the one that has its name: the same, a newer version, or another one."""

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cronkit.jobs.likeness import Likeness, likeness

OTHER, NEWER, SAME = Likeness.OTHER, Likeness.NEWER, Likeness.SAME


def noisy(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that forgets ``functools.wraps``."""
    calls = []

    def wrapper(*args: Any) -> Any:
        calls.append(args)
        return function(*args)

    return wrapper


def polite(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def answering(value: Any) -> Callable[[], Any]:
    def answer() -> Any:
        return value

    return answer


def counting(start: int) -> Callable[[], int]:
    def count(since: int = start, *, step: int = start) -> int:
        return since + step

    return count


def itself(value: Any) -> Callable[[int], Any]:
    def again(n: int) -> Any:
        return again(n - 1) if n else value

    return again


class Desk:
    def work(self) -> None: ...


def first() -> None: ...
def second() -> None: ...


def cell(text: str, **names: Any) -> Callable[..., Any]:
    """The function ``job`` of a cell that is run: a new text, and new code."""
    namespace: dict[str, Any] = {"__name__": "__main__", **names}
    exec(text, namespace)
    job: Callable[..., Any] = namespace["job"]
    return job


def cells(text: str, **names: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The function of a cell that is run twice."""
    return cell(text, **names), cell(text, **names)


desk = Desk()
EQUALS = {
    "itself": (first, first),
    "a method of one object": (desk.work, desk.work),
    "a partial with the same arguments": (functools.partial(print, 1, end=""), functools.partial(print, 1, end="")),
    "a closure over the same value": (answering(desk), answering(desk)),
    "a closure over an equal constant": (answering(10**9), answering(10**9)),
    "a closure over itself": (itself(1), itself(1)),
    "a closure over the same function": (answering(first), answering(first)),
}
NEW = {
    "a cell run again": cells("def job(): ..."),
    "a cell in which the function was decorated since": (
        cell("def job(): ..."),
        cell("@decorator\ndef job(): ...", decorator=polite),
    ),
    "a cell whose decorator forgets functools.wraps": cells("@decorator\ndef job(): ...", decorator=noisy),
    "a cell whose decorator wraps": cells("@decorator\ndef job(): ...", decorator=polite),
    "a cell with other arguments": (
        functools.partial(cell("def job(n): ..."), 1),
        functools.partial(cell("def job(n): ..."), 2),
    ),
    "a partial over a cell's function": tuple(map(functools.partial, cells("def job(): ..."))),
}
OTHERS = {
    "another function": (first, second),
    "a closure over another value": (answering(1), answering(2)),
    "a closure over another list": (answering([]), answering([])),
    "a closure over a true one": (answering(1), answering(True)),
    "a closure over another function": (answering(first), answering(second)),
    "other defaults": (counting(1), counting(2)),
    "a closure over itself and another value": (itself(1), itself(2)),
    "another wrapper of one decorator": (noisy(first), noisy(second)),
    "a method of another object": (Desk().work, Desk().work),
    "a partial with another argument": (functools.partial(print, 1), functools.partial(print, 2)),
    "a partial with another keyword": (functools.partial(print, end=""), functools.partial(print, sep="")),
    "a partial of it": (first, functools.partial(first)),
    "a wrapper of it": (first, polite(first)),
}


@pytest.mark.parametrize("pair", EQUALS.values(), ids=EQUALS)
def test_one_piece_of_code_over_the_same_values_is_the_same_function(pair: tuple[Any, Any]) -> None:
    assert likeness(*pair) is SAME


@pytest.mark.parametrize("pair", NEW.values(), ids=NEW)
def test_other_code_from_the_same_place_is_a_newer_version(pair: tuple[Any, Any]) -> None:
    assert likeness(*pair) is NEWER


@pytest.mark.parametrize("pair", OTHERS.values(), ids=OTHERS)
def test_what_has_another_origin_or_other_values_is_another_function(pair: tuple[Any, Any]) -> None:
    assert likeness(*pair) is OTHER


def test_one_text_run_in_another_namespace_is_a_newer_version() -> None:
    text = compile("def job(): ...", "<cell>", "exec")
    namespaces: list[dict[str, Any]] = [{"__name__": "__main__"}, {"__name__": "__main__"}]
    for namespace in namespaces:
        exec(text, namespace)
    assert likeness(namespaces[0]["job"], namespaces[1]["job"]) is NEWER


def test_two_definitions_in_the_text_that_is_being_run_are_two_functions() -> None:
    def job() -> None: ...

    known = job

    def job() -> None: ...  # type: ignore[no-redef]

    assert likeness(known, job) is OTHER


def test_two_lambdas_on_one_line_are_two_functions() -> None:
    assert likeness(*((lambda: 1), (lambda: 2))) is OTHER


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a module that can be imported."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # an edit within the second would not be noticed
    yield tmp_path / "some_jobs.py"
    sys.modules.pop("some_jobs", None)


DECORATED = """
from tests.jobs.test_likeness import seen
@seen
def job(): ...
"""
found: list[Any] = []


def seen(function: Any) -> Any:
    """Compare a function with the one seen before, while the module that defines it is being run."""
    found.append((likeness(found[-1][1], function) if found else None, function))
    return function


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    found.clear()


@pytest.mark.parametrize("moved", ["", "# a line more\n"], ids=["unchanged", "edited"])
def test_a_module_that_is_reloaded_defines_newer_versions(module: Path, moved: str) -> None:
    module.write_text(DECORATED)
    loaded = importlib.import_module("some_jobs")
    module.write_text(moved + DECORATED)
    importlib.reload(loaded)
    assert [like for like, _ in found] == [None, NEWER]


def test_a_module_that_defines_a_name_twice_defines_two_functions(module: Path) -> None:
    module.write_text(DECORATED + DECORATED)
    importlib.import_module("some_jobs")
    assert [like for like, _ in found] == [None, OTHER]
