"""The ledger: what became of every occurrence, for people and programs to read."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, tzinfo

from cronkit.errors import ConfigurationError
from cronkit.jobs.page import Page
from cronkit.jobs.run import Run
from cronkit.jobs.status import RunStatus
from cronkit.jobs.validation import storable_text, whole_number
from cronkit.scheduler.handle import RunWaiters
from cronkit.scheduler.instants import read_instant
from cronkit.stores.protocol import JobStore, RunFilter

PAGE_LIMIT = 1_000


class Ledger:
    """The read side of one scheduler's store and namespace."""

    def __init__(
        self,
        store: Callable[[], JobStore],
        waiters: Callable[[], RunWaiters],
        namespace: str,
        tz: tzinfo | str = UTC,
    ) -> None:
        self._store = store
        self._waiters = waiters
        self._namespace = namespace
        self._tz = tz

    def runs(
        self,
        *,
        job: str | None = None,
        status: str | RunStatus | Collection[str] | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Run]:
        """A page of runs, newest first: of one job, in some statuses, scheduled from ``since`` and before ``until``.

        The two are datetimes or ISO text, in the scheduler's zone where they have no offset.

        Raises:
            ConfigurationError: an unknown status, or a limit outside 1 to 1,000; ScheduleError: what is no date-time.
        """
        check_limit(limit)
        check_texts(job=job, cursor=cursor)
        wanted = RunFilter(
            namespace=self._namespace,
            job_id=job,
            statuses=read_statuses(status),
            since=None if since is None else read_instant("since", since, self._tz),
            until=None if until is None else read_instant("until", until, self._tz),
        )
        return self._store().runs(wanted, limit=limit, cursor=cursor)

    def run(self, run_id: str) -> Run:
        """A run by its id.

        Raises:
            RunNotFoundError: there is none in this namespace, or retention has removed it.
        """
        check_texts(run_id=run_id)
        return self._waiters().found(run_id)

    def counts(self, job: str | None = None) -> Mapping[RunStatus, int]:
        """How many occurrences stand in each status, among the runs that are still kept."""
        check_texts(job=job)
        return self._store().counts(self._namespace, job)


def check_texts(**given: str | None) -> None:
    """Refuse what people ask a store with, or for, and what no store can keep; None is not given."""
    for name, text in given.items():
        if text is not None:
            storable_text(name, text)


def check_limit(limit: int) -> None:
    """Refuse a page size that is no whole number from 1 to 1,000."""
    whole_number("limit", limit, high=PAGE_LIMIT, hint="cursor= fetches the next page")


def read_statuses(status: str | RunStatus | Collection[str] | None) -> frozenset[RunStatus] | None:
    """The statuses that one, several or no name stands for; None means any.

    Raises:
        ConfigurationError: a name that is no status.
    """
    if status is None:
        return None
    if not isinstance(status, str | Iterable):
        raise ConfigurationError(f"status={status!r}: give one or several of {', '.join(RunStatus)}")
    try:
        return frozenset({RunStatus(status)} if isinstance(status, str) else map(RunStatus, status))
    except ValueError as error:
        raise ConfigurationError(f"status: {error}; the statuses are {', '.join(RunStatus)}") from None
