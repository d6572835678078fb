"""Runs per CPU second, simulated and real: the same no-op jobs, each due each second, through the same engine.

Two loads: 1,000 jobs, and as many as a real scheduler can just keep up with. CPU is the process's, of all its threads;
each measurement runs in a process of its own, simulated and real in turn, and medians are compared. The last line is
a year of one daily job.

    python benchmarks/simulate.py                         5 rounds (about 3 minutes)
    python benchmarks/simulate.py --quick                 1 short round
    python benchmarks/simulate.py --loads 1000 3000       on a machine that keeps up with fewer
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from trials import Figures, medians, verdict

import cronkit
from cronkit.testing import simulate

COLOURS = ("functions", "coroutines")
LOADS = (1_000, 8_000)
BAR = 1.0


def scheduler(colour: str) -> Any:
    def function() -> None: ...

    async def coroutine() -> None: ...

    made = cronkit.Scheduler(cronkit.MemoryStore(keep_runs=1_000_000))
    made.target(function if colour == "functions" else coroutine, name="no-op")
    return made


def add_jobs(made: Any, jobs: int) -> None:
    for number in range(jobs):
        made.add("no-op", "* * * * * *", id=f"job-{number}")


def real(colour: str, jobs: str, seconds: str) -> Figures:
    """Real runs per CPU second, none of them skipped, over whole seconds that begin when each second's runs are done.

    Raises:
        SystemExit: this machine does not keep up.
    """
    made = scheduler(colour)
    add_jobs(made, int(jobs))
    made.start()
    wait_for_the_end_of_a_second()
    wait_for_the_end_of_a_second()
    before, cpu = ended(made), time.process_time()
    for _ in range(int(seconds)):
        wait_for_the_end_of_a_second()
    runs, cpu = ended(made) - before, time.process_time() - cpu
    refused = sum(made.ledger.counts().get(status, 0) for status in ("skipped", "missed", "coalesced"))
    made.stop()
    if refused or runs < int(jobs) * int(seconds) * 0.97:
        raise SystemExit(f"{runs:,} runs and {refused:,} refused: this machine needs smaller --loads")
    return {"rate": runs / cpu}


def wait_for_the_end_of_a_second() -> None:
    time.sleep((0.97 - time.time() % 1) % 1 or 1)


def simulated(colour: str, jobs: str, seconds: str) -> Figures:
    """Simulated runs per CPU second."""
    made = scheduler(colour)
    with simulate(made, datetime(2026, 1, 1, tzinfo=UTC)) as sim:
        add_jobs(made, int(jobs))
        sim.advance("2s")
        before, cpu = ended(made), time.process_time()
        sim.advance(timedelta(seconds=int(seconds)))
        return {"rate": (ended(made) - before) / (time.process_time() - cpu)}


def ended(made: Any) -> int:
    return int(made.ledger.counts()[cronkit.RunStatus.SUCCEEDED])


def year() -> Figures:
    """CPU seconds of a year of one daily job."""
    made = cronkit.Scheduler(tz="Europe/Paris")
    made.job("30 2 * * *", id="daily")(lambda: None)
    with simulate(made, "2026-01-01T00:00") as sim:
        cpu = time.process_time()
        sim.advance("365d")
        return {"seconds": time.process_time() - cpu}


WORKERS: dict[str, Any] = {"real": real, "simulated": simulated, "year": year}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loads", type=int, nargs="+", default=LOADS, help="jobs, each due each second")
    parser.add_argument("--quick", action="store_true", help="1 short round")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        kind, *words = options.worker
        print(json.dumps(WORKERS[kind](*words)))
        return
    rounds, seconds = (1, "3") if options.quick else (options.rounds, "6")
    held = True
    for jobs in options.loads:
        for colour in COLOURS:
            trials = [(kind, colour, str(jobs), seconds) for kind in ("simulated", "real")]
            virtual, actual = (figures["rate"] for figures in medians(__file__, trials, rounds))
            details = f"runs per CPU second: simulated {virtual:,.0f}, real {actual:,.0f}"
            held &= verdict(f"{jobs:,} {colour} a second", virtual / actual, BAR, details, at_least=True)
    (figures,) = medians(__file__, [("year",)], rounds)
    print(f"a year of one daily job: {figures['seconds'] * 1e3:.1f} ms")
    sys.exit(not held and not options.quick)


if __name__ == "__main__":
    main()
