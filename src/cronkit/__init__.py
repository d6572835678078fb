"""Schedules that are right to the second, and a scheduler that runs them in your own process."""

import typing as _typing

from cronkit import errors, events
from cronkit.errors import (
    ConfigurationError,
    CronkitError,
    JobExistsError,
    JobNotFoundError,
    LifecycleError,
    RunError,
    RunNotFoundError,
    ScheduleError,
    SearchLimitError,
    StoreUnavailableError,
    StoreVersionError,
    UnreadableError,
)
from cronkit.executors.coroutine import CoroutineExecutor
from cronkit.executors.thread import ThreadExecutor
from cronkit.jobs.attempt import RunContext, current_run
from cronkit.jobs.job import Job, JobSpec, Pause, Revision
from cronkit.jobs.keys import Cause, JobKey
from cronkit.jobs.outcome import Fail, RetryLater, Skip
from cronkit.jobs.page import Page
from cronkit.jobs.policies import Defaults, Missed, OnCrash, Overlap, Policies, Retry
from cronkit.jobs.run import ErrorInfo, Run
from cronkit.jobs.status import RunStatus
from cronkit.jobs.storable import storable
from cronkit.scheduler import AsyncScheduler, JobRequest, OptionChange, Plan, Scheduler
from cronkit.scheduler.async_scheduler import AsyncLedger, AsyncRunHandle
from cronkit.scheduler.handle import RunHandle
from cronkit.scheduler.health import Health
from cronkit.scheduler.ledger import Ledger
from cronkit.scheduler.options import JobOptions
from cronkit.schedules import (
    At,
    CalendarInterval,
    Cron,
    Every,
    Finding,
    Manual,
    Schedule,
    parse_duration,
    parse_schedule,
    schedule_from_json,
)
from cronkit.stores import MemoryStore

__version__ = "0.1.0.dev0"

if _typing.TYPE_CHECKING:
    from cronkit.stores import SQLiteStore

__all__ = [
    "AsyncLedger",
    "AsyncRunHandle",
    "AsyncScheduler",
    "At",
    "CalendarInterval",
    "Cause",
    "ConfigurationError",
    "CoroutineExecutor",
    "Cron",
    "CronkitError",
    "Defaults",
    "ErrorInfo",
    "Every",
    "Fail",
    "Finding",
    "Health",
    "Job",
    "JobExistsError",
    "JobKey",
    "JobNotFoundError",
    "JobOptions",
    "JobRequest",
    "JobSpec",
    "Ledger",
    "LifecycleError",
    "Manual",
    "MemoryStore",
    "Missed",
    "OnCrash",
    "OptionChange",
    "Overlap",
    "Page",
    "Pause",
    "Plan",
    "Policies",
    "Retry",
    "RetryLater",
    "Revision",
    "Run",
    "RunContext",
    "RunError",
    "RunHandle",
    "RunNotFoundError",
    "RunStatus",
    "SQLiteStore",
    "Schedule",
    "ScheduleError",
    "Scheduler",
    "SearchLimitError",
    "Skip",
    "StoreUnavailableError",
    "StoreVersionError",
    "ThreadExecutor",
    "UnreadableError",
    "current_run",
    "errors",
    "events",
    "parse_duration",
    "parse_schedule",
    "schedule_from_json",
    "storable",
]


def __getattr__(name: str) -> _typing.Any:
    if name == "SQLiteStore":  # only whoever asks for it pays for sqlite3
        from cronkit.stores import SQLiteStore

        return SQLiteStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
