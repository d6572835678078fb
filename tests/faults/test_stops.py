"""SIGSTOP: nodes that stand still past their lease, and with the file's write lock in their hand."""

import signal
from collections.abc import Callable
from functools import partial

import pytest

from cronkit import Every
from cronkit.errors import StoreUnavailableError
from tests.faults.audit import summary
from tests.faults.faulty import run_and_stop_at
from tests.faults.herd import Herd, wait_until
from tests.faults.journal import END, START
from tests.faults.scenarios import begin, close_books, stop_at_random
from tests.faults.steps import Step

Measured = Callable[[str], None]
pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]


@pytest.mark.parametrize("herd", [{"lease": 1.0, "standby": "0s"}], indirect=True)
def test_a_node_that_stood_still_past_its_lease_cannot_write_to_what_it_lost(herd: Herd) -> None:
    herd.scheduler.add("deaf", id="slow", kwargs={"seconds": 0.5})
    herd.start_and_wait(2)
    handle = herd.scheduler.trigger("slow")
    (first,) = wait_until(lambda: herd.saw(START), "the run has started")
    with herd.stopped(first.node):
        wait_until(lambda: not handle.run().status.is_open, "another node has taken the run over, and ended it")
    wait_until(lambda: herd.saw(END, node=first.node), "the function has returned on the first node too")
    wait_until(lambda: herd.saw("LeaseLost", "StaleWriteRefused", node=first.node), "the node was told")
    books = close_books(herd)
    assert books.runs[handle.id].value["node"] != first.node
    assert books.runs[handle.id].attempt == 2


@pytest.mark.parametrize("moment", [Step.RUN_LEASED, Step.FINISH_WRITTEN], ids=["claim", "finish"])
@pytest.mark.parametrize("herd", [{"standby": "0s", "busy_timeout": "300ms"}], indirect=True)
def test_a_node_that_stands_still_inside_a_transaction_holds_the_others_up_and_nothing_is_lost(
    herd: Herd, moment: Step
) -> None:
    herd.scheduler.add("work", Every("100ms"), id="quick")
    stopped = herd.start(partial(run_and_stop_at, moment))
    wait_until(lambda: herd.saw("stops"), "it stops")
    herd.note(stopped, signal.SIGSTOP)
    other = herd.start()
    wait_until(lambda: herd.saw("StoreDegraded", node=other), "the other node cannot write")
    degraded = herd.saw("StoreDegraded", node=other)[0].at
    with pytest.raises(StoreUnavailableError, match="busy_timeout"):
        herd.scheduler.add("work", Every("1s"), id="refused")
    assert not herd.saw(START, after=degraded), "a run has started unclaimed"
    herd.send(stopped, signal.SIGCONT)
    recovered = wait_until(lambda: herd.saw("StoreRecovered", node=other), "the other node goes on")[-1].at
    herd.wait_for_starts(1, after=recovered)
    assert [job.id for job in herd.scheduler.jobs()] == ["quick"]
    close_books(herd)


def test_nodes_that_stand_still_at_random_moments_lose_nothing_and_repeat_nothing(
    herd: Herd, measured: Measured
) -> None:
    begin(herd, 3, longest=1.0)
    stop_at_random(herd, 10, seconds=0.2)
    stop_at_random(herd, 1, seconds=2.5, seed=1)
    measured(summary(close_books(herd)))
