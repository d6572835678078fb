"""docs/peers.md holds what the libraries really answer."""

import importlib.util
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "peers.md").read_text("utf-8")
HEADER, _, *TABLE = PAGE[PAGE.index("| rule") : PAGE.index("\n\n", PAGE.index("| rule"))].splitlines()


@pytest.fixture(scope="module")
def departures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("peer_departures", ROOT / "benchmarks" / "peer_departures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_gives_the_answers_of_cronkit(departures: ModuleType) -> None:
    written = [line.split(" | ")[:3] for line in TABLE]
    assert written == [row.removesuffix(" |").split(" | ") for row in departures.rows({})]


def test_the_page_gives_the_answers_of_the_peers_it_names(departures: ModuleType) -> None:
    named = dict(cell.rsplit(" ", 1) for cell in HEADER.strip("| ").split(" | ")[3:])
    for name, stated in named.items():
        try:
            installed = version(name.lower())
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed")
        if installed != stated:
            pytest.skip(f"{name} {installed} is not the {stated} of the page")
    assert list(departures.rows(departures.PEERS)) == TABLE
