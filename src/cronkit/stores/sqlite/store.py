"""``SQLiteStore``: jobs and runs in one file, for the processes of one host."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from weakref import finalize

from cronkit.clock import utc_now
from cronkit.errors import ConfigurationError
from cronkit.jobs.job import Job, JobRow, Revision
from cronkit.jobs.keys import JobKey
from cronkit.jobs.page import Page
from cronkit.jobs.policies import Duration
from cronkit.jobs.run import Run, RunRow
from cronkit.jobs.status import RunStatus
from cronkit.jobs.validation import whole_number
from cronkit.schedules.durations import parse_duration, parse_span
from cronkit.stores.notices import Notices
from cronkit.stores.protocol import (
    Advance,
    Cancelling,
    Change,
    Claim,
    Claimed,
    Due,
    Enqueued,
    Finish,
    JobFilter,
    Reach,
    RunFilter,
    Scope,
    StoreCapabilities,
    Subscriber,
    Written,
)
from cronkit.stores.sqlite.claims import HeldRuns
from cronkit.stores.sqlite.database import Database
from cronkit.stores.sqlite.declarations import READER, Declarations, is_any_quarantined, lift_quarantine
from cronkit.stores.sqlite.dispatcher import Dispatcher
from cronkit.stores.sqlite.endings import SQLiteEndings
from cronkit.stores.sqlite.job_table import SQLiteJobs
from cronkit.stores.sqlite.leases import SQLiteLeases
from cronkit.stores.sqlite.ledger import SQLiteLedger
from cronkit.stores.sqlite.queue import SQLiteQueue
from cronkit.stores.sqlite.retention import SQLiteRetention
from cronkit.stores.sqlite.watcher import Watcher

LONGEST_PATIENCE = timedelta(days=1)
"""SQLite counts milliseconds in 32 bits, and waits for nobody where they overflow."""


class SQLiteStore:
    """Jobs and runs in a SQLite file, which the processes of one host share. The constructor does no I/O.

    Of several processes one is preferred; another one takes what is more than ``standby`` late (``"0s"``: whoever is
    first). Ended runs are kept up to ``keep_runs`` of the newest, and for ``keep_for``; counters outlive them. A
    statement waits up to ``busy_timeout`` for another process that writes.

    Raises:
        ConfigurationError: a path or option that cannot mean anything.
    """

    capabilities = StoreCapabilities(scope=Scope.HOST, durable=True, clock=True, push=True)

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        standby: Duration = "1s",
        keep_runs: int = 1_000_000,
        keep_for: Duration = "30d",
        busy_timeout: Duration = "5s",
    ) -> None:
        self.path = read_path(path)
        whole_number("keep_runs", keep_runs)
        declarations, held, notices = Declarations(), HeldRuns(), Notices()

        def begin() -> None:
            """The file was opened: what is remembered may be another's."""
            declarations.clear()
            held.clear()
            if notices.is_heard:
                watcher.start()

        patience = _duration("busy_timeout", busy_timeout)
        if patience > LONGEST_PATIENCE:
            raise ConfigurationError(f"busy_timeout={busy_timeout!r}: give 1d at most")
        database = Database(self.path, patience, begin)
        watcher = Watcher(database.has_changed_elsewhere, partial(notices.tell, Change.ELSEWHERE))
        self._database, self._watcher, self._notices = database, watcher, notices
        self._listening = threading.Lock()
        self._dispatcher = Dispatcher(
            self.path.with_name(f"{self.path.name}-dispatch"), _duration("standby", standby, zero=True)
        )
        self._jobs = SQLiteJobs(database, declarations, notices)
        self._queue = SQLiteQueue(database, declarations, notices, self._dispatcher, held)
        self._endings = SQLiteEndings(database, notices, held)
        self._leases = SQLiteLeases(database, declarations, notices, held)
        self._ledger = SQLiteLedger(database)
        self._retention = SQLiteRetention(database, keep_runs, _duration("keep_for", keep_for))
        # Nothing of these knows the store itself, so that whoever drops it leaves no thread and no open file.
        finalize(self, _abandon, watcher, self._dispatcher, database)

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self.path)!r})"

    def open(self) -> None:
        """Connect, and bring the tables up to date.

        Raises:
            ConfigurationError: the file is not ours, or on a network filesystem; StoreVersionError: newer software
            has made it into what this one cannot use; StoreUnavailableError: it cannot be opened now.
        """
        self._database.open()
        if self._database.look(lambda connection: is_any_quarantined(connection, READER + 1)):
            # The application may have registered since what its jobs hold.
            self._database.write(lambda connection: lift_quarantine(connection, READER + 1))

    def close(self) -> None:
        """See ``JobStore``."""
        self._database.refuse_nested()  # before any of it is done
        self._watcher.stop()
        self._dispatcher.release()
        self._database.close()
        self._notices.tell(Change.ELSEWHERE)  # whoever waits for something looks for itself, and so opens it again

    def now(self) -> datetime:
        """The host's clock, which all processes on the file share."""
        return utc_now()

    # -- JobTable -----------------------------------------------------------------------------------------------------

    def insert(self, jobs: Sequence[JobRow]) -> list[bool]:
        """See ``JobTable``. Many are written in slices of 1,000, each a transaction."""
        return self._jobs.insert(jobs)

    def load(self, namespace: str, job_id: str, *, removed: bool = False) -> JobRow | None:
        """See ``JobTable``."""
        return self._jobs.load(namespace, job_id, removed=removed)

    def save(self, job: JobRow, births: Sequence[RunRow] = ()) -> Written | None:
        """See ``JobTable``."""
        return self._jobs.save(job, births)

    def rename(self, job: JobRow, job_id: str) -> bool:
        """See ``JobTable``."""
        return self._jobs.rename(job, job_id)

    def remove(self, job: JobRow, births: Sequence[RunRow] = (), now: datetime | None = None) -> Written | None:
        """See ``JobTable``."""
        return self._jobs.remove(job, births, now)

    def purge(self, namespace: str, job_id: str) -> int:
        """See ``JobTable``."""
        return self._retention.purge(namespace, job_id)

    def jobs(self, wanted: JobFilter, *, limit: int, cursor: str | None) -> Page[Job]:
        """See ``JobTable``."""
        return self._jobs.jobs(wanted, limit=limit, cursor=cursor)

    def history(self, key: JobKey) -> tuple[Revision, ...]:
        """See ``JobTable``."""
        return self._jobs.history(key)

    def target_names(self, namespace: str) -> frozenset[str]:
        """See ``JobTable``."""
        return self._jobs.target_names(namespace)

    # -- RunQueue -----------------------------------------------------------------------------------------------------

    def due_jobs(self, now: datetime | None, limit: int, reach: Reach) -> Due:
        """See ``RunQueue``."""
        return self._queue.due_jobs(now, limit, reach)

    def claim(
        self,
        advances: Sequence[Advance],
        now: datetime | None,
        node: str,
        free: Mapping[str, int],
        reach: Reach,
    ) -> Claim:
        """See ``RunQueue``."""
        return self._queue.claim(advances, now, node, free, reach)

    def held_by(self, node: str) -> list[Claimed]:
        """See ``RunQueue``."""
        return self._leases.held_by(node)

    def enqueue(self, run: RunRow) -> Enqueued | None:
        """See ``RunQueue``."""
        return self._queue.enqueue(run)

    def finish(self, finishes: Sequence[Finish]) -> list[Finish | None]:
        """See ``RunQueue``."""
        return self._endings.finish(finishes)

    def vacate(self, run_ids: Sequence[str]) -> None:
        """See ``RunQueue``."""
        self._endings.vacate(run_ids)

    def release(self, run_id: str, now: datetime | None) -> RunStatus | None:
        """See ``RunQueue``."""
        return self._endings.release(run_id, now)

    def report(self, run_id: str, fence: int, fraction: float, note: str | None) -> bool:
        """See ``RunQueue``."""
        return self._endings.report(run_id, fence, fraction, note)

    def request_cancel(self, run_id: str, reason: str, now: datetime | None) -> Cancelling | None:
        """See ``RunQueue``."""
        return self._endings.request_cancel(run_id, reason, now)

    def cancel_requests(self, node: str) -> Mapping[str, str]:
        """See ``RunQueue``."""
        return self._leases.cancel_requests(node)

    def renew(self, node: str, held: Mapping[str, int], lease: timedelta, now: datetime | None) -> frozenset[str]:
        """See ``RunQueue``."""
        return self._leases.renew(node, held, lease, now)

    def leave(self, node: str) -> None:
        """See ``RunQueue``."""
        self._dispatcher.release()  # another node of this object takes it again
        self._leases.leave(node)

    def reap(self, now: datetime | None) -> list[RunRow]:
        """See ``RunQueue``."""
        return self._leases.reap(now)

    def next_wake(self, free: Mapping[str, int], reach: Reach) -> datetime | None:
        """See ``RunQueue``."""
        return self._queue.next_wake(free, reach)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """See ``RunQueue``."""
        with self._listening:
            end = self._notices.subscribe(subscriber)
            self._watcher.start()

        def leave() -> None:
            with self._listening:
                end()
                if not self._notices.is_heard:
                    self._watcher.stop()

        return leave

    # -- LedgerTable --------------------------------------------------------------------------------------------------

    def run(self, run_id: str) -> Run | None:
        """See ``LedgerTable``."""
        return self._ledger.run(run_id)

    def runs(self, wanted: RunFilter, *, limit: int, cursor: str | None) -> Page[Run]:
        """See ``LedgerTable``."""
        return self._ledger.runs(wanted, limit=limit, cursor=cursor)

    def counts(self, namespace: str, job_id: str | None = None) -> Mapping[RunStatus, int]:
        """See ``LedgerTable``."""
        return self._ledger.counts(namespace, job_id)

    def prune(self, now: datetime | None, limit: int) -> int:
        """See ``LedgerTable``."""
        return self._retention.prune(now, limit)


def _abandon(watcher: Watcher, dispatcher: Dispatcher, database: Database) -> None:
    """What is to be done when nobody has a store any more, or the process ends."""
    watcher.stop()
    dispatcher.release()
    database.abandon()


def read_path(path: str | os.PathLike[str]) -> Path:
    """Where the file is, absolute, whatever the working directory becomes.

    Raises:
        ConfigurationError: no path, or SQLite's name for a database in memory, which no other connection could share.
    """
    text: object = os.fspath(path)
    if not isinstance(text, str) or not text or text == ":memory:" or "\0" in text:
        raise ConfigurationError(
            f"SQLiteStore({path!r}): give the path of a file; for jobs in memory use MemoryStore() or 'memory://'"
        )
    return Path(os.path.abspath(text))


def _duration(option: str, value: Duration, *, zero: bool = False) -> timedelta:
    try:
        return parse_span(value) if zero else parse_duration(value)
    except ValueError as error:
        raise ConfigurationError(f"{option}={value!r}: {error}") from None
