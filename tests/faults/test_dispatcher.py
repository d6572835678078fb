"""The preference for one dispatcher: it may be stopped, deleted, deaf or forked, and costs a second at most."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from cronkit import Every
from tests.faults.faulty import run_with_child
from tests.faults.herd import Herd, wait_until
from tests.faults.journal import START, Entry
from tests.faults.scenarios import close_books

Measured = Callable[[str], None]
pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

STANDBY = 1.0
SLACK = 10.0
"""Seconds: what a busy machine may add to a promised time."""


def lateness(start: Entry) -> float:
    """Seconds from an occurrence to the start of its target."""
    return (start.wall - start.scheduled_at).total_seconds()


def seconds_until_another_goes_on(herd: Herd) -> float | None:
    """Let the dispatcher stand still until another node starts a run; None if it held the file's write lock."""
    holder = herd.wait_for_starts(1)[-1].node
    (other,) = set(herd.nodes) - {holder}
    began = time.monotonic()
    with herd.stopped(holder):
        wait_until(lambda: herd.saw(START, "StoreDegraded", node=other, after=began), "the other node goes on")
    starts = herd.saw(START, node=other, after=began)
    return starts[0].at - began if starts else None


def test_another_node_goes_on_when_the_dispatcher_stands_still(herd: Herd, measured: Measured) -> None:
    herd.scheduler.add("work", Every("100ms"), id="quick")
    herd.start_and_wait(2)
    seconds = wait_until(lambda: seconds_until_another_goes_on(herd), "the dispatcher stands still without the lock")
    measured(f"{seconds:.2f} s until another node goes on when the dispatcher stands still")
    assert seconds < STANDBY + SLACK
    close_books(herd)


def test_nothing_runs_twice_when_the_dispatchers_lock_file_is_deleted(herd: Herd) -> None:
    herd.scheduler.add("work", Every("50ms"), id="quick")
    herd.start_and_wait(1)
    herd.wait_for_starts(1)
    lock = herd.settings.file.with_name("jobs.db-dispatch")
    lock.unlink()
    (other,) = herd.start_and_wait(1)
    herd.wait_for_starts(30)
    wait_until(lambda: herd.saw(START, node=other), "the second node has taken the new lock, and dispatches too")
    assert lock.exists()
    close_books(herd)


def test_nodes_with_different_targets_each_run_their_own(herd: Herd) -> None:
    herd.scheduler.add("work", Every("200ms"), id="a")
    herd.scheduler.add("deaf", Every("200ms"), id="b")
    first, second = herd.start(targets=("work",)), herd.start(targets=("deaf",))
    for node in (first, second):
        wait_until(lambda: len(herd.saw(START, node=node)) >= 5, f"{node} runs its job")  # noqa: B023
    assert {(start.node, start.facts["job"]) for start in herd.saw(START)} == {(first, "a"), (second, "b")}
    close_books(herd)


def test_a_forked_child_refuses_its_parents_scheduler_and_does_not_keep_the_dispatchers_lock(herd: Herd) -> None:
    herd.scheduler.add("work", Every("100ms"), id="quick")
    parent = herd.start(run_with_child)
    herd.wait_for_starts(1)
    herd.client.scheduler.target(_fork, name="fork")
    herd.scheduler.add("fork", id="fork")
    herd.scheduler.trigger("fork")
    (child,) = wait_until(lambda: herd.saw("child"), "the child has asked")
    try:
        assert "forked" in child.facts["refusal"]
        assert child.facts["job"] == "quick"
        herd.wait_for_starts(3, parent, after=child.at)
        (successor,) = herd.start_and_wait()
        herd.kill(parent)
        prompt = STANDBY * 0.9
        wait_until(
            lambda: any(lateness(start) < prompt for start in herd.saw(START, node=successor)),
            "another node has the lock that the parent had",
        )
    finally:
        os.kill(child.facts["pid"], signal.SIGKILL)
    close_books(herd)


def _fork() -> None:
    """Stands for the node's target, which this process does not have."""
