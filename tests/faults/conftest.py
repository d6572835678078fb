"""A herd for each scenario, in a directory of its own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.herd import Herd

if not hasattr(os, "fork"):  # these tests are made of the signals of POSIX
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def herd(request: pytest.FixtureRequest, tmp_path: Path) -> "Iterator[Herd]":
    """Nodes that share a file; the parameter, if there is one, holds their settings."""
    from tests.faults.herd import Herd

    (tmp_path / "store").mkdir()
    with Herd(tmp_path / "store", **getattr(request, "param", {})) as herd:
        yield herd


_measured: list[str] = []


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes what a scenario measured, to be shown when all tests have run."""
    return lambda text: _measured.append(f"{request.node.name}:\n    {text}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured."""
    if _measured:
        terminalreporter.section("faults: what was measured")
        for line in _measured:
            terminalreporter.write_line(line)
