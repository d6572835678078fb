"""Promise P2: whatever happens, every occurrence of every job is in the ledger, and its end told, exactly once."""

import pytest
from hypothesis import given, settings

from tests.testing.scenarios import Play, Scenario, scenarios


@pytest.mark.timeout(240)
@settings(max_examples=1000)
@given(scenarios())
def test_every_occurrence_is_in_the_ledger_and_its_end_told_exactly_once(scenario: Scenario) -> None:
    Play(scenario).run()


@pytest.mark.timeout(120)
@settings(max_examples=100)
@given(scenarios())
def test_a_seed_replays_byte_for_byte(scenario: Scenario) -> None:
    assert repr(Play(scenario).run()).encode() == repr(Play(scenario).run()).encode()
