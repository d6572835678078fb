"""Every error that cronkit raises on purpose.

::

    CronkitError
    ├── ScheduleError (ValueError)         a schedule, duration or zone that cannot mean anything
    ├── SearchLimitError (RuntimeError)    a search that would cost more than its step budget
    ├── ConfigurationError (ValueError)    a job, policy or scheduler that was set up wrongly
    ├── JobNotFoundError (LookupError)     no job has that id
    ├── JobExistsError (ValueError)        another job has that id already
    ├── RunNotFoundError (LookupError)     no run has that id
    ├── RunError (RuntimeError)            a run whose value was asked for did not succeed
    ├── StoreUnavailableError (OSError)    a store that cannot be reached or written just now
    │   └── StoreVersionError (OSError)    a store's content that another version of cronkit has made
    ├── UnreadableError (ValueError)       a stored text that this process cannot make sense of
    └── LifecycleError (RuntimeError)      a verb that the scheduler's state does not allow

Each also inherits the builtin that fits it, so that ``except ValueError`` keeps working; messages name the
thing and the remedy.
"""

__all__ = [
    "ConfigurationError",
    "CronkitError",
    "JobExistsError",
    "JobNotFoundError",
    "LifecycleError",
    "RunError",
    "RunNotFoundError",
    "ScheduleError",
    "SearchLimitError",
    "StoreUnavailableError",
    "StoreVersionError",
    "UnreadableError",
]


class CronkitError(Exception):
    """The root of every error that cronkit raises on purpose."""


class ScheduleError(CronkitError, ValueError):
    """A text or value that is no schedule, duration or zone.

    ``field`` names the part that was refused ("minute", "tz", "duration"), ``column`` is its place in ``text``
    counted from 1, and ``hint`` is the likely fix; each is None where there is none to give. The message shows the
    text with a caret under the column.
    """

    def __init__(
        self,
        problem: str,
        *,
        field: str | None = None,
        text: str | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem = problem
        self.field = field
        self.text = text
        self.column = column
        self.hint = hint
        super().__init__(problem, field, text, column, hint)

    def __str__(self) -> str:
        head = f"{self.field}: {self.problem}" if self.field else self.problem
        if self.text is not None and self.column is not None:
            head = f"{head} (column {self.column})\n  {self.text}\n  {' ' * (self.column - 1)}^"
        return f"{head}\nhint: {self.hint}" if self.hint else head

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_schedule_error, (self.problem, self.field, self.text, self.column, self.hint)


def _rebuild_schedule_error(
    problem: str, field: str | None, text: str | None, column: int | None, hint: str | None
) -> ScheduleError:
    return ScheduleError(problem, field=field, text=text, column=column, hint=hint)


class SearchLimitError(CronkitError, RuntimeError):
    """A search that would cost more than its step budget; the message names the budget and the remedy."""


class ConfigurationError(CronkitError, ValueError):
    """A job, policy, executor or scheduler that was set up wrongly, found when it is registered."""


class JobNotFoundError(CronkitError, LookupError):
    """No job has that id in this namespace."""


class JobExistsError(CronkitError, ValueError):
    """Another job has that id already; ``exists="update"`` or ``"keep"`` says what to do instead."""


class RunNotFoundError(CronkitError, LookupError):
    """No run has that id, or retention has removed it."""


class StoreUnavailableError(CronkitError, OSError):
    """A store that cannot be reached, read or written just now; the message names it, the cause and the remedy."""


class StoreVersionError(StoreUnavailableError):
    """A store whose content this version of cronkit cannot use; the message names both versions and the remedy.

    It may come about while the store is used: when newer software has opened it.
    """


class UnreadableError(CronkitError, ValueError):
    """A stored text that this process cannot make sense of; the message says why, and what to do where that is known.

    It was damaged, a newer version of cronkit wrote it, or it needs a class that is not registered here.
    """


class LifecycleError(CronkitError, RuntimeError):
    """A verb that the scheduler's present state does not allow, such as starting it twice."""


class RunError(CronkitError, RuntimeError):
    """A run whose value was asked for ended without one, or with one that its store could not keep or cannot read.

    ``status`` is the run's status as text, ``reason`` why it was skipped, missed or cancelled, or why the value of one
    that succeeded is not there, ``error_type`` and ``error_message`` the failure's class name and text, ``traceback``
    its traceback as text; each of the last four is None where there is none. The same on every store.
    """

    def __init__(
        self,
        message: str,
        *,
        run_id: str,
        status: str,
        reason: str | None = None,
        error_type: str | None = None,
        error_message: str | None = None,
        traceback: str | None = None,
    ) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.status = status
        self.reason = reason
        self.error_type = error_type
        self.error_message = error_message
        self.traceback = traceback

    def __reduce__(self) -> tuple[object, ...]:
        details = self.run_id, self.status, self.reason, self.error_type, self.error_message, self.traceback
        return _rebuild_run_error, (str(self), *details)


def _rebuild_run_error(
    message: str,
    run_id: str,
    status: str,
    reason: str | None,
    error_type: str | None,
    error_message: str | None,
    traceback: str | None,
) -> RunError:
    return RunError(
        message,
        run_id=run_id,
        status=status,
        reason=reason,
        error_type=error_type,
        error_message=error_message,
        traceback=traceback,
    )
