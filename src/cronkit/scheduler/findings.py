"""What a declaration means for the job that a store holds: looked up and decided, nothing written."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from cronkit.errors import ConfigurationError
from cronkit.jobs.job import RENAMED, Job, JobRow, JobSpec
from cronkit.jobs.keys import JobKey
from cronkit.jobs.layers import differences, overlaid
from cronkit.scheduler.declarations import Declaration
from cronkit.schedules import Cron, Manual
from cronkit.stores.protocol import JobFilter, JobStore

PRUNED = "pruned"
"""What the history says last of a job that a deployment removed, so that a later one may bring it back."""
PAGE = 500
"""How many jobs are read at a time."""


class Fate(Enum):
    """What a deployment does about one declaration."""

    ADD = "add"
    CHANGE = "change"
    RENAME = "rename"
    LEAVE = "leave"
    LEAVE_REMOVED = "leave removed"
    LEAVE_UNREADABLE = "leave unreadable"


class Finding(NamedTuple):
    """A declaration beside the store's row: that of an alias, where the job goes on under another id.

    ``spec`` is what is declared, and ``changed`` names the options that were declared otherwise before.
    ``fingerprint`` is None for what cannot be written as text, which only a store in memory keeps.
    """

    declaration: Declaration
    fate: Fate
    spec: JobSpec
    fingerprint: str | None
    row: JobRow | None = None
    changed: tuple[str, ...] = ()

    @property
    def shadowed(self) -> tuple[str, ...]:
        """The changed options that somebody has changed by hand, so that the job does not follow."""
        overrides = frozenset() if self.row is None else self.row.overrides
        return tuple(name for name in self.changed if name in overrides)

    @property
    def combined(self) -> JobSpec:
        """What the job does once this is deployed: what is declared, under what somebody has changed by hand."""
        return self.spec if self.row is None else overlaid(self.spec, self.row.spec, self.row.overrides)


class Finder:
    """Finds what declarations mean for the jobs of one namespace of a store. ``here`` are the ids of all of them."""

    __slots__ = ("_here", "_namespace", "_store")

    def __init__(self, store: JobStore, namespace: str, here: Collection[str]) -> None:
        self._store = store
        self._namespace = namespace
        self._here = here

    def find_all(self, declarations: Iterable[Declaration]) -> list[Finding]:
        """What each of the declarations means, in their order."""
        findings = [self._find_by_id(each) for each in declarations]
        if not any(each.fate is Fate.ADD for each in findings):
            return findings
        former = self._former_ids()
        return [self._find_former(each, former) if each.fate is Fate.ADD else each for each in findings]

    def find(self, declaration: Declaration) -> Finding:
        """What one declaration means."""
        (finding,) = self.find_all([declaration])
        return finding

    def _find_by_id(self, declaration: Declaration) -> Finding:
        """A declaration whose id, or an alias of it, is in the store."""
        row = self._load(declaration.spec.id)
        if row is None or self._may_return(row):
            return self._find_alias(declaration)
        spec = _with_its_minute(declaration, row)
        fingerprint = fingerprint_of(spec)
        if row.removed_at is not None:
            return Finding(declaration, Fate.LEAVE_REMOVED, spec, fingerprint, row)
        if row.unreadable is not None:
            return Finding(declaration, Fate.LEAVE_UNREADABLE, spec, fingerprint, row)
        is_known = fingerprint is not None and row.declared is not None and row.fingerprints[-1:] == (fingerprint,)
        changed = () if is_known else differences(row.declared or row.spec, spec)
        fate = Fate.CHANGE if changed or row.declared is None else Fate.LEAVE
        return Finding(declaration, fate, spec, fingerprint, row, changed)

    def _find_alias(self, declaration: Declaration) -> Finding:
        """A declaration whose id is new: a job that went by one of its aliases, or none yet."""
        for alias in declaration.aliases:
            row = self._load(alias)
            if row is not None and row.declared is not None and not self._may_return(row):
                return _renaming(declaration, row)
        return Finding(declaration, Fate.ADD, declaration.spec, fingerprint_of(declaration.spec))

    def _find_former(self, finding: Finding, former: Mapping[tuple[str | None, str], str]) -> Finding:
        """An id that is new here, but was that of a job that a newer version of this application has renamed: this
        version takes it back, rather than to add a second one."""
        job_id = former.get((finding.spec.owner, finding.spec.id))
        row = None if job_id is None else self._store.load(self._namespace, job_id)
        return finding if row is None else _renaming(finding.declaration, row)

    def _former_ids(self) -> dict[tuple[str | None, str], str]:
        """The ids that declared jobs had before, by owner; of jobs that are not declared here alone."""
        found: dict[tuple[str | None, str], str] = {}
        for job in declared_jobs(self._store, self._namespace):
            if job.id not in self._here and job.declared is not None:
                for revision in self._store.history(job.key):
                    if revision.action.startswith(RENAMED):
                        found[job.declared.owner, revision.action.removeprefix(RENAMED)] = job.id
        return found

    def _load(self, job_id: str) -> JobRow | None:
        return self._store.load(self._namespace, job_id, removed=True)

    def _may_return(self, row: JobRow) -> bool:
        """Whether a job was removed and may come back: code never declared it, or a deployment pruned it."""
        if row.removed_at is None:
            return False
        return row.declared is None or last_action(self._store, row.key) == PRUNED


def declared_jobs(store: JobStore, namespace: str) -> Iterator[Job]:
    """The jobs of a namespace that code has declared."""
    cursor = None
    while True:
        page = store.jobs(JobFilter(namespace, declared=True), limit=PAGE, cursor=cursor)
        yield from page
        cursor = page.cursor
        if cursor is None:
            return


def jobs_waiting_for(store: JobStore, namespace: str, targets: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Of targets those that jobs made at run time may run again for, each with the ids of such jobs.

    The first ``PAGE`` of those jobs are looked at; a target that only later ones wait for is left out. What a
    declared job asks for is left out: it is an orphan, and told of as such, or there is a program that declares it.
    """
    unknown = set(targets)
    if unknown:
        unknown -= {job.spec.target for job in declared_jobs(store, namespace)}
    if not unknown:
        return {}
    waiting: dict[str, list[str]] = {target: [] for target in sorted(unknown)}
    page = store.jobs(JobFilter(namespace, declared=False), limit=PAGE, cursor=None)
    for job in page:
        if job.spec.target in unknown and _may_run(job):
            waiting[job.spec.target].append(job.id)
    return {target: tuple(ids) for target, ids in waiting.items() if ids}


