"""What durability costs on SQLite: cronkit beside APScheduler 3 with its SQLAlchemy store, and beside raw statements.

All three sync every commit to the disk (cronkit and the raw side: WAL and ``synchronous=FULL``; APScheduler: SQLite's
defaults, which do so too). The raw side writes the rows that cronkit wrote in the same round, with the same indexes,
in batched transactions that do nothing else: for a burst 500 runs at a time, once for their birth and once for their
end. Every measurement runs in processes of its own, the subjects in turn, and medians are compared. TMPDIR chooses
the disk. Functions run on 100 threads a process, of either library. Needs the ``bench`` extra.

    python benchmarks/durable.py             5 rounds (about 8 minutes, most of them APScheduler's)
    python benchmarks/durable.py --quick     1 round of 1,000 jobs
    python benchmarks/durable.py --only burst --colours functions
"""

import argparse
import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import burst
import replay
from trials import Figures, Trial, medians, verdict

COLOURS = ("functions", "coroutines")
WARM = 20
"""Jobs that are added before those whose time counts."""


# -- trials: each in a process of its own, in the folder of its round --------------------------------------------------


def burst_of(subject: str, colour: str, processes: str, jobs: str, folder: str) -> Figures:
    """Fires a second, up to the last recorded end, of jobs due at one second; seconds to the last start."""
    count, path = int(jobs), Path(folder) / f"{subject}-{colour}-{processes}.db"
    if subject == "raw":
        after = Path(folder) / f"cronkit-{colour}-{processes}.db"
        return {"rate": replay.fire(after.with_suffix(".before"), after, path, int(processes))}
    due = (datetime.now(UTC) + timedelta(seconds=5 + count / 2_000)).replace(microsecond=0)
    if subject == "cronkit":
        scheduler = burst.cronkit_scheduler(path, colour)
        burst.add_cronkit_jobs(scheduler, count, due)
        scheduler._parts.store.close()
        shutil.copy(path, path.with_suffix(".before"))
    else:
        burst.add_apscheduler_jobs(path, colour, count, due)
    drained = burst.drain(subject, colour, path, int(processes), count, due)
    return {"rate": count / drained.last_end, "last_start": drained.last_start}


def add_of(subject: str, jobs: str, folder: str) -> Figures:
    """Median seconds of a durable ``add``; cronkit's and the raw one's in turn, as the disk's mood changes."""
    count, path = int(jobs) + WARM, Path(folder) / f"{subject}.db"
    if subject == "apscheduler":
        add = apscheduler_adder(path)
        return {"seconds": typical([timed(add, number) for number in range(count)])}
    source, copy = path.with_name("source.db"), path.with_name("raw.db")
    scheduler = burst.cronkit_scheduler(source)
    for number in range(count):
        add_cronkit(scheduler, number)
    scheduler._parts.store.close()
    scheduler, connection = burst.cronkit_scheduler(path), replay.empty_copy(source, copy)
    ours, raw = [], []
    for number, rows in enumerate(replay.added_jobs(source)):
        ours.append(timed(add_cronkit, scheduler, number))
        raw.append(timed(replay.write, connection, rows))
    return {"seconds": typical(ours), "raw": typical(raw)}


def add_cronkit(scheduler: Any, number: int) -> None:
    scheduler.add("target", cron(number), id=f"job-{number}", kwargs={"number": number})


def apscheduler_adder(path: Path) -> Callable[[int], None]:
    from apscheduler.triggers.cron import CronTrigger

    scheduler = burst.apscheduler(path, "functions")
    scheduler.start(paused=True)

    def add(number: int) -> None:
        trigger = CronTrigger.from_crontab(cron(number), UTC)
        scheduler.add_job(burst.fire, trigger, id=f"job-{number}", kwargs={"number": number})

    return add


def timed(work: Callable[..., object], *words: Any) -> float:
    began = time.perf_counter()
    work(*words)
    return time.perf_counter() - began


def typical(seconds: list[float]) -> float:
    return statistics.median(seconds[WARM:])


