"""What may be said of a job when it is declared, added or updated, and how that becomes a ``JobSpec``."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache, partial
from types import NoneType
from typing import Any, Required, TypedDict
from zoneinfo import ZoneInfo

from cronkit.errors import ConfigurationError
from cronkit.executors.protocol import Executor
from cronkit.jobs.job import JobSpec, new_spec
from cronkit.jobs.policies import Duration, Missed, OnCrash, Overlap, Policies, Retry, read_policies
from cronkit.jobs.target import Colour, Target
from cronkit.jobs.validation import storable_text
from cronkit.scheduler.unknown_options import refuse_trigger, refuse_unknown
from cronkit.schedules import At, CalendarInterval, Cron, Every, Manual, Schedule, parse_schedule

AnySchedule = str | timedelta | Schedule
Zone = str | tzinfo


class JobOptions(TypedDict, total=False):
    """The options of ``job``, ``add`` and ``update``; what is left out keeps its default, at ``update`` its value.

    None is the default too: ``update("nightly", timeout=None)`` goes back to the scheduler's.
    """

    args: Collection[Any] | None
    """Positional arguments for the target."""
    kwargs: Mapping[str, Any] | None
    """Keyword arguments for the target."""
    executor: str | None
    """The name of the executor to run on; by default the one that fits the target's colour."""
    name: str | None
    """A name for people; the id, if not given."""
    description: str | None
    """What the job is for."""
    metadata: Mapping[str, Any] | None
    """Anything the application wants to keep with the job."""
    tags: Collection[str] | None
    """Labels by which jobs are found."""
    owner: str | None
    """Who answers for the job."""
    missed: str | Missed | None
    """What late occurrences become: "latest" (default), "skip", "all", or a ``Missed``."""
    overlap: str | Overlap | None
    """What happens while another run is open: "skip" (default), "queue", "allow", "cancel_running"."""
    retry: int | Retry | None
    """How often a failed run is tried, counting the first: a number, or a ``Retry``."""
    on_crash: str | OnCrash | None
    """What becomes of a run whose node was lost: "rerun" (default), "fail", "hold"."""
    timeout: Duration | None
    """The longest an attempt may take."""
    spread: Duration | None
    """Move each run forward by a stable part of this, so that jobs of one schedule do not start together."""
    jitter: Duration | None
    """Move each run forward by a part of this that differs from run to run."""
    max_runs: int | None
    """After how many scheduled runs the job ends."""


class JobRequest(JobOptions, total=False):
    """A job of ``add_many``: what ``add`` takes, by name."""

    target: Required[Callable[..., Any] | str]
    """The function, its registered name, or its import path."""
    schedule: AnySchedule | None
    """When it runs; by ``trigger`` alone, if not given."""
    id: str | None
    """The job's id; the target's name, if not given."""
    tz: Zone | None
    """The zone of the schedule; the scheduler's, if not given."""
    aliases: Collection[str]
    """The names that the target had before."""


OWN_SCHEDULES = (At, CalendarInterval, Cron, Every, Manual)
"""Looked for first: asking whether an object fits a protocol costs 20 us."""
SPELLED = 1_024
"""How many schedules a scheduler keeps to be shared; those used least lately go."""
NAMED_ZONES = frozenset({NoneType, str, ZoneInfo})
"""What two zones are surely the same by, if they are equal."""
CRONTAB_OF_NUMBERS = "0123456789*/,- "
CANCEL_RUNNING = Overlap.CANCEL_RUNNING
"""Looked up once: 70 ns at each add."""
ID_LENGTH = 200
POLICY_OPTIONS = frozenset({"missed", "overlap", "retry", "on_crash", "timeout", "spread", "jitter", "max_runs"})
LABEL_OPTIONS = frozenset({"name", "description", "owner"})


