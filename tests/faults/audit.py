"""The auditor: holds the ledger of a scenario against its schedules, and against the journal of what really happened.

``audit`` finds every breach of what a store promises; a scenario passes when there is none. It works out from the
schedules themselves which occurrences there were.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from signal import SIGKILL, SIGSTOP
from statistics import median

from cronkit import Job, Run, RunStatus, Scheduler
from cronkit.jobs.keys import Cause
from cronkit.jobs.policies import CRASH_RERUNS, OnCrash
from tests.faults.herd import Disturbance
from tests.faults.journal import END, START, Entry

INSTANT = timedelta(microseconds=1)
ATTEMPT_FAILED = "AttemptFailed"


class Books:
    """All that there is to be known of a scenario."""

    def __init__(self, scheduler: Scheduler, entries: Sequence[Entry], disturbances: Sequence[Disturbance]) -> None:
        self.jobs = list(pages(scheduler.jobs(limit=1000), lambda cursor: scheduler.jobs(limit=1000, cursor=cursor)))
        ledger = scheduler.ledger
        self.runs = {
            run.id: run for run in pages(ledger.runs(limit=1000), lambda cursor: ledger.runs(limit=1000, cursor=cursor))
        }
        self.counts = {job.id: ledger.counts(job.id) for job in self.jobs}
        self.disturbances = disturbances
        self.starts: dict[str, list[Entry]] = defaultdict(list)
        self.ends: dict[tuple[str, int], Entry] = {}
        for entry in entries:
            if entry.what == START:
                self.starts[entry.facts["run"]].append(entry)
            elif entry.what == END:
                self.ends[entry.facts["run"], entry.facts["fence"]] = entry

    def of(self, job: Job) -> list[Run]:
        """The records of a job."""
        return [run for run in self.runs.values() if run.job == job.key]

    def was_disturbed(self, node: str, before: float) -> bool:
        """Whether a node was killed, or stood still for a while, before a time."""
        return any(each.node == node and each.at <= before for each in self.disturbances)

    def killed_at(self, node: str) -> float | None:
        """When a node was killed; None if it was not."""
        return next((each.at for each in self.disturbances if each.node == node and each.signal is SIGKILL), None)


def pages(page, more):  # type: ignore[no-untyped-def]
    """The items of a page, and of those that follow it."""
    while True:
        yield from page
        if page.cursor is None:
            return
        page = more(page.cursor)


def audit(books: Books) -> list[str]:
    """Every breach of a promise, in words."""
    faults = [*_double_keys(books), *_dangling(books)]
    for job in books.jobs:
        faults += _occurrences(job, books)
        faults += _counters(job, books)
        faults += _crash_policy(job, books)
    for run_id, starts in books.starts.items():
        faults += _claims(run_id, sorted(starts, key=lambda entry: entry.at), books)
    for run in books.runs.values():
        faults += _last_word(run, books)
    return faults


# -- P2: every occurrence once ----------------------------------------------------------------------------------------


def _occurrences(job: Job, books: Books) -> Iterator[str]:
    """Each occurrence, from the job's creation to its watermark, is in one record, and no other is in any."""
    covered: Counter[datetime] = Counter()
    for run in books.of(job):
        if run.cause is not Cause.SCHEDULE:
            continue
        stood_for = [
            each.astimezone(UTC) for each in job.schedule.between(run.scheduled_at, run.scheduled_until + INSTANT)
        ]
        if len(stood_for) != run.count or run.scheduled_at not in stood_for or run.scheduled_until not in stood_for:
            yield f"{run}: stands for {run.count} occurrences up to {run.scheduled_until}, there are {len(stood_for)}"
        covered.update(stood_for)
    until = job.watermark if job.pause is None else max(job.watermark, job.pause.since)
    owed = set(_between(job, job.created_at, until))
    for what, found in (
        ("accounted for twice", [instant for instant, count in covered.items() if count > 1]),
        ("lost", owed - covered.keys()),
        ("made up", covered.keys() - owed),
    ):
        if found:
            yield f"job {job.id}: {len(found)} occurrences were {what}: {_few(found)}"


def _between(job: Job, first: datetime, last: datetime) -> list[datetime]:
    return [each.astimezone(UTC) for each in job.schedule.between(first, last + INSTANT)]


def _double_keys(books: Books) -> Iterator[str]:
    keys = Counter(run.key for run in books.runs.values())
    yield from (f"{count} records have the key {key}" for key, count in keys.items() if count > 1)


def _dangling(books: Books) -> Iterator[str]:
    for run in books.runs.values():
        if run.related_id is not None and run.related_id not in books.runs:
            yield f"{run}: names a run that there is not, {run.related_id}"
    for run_id, starts in books.starts.items():
        if run_id not in books.runs:
            yield f"run {run_id} of {starts[0].facts['job']} was started, and is in no record"


