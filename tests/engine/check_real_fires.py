"""Real fires on real threads, while other threads add, pause, update and remove: is every occurrence accounted for?

    python -m tests.engine.check_real_fires --fires 200000 --jobs 1000

Prints what happened and exits 1 when an occurrence is missing, or is in the ledger twice. A sample runs with the tests.
"""

import argparse
import random
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cronkit import Every, MemoryStore, Run, Schedule, Scheduler, events

INSTANT = timedelta(microseconds=1)
PERIODS = ("50ms", "100ms", "150ms")
LINGER = 60.0


@dataclass
class Life:
    """One life of a job: which schedule held from when, and until when anything is owed."""

    schedules: list[tuple[datetime, Schedule]]
    ended: datetime | None = None

    def owed(self, until: datetime) -> Iterator[datetime]:
        """Every occurrence up to the life's end, or ``until``."""
        until = self.ended or until
        edges = [start + INSTANT for start, _ in self.schedules[1:]] + [until + INSTANT]
        for (start, schedule), end in zip(self.schedules, edges, strict=True):
            # An update accounts for the old schedule up to and including its own instant, which may be one of both.
            yield from schedule.between(start, end)


@dataclass
class Outcome:
    """What a check found."""

    fires: int
    statuses: Counter[str]
    changes: Counter[str]
    faults: list[str] = field(default_factory=list)


def check(fires: int, jobs: int, seed: int = 0) -> Outcome:
    """Run until ``fires`` runs have started, disturb the jobs meanwhile, and audit the ledger."""
    store = MemoryStore(keep_runs=20 * fires + 100_000, keep_ended_jobs=1_000_000)
    scheduler = Scheduler(store)
    started = threading.Semaphore(0)
    scheduler.target(started.release, name="fire")
    lives: dict[tuple[str, int], Life] = {}
    changes: Counter[str] = Counter()
    stop = threading.Event()

    def add(job_id: str, period: str) -> None:
        job = scheduler.add("fire", Every(period), id=job_id)
        lives[job_id, job.key.generation] = Life([(job.created_at, job.schedule)])

    def disturb(part: int) -> None:
        """Each thread has jobs of its own, so that it knows what it did to them."""
        chance = random.Random(seed * 100 + part)
        removed: dict[str, datetime] = {}

        @scheduler.on(events.JobRemoved)
        def note(event: events.JobRemoved) -> None:
            removed[event.job_id] = event.at

        for number in range(part, jobs, 3):
            add(f"job-{number}", chance.choice(PERIODS))
        while not stop.wait(0.001):
            job_id = f"job-{chance.randrange(part, jobs, 3)}"
            action = chance.choice(["pause", "resume", "update", "replace"])
            changes[action] += 1
            key = (job_id, scheduler.get(job_id).key.generation)
            if action == "pause":
                scheduler.pause(job_id)
            elif action == "resume":
                scheduler.resume(job_id)
            elif action == "update":
                job = scheduler.update(job_id, schedule=Every(chance.choice(PERIODS)))
                if job.schedule != lives[key].schedules[-1][1]:
                    lives[key].schedules.append((job.updated_at, job.schedule))
            else:
                scheduler.remove(job_id)
                scheduler._parts.bus.drain(timedelta(seconds=LINGER))
                lives[key].ended = removed.pop(job_id)
                add(job_id, chance.choice(PERIODS))

    with scheduler:
        threads = [threading.Thread(target=disturb, args=(part,)) for part in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(fires):
            assert started.acquire(timeout=LINGER), "nothing fires any more"
        stop.set()
        for thread in threads:
            thread.join()
    for job_id in {job_id for job_id, _ in lives}:
        scheduler.resume(job_id)
    return _audit(scheduler, lives, changes)


def _audit(scheduler: Scheduler, lives: dict[tuple[str, int], Life], changes: Counter[str]) -> Outcome:
    runs: dict[tuple[str, int], list[Run]] = defaultdict(list)
    outcome = Outcome(0, Counter(), changes)
    cursor: str | None = None
    while True:
        page = scheduler.ledger.runs(limit=1000, cursor=cursor)
        for run in page:
            runs[run.job.id, run.job.generation].append(run)
            outcome.statuses[run.status.value] += run.count
            outcome.fires += run.started_at is not None
        cursor = page.cursor
        if cursor is None:
            break
    for key, life in lives.items():
        covered: Counter[datetime] = Counter()
        for run in runs[key]:
            covered.update(_covered(run, life))
        watermark = life.ended or scheduler.get(key[0]).watermark
        owed = set(life.owed(watermark))
        twice = [instant for instant, count in covered.items() if count > 1]
        if twice or covered.keys() != owed:
            lost, made_up = sorted(owed - covered.keys())[:3], sorted(covered.keys() - owed)[:3]
            outcome.faults.append(f"{key}: lost {lost}, made up {made_up}, twice {twice[:3]}")
    return outcome


def _covered(run: Run, life: Life) -> list[datetime]:
    """The occurrences that a record stands for: those of the schedule that held when they were due."""
    if run.count == 1:
        return [run.scheduled_at]
    for index, (start, schedule) in enumerate(life.schedules):
        following = life.schedules[index + 1][0] if index + 1 < len(life.schedules) else None
        if start <= run.scheduled_at and (following is None or run.scheduled_at < following):
            span = schedule.between(run.scheduled_at, run.scheduled_until + INSTANT)
            if len(span) == run.count:
                return span
    return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fires", type=int, default=200_000)
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    outcome = check(options.fires, options.jobs, options.seed)
    print(f"{outcome.fires:,} runs started; occurrences by status: {dict(outcome.statuses)}")
    print(f"changes meanwhile: {dict(outcome.changes)}")
    print(*outcome.faults[:20], sep="\n")
    print(f"{len(outcome.faults)} jobs whose occurrences are not all accounted for exactly once")
    sys.exit(bool(outcome.faults))


if __name__ == "__main__":
    main()
