"""What people declared, as the file has it, and a bounded memory of what was read: a schedule that goes on from where
it stood is cheap, one that is read anew for each fire is not."""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cronkit.jobs.codec import encode_text
from cronkit.jobs.documents import spec_from_text, spec_to_text
from cronkit.jobs.job import JobRow, JobSpec, new_spec
from cronkit.jobs.keys import JobKey
from cronkit.schedules import Manual
from cronkit.stores.sqlite.database import Connection

READER = 1
"""What this software can read: raised with each release that reads more than the one before."""
PATTERNS = 1_000
"""How many declarations without arguments are kept to make others of, of the same text but for the id."""
REMEMBERED = 10_000
"""How many declarations are kept in memory, those used last."""

SPECS_OF = """
SELECT job, spec, declared, overrides, fingerprints FROM specs WHERE job IN (SELECT value FROM json_each(?))"""
PUT_SPEC = """
INSERT INTO specs (job, spec, declared, overrides, fingerprints) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (job) DO UPDATE SET spec = excluded.spec, declared = excluded.declared,
    overrides = excluded.overrides, fingerprints = excluded.fingerprints"""


QUARANTINED = "SELECT 1 FROM jobs WHERE quarantine IS NOT NULL AND quarantined_by < ? LIMIT 1"
LIFT_QUARANTINE = """
UPDATE jobs SET quarantine = NULL, quarantined_by = NULL WHERE quarantine IS NOT NULL AND quarantined_by < ?"""


def is_any_quarantined(connection: Connection, before: int = READER) -> bool:
    """Whether there is a job that software from before could not read; this one may."""
    return connection.execute(QUARANTINED, (before,)).fetchone() is not None


def lift_quarantine(connection: Connection, before: int = READER) -> None:
    """Let these jobs be tried again."""
    connection.execute(LIFT_QUARANTINE, (before,))


class Declaration(NamedTuple):
    """A job's spec, what code declared, and what people changed over it; or why none of it can be read."""

    spec: JobSpec
    declared: JobSpec | None = None
    overrides: frozenset[str] = frozenset()
    fingerprints: tuple[str, ...] = ()
    unreadable: str | None = None

    def is_of(self, job: JobRow) -> bool:
        """Whether a row still has this declaration: the objects that it was given when it was read."""
        return (
            job.spec is self.spec
            and job.declared is self.declared
            and job.overrides == self.overrides
            and job.fingerprints == self.fingerprints
        )


Texts = tuple[str, str | None, str | None, str | None]
"""A declaration as the columns of ``specs`` have it; a declared spec that is the spec itself is empty text."""


def declaration_texts(job: JobRow) -> Texts:
    """A row's declaration as text. Raises ConfigurationError for what cannot be stored."""
    declared = None
    if job.declared is not None:
        declared = "" if job.declared is job.spec else spec_to_text(job.declared)
    overrides = json.dumps(sorted(job.overrides)) if job.overrides else None
    fingerprints = json.dumps(job.fingerprints) if job.fingerprints else None
    return spec_to_text(job.spec), declared, overrides, fingerprints


def stand_in(job_id: str, target: str, executor: str) -> JobSpec:
    """The spec of a job that cannot be read: it never runs."""
    return JobSpec(id=job_id, target=target, schedule=Manual(), executor=executor)


def is_stand_in(job: JobRow) -> bool:
    """Whether a row that could not be read has been given no other spec since."""
    return job.unreadable is not None and job.spec == stand_in(job.key.id, job.spec.target, job.spec.executor)


