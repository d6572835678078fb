"""A handle on one run: look at it, wait for it."""

import logging
import threading
from collections.abc import Callable, Container, Iterable
from datetime import timedelta
from typing import Any

from cronkit.clock import wait_for
from cronkit.errors import ConfigurationError, LifecycleError, RunError, RunNotFoundError
from cronkit.executors.coroutine import CoroutineExecutor
from cronkit.executors.protocol import Executor
from cronkit.jobs.attempt import current_attempt
from cronkit.jobs.run import Run
from cronkit.jobs.status import RunStatus
from cronkit.schedules.durations import format_duration, parse_span
from cronkit.stores.protocol import Change, JobStore

logger = logging.getLogger("cronkit.scheduler")

Seconds = float | str | timedelta
WAITING = frozenset({RunStatus.QUEUED, RunStatus.RETRYING})


class RunWaiters:
    """Finds the runs of a namespace, wakes whoever waits for one to end, and refuses to let the scheduler wait for
    itself.

    ``obstacle`` says why a run that waits is not started here, if it can tell, and ``declared`` are the ids of jobs
    that may not be in the store yet.
    """

    def __init__(
        self,
        store: JobStore,
        namespace: str,
        executors: Iterable[Executor] = (),
        obstacle: Callable[[Run], str | None] = lambda run: None,
        declared: Container[str] = (),
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._executors = executors
        self.obstacle = obstacle
        self._declared = declared
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Callable[[], object]]] = {}
        self._unsubscribe: Callable[[], None] | None = None

    def find(self, run_id: str) -> Run | None:
        """A run as it stands now, or None; one of another namespace is none."""
        run = self._store.run(run_id)
        return run if run is not None and run.job.namespace == self._namespace else None

    def found(self, run_id: str) -> Run:
        """A run as it stands now.

        Raises:
            RunNotFoundError: there is none.
        """
        run = self.find(run_id)
        if run is None:
            raise self.no_run(run_id)
        return run

    def no_run(self, run_id: str) -> RunNotFoundError:
        """The error that says that there is no such run, and whether it is a job that has this id."""
        if run_id in self._declared or self._store.load(self._namespace, run_id) is not None:
            return RunNotFoundError(
                f"{run_id!r} is a job, not a run: give the id of one of its runs, as trigger({run_id!r}).id or "
                f"ledger.runs(job={run_id!r}) has it"
            )
        return RunNotFoundError(
            f"no run {run_id!r}: it was removed by retention, or belongs to another store or another namespace"
        )

    def refuse_inside(self, verb: str) -> None:
        """Refuse a verb that waits for runs where none could go on meanwhile.

        Raises:
            LifecycleError: the caller is inside a run, or on the loop of the scheduler's own coroutines.
        """
        refuse_inside_a_run(verb)
        if any(isinstance(each, CoroutineExecutor) and each.is_on_its_loop for each in self._executors):
            raise LifecycleError(
                f"{verb} was called on the loop that runs the scheduler's coroutines, which would stand still: "
                "call it from another thread"
            )

    def call_when_ended(self, run_id: str, callback: Callable[[], object]) -> Callable[[], None]:
        """Call ``callback`` once the run has ended, at once if it has; return what takes that back."""
        with self._lock:
            if self._unsubscribe is None:
                self._unsubscribe = self._store.subscribe(self._notice)
            self._waiting.setdefault(run_id, []).append(callback)

        def forget() -> None:
            with self._lock:
                callbacks = self._waiting.get(run_id, [])
                if callback in callbacks:
                    callbacks.remove(callback)
                if not callbacks:
                    self._waiting.pop(run_id, None)
                self._leave_if_idle()

        try:
            run = self.find(run_id)
        except BaseException:
            forget()
            raise
        if run is None or not run.status.is_open:
            self._tell(run_id)
        return forget

    def _leave_if_idle(self) -> None:
        """Ask the store for nothing while nobody waits; called under the lock."""
        if not self._waiting and self._unsubscribe is not None:
            unsubscribe, self._unsubscribe = self._unsubscribe, None
            unsubscribe()

    def _notice(self, change: Change, run_id: str | None) -> None:
        if change is Change.ELSEWHERE:
            self._look()
        elif change is Change.FINISHED and run_id in self._waiting:
            self._tell(run_id)

    def _look(self) -> None:
        """Another process may have ended any of the runs that are waited for."""
        for run_id in list(self._waiting):
            try:
                run = self.find(run_id)
            except OSError as error:  # the store is away; when it is back, its next change is looked at
                logger.warning("nobody can tell whether run %s has ended: %s", run_id, error)
                return
            if run is None or not run.status.is_open:
                self._tell(run_id)

    def _tell(self, run_id: str) -> None:
        with self._lock:
            callbacks = self._waiting.pop(run_id, [])
        for callback in callbacks:
            try:
                callback()
            except Exception:  # it waited on a loop that is closed; the others wait on
                logger.exception("run %s has ended, but somebody who waits for it could not be told", run_id)


