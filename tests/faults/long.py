"""The long fault test: thousands of kills, for as long as one likes.

    python -m tests.faults.long                    5,000 kills, a quarter of an hour
    python -m tests.faults.long --kills 200        fewer
    python -m tests.faults.long --minutes 60       rounds of kills, stops and failing commits, for an hour

Each round has a file of its own, and is audited at its end: no occurrence lost, none twice, no claim twice, no stale
write accepted, ledger and counters agreed. Prints what each came to, and exits 1 when a round has a fault.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.faults.audit import Books, summary
from tests.faults.faulty import run_failing
from tests.faults.herd import Herd
from tests.faults.node import LEASE
from tests.faults.scenarios import LONGER_THAN_A_LEASE, begin, close_books, kill_at_random, stop_at_random

Scenario = Callable[[Herd, int, int], None]

KILLS_PER_ROUND = 500
"""A round's records are all read for its audit, so they are kept to some thousands."""


def only_kills(herd: Herd, kills: int, seed: int) -> None:
    """Kills, and nothing else."""
    begin(herd, 3, longest=LONGER_THAN_A_LEASE)
    kill_at_random(herd, kills, seed=seed)


def all_kinds(herd: Herd, kills: int, seed: int) -> None:
    """Kills, stops, and commits that fail or do not answer, together."""
    run = partial(run_failing, 0.02)
    begin(herd, 3, run, longest=LONGER_THAN_A_LEASE)
    for part in range(kills // 50):
        stop_at_random(herd, 10, seconds=0.2, seed=seed + part)
        stop_at_random(herd, 1, seconds=1.5 * LEASE, seed=seed + part)
        kill_at_random(herd, 50, run, seed=seed + part)


def play(scenario: Scenario, kills: int, seed: int, directory: Path) -> Books:
    """One round; raises AssertionError, with the faults, if there are any."""
    store = directory / f"{scenario.__name__}-{seed}"
    store.mkdir()
    with Herd(store) as herd:
        scenario(herd, kills, seed)
        return close_books(herd)


def main() -> int:
    """Play rounds; return how many had faults."""
    parser = argparse.ArgumentParser(description="Kill, stop and starve nodes, and audit what they leave.")
    parser.add_argument("--kills", type=int, default=5_000, help="how many nodes to kill in all (5,000)")
    parser.add_argument("--minutes", type=float, help="go on for so long instead, with stops and failing commits too")
    parser.add_argument("--seed", type=int, default=0, help="which random moments to take (0)")
    parser.add_argument("--keep", type=Path, help="where to leave the files and journals, for a closer look")
    options = parser.parse_args()
    began, kills, faults, seed = time.monotonic(), 0, 0, options.seed
    with tempfile.TemporaryDirectory(prefix="faults-") as directory:
        while _goes_on(options, kills, time.monotonic() - began):
            planned = KILLS_PER_ROUND if options.minutes else min(KILLS_PER_ROUND, options.kills - kills)
            scenario = all_kinds if options.minutes and seed % 2 else only_kills
            try:
                print(f"[{time.monotonic() - began:6.0f} s] round {seed}, {scenario.__name__}:", end=" ", flush=True)
                print(summary(play(scenario, planned, seed, options.keep or Path(directory))), flush=True)
            except AssertionError as error:
                faults += 1
                print(f"FAULTS\n{error}", flush=True)
            kills += planned
            seed += 1
    print(f"{kills} kills in {time.monotonic() - began:.0f} s: {faults or 'no'} rounds with faults")
    return 1 if faults else 0


def _goes_on(options: argparse.Namespace, kills: int, seconds: float) -> bool:
    return seconds < options.minutes * 60 if options.minutes else kills < options.kills


if __name__ == "__main__":
    sys.exit(main())
