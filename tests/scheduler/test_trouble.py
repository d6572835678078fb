"""Timeouts, retries and failing stores as an application meets them, on the real clock and both faces."""

import copy
import logging
import pickle
import threading
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest

from cronkit import Retry, RetryLater, RunError, RunStatus, ThreadExecutor, current_run, events
from cronkit.stores import MemoryStore
from cronkit.stores.protocol import Finish
from tests.scheduler.faces import PATIENCE, Face

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]


def work() -> str:
    return "done"


async def test_a_coroutine_that_times_out_is_cancelled_and_recorded(running: Face) -> None:
    cancelled = threading.Event()

    async def endless() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    await running.add(endless, timeout="20ms")
    with pytest.raises(RunError, match="is timed_out: TimeoutError: ran longer than its timeout") as failure:
        await (await running.trigger("endless")).result(timeout=PATIENCE)
    assert (failure.value.status, failure.value.error_type) == ("timed_out", "TimeoutError")
    assert cancelled.is_set()


async def test_a_function_that_times_out_shows_where_it_is_and_keeps_its_slot_until_it_returns(
    make_face: Callable[..., Face],
) -> None:
    go = threading.Event()

    def stuck_in_here() -> None:
        assert go.wait(PATIENCE)

    async with make_face(executors={"default": ThreadExecutor(1)}) as face:
        await face.add(stuck_in_here, timeout="20ms")
        await face.add(work)
        stuck = await face.trigger("stuck_in_here")
        with pytest.raises(RunError) as failure:
            await stuck.result(timeout=PATIENCE)
        assert failure.value.status == "timed_out"
        assert "in stuck_in_here" in (failure.value.traceback or "")
        assert face.inner.health().stuck == (stuck.id,)
        again, other = await face.trigger("stuck_in_here"), await face.trigger("work")
        assert (await again.run()).related_id == stuck.id
        assert (await other.run()).status is RunStatus.QUEUED
        go.set()
        assert await other.result(timeout=PATIENCE) == "done"
        assert face.inner.health().stuck == ()


async def test_a_run_is_tried_again_until_it_succeeds(running: Face) -> None:
    async def third_time_lucky() -> int:
        number = current_run().attempt
        if number < 3:
            raise ConnectionError("no route")
        return number

    await running.add(third_time_lucky, retry=Retry(attempts=3, delay="1ms"))
    assert await (await running.trigger("third_time_lucky")).result(timeout=PATIENCE) == 3


async def test_a_function_may_ask_for_another_try_itself(running: Face) -> None:
    def patient() -> int:
        number = current_run().attempt
        if number < 3:
            raise RetryLater("1ms")
        return number

    await running.add(patient)
    assert await (await running.trigger("patient")).result(timeout=PATIENCE) == 3


async def test_an_outcome_outlives_a_store_that_is_away_for_a_moment(
    make_face: Callable[..., Face], caplog: pytest.LogCaptureFixture
) -> None:
    class Shaky(MemoryStore):
        failures = 1

        def finish(self, finishes: Sequence[Finish]) -> list[Finish | None]:
            if self.failures:
                self.failures -= 1
                raise ConnectionError("no route")
            return super().finish(finishes)

    face, told = make_face(Shaky()), []
    face.inner.on(events.EngineEvent)(told.append)
    with caplog.at_level(logging.CRITICAL):
        async with face:
            await face.add(work)
            assert await (await face.trigger("work")).result(timeout=PATIENCE) == "done"
    assert [type(event).__name__ for event in told] == ["StoreDegraded", "StoreRecovered"]


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
async def test_a_run_error_can_be_copied_and_sent_to_another_process(
    running: Face, twin: Callable[[RunError], RunError]
) -> None:
    def fail() -> None:
        raise ValueError("out of paper")

    await running.add(fail)
    with pytest.raises(RunError) as failure:
        await (await running.trigger("fail")).result(timeout=PATIENCE)
    error, other = failure.value, twin(failure.value)
    assert (str(other), vars(other)) == (str(error), vars(error))


async def test_health_says_why_nothing_starts_while_the_store_is_away(
    make_face: Callable[..., Face], caplog: pytest.LogCaptureFixture
) -> None:
    class Leaving(MemoryStore):
        is_away = False

        def due_jobs(self, *args: Any) -> Any:
            if self.is_away:
                raise ConnectionError("no route")
            return super().due_jobs(*args)

    store = Leaving()
    face, told = make_face(store), threading.Event()
    face.inner.on(events.StoreDegraded)(lambda event: told.set())
    with caplog.at_level(logging.CRITICAL):
        async with face:
            assert face.inner.health().problem is None
            store.is_away = True
            await face.add(work)
            handle = await face.trigger("work")
            await anyio.to_thread.run_sync(told.wait, PATIENCE)
            assert face.inner.health().problem == "no route"
            store.is_away = False
            assert await handle.result(timeout=PATIENCE) == "done"
