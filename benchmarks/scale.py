"""What a SQLite file of 1,000,000 jobs costs beside one of 1,000, and a page of a ledger of 1,000,000 runs.

Every measurement runs in a process of its own, the sizes in turn, and medians are compared. The files are built once,
the jobs by ``add_many``. The jobs of the burst are coroutines. Its raw side is that of ``durable.py``: the rows that
cronkit wrote, written again in batched transactions that do nothing else. TMPDIR chooses the disk; the files take
about 3 GB. Needs the ``bench`` extra.

    python benchmarks/scale.py                    5 rounds, the burst 1 (about 8 minutes, most of them building)
    python benchmarks/scale.py --jobs 100000
    python benchmarks/scale.py --quick            20,000 jobs and runs, 2,000 of them due at once, 1 round
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import burst
import replay
from trials import Figures, measure, medians, verdict

FEW = 1_000
"""The jobs, and the runs, of the small files."""
FAR = timedelta(days=200)
STEPS = 300
"""Idle steps that are timed one by one."""
RUN_JOBS = 10
"""Jobs that the runs of the ledger belong to, in turn."""
PAGE = 50
PAGES = 40
"""Pages of each kind that are timed one by one."""


# -- building the files ------------------------------------------------------------------------------------------------


def build_jobs(path: str, jobs: str) -> Figures:
    """A file of hourly jobs that are due in half a year; it has been started once."""
    scheduler = scheduler_on(path)
    began = time.perf_counter()
    burst.add_cronkit_jobs(scheduler, int(jobs), datetime.now(UTC) + FAR, step=timedelta(seconds=1))
    seconds = time.perf_counter() - began
    begin(scheduler)
    scheduler.stop()
    scheduler._parts.store.close()
    return {"seconds": seconds, "bytes": Path(path).stat().st_size}


def build_runs(path: str, runs: str) -> Figures:
    """A ledger of runs, each a record of its own: of a few jobs in turn, missed and coalesced in turn."""
    from cronkit.engine.planner import refused
    from cronkit.jobs.status import RunStatus
    from cronkit.stores.protocol import Advance, Reach

    scheduler = scheduler_on(path)
    now = datetime.now(UTC).replace(microsecond=0)
    burst.add_cronkit_jobs(scheduler, RUN_JOBS, now + FAR)
    store, new_id = scheduler._parts.store, scheduler._parts.new_id
    share, began = int(runs) // RUN_JOBS, time.perf_counter()
    kinds = (RunStatus.MISSED, RunStatus.COALESCED)
    for first in range(0, share, 100):
        advances = []
        for number in range(RUN_JOBS):
            job = store.load("default", f"job-{number}")
            births = []
            for count in range(first, min(first + 100, share)):
                moment = now - timedelta(seconds=share - count)
                births.append(refused(job, kinds[count % 2], moment, moment, 1, f"number {count}", now, new_id))
            advances.append(Advance(job, job.watermark, job.next_at, job.next_due, births))
        store.claim(advances, now, "builder", {}, Reach("default", ()))
    store.close()
    return {"seconds": time.perf_counter() - began, "bytes": Path(path).stat().st_size}


def scheduler_on(path: str) -> Any:
    """A scheduler with one job that code declares, as nearly all have."""
    scheduler = burst.cronkit_scheduler(Path(path))
    scheduler.job("@yearly", id="declared")(declared)
    return scheduler


def declared() -> None:
    """Does nothing."""


# -- trials ------------------------------------------------------------------------------------------------------------


def start_of(path: str) -> Figures:
    """Seconds from ``start()`` to the end of the engine's first step, and bytes of memory that the process has then."""
    scheduler = scheduler_on(path)
    seconds = begin(scheduler)
    time.sleep(0.5)
    memory = resident()
    scheduler.stop()
    return {"seconds": seconds, "bytes": memory}


def begin(scheduler: Any) -> float:
    began = time.perf_counter()
    scheduler.start()
    while scheduler._runtime.engine.wake_at is None:
        time.sleep(0.0002)
    return time.perf_counter() - began


