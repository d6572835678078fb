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
from cronkit.jobs.job import Job
from cronkit.jobs.outcome import Fail, RetryLater, Skip
from cronkit.jobs.policies import Defaults, Missed, OnCrash, Overlap, Retry
from cronkit.jobs.run import Run
from cronkit.jobs.status import RunStatus
from cronkit.jobs.storable import storable
from cronkit.scheduler import AsyncScheduler, JobRequest, OptionChange, Plan, Scheduler
from cronkit.scheduler.handle import RunHandle
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

if _typing.TYPE_CHECKING:
    from cronkit.stores import SQLiteStore

__all__ = [
    "AsyncScheduler",
    "At",
    "CalendarInterval",
    "ConfigurationError",
    "CoroutineExecutor",
    "Cron",
    "CronkitError",
    "Defaults",
    "Every",
    "Fail",
    "Finding",
    "Job",
    "JobExistsError",
    "JobNotFoundError",
    "JobOptions",
    "JobRequest",
    "LifecycleError",
    "Manual",
    "MemoryStore",
    "Missed",
    "OnCrash",
    "OptionChange",
    "Overlap",
    "Plan",
    "Retry",
    "RetryLater",
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
