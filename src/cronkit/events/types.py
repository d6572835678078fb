"""What a scheduler says about itself: a small tree of events. Listening to a class is listening to all below it.

::

    Event
    ├── SchedulerEvent   SchedulerStarted, SchedulerStopping, SchedulerStopped
    ├── JobEvent         JobAdded, JobUpdated, JobRenamed, JobPaused, JobResumed, JobRemoved, JobQuarantined,
    │                    JobUnresolved, OverrideShadows, OverrideConflicts, DeploymentsAlternate
    ├── RunEvent         RunStarted, RunProgressed, RunSucceeded, RunFailed, RunRetrying, RunTimedOut, RunSkipped,
    │                    RunMissed, RunCancelled, RunCoalesced, RunAbandoned, RunHeld
    └── EngineEvent      ClockJumped, StoreDegraded, StoreRecovered, LeaseLost, StaleWriteRefused, ListenerFailed,
                         EventsDropped, EngineFault

Every event is a slotted, keyword-only dataclass; ``at`` is when it happened, aware UTC, and other times are aware UTC
too. Events are shared by their listeners, which are not to change them.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, TypeVar, dataclass_transform

from cronkit.jobs.run import ErrorInfo

_Class = TypeVar("_Class")


@dataclass_transform(kw_only_default=True, frozen_default=True, eq_default=False)
def _event(cls: type[_Class]) -> type[_Class]:
    # Frozen for type checkers only. Each fire makes two events, and a class that refuses assignment costs three times
    # as much to make one of and four times as much to import; so does a repr and an eq of each class's own.
    return dataclass(slots=True, kw_only=True, repr=False, eq=False)(cls)


@_event
class Event:
    """Anything that happened."""

    at: datetime

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in _items(self))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and type(self) is type(other) and _items(self) == _items(other)

    def __hash__(self) -> int:
        return hash((type(self), self.at))


def _items(event: Event) -> list[tuple[str, Any]]:
    return [(field.name, getattr(event, field.name)) for field in fields(event)]


@_event
class SchedulerEvent(Event):
    """The scheduler as a whole changed its state."""


@_event
class SchedulerStarted(SchedulerEvent):
    """The engine runs, and claims what is due."""


@_event
class SchedulerStopping(SchedulerEvent):
    """The engine claims no more, and lets runs end."""


@_event
class SchedulerStopped(SchedulerEvent):
    """The engine has ended; ``left_running`` runs would not."""

    left_running: int


@_event
class JobEvent(Event):
    """Something was done to a job."""

    namespace: str
    job_id: str


@_event
class JobAdded(JobEvent):
    """A job came to be, or a removed one came back."""


@_event
class JobUpdated(JobEvent):
    """A job was changed; ``changed`` names what."""

    changed: tuple[str, ...]


@_event
class JobRenamed(JobEvent):
    """A job that went by the id ``before`` is declared under this one now; it and its runs go on."""

    before: str


@_event
class JobPaused(JobEvent):
    """A job's schedule was suspended; ``until`` is None if somebody has to resume it."""

    reason: str | None
    until: datetime | None
    by: str | None


@_event
class JobResumed(JobEvent):
    """A paused job's schedule goes on."""


@_event
class JobRemoved(JobEvent):
    """A job is gone; its runs are kept."""


@_event
class JobQuarantined(JobEvent):
    """The store cannot make sense of a job's row: it does not run until somebody has put it right."""

    reason: str


@_event
class JobUnresolved(JobEvent):
    """A job that code no longer declares, or that was made at run time, asks for a ``target`` that is not registered
    here: it cannot run here. Told at a start, of jobs made at run time for the first 500 at most."""

    target: str


@_event
class OverrideShadows(JobEvent):
    """A deployment changed these options of a job, which somebody had changed by hand: the job does not follow."""

    options: tuple[str, ...]


@_event
class OverrideConflicts(JobEvent):
    """What somebody changed of a job by hand does not go with what code declares now: it cannot run as it is."""

    reason: str


@_event
class DeploymentsAlternate(JobEvent):
    """Two declarations of a job take turns: two deployments that differ share a store, each undoing the other."""


@_event
class RunEvent(Event):
    """Something became of an occurrence. ``attempt`` counts from 1; it is 0 for a run that never started."""

    namespace: str
    job_id: str
    run_id: str
    scheduled_at: datetime
    attempt: int


@_event
class RunStarted(RunEvent):
    """An attempt was handed to its executor."""


@_event
class RunProgressed(RunEvent):
    """A run said how far it has come, from 0 to 1."""

    fraction: float
    note: str | None


@_event
class RunSucceeded(RunEvent):
    """A run returned ``value``; ``duration`` is its last attempt's."""

    duration: timedelta
    value: Any


@_event
class RunFailed(RunEvent):
    """A run failed, and will not be tried again; ``reason`` is the one it gave by raising ``Fail``."""

    duration: timedelta
    error: ErrorInfo | None
    reason: str | None


@_event
class RunRetrying(RunEvent):
    """An attempt failed, timed out or asked for another, which is due at ``retry_at``."""

    retry_at: datetime
    error: ErrorInfo | None
    reason: str | None


@_event
class RunTimedOut(RunEvent):
    """A run exceeded its timeout, and will not be tried again."""

    duration: timedelta
    error: ErrorInfo | None


@_event
class RunSkipped(RunEvent):
    """``count`` occurrences up to ``scheduled_until`` did not run by rule; ``related_id`` is the run in their way."""

    reason: str | None
    related_id: str | None
    count: int
    scheduled_until: datetime


@_event
class RunMissed(RunEvent):
    """``count`` occurrences up to ``scheduled_until`` were noticed too late to run."""

    reason: str | None
    count: int
    scheduled_until: datetime


@_event
class RunCancelled(RunEvent):
    """Somebody stopped a run, waiting or running."""

    reason: str | None


@_event
class RunCoalesced(RunEvent):
    """``count`` occurrences up to ``scheduled_until`` are stood for by the run ``into_id``."""

    into_id: str | None
    count: int
    scheduled_until: datetime


@_event
class RunAbandoned(RunEvent):
    """A run's node was lost, and it may not start again."""

    reason: str | None


@_event
class RunHeld(RunEvent):
    """A run waits for a person: its node was lost, or what the store has of it cannot be read."""

    reason: str | None


@_event
class EngineEvent(Event):
    """Something that operators should know of."""


@_event
class ClockJumped(EngineEvent):
    """The machine's clock was set, or the machine slept; ``by`` is positive when it went forward."""

    by: timedelta


@_event
class StoreDegraded(EngineEvent):
    """The store cannot be reached or written: nothing new starts, and outcomes wait."""

    problem: str


@_event
class StoreRecovered(EngineEvent):
    """The store works again."""


@_event
class LeaseLost(EngineEvent):
    """This node could not keep its hold on these runs, and stops them: others run them, or will."""

    run_ids: tuple[str, ...]
    reason: str


@_event
class StaleWriteRefused(EngineEvent):
    """An attempt that had lost its claim tried to write its outcome."""

    run_id: str
    fence: int


@_event
class ListenerFailed(EngineEvent):
    """A listener raised on an event of type ``event_type``."""

    listener: str
    event_type: str
    error: ErrorInfo


@_event
class EventsDropped(EngineEvent):
    """``count`` events found the bus full, and reached nobody."""

    count: int


@_event
class EngineFault(EngineEvent):
    """The engine met an error that it did not expect, and went on."""

    problem: str
