"""Schedulers that share a store and not a namespace: a run of the one is none to the other, though it knows the id."""

from collections.abc import Callable

import pytest

from cronkit import Manual, RunNotFoundError, RunStatus, Scheduler
from tests.scheduler.homes import Home


def work() -> None: ...


VERBS: dict[str, Callable[[Scheduler, str], object]] = {
    "cancel": lambda s, run_id: s.cancel(run_id),
    "release": lambda s, run_id: s.release(run_id),
    "ledger.run": lambda s, run_id: s.ledger.run(run_id),
    "run of a handle": lambda s, run_id: s.run_handle(run_id).run(),
    "status of a handle": lambda s, run_id: s.run_handle(run_id).status,
    "result of a handle": lambda s, run_id: s.run_handle(run_id).result(timeout=0),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_run_of_another_namespace_is_not_there(home: Home, verb: Callable[[Scheduler, str], object]) -> None:
    scheduler, other = home.scheduler(), home.scheduler(namespace="other")
    scheduler.add(work, Manual(), id="job")
    run = scheduler.trigger("job")
    with pytest.raises(RunNotFoundError, match=f"no run '{run.id}': .* or another namespace"):
        verb(other, run.id)

    assert run.status is RunStatus.QUEUED
