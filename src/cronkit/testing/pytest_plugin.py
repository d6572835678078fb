"""A pytest fixture, made known by ``pytest_plugins = ["cronkit.testing.pytest_plugin"]`` in the top ``conftest.py``."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from cronkit.testing.simulate import simulate
from cronkit.testing.simulation import Simulation

Begin = Callable[..., Simulation]


@pytest.fixture
def simulation() -> Iterator[Begin]:
    """Call it as ``simulate`` is called; each simulation it begins ends with the test, the last one first."""
    with ExitStack() as ends:

        def begin(*args: Any, **options: Any) -> Simulation:
            return ends.enter_context(simulate(*args, **options))

        yield begin
