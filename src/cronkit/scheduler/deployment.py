"""Brings the jobs of a store to what code declares: looked at as a plan, or carried out.

Every write is find, decide and save, and again if somebody else was faster, so that any number of processes may deploy
at once.
"""

import logging
from collections.abc import Collection, Iterable, Iterator

from cronkit.engine import changes
from cronkit.errors import ConfigurationError, LifecycleError
from cronkit.events import (
    DeploymentsAlternate,
    JobAdded,
    JobRemoved,
    JobRenamed,
    JobUnresolved,
    JobUpdated,
    OverrideConflicts,
    OverrideShadows,
)
from cronkit.jobs.job import RENAMED, Job
from cronkit.jobs.layers import alternate, differences
from cronkit.scheduler.declarations import Declaration
from cronkit.scheduler.findings import (
    PRUNED,
    Fate,
    Finder,
    Finding,
    declared_jobs,
    jobs_waiting_for,
    last_action,
)
from cronkit.scheduler.job_writer import JobWriter
from cronkit.scheduler.obstacles import how_to_register
from cronkit.scheduler.plan import ADOPTED, OptionChange, Plan, option_changes, shown_ids
from cronkit.scheduler.registrar import Registrar

logger = logging.getLogger("cronkit.scheduler")

LEFT_ALONE = (Fate.LEAVE_REMOVED, Fate.LEAVE_UNREADABLE)


