"""Whether the list of mechanisms and their tests is true."""

import pytest

from .mechanism_list import MECHANISMS, Mechanism
from .mechanisms import PAGE, fails_without, page


def test_the_page_shows_the_list() -> None:
    assert PAGE.read_text() == page(), "python -m tests.mechanisms --write"


@pytest.mark.slow
@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda mechanism: mechanism.name)
def test_a_mechanism_that_is_taken_out_is_missed(mechanism: Mechanism) -> None:
    assert fails_without(mechanism)
