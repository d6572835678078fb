"""What a store does for the engine: three small protocols in one object, and the values that pass between them.

Every verb that depends on time takes ``now``: an aware UTC datetime, or None for the store's own clock, so that a
simulation can drive a real store. Each verb is one transaction: all of it happens, or none.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from cronkit.jobs.job import Job, JobRow, JobSpec, Revision
from cronkit.jobs.keys import JobKey
from cronkit.jobs.page import Page
from cronkit.jobs.run import ErrorInfo, Run, RunRow
from cronkit.jobs.status import RunStatus


class Scope(StrEnum):
    """How far a store's promises reach."""

    PROCESS = "process"
    HOST = "host"
    CLUSTER = "cluster"


class StoreCapabilities(NamedTuple):
    """What a store can do. ``clock``: it has one of its own; ``push``: it tells of changes made elsewhere."""

    scope: Scope
    durable: bool
    clock: bool = False
    push: bool = False


class Advance:
    """A due job's next step: the runs that are born, and how far the job has come.

    Applied only where the job's revision is still ``revision``. ``wakes`` says that a pause ends with it.
    """

    __slots__ = ("births", "key", "next_at", "next_due", "revision", "wakes", "watermark")

    def __init__(
        self,
        job: JobRow,
        watermark: datetime,
        next_at: datetime | None,
        next_due: datetime | None,
        births: Sequence[RunRow],
        wakes: bool = False,
    ) -> None:
        self.key = job.key
        self.revision = job.revision
        self.watermark = watermark
        self.next_at = next_at
        self.next_due = next_due
        self.births = births
        self.wakes = wakes


class Claimed(NamedTuple):
    """A run that this node now holds, as its ``attempt``-th attempt, under ``fence``."""

    run: RunRow
    job: JobSpec
    fence: int
    attempt: int


class Finish:
    """How an attempt ended, and when, to be written under its fence.

    ``status`` is terminal, or retrying together with the ``retry_at`` it waits for. ``counted`` says whether the
    attempt counts against the retry policy. ``occupied``: the run has ended but its thread has not, so the job's
    overlap gate stays shut until ``release``.
    """

    __slots__ = (
        "at",
        "counted",
        "error",
        "fence",
        "log",
        "occupied",
        "reason",
        "retry_at",
        "run_id",
        "status",
        "value",
    )

    def __init__(
        self,
        run_id: str,
        fence: int,
        status: RunStatus,
        at: datetime,
        *,
        reason: str | None = None,
        value: Any = None,
        error: ErrorInfo | None = None,
        log: tuple[str, ...] = (),
        retry_at: datetime | None = None,
        counted: bool = True,
        occupied: bool = False,
    ) -> None:
        self.run_id = run_id
        self.fence = fence
        self.status = status
        self.at = at
        self.reason = reason
        self.value = value
        self.error = error
        self.log = log
        self.retry_at = retry_at
        self.counted = counted
        self.occupied = occupied


class Renewal(NamedTuple):
    """What a node learns when it renews: the runs it has lost, and those that somebody wants cancelled (id, reason)."""

    lost: frozenset[str]
    cancel: Mapping[str, str]


class Change(StrEnum):
    """What a store tells its subscribers of; they look up the rest themselves."""

    WORK = "work"
    """There may be something to do earlier than ``next_wake`` last said."""
    CANCEL = "cancel"
    """Somebody asked for a running run to be cancelled."""
    FINISHED = "finished"
    """A run has ended; the detail is its id."""


Subscriber = Callable[[Change, str | None], None]


class RunFilter(NamedTuple):
    """Which runs a page of the ledger shows; None means any. ``since`` and ``until`` bound ``scheduled_at``."""

    namespace: str
    job_id: str | None = None
    statuses: frozenset[RunStatus] | None = None
    since: datetime | None = None
    until: datetime | None = None


