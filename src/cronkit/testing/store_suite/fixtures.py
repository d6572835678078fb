"""What a store's author supplies, and the fixtures that every part of the suite takes."""

from collections.abc import Callable, Iterator

import pytest

from cronkit.stores.protocol import JobStore
from cronkit.testing.store_suite.scene import Scene


class StoreFixtures:
    """The fixtures of the suite; ``new_store`` is the one to supply."""

    @pytest.fixture
    def new_store(self) -> Callable[[], JobStore]:
        """Makes a store without content, each time it is called."""
        raise NotImplementedError(
            "supply a fixture new_store that returns a function; each call of that makes an empty store"
        )

    @pytest.fixture
    def store(self, new_store: Callable[[], JobStore]) -> Iterator[JobStore]:
        """An open, empty store."""
        store = new_store()
        store.open()
        yield store
        store.close()

    @pytest.fixture
    def connect(self, store: JobStore) -> Callable[[], JobStore]:
        """Makes another object on the content of ``store``, as another node would; the same one, unless supplied."""
        return lambda: store

    @pytest.fixture
    def scene(self, store: JobStore) -> Scene:
        """The store, with shorthands."""
        return Scene(store)
