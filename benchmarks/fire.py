"""What a fire costs, beside APScheduler 3: CPU, bursts, capacity, latency, a bystander on the loop, and idling.

Every measurement runs in a process of its own, cronkit and its peer in turn, and the medians are compared. No-op
jobs on cron schedules (``--interval``: on intervals of a second, whose next run costs APScheduler less to find); the
ledger is on, and one no-op listener is on all run events. Needs the ``bench`` extra.

    python benchmarks/fire.py             all scenarios, 5 rounds each (about 40 minutes, most of them for capacity)
    python benchmarks/fire.py --quick     2 short rounds, to see that it runs
    python benchmarks/fire.py --only burst latency --interval
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

PAIRS = {"functions": ("cronkit-functions", "aps-functions"), "coroutines": ("cronkit-coroutines", "aps-coroutines")}
BARS = {
    ("cpu", "functions"): (0.4, "CPU per fire at 1,000 jobs a second"),
    ("cpu", "coroutines"): (0.9, "CPU per fire at 1,000 jobs a second"),
    ("cpu_spread", "functions"): (1.0, "the same, one job each millisecond: a wake-up for each"),
    ("cpu_spread", "coroutines"): (1.0, "the same, one job each millisecond: a wake-up for each"),
    ("burst", "functions"): (0.35, "10,000 due at one second: the last start"),
    ("burst", "coroutines"): (0.35, "10,000 due at one second: the last start"),
    ("capacity", "functions"): (1 / 2, "1 / sustained fires a second, none lost or skipped"),
    ("capacity", "coroutines"): (1 / 1.2, "1 / sustained fires a second, none lost or skipped"),
    ("latency", "functions"): (0.55, "10 jobs: median start latency"),
    ("latency", "coroutines"): (0.35, "10 jobs: median start latency"),
    ("bystander", "coroutines"): (0.5, "worst lag of another task on the loop during the burst"),
    ("idle", "functions"): (1.0, "CPU of a second of idling with 10,000 far-future jobs"),
}


INTERVAL = "--interval" in sys.argv
POLL = 0.05
"""Seconds between two looks of whoever waits for a number of fires. Where CPU is measured nobody looks before the end:
the watcher's own cost, 1.7 us a fire at this pace, belongs to neither library."""
Rest = Callable[[], float]
"""Says how many seconds whoever waits for the end is to sleep before asking again; 0 is the end."""


class Subject:
    """A scheduler under test: jobs of one colour, each of which calls ``fired``."""

    def __init__(self, fired: Callable[[], None]) -> None:
        async def coroutine() -> None:
            fired()

        self.function = fired
        self.coroutine = coroutine

    def every_second(self, count: int, first: datetime | None) -> None:
        """``count`` jobs that run each second: at once, or on intervals that are spread over it from ``first`` on."""
        raise NotImplementedError

    def once(self, count: int, at: datetime) -> None:
        """``count`` jobs that run once, at ``at``."""
        raise NotImplementedError

    async def run(self, rest: Rest, probe: Any = None) -> None:
        """Start, wait for the end, stop."""
        raise NotImplementedError


class Cronkit(Subject):
    """cronkit, with its memory store."""

    def __init__(self, fired: Callable[[], None], colour: str) -> None:
        import cronkit

        super().__init__(fired)
        self.kit = cronkit
        store = cronkit.MemoryStore(keep_runs=100_000)
        self.is_async = colour == "coroutines"
        make = cronkit.AsyncScheduler if self.is_async else cronkit.Scheduler
        self.scheduler: Any = make(store)
        self.target = self.coroutine if self.is_async else self.function
        self.scheduler.target(self.target, name="target")
        self.sync = self.scheduler._sync if self.is_async else self.scheduler

        @self.scheduler.on(cronkit.events.RunEvent)  # type: ignore[misc]
        def listen(event: object) -> None:
            pass

    def every_second(self, count: int, first: datetime | None) -> None:
        for number in range(count):
            schedule: Any = "1s" if INTERVAL else "* * * * * *"
            if first is not None:
                schedule = self.kit.Every("1s", start=first + timedelta(seconds=number / count))
            self.sync.add("target", schedule, id=f"job-{number}")

    def once(self, count: int, at: datetime) -> None:
        schedule = self.kit.At(at) if INTERVAL else f"{at.second} {at.minute} {at.hour} {at.day} {at.month} *"
        for number in range(count):
            self.sync.add("target", schedule, id=f"job-{number}")

    async def run(self, rest: Rest, probe: Any = None) -> None:
        if self.is_async:
            async with self.scheduler:
                await wait_async(rest, probe)
        else:
            with self.scheduler:
                wait(rest)

    def refused(self) -> int:
        """How many occurrences were skipped, missed or coalesced."""
        counts = self.sync.ledger.counts()
        return sum(counts.get(status, 0) for status in ("skipped", "missed", "coalesced"))