class JobTable(Protocol):
    """Jobs by id; a write names the revision it saw."""

    def insert(self, job: JobRow, births: Sequence[RunRow] = ()) -> bool:
        """Add a job under a new generation, which the store writes into ``job.key``; False if its id is taken."""

    def load(self, namespace: str, job_id: str) -> JobRow | None:
        """A copy of a job's row, or None."""

    def save(self, job: JobRow, births: Sequence[RunRow] = ()) -> bool:
        """Put back a row that was loaded, with the runs that the change causes; False if it has changed since."""

    def remove(self, job: JobRow, births: Sequence[RunRow] = (), now: datetime | None = None) -> bool:
        """Take a loaded job away and cancel its waiting runs; its history stays. False if it has changed since."""

    def jobs(self, namespace: str, *, tag: str | None, limit: int, cursor: str | None) -> Page[Job]:
        """A page of jobs, ordered by id."""

    def history(self, key: JobKey) -> tuple[Revision, ...]:
        """What was done to a job, oldest first."""


class RunQueue(Protocol):
    """Occurrences that are due, runs that are claimed, and what becomes of them."""

    def due_jobs(self, now: datetime | None, limit: int, targets: Collection[str]) -> list[JobRow]:
        """Jobs of these targets whose ``next_due`` has come, earliest first. They are to be read, not changed."""

    def claim_due(self, advances: Sequence[Advance], now: datetime | None) -> list[RunRow]:
        """Apply each advance whose job is unchanged; return the runs born, each with the status it was born with.

        A birth that its job's overlap rule refuses becomes skipped; one whose occurrence has a run already is left out.
        """

    def enqueue(self, run: RunRow) -> RunRow | None:
        """Add a run outside the schedule; if its occurrence has one already, return that. None if the job is gone."""

    def claim_ready(
        self, now: datetime | None, node: str, free: Mapping[str, int], targets: Collection[str]
    ) -> list[Claimed]:
        """Lease waiting runs whose time and turn have come: at most ``free[executor]`` for each executor."""

    def finish(self, finishes: Sequence[Finish]) -> list[bool]:
        """Write how attempts ended; False where the fence is no longer the run's. Repeating a finish is accepted."""

    def release(self, run_ids: Sequence[str]) -> None:
        """Open the overlap gates that ended but occupied runs keep shut."""

    def report(self, run_id: str, fence: int, fraction: float, note: str | None) -> bool:
        """Write a run's progress; False if the fence is no longer the run's."""

    def request_cancel(self, run_id: str, reason: str, now: datetime | None) -> RunStatus | None:
        """Cancel a waiting run, or ask the node of a running one to; return its status then, None if there is none."""

    def renew(self, node: str, lease: timedelta, now: datetime | None) -> Renewal:
        """Keep this node's runs for another ``lease``."""

    def reap(self, now: datetime | None) -> list[RunRow]:
        """Take back the runs of nodes whose lease has ended, as each job's ``on_crash`` says."""

    def next_wake(self, free: Mapping[str, int], targets: Collection[str]) -> datetime | None:
        """When the earliest job of these targets is due, or a run that has a free slot may start; None if never."""

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber`` after each change, in the thread that made it; return what ends that."""


class LedgerTable(Protocol):
    """The record of every occurrence."""

    def run(self, run_id: str) -> Run | None:
        """A run by id, or None."""

    def runs(self, wanted: RunFilter, *, limit: int, cursor: str | None) -> Page[Run]:
        """A page of runs, newest first."""

    def counts(self, namespace: str, job_id: str | None = None) -> Mapping[RunStatus, int]:
        """How many occurrences of the kept runs stand in each status."""


class JobStore(JobTable, RunQueue, LedgerTable, Protocol):
    """A store: what ``Scheduler`` keeps its jobs and runs in."""

    @property
    def capabilities(self) -> StoreCapabilities:
        """What this store can do."""

    def open(self) -> None:
        """Connect; the first verb does it too. A constructor does no I/O."""

    def close(self) -> None:
        """Let go of every resource."""