def resident() -> float:
    """Bytes of memory of this process (on Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1]) * 1024
    raise SystemExit("this system does not say how much memory a process has")


def idle_step_of(path: str) -> Figures:
    """Median seconds of a step of the engine that has nothing to do."""
    from cronkit.scheduler.runtime import Runtime

    scheduler = scheduler_on(path)
    scheduler.jobs(limit=1)  # what code declares is in the store, as ``start`` would have it
    engine = Runtime(scheduler._parts).engine
    engine.step(datetime.now(UTC))
    return {"seconds": statistics.median(timed(lambda: engine.step(datetime.now(UTC)), STEPS))}


def timed(work: Callable[[], object], times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return seconds


def burst_of(subject: str, path: str, due_jobs: str) -> Figures:
    """Fires a second of jobs that are due at one second, beside all those of the file that are not."""
    count, source = int(due_jobs), Path(path)
    before, after = source.with_suffix(".before"), source.with_suffix(".after")
    if subject == "raw":
        return {"rate": replay.fire(before, after, source.with_suffix(".raw"), 1)}
    shutil.copy(source, after)
    due = (datetime.now(UTC) + timedelta(seconds=10 + count / 2_000)).replace(microsecond=0)
    scheduler = burst.cronkit_scheduler(after, "coroutines")
    burst.add_cronkit_jobs(scheduler, count, due, prefix="due")
    scheduler._parts.store.close()
    shutil.copy(after, before)
    drained = burst.drain("cronkit", "coroutines", after, 1, count, due)
    return {"rate": count / drained.last_end, "last_start": drained.last_start}


def pages_of(path: str, runs: str) -> Figures:
    """Median seconds of a full page of the ledger, by what it asks for."""
    ledger = scheduler_on(path).ledger
    newest = ledger.runs(limit=PAGE)
    half_way = max(run.scheduled_at for run in newest) - timedelta(seconds=int(runs) // RUN_JOBS // 2)
    asked: dict[str, dict[str, Any]] = {
        "newest": {},
        "next": {"cursor": newest.cursor},
        "of a job": {"job": "job-3"},
        "in a status": {"status": "missed"},
        "of a job in a status": {"job": "job-3", "status": "missed"},
        "before a time": {"until": half_way},
        "since a time": {"since": half_way},
        "of a job before a time": {"job": "job-3", "until": half_way + timedelta(seconds=5)},
    }
    figures = {}
    for name, words in asked.items():
        page = partial(ledger.runs, limit=PAGE, **words)
        assert len(page()) == PAGE, f"{name}: {len(page())} runs"
        figures[name] = statistics.median(timed(page, PAGES))
    return figures


WORKERS: dict[str, Any] = {
    "build_jobs": build_jobs,
    "build_runs": build_runs,
    "start": start_of,
    "idle_step": idle_step_of,
    "burst": burst_of,
    "pages": pages_of,
}


# -- comparisons -------------------------------------------------------------------------------------------------------


def compare_jobs(folder: Path, jobs: int, due: int, rounds: int) -> bool:
    many, few, none = (str(folder / f"jobs-{count}.db") for count in (jobs, FEW, 0))
    size, _, _ = (build("jobs", path, count) for path, count in ((many, jobs), (few, FEW), (none, 0)))
    trials = [(what, path) for what in ("start", "idle_step") for path in (many, few, none)]
    started, started_few, started_none, step, step_few, _ = medians(__file__, trials, rounds)
    held = compare(f"start, {jobs:,} jobs : {FEW:,}", started["seconds"], started_few["seconds"], 2)
    held &= compare(f"an idle step, {jobs:,} jobs : {FEW:,}", step["seconds"], step_few["seconds"], 2)
    grown = started["bytes"] - started_none["bytes"]
    details = f"{grown / 1e6:.1f} MB over an empty scheduler : {size / 1e6:.1f} MB"
    held &= verdict(f"memory with {jobs:,} jobs : the file", grown / size, 0.1, details)
    ours, raw = medians(__file__, [("burst", subject, many, str(due)) for subject in ("cronkit", "raw")], 1)
    details = f"{ours['rate']:,.0f}/s : {raw['rate']:,.0f}/s raw; the last start after {ours['last_start']:.2f} s"
    what = f"{due:,} of {jobs + due:,} due at one second: fires"
    return verdict(what, ours["rate"] / raw["rate"], 0.25, details, at_least=True) and held


def compare_pages(folder: Path, runs: int, rounds: int) -> bool:
    many, few = (str(folder / f"runs-{count}.db") for count in (runs, FEW))
    build("runs", many, runs)
    build("runs", few, FEW)
    large, small = medians(__file__, [("pages", many, str(runs)), ("pages", few, str(FEW))], rounds)
    held = True
    for name in large:
        held &= compare(f"a page {name}, {runs:,} runs : {FEW:,}", large[name], small[name], 2)
    return held


def build(what: str, path: str, count: int) -> float:
    """Build a file of jobs or runs; return its size in bytes."""
    built = measure(__file__, f"build_{what}", path, str(count))
    print(f"built {count:,} {what} in {built['seconds']:.1f} s: {built['bytes'] / 1e6:.1f} MB", flush=True)
    return built["bytes"]


def compare(what: str, many: float, few: float, bar: float) -> bool:
    return verdict(what, many / few, bar, f"{many * 1e3:.3f} ms : {few * 1e3:.3f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1_000_000, help="in the large file (1,000,000)")
    parser.add_argument("--due", type=int, default=100_000, help="further ones, due at one second (100,000)")
    parser.add_argument("--runs", type=int, default=1_000_000, help="in the large ledger (1,000,000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="20,000 jobs and runs, 2,000 of them due at once, 1 round")
    parser.add_argument("--only", choices=("jobs", "pages"), help="only this half")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        kind, *words = options.worker
        print(json.dumps(WORKERS[kind](*words)))
        return
    jobs, due, runs, rounds = options.jobs, options.due, options.runs, options.rounds
    if options.quick:
        jobs, due, runs, rounds = 20_000, 2_000, 20_000, 1
    held = True
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "pages":
            held &= compare_jobs(Path(folder), jobs, due, rounds)
        if options.only != "jobs":
            held &= compare_pages(Path(folder), runs, rounds)
    sys.exit(not held and not options.quick)


if __name__ == "__main__":
    main()
