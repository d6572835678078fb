"""Random lives of a scheduler: jobs of every kind, and what happens to them."""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from cronkit import At, Fail, Job, Missed, Retry, RetryLater, Run, RunContext, RunStatus, Schedule, Scheduler, Skip
from cronkit.errors import CronkitError
from cronkit.events import (
    RunAbandoned,
    RunCancelled,
    RunCoalesced,
    RunEvent,
    RunFailed,
    RunHeld,
    RunMissed,
    RunRetrying,
    RunSkipped,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
)
from cronkit.testing import Simulation, simulate
from tests.testing.books import Books

ENDS = (RunSucceeded, RunFailed, RunTimedOut, RunCancelled, RunRetrying, RunSkipped, RunAbandoned, RunHeld)
_RUN_ENDS: dict[type[RunEvent], RunStatus] = {
    RunSucceeded: RunStatus.SUCCEEDED,
    RunFailed: RunStatus.FAILED,
    RunTimedOut: RunStatus.TIMED_OUT,
    RunCancelled: RunStatus.CANCELLED,
    RunSkipped: RunStatus.SKIPPED,
    RunMissed: RunStatus.MISSED,
    RunCoalesced: RunStatus.COALESCED,
    RunAbandoned: RunStatus.ABANDONED,
}
IDS = ("a", "b", "c")

STARTS = ["2026-01-15T11:59:30", "2026-03-29T00:30", "2026-10-25T00:30", "2027-12-31T23:30"]
ZONES = ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe"]
SCHEDULES = [
    "30s",
    "1m",
    "7m",
    "1h",
    "90m",
    "* * * * *",
    "*/20 * * * * *",
    "*/15 1-3 * * *",
    "30 2 * * *",
    "0 * * * *",
    "5,35 0-4 * * *",
    "now",
    "in 10 minutes",
    "in 40, 90 minutes",
]

seconds = st.integers(1, 20).map(lambda n: f"{n}s")
minutes = st.integers(1, 90).map(lambda n: f"{n}m")
short = st.one_of(seconds, minutes)

policies = st.fixed_dictionaries(
    {},
    optional={
        "missed": st.one_of(
            st.sampled_from(["latest", "skip", "all"]),
            minutes.map(lambda within: Missed.latest(within=within)),
            minutes.map(lambda grace: Missed.skip(grace=grace)),
            st.integers(1, 5).map(lambda limit: Missed.all(limit=limit)),
        ),
        "overlap": st.sampled_from(["skip", "queue", "allow"]),
        "retry": st.one_of(st.integers(1, 3), seconds.map(lambda delay: Retry(attempts=3, delay=delay, backoff=2.0))),
        "on_crash": st.sampled_from(["rerun", "fail", "hold"]),
        "timeout": short,
        "spread": short,
        "jitter": short,
        "max_runs": st.integers(1, 5),
    },
)
OUTCOMES = ["return", "return", "fail", "give up", "skip", "later"]


