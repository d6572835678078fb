"""How attempts ended, on the way into the store; while that is away, it waits here."""

import logging
from collections.abc import Sequence

from cronkit.engine.announcer import Announcer
from cronkit.events import EngineFault, StaleWriteRefused
from cronkit.jobs.attempt import Attempt
from cronkit.jobs.run import ErrorInfo
from cronkit.jobs.status import RunStatus
from cronkit.stores.protocol import Finish, JobStore

logger = logging.getLogger("cronkit.engine")

Settled = tuple[Attempt, Finish]


class Outbox:
    """The ends that are not written yet. There are never more than attempts can be in flight: each frees a slot only
    for a claim, and while the store is away nothing is claimed."""

    def __init__(self, store: JobStore, announcer: Announcer) -> None:
        self._store = store
        self._announcer = announcer
        self._waiting: list[Settled] = []
        self._given_up: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def run_ids(self) -> set[str]:
        """The runs whose end is not written, those among them that the store would never take."""
        return {finish.run_id for _, finish in self._waiting} | self._given_up

    def put(self, attempt: Attempt, finish: Finish) -> None:
        """Add the end of an attempt."""
        self._given_up.discard(finish.run_id)
        self._waiting.append((attempt, finish))

    def write(self) -> None:
        """Write all of it, in one transaction, and announce it.

        Raises:
            OSError: the store is away; everything waits on.
        """
        settled = self._waiting
        if not settled:
            return
        finishes = [finish for _, finish in settled]
        written = self._finish(settled, finishes)
        self._waiting = []
        if written != finishes:  # the same objects, nearly always
            settled = self._as_written(settled, written)
        self._announcer.finished(settled)

    def _finish(self, settled: Sequence[Settled], finishes: Sequence[Finish]) -> list[Finish | None]:
        """Write a batch; one that fails although the store is there is halved until the end at fault is alone."""
        try:
            return self._store.finish(finishes)
        except OSError:  # the store is away: StoreUnavailableError, or what a third party's store raises
            raise
        except Exception as error:
            if len(settled) == 1:
                return [self._finish_as_failed(*settled[0], error)]
            logger.warning("%d outcomes could not be written together: %r", len(settled), error)
            middle = len(settled) // 2
            return self._finish(settled[:middle], finishes[:middle]) + self._finish(settled[middle:], finishes[middle:])

    def _finish_as_failed(self, attempt: Attempt, finish: Finish, error: Exception) -> Finish | None:
        """Write that an outcome cannot be written; should that fail too, the run stays this node's until its end."""
        logger.error("run %s: its outcome (%s) could not be written", finish.run_id, finish.status, exc_info=error)
        problem = f"run {finish.run_id}: its outcome could not be written: {error!r}"
        self._announcer.announce(EngineFault(at=finish.at, problem=problem))
        info = ErrorInfo(type=type(error).__qualname__, message=f"the outcome could not be written: {error}")
        failed = Finish(finish.run_id, finish.fence, RunStatus.FAILED, finish.at, error=info)
        try:
            return self._store.finish([failed])[0]
        except OSError:
            raise
        except Exception:  # not tried again: no other run is to wait for it
            logger.exception("run %s: nor could it be written that it failed; it stays open", finish.run_id)
            self._given_up.add(finish.run_id)
            return None

    def _as_written(self, settled: Sequence[Settled], written: Sequence[Finish | None]) -> list[Settled]:
        """The ends as the store has them; those that it has refused are told of, and left out."""
        kept: list[Settled] = []
        for (attempt, finish), end in zip(settled, written, strict=True):
            if end is not None:
                kept.append((attempt, end))
            elif finish.run_id not in self._given_up:
                logger.warning("run %s: the end of an attempt that is no longer current was refused", attempt.run.id)
                self._announcer.announce(StaleWriteRefused(at=finish.at, run_id=attempt.run.id, fence=attempt.fence))
        return kept
