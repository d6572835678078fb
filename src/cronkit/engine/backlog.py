"""Due jobs that were planned and are not claimed yet."""

from collections.abc import Mapping, Sequence

from cronkit.clock import Clock
from cronkit.jobs.job import PlanRow
from cronkit.jobs.policies import Overlap
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Advance

PATIENCE = 0.1
"""Seconds after which an executor that has not had a free slot for all that was planned counts as slow."""

QUEUED, ALLOW = RunStatus.QUEUED, Overlap.ALLOW

Planned = tuple[str | None, Advance]
"""An advance, and the executor that it needs a slot of."""


def planned(job: PlanRow, advance: Advance) -> Planned:
    """An advance of a job; it needs no slot where no run of it may start at once."""
    births = advance.births
    may_start = births and births[-1].status is QUEUED and not (job.open and job.spec.policies.overlap is not ALLOW)
    return job.spec.executor if may_start else None, advance


class Backlog:
    """Advances that wait here for a free slot, rather than in the store, as long as executors keep up with the engine.

    A run that is claimed with its birth is written once; one that is queued first goes into four more indexes, is
    taken out of them again and read back, which in a SQLite file makes a fire of 65 us one of 90. So a step claims no
    more of what was planned than there are free slots, and leaves the rest to the steps that follow at once. If an
    executor has no slot at all even then, although the engine has waited a moment for one, the rest goes into the
    store as it is, and so does what is planned while that lasts. If the rest gets older than ``PATIENCE``, all that
    comes goes there until nothing is due. What has changed since it was planned the claim refuses. ``is_quick``: slots
    did not come that slowly, and one that comes free within milliseconds is worth waiting for.
    """

    def __init__(self, clock: Clock) -> None:
        self.is_quick = True
        self._clock = clock
        self._waiting: Sequence[Planned] = ()
        self._planned_at = 0.0
        self._is_stalled = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, planned: Sequence[Planned]) -> None:
        """Add all that was planned; nothing, if nothing is due."""
        self._waiting = planned
        self._planned_at = self._clock.monotonic()
        self.is_quick = self.is_quick or not planned

    def clear(self) -> None:
        """Forget what waits: the store has it as due."""
        self._waiting = ()

    def take(self, free: Mapping[str, int], *, is_fresh: bool = False) -> list[Advance]:
        """What is to be claimed now; nothing if all is to be planned anew.

        For a slot for what ``is_fresh`` nobody has waited yet.
        """
        waiting, self._waiting = self._waiting, ()
        if not waiting:
            return []
        if self._clock.monotonic() - self._planned_at > PATIENCE:
            self.is_quick = False
            return []
        left = {executor: slots for executor, slots in free.items() if slots}
        is_full = False
        taken: list[Advance] = []
        rest: list[Planned] = []
        for number, pair in enumerate(waiting, 1):
            executor, advance = pair
            if executor is None:
                taken.append(advance)
            elif executor in left:
                taken.append(advance)
                left[executor] -= 1
                if not left[executor]:
                    del left[executor]
                if not left:  # so that 500 that go 32 at a time are not looked at 16 times
                    rest += waiting[number:]
                    break
            else:
                is_full = is_full or not free.get(executor)
                rest.append(pair)
        self._is_stalled = is_full and (self._is_stalled or not is_fresh)
        if self._is_stalled or not self.is_quick:
            return [advance for _, advance in waiting]
        self._waiting = rest
        return taken
