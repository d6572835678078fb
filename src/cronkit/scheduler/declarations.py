"""The jobs that decorators declared and that are not in the store yet."""

from collections.abc import KeysView
from typing import NamedTuple

from cronkit.errors import ConfigurationError
from cronkit.jobs.job import JobSpec
from cronkit.jobs.target import Target


class Declaration(NamedTuple):
    """A job as a decorator declared it, and the target it stands on."""

    spec: JobSpec
    target: Target


class Declarations:
    """Declared jobs by id; declaring one again with a newer version of its function replaces it.

    ``cronkit.jobs.likeness`` says what that is: a cell run again, a reload. One function declared in two ways is two
    jobs, and they need two ids; declared again in the same way, by an application factory that is called twice, it is
    one.
    """

    def __init__(self) -> None:
        self._known: dict[str, Declaration] = {}
        self._pending: dict[str, Declaration] = {}

    def declare(self, spec: JobSpec, target: Target) -> None:
        """Note a job for the store.

        Raises:
            ConfigurationError: a job from another place has that id; the message names both places.
        """
        known = self._known.get(spec.id)
        if known is not None and known.target.origin != target.origin:
            raise ConfigurationError(
                f"two jobs have the id {spec.id!r}: {known.target.place} and {target.place}; give one another id="
            )
        if known is not None and known.target is target and not _is_same(known.spec, spec):
            raise ConfigurationError(
                f"{target.place} is declared as job {spec.id!r} twice, in two ways; give one another id="
            )
        self._known[spec.id] = self._pending[spec.id] = Declaration(spec, target)

    @property
    def pending(self) -> list[JobSpec]:
        """The declared jobs that are not in the store yet."""
        return [declaration.spec for declaration in self._pending.values()]

    def applied(self, spec: JobSpec) -> None:
        """Note that a declared job is in the store; not if it has been declared anew since."""
        pending = self._pending.get(spec.id)
        if pending is not None and pending.spec is spec:
            del self._pending[spec.id]

    @property
    def ids(self) -> KeysView[str]:
        """The ids of all declared jobs."""
        return self._known.keys()

    def anew(self) -> "Declarations":
        """The same declarations, none of which is in a store yet: for a simulation's own store."""
        twin = Declarations()
        twin._known, twin._pending = dict(self._known), dict(self._known)
        return twin

    def __bool__(self) -> bool:
        return bool(self._pending)


def _is_same(spec: JobSpec, other: JobSpec) -> bool:
    try:
        return bool(spec == other)
    except (TypeError, ValueError):  # an array among the arguments will not be compared
        return False