def _counters(job: Job, books: Books) -> Iterator[str]:
    """The ledger's counts, the job's own counters and the records agree."""
    records: Counter[RunStatus] = Counter()
    for run in books.of(job):
        records[run.status] += run.count
    ended = Counter({status: count for status, count in records.items() if not status.is_open})
    if Counter(dict(books.counts[job.id])) != records:
        yield f"job {job.id}: the ledger counts {dict(books.counts[job.id])}, its records are {dict(records)}"
    if Counter(dict(job.counters)) != ended:
        yield f"job {job.id}: the job counts {dict(job.counters)}, its records are {dict(ended)}"


# -- P1, P3, P4: claims, crashes, fences ------------------------------------------------------------------------------


def _claims(run_id: str, starts: Sequence[Entry], books: Books) -> Iterator[str]:
    """A run starts once under each claim; two attempts overlap only where the first one's node was disturbed."""
    for field in ("attempt", "fence"):
        twice = [value for value, count in Counter(entry.facts[field] for entry in starts).items() if count > 1]
        if twice:
            yield f"run {run_id}: {field} {_few(twice)} was started twice"
    for former, latter in pairwise(starts):
        if latter.facts["fence"] < former.facts["fence"]:
            yield f"run {run_id}: fence {latter.facts['fence']} was started after fence {former.facts['fence']}"
        end = books.ends.get((run_id, former.facts["fence"]))
        overlaps = end is None or end.at > latter.at
        if overlaps and not books.was_disturbed(former.node, latter.at):
            yield (
                f"run {run_id}: attempt {latter.facts['attempt']} began on {latter.node} while attempt "
                f"{former.facts['attempt']} went on on {former.node}, which nobody had disturbed"
            )


def _crash_policy(job: Job, books: Books) -> Iterator[str]:
    """A run starts as often as it was claimed at most, and after a crash as its job says."""
    on_crash = job.policies.on_crash
    for run in books.of(job):
        starts = len(books.starts.get(run.id, ()))
        if starts > run.attempt:
            yield f"{run}: has {run.attempt} attempts, and was started {starts} times"
        if on_crash is OnCrash.FAIL and run.crashes and run.status is not RunStatus.ABANDONED:
            yield f"{run}: was to be abandoned after a crash"
        if on_crash is OnCrash.FAIL and starts > 1:
            yield f"{run}: was to start once at most, and was started {starts} times"
        if on_crash is OnCrash.HOLD and run.crashes and run.status is not RunStatus.HELD:
            yield f"{run}: was to be held after a crash"
        if run.crashes > CRASH_RERUNS + 1:
            yield f"{run}: was run again after {run.crashes - 1} crashes"


def _last_word(run: Run, books: Books) -> Iterator[str]:
    """How a run ended is what its last attempt said, which started, and ended, before it could say so."""
    if run.status is not RunStatus.SUCCEEDED:
        if run.error is not None and run.error.type == ATTEMPT_FAILED and run.error.message != f"attempt {run.attempt}":
            yield f"{run}: says {run.error.message!r}, and attempt {run.attempt} was its last: a stale write"
        return
    starts = books.starts.get(run.id, ())
    last = next((entry for entry in starts if entry.facts["attempt"] == run.attempt), None)
    if last is None:
        yield f"{run}: succeeded in attempt {run.attempt}, which was never started"
    elif (run.id, last.facts["fence"]) not in books.ends:
        yield f"{run}: succeeded in attempt {run.attempt}, whose target has not returned"
    elif run.value != {"attempt": run.attempt, "node": last.node}:
        yield f"{run}: has the value {run.value}, and attempt {run.attempt} on {last.node} was its last: a stale write"


# -- P5: how long it took ---------------------------------------------------------------------------------------------


def takeovers(books: Books) -> list[float]:
    """For each run that a killed node had started: seconds from the kill to the start of its next attempt."""
    seconds: list[float] = []
    for run_id, starts in books.starts.items():
        attempts = sorted(starts, key=lambda entry: entry.at)
        for former, latter in pairwise(attempts):
            killed_at, end = books.killed_at(former.node), books.ends.get((run_id, former.facts["fence"]))
            is_next = latter.facts["attempt"] == former.facts["attempt"] + 1
            if killed_at is not None and end is None and is_next:
                seconds.append(latter.at - killed_at)
    return seconds


def summary(books: Books) -> str:
    """What a scenario came to, in a line."""
    statuses: Counter[str] = Counter()
    for run in books.runs.values():
        statuses[run.status] += run.count
    times = takeovers(books)
    kills = sum(each.signal is SIGKILL for each in books.disturbances)
    stops = sum(each.signal is SIGSTOP for each in books.disturbances)
    text = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    taken = f"; {len(times)} takeovers, median {median(times):.2f} s, longest {max(times):.2f} s" if times else ""
    return f"{kills} kills, {stops} stops: {sum(map(len, books.starts.values()))} starts; {text}{taken}"


def _few(found: Iterable[object]) -> str:
    shown = sorted(found, key=str)
    return ", ".join(map(str, shown[:5])) + (" ..." if len(shown) > 5 else "")
