"""Reads what people register: a target, and the job that is made of it. Pure until something is registered."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from cronkit.errors import ConfigurationError, CronkitError
from cronkit.jobs.importing import Importable
from cronkit.jobs.job import JobSpec
from cronkit.jobs.target import Target, unwrap
from cronkit.scheduler.declarations import Declaration
from cronkit.scheduler.options import AnySchedule, JobOptions, JobRequest, SpecReader, Zone, as_mapping, refuse_class
from cronkit.scheduler.runtime import Parts
from cronkit.schedules import Manual, Schedule

logger = logging.getLogger("cronkit.scheduler")

EARLIEST = datetime.min.replace(tzinfo=UTC)


class Registrar(NamedTuple):
    """Makes jobs of functions, options and names, as one scheduler understands them.

    Everything that it reads is refused here, with a ``ConfigurationError`` or a ``ScheduleError``, if it could never
    work, or if the store could not keep it.
    """

    parts: Parts
    reader: SpecReader
    importable: Importable
    owner: str | None

    def declare(
        self,
        function: Callable[..., Any],
        schedule: AnySchedule,
        job_id: str | None,
        tz: Zone | None,
        aliases: Collection[str],
        options: JobOptions,
    ) -> None:
        """Register a function, and declare a job of it."""
        registry = self.parts.registry
        if self.owner is not None and options.get("owner") is None:
            options = {**options, "owner": self.owner}
        target = registry.check(function, job_id)
        job = Declaration(
            self._spec(target, schedule, job_id, tz, options), target, registry.check_aliases(target, aliases)
        )
        _refuse_never(job.spec, self.parts.clock.now())
        self.parts.declarations.declare(job)
        self.register(job)
        _warn_of_one_for_several(job, function)

    def read(
        self,
        target: Callable[..., Any] | str,
        schedule: AnySchedule | None,
        job_id: str | None,
        tz: Zone | None,
        aliases: Collection[str],
        options: JobOptions,
    ) -> Declaration:
        """A job that is to be added at run time; its target is not registered yet."""
        _refuse_schedule_first(target, schedule)
        known = self._target(target, job_id)
        former = self.parts.registry.check_aliases(known, aliases)
        return Declaration(self._spec(known, schedule, job_id, tz, options), known, former)

    def read_many(self, requests: Iterable[JobRequest]) -> tuple[list[JobSpec], list[Declaration]]:
        """Jobs that are to be added at run time, and of those that stand on one target the last alone, to register.

        Targets that are new are registered, and nothing else is done.
        """
        if isinstance(requests, str | Mapping) or not isinstance(requests, Iterable):
            raise ConfigurationError(f"add_many({requests!r}): give a list of jobs, each a dict of what add() takes")
        specs: dict[str, JobSpec] = {}
        standing: dict[tuple[Target, tuple[str, ...]], Declaration] = {}
        for index, request in enumerate(requests):
            try:
                job = self._read_request(request)
                if job.spec.id in specs:
                    raise ConfigurationError(f"two of these jobs have the id {job.spec.id!r}: give one another id=")
            except CronkitError as error:
                error.add_note(f"This is jobs[{index}] of add_many(); none of them was added.")
                raise
            self.register_new(job)
            specs[job.spec.id] = job.spec
            standing[job.target, job.aliases] = job
        return list(specs.values()), list(standing.values())

    def register(self, job: Declaration) -> None:
        """Have a job's target under its names, in place of an older version of it."""
        self.parts.registry.put(job.target, job.aliases)

    def register_new(self, job: Declaration) -> None:
        """Have a job's target under its names if nothing has that name: it takes nothing from any job."""
        if self.parts.registry.get(job.target.name) is None:
            self.register(job)

    def import_targets(self, names: Iterable[str]) -> list[str]:
        """Register the targets of stored jobs that are import paths; return those that cannot be, which are logged."""
        failed = []
        for name in sorted(names):
            if not self.may_import(name) or self.parts.registry.get(name) is not None:
                continue
            try:
                self.parts.registry.put(Target(name, self.importable.resolve(name)))
            except ConfigurationError as error:
                logger.warning("jobs of this target do not run here: %s", error)
                failed.append(name)
        return failed

    def may_import(self, name: str) -> bool:
        """Whether a target is an import path that a start tries."""
        module, colon, _ = name.partition(":")
        return bool(colon) and self.importable.covers(module)

    def check(self, spec: JobSpec) -> None:
        """Refuse what people have made of a job and of its declaration together, as if it were added so."""
        target = self.parts.registry.get(spec.target)
        if target is None:
            raise self._no_target(spec.target)
        self.reader.check(spec, target)
        self.checked(spec, target)

    def checked(self, spec: JobSpec, target: Target | None) -> JobSpec:
        """The spec, if the store can keep it."""
        if self.parts.store.capabilities.durable:
            from cronkit.jobs.durable import check_storable  # here, for a store in memory does without it

            check_storable(spec, target)
        return spec

    def _spec(
        self, target: Target, schedule: AnySchedule | None, job_id: str | None, tz: Zone | None, options: JobOptions
    ) -> JobSpec:
        job_id = target.name if job_id is None else job_id
        schedule = Manual() if schedule is None else schedule
        return self.checked(self.reader.read(target, schedule, job_id, tz, options), target)

    def _read_request(self, request: JobRequest) -> Declaration:
        given = as_mapping("a job", request)
        if "target" not in given:
            raise ConfigurationError(f"{given!r} has no target: give what add() takes, such as {{'target': send}}")
        target, schedule, job_id = given.pop("target"), given.pop("schedule", None), given.pop("id", None)
        tz, aliases = given.pop("tz", None), given.pop("aliases", ())
        return self.read(target, schedule, job_id, tz, aliases, cast(JobOptions, given))

    def _target(self, target: Callable[..., Any] | str, job_id: str | None) -> Target:
        registry = self.parts.registry
        if not isinstance(target, str):
            return registry.known(target) or registry.check(
                target,
                # That job had the old values, so this is a newer version; without an id it is the target's own job.
                may_rebind=lambda: job_id is None or self.parts.store.load(self.parts.namespace, job_id) is not None,
            )
        known = registry.get(target)
        if known is not None:
            return known
        if ":" in target:
            return Target(target, self.importable.resolve(target))
        raise self._no_target(target)

    def _no_target(self, name: str) -> ConfigurationError:
        names = ", ".join(sorted(self.parts.registry.targets)) or "none yet"
        return ConfigurationError(
            f"no target is called {name!r}: decorate it with @scheduler.target; the targets are {names}"
        )


