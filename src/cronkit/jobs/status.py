"""The states of a run and the one table that says how it may move between them."""

from enum import StrEnum


class RunStatus(StrEnum):
    """Where a run stands. The first four are open; every other is the end of an occurrence, for good."""

    QUEUED = "queued"
    """Waiting for its due time, a free slot, or the run before it."""
    RUNNING = "running"
    """Claimed by a node under a fence; a claimed run counts as started."""
    RETRYING = "retrying"
    """Waiting for its next attempt."""
    HELD = "held"
    """Waiting for a person: its node was lost, and ``on_crash="hold"``; or its row cannot be read."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """Did not run because of a rule: an overlap, a pause, or the target's own ``Skip``."""
    MISSED = "missed"
    """Was noticed too late for the job's ``missed`` policy."""
    COALESCED = "coalesced"
    """Stands for by a later run of the same job."""
    ABANDONED = "abandoned"
    """Its node was lost while it ran, and it may not start again."""

    @property
    def is_open(self) -> bool:
        """True while the run can still change."""
        return self in OPEN


OPEN = frozenset({RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.RETRYING, RunStatus.HELD})
TERMINAL = frozenset(RunStatus) - OPEN

TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset(
        {RunStatus.RUNNING, RunStatus.CANCELLED, RunStatus.SKIPPED, RunStatus.MISSED, RunStatus.HELD}
    ),
    RunStatus.RETRYING: frozenset({RunStatus.RUNNING, RunStatus.CANCELLED, RunStatus.HELD}),
    RunStatus.HELD: frozenset({RunStatus.QUEUED, RunStatus.CANCELLED}),
    RunStatus.RUNNING: frozenset(
        {
            RunStatus.SUCCEEDED,
            RunStatus.FAILED,
            RunStatus.TIMED_OUT,
            RunStatus.CANCELLED,
            RunStatus.SKIPPED,
            RunStatus.ABANDONED,
            RunStatus.RETRYING,
            RunStatus.QUEUED,  # taken back from a lost node, to be run again
            RunStatus.HELD,
        }
    ),
    **{status: frozenset() for status in TERMINAL},
}
"""From each status, the statuses that may follow; after a terminal one there is none."""

BIRTHS = frozenset({RunStatus.QUEUED, RunStatus.SKIPPED, RunStatus.MISSED, RunStatus.COALESCED})
"""The statuses that a run may be born with; all but the first are the end of it too."""
