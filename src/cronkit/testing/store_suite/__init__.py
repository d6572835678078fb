"""The conformance suite for stores: subclass ``StoreSuite`` in a test module and supply one fixture.

::

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def new_store(self, tmp_path):
            numbers = itertools.count()
            return lambda: MyStore(tmp_path / f"{next(numbers)}.db")

Needs pytest and hypothesis. Every test passes its own times, so a store of any speed suits; no test sleeps.
"""

import pkgutil

import pytest

# Before their import, so that a failing test shows the values it compared.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))

from cronkit.testing.store_suite.attempts import ClaimSuite, FinishSuite  # noqa: E402
from cronkit.testing.store_suite.ends import EndsSuite  # noqa: E402
from cronkit.testing.store_suite.held import ReleaseSuite, VacateSuite  # noqa: E402
from cronkit.testing.store_suite.job_table import JobTableSuite  # noqa: E402
from cronkit.testing.store_suite.leases import CancelSuite, LeaseSuite  # noqa: E402
from cronkit.testing.store_suite.ledger import LedgerSuite, ReopeningSuite  # noqa: E402
from cronkit.testing.store_suite.lives import RemovedSuite, RenameSuite  # noqa: E402
from cronkit.testing.store_suite.machine import ModelSuite  # noqa: E402
from cronkit.testing.store_suite.occurrences import ClaimDueSuite, DueSuite  # noqa: E402
from cronkit.testing.store_suite.overlap import OverlapSuite  # noqa: E402
from cronkit.testing.store_suite.race import RaceSuite  # noqa: E402
from cronkit.testing.store_suite.waking import NextWakeSuite, SubscriptionSuite  # noqa: E402

__all__ = ["StoreSuite"]


class StoreSuite(
    JobTableSuite,
    RenameSuite,
    RemovedSuite,
    DueSuite,
    ClaimDueSuite,
    OverlapSuite,
    ClaimSuite,
    FinishSuite,
    EndsSuite,
    CancelSuite,
    LeaseSuite,
    ReleaseSuite,
    VacateSuite,
    NextWakeSuite,
    SubscriptionSuite,
    LedgerSuite,
    ReopeningSuite,
    RaceSuite,
    ModelSuite,
):
    """Everything that a ``JobStore`` promises.

    Supply the fixture ``new_store``: a function that makes an empty store each time it is called. For a store whose
    content outlives the object or is shared, supply ``connect`` as well: a function that makes another object on the
    content of the fixture ``store``.
    """
