"""The SQLite store: the conformance suite."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cronkit.stores import JobStore
from cronkit.stores.sqlite import SQLiteStore
from cronkit.testing.store_suite import StoreSuite
from cronkit.testing.store_suite.attempts import ClaimSuite, FinishSuite
from cronkit.testing.store_suite.job_table import JobTableSuite
from cronkit.testing.store_suite.leases import CancelSuite, LeaseSuite
from cronkit.testing.store_suite.ledger import LedgerSuite
from cronkit.testing.store_suite.occurrences import ClaimDueSuite, DueSuite
from cronkit.testing.store_suite.overlap import OverlapSuite
from cronkit.testing.store_suite.waking import NextWakeSuite, SubscriptionSuite


class TestSQLiteStore(StoreSuite):
    examples = 50

    @pytest.fixture
    def new_store(self, tmp_path: Path) -> Callable[[], JobStore]:
        numbers = itertools.count()
        return lambda: SQLiteStore(tmp_path / f"{next(numbers)}.db", standby="0s")

    @pytest.fixture
    def connect(self, store: SQLiteStore) -> Iterator[Callable[[], JobStore]]:
        made: list[SQLiteStore] = []

        def connect() -> JobStore:
            made.append(SQLiteStore(store.path, standby="0s"))
            return made[-1]

        yield connect
        for each in made:
            each.close()


class TestSQLiteStoreThatStandsBy(
    JobTableSuite,
    DueSuite,
    ClaimDueSuite,
    OverlapSuite,
    ClaimSuite,
    FinishSuite,
    CancelSuite,
    LeaseSuite,
    NextWakeSuite,
    SubscriptionSuite,
    LedgerSuite,
):
    """What does not race, with the preference that a store has unless it is told otherwise."""

    @pytest.fixture
    def new_store(self, tmp_path: Path) -> Callable[[], JobStore]:
        numbers = itertools.count()
        return lambda: SQLiteStore(tmp_path / f"{next(numbers)}.db")
