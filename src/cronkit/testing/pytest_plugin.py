"""A pytest fixture, made known by ``pytest_plugins = ["cronkit.testing.pytest_plugin"]`` in the top ``conftest.py``."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from cronkit.testing.fixture import SimulationFixture
from cronkit.testing.simulate import simulate
from cronkit.testing.simulation import Simulation


@pytest.fixture
def simulation() -> Iterator[SimulationFixture]:
    """Call it as ``simulate`` is called; see ``SimulationFixture``."""
    with ExitStack() as ends:

        def begin(*args: Any, **options: Any) -> Simulation:
            return ends.enter_context(simulate(*args, **options))

        yield begin
