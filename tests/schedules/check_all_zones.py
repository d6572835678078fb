"""The long check: random expressions against the oracle round the offset changes of every zone, 1900 to 2100.

Run from the project's directory, as in ``python -m tests.schedules.check_all_zones --cases 12 --jobs 2`` (some five
minutes). A failure prints the case as a line that can be pasted into a Python session, and the status is then 1.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from cronkit.schedules import Cron
from tests.schedules.comparison import disagreement
from tests.schedules.oracle import Dialect, Policy, moment, occurrences, read
from tests.schedules.strategies import DIALECTS, POLICIES, Window, probes, random_expression, random_window


class Case(NamedTuple):
    """One expression in one window."""

    text: str
    dialect: Dialect
    dst: Policy
    window: Window

    def __str__(self) -> str:
        a, b = (f"datetime.fromisoformat({moment(end).isoformat()!r})" for end in self.window[1:3])
        options = f"tz={self.window.zone!r}, dialect={self.dialect!r}, dst={self.dst!r}"
        return f"Cron({self.text!r}, {options}).between({a}, {b})"


def random_case(rng: Random, zone: str) -> Case:
    dialect = rng.choice(DIALECTS)
    with_seconds = rng.random() < 0.15 and dialect != "vixie"
    window = random_window(rng, zone, longest=4 * 3600 if with_seconds else 2 * 86_400)
    text = random_expression(rng, dialect, window.middle(), with_seconds=with_seconds)
    return Case(text, dialect, rng.choice((*POLICIES, "vixie")), window)


def check(case: Case, rng: Random) -> str | None:
    """What the library and the oracle disagree about in this case, or None."""
    zone = ZoneInfo(case.window.zone)
    expected = occurrences(read(case.text, case.dialect), zone, case.window.a, case.window.b, case.dst)
    schedule = Cron(case.text, tz=case.window.zone, dialect=case.dialect, dst=case.dst)
    return disagreement(schedule, expected, zone, case.window.a, case.window.b, probes(rng, case.window, expected))


def check_zone(zone: str, cases: int, seed: int) -> tuple[str, list[str]]:
    rng = Random(f"{seed} {zone}")
    failures = []
    for _ in range(cases):
        case = random_case(rng, zone)
        try:
            wrong = check(case, rng)
        except Exception as error:  # reported with its case: any escape is a failure of the library
            wrong = f"{type(error).__name__}: {error}"
        if wrong is not None:
            failures.append(f"{case}  # {wrong}")
    return zone, failures


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zones", nargs="*", default=sorted(available_timezones()), help="zones (default: all)")
    parser.add_argument("--cases", type=int, default=40, help="expressions a zone (default: 40)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random cases (default: 1)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--keep-going", action="store_true", help="do not end at the first failing zone")
    options = parser.parse_args(arguments)

    started, failed, done = time.monotonic(), 0, 0
    with ProcessPoolExecutor(max_workers=options.jobs) as pool:
        waiting = [pool.submit(check_zone, zone, options.cases, options.seed) for zone in options.zones]
        for future in as_completed(waiting):
            zone, failures = future.result()
            done += 1
            failed += len(failures)
            for failure in failures:
                print(failure)
            if sys.stderr.isatty() or failures or done % 50 == 0 or done == len(waiting):
                elapsed = time.monotonic() - started
                print(f"{done}/{len(waiting)} zones, {failed} failures, {elapsed:.0f} s, last {zone}", file=sys.stderr)
            if failures and not options.keep_going:
                pool.shutdown(cancel_futures=True)
                break
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