def add_many_of(subject: str, jobs: str, folder: str) -> Figures:
    """Jobs added a second, in bulk."""
    path = Path(folder) / f"{subject}-many.db"
    if subject == "raw":
        return {"rate": replay.add_in_bulk(Path(folder) / "cronkit-many.db", path)}
    scheduler, count = burst.cronkit_scheduler(path), int(jobs)
    add_cronkit(scheduler, count)  # it creates the file
    began = time.perf_counter()
    scheduler.add_many(
        {"target": "target", "schedule": cron(number), "id": f"job-{number}", "kwargs": {"number": number}}
        for number in range(count)
    )
    rate = count / (time.perf_counter() - began)
    scheduler._parts.store.close()
    return {"rate": rate}


def cron(number: int) -> str:
    """A text that differs from job to job, in a month that is half a year away: nothing fires while this measures."""
    month = 1 + (datetime.now(UTC).month + 5) % 12
    return f"{number % 60} {number // 60 % 24} {number // 1440 % 28 + 1} {month} *"


WORKERS: dict[str, Any] = {"burst": burst_of, "add": add_of, "add_many": add_many_of}


# -- comparisons: their trials, in the order of a round, and what their medians must hold ------------------------------


def compare_bursts(colour: str, jobs: int, rounds: int) -> bool:
    subjects = (("cronkit", "1"), ("apscheduler", "1"), ("raw", "1"), ("cronkit", "2"), ("raw", "2"))
    trials = [("burst", subject, colour, processes, str(jobs)) for subject, processes in subjects]
    one, peer, raw_one, two, raw_two = compare(rounds, *trials)
    held = True
    for ours, raw, name in ((one, raw_one, "1 process"), (two, raw_two, "2 processes")):
        details = f"{ours['rate']:,.0f}/s : {peer['rate']:,.0f}/s of APScheduler's one process"
        held &= verdict(f"{colour}, {name}: fires", ours["rate"] / peer["rate"], 10, details, at_least=True)
        details = f"{ours['rate']:,.0f}/s : {raw['rate']:,.0f}/s raw"
        held &= verdict(f"{colour}, {name}: fires", ours["rate"] / raw["rate"], 0.25, details, at_least=True)
    details = f"{one['last_start']:.2f} s : {peer['last_start']:.2f} s of APScheduler"
    what = f"{colour}: last start of {jobs:,} due at one second"
    return verdict(what, one["last_start"] / peer["last_start"], 0.3, details) and held


def compare_adds(jobs: int, rounds: int) -> bool:
    ours, peer = compare(rounds, *(("add", subject, str(jobs)) for subject in ("cronkit", "apscheduler")))
    seconds, raw = ours["seconds"] * 1e3, ours["raw"] * 1e3
    details = f"{seconds:.3f} ms : {raw:.3f} ms raw (APScheduler: {peer['seconds'] * 1e3:.3f} ms)"
    return verdict("add", seconds / raw, 2, details)


def compare_bulk_adds(jobs: int, rounds: int) -> bool:
    trials = [("add_many", subject, str(jobs)) for subject in ("cronkit", "raw")]
    ours, raw = (figures["rate"] for figures in compare(rounds, *trials))
    return verdict("add_many", ours / raw, 0.25, f"{ours:,.0f}/s : {raw:,.0f}/s raw", at_least=True)


def compare(rounds: int, *trials: Trial) -> list[Figures]:
    return medians(__file__, trials, rounds, in_folder=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="1 round of 1,000 jobs")
    parser.add_argument("--only", nargs="+", choices=WORKERS, default=list(WORKERS), help="only these comparisons")
    parser.add_argument("--colours", nargs="+", choices=COLOURS, default=COLOURS, help="what the jobs of a burst are")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        kind, *words = options.worker
        print(json.dumps(WORKERS[kind](*words)))
        return
    jobs, rounds = (1_000, 1) if options.quick else (options.jobs, options.rounds)
    held = True
    if "burst" in options.only:
        for colour in options.colours:
            held &= compare_bursts(colour, jobs, rounds)
    if "add" in options.only:
        held &= compare_adds(300, rounds)
    if "add_many" in options.only:
        held &= compare_bulk_adds(jobs, rounds)
    sys.exit(not held and not options.quick)


if __name__ == "__main__":
    main()
