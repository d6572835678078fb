"""The rules that a store applies inside its transactions, where no other node can change what they look at."""

from cronkit.jobs.policies import CRASH_RERUNS, OnCrash, Overlap, Policies
from cronkit.jobs.status import RunStatus

OVERLAP_REASON = "overlap"
SUPERSEDED_REASON = "superseded"
CRASH_REASON = "node lost"
REMOVED_REASON = "job removed"


def is_refused(overlap: Overlap, blocker: str | None) -> bool:
    """Whether a newborn run is skipped because ``blocker``, another run of its job, is open."""
    return blocker is not None and overlap is Overlap.SKIP


def must_wait(overlap: Overlap, run_id: str, open_runs: tuple[str, ...]) -> bool:
    """Whether a waiting run is not the first of its job's open runs, and has to be."""
    return overlap is not Overlap.ALLOW and bool(open_runs) and open_runs[0] != run_id


def is_spent(policies: Policies, spawned: int) -> bool:
    """Whether a job has started as many scheduled runs as its ``max_runs`` allows."""
    return policies.max_runs is not None and spawned >= policies.max_runs


def after_crash(on_crash: OnCrash, crashes: int) -> RunStatus:
    """What becomes of a run that a lost node held; ``crashes`` counts this loss too."""
    if on_crash is OnCrash.HOLD:
        return RunStatus.HELD
    if on_crash is OnCrash.FAIL or crashes > CRASH_RERUNS:
        return RunStatus.ABANDONED
    return RunStatus.QUEUED
