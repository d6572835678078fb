"""Query plans: whatever the size of the tables, no statement walks through jobs or runs, and none sorts them."""

import importlib
import pkgutil
import re
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import cronkit.stores.sqlite as package
from cronkit.stores.sqlite import SQLiteStore

STATEMENT = re.compile(r"\s*(SELECT|UPDATE|DELETE|WITH|INSERT)\b")
WALK = re.compile(r"SCAN (?!CONSTANT|wanted|known|json_each|names|nodes|spans|sqlite_sequence)|ORDER BY")
"""What may be walked through: what was handed in, and tables of a few rows (a row of ``spans`` stands for 1,024 runs).
"""


def statements() -> Iterator[tuple[str, str]]:
    """Every statement of the package, by its name."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name == "schema":
            continue
        for name, value in vars(importlib.import_module(f"{package.__name__}.{module.name}")).items():
            texts = list(value.values()) if isinstance(value, Mapping) and name == "COUNT" else [value]
            for text in texts:
                if isinstance(text, str) and STATEMENT.match(text):
                    yield f"{module.name}.{name}", text


ALL = dict(statements())


def plan(path: Path, statement: str) -> list[str]:
    """The steps of a statement, as SQLite describes them."""
    names = re.findall(r":(\w+)", statement)
    values = dict.fromkeys(names) if names else [None] * statement.count("?")
    connection = sqlite3.connect(path)
    try:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    finally:
        connection.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = SQLiteStore(tmp_path_factory.mktemp("plans") / "jobs.db")
    store.open()
    store.close()
    return store.path


@pytest.mark.parametrize("name", sorted(ALL))
def test_no_statement_walks_through_jobs_or_runs_or_sorts_them(name: str, path: Path) -> None:
    assert [step for step in plan(path, ALL[name]) if WALK.search(step)] == []


def test_a_statement_without_an_index_is_found_out(path: Path) -> None:
    statement = "SELECT id FROM runs WHERE reason = ? ORDER BY due_at"
    assert len([step for step in plan(path, statement) if WALK.search(step)]) == 2


def test_the_statements_are_found() -> None:
    assert {"queue.DUE", "claims.READY", "ledger.OF_NAMESPACE", "births.INSERT_RUN"} <= ALL.keys()
    assert len(ALL) > 60


def test_the_names_of_targets_are_skipped_through_in_an_index(path: Path) -> None:
    searches = [step for step in plan(path, ALL["job_table.TARGETS"]) if step.startswith("SEARCH")]

    assert searches == [
        "SEARCH jobs USING INDEX jobs_by_target (namespace=?)",
        "SEARCH jobs USING INDEX jobs_by_target (namespace=? AND target>?)",
    ]
