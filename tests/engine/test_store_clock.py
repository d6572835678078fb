"""The clock that the nodes of a store share."""

from datetime import datetime, timedelta

import pytest

from cronkit.clock import SystemClock
from cronkit.engine.store_clock import FRESH, StoreClock, shared_clock
from cronkit.stores import MemoryStore
from cronkit.stores.protocol import Scope, StoreCapabilities
from tests.scheduler.faces import HandClock

HOUR = timedelta(hours=1)


class ClockedStore(MemoryStore):
    """A store with a clock of its own, an hour ahead of this machine's."""

    capabilities = StoreCapabilities(scope=Scope.HOST, durable=False, clock=True, push=True)

    def __init__(self, clock: HandClock, ahead: timedelta = HOUR) -> None:
        super().__init__()
        self._clock = clock
        self.ahead = ahead
        self.is_away = False

    def now(self) -> datetime:
        """The store's time."""
        if self.is_away:
            raise OSError("no route")
        return self._clock.now() + self.ahead


@pytest.fixture
def own() -> HandClock:
    return HandClock()


def test_a_node_goes_by_the_clock_of_its_store(own: HandClock) -> None:
    clock = StoreClock(ClockedStore(own), own)
    clock.compare()
    assert clock.now() == own.now() + HOUR


def test_between_two_comparisons_the_machines_clock_measures(own: HandClock) -> None:
    clock = StoreClock(store := ClockedStore(own), own)
    clock.compare()
    store.ahead = 2 * HOUR
    own.advance(seconds=FRESH - 1)
    clock.compare()
    assert clock.now() == own.now() + HOUR


def test_a_store_whose_clock_was_set_is_followed(own: HandClock) -> None:
    clock = StoreClock(store := ClockedStore(own), own)
    clock.compare()
    store.ahead = -HOUR
    own.advance(seconds=FRESH)
    clock.compare()
    assert clock.now() == own.now() - HOUR


def test_a_difference_that_is_but_the_cost_of_asking_moves_nothing(own: HandClock) -> None:
    clock = StoreClock(ClockedStore(own, timedelta(microseconds=900)), own)
    clock.compare()
    assert clock.now() == own.now()


def test_while_the_store_is_away_the_last_estimate_stands(own: HandClock) -> None:
    clock = StoreClock(store := ClockedStore(own), own)
    clock.compare()
    store.is_away = True
    own.advance(seconds=FRESH)
    with pytest.raises(OSError, match="no route"):
        clock.compare()
    assert clock.now() == own.now() + HOUR


def test_a_store_without_a_clock_leaves_the_machine_its_own() -> None:
    own = SystemClock()
    assert shared_clock(MemoryStore(), own) is own