class Deployment:
    """What one scheduler's declarations mean for the jobs of its namespace.

    Orphans are looked for among the jobs that were declared under its owner, or under the owner of a declaration.
    ``by`` is who deploys, for the history.
    """

    __slots__ = ("_by", "_finder", "_parts", "_registrar", "_writer")

    def __init__(self, registrar: Registrar, by: str | None = None) -> None:
        parts = self._parts = registrar.parts
        self._registrar = registrar
        self._by = by
        self._writer = JobWriter(parts)
        self._finder = Finder(parts.store, parts.namespace, parts.declarations.ids)

    def plan(self) -> Plan:
        """What ``apply`` would do now; reads the store, and writes nothing."""
        declarations = self._parts.declarations.all
        return self._plan(self._finder.find_all(declarations))

    def apply(self, expected: Plan | None = None, prune: bool | Collection[str] = False) -> Plan:
        """Deploy every declaration, and remove orphans as ``prune`` says; return what was carried out.

        Raises:
            LifecycleError: that is not what ``expected`` says; ConfigurationError: that is no plan, or ``prune`` names
            a job that is no orphan. Nothing was done then.
        """
        if expected is not None and not isinstance(expected, Plan):
            raise ConfigurationError(
                f"apply({expected!r}): give what plan() returned, or nothing; orphans are removed with prune="
            )
        declarations = self._parts.declarations.all
        findings = self._finder.find_all(declarations)
        plan = self._plan(findings)
        if expected is not None and plan != expected:
            raise LifecycleError(f"this plan is out of date: look at a new plan(), which is now\n{plan}")
        doomed = _doomed(plan.orphaned, prune)
        self._carry_out(findings)
        return plan.after_pruning([job_id for job_id in doomed if self._prune(job_id)])

    def deploy(self, declarations: Iterable[Declaration]) -> None:
        """Deploy these declarations alone."""
        self._carry_out(self._finder.find_all(declarations))

    def warn(self, plan: Plan, not_imported: Collection[str] = ()) -> frozenset[str]:
        """Tell of what a plan leaves for people to decide; return the targets that jobs ask for in vain.

        Of those that are ``not_imported`` it has been said why.
        """
        for job_id in plan.removed:
            logger.warning("job %r is declared, but somebody has removed it: reset(%r) brings it back", job_id, job_id)
        for job_id, reason in plan.unreadable.items():
            logger.warning("job %r does not run, for what the store has of it cannot be read: %s", job_id, reason)
        orphaned = {target for job_id in plan.unresolved if (target := self._warn_of_orphan(job_id)) is not None}
        for target, jobs in plan.missing_targets.items():
            logger.warning(
                "no target %r is registered here, so that %s cannot run before it is: %s, unless another program on "
                "this store has it",
                *(target, shown_ids(jobs), how_to_register(target)),
            )
        missing = {**plan.missing_targets, **self._jobs_waiting_for(not_imported)}
        for target, jobs in missing.items():
            for job_id in jobs:
                self._tell_unresolved(job_id, target)
        return frozenset(orphaned | missing.keys())

    def _warn_of_orphan(self, job_id: str) -> str | None:
        """Tell of an orphan that cannot run here; return its target, or None if the job has gone meanwhile."""
        row = self._parts.store.load(self._parts.namespace, job_id)
        if row is None:
            return None
        target = row.spec.target
        logger.warning(
            "job %r is no longer declared, and its target %r is not registered: it is kept, and does not run here; "
            "declare what it is called now with aliases=[%r], or apply(prune=[%r]); if another program does, "
            "give each of the two an owner=",
            *(job_id, target, job_id, job_id),
        )
        self._tell_unresolved(job_id, target)
        return target

    def _tell_unresolved(self, job_id: str, target: str) -> None:
        bus, namespace = self._parts.bus, self._parts.namespace
        if bus.wants(JobUnresolved):
            bus.publish(JobUnresolved(at=self._parts.clock.now(), namespace=namespace, job_id=job_id, target=target))

    # -- looking ------------------------------------------------------------------------------------------------------

    def _plan(self, findings: list[Finding]) -> Plan:
        by_fate: dict[Fate, list[Finding]] = {fate: [] for fate in Fate}
        for finding in sorted(findings, key=lambda each: each.spec.id):
            by_fate[finding.fate].append(finding)
        going_on = [*by_fate[Fate.LEAVE], *by_fate[Fate.CHANGE], *by_fate[Fate.RENAME]]
        known = {each.spec.id for each in findings} | {each.row.key.id for each in findings if each.row is not None}
        orphans = [job for job in self._declared_under(_owners(findings, self._registrar.owner)) if job.id not in known]
        return Plan(
            added=_ids(by_fate[Fate.ADD]),
            changed={each.spec.id: found for each in going_on if (found := _option_changes(each))},
            renamed={each.spec.id: each.row.key.id for each in by_fate[Fate.RENAME] if each.row is not None},
            unchanged=_ids(by_fate[Fate.LEAVE]),
            overridden={
                each.spec.id: tuple(sorted(each.row.overrides))
                for each in going_on
                if each.row is not None and each.row.overrides
            },
            conflicting={each.spec.id: why for each in going_on if (why := self._conflict(each)) is not None},
            removed=_ids(by_fate[Fate.LEAVE_REMOVED]),
            orphaned=tuple(job.id for job in orphans),
            unresolved=tuple(job.id for job in orphans if self._parts.registry.get(job.spec.target) is None),
            missing_targets=self._missing_targets(),
            unreadable={
                each.spec.id: each.row.unreadable
                for each in by_fate[Fate.LEAVE_UNREADABLE]
                if each.row is not None and each.row.unreadable is not None
            },
        )

    def _missing_targets(self) -> dict[str, tuple[str, ...]]:
        """The targets that jobs made at run time ask for in vain, but for those that a start would try to import."""
        registrar, namespace = self._registrar, self._parts.namespace
        unknown = self._parts.store.target_names(namespace) - self._parts.registry.targets.keys()
        return self._jobs_waiting_for([target for target in unknown if not registrar.may_import(target)])

    def _jobs_waiting_for(self, targets: Collection[str]) -> dict[str, tuple[str, ...]]:
        return jobs_waiting_for(self._parts.store, self._parts.namespace, targets)

    def _conflict(self, finding: Finding) -> str | None:
        """Why a job could not be added as it is, with what somebody has changed of it by hand, or None."""
        if finding.row is None or not finding.row.overrides or finding.fate in LEFT_ALONE:
            return None
        try:
            self._registrar.check(finding.combined)
        except ConfigurationError as error:
            return str(error)
        return None

    def _declared_under(self, owners: Collection[str | None]) -> Iterator[Job]:
        """The jobs that code has declared under these owners."""
        if owners:
            for job in declared_jobs(self._parts.store, self._parts.namespace):
                if job.declared is not None and job.declared.owner in owners:
                    yield job

    # -- writing ------------------------------------------------------------------------------------------------------

    def _carry_out(self, findings: list[Finding]) -> None:
        taken = self._add([each for each in findings if each.fate is Fate.ADD])
        for finding in (*taken, *(each for each in findings if each.fate is not Fate.ADD)):
            self._settle(finding)
        for finding in findings:
            self._tell_conflict(finding)

    def _tell_conflict(self, finding: Finding) -> None:
        """Tell of a job that goes on, but cannot run as it is."""
        why = self._conflict(finding)
        if why is None or finding.row is None:
            return
        key = finding.row.key._replace(id=finding.spec.id)
        logger.warning(
            "job %r cannot run here as it is, for what somebody has changed by hand does not go with what code "
            "declares: %s; update(%r, ...) what does not fit, or reset(%r) goes back to the code",
            *(key.id, why, key.id, key.id),
        )
        self._writer.tell(OverrideConflicts, key, self._parts.clock.now(), reason=why)

    def _settle(self, finding: Finding) -> None:
        """Do what is to be done about a declaration, looking again until nobody else is in the way."""
        while True:
            if finding.fate is Fate.ADD:
                if not self._add([finding]):
                    return
            elif finding.fate is Fate.RENAME:
                self._rename(finding)
            elif finding.fate is not Fate.CHANGE or self._change(finding):
                return
            finding = self._finder.find(finding.declaration)

    def _add(self, findings: list[Finding]) -> list[Finding]:
        """Add what is new, in one write; return what is not new any more, found again."""
        if not findings:
            return []
        now = self._parts.clock.now()
        namespace, by = self._parts.namespace, self._by
        rows = [changes.create_declared(each.spec, each.fingerprint, namespace, now, by) for each in findings]
        taken = []
        for finding, row, is_added in zip(findings, rows, self._parts.store.insert(rows), strict=True):
            if is_added:
                self._writer.tell(JobAdded, row.key, now)
            else:
                taken.append(self._finder.find(finding.declaration))
        return taken

    def _rename(self, finding: Finding) -> None:
        """Give a job another id. Its history says so first, in a write of its own: it may say it twice, but an id that
        was given up is never forgotten."""
        store, row, now = self._parts.store, finding.row, self._parts.clock.now()
        if row is None:
            return
        before = row.key.id
        row.record(f"{RENAMED}{before}", now, self._by)
        if not store.save(row):
            return
        noted = store.load(self._parts.namespace, before)
        if noted is not None and store.rename(noted, finding.spec.id):
            self._writer.tell(JobRenamed, noted.key._replace(id=finding.spec.id), now, before=before)

    def _change(self, finding: Finding) -> bool:
        """Give a job its new declaration; False if somebody else was faster."""
        row, now = finding.row, self._parts.clock.now()
        if row is None:
            return False
        before = row.spec
        births = changes.declare(row, finding.spec, finding.fingerprint, now, self._by, self._parts.new_id)
        written = self._parts.store.save(row, births)
        if written is None:
            return False
        self._writer.tell_ends(written.ended, now)
        changed = differences(before, row.spec)
        if changed:
            self._writer.tell(JobUpdated, row.key, now, changed=changed)
        if finding.shadowed:
            names = ", ".join(finding.shadowed)
            logger.warning(
                "job %r does not follow its declaration, which changed what somebody had changed by hand: %s; "
                "reset(%r) goes back to the code",
                *(row.key.id, names, row.key.id),
            )
            self._writer.tell(OverrideShadows, row.key, now, options=finding.shadowed)
        if alternate(row.fingerprints):
            logger.warning(
                "two declarations of job %r take turns: two deployments that differ share a store, and each undoes "
                "what the other did; deploy one of them alone, or give each a namespace",
                row.key.id,
            )
            self._writer.tell(DeploymentsAlternate, row.key, now)
        return True

    def _prune(self, job_id: str) -> bool:
        """Remove an orphan so that a declaration may bring it back; False if it has gone meanwhile.

        Its history says so first, in a write of its own: what dies between the two leaves an orphan still.
        """
        store, now = self._parts.store, self._parts.clock.now()
        while (row := store.load(self._parts.namespace, job_id)) is not None:
            if last_action(store, row.key) == PRUNED:
                if written := store.remove(row, changes.due_at_removal(row, now, self._parts.new_id), now):
                    self._writer.tell_ends(written.ended, now)
                    self._writer.tell(JobRemoved, row.key, now)
                    return True
            else:
                row.record(PRUNED, now, self._by)
                store.save(row)
        return False


