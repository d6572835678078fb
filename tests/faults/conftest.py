"""A herd for each scenario, in a directory of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.herd import Herd


@pytest.fixture
def herd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Herd]:
    """Nodes that share a file; the parameter, if there is one, holds their settings."""
    if not hasattr(os, "fork"):
        pytest.skip("needs the signals of POSIX")
    (tmp_path / "store").mkdir()
    with Herd(tmp_path / "store", **getattr(request, "param", {})) as herd:
        yield herd