class APScheduler(Subject):
    """APScheduler 3, with its memory store and default executor."""

    def __init__(self, fired: Callable[[], None], colour: str) -> None:
        import logging

        from apscheduler import events
        from apscheduler.schedulers.asyncio import AsyncIOScheduler
        from apscheduler.schedulers.background import BackgroundScheduler

        super().__init__(fired)
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self.is_async = colour == "coroutines"
        self.scheduler: Any = (AsyncIOScheduler if self.is_async else BackgroundScheduler)(timezone=UTC)
        self.target = self.coroutine if self.is_async else self.function
        self.lost = 0

        def listen(event: Any) -> None:
            if event.code != events.EVENT_JOB_EXECUTED and event.code != events.EVENT_JOB_SUBMITTED:
                self.lost += 1

        mask = events.EVENT_JOB_EXECUTED | events.EVENT_JOB_ERROR | events.EVENT_JOB_MISSED
        self.scheduler.add_listener(listen, mask | events.EVENT_JOB_MAX_INSTANCES | events.EVENT_JOB_SUBMITTED)

    def every_second(self, count: int, first: datetime | None) -> None:
        from apscheduler.triggers.cron import CronTrigger
        from apscheduler.triggers.interval import IntervalTrigger

        for number in range(count):
            start = None if first is None else first + timedelta(seconds=number / count)
            trigger = IntervalTrigger(seconds=1, start_date=start, timezone=UTC)
            if first is None and not INTERVAL:
                trigger = CronTrigger(second="*", timezone=UTC)
            self.scheduler.add_job(self.target, trigger)

    def once(self, count: int, at: datetime) -> None:
        when = {"second": at.second, "minute": at.minute, "hour": at.hour, "day": at.day, "month": at.month}
        for _ in range(count):
            if INTERVAL:
                self.scheduler.add_job(self.target, "date", run_date=at, misfire_grace_time=None)
            else:
                self.scheduler.add_job(self.target, "cron", **when, misfire_grace_time=None)

    async def run(self, rest: Rest, probe: Any = None) -> None:
        self.scheduler.start()
        if self.is_async:
            await wait_async(rest, probe)
        else:
            wait(rest)
        self.scheduler.shutdown(wait=False)

    def refused(self) -> int:
        """How many fires were missed or refused."""
        return self.lost


def subject(name: str, fired: Callable[[], None]) -> Any:
    library, colour = name.split("-")
    return (Cronkit if library == "cronkit" else APScheduler)(fired, colour)


def wait(rest: Rest) -> None:
    while seconds := rest():
        time.sleep(seconds)


async def wait_async(rest: Rest, probe: Any = None) -> None:
    task = asyncio.create_task(probe()) if probe else None
    while seconds := rest():
        await asyncio.sleep(seconds)
    if task is not None:
        task.cancel()


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


# -- scenarios: each returns one number, the smaller the better --------------------------------------------------------


def fire_steadily(name: str, rate: int, seconds: float, spread: bool = False) -> tuple[int, float, int]:
    """Fires, CPU seconds and refusals of ``rate`` jobs that run each second, over ``seconds``."""
    fires = 0
    lock = threading.Lock()

    def fired() -> None:
        nonlocal fires
        with lock:
            fires += 1

    tested = subject(name, fired)
    begin = in_seconds(2 + rate / 5_000)
    if not spread:  # all are due on the second: count whole seconds, from when each has had its time
        begin = begin.replace(microsecond=900_000)
    tested.every_second(rate, begin if spread else None)
    marks: list[tuple[int, float]] = []
    end = begin + timedelta(seconds=seconds)

    def rest() -> float:
        now = datetime.now(UTC)
        if not marks and now >= begin:
            marks.append((fires, time.process_time()))
        if now >= end:
            marks.append((fires, time.process_time()))
            return 0.0
        return ((end if marks else begin) - now).total_seconds()

    asyncio.run(tested.run(rest))
    (fires_before, cpu_before), (fires_after, cpu_after) = marks[0], marks[-1]
    return fires_after - fires_before, cpu_after - cpu_before, tested.refused()


def cpu(name: str, quick: bool) -> float:
    fires, seconds, _ = fire_steadily(name, 1_000, 2 if quick else 4)
    return seconds / fires * 1e6


def cpu_spread(name: str, quick: bool) -> float:
    fires, seconds, _ = fire_steadily(name, 1_000, 2 if quick else 4, spread=True)
    return seconds / fires * 1e6