def _may_run(job: Job) -> bool:
    """Whether a job may still run; one that has no count yet has a run that waits."""
    is_over = job.next_run_at is None and job.pause is None and not isinstance(job.schedule, Manual)
    return not is_over or not any(job.counters.values())


def _renaming(declaration: Declaration, row: JobRow) -> Finding:
    """A declaration of a job that goes by another id in the store; one that was removed there stays so."""
    spec = _with_its_minute(declaration, row)
    fate = Fate.RENAME if row.removed_at is None else Fate.LEAVE_REMOVED
    changed = tuple(name for name in differences(row.declared or row.spec, spec) if name != "target")
    return Finding(declaration, fate, spec, fingerprint_of(spec), row, changed)


def last_action(store: JobStore, key: JobKey) -> str | None:
    """What was done last to a job, as its history has it."""
    history = store.history(key)
    return history[-1].action if history else None


def fingerprint_of(spec: JobSpec) -> str | None:
    """The fingerprint of a declaration, or None if it cannot be written as text."""
    from cronkit.jobs.documents import fingerprint  # here, for it imports what `import cronkit` does without

    try:
        return fingerprint(spec)
    except ConfigurationError:
        return None


def _with_its_minute(declaration: Declaration, row: JobRow) -> JobSpec:
    """What is declared; an ``H`` in it still means what it meant under the id that the job had before."""
    spec, stored = declaration.spec, None if row.declared is None else row.declared.schedule
    new = spec.schedule
    if not (isinstance(new, Cron) and isinstance(stored, Cron) and new.seed == spec.id):
        return spec
    if stored.seed not in declaration.aliases or _with_seed(stored, new.seed) != new:
        return spec
    return replace(spec, schedule=stored)


def _with_seed(cron: Cron, seed: str | None) -> Cron:
    return Cron(cron.text, tz=cron.tz, dialect=cron.dialect, dst=cron.dst, seed=seed, start=cron.start, end=cron.end)
