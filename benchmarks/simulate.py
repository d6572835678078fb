"""Runs per CPU second of 1,000 no-op jobs that run each second: simulated, beside the real engine in the same run.

    python benchmarks/simulate.py              medians of 5 rounds, a fresh process for each measurement
    python benchmarks/simulate.py --rounds 1

The last line is a year of one daily job. CPU is the process's, of all its threads.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import cronkit
from cronkit.testing import simulate

JOBS = 1_000
SECONDS = 10
COLOURS = ("functions", "coroutines")


def scheduler(colour: str) -> Any:
    def function() -> None: ...

    async def coroutine() -> None: ...

    made = cronkit.Scheduler(cronkit.MemoryStore(keep_runs=100_000))
    made.target(function if colour == "functions" else coroutine, name="no-op")
    return made


def add_jobs(made: Any) -> None:
    for number in range(JOBS):
        made.add("no-op", "* * * * * *", id=f"job-{number}")


def real(colour: str) -> float:
    """Real runs per CPU second."""
    made = scheduler(colour)
    add_jobs(made)
    made.start()
    time.sleep(1.5)
    before, cpu = ended(made), time.process_time()
    time.sleep(SECONDS)
    runs, cpu = ended(made) - before, time.process_time() - cpu
    made.stop()
    return runs / cpu


def simulated(colour: str) -> float:
    """Simulated runs per CPU second."""
    made = scheduler(colour)
    with simulate(made, datetime(2026, 1, 1, tzinfo=UTC)) as sim:
        add_jobs(made)
        sim.advance("2s")
        before, cpu = ended(made), time.process_time()
        sim.advance(timedelta(seconds=SECONDS))
        return (ended(made) - before) / (time.process_time() - cpu)


def ended(made: Any) -> int:
    return int(made.ledger.counts()[cronkit.RunStatus.SUCCEEDED])


def year() -> float:
    """CPU seconds of a year of one daily job."""
    made = cronkit.Scheduler(tz="Europe/Paris")
    made.job("30 2 * * *", id="daily")(lambda: None)
    with simulate(made, "2026-01-01T00:00") as sim:
        cpu = time.process_time()
        sim.advance("365d")
        return time.process_time() - cpu


def measure(*words: str) -> float:
    done = subprocess.run([sys.executable, __file__, "--measure", *words], check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        kind, *colour = given.measure
        print(json.dumps({"real": real, "simulated": simulated, "year": year}[kind](*colour)))
        return
    print(f"runs per CPU second, {JOBS:,} jobs, medians of {given.rounds}; the bar is 1.0x")
    for colour in COLOURS:
        pairs = [(measure("simulated", colour), measure("real", colour)) for _ in range(given.rounds)]
        virtual, actual = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{colour:<12} simulated {virtual:>9,.0f}   real {actual:>9,.0f}   {virtual / actual:.2f}x")
    print(f"a year of one daily job: {statistics.median(measure('year') for _ in range(given.rounds)) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
