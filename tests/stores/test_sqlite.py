"""The SQLite store: the conformance suite."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from cronkit.stores import JobStore
from cronkit.stores.sqlite import SQLiteStore
from cronkit.testing.store_suite import StoreSuite


class TestSQLiteStore(StoreSuite):
    examples = 50

    @pytest.fixture
    def new_store(self, tmp_path: Path) -> Callable[[], JobStore]:
        numbers = itertools.count()
        return lambda: SQLiteStore(tmp_path / f"{next(numbers)}.db", standby="0s")

    @pytest.fixture
    def connect(self, store: SQLiteStore) -> Callable[[], JobStore]:
        return lambda: SQLiteStore(store.path, standby="0s")
