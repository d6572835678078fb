"""Where other cron libraries depart from the rules that cronkit follows, found by running them.

Prints the Markdown table of docs/peers.md. Peers that are not installed are left out and named on standard error:

    pip install ".[bench]"
    python benchmarks/peer_departures.py
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from cronkit.schedules import Cron

TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question: the ``n`` occurrences after (or before) a moment, under one rule."""

    rule: str
    text: str
    start: str
    zone: str = "UTC"
    n: int = 1
    back: bool = False


Step = Callable[[], datetime | None]
Peer = Callable[[Case], Step]


# ---- who answers: each reads the expression at once, and gives a function for one occurrence after another -----------


def start_of(case: Case) -> datetime:
    return datetime.fromisoformat(case.start).astimezone(ZoneInfo(case.zone))


def cronkit(case: Case) -> Step:
    cron = Cron(case.text, tz=None if "TZ=" in case.text else case.zone)
    here: datetime | None = start_of(case)

    def step() -> datetime | None:
        nonlocal here
        here = cron.previous(here) if case.back else cron.next(here)
        return here

    return step


def cronsim(case: Case) -> Step:
    from cronsim import CronSim

    search = CronSim(case.text, start_of(case), reverse=case.back)
    return lambda: next(search, None)


def croniter(case: Case) -> Step:
    from croniter import croniter as Croniter

    search: Any = Croniter(case.text, start_of(case), ret_type=datetime)
    return search.get_prev if case.back else search.get_next


def apscheduler(case: Case) -> Step:
    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger.from_crontab(case.text, timezone=ZoneInfo(case.zone))
    fired: datetime | None = None

    def step() -> datetime | None:
        nonlocal fired
        if case.back:
            raise NotImplementedError("APScheduler does not search backwards")
        fired = trigger.get_next_fire_time(fired, fired or start_of(case) + TICK)
        return fired

    return step


PEERS: dict[str, Peer] = {"cronsim": cronsim, "croniter": croniter, "APScheduler": apscheduler}


# ---- what is asked --------------------------------------------------------------------------------------------------

NEW_YORK, LORD_HOWE = "America/New_York", "Australia/Lord_Howe"

