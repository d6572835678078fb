"""What it costs to be back on schedule after 30 days away, beside one day away, and beside APScheduler 3.

One job that runs each second is left behind by a step of the clock, and the step of the engine that follows, with the
runs it starts, is measured: its CPU time, and by ``tracemalloc`` the memory that it takes at its peak. Each figure is
the median of processes of their own, in turn. APScheduler catches up in the same way (its job coalesces and has no
misfire limit), from ``start()`` until its next run lies ahead; its memory is the growth of the process's peak, and
it is given up on after ``--patience`` seconds. Needs the ``bench`` extra.

    python benchmarks/catch_up.py             5 rounds (about 3 minutes, which APScheduler spends)
    python benchmarks/catch_up.py --quick     1 round, APScheduler one day behind only
"""

import argparse
import json
import logging
import resource
import statistics
import sys
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

from trials import Figures, medians, verdict

SCHEDULES = {
    "Every('1s')": ("1s", "UTC"),
    "* * * * * *": ("* * * * * *", "UTC"),
    "* * * * * * across DST": ("* * * * * *", "Europe/Paris"),
}
POLICIES = ("latest", "latest within 6h", "skip", "all")
LONG, SHORT = "30d", "1d"
TIME_BAR, MEMORY_BAR = 3.0, 1.5
START = "2026-03-10T00:00+00:00"
"""Paris changes its clocks on the 29th, within the 30 days."""
REPEATS = 15
"""Times one process catches up; the first ones also pay for what is computed once."""


def missed(policy: str) -> Any:
    import cronkit

    return cronkit.Missed.latest(within="6h") if policy == "latest within 6h" else policy


def cronkit_behind(by: str, name: str, policy: str) -> Figures:
    """CPU seconds, and bytes at the peak, of the step that catches up."""
    logging.getLogger("cronkit").setLevel(logging.ERROR)  # it tells of each jump of the clock
    seconds = [catch_up(by, name, policy, time.process_time) for _ in range(REPEATS)]
    tracemalloc.start()
    memory = catch_up(by, name, policy, peak)
    return {"seconds": statistics.median(seconds), "bytes": memory}


def peak() -> float:
    """Bytes: those in use now when first called, those at the peak since when called next."""
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    return most


def catch_up(by: str, name: str, policy: str, gauge: Any) -> float:
    import cronkit
    from cronkit.testing import simulate

    text, tz = SCHEDULES[name]
    scheduler = cronkit.Scheduler(tz=tz)
    scheduler.job(text, id="job", missed=missed(policy))(lambda: None)
    with simulate(scheduler, START) as sim:
        sim.advance("5s")
        gauge()
        before = gauge()
        sim.step_clock(by)
        cost: float = gauge() - before
        behind = sum(scheduler.ledger.counts("job").values())
        following = scheduler.get("job").next_run_at
        assert following is not None
        assert following - sim.now <= timedelta(seconds=1), f"the next run is at {following}"
        assert behind == cronkit.parse_duration(by).total_seconds() + 6, f"{behind} occurrences accounted for"
        return cost


def apscheduler_behind(by: str, trigger: str, patience: str) -> Figures:
    """The same of APScheduler; infinitely many seconds if it takes longer than ``patience``."""
    from apscheduler.schedulers.background import BackgroundScheduler
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    import cronkit

    made = IntervalTrigger(seconds=1, timezone=UTC) if trigger == "interval" else CronTrigger(second="*", timezone=UTC)
    scheduler = BackgroundScheduler(timezone=UTC)
    due = datetime.now(UTC) - cronkit.parse_duration(by)
    job = scheduler.add_job(print, made, kwargs={"end": ""}, coalesce=True, misfire_grace_time=None, next_run_time=due)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    before, give_up = time.process_time(), time.monotonic() + float(patience)
    scheduler.start()
    while job.next_run_time < datetime.now(UTC) - timedelta(seconds=1) and time.monotonic() < give_up:
        time.sleep(0.002)
    seconds = time.process_time() - before if time.monotonic() < give_up else float("inf")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) * 1024
    return {"seconds": seconds, "bytes": grown}


WORKERS = {"cronkit": cronkit_behind, "apscheduler": apscheduler_behind}


def compare_spans(rounds: int) -> tuple[bool, float]:
    """30 days against one for each schedule and policy; whether all bars hold, and the worst 30 days, in seconds."""
    held, worst = True, 0.0
    for name in SCHEDULES:
        for policy in POLICIES:
            trials = [("cronkit", span, name, policy) for span in (LONG, SHORT)]
            long, short = medians(__file__, trials, rounds)
            times = f"{long['seconds'] * 1e3:.2f} ms : {short['seconds'] * 1e3:.2f} ms"
            sizes = f"{long['bytes'] / 1e3:.1f} kB : {short['bytes'] / 1e3:.1f} kB"
            held &= verdict(f"{name}, {policy}: CPU", long["seconds"] / short["seconds"], TIME_BAR, times)
            held &= verdict(f"{name}, {policy}: memory", long["bytes"] / short["bytes"], MEMORY_BAR, sizes)
            worst = max(worst, long["seconds"])
    return held, worst


def show_peer(rounds: int, spans: tuple[str, ...], patience: str, ours: float) -> None:
    for trigger in ("interval", "cron"):
        trials = [("apscheduler", span, trigger, patience) for span in spans]
        for span, figures in zip(spans, medians(__file__, trials, rounds), strict=True):
            seconds = figures["seconds"]
            shown = f"{seconds:.2f} s" if seconds < float("inf") else f"not within {patience} s"
            ratio = f"cronkit's worst 30 days: {ours / seconds:.2g}x" if seconds < float("inf") else ""
            grown = figures["bytes"] / 1e6
            print(f"APScheduler, {trigger}, {span} behind: {shown}, {grown:.0f} MB  {ratio}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="1 round; APScheduler one day behind only")
    parser.add_argument("--patience", default="60", help="seconds after which APScheduler is given up on (60)")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        subject, *words = options.worker
        print(json.dumps(WORKERS[subject](*words)))
        return
    held, worst = compare_spans(1 if options.quick else options.rounds)
    show_peer(1, (SHORT,) if options.quick else (SHORT, LONG), options.patience, worst)
    sys.exit(not held and not options.quick)


if __name__ == "__main__":
    main()
