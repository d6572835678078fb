"""What a store does for the engine: three small protocols in one object, and the values that pass between them.

Every verb that depends on time takes ``now``: an aware UTC datetime, or None for the store's own clock, so that a
simulation can drive a real store. Each verb is one transaction: all of it happens, or none.

Raises:
    StoreUnavailableError: any verb, while the store cannot be reached or written. Nothing of it has happened, or all
    of it: what was claimed is asked with ``held_by``, and every other verb may be repeated.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from cronkit.jobs.job import Job, JobRow, JobSpec, PlanRow, Revision
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
    """What a store can do. ``clock``: it has one that its nodes share; ``push``: it tells of changes made elsewhere.

    ``durable``: what it acknowledged outlives the process; arguments and results have to be storable then.
    """

    scope: Scope
    durable: bool
    clock: bool = False
    push: bool = False


class Reach(NamedTuple):
    """What a node can run: the jobs of its namespace that ask for a target it knows."""

    namespace: str
    targets: Collection[str]


class Due(NamedTuple):
    """Due jobs, and the instant as of which they are: a store that prefers another node shows this one what was due a
    moment ago, and it is to be planned as if it were noticed then."""

    at: datetime
    jobs: Sequence[PlanRow]


class Advance:
    """A due job's next step: the runs that are born, and how far the job has come.

    Applied only where the job's revision is still ``revision``. ``wakes`` says that a pause ends with it;
    ``quarantine`` is why the row cannot be read: it is not offered again until somebody has changed it.
    """

    __slots__ = ("births", "key", "next_at", "next_due", "quarantine", "revision", "wakes", "watermark")

    def __init__(
        self,
        job: PlanRow,
        watermark: datetime,
        next_at: datetime | None,
        next_due: datetime | None,
        births: Sequence[RunRow],
        wakes: bool = False,
        quarantine: str | None = None,
    ) -> None:
        self.key = job.key
        self.revision = job.revision
        self.watermark = watermark
        self.next_at = next_at
        self.next_due = next_due
        self.births = births
        self.wakes = wakes
        self.quarantine = quarantine


class Claimed(NamedTuple):
    """A run that this node now holds, as its ``attempt``-th attempt, under ``fence``."""

    run: RunRow
    job: JobSpec
    fence: int
    attempt: int


class Claim(NamedTuple):
    """What a claim has done: the runs born of it, refused ones among them, and the runs that this node now holds.

    ``ended`` as in ``Written``. Among them are those waiting ones, too, that it had to hold because they cannot be
    read; ``reason`` says why. ``stale`` are the advances that were not applied, as their job had changed.
    """

    born: list[RunRow]
    runs: list[Claimed]
    ended: list[RunRow]
    stale: list[Advance]


class Written(NamedTuple):
    """A change that was made, and the runs that it has ended, as they stand then: whoever made it tells of them.

    They are those refused at their birth, and those that waited and were cancelled. A record is here once if it is new,
    with all that it stands for; and if it is older, for each birth that it stands for from now on, with the count of
    that.
    """

    ended: list[RunRow]


class Enqueued(NamedTuple):
    """The run that an occurrence has, and what ``Written`` says of its birth: nothing, if it was there already."""

    run: RunRow
    ended: list[RunRow]


class Cancelling(NamedTuple):
    """Where a run stands that was to be cancelled, and that run if this was its end."""

    status: RunStatus
    ended: list[RunRow]


class Finish:
    """How an attempt ended, and when, to be written under its fence.

    ``status`` is terminal, or retrying together with the ``retry_at`` it waits for. ``counted`` says whether the
    attempt counts against the retry policy. ``occupied``: the run has ended but its thread has not, so the job's
    overlap gate stays shut until ``vacate``.
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

    def cancelled(self, reason: str | None) -> "Finish":
        """The end that a retry becomes where there is to be no other attempt."""
        return Finish(
            self.run_id,
            self.fence,
            RunStatus.CANCELLED,
            self.at,
            reason=reason,
            error=self.error,
            log=self.log,
            counted=self.counted,
        )


class Change(StrEnum):
    """What a store tells its subscribers of; they look up the rest themselves."""

    WORK = "work"
    """There may be something to do earlier than ``next_wake`` last said."""
    CANCEL = "cancel"
    """Somebody asked for a running run to be cancelled."""
    FINISHED = "finished"
    """A run has ended; the detail is its id."""
    ELSEWHERE = "elsewhere"
    """Another process has written: anything may have changed."""


Subscriber = Callable[[Change, str | None], None]


class RunFilter(NamedTuple):
    """Which runs a page of the ledger shows; None means any. ``since`` and ``until`` bound ``scheduled_at``."""

    namespace: str
    job_id: str | None = None
    statuses: frozenset[RunStatus] | None = None
    since: datetime | None = None
    until: datetime | None = None


class JobFilter(NamedTuple):
    """Which jobs a page shows; None means any. ``declared``: those that code declares; ``removed``: the removed ones.

    A job that was added again after its removal shows its present life alone.
    """

    namespace: str
    tag: str | None = None
    owner: str | None = None
    declared: bool | None = None
    removed: bool = False