def capacity(name: str, quick: bool) -> float:
    """1 / the highest rate of a ladder of 15 % steps at which every fire happened."""
    rate, good = 1_000, 0
    while rate < 200_000:
        seconds = 2.0
        fires, _, refused = fire_steadily(name, rate, seconds)
        if refused or fires < rate * seconds * 0.97:
            break
        good, rate = rate, int(rate * (1.6 if quick else 1.15))
    return 1 / max(good, 1)


def burst(name: str, quick: bool) -> float:
    return _burst(name, quick)[0]


def bystander(name: str, quick: bool) -> float:
    return _burst(name, quick)[1]


def _burst(name: str, quick: bool) -> tuple[float, float]:
    """Seconds from the due time to the last start, and the worst lag of a task that sleeps 1 ms at a time meanwhile."""
    count = 2_000 if quick else 10_000
    starts: list[float] = []
    tested = subject(name, lambda: starts.append(time.time()))
    moment = in_seconds(count / 1_500 + 2).replace(microsecond=0)
    due = moment.timestamp()
    tested.once(count, moment)
    worst = 0.0

    async def probe() -> None:
        nonlocal worst
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            if time.time() >= due:
                worst = max(worst, time.perf_counter() - before - 0.001)

    give_up = due + 60
    asyncio.run(tested.run(lambda: 0.0 if len(starts) >= count or time.time() > give_up else POLL, probe))
    assert len(starts) == count, f"{name}: {len(starts)} of {count} started"
    return max(starts) - due, worst


def latency(name: str, quick: bool) -> float:
    """Median milliseconds from the due time to the start, of 10 jobs that run each second."""
    starts: list[float] = []
    tested = subject(name, lambda: starts.append(time.time()))
    begin = in_seconds(1)
    tested.every_second(10, None)
    end = begin.timestamp() + (2 if quick else 5)
    asyncio.run(tested.run(lambda: max(end - time.time(), 0.0)))
    return statistics.median(start % 1 for start in starts if start >= begin.timestamp()) * 1e3


def idle(name: str, quick: bool) -> float:
    """Milliseconds of CPU for a second of idling with 10,000 jobs due in a year."""
    tested = subject(name, lambda: None)
    tested.once(1_000 if quick else 10_000, in_seconds(300 * 86_400))
    begin = in_seconds(1).timestamp()
    seconds = 2 if quick else 6
    marks: list[float] = []

    def rest() -> float:
        now = time.time()
        if now >= begin and not marks:
            marks.append(time.process_time())
        return max((begin + seconds if marks else begin) - now, 0.0)

    asyncio.run(tested.run(rest))
    return (time.process_time() - marks[0]) / seconds * 1e3


SCENARIOS = {f.__name__: f for f in (cpu, cpu_spread, burst, capacity, latency, bystander, idle)}


def measure(scenario: str, name: str, quick: bool) -> float:
    """Run one measurement in a process of its own."""
    options = ["--quick"] * quick + ["--interval"] * INTERVAL
    command = [sys.executable, __file__, "--worker", scenario, name, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{scenario} {name} failed:\n{done.stderr}")
    return float(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2 short rounds")
    parser.add_argument("--rounds", type=int, help="rounds of each scenario (5)")
    parser.add_argument("--interval", action="store_true", help="jobs on intervals and dates rather than cron")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS), help="only these scenarios")
    parser.add_argument("--worker", nargs=2, metavar=("SCENARIO", "SUBJECT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        scenario, name = options.worker
        print(json.dumps(SCENARIOS[scenario](name, options.quick)))
        return
    rounds = options.rounds or (2 if options.quick else 5)
    print(f"{'scenario':<12}{'colour':<12}{'cronkit':>12}{'APScheduler':>13}{'ratio':>8}{'bar':>7}")
    failed = False
    for (scenario, colour), (bar, what) in BARS.items():
        if scenario not in options.only:
            continue
        ours, theirs = PAIRS[colour]
        samples: dict[str, list[float]] = {ours: [], theirs: []}
        for _ in range(rounds):
            for name in (ours, theirs):
                samples[name].append(measure(scenario, name, options.quick))
        a, b = (statistics.median(samples[name]) for name in (ours, theirs))
        ratio = a / b
        failed |= ratio > bar
        verdict = "ok" if ratio <= bar else "OVER"
        print(f"{scenario:<12}{colour:<12}{a:>12.4g}{b:>13.4g}{ratio:>8.2f}{bar:>7.2f} {verdict:<5} {what}", flush=True)
    sys.exit(failed and not options.quick)


if __name__ == "__main__":
    main()
