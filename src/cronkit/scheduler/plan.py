"""What a deployment would do to the jobs of a store, as a value that people can look at first."""

import reprlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NamedTuple

from cronkit.jobs.job import JobSpec
from cronkit.jobs.layers import option
from cronkit.jobs.policies import Missed, Retry
from cronkit.schedules import Schedule
from cronkit.schedules.durations import format_duration

VALUE_LENGTH = 60
"""How many characters of a value a plan shows."""
SHOWN = 3
"""How many ids of jobs it shows of a missing target."""
ADOPTED = "declared"
"""Stands among the options of a job that was made at run time, and is declared in code from now on."""


class OptionChange(NamedTuple):
    """One option that a declaration changes, its values as text.

    ``is_overridden``: somebody has changed this option by hand, so the job does not follow.
    """

    option: str
    before: str
    after: str
    is_overridden: bool = False

    def __str__(self) -> str:
        return f"{self.option}: {self.before} -> {self.after}{' (overridden, stays)' if self.is_overridden else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What has to be done so that the store has the jobs that code declares; true if that is anything at all.

    Jobs stand under their ids, in order. Only ``added``, ``changed`` and ``renamed`` ones are written by ``apply``,
    and with ``prune=`` the ``orphaned`` ones, which it removes: ``pruned`` names those that it has.
    """

    added: tuple[str, ...] = ()
    """Declared, and new to the store."""
    changed: Mapping[str, tuple[OptionChange, ...]] = field(default_factory=dict)
    """Declared in another way than last time, with what differs. A changed schedule counts from the deployment on."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Declared with an alias that a stored job goes by: new id to old. That job goes on, under the new id."""
    unchanged: tuple[str, ...] = ()
    """Declared as they were: nothing is written, and their next run stays where it is."""
    overridden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Declared, with options that somebody has changed by hand and that stay as they are until ``reset``."""
    conflicting: Mapping[str, str] = field(default_factory=dict)
    """Those overridden ones that cannot run as they are, and why what was changed by hand does not go with what is
    declared. Their schedules go on, and their runs wait or fail, until ``update`` or ``reset``."""
    removed: tuple[str, ...] = ()
    """Declared, but somebody has removed them: they stay away until ``reset`` or ``add``."""
    orphaned: tuple[str, ...] = ()
    """Declared before under this namespace and owner, and no longer: they stay, unless they are pruned."""
    unresolved: tuple[str, ...] = ()
    """Those orphaned ones whose target is not registered here, so that this process cannot run them."""
    missing_targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    """Targets that are not registered here, and that jobs made at run time may run again for, with the ids of those
    among the first 500. Another program may have them, so they are no part of what a plan promises."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Declared, but the store cannot read what it has of them, and why: left alone until ``reset`` or ``remove``."""
    pruned: tuple[str, ...] = ()
    """Orphaned ones that ``apply`` has removed."""

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.renamed)

    def __str__(self) -> str:
        rows = list(self._rows())
        widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
        lines = [f"{what:<{widths[0]}}  {job:<{widths[1]}}  {note}".rstrip() for what, job, note in rows]
        return "\n".join([*lines, self._summary()])

    def after_pruning(self, pruned: Collection[str]) -> "Plan":
        """The same plan, once these orphans were removed."""
        return replace(self, pruned=tuple(pruned)) if pruned else self

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        for job in self.added:
            yield "+ added", job, ""
        for job, before in self.renamed.items():
            yield "> renamed", job, f"was {before}"
        for job, changes in self.changed.items():
            for index, change in enumerate(changes):
                yield ("~ changed", job, str(change)) if index == 0 else ("", "", str(change))
        for job in self.orphaned:
            is_gone = job in self.pruned
            note = "its target is gone: it cannot run here" if job in self.unresolved else "its target still runs"
            yield ("- pruned", job, "") if is_gone else ("? orphaned", job, f"no longer declared; {note}")
        for target, jobs in self.missing_targets.items():
            yield "? missing", target, f"no such target is registered here: {shown_ids(jobs)} cannot run here"
        for job, options in self.overridden.items():
            yield "= overridden", job, f"{', '.join(options)}: changed by hand; reset() goes back to the code"
        for job, reason in self.conflicting.items():
            yield "! conflicting", job, f"cannot run as it is: {reason}; update() it, or reset() goes back to the code"
        for job in self.removed:
            yield "x removed", job, "removed by hand; reset() brings it back"
        for job, reason in self.unreadable.items():
            yield "! unreadable", job, reason

    def _summary(self) -> str:
        counts = {"added": self.added, "changed": self.changed, "renamed": self.renamed, "pruned": self.pruned}
        done = ", ".join(f"{len(jobs)} {what}" for what, jobs in counts.items() if jobs)
        return f"{done or 'nothing to do'}; {len(self.unchanged)} unchanged"


def shown_ids(jobs: Sequence[str]) -> str:
    """The jobs that ask for a missing target, as people read them."""
    more = " and others" if len(jobs) > SHOWN else ""
    return f"{'job' if len(jobs) == 1 else 'jobs'} {', '.join(map(repr, jobs[:SHOWN]))}{more}"


def option_changes(
    before: JobSpec, after: JobSpec, names: tuple[str, ...], overrides: frozenset[str]
) -> tuple[OptionChange, ...]:
    """What becomes of the options of these names."""
    return tuple(
        OptionChange(name, *_texts(option(before, name), option(after, name)), name in overrides) for name in names
    )


def _texts(before: Any, after: Any) -> tuple[str, str]:
    """Two values that differ, as texts that do too: a schedule's own text leaves out its start, for one."""
    texts = _text(before), _text(after)
    if texts[0] == texts[1] and isinstance(before, Schedule) and isinstance(after, Schedule):
        return repr(before), repr(after)
    return texts


def _text(value: Any) -> str:
    """A value as people read it, on one line and of bounded length."""
    if value is None:
        return "none"
    if isinstance(value, timedelta):
        return format_duration(value) if value > timedelta() else "none"
    if isinstance(value, str | Schedule):
        text = str(value)
    elif isinstance(value, set | frozenset):
        text = ", ".join(sorted(map(str, value))) or "none"
    elif isinstance(value, Missed | Retry):
        text = _policy_text(value)
    else:
        text = _REPR.repr(value)
    text = " ".join(text.split())
    return text if len(text) <= VALUE_LENGTH else f"{text[: VALUE_LENGTH - 3]}..."


def _policy_text(policy: Missed | Retry) -> str:
    if isinstance(policy, Missed):
        limits = {"within": policy.within, "limit": policy.limit if policy.kind == "all" else None}
        return " ".join([str(policy.kind), *(f"{name}={_text(value)}" for name, value in limits.items() if value)])
    if policy.attempts == 1:
        return "none"
    return f"{policy.attempts} attempts, delay={_text(policy.delay)}, backoff={policy.backoff:g}"


_REPR = reprlib.Repr()
_REPR.maxother = _REPR.maxstring = VALUE_LENGTH
_REPR.maxdict = _REPR.maxlist = _REPR.maxtuple = 10