CASES = [
    Case(rule="2. `next` is strictly after", text="30 1 * * *", zone=NEW_YORK, start="2021-11-07T01:10-05:00"),
    Case(
        rule="2. `next` is strictly after", text="0 0 * * *", zone="America/Sao_Paulo", start="2018-02-17T23:30-03:00"
    ),
    Case(
        rule="2. `previous` is strictly before",
        text="30 1 * * *",
        zone=NEW_YORK,
        start="2021-11-07T01:15-05:00",
        back=True,
    ),
    Case(
        rule="3. parts of a second compare exactly", text="0 10 * * *", start="2024-05-01T10:00:00.500+00:00", back=True
    ),
    Case(rule="6. a star in either day field asks for both", text="0 0 */2 * MON", start="2024-01-01T12:00Z", n=3),
    Case(rule="6. a star in either day field asks for both", text="0 0 13 * FRI", start="2024-09-01T12:00Z", n=3),
    Case(rule="6. `1-31` is no star", text="0 0 1-31 * MON", start="2024-01-01T12:00Z", n=3),
    Case(rule="6. `+` asks for both", text="0 0 13 * +FRI", start="2024-09-01T12:00Z", n=2),
    Case(
        rule="9. a starred field runs whenever it matches",
        text="*/15 2 * * *",
        zone=NEW_YORK,
        start="2021-03-14T00:00-05:00",
    ),
    Case(
        rule="9. a starred field runs whenever it matches",
        text="0 */6 * * *",
        zone=LORD_HOWE,
        start="2021-10-02T23:00+10:30",
        n=2,
    ),
    Case(
        rule="9. a starred field runs whenever it matches",
        text="30 * * * *",
        zone=LORD_HOWE,
        start="2021-10-03T01:00+10:30",
        n=2,
    ),
    Case(
        rule="9. a starred field runs whenever it matches",
        text="*/30 1 * * *",
        zone=NEW_YORK,
        start="2021-11-07T00:00-04:00",
        n=4,
    ),
    Case(
        rule="10. a fixed time runs once in a fold",
        text="30 1 * * *",
        zone=NEW_YORK,
        start="2021-11-07T00:00-04:00",
        n=2,
    ),
    Case(
        rule="10. a fixed time runs once in a fold",
        text="30 1 * * *",
        zone=NEW_YORK,
        start="2021-11-08T00:00-05:00",
        n=2,
        back=True,
    ),
    Case(
        rule="11. a skipped fixed time runs at the change",
        text="30 2 * * *",
        zone=NEW_YORK,
        start="2021-03-14T00:00-05:00",
    ),
    Case(
        rule="11. a skipped fixed time runs at the change",
        text="0 0 * * *",
        zone="Asia/Beirut",
        start="2021-03-27T12:00+02:00",
    ),
    Case(
        rule="11. a skipped fixed time runs at the change",
        text="30 2 * * *",
        zone=NEW_YORK,
        start="2021-03-14T12:00-04:00",
        back=True,
    ),
    Case(
        rule="12. several of them are one run",
        text="0,30 2,3 * * *",
        zone=NEW_YORK,
        start="2021-03-14T00:00-05:00",
        n=3,
    ),
    Case(
        rule="13. a skipped day does not run late",
        text="0 12 * * *",
        zone="Pacific/Apia",
        start="2011-12-29T13:00-10:00",
    ),
    Case(
        rule="13. a repeated day runs again",
        text="0 12 * * *",
        zone="Pacific/Kwajalein",
        start="1969-09-30T00:00+11:00",
        n=3,
    ),
    Case(
        rule="14. only the offset decides", text="30 1 * * *", zone="Europe/Dublin", start="2021-10-31T00:00+01:00", n=2
    ),
    Case(
        rule="14. only the offset decides", text="30 2 * * *", zone="Africa/Casablanca", start="2021-05-16T00:00+00:00"
    ),
    Case(rule="14. only the offset decides", text="45 2 * * *", zone="America/Caracas", start="2016-05-01T00:00-04:30"),
    Case(rule="14. only the offset decides", text="15 2 * * *", zone=LORD_HOWE, start="2021-10-03T00:00+10:30"),
    Case(rule="14. only the offset decides", text="45 1 * * *", zone=LORD_HOWE, start="2021-04-04T00:00+11:00", n=2),
    Case(
        rule="14. only the offset decides", text="30 1 * * *", zone="Antarctica/Troll", start="2021-03-28T00:00+00:00"
    ),
    Case(rule="15. offsets may have seconds", text="0 0 * * *", zone="Africa/Monrovia", start="1972-01-06T12:00Z"),
    Case(rule="18. the limits of datetime give None", text="* * * * *", start="9999-12-31T23:59:30Z"),
    Case(rule="18. the limits of datetime give None", text="0 0 29 2 *", start="9997-01-01T00:00Z"),
    Case(rule="18. the limits of datetime give None", text="* * * * *", start="0001-01-01T00:00Z", back=True),
    Case(rule="18. what can never match is refused", text="0 0 31 2 *", start="2024-01-01T12:00Z"),
    Case(rule="18. what can never match is refused", text="0 0 */100 * MON#4", start="2024-01-01T12:00Z"),
    Case(rule="18. `0 0 31 2 MON` is legal", text="0 0 31 2 MON", start="2024-01-01T12:00Z"),
    Case(rule="19. empty items are refused", text="0 0 * * 1,,2", start="2024-01-01T12:00Z"),
    Case(rule="19. only ASCII digits", text="٥ * * * *", start="2024-01-01T12:00Z"),
    Case(rule="19. at most 256 characters", text=",".join(["5"] * 200) + " * * * *", start="2024-01-01T12:00Z"),
    Case(rule="20. nothing is random", text="R * * * *", start="2024-01-01T12:00Z"),
    Case(rule="grammar: Sunday is 0 and 7", text="0 0 * * 0", start="2024-01-01T12:00Z"),
    Case(rule="grammar: Sunday is 0 and 7", text="0 0 * * 7", start="2024-01-01T12:00Z"),
    Case(rule="grammar: seconds first", text="15 30 6 * * *", start="2024-01-01T12:00Z"),
    Case(rule="grammar: ranges wrap", text="0 0 * * FRI-MON", start="2024-01-01T12:00Z", n=4),
    Case(rule="grammar: ranges wrap", text="0 22-2 * * *", start="2024-01-01T21:00Z", n=2),
    Case(rule="grammar: a step counts", text="0 0 * * MON-FRI/2", start="2024-01-01T12:00Z", n=3),
    Case(rule="grammar: a step counts", text="0 0 * * MON/2", start="2024-01-01T12:00Z", n=3),
    Case(rule="grammar: `5/15` goes to the end of the field", text="5/15 * * * *", start="2024-01-01T12:00Z", n=4),
    Case(rule="grammar: a large step is its first value", text="*/100 * * * *", start="2024-01-01T12:30Z"),
    Case(rule="grammar: # is the nth weekday", text="0 0 * * FRI#2", start="2024-01-01T12:00Z", n=2),
    Case(rule="grammar: L is the last", text="0 0 L * *", start="2024-02-01T12:00Z"),
    Case(rule="grammar: L is the last", text="0 0 L-3 * *", start="2024-02-01T12:00Z"),
    Case(rule="grammar: L is the last", text="0 0 * * 5L", start="2024-01-01T12:00Z"),
    Case(rule="grammar: L is the last", text="0 0 * * FRIL", start="2024-01-01T12:00Z"),
    Case(rule="grammar: W is the nearest weekday", text="0 0 LW * *", start="2024-03-01T12:00Z"),
    Case(rule="grammar: W is the nearest weekday", text="0 0 15W * *", start="2024-06-01T12:00Z"),
    Case(rule="grammar: W is the nearest weekday", text="0 0 L-3W * *", start="2024-01-01T12:00Z"),
    Case(rule="grammar: `?` is no restriction", text="0 0 ? * MON", start="2024-01-01T12:00Z"),
    Case(rule="grammar: `?` only in a day field", text="? * * * *", start="2024-01-01T12:00Z"),
    Case(rule="grammar: aliases", text="@weekly", start="2024-01-01T12:00Z"),
    Case(rule="grammar: `CRON_TZ=`", text="CRON_TZ=Europe/Paris 0 9 * * *", start="2024-07-01T12:00Z"),
]


