"""Reading cron expressions and finding their next run, beside cronsim, croniter and APScheduler 3.

    python benchmarks/next_run.py [--quick] [--cells]

Every library does the same work in turn, round after round, in one process, and each figure is the median over the
rounds, so that whatever else the machine does meets all of them. Times are in microseconds; a ratio is cronkit's time
divided by a peer's, and ratios over many cells are geometric means. A cell is one expression in one zone.

- parse: making the object, over 1,200 distinct texts with L, W and # among them (each peer on those that it reads)
- cold: making the object and finding its first run
- chained: each run from the one before, 100 times
- upcoming: a list of the next 1,000, an occurrence, against chained cronsim
- leap days: `0 0 29 2 *`, chained, in zones with daylight saving time
- impossible: refusing what can never run, against reading an expression of the same form
- memory: a fresh Cron, and one that has been stepped 1,000 times, without its zone

Peers that are not installed are named and left out (`pip install -e ".[bench]"`). Exits with 1 when a bar is missed.
"""

import argparse
import gc
import importlib
import itertools
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from statistics import geometric_mean, median
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from cronkit.errors import ScheduleError
from cronkit.schedules import Cron

EXPRESSIONS = (
    "* * * * *",
    "*/5 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "0 9 * * MON-FRI",
    "*/15 9-17 * * 1-5",
    "0 0 1 * *",
    "15 10 L * *",
    "0 12 * * FRI#2",
    "0 0,12 1,15 * *",
    "5 4 * * SUN",
    "0 0 29 2 *",
)
ZONES = ("UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe")
LEAP_DAY = "0 0 29 2 *"
IMPOSSIBLE = (
    ("0 0 31 2 *", "0 0 28 2 *"),
    ("0 0 31 4,6,9,11 *", "0 0 30 4,6,9,11 *"),
    ("0 0 30,31 FEB *", "0 0 1,2 FEB *"),
    ("0 0 0 29 2 * 1971/4", "0 0 0 28 2 * 1971/4"),
)
COLD = 50
STEPS = 100
LISTED = 1000


def start_in(zone: str) -> datetime:
    return datetime(2026, 11, 20, 10, 17, 33, tzinfo=ZoneInfo(zone))


class Library:
    """How one library reads a text, and finds so many runs in a row with what it read."""

    def __init__(self, name: str, read: Callable[[str, datetime], Any], run: Callable[[Any, datetime, int], None]):
        self.name = name
        self.read = read
        self.run = run


def cronkit_library() -> Library:
    def run(cron: Cron, moment: datetime | None, number: int) -> None:
        for _ in range(number):
            moment = cron.next(moment)

    return Library("cronkit", lambda text, start: Cron(text, tz=start.tzinfo), run)


def cronsim_library() -> Library:
    def run(cron: Any, start: datetime, number: int) -> None:
        for _ in range(number):
            next(cron)

    return Library("cronsim", importlib.import_module("cronsim").CronSim, run)


def croniter_library() -> Library:
    croniter = importlib.import_module("croniter").croniter

    def run(cron: Any, start: datetime, number: int) -> None:
        for _ in range(number):
            cron.get_next()

    return Library("croniter", lambda text, start: croniter(text, start, ret_type=datetime), run)


def apscheduler_library() -> Library:
    trigger = importlib.import_module("apscheduler.triggers.cron").CronTrigger

    def run(cron: Any, moment: datetime, number: int) -> None:
        previous: datetime | None = None
        for _ in range(number):
            previous = moment = cron.get_next_fire_time(previous, moment)

    return Library("apscheduler", lambda text, start: trigger.from_crontab(text, start.tzinfo), run)


Measure = Callable[[Library, str, datetime], float]

MAKERS = {"cronsim": cronsim_library, "croniter": croniter_library, "apscheduler": apscheduler_library}


def reads(library: Library, text: str) -> bool:
    """Whether a library reads a text and finds a run of it."""
    start = start_in("UTC")
    try:
        library.run(library.read(text, start), start, 1)
    except Exception:
        return False
    return True


