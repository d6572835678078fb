"""One attempt at a run: what an executor is handed, and the context through which the target sees it."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Protocol

from cronkit.errors import LifecycleError
from cronkit.jobs.job import JobSpec
from cronkit.jobs.run import RunRow
from cronkit.jobs.target import Target

LOG_LINES = 200
"""How many lines of ``run.log`` a run keeps: its last ones."""
LOG_LINE_LENGTH = 1_000
"""How many characters of a line it keeps: its first ones."""
NOTE_LENGTH = 1_000
"""How many characters of the note to its progress a run keeps: its first ones."""


class ProgressListener(Protocol):
    """Where an attempt's progress goes; called in whatever thread or loop the target runs in."""

    def __call__(self, attempt: "Attempt", fraction: float, note: str | None, /) -> None: ...


class Attempt:
    """One claimed start of a run, under one fence.

    The engine makes it, an executor runs it and reports its outcome; neither changes the run's row, which is the
    store's. ``cancel_reason`` is set by the engine before it asks the executor to cancel, ``is_overdue`` when the time
    that its ``timeout`` allows is over, with the ``stack`` of its thread just then, and ``is_lost`` when the run is no
    longer this node's.
    """

    __slots__ = (
        "args",
        "cancel_reason",
        "fence",
        "is_lost",
        "is_overdue",
        "job",
        "kwargs",
        "log",
        "number",
        "on_progress",
        "run",
        "stack",
        "started_at",
        "target",
        "thread_id",
    )

    def __init__(
        self,
        run: RunRow,
        job: JobSpec,
        target: Target,
        fence: int,
        number: int,
        started_at: datetime,
        on_progress: ProgressListener,
    ) -> None:
        self.run = run
        self.job = job
        self.target = target
        self.fence = fence
        self.number = number
        self.started_at = started_at
        self.on_progress = on_progress
        self.args = job.args
        self.kwargs: Mapping[str, Any] = job.kwargs if run.kwargs is None else {**job.kwargs, **run.kwargs}
        self.cancel_reason: str | None = None
        self.is_lost = self.is_overdue = False
        self.thread_id: int | None = None
        self.stack: str | None = None
        self.log = list(run.log) if run.log else None

    def call(self) -> Any:
        """Call the target with its arguments, and with the run's context where it wants one.

        For a coroutine target this returns the coroutine. The caller has set ``current_attempt``.
        """
        if self.target.context is None:
            return self.target.function(*self.args, **self.kwargs)
        return self.target.function(*self.args, **{**self.kwargs, self.target.context: RunContext(self)})


current_attempt: ContextVar[Attempt] = ContextVar("cronkit_current_attempt")
"""The attempt that this thread or task is running; executors set it round the target."""


class RunContext:
    """What a target may know of its own run, and say about it.

    Injected into the parameter annotated ``RunContext``, or had from ``cronkit.current_run()``.
    """

    __slots__ = ("_attempt", "_logger")

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._logger: logging.LoggerAdapter[logging.Logger] | None = None

    @property
    def id(self) -> str:
        """The run's id; the same for each of its attempts."""
        return self._attempt.run.id

    @property
    def job_id(self) -> str:
        """The id of the run's job."""
        return self._attempt.job.id

    @property
    def scheduled_at(self) -> datetime:
        """The nominal time of the occurrence, aware UTC."""
        return self._attempt.run.scheduled_at

    @property
    def attempt(self) -> int:
        """Which attempt this is, counted from 1."""
        return self._attempt.number

    @property
    def idempotency_key(self) -> str:
        """A text that is the same for every attempt at this occurrence, on every node, and for no other.

        Hand it to a service that refuses duplicates, to make an at-least-once run count once.
        """
        job, cause, scheduled_at, token = self._attempt.run.key
        return f"{job}:{cause}:{scheduled_at.isoformat() if scheduled_at else ''}:{token}"

    @property
    def cancel_requested(self) -> bool:
        """Whether this run is to stop: somebody asked it to, or its time is over.

        A thread cannot be stopped from outside, so its target has to look.
        """
        return self._attempt.cancel_reason is not None or self._attempt.is_overdue

    @property
    def log(self) -> "logging.LoggerAdapter[logging.Logger]":
        """A logger whose lines go to ``cronkit.run`` and are kept with the run: the last 200 of all its attempts."""
        if self._logger is None:
            self._logger = _RunLogger(self._attempt)
        return self._logger

    def progress(self, fraction: float, note: str | None = None) -> None:
        """Say how far the run has come, from 0 to 1, and what it is doing; half surrogate pairs in it are replaced.

        Raises:
            ValueError: ``fraction`` is not between 0 and 1; TypeError: ``note`` is no text.
        """
        if not 0 <= fraction <= 1:
            raise ValueError(f"progress({fraction!r}): give a fraction from 0 to 1")
        if note is not None:
            if not isinstance(note, str):
                raise TypeError(f"progress(note={note!r}): give a text")
            note = note[:NOTE_LENGTH].encode("utf-8", "replace").decode()
        self._attempt.on_progress(self._attempt, float(fraction), note)


def current_run() -> RunContext:
    """The context of the run that called this, directly or deep inside.

    Raises:
        LifecycleError: no run is being executed here.
    """
    attempt = current_attempt.get(None)
    if attempt is None:
        raise LifecycleError(
            "current_run() was called outside a run: call it in a job's function, or in what that calls"
        )
    return RunContext(attempt)


class _RunLogger(logging.LoggerAdapter[logging.Logger]):
    """Sends lines to the ``cronkit.run`` logger, and keeps the last of them whatever the level set there."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(logging.getLogger("cronkit.run"), {"run_id": attempt.run.id, "job_id": attempt.job.id})
        self._attempt = attempt

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        self._keep(level, msg, args)
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        super().log(level, msg, *args, **kwargs)

    def _keep(self, level: int, msg: object, args: tuple[object, ...]) -> None:
        text = str(msg)
        if args:
            try:
                text = text % (args[0] if len(args) == 1 and isinstance(args[0], Mapping) else args)
            except (TypeError, ValueError, KeyError):  # logging itself reports the bad format; the line is kept raw
                text = f"{text} {args!r}"
        lines = self._attempt.log
        if lines is None:
            lines = self._attempt.log = []
        lines.append(f"{logging.getLevelName(level)} {text[:LOG_LINE_LENGTH]}")
        if len(lines) > LOG_LINES:
            del lines[0]