def _owners(findings: Iterable[Finding], owner: str | None) -> set[str | None]:
    """Whose jobs these declarations are all of; a scheduler that declares nothing speaks for its own owner alone."""
    owners = {each.spec.owner for each in findings}
    return owners if owner is None else owners | {owner}


def _ids(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(each.spec.id for each in findings)


def _option_changes(finding: Finding) -> tuple[OptionChange, ...]:
    row = finding.row
    if row is None:
        return ()
    found = option_changes(row.declared or row.spec, finding.spec, finding.changed, row.overrides)
    return (OptionChange(ADOPTED, "no", "yes"), *found) if row.declared is None else found


def _doomed(orphaned: Collection[str], prune: bool | Collection[str]) -> Collection[str]:
    """Which orphans are to be removed.

    Raises:
        ConfigurationError: ``prune`` is no choice of them.
    """
    if isinstance(prune, bool):
        return orphaned if prune else ()
    if isinstance(prune, str):
        raise ConfigurationError(f"prune={prune!r} is one text: give several ids, as in [{prune!r}], or True for all")
    if not isinstance(prune, Collection):
        raise ConfigurationError(
            f"prune={prune!r}: give True for all orphaned jobs, False for none, or the ids of some"
        )
    strangers = sorted(repr(job_id) for job_id in prune if job_id not in orphaned)
    if strangers:
        listed = ", ".join(map(repr, orphaned)) or "none"
        raise ConfigurationError(f"prune names {', '.join(strangers)}; the orphaned jobs are {listed}")
    return [job_id for job_id in orphaned if job_id in prune]