class RunHandle:
    """One run, by its id; every question is answered by the store."""

    __slots__ = ("_waiters", "id")

    def __init__(self, run_id: str, waiters: RunWaiters) -> None:
        self.id = run_id
        self._waiters = waiters

    def __repr__(self) -> str:
        return f"RunHandle({self.id!r})"

    def run(self) -> Run:
        """The run as it stands now.

        Raises:
            RunNotFoundError: there is none in the scheduler's namespace, or retention has removed it.
        """
        return self._waiters.found(self.id)

    @property
    def status(self) -> RunStatus:
        """Where the run stands now."""
        return self.run().status

    def _call_when_ended(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call ``callback`` in whatever thread, perhaps the engine's, once the run has ended, at once if it has; return
        what undoes that."""
        return self._waiters.call_when_ended(self.id, callback)

    def _value(self, timeout: Seconds | None) -> Any:
        """What ``result`` comes to after the wait.

        Raises:
            RunError: the run ended without a value; TimeoutError: it has not ended.
        """
        run = self.run()
        if not run.status.is_open:
            return value_of(run)
        raise not_ended(run, timeout, self._waiters.obstacle(run) if run.status in WAITING else None)

    def result(self, timeout: Seconds | None = None) -> Any:
        """Wait for the run to end and return the target's value.

        ``timeout`` is a number of seconds, or a duration; None waits for as long as it takes.

        Raises:
            RunError: the run ended without a value, or with one that the store could not keep or cannot read;
            TimeoutError: it has not ended in time, and goes on or waits on; the message says for what, if it can;
            LifecycleError: called from inside a run, which would wait for a slot that it holds itself, or from the
            loop that runs the scheduler's coroutines.
        """
        self._waiters.refuse_inside("result()")
        ended = threading.Event()
        forget = self._call_when_ended(ended.set)
        try:
            wait_for(ended, seconds(timeout))
        finally:
            forget()
        return self._value(timeout)


def seconds(timeout: Seconds | None) -> float | None:
    """A timeout as a number of seconds.

    Raises:
        ConfigurationError: a number that is less than zero or none; ScheduleError: something else that is no duration.
    """
    if timeout is None:
        return None
    if isinstance(timeout, int | float):
        if isinstance(timeout, bool) or not timeout >= 0:
            raise ConfigurationError(f"timeout={timeout!r}: give seconds, zero or more, or a duration")
        return timeout
    return parse_span(timeout).total_seconds()


def refuse_inside_a_run(verb: str) -> None:
    """Raise LifecycleError where waiting for a run could wait for itself."""
    if current_attempt.get(None) is not None:
        raise LifecycleError(
            f"{verb} was called inside a run, where it could wait for itself: let the run return, "
            "and call it from the application, or listen for the event"
        )


def not_ended(run: Run, timeout: Seconds | None, obstacle: str | None) -> TimeoutError:
    """The error that says that a run goes on, or what it waits for; waiting for it again is no harm."""
    if isinstance(timeout, timedelta):
        within = format_duration(timeout) or "0s"
    else:
        within = timeout if isinstance(timeout, str) else f"{timeout} s"
    how = f"run {run.id} of job {run.job_id!r} has not ended within {within}; it is {run.status}"
    if run.status is RunStatus.RUNNING:
        return TimeoutError(f"{how}, and goes on: cancel({run.id!r}) asks it to stop")
    if run.status is RunStatus.HELD:
        return TimeoutError(f"{how} ({run.reason}): release({run.id!r}) starts it, cancel({run.id!r}) ends it")
    when = f", to be tried again at {run.due_at}" if run.status is RunStatus.RETRYING else ""
    because = "" if obstacle is None else f": {obstacle}"
    return TimeoutError(f"{how}{when}, and waits on{because}; cancel({run.id!r}) takes it back")


def value_of(run: Run) -> Any:
    """What an ended run's target returned.

    Raises:
        RunError: it ended in another way, or its value is not there.
    """
    if run.status is RunStatus.SUCCEEDED:
        if run.value is not None or run.reason is None:
            return run.value
        how = f"succeeded, but {run.reason}"
    else:
        because = run.reason or (f"{run.error.type}: {run.error.message}" if run.error else None)
        how = f"is {run.status}" + (f": {because}" if because else "")
    raise RunError(
        f"run {run.id} of job {run.job_id!r} {how}",
        run_id=run.id,
        status=run.status.value,
        reason=run.reason,
        error_type=run.error.type if run.error else None,
        error_message=run.error.message if run.error else None,
        traceback=run.error.traceback if run.error else None,
    )
