"""The jobs that decorators declared, and which of them are not in the store yet."""

from collections.abc import Iterable, KeysView
from typing import NamedTuple

from cronkit.errors import ConfigurationError
from cronkit.jobs.job import JobSpec
from cronkit.jobs.layers import differences
from cronkit.jobs.target import Target


class Declaration(NamedTuple):
    """A job as a decorator declared it, the target it stands on, and the ids that it had before."""

    spec: JobSpec
    target: Target
    aliases: tuple[str, ...] = ()


class Declarations:
    """Declared jobs by id; declaring one again with a newer version of its function replaces it.

    ``cronkit.jobs.likeness`` says what that is: a cell run again, a reload. One function declared in two ways is two
    jobs, and they need two ids; declared again in the same way, by an application factory that is called twice, it is
    one.
    """

    def __init__(self) -> None:
        self._known: dict[str, Declaration] = {}
        self._pending: dict[str, Declaration] = {}

    def declare(self, declaration: Declaration) -> None:
        """Note a job for the store.

        Raises:
            ConfigurationError: a job from another place has that id; the message names both places.
        """
        spec, target, _ = declaration
        known = self._known.get(spec.id)
        if known is not None and known.target.origin != target.origin:
            raise ConfigurationError(
                f"two jobs have the id {spec.id!r}: {known.target.place} and {target.place}; give one another id="
            )
        if known is not None and known.target is target and differences(known.spec, spec):
            raise ConfigurationError(
                f"{target.place} is declared as job {spec.id!r} twice, in two ways; give one another id="
            )
        self._known[spec.id] = self._pending[spec.id] = declaration

    @property
    def all(self) -> list[Declaration]:
        """The declared jobs."""
        return list(self._known.values())

    @property
    def pending(self) -> list[Declaration]:
        """The declared jobs that are not in the store yet."""
        return list(self._pending.values())

    def get(self, job_id: str) -> Declaration | None:
        """The declaration of a job, or None."""
        return self._known.get(job_id)

    def applied(self, declarations: Iterable[Declaration]) -> None:
        """Note that declared jobs are in the store; not those that have been declared anew since."""
        for declaration in declarations:
            if self._pending.get(declaration.spec.id) is declaration:
                del self._pending[declaration.spec.id]

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
