"""cronkit at work on the machine it is on: four jobs in a SQLite file, shown live, then their runs and a timeline.

    python examples/quickstart.py                 twelve seconds of it
    python examples/quickstart.py --seconds 6     six

A plain function samples disk, memory and load every second, on a worker thread. A coroutine measures the loopback
network every two seconds, on an event loop of the scheduler's own. A cron schedule with a seconds field sums up every
five seconds. A one-off looks through the standard library once. Only cronkit and the standard library are needed. The
jobs and their runs are in a file, and the table at the end is read from it.
"""

import argparse
import asyncio
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from cronkit import At, Run, Scheduler

file = Path(tempfile.gettempdir(), f"cronkit-{os.getpid()}.db")
scheduler = Scheduler(f"sqlite:///{file}")


class Sample(NamedTuple):
    """The machine at one moment: percentages of disk and memory in use, and the load over the last minute."""

    disk: float
    memory: float
    load: float


samples: deque[Sample] = deque(maxlen=60)


# The jobs


@scheduler.job("1s")
def sample() -> str:
    """Every second, on a worker thread."""
    disk = shutil.disk_usage(os.sep)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    samples.append(Sample(disk=100 * disk.used / disk.total, memory=memory_in_use(), load=load))
    return f"memory {samples[-1].memory:.1f} %, load {load:.2f}"


