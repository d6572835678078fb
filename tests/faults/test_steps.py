"""A crash at every numbered step between claim and finish, and what ``docs/durability.md`` says of each."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from cronkit import At, Run
from cronkit.clock import utc_now
from tests.faults.herd import WAITING, Herd, wait_until
from tests.faults.journal import START
from tests.faults.steps import Step, run_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

PAGE = Path(__file__).parents[2] / "docs" / "durability.md"
ON_CRASH = ("rerun", "fail", "hold")
AT_ONCE = 6
"""How many scenarios run beside each other: each waits for a lease to end most of the time."""


def read_table() -> dict[Step, dict[str, str]]:
    """What the page says of each step, by policy."""
    rows = re.findall(r"^\| (\d+) \|.*?\|.*?\| (.*?) \| (.*?) \| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    return {Step(int(number)): dict(zip(ON_CRASH, cells, strict=True)) for number, *cells in rows}


SAID = read_table()
CASES = [(step, on_crash) for step in Step for on_crash in ON_CRASH]


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[Step, str], str]:
    """What becomes of a run in each case."""
    directory = tmp_path_factory.mktemp("steps")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(CASES, pool.map(partial(crash_and_restart, directory), CASES), strict=True))


def crash_and_restart(directory: Path, case: tuple[Step, str]) -> str:
    """Let a node die at a step, and another one go on."""
    step, on_crash = case
    store = directory / f"{step}-{on_crash}"
    store.mkdir()
    with Herd(store, lease=1.0, standby="0s") as herd:
        soon = utc_now() + timedelta(milliseconds=50)
        herd.scheduler.add("work", At(soon), id="job", on_crash=on_crash)
        herd.wait_for_death(herd.start(partial(run_until, step)))
        herd.start()
        run = wait_until(partial(_ended, herd), f"{case} has ended")
        starts = len(herd.journal.read(START))
        return f"{run.status}, attempt {run.attempt}, {starts} start{'' if starts == 1 else 's'}"


def _ended(herd: Herd) -> Run | None:
    runs: Iterator[Run] = iter(herd.scheduler.ledger.runs(job="job"))
    run = next(runs, None)
    assert next(runs, None) is None, "the occurrence has two records"
    return None if run is None or run.status.value in WAITING else run


def test_the_page_says_what_becomes_of_a_crash_at_each_step() -> None:
    assert list(SAID) == list(Step)


@pytest.mark.parametrize(("step", "on_crash"), CASES, ids=[f"{step.name}-{on_crash}" for step, on_crash in CASES])
def test_a_crash_does_what_the_page_says(step: Step, on_crash: str, happened: Mapping[tuple[Step, str], str]) -> None:
    assert happened[step, on_crash] == SAID[step][on_crash]
