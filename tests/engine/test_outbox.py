"""The outbox: how attempts ended, on the way into the store."""

import logging
from collections.abc import Sequence

import pytest

from cronkit.jobs.outcome import succeeded
from cronkit.jobs.status import RunStatus
from cronkit.stores import MemoryStore
from cronkit.stores.protocol import Finish
from tests.engine.bench import Bench


class Fussy(MemoryStore):
    """A store that takes no batch with the end of a run that it does not like."""

    def __init__(self, dislikes: str) -> None:
        super().__init__()
        self._dislikes = dislikes
        self.takes_no_end_of: list[str] = []
        self.batches: list[int] = []

    def finish(self, finishes: Sequence[Finish]) -> list[Finish | None]:
        """Refuse, unless the run is said to have failed; where no end of it is taken, even then."""
        self.batches.append(len(finishes))
        if any(each.value == self._dislikes or each.run_id in self.takes_no_end_of for each in finishes):
            raise ValueError(f"no {self._dislikes} here")
        return super().finish(finishes)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_one_outcome_that_cannot_be_written_harms_no_other() -> None:
    store = Fussy("fish")
    bench = Bench(store=store)
    for job_id in "abcd":
        bench.add("now", id=job_id)
    bench.step()
    for value in ("meat", "fish", "bread", "milk"):
        bench.executor.end(succeeded(value))
    bench.step()

    runs = {run.job_id: run for run in bench.runs}
    assert {job_id: run.status for job_id, run in runs.items()} == {
        "a": RunStatus.SUCCEEDED,
        "b": RunStatus.FAILED,
        "c": RunStatus.SUCCEEDED,
        "d": RunStatus.SUCCEEDED,
    }
    assert store.batches == [4, 2, 1, 1, 1, 2]
    error = runs["b"].error
    assert error is not None
    assert error.message == "the outcome could not be written: no fish here"


def test_a_run_whose_outcome_cannot_be_written_is_told_to_have_failed() -> None:
    bench = Bench(store=Fussy("fish"))
    bench.add("now")
    bench.step()
    bench.end(succeeded("fish"))

    assert bench.kinds[-2:] == ["EngineFault", "RunFailed"]


def test_a_run_whose_end_the_store_never_takes_keeps_no_other_from_running() -> None:
    store = Fussy("fish")
    bench = Bench(store=store)
    bench.add("now", id="bad")
    bench.add("1s", id="other")
    bench.step()
    store.takes_no_end_of = bench.running[:1]
    bench.end()
    bench.step(seconds=1)

    assert [attempt.job.id for attempt in bench.executor.running] == ["other"]
    assert (bench.kinds.count("EngineFault"), bench.kinds.count("StaleWriteRefused")) == (1, 0)


def test_a_run_whose_end_the_store_never_takes_counts_as_left_and_costs_no_lease() -> None:
    store = Fussy("fish")
    bench = Bench(store=store)
    bench.add("now")
    bench.step()
    store.takes_no_end_of = bench.running[:]
    bench.end()
    bench.step(seconds=10)

    assert bench.engine.left == set(store.takes_no_end_of)
    assert (bench.run.status, bench.engine.node) == (RunStatus.RUNNING, "node")