class JobTable(Protocol):
    """Jobs by id; a write names the revision it saw."""

    def insert(self, jobs: Sequence[JobRow]) -> list[bool]:
        """Add jobs, each under a new generation, which the store writes into its ``key``; False where an id is taken.

        An id is free again once its job was removed.
        """

    def load(self, namespace: str, job_id: str, *, removed: bool = False) -> JobRow | None:
        """A copy of a job's row, or None; with ``removed`` that of its last life, even if that was removed."""

    def save(self, job: JobRow, births: Sequence[RunRow] = ()) -> Written | None:
        """Put back a row that was loaded, with the runs that the change causes; None if it has changed since."""

    def rename(self, job: JobRow, job_id: str) -> bool:
        """Give a loaded job, and all its runs, another id; False if it has changed since or the id is taken."""

    def remove(self, job: JobRow, births: Sequence[RunRow] = (), now: datetime | None = None) -> Written | None:
        """Take a loaded job out of use and cancel its waiting runs; None if it has changed since.

        Its row stays, with ``removed_at``, as do its history and its runs.
        """

    def purge(self, namespace: str, job_id: str) -> int:
        """Forget every removed life of a job, with its history and its runs; return how many lives that were.

        One with a run that has not ended, or whose thread has not returned, stays as it is.
        """

    def jobs(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page[Job]:
        """A page of jobs, ordered by id."""

    def history(self, key: JobKey) -> tuple[Revision, ...]:
        """What was done to a job, oldest first; the newest ``HISTORY_LIMIT`` are kept.

        A store that outlives a version of the application keeps as many renamings beside them, however old: an older
        version that is put back finds its job by the id that it had then (``RENAMED``).
        """

    def target_names(self, namespace: str) -> frozenset[str]:
        """The targets that the jobs of a namespace ask for."""


class RunQueue(Protocol):
    """Occurrences that are due, runs that are claimed, and what becomes of them."""

    def due_jobs(self, now: datetime | None, limit: int, reach: Reach) -> Due:
        """Jobs within reach whose ``next_due`` has come, earliest first. They are to be read, not changed."""

    def claim(
        self,
        advances: Sequence[Advance],
        now: datetime | None,
        node: str,
        free: Mapping[str, int],
        reach: Reach,
    ) -> Claim:
        """Apply each advance whose job is unchanged, then lease waiting runs whose time and turn have come.

        A birth that its job's overlap rule refuses becomes skipped; one whose occurrence has a run already is left out.
        At most ``free[executor]`` runs are leased for each executor, those due longest first.
        """

    def held_by(self, node: str) -> list[Claimed]:
        """The running runs that the store has under this node's name: read again after a claim's reply was lost."""

    def enqueue(self, run: RunRow) -> Enqueued | None:
        """Add a run outside the schedule; if its occurrence has one already, return that. None if the job is gone."""

    def finish(self, finishes: Sequence[Finish]) -> list[Finish | None]:
        """Write how attempts ended; None where the fence is no longer the run's. Repeating a finish is accepted.

        Each comes back as it was written: the same object, or in the place of a retry the end, cancelled, of a run that
        somebody wants cancelled or whose job is gone.

        A value that cannot be kept changes no status: it is left out, the run's reason says why, and a warning of the
        logger ``cronkit.run`` does.
        """

    def vacate(self, run_ids: Sequence[str]) -> None:
        """Open the overlap gates that ended but occupied runs keep shut."""

    def release(self, run_id: str, now: datetime | None) -> RunStatus | None:
        """Let a held run start again, in its job's turn; return its status then, None if there is no such run."""

    def report(self, run_id: str, fence: int, fraction: float, note: str | None) -> bool:
        """Write a run's progress; False if the fence is no longer the run's."""

    def request_cancel(self, run_id: str, reason: str, now: datetime | None) -> Cancelling | None:
        """Cancel a waiting run, or ask the node of a running one to; return its status then, None if there is none."""

    def cancel_requests(self, node: str) -> Mapping[str, str]:
        """The running runs of this node that somebody wants cancelled, with the reason."""

    def renew(self, node: str, held: Mapping[str, int], lease: timedelta, now: datetime | None) -> frozenset[str]:
        """Keep this node's runs for another ``lease``; return which of ``held`` (id to fence) are no longer its own."""

    def leave(self, node: str) -> None:
        """A node ends, and holds nothing."""

    def reap(self, now: datetime | None) -> list[RunRow]:
        """Take back the runs of nodes whose lease has ended, as each job's ``on_crash`` says.

        A lease that ends later than its whole length from now was given before the clock was set back: it begins anew.
        """

    def next_wake(self, free: Mapping[str, int], reach: Reach) -> datetime | None:
        """When the earliest job within reach is due, or a run that has a free slot may start; None if never."""

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

    def prune(self, now: datetime | None, limit: int) -> int:
        """Forget up to ``limit`` ended runs that the store's retention does not keep; return how many those were."""


class JobStore(JobTable, RunQueue, LedgerTable, Protocol):
    """A store: what ``Scheduler`` keeps its jobs and runs in."""

    @property
    def capabilities(self) -> StoreCapabilities:
        """What this store can do."""

    def open(self) -> None:
        """Connect; the first verb does it too. A constructor does no I/O."""

    def close(self) -> None:
        """Let go of every resource; the next verb opens it again."""

    def now(self) -> datetime:
        """The store's clock, aware UTC: its own where ``capabilities.clock``, else this machine's."""
