"""Schedulers of both colours, started and not."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scheduler.faces import FACES, PATIENCE, Face, HandClock
from tests.scheduler.homes import Home


@pytest.fixture(params=FACES)
def colour(request: pytest.FixtureRequest) -> str:
    """Which face of the scheduler a test looks at."""
    return str(request.param)


@pytest.fixture
def anyio_backend(colour: str) -> str:
    """The event loop that a test of that face runs on."""
    return FACES[colour][1]


@pytest.fixture
def make_face(colour: str) -> Callable[..., Face]:
    """Makes a scheduler of that colour."""
    return lambda *args, **options: Face(FACES[colour][0](*args, **options))


@pytest.fixture
def clock() -> HandClock:
    """A clock that stands at noon."""
    return HandClock()


@pytest.fixture
def face(make_face: Callable[..., Face], clock: HandClock) -> Face:
    """A scheduler that has not been started, on a clock that stands at noon."""
    return make_face(clock=clock)


@pytest.fixture
async def running(make_face: Callable[..., Face]) -> AsyncIterator[Any]:
    """A scheduler that runs, on the real clock."""
    async with make_face() as face:
        yield face


@pytest.fixture
def threads_left() -> Callable[[], list[str]]:
    """The names of cronkit's threads that were started since, and do not end by themselves."""
    before = set(threading.enumerate())

    def left() -> list[str]:
        threads = [each for each in threading.enumerate() if each.name.startswith("cronkit") and each not in before]
        for thread in threads:
            thread.join(PATIENCE)
        return [thread.name for thread in threads if thread.is_alive()]

    return left


@pytest.fixture(params=["memory", "sqlite"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """A store that outlives the programs of a test."""
    home = Home(tmp_path / "jobs.db" if request.param == "sqlite" else None)
    yield home
    home.close()