@dataclass(frozen=True, kw_only=True)
class JobPlan:
    """A job, and how its starts end, one after the other and from the beginning again."""

    id: str
    schedule: str
    is_coroutine: bool
    takes: str | timedelta
    outcomes: list[str]
    options: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A start, some jobs, and the steps that follow."""

    start: str
    tz: str
    jobs: list[JobPlan]
    steps: list[tuple[Any, ...]]


ids = st.sampled_from(IDS)
steps = st.one_of(
    st.tuples(st.just("advance"), short),
    st.tuples(st.just("advance"), short),
    st.tuples(st.just("advance"), short),
    st.tuples(st.just("suspend"), short),
    st.tuples(st.just("suspend"), st.sampled_from(["8h", "3d"])),
    st.tuples(st.just("step_clock"), st.tuples(st.sampled_from(["", "-"]), short).map("".join)),
    st.tuples(st.just("crash")),
    st.tuples(st.just("crash")),
    st.tuples(st.just("trigger"), ids, st.sampled_from([None, "once"])),
    st.tuples(st.just("pause"), ids, st.one_of(st.none(), short)),
    st.tuples(st.just("resume"), ids),
    st.tuples(st.just("reschedule"), ids, st.sampled_from(SCHEDULES)),
    st.tuples(st.just("change"), ids, policies),
    st.tuples(st.just("remove"), ids),
    st.tuples(st.just("add"), ids),
    st.tuples(st.just("cancel"), ids),
    st.tuples(st.just("release"), ids),
)


@st.composite
def job_plans(draw: st.DrawFn, job_id: str) -> JobPlan:
    is_coroutine = draw(st.integers(0, 3)) == 3
    options = draw(policies)
    if is_coroutine and draw(st.booleans()):
        options["overlap"] = "cancel_running"
    return JobPlan(
        id=job_id,
        schedule=draw(st.sampled_from(SCHEDULES)),
        is_coroutine=is_coroutine,
        takes=draw(st.one_of(st.just(timedelta()), seconds, minutes)),
        outcomes=draw(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4)),
        options=options,
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    return Scenario(
        start=draw(st.sampled_from(STARTS)),
        tz=draw(st.sampled_from(ZONES)),
        jobs=[draw(job_plans(job_id)) for job_id in IDS[: draw(st.integers(2, 3))]],
        steps=draw(st.lists(steps, min_size=6, max_size=20)),
    )


class Play:
    """One scenario, played on a scheduler of its own."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.scheduler = Scheduler(tz=scenario.tz)
        self.plans = {plan.id: plan for plan in scenario.jobs}
        self.faults: list[str] = []
        for plan in scenario.jobs:
            self._declare(plan)

    def _schedule(self, text: str, now: datetime) -> str | Schedule:
        """A schedule of the list; instants are counted from ``now``."""
        if not text.startswith("in "):
            return text
        return At(*(now + timedelta(minutes=int(number)) for number in re.findall(r"\d+", text)), tz=self.scenario.tz)

    def _declare(self, plan: JobPlan) -> None:
        def function(run: RunContext) -> None:
            run.progress(0.5)

        async def coroutine(run: RunContext) -> None:
            await asyncio.sleep(1)

        target = coroutine if plan.is_coroutine else function
        self.scheduler.target(target, name=plan.id)
        schedule = self._schedule(plan.schedule, datetime.fromisoformat(self.scenario.start))
        self.scheduler.job(schedule, id=plan.id, **plan.options)(target)

    def run(self) -> list[tuple[Any, ...]]:
        """Play it all, audit the books, and return the ledger."""
        plans = self.scenario.jobs
        with simulate(
            self.scheduler,
            self.scenario.start,
            tz=self.scenario.tz,
            durations={plan.id: plan.takes for plan in plans},
            failures={plan.id: _outcomes(plan.outcomes) for plan in plans},
        ) as sim:
            books = Books(self.scheduler, sim)
            watch = _OverlapWatch(self.scheduler, self.scenario)
            ends = _EndsWatch(self.scheduler)
            for job in self.scheduler.jobs():
                books.open_life(job)
            for name, *arguments in self.scenario.steps:
                if name == "crash":
                    watch.crash()
                self._take(name, arguments, sim, books)
                books.book()
            sim.run_pending()
            books.audit()
            assert not watch.faults, watch.faults
            ends.audit(sim.runs())
            assert self.scheduler.health().events_dropped == 0
            return [tuple(getattr(run, field) for field in type(run).__slots__) for run in sim.runs()]

    def _take(self, name: str, arguments: list[Any], sim: Simulation, books: Books) -> None:
        if name in ("advance", "suspend", "step_clock", "crash"):
            getattr(sim, name)(*arguments)
            return
        job_id, *rest = arguments
        known = {job.id: job for job in self.scheduler.jobs()}
        job = known.get(job_id)
        if name == "add" and job is None and job_id in self.plans:
            plan = self.plans[job_id]
            schedule = self._schedule(plan.schedule, sim.now)
            books.open_life(self.scheduler.add(job_id, schedule, id=job_id, **plan.options))
        elif job is None:
            return
        elif name == "trigger":
            self.scheduler.trigger(job_id, key=rest[0])
        elif name == "pause":
            until = None if rest[0] is None else sim.now + _duration(rest[0])
            self.scheduler.pause(job_id, until=until)
        elif name == "resume":
            self.scheduler.resume(job_id)
        elif name == "change":
            self._change(job, rest[0], books)
        elif name == "reschedule":
            self._reschedule(job_id, self._schedule(rest[0], sim.now), books)
        elif name == "remove":
            self.scheduler.remove(job_id)
            books.close_segment(job)
        elif name == "cancel":
            for run in sim.runs(job_id):
                if run.status.is_open:
                    self.scheduler.cancel(run.id)
        elif name == "release":
            for run in sim.runs(job_id, status="held"):
                self.scheduler.release(run.id)

    def _change(self, before: Job, options: dict[str, Any], books: Books) -> None:
        was_spent = books.is_spent(before)
        after = self.scheduler.update(before.id, **options)
        if books.is_spent(after) != was_spent:  # max_runs was changed
            books.close_segment(before if was_spent else after)
            if was_spent:
                books.open_segment(after)

    def _reschedule(self, job_id: str, schedule: str | Schedule, books: Books) -> None:
        before = self.scheduler.get(job_id)
        try:
            after = self.scheduler.update(job_id, schedule=schedule)
        except CronkitError:  # it would never run
            return
        if after.schedule != before.schedule:
            books.close_segment(before)
            books.open_segment(after)