def timed(work: Callable[[], object]) -> float:
    """Microseconds of one call."""
    began = perf_counter()
    work()
    return (perf_counter() - began) * 1e6


def interleaved(jobs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of each job's figures over rounds in which all take turns."""
    figures: dict[str, list[float]] = {name: [] for name in jobs}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, job in jobs.items():
                figures[name].append(job())
    finally:
        gc.enable()
    return {name: median(values) for name, values in figures.items()}


# What is measured


def distinct_texts() -> list[str]:
    """1,200 texts, no two alike, as people write them."""
    minutes = ("0", "*/5", "30", "5,35", "0-29", "10-50/10")
    hours = ("*", "9-17", "2", "*/2", "0,12")
    days = (
        ("*", "*"),
        ("1", "*"),
        ("L", "*"),
        ("LW", "*"),
        ("*", "MON-FRI"),
        ("*", "FRI#2"),
        ("*", "5L"),
        ("1,15", "*"),
        ("1-7", "MON"),
        ("*", "1,3,5"),
    )
    months = ("*", "1", "JAN-JUN", "*/3")
    return [
        f"{minute} {hour} {day} {month} {weekday}"
        for minute, hour, (day, weekday), month in itertools.product(minutes, hours, days, months)
    ]


def parse_time(library: Library, texts: list[str], start: datetime) -> float:
    read = library.read

    def work() -> None:
        for text in texts:
            read(text, start)

    return timed(work) / len(texts)


def parse_times(libraries: list[Library], rounds: int) -> dict[str, tuple[float, float, int]]:
    """For each peer: cronkit's and the peer's time a text, and how many texts both read."""
    start = start_in("America/New_York")
    ours, found = libraries[0], {}
    for peer in libraries[1:]:
        texts = [text for text in distinct_texts() if reads(peer, text)]
        figures = interleaved({lib.name: partial(parse_time, lib, texts, start) for lib in (ours, peer)}, rounds)
        found[peer.name] = (figures[ours.name], figures[peer.name], len(texts))
    return found


def cold_time(library: Library, text: str, start: datetime) -> float:
    read, run = library.read, library.run

    def work() -> None:
        for _ in range(COLD):
            run(read(text, start), start, 1)

    return timed(work) / COLD


def chained_time(library: Library, text: str, start: datetime) -> float:
    cron = library.read(text, start)
    return timed(lambda: library.run(cron, start, STEPS)) / STEPS


def upcoming_time(text: str, start: datetime) -> float:
    cron = Cron(text, tz=start.tzinfo)
    return timed(lambda: cron.upcoming(LISTED, start)) / LISTED


def refusal_time(text: str) -> float:
    def work() -> None:
        for _ in range(100):
            try:
                Cron(text)
            except ScheduleError:
                continue

    return timed(work)


def refusal_ratio(rounds: int) -> float:
    """The time to refuse what is impossible, divided by the time to read its like."""
    ratios = []
    for impossible, possible in IMPOSSIBLE:
        figures = interleaved({text: partial(refusal_time, text) for text in (impossible, possible)}, rounds)
        ratios.append(figures[impossible] / figures[possible])
    return geometric_mean(ratios)


def bytes_each(steps: int, number: int = 120) -> float:
    """What one Cron holds after so many steps, on average over all expressions; the zone's offsets are shared."""
    start = start_in("America/New_York")
    texts = list(itertools.islice(itertools.cycle(EXPRESSIONS), number))
    gc.collect()
    tracemalloc.start()
    crons = [Cron(text, tz=start.tzinfo) for text in texts]
    for cron in crons:
        moment: datetime | None = start
        for _ in range(steps):
            moment = cron.next(moment)
    gc.collect()
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()
    shared = tracemalloc.Filter(False, "*timeline.py")
    return sum(trace.size for trace in snapshot.filter_traces([shared]).traces) / number


# The report


class Report:
    """Prints each bar as it is known, and remembers whether all were met."""

    def __init__(self) -> None:
        self.missed = 0

    def bar(self, name: str, figure: float, bar: float, unit: str = "x") -> None:
        verdict = "PASS" if figure <= bar else "over"
        self.missed += figure > bar
        print(f"{name:<58}{figure:8.3f}{unit}   bar {bar:g}{unit:<3} {verdict}")

    def note(self, text: str) -> None:
        print(f"  {text}")


Table = dict[tuple[str, str], dict[str, float]]
"""The figures of each cell (expression, zone), by the name of the library or "upcoming"."""


def fill_table(libraries: list[Library], measure: Measure, rounds: int, *, upcoming: bool = False) -> Table:
    """One measure over all cells; in each the libraries take turns."""
    table: Table = {}
    for text, zone in itertools.product(EXPRESSIONS, ZONES):
        start = start_in(zone)
        jobs = {lib.name: partial(measure, lib, text, start) for lib in libraries if reads(lib, text)}
        if upcoming:
            jobs["upcoming"] = partial(upcoming_time, text, start)
        table[text, zone] = interleaved(jobs, rounds)
    return table


def report_table(report: Report, title: str, table: Table, bars: tuple[float, float], name: str = "cronkit") -> None:
    """The mean ratio to cronsim, and the worst cell's to the best peer in it."""
    for peer in MAKERS:
        ratios = [figures[name] / figures[peer] for figures in table.values() if peer in figures]
        if peer == "cronsim":
            report.bar(f"{title}, against cronsim", geometric_mean(ratios), bars[0])
        elif ratios:
            report.note(f"{title}, against {peer}: {geometric_mean(ratios):.3f}x")
    ratio, cell = max(
        (figures[name] / min(figure for peer, figure in figures.items() if peer in MAKERS), cell)
        for cell, figures in table.items()
    )
    report.bar(f"{title}, worst cell against its best peer", ratio, bars[1])
    report.note(f"the worst cell is {' in '.join(cell)}")


def show_table(report: Report, table: Table) -> None:
    for (text, zone), figures in table.items():
        report.note(f"{text:<20}{zone:<22}" + "".join(f"{name} {figure:<9.2f}" for name, figure in figures.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: about 10 s, rougher figures")
    parser.add_argument("--cells", action="store_true", help="print every cell, in microseconds")
    options = parser.parse_args()
    rounds = 3 if options.quick else 11

    libraries = [cronkit_library()]
    for name, make in MAKERS.items():
        try:
            libraries.append(make())
        except ImportError:
            print(f'{name} is missing: pip install -e ".[bench]"', file=sys.stderr)
    if "cronsim" not in [library.name for library in libraries]:
        print("without cronsim there is nothing to hold the bars against", file=sys.stderr)
        return 2

    report = Report()
    for peer, (ours, theirs, number) in parse_times(libraries, rounds).items():
        if peer == "cronsim":
            report.bar(f"parse, {number} texts, against cronsim", ours / theirs, 0.6)
        else:
            report.note(f"parse, {number} texts, against {peer}: {ours / theirs:.3f}x ({ours:.2f} and {theirs:.2f} us)")

    cold = fill_table(libraries, cold_time, rounds)
    report_table(report, "cold next", cold, (0.35, 1.25))
    chained = fill_table(libraries, chained_time, rounds, upcoming=True)
    report_table(report, "chained next", chained, (0.15, 1.0))
    report_table(report, f"upcoming({LISTED}), an occurrence", chained, (0.1, 1.0), "upcoming")
    leap = [chained[LEAP_DAY, zone] for zone in ZONES if zone != "UTC"]
    report.bar("leap days, chained, against cronsim", geometric_mean(f["cronkit"] / f["cronsim"] for f in leap), 0.2)
    report.bar("impossible, against reading its like", refusal_ratio(rounds), 2.0)
    report.bar("memory of a fresh Cron", bytes_each(0), 700, " B")
    report.bar("memory of a Cron after 1,000 steps", bytes_each(1000), 1500, " B")
    for title, table in (("cold next", cold), ("chained next", chained)) if options.cells else ():
        print(f"{title}, in microseconds")
        show_table(report, table)
    return int(report.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
