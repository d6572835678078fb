"""Import paths: only what the application allows is imported, and only its own functions are taken."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cronkit.errors import ConfigurationError
from cronkit.jobs.importing import Importable

TASKS = """
import functools
import os
from os.path import join
from shop_private import secret
import shop.mail
from shop.mail import deliver

def send(n=0): return n
async def send_later(): ...
def _hidden(): ...
wrapped = functools.wraps(send)(lambda *args: send(*args))
cached = functools.lru_cache(send)
bound = functools.partial(send, 1)
disguised = functools.wraps(join)(lambda *args: join(*args))
system = functools.wraps(os.system)(lambda *args: os.system(*args))
disguised.__module__ = system.__module__ = __name__
number = 5
anonymous = lambda: 1
def loud(): ...
loud.__module__ = None

class Mailer:
    os = os
    def send(self): ...
    @staticmethod
    def send_static(): return "static"
    @classmethod
    def send_class(cls): return cls.__name__
    def __call__(self): ...

mailer = Mailer()

def __getattr__(name):
    if name == "lazy":
        raise RuntimeError("not today")
    raise AttributeError(name)
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package ``shop`` with modules, and modules beside it whose import would be noticed."""
    files = {
        "shop/__init__.py": "",
        "shop/tasks.py": TASKS,
        "shop/mail.py": "def deliver(): return 'delivered'",
        "shop/_inner.py": "def send(): ...",
        "shop/__main__.py": "raise AssertionError('started')",
        "shop/broken.py": "raise ZeroDivisionError('at import')",
        "shop/leaves.py": "raise SystemExit(3)",
        "shopping.py": "def send(): ...",
        "shop_private.py": "def secret(): ...",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("shop", "shopping", "shop_private")]:
        del sys.modules[name]


def refusal(path: Any, *prefixes: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        Importable(prefixes or ("shop.tasks",)).resolve(path)
    return str(refused.value)


# What is taken


@pytest.mark.parametrize("prefix", ["shop", "shop.tasks"])
def test_a_function_under_a_prefix_is_found(prefix: str) -> None:
    assert Importable([prefix]).resolve("shop.tasks:send")(5) == 5


@pytest.mark.parametrize("name", ["send_later", "wrapped", "cached", "anonymous", "Mailer.send", "mailer.send"])
def test_functions_of_every_make_are_found(name: str) -> None:
    assert callable(Importable(["shop.tasks"]).resolve(f"shop.tasks:{name}"))


def test_functions_of_a_class_are_found() -> None:
    importable = Importable(["shop.tasks"])
    assert importable.resolve("shop.tasks:Mailer.send_static")() == "static"
    assert importable.resolve("shop.tasks:Mailer.send_class")() == "Mailer"


def test_a_function_imported_from_another_allowed_module_is_found() -> None:
    assert Importable(["shop"]).resolve("shop.tasks:deliver")() == "delivered"


def test_a_private_module_is_allowed_where_the_application_spells_it_out() -> None:
    assert callable(Importable(["shop._inner"]).resolve("shop._inner:send"))


# What is refused before anything is imported


@pytest.mark.parametrize(
    "path",
    [
        "os:system",
        "shopping:send",
        "shop_private:secret",
        "shop:send",
        "shop.tasksx:send",
        "shop.mail:deliver",
        "shop.tasks._inner:send",
        "shop.tasks.__main__:send",
        "shop.tasks:_hidden",
        "shop.tasks:__getattr__",
        "shop.tasks:send.__globals__",
        "shop.tasks:Mailer.__subclasses__",
        "shop.tasks",
        "shop.tasks:",
        ":send",
        "",
        "shop.tasks:send()",
        "shop.tasks:a:b",
        "shop.tasks:send.",
        "shop..tasks:send",
        ".shop.tasks:send",
        "shop.tasks :send",
        "shop/tasks:send",
        "shop.tasks\x00:send",
    ],
)
def test_what_is_not_allowed_is_refused_before_any_import(path: str) -> None:
    before = set(sys.modules)
    assert refusal(path).startswith(f"target {path!r} cannot be imported: ")
    assert set(sys.modules) == before


def test_without_prefixes_nothing_is_importable() -> None:
    with pytest.raises(ConfigurationError, match=r"list it in Scheduler\(importable=...\), which has none yet"):
        Importable().resolve("shop.tasks:send")


def test_the_refusal_names_the_prefixes_there_are() -> None:
    assert "which has 'shop.tasks', 'web'" in refusal("os:system", "shop.tasks", "web")


# What is refused once the module is there


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("os.system", "os is a module"),
        ("shop.mail.deliver", "shop is a module"),
        ("join", "join is defined in posixpath, outside"),
        ("secret", "secret is defined in shop_private, outside"),
        ("deliver", "deliver is defined in shop.mail, outside"),
        ("Mailer.os", "os is a module"),
        ("Mailer.mro", "mro is defined in no module"),
        ("bound", "bound is defined in functools, outside"),
        ("disguised", "disguised is defined in posixpath, outside"),
        ("system", "system is no function"),
        ("loud", "loud is defined in no module"),
        ("number", "number is defined in no module"),
        ("Mailer", "Mailer is no function"),
        ("mailer", "mailer is no function"),
        ("gone", "there is no gone (AttributeError)"),
        ("lazy", "there is no lazy (RuntimeError)"),
    ],
)
def test_what_a_path_must_not_lead_to_or_through_is_refused(name: str, why: str) -> None:
    assert why in refusal(f"shop.tasks:{name}")


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("broken", "importing shop.broken raised ZeroDivisionError: at import"),
        ("leaves", "importing shop.leaves raised SystemExit: 3"),
        ("gone", "importing shop.gone raised ModuleNotFoundError"),
    ],
)
def test_a_module_that_cannot_be_imported_is_reported(module: str, why: str) -> None:
    assert why in refusal(f"shop.{module}:send", "shop")


# The prefixes


@pytest.mark.parametrize("prefix", ["", ".", "shop.", "shop tasks", "shop:tasks", "1", None, 5])
def test_a_prefix_is_the_dotted_name_of_a_module(prefix: Any) -> None:
    with pytest.raises(ConfigurationError, match="give the dotted name of a module"):
        Importable([prefix])


def test_one_text_is_no_list_of_prefixes() -> None:
    with pytest.raises(ConfigurationError, match="give a list"):
        Importable("shop")


@pytest.mark.parametrize(
    ("module", "covered"), [("a.b", True), ("a.b.c", True), ("a.bc", False), ("a", False), (None, False), (5, False)]
)
def test_a_prefix_covers_whole_components(module: object, covered: bool) -> None:
    assert Importable(["a.b"]).covers(module) is covered