# ---- the table ------------------------------------------------------------------------------------------------------


def answer(peer: Peer, case: Case) -> str:
    """What one library makes of a case, as text; asked several times, because one of them answers at random."""
    answers = {asked_once(peer, case) for _ in range(4)}
    return answers.pop() if len(answers) == 1 else "another answer each time"


def asked_once(peer: Peer, case: Case) -> str:
    try:
        step = peer(case)
    except Exception:  # each library refuses with an error of its own
        return "refused"
    found: list[str] = []
    while len(found) < case.n and "None" not in found:
        try:
            moment = step()
        except NotImplementedError:
            return "cannot"
        except Exception as error:  # the table shows whatever a search raises
            return f"accepted, then {type(error).__name__}"
        found.append("None" if moment is None else written(moment))
    return "<br>".join(found)


def written(moment: datetime) -> str:
    text = moment.isoformat(" ", "seconds" if moment.second or moment.microsecond else "minutes")
    real = moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) == moment.replace(tzinfo=None)
    return text if real else f"{text} (does not exist)"


def shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:18]} ... {text[-14:]}"


def rows(peers: dict[str, Peer]) -> Iterable[str]:
    for rule, cases in groupby(CASES, key=lambda case: case.rule):
        for first, case in enumerate(cases):
            ours = answer(cronkit, case)
            others = (answer(peer, case) for peer in peers.values())
            question = f"`{shortened(case.text)}`<br>{case.zone}, {'before' if case.back else 'after'} {case.start}"
            cells = [
                rule if not first else "",
                question,
                ours,
                *("same" if other == ours else other for other in others),
            ]
            yield "| " + " | ".join(cells) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    peers = {}
    for name, peer in PEERS.items():
        try:
            peers[f"{name} {version(name.lower())}"] = peer
        except PackageNotFoundError:
            print(f"{name} is not installed and is left out", file=sys.stderr)
    print(f"| rule | question | cronkit | {' | '.join(peers)} |")
    print("|" + " --- |" * (3 + len(peers)))
    for row in rows(peers):
        print(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
