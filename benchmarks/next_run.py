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
from collections.abc import Callable, Iterator
from datetime import datetime
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
)
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
    def run(cron: Any, _: datetime, number: int) -> None:
        for _ in range(number):
            next(cron)

    return Library("cronsim", importlib.import_module("cronsim").CronSim, run)


def croniter_library() -> Library:
    croniter = importlib.import_module("croniter").croniter

    def run(cron: Any, _: datetime, number: int) -> None:
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


def interleaved(jobs: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
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


def parse_times(libraries: list[Library], rounds: int) -> dict[str, tuple[float, float, int]]:
    """For each peer: cronkit's and the peer's time a text, and how many texts both read."""
    start = start_in("America/New_York")
    ours, found = libraries[0], {}
    for peer in libraries[1:]:
        texts = [text for text in distinct_texts() if reads(peer, text)]

        def read_all(library: Library, texts: list[str] = texts) -> float:
            read = library.read

            def work() -> None:
                for text in texts:
                    read(text, start)

            return timed(work) / len(texts)

        figures = interleaved({lib.name: lambda lib=lib: read_all(lib) for lib in (ours, peer)}, rounds)
        found[peer.name] = (figures[ours.name], figures[peer.name], len(texts))
    return found


def cold_time(library: Library, text: str, start: datetime) -> float:
    read, run = library.read, library.run

    def work() -> None:
        for _ in range(20):
            run(read(text, start), start, 1)

    return timed(work) / 20


def chained_time(library: Library, text: str, start: datetime) -> float:
    cron = library.read(text, start)
    return timed(lambda: library.run(cron, start, STEPS)) / STEPS


def upcoming_time(text: str, start: datetime) -> float:
    cron = Cron(text, tz=start.tzinfo)
    return timed(lambda: cron.upcoming(LISTED, start)) / LISTED


def cells(libraries: list[Library], expressions: tuple[str, ...]) -> Iterator[tuple[str, datetime, list[Library]]]:
    for text, zone in itertools.product(expressions, ZONES):
        yield text, start_in(zone), [library for library in libraries if reads(library, text)]


def refusal_ratio(rounds: int) -> float:
    """The time to refuse what is impossible, divided by the time to read its like."""

    def read(text: str) -> float:
        def work() -> None:
            for _ in range(100):
                try:
                    Cron(text)
                except ScheduleError:
                    continue

        return timed(work)

    ratios = []
    for impossible, possible in IMPOSSIBLE:
        figures = interleaved({text: lambda text=text: read(text) for text in (impossible, possible)}, rounds)
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
    shared = [tracemalloc.Filter(False, f"*{name}.py") for name in ("timeline", "next_run")]
    return sum(trace.size for trace in snapshot.filter_traces(shared).traces) / number


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


def compare(
    report: Report,
    title: str,
    libraries: list[Library],
    measure: Callable[[Library, str, datetime], float],
    rounds: int,
    bars: tuple[float, float],
    show: bool,
) -> dict[tuple[str, str], dict[str, float]]:
    """One measure over all cells: the mean against cronsim, and the worst cell against the best peer in it."""
    table: dict[tuple[str, str], dict[str, float]] = {}
    for text, start, readers in cells(libraries, EXPRESSIONS):
        jobs = {lib.name: lambda lib=lib, text=text, start=start: measure(lib, text, start) for lib in readers}
        table[text, str(start.tzinfo)] = interleaved(jobs, rounds)
    for (text, zone), figures in table.items() if show else ():
        report.note(f"{text:<20}{zone:<22}" + "".join(f"{name} {figure:<9.2f}" for name, figure in figures.items()))
    for peer in [library.name for library in libraries[1:]]:
        ratio = geometric_mean(figures["cronkit"] / figures[peer] for figures in table.values() if peer in figures)
        if peer == "cronsim":
            report.bar(f"{title}, against cronsim", ratio, bars[0])
        else:
            report.note(f"{title}, against {peer}: {ratio:.3f}x")
    worst = max(
        (figures["cronkit"] / min(figure for name, figure in figures.items() if name != "cronkit"), cell)
        for cell, figures in table.items()
        if len(figures) > 1
    )
    report.bar(f"{title}, worst cell against its best peer", worst[0], bars[1])
    report.note(f"the worst cell is {worst[1][0]} in {worst[1][1]}")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: about 10 s, rougher figures")
    parser.add_argument("--cells", action="store_true", help="print every cell, in microseconds")
    options = parser.parse_args()
    rounds = 5 if options.quick else 21

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
    for peer, (ours, theirs, number) in parse_times(libraries, max(3, rounds // 3)).items():
        if peer == "cronsim":
            report.bar(f"parse, {number} texts, against cronsim", ours / theirs, 0.6)
        else:
            report.note(f"parse, {number} texts, against {peer}: {ours / theirs:.3f}x ({ours:.2f} and {theirs:.2f} us)")

    compare(report, "cold next", libraries, cold_time, rounds, (0.35, 1.25), options.cells)
    chained = compare(report, "chained next", libraries, chained_time, rounds, (0.15, 1.0), options.cells)

    upcoming = []
    for (text, zone), figures in chained.items():
        ours = interleaved(
            {"upcoming": lambda text=text, zone=zone: upcoming_time(text, start_in(zone))}, max(3, rounds // 7)
        )
        upcoming.append((ours["upcoming"] / figures["cronsim"], text, zone))
    report.bar(
        f"upcoming({LISTED}) an occurrence, against cronsim chained", geometric_mean(cell[0] for cell in upcoming), 0.1
    )
    report.bar(f"upcoming({LISTED}), worst cell", max(upcoming)[0], 1.0)

    leap = [chained[LEAP_DAY, zone] for zone in ZONES if zone != "UTC"]
    report.bar("leap days, chained, against cronsim", geometric_mean(f["cronkit"] / f["cronsim"] for f in leap), 0.2)
    report.bar("impossible, against reading its like", refusal_ratio(rounds), 2.0)
    report.bar("memory of a fresh Cron", bytes_each(0), 700, " B")
    report.bar("memory of a Cron after 1,000 steps", bytes_each(1000), 1500, " B")
    return int(report.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