@scheduler.job("2s")
async def round_trip() -> str:
    """Every two seconds, on the scheduler's event loop: 200 messages to a socket of this machine and back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        began = time.perf_counter()
        for _ in range(200):
            writer.write(b"ping\n")
            await reader.readline()
        microseconds = (time.perf_counter() - began) / 200 * 1e6
        writer.close()
        await writer.wait_closed()
    return f"{microseconds:.0f} us there and back"


@scheduler.job("*/5 * * * * *")
def summary() -> str:
    """At second 0, 5, 10 ... of every minute: what the samples say."""
    recent = [taken.memory for taken in samples]
    return f"{len(recent)} samples, mean memory {mean(recent):.1f} %" if recent else "no sample yet"


@scheduler.target(name="survey")
def survey() -> str:
    """Once: read every Python file at the top of the standard library."""
    digest, files, size = hashlib.sha256(), 0, 0
    for path in sorted(Path(os.__file__).parent.glob("*.py")):
        content = path.read_bytes()
        digest.update(content)
        files, size = files + 1, size + len(content)
    return f"{files} files, {size / 1e6:.1f} MB, sha256 {digest.hexdigest()[:8]}"


def memory_in_use() -> float:
    """Per cent of the machine's memory in use; 0 on a system that does not say."""
    try:
        pairs = (line.split(":") for line in Path("/proc/meminfo").read_text("ascii").splitlines())
        amounts = {name: int(amount.split()[0]) for name, amount in pairs}
        return 100 * (1 - amounts["MemAvailable"] / amounts["MemTotal"])
    except (OSError, KeyError):
        pass
    try:
        return 100 * (1 - os.sysconf("SC_AVPHYS_PAGES") / os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return 0.0


# What is shown


def finished_runs() -> list[Run]:
    """Every run that has ended, in the order in which they started."""
    runs = [run for run in scheduler.ledger.runs(limit=500) if run.started_at and run.finished_at]
    return sorted(runs, key=started)


def started(run: Run) -> datetime:
    return run.started_at or run.due_at


def row(run: Run) -> str:
    clock = started(run).astimezone().strftime("%H:%M:%S.%f")[:-3]
    late, took = (1000 * (part or timedelta()).total_seconds() for part in (run.lateness, run.duration))
    said = run.value if run.error is None else f"{run.error.type}: {run.error.message}"
    return f"{clock}  {run.job_id:<12}{run.status:<11}{late:>8.1f}{took:>9.1f}  {said}"


HEADING = f"{'started':<14}{'job':<12}{'status':<11}{'late ms':>8}{'took ms':>9}  result"


def gauges() -> list[str]:
    """A line for each figure: the latest value, and its course on a scale from 0 to 100 or to the number of cores."""
    cores = os.cpu_count() or 1
    lines = []
    for name, values, top, unit in (
        ("memory", [taken.memory for taken in samples], 100, "% in use"),
        ("disk", [taken.disk for taken in samples], 100, "% in use"),
        ("load", [taken.load for taken in samples], cores, f"on {cores} cores"),
    ):
        course = "".join("▁▂▃▄▅▆▇█"[min(7, int(8 * value / top))] for value in values[-20:])
        lines.append(f"  {name:<8}{values[-1] if values else 0:>6.2f} {unit:<12}{course}")
    return lines


def watch(seconds: float) -> None:
    """Show the jobs at work until the time is up: redrawn in place on a terminal, line by line elsewhere."""
    live = sys.stdout.isatty()
    drawn = shown = 0
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        runs = finished_runs()
        if live:
            lines = [f"cronkit on this machine, {left:.0f} s to go", "", *gauges(), "", HEADING, *map(row, runs[-8:])]
            drawn = redraw(lines, drawn)
        else:
            print(*map(row, runs[shown:]), sep="\n", end="\n" * (len(runs) > shown), flush=True)
            shown = len(runs)
        time.sleep(min(left, 0.2))
    if live:
        redraw([], drawn)


def redraw(lines: list[str], drawn: int) -> int:
    """Put lines in the place of the last ``drawn`` ones, cut to the terminal; return how many there are now."""
    screen = shutil.get_terminal_size()
    lines = [line[: screen.columns - 1] for line in lines[: screen.lines - 1]]
    up = f"\x1b[{drawn}F" if drawn else ""
    print(f"{up}\x1b[J", *(f"{line}\n" for line in lines), sep="", end="", flush=True)
    return len(lines)


def timeline(runs: list[Run], columns: int = 60) -> list[str]:
    """A line for each job, with a mark wherever it ran, over a scale in seconds from the first start."""
    first, last = started(runs[0]), max(run.finished_at or started(run) for run in runs)
    seconds = max((last - first).total_seconds(), 1)

    def column(moment: datetime) -> int:
        return min(int((moment - first).total_seconds() / seconds * columns), columns - 1)

    lines = []
    for job in dict.fromkeys(run.job_id for run in runs):
        marks = ["·"] * columns
        for run in runs:
            if run.job_id == job:
                begin, end = column(started(run)), column(run.finished_at or last)
                marks[begin : end + 1] = "█" * (end + 1 - begin)
        lines.append(f"{job:<12}{''.join(marks)}")
    scale = [" "] * (columns + 6)
    for second in range(0, int(seconds) + 1, 1 + int(seconds) // 7):
        mark = column(first + timedelta(seconds=second))
        scale[mark : mark + 5] = f"{second} s".ljust(5)
    return [*lines, f"{'':<12}{''.join(scale)}".rstrip()]


def main() -> None:
    parser = argparse.ArgumentParser(description="Four jobs on this machine, shown live, then a table and a timeline.")
    parser.add_argument("--seconds", type=float, default=12, help="how long to run (default: %(default)s)")
    seconds = parser.parse_args().seconds
    if seconds <= 0:
        parser.error("--seconds must be more than 0")

    scheduler.add(survey, At(datetime.now(UTC) + timedelta(seconds=seconds / 4)), id="survey")
    print(*(f"{job.id:<12}{job.schedule.describe()}" for job in scheduler.jobs()), "", sep="\n")
    with scheduler, suppress(KeyboardInterrupt):
        watch(seconds)

    runs = finished_runs()
    print("", f"What is in {file}:", "", "Runs", HEADING, *map(row, runs), sep="\n")
    if runs:
        print("", "Timeline", *timeline(runs), sep="\n")
    failed = [run for run in runs if run.error is not None]
    print(f"\n{len(runs)} runs of {len(scheduler.jobs())} jobs, {len(failed)} failed")
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
