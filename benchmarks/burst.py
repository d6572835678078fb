"""Jobs due at one second in a SQLite file, and the processes that run them: what ``durable.py`` and ``scale.py`` time.

A module of those two: run by itself it does nothing.

The processes are told to stop once all of them together have told the end of every run, so that nobody asks the file
while it is timed. cronkit's ends are told by its event, which follows the write; APScheduler's by its own event.
Functions have a pool of 100 threads on either side, rather than cronkit's default of 32 and APScheduler's of 10: a
claim takes no more than there are free slots.
"""

import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
THREADS = 100
"""In the pool of each process that runs functions."""
SLICE = 1_000
"""Jobs added in one go."""
PATIENCE = 300.0
"""Seconds after which a drain is given up on."""

starts: list[float] = []
ends: list[float] = []


def fire(number: int = 0) -> None:
    """What each job does, as a function."""
    starts.append(time.time())


async def fire_async(number: int = 0) -> None:
    """What each job does, as a coroutine."""
    starts.append(time.time())


TARGETS = {"functions": fire, "coroutines": fire_async}


# -- making the jobs ---------------------------------------------------------------------------------------------------


def cronkit_scheduler(path: Path, colour: str = "functions") -> Any:
    """A scheduler on a file, with the one target of a colour."""
    import cronkit

    executors = {"default": cronkit.ThreadExecutor(THREADS)} if colour == "functions" else None
    scheduler = cronkit.Scheduler(f"sqlite:///{path}", executors=executors)
    scheduler.target(TARGETS[colour], name="target")
    return scheduler


def add_cronkit_jobs(
    scheduler: Any, count: int, due: datetime, *, prefix: str = "job", step: timedelta = timedelta()
) -> None:
    """Add hourly jobs that are first due at ``due``, each slice of them a ``step`` later than the one before."""
    import cronkit

    for first in range(0, count, SLICE):
        schedule = cronkit.Every("1h", start=due + first // SLICE * step)
        numbers = range(first, min(first + SLICE, count))
        scheduler.add_many({"target": "target", "schedule": schedule, "id": f"{prefix}-{n}"} for n in numbers)


def add_apscheduler_jobs(path: Path, colour: str, count: int, due: datetime) -> None:
    """The same jobs, in one transaction: APScheduler's own ``add_job`` would commit each."""
    import pickle

    from apscheduler.triggers.interval import IntervalTrigger

    scheduler = apscheduler(path, "functions")
    scheduler.add_jobstore("memory", "memory")
    trigger = IntervalTrigger(hours=1, start_date=due, timezone=UTC)
    scheduler.start(paused=True)
    rows = []
    for number in range(count):
        name = f"job-{number}"
        job = scheduler.add_job(TARGETS[colour], trigger, id=name, jobstore="memory", misfire_grace_time=None)
        state = pickle.dumps(job.__getstate__(), pickle.HIGHEST_PROTOCOL)
        rows.append({"id": name, "next_run_time": due.timestamp(), "job_state": state})
    store = scheduler._jobstores["default"]
    with store.engine.begin() as connection:
        connection.execute(store.jobs_t.insert(), rows)
    scheduler.shutdown()


def apscheduler(path: Path, colour: str) -> Any:
    """APScheduler with its SQLAlchemy store on a file; SQLite's own default is to sync it fully."""
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.asyncio import AsyncIOScheduler
    from apscheduler.schedulers.background import BackgroundScheduler

    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    store = SQLAlchemyJobStore(url=f"sqlite:///{path}")
    if colour == "coroutines":
        return AsyncIOScheduler(jobstores={"default": store}, timezone=UTC)
    pool = {"default": ThreadPoolExecutor(THREADS)}
    return BackgroundScheduler(jobstores={"default": store}, executors=pool, timezone=UTC)


# -- running them, in processes of their own ---------------------------------------------------------------------------


def run_cronkit(path: Path, colour: str, stop: threading.Event) -> None:
    import cronkit

    scheduler = cronkit_scheduler(path, colour)

    @scheduler.on(cronkit.events.RunSucceeded)  # type: ignore[untyped-decorator]
    def ended(event: object) -> None:
        ends.append(time.time())

    with scheduler:
        tell_until(stop)


def run_apscheduler(path: Path, colour: str, stop: threading.Event) -> None:
    from apscheduler.events import EVENT_JOB_EXECUTED

    async def main() -> None:
        scheduler = apscheduler(path, colour)
        scheduler.add_listener(lambda event: ends.append(time.time()), EVENT_JOB_EXECUTED)
        scheduler.start()
        await asyncio.to_thread(tell_until, stop)
        scheduler.shutdown()

    asyncio.run(main())


def tell_until(stop: threading.Event) -> None:
    """Print how many runs have ended here, whenever that has changed."""
    told = -1
    while not stop.wait(0.02):
        if len(ends) != told:
            told = len(ends)
            print(told, flush=True)


RUNNERS = {"cronkit": run_cronkit, "apscheduler": run_apscheduler}


def node(subject: str, colour: str, path: str) -> None:
    """One process: it runs jobs until its standard input ends, then prints when it began the last, and ended it."""
    stop = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    RUNNERS[subject](Path(path), colour, stop)
    print(json.dumps({"started": max(starts, default=0.0), "ended": max(ends, default=0.0), "runs": len(ends)}))


# -- timing them -------------------------------------------------------------------------------------------------------


class Drained(NamedTuple):
    """Seconds from the due time to the last start and the last end, over all processes; what share each has run."""

    last_start: float
    last_end: float
    shares: list[int]


def drain(subject: str, colour: str, path: Path, processes: int, count: int, due: datetime) -> Drained:
    """Have ``processes`` run the ``count`` jobs in a file that are due at ``due``."""
    command = [sys.executable, "-c", f"import burst; burst.node({subject!r}, {colour!r}, {str(path)!r})"]
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(processes)
        ]
        counts, told = [0] * processes, [threading.Event() for _ in nodes]
        last: list[str] = [""] * processes

        def read(index: int) -> None:
            for line in nodes[index].stdout or ():
                last[index] = line
                if line.strip().isdigit():
                    counts[index] = int(line)
                told[index].set()
            told[index].set()

        readers = [threading.Thread(target=read, args=(index,), daemon=True) for index in range(processes)]
        for reader in readers:
            reader.start()
        for event in told:
            event.wait(60)
        assert all(last), f"{subject} did not start"
        assert time.time() < due.timestamp(), f"{subject} was not ready in time"
        give_up = due.timestamp() + PATIENCE
        while sum(counts) < count and time.time() < give_up:
            time.sleep(0.02)
        assert sum(counts) == count, f"{subject}: {sum(counts)} of {count} ended"
        for process in nodes:
            assert process.stdin is not None
            process.stdin.close()
        for reader in readers:
            reader.join()
    told_last = [json.loads(line) for line in last]
    moment = due.timestamp()
    return Drained(
        max(each["started"] for each in told_last) - moment,
        max(each["ended"] for each in told_last) - moment,
        [each["runs"] for each in told_last],
    )