class SpecReader:
    """Reads declarations against one scheduler's zone, default policies and executors.

    Jobs of one text and zone share their schedule, and with it what was found for one of them. Where jobs have few
    schedules, an ``add`` takes half as long so; where each has its own, looking it up is 4 % of it.
    """

    __slots__ = ("_spelled", "default_executors", "defaults", "executors", "tz")

    def __init__(
        self,
        *,
        tz: Zone,
        defaults: Policies,
        executors: Mapping[str, Executor],
        default_executors: Mapping[Colour, str],
    ) -> None:
        self.tz = tz
        self.defaults = defaults
        self.executors = executors
        self.default_executors = default_executors
        self._spelled = lru_cache(SPELLED)(partial(_spelled, tz))

    def read(self, target: Target, schedule: AnySchedule, job_id: str, tz: Zone | None, options: JobOptions) -> JobSpec:
        """The spec of a new job.

        Raises:
            ConfigurationError: an option that cannot be; ScheduleError: a schedule that cannot be.
        """
        _check_id(job_id)
        refuse_trigger(schedule, options)
        schedule = self.schedule(schedule, job_id, tz)
        executor = self._executor(target, options.get("executor"))
        given = self._read(options, self.defaults)
        given.setdefault("policies", self.defaults)
        spec = new_spec(job_id, target.name, schedule, executor, given)
        self._check_overlap(spec)
        target.check_arguments(spec.args, spec.kwargs)
        return spec

    def check(self, spec: JobSpec, target: Target) -> None:
        """Refuse a spec that was put together of two, each of which was read here or elsewhere, as ``read`` would."""
        self._check_executor(target, spec.executor)
        self._check_overlap(spec)
        target.check_arguments(spec.args, spec.kwargs)

    def change(
        self, spec: JobSpec, target: Target | None, schedule: AnySchedule | None, tz: Zone | None, options: JobOptions
    ) -> JobSpec:
        """An existing job's spec with some of it changed; raises as ``read`` does."""
        refuse_trigger(schedule, options)
        changes = self._read(options, spec.policies)
        if schedule is not None:
            changes["schedule"] = self.schedule(schedule, spec.id, tz)
        elif tz is not None:
            raise ConfigurationError("tz= belongs to a schedule: give schedule= with it")
        if "executor" in options:
            if target is None:
                raise ConfigurationError(
                    f"executor={options['executor']!r}: target {spec.target!r} is not registered here, so nobody can "
                    "tell which executors can run it: update the job in a program that has it"
                )
            changes["executor"] = self._executor(target, options["executor"])
        spec = replace(spec, **changes)
        self._check_overlap(spec)
        if target is not None:
            target.check_arguments(spec.args, spec.kwargs)
        return spec

    def schedule(self, schedule: AnySchedule, job_id: str, tz: Zone | None) -> Schedule:
        """A schedule bound to its own zone, the given one, or the scheduler's."""
        if isinstance(schedule, str):
            hashes = "H" in schedule.upper()  # its job's id, so that it is this job's own
            if not hashes and type(schedule) is str and type(tz) in NAMED_ZONES:
                return self._spelled(schedule, tz)
            return parse_schedule(schedule, tz=tz, seed=job_id).bind(tz=self.tz)
        if isinstance(schedule, timedelta):
            return Every(schedule)
        if isinstance(schedule, datetime):
            raise ConfigurationError(f"schedule={schedule!r} is an instant: write At({schedule.isoformat()!r})")
        refuse_class(schedule)
        if not isinstance(schedule, OWN_SCHEDULES) and not isinstance(schedule, Schedule):
            raise ConfigurationError(
                f"schedule={schedule!r} is no schedule: give a text such as '0 9 * * MON-FRI' or '5m', or a Schedule"
            )
        return schedule.bind(tz=self.tz if tz is None else tz)

    def _executor(self, target: Target, name: str | None) -> str:
        if name is None:
            return self.default_executors[target.colour]
        self._check_executor(target, name)
        return name

    def _check_executor(self, target: Target, name: str) -> None:
        executor = self.executors.get(name)
        if executor is None:
            raise ConfigurationError(
                f"executor={name!r} is unknown: give one of {', '.join(map(repr, self.executors))}"
            )
        if target.colour not in executor.capabilities.colours:
            fit = ", ".join(
                repr(key) for key, value in self.executors.items() if target.colour in value.capabilities.colours
            )
            raise ConfigurationError(
                f"executor {name!r} cannot run the {target.colour} {target.name!r}: give {fit}, or leave executor= out"
            )

    def _read(self, options: JobOptions, base: Policies) -> dict[str, Any]:
        """The fields of a spec that options give, policies over ``base``."""
        changes: dict[str, Any] = {}
        policies: dict[str, Any] = {}
        for option, value in options.items():
            if option in POLICY_OPTIONS:
                policies[option] = value
            elif option in LABEL_OPTIONS:
                changes[option] = value if value is None else storable_text(option, value)
            elif option == "args":
                changes["args"] = tuple(_collection(option, value))
            elif option in ("kwargs", "metadata"):
                changes[option] = as_mapping(option, value)
            elif option == "tags":
                changes["tags"] = frozenset(storable_text("tag", tag) for tag in _collection(option, value))
            elif option != "executor":
                refuse_unknown([option], JobOptions.__annotations__)
        if policies:
            unset = {name: getattr(self.defaults, name) for name, value in policies.items() if value is None}
            changes["policies"] = read_policies(replace(base, **unset), policies)
        return changes

    def _check_overlap(self, spec: JobSpec) -> None:
        if spec.policies.overlap is not CANCEL_RUNNING:
            return
        executor = self.executors.get(spec.executor)
        if executor is not None and not executor.capabilities.cancels:
            raise ConfigurationError(
                f"overlap='cancel_running': executor {spec.executor!r} cannot cancel a run; "
                "make the target a coroutine function, or choose 'skip', 'queue' or 'allow'"
            )


def refuse_class(schedule: object) -> None:
    """Refuse ``Manual`` where ``Manual()`` is meant."""
    if isinstance(schedule, type) and isinstance(schedule, Schedule):  # by its names, a class of them is one too
        written = f"{schedule.__name__}({'' if schedule is Manual else '...'})"
        raise ConfigurationError(f"schedule={schedule.__name__} is a class: write {written}")


def _spelled(default: Zone, text: str, tz: Zone | None) -> Schedule:
    """The schedule of a text that no seed changes."""
    if "*" in text and not text.strip(CRONTAB_OF_NUMBERS):  # nothing else looks so, and no zone is in it: 4 us, not 7
        return Cron(text, tz=default if tz is None else tz)
    return parse_schedule(text, tz=tz).bind(tz=default)


def _check_id(job_id: object) -> None:
    if not isinstance(job_id, str) or not 0 < len(job_id) <= ID_LENGTH:
        raise ConfigurationError(f"id={job_id!r}: give a text of 1 to {ID_LENGTH} characters")
    storable_text("id", job_id)


def _collection(option: str, value: Any) -> Collection[Any]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Collection):
        raise ConfigurationError(f"{option}={value!r} is no collection: give several, such as [{value!r}]")
    return value


def as_mapping(option: str, value: Any) -> dict[str, Any]:
    """A copy of names with their values, empty for None; ConfigurationError for anything else."""
    if type(value) is dict:  # 0.1 us; whether an object is a Mapping takes 0.4
        return value.copy()
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{option}={value!r} is no mapping: give names with their values, such as {{'n': 1}}")
    return dict(value or {})
