"""The memory store: the conformance suite, and what is its own."""

from collections.abc import Callable

import pytest

from cronkit.stores import JobStore, MemoryStore
from cronkit.testing.store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def new_store(self) -> Callable[[], JobStore]:
        return MemoryStore
