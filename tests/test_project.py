"""Laws of the project as a whole: what it exports, imports, ships and never contains."""

import ast
import builtins
import fnmatch
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import cronkit
from cronkit import errors

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))

TOP_LEVEL = {
    ".ci",
    ".editorconfig",
    ".gitignore",
    ".pre-commit-config.yaml",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "benchmarks",
    "docs",
    "examples",
    "pyproject.toml",
    "src",
    "tests",
}


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def top_level() -> list[Path]:
    """The project's own entries: what version control is not told to ignore."""
    ignored = [".git", *(line.strip("/") for line in (ROOT / ".gitignore").read_text("utf-8").split())]
    return [path for path in sorted(ROOT.iterdir()) if not any(fnmatch.fnmatch(path.name, name) for name in ignored)]


def project_files() -> Iterator[Path]:
    for entry in top_level():
        for path in [entry] if entry.is_file() else sorted(entry.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


# What cronkit exports


def test_every_exported_name_can_be_imported() -> None:
    missing = [name for name in cronkit.__all__ if not hasattr(cronkit, name)]
    assert missing == []


def test_exported_names_are_sorted_and_unique() -> None:
    assert list(cronkit.__all__) == sorted(set(cronkit.__all__))


def test_no_public_name_is_left_out_of_all() -> None:
    public = {name for name, value in vars(cronkit).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert public - set(cronkit.__all__) == set()


def test_dir_shows_every_exported_name() -> None:
    assert set(cronkit.__all__) - set(dir(cronkit)) == set()


def test_every_error_is_exported() -> None:
    assert set(errors.__all__) - set(cronkit.__all__) == set()


def own_classes(annotation: object) -> Iterator[type]:
    """The classes of cronkit's own that an annotation names."""
    if inspect.isclass(annotation) and annotation.__module__.startswith("cronkit."):
        yield annotation
    for part in (get_origin(annotation), *get_args(annotation)):
        if part is not None:
            yield from own_classes(part)


@pytest.mark.parametrize(
    "kind",
    [
        *(cronkit.Scheduler, cronkit.RunHandle, cronkit.Ledger, cronkit.Job),
        *(cronkit.AsyncScheduler, cronkit.AsyncRunHandle, cronkit.AsyncLedger),
    ],
)
def test_what_a_public_verb_returns_can_be_imported_by_name(kind: type) -> None:
    members = [value for name, value in inspect.getmembers(kind) if not name.startswith("_")]
    verbs = [each.fget if isinstance(each, property) else each for each in members]
    hints = [get_type_hints(verb).get("return") for verb in verbs if inspect.isfunction(verb)]
    returned = {found.__name__ for hint in hints for found in own_classes(hint)}
    assert returned
    assert returned - set(cronkit.__all__) == set()


@pytest.mark.parametrize("kind", [cronkit.Job, cronkit.JobSpec, cronkit.Run, cronkit.Policies, cronkit.Revision])
def test_what_is_read_of_a_job_or_a_run_can_be_imported_by_name(kind: type) -> None:
    held = {found.__name__ for hint in get_type_hints(kind).values() for found in own_classes(hint)}
    assert held
    assert held - set(cronkit.__all__) == set()


def test_the_version_is_that_of_the_installed_package() -> None:
    assert cronkit.__version__ == version("cronkit")


def test_the_testing_extra_brings_what_the_suites_import() -> None:
    trees = [ast.parse(path.read_text("utf-8")) for path in SOURCES if "testing" in path.parts]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    outside = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"cronkit"}

    described: dict[str, Any] = project()
    brought = [*described["dependencies"], *described["optional-dependencies"]["testing"]]
    assert outside <= {re.split(r"\W", requirement)[0] for requirement in brought}


# What importing it costs


@pytest.mark.parametrize(
    "module",
    [
        *("asyncio", "sqlite3", "trio", "multiprocessing"),
        *("psycopg", "psycopg_pool", "pymysql", "redis", "boto3", "celery", "dask", "rq", "fastapi", "flask"),
    ],
)
def test_importing_cronkit_leaves_heavy_modules_alone(module: str) -> None:
    assert module not in modules_after("import cronkit")


def modules_after(statement: str) -> frozenset[str]:
    if statement not in _seen:
        program = f"import sys\n{statement}\nprint(*sys.modules)"
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        _seen[statement] = frozenset(ran.stdout.split())
    return _seen[statement]


_seen: dict[str, frozenset[str]] = {}


def test_the_import_check_sees_what_is_imported() -> None:
    assert "sqlite3" in modules_after("import cronkit, sqlite3")


# What the code never does

UNSAFE_MODULES = {"cPickle", "cloudpickle", "dill", "jsonpickle", "marshal", "pickle", "shelve"}
UNSAFE_BUILTINS = {"__import__", "compile", "eval", "exec"}


def unsafe_uses(tree: ast.AST) -> list[str]:
    """Each place where the code would build objects or code from text or bytes that it was handed."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                used = {alias.name.partition(".")[0] for alias in names} & UNSAFE_MODULES
            case ast.ImportFrom(module=str(module)):
                used = {module.partition(".")[0]} & UNSAFE_MODULES
            case ast.Name(id=name):
                used = {name} & UNSAFE_BUILTINS
            case ast.Attribute(value=ast.Name(id="builtins" | "__builtins__"), attr=name):
                used = {name} & UNSAFE_BUILTINS
            case ast.Constant(value=str(text)):
                used = {text} & UNSAFE_MODULES
            case _:
                continue
        found += [f"line {node.lineno}: {name}" for name in used]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_no_source_builds_objects_from_untrusted_text(path: Path) -> None:
    assert unsafe_uses(ast.parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import os, marshal as m",
        "from pickle import loads",
        "def f():\n    return eval('1')",
        "f = exec",
        "import builtins\nbuiltins.eval('1')",
        "__import__('os')",
        "importlib.import_module('pickle')",
    ],
)
def test_the_source_check_finds_each_unsafe_use(code: str) -> None:
    assert len(unsafe_uses(ast.parse(code))) == 1


# What the project ships


def test_the_top_level_holds_only_what_a_reader_expects() -> None:
    assert {path.name for path in top_level()} - TOP_LEVEL == set()


def test_no_file_names_a_package_registry() -> None:
    addresses = [f"{host}.{domain}".encode() for host, domain in (("pypi", "org"), ("pythonhosted", "org"))]
    addresses += [b"--" + option for option in (b"index-url", b"extra-index-url", b"find-links")]
    named = [str(path.relative_to(ROOT)) for path in project_files() if any(a in path.read_bytes() for a in addresses)]
    assert named == []


def test_anyio_and_tzdata_are_the_only_runtime_dependencies() -> None:
    names = {re.match(r"[\w-]+", requirement)[0] for requirement in project()["dependencies"]}
    assert names == {"anyio", "tzdata"}


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "src/cronkit/py.typed").is_file()


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


# The tree of errors

TREE = dict(re.findall(r"[├└]── (\w+)(?: \((\w+)\))?", errors.__doc__ or ""))
CLASSES = {name: value for name, value in vars(errors).items() if inspect.isclass(value)}


def test_the_error_tree_in_the_docstring_names_every_error_and_no_other() -> None:
    assert set(TREE) == set(CLASSES) - {"CronkitError"}


def test_the_error_module_exports_every_error_sorted() -> None:
    assert errors.__all__ == sorted(CLASSES)


@pytest.mark.parametrize("name", sorted(TREE))
def test_each_error_inherits_the_root_and_the_builtin_that_the_tree_names(name: str) -> None:
    assert issubclass(CLASSES[name], errors.CronkitError)
    assert issubclass(CLASSES[name], getattr(builtins, TREE[name]))


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_error_says_what_it_is(name: str) -> None:
    assert name.endswith("Error")
    assert inspect.getdoc(CLASSES[name]) is not None
    assert CLASSES[name].__doc__