class _OverlapWatch:
    """Sees to it that jobs whose runs may not overlap never have two at once."""

    def __init__(self, scheduler: Scheduler, scenario: Scenario) -> None:
        self.faults: list[str] = []
        self._scheduler = scheduler
        self._active: set[str] = set()
        changed = {step[1] for step in scenario.steps if step[0] == "change" and "overlap" in step[2]}
        self._watched = {
            plan.id for plan in scenario.jobs if plan.options.get("overlap") != "allow" and plan.id not in changed
        }
        scheduler.on(RunStarted)(self._start)
        scheduler.on(*ENDS)(self._end)

    def _start(self, event: RunStarted) -> None:
        run = self._scheduler.ledger.run(event.run_id)
        others = [self._scheduler.ledger.run(other) for other in self._active]
        if run.job_id in self._watched:
            self.faults += [f"{run} beside {other}" for other in others if other.job == run.job]
        self._active.add(event.run_id)

    def _end(self, event: RunEvent) -> None:
        self._active.discard(event.run_id)

    def crash(self) -> None:
        self._active.clear()


class _EndsWatch:
    """Hears of the end of every occurrence, once, and of nothing about a run after its end."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._told: dict[str, list[RunEvent]] = {}
        scheduler.on(RunEvent)(self._hear)

    def _hear(self, event: RunEvent) -> None:
        self._told.setdefault(event.run_id, []).append(event)

    def audit(self, runs: Iterable[Run]) -> None:
        """Compare what was told with the ledger."""
        ledger = {run.id: run for run in runs}
        assert self._told.keys() <= ledger.keys()
        for run in ledger.values():
            events = self._told.get(run.id, [])
            ends = [event for event in events if _RUN_ENDS.get(type(event)) is run.status]
            strangers = [event for event in events if type(event) in _RUN_ENDS and event not in ends]
            assert not strangers, f"{run} ended otherwise, by what is told: {strangers}"
            told = sum(getattr(event, "count", 1) for event in ends)
            assert told == (0 if run.status.is_open else run.count), f"{run}: its end is told of {told} times"
            assert events[len(events) - len(ends) :] == ends, f"{run}: more is told after its end: {events}"


def _outcomes(outcomes: list[str]) -> Callable[[RunContext], BaseException | None]:
    raised: dict[str, Callable[[], BaseException | None]] = {
        "return": lambda: None,
        "fail": lambda: RuntimeError("it failed"),
        "give up": lambda: Fail("no use"),
        "skip": lambda: Skip("not today"),
        "later": lambda: RetryLater("3s"),
    }
    starts = 0

    def next_outcome(run: RunContext) -> BaseException | None:
        nonlocal starts
        starts += 1
        outcome = outcomes[starts % len(outcomes)]
        return None if outcome == "later" and run.attempt > 3 else raised[outcome]()

    return next_outcome


def _duration(text: str) -> timedelta:
    return timedelta(**{{"s": "seconds", "m": "minutes"}[text[-1]]: int(text[:-1])})