def _warn_of_one_for_several(job: Declaration, function: Callable[..., Any]) -> None:
    """Tell of a loop or a factory: it makes functions that are one to the registry, of one piece of code.

    A cell that is run again, or a module that is reloaded, is compiled anew.
    """
    if unwrap(job.target.function) is not unwrap(function):
        logger.warning(
            "job %r is declared again by the same piece of code, %s, and stays one job: where a loop or a factory "
            "means several, give each its own id=, as in scheduler.job('1h', id=name)(function)",
            job.spec.id,
            job.target.place,
        )


def refuse_bare(schedule: object) -> None:
    """Refuse ``@scheduler.job`` without its parentheses."""
    refuse_class(schedule)
    if callable(schedule) and not isinstance(schedule, Schedule):
        raise ConfigurationError(f"@scheduler.job needs a schedule: write @scheduler.job('5m') above {schedule!r}")


def _refuse_schedule_first(target: object, schedule: object) -> None:
    """Refuse ``add("1h", function)``."""
    if callable(schedule) and not callable(target) and not isinstance(schedule, type | Schedule):
        name = getattr(schedule, "__name__", repr(schedule))
        raise ConfigurationError(f"add({target!r}, {name}): the target comes first, add({name}, {target!r})")


def _refuse_never(spec: JobSpec, now: datetime) -> None:
    """Refuse a schedule that has no occurrence at all, past or to come.

    Raises:
        ConfigurationError: it has none.
    """
    schedule = spec.schedule.bind(now=now)
    if schedule.next(now) is None and schedule.next(EARLIEST) is None and not isinstance(schedule, Manual):
        raise ConfigurationError(f"job {spec.id!r} would never run: {schedule} has no occurrence")
