"""What it costs to register jobs: time and memory for each of 100,000, beside APScheduler 3.

Each measurement runs in a process of its own, the two libraries in turn; medians are compared. Every job has an id, a
keyword argument and a cron text of its own, as jobs made from rows of a table have; the schedulers run, as an
application's do when its users make jobs. ``add_many`` is what an application with so many jobs calls; ``add``, one by
one, is shown beside it. Needs the ``bench`` extra.

    python benchmarks/register.py [--jobs 100000] [--rounds 5] [--quick]
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

BARS = {("cronkit-many", "seconds"): 0.2, ("cronkit-many", "bytes"): 0.85, ("cronkit", "seconds"): None}
"""The bars, None where there is none: ratios to APScheduler's figures."""


def target(number: int) -> None:
    """What the jobs would do."""


def cron(number: int) -> str:
    """A text that differs from job to job, in a month that is half a year away: nothing fires while this measures."""
    month = 1 + (datetime.now(UTC).month + 5) % 12
    return f"{number % 60} {number // 60 % 24} {number // 1440 % 28 + 1} {month} *"


def register_cronkit(count: int) -> None:
    import cronkit

    scheduler = cronkit.Scheduler()
    scheduler.target(target)
    with scheduler:

        def add(numbers: range) -> None:
            for n in numbers:
                scheduler.add(target, cron(n), id=f"job-{n}", kwargs={"number": n})

        measure(count, add)


def register_cronkit_many(count: int) -> None:
    import cronkit

    scheduler = cronkit.Scheduler()
    scheduler.target(target)
    with scheduler:
        measure(
            count,
            lambda numbers: scheduler.add_many(
                {"target": target, "schedule": cron(n), "id": f"job-{n}", "kwargs": {"number": n}} for n in numbers
            ),
        )


def register_apscheduler(count: int) -> None:
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.cron import CronTrigger

    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.start()

    def add(numbers: range) -> None:
        for n in numbers:
            scheduler.add_job(target, CronTrigger.from_crontab(cron(n), UTC), id=f"job-{n}", kwargs={"number": n})

    measure(count, add)
    scheduler.shutdown(wait=False)


def measure(count: int, add: Callable[[range], object]) -> None:
    """Add jobs; print the CPU seconds and the bytes of memory that each costs."""
    add(range(count, count + 100))
    memory = _resident()
    start = time.process_time()
    add(range(count))
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds / count, "bytes": (_resident() - memory) / count}))


def _resident() -> int:
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:  # not Linux: the peak will do, as memory only grows here
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


WORKERS = {"cronkit": register_cronkit, "cronkit-many": register_cronkit_many, "apscheduler": register_apscheduler}
VERBS = {"cronkit": "add", "cronkit-many": "add_many"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="2 rounds of 5,000 jobs")
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    jobs, rounds = (5_000, 2) if options.quick else (options.jobs, options.rounds)
    if options.worker:
        WORKERS[options.worker](jobs)
        return
    samples: dict[str, list[dict[str, float]]] = {name: [] for name in WORKERS}
    for _ in range(rounds):
        for name in WORKERS:
            command = [sys.executable, __file__, "--worker", name, "--jobs", str(jobs), *(["--quick"] * options.quick)]
            samples[name].append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    failed = False
    for (worker, figure), bar in BARS.items():
        pair = (worker, "apscheduler")
        ours, theirs = (statistics.median(sample[figure] for sample in samples[name]) for name in pair)
        ratio = ours / theirs
        failed |= bar is not None and ratio > bar
        verdict = "" if bar is None else f" (bar {bar}) {'ok' if ratio <= bar else 'OVER'}"
        unit, scale = ("us", 1e6) if figure == "seconds" else ("bytes", 1)
        print(
            f"{figure} a job: cronkit's {VERBS[worker]} {ours * scale:,.1f} {unit}, "
            f"APScheduler {theirs * scale:,.1f} {unit}, ratio {ratio:.2f}{verdict}"
        )
    sys.exit(failed and not options.quick)


if __name__ == "__main__":
    main()