class Declarations:
    """Declarations by job and by the revision in which they were last changed."""

    def __init__(self) -> None:
        # Many jobs differ in their ids alone: those share one schedule, and are read in a tenth of the time.
        self._patterns: dict[str, _Pattern] = {}
        self._known: OrderedDict[tuple[int, int], Declaration] = OrderedDict()
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget everything: the file may be another one from now on."""
        with self._lock:
            self._known.clear()
            self._patterns.clear()

    def remember(self, pk: int, spec_revision: int, declaration: Declaration) -> None:
        """Keep a declaration, and let go of the one not used for longest."""
        with self._lock:
            self._known[pk, spec_revision] = declaration
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def recall(self, pk: int, spec_revision: int) -> Declaration | None:
        """A declaration that is still in memory."""
        with self._lock:
            found = self._known.get((pk, spec_revision))
            if found is not None:
                self._known.move_to_end((pk, spec_revision))
            return found

    def of(self, connection: Connection, wanted: Iterable[tuple[int, int, JobKey, str, str]]) -> dict[int, Declaration]:
        """The declarations of jobs, given as pk, spec revision, key, target and executor."""
        found: dict[int, Declaration] = {}
        missing: dict[int, tuple[int, JobKey, str, str]] = {}
        for pk, spec_revision, key, target, executor in wanted:
            known = self.recall(pk, spec_revision)
            if known is None:
                missing[pk] = spec_revision, key, target, executor
            else:
                found[pk] = known
        if missing:
            self._read(connection, missing, found)
        return found

    def _read(
        self,
        connection: Connection,
        missing: Mapping[int, tuple[int, JobKey, str, str]],
        found: dict[int, Declaration],
    ) -> None:
        texts = {row[0]: row[1:] for row in connection.execute(SPECS_OF, (json.dumps(list(missing)),))}
        for pk, (spec_revision, key, target, executor) in missing.items():
            try:
                found[pk] = self._parse(texts.get(pk), key, target, executor)
                self.remember(pk, spec_revision, found[pk])
            except MemoryError:
                raise
            except Exception as error:  # whatever is in the row, the others are to run
                # Not remembered: it may lie with who reads (a stack that is almost full, a signal's exception), and
                # the engine, which puts a job into quarantine, is to see for itself.
                found[pk] = Declaration(stand_in(key.id, target, executor), unreadable=f"{error}")

    def _parse(self, texts: tuple[Any, ...] | None, key: JobKey, target: str, executor: str) -> Declaration:
        if texts is None:
            raise ValueError("its declaration is not there")
        text, *others = texts
        name = f'"id":{encode_text(key.id)}'
        if not isinstance(text, str) or name not in text:
            return _declaration(spec_from_text(text), others, key, target, executor)
        pattern = text.replace(name, "", 1)
        twin = self._patterns.get(pattern)
        if twin is not None:
            spec = new_spec(key.id, twin.target, twin.schedule, twin.executor, twin.given)
            return _declaration(spec, others, key, target, executor)
        spec = spec_from_text(text)
        if not (spec.args or spec.kwargs or spec.metadata):
            with self._lock:
                if len(self._patterns) >= PATTERNS:
                    self._patterns.clear()
                self._patterns[pattern] = _Pattern(spec)
        return _declaration(spec, others, key, target, executor)


class _Pattern:
    """What the specs of one text have in common, but for their ids: another is made of it in 0.7 us rather than 13."""

    __slots__ = ("executor", "given", "schedule", "target")

    def __init__(self, spec: JobSpec) -> None:
        self.target, self.schedule, self.executor = spec.target, spec.schedule, spec.executor
        self.given = {name: getattr(spec, name) for name in JobSpec.__slots__ if name not in (*self.__slots__, "id")}


def _declaration(spec: JobSpec, texts: list[Any], key: JobKey, target: str, executor: str) -> Declaration:
    declared_text, overrides, fingerprints = texts
    if (spec.id, spec.target, spec.executor) != (key.id, target, executor):
        raise ValueError(f"its declaration is that of {spec.id!r}, for {spec.target!r} on {spec.executor!r}")
    declared = None
    if declared_text is not None:
        declared = spec if declared_text == "" else spec_from_text(declared_text)
    if overrides is None and fingerprints is None:  # that of a job that no code declares: 1 us less
        return Declaration(spec, declared)
    return Declaration(spec, declared, frozenset(_names(overrides)), tuple(_names(fingerprints)))


def _names(text: str | None) -> list[str]:
    names = [] if text is None else json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{text!r} is no list of names")
    return names
