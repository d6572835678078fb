"""Coroutines are brought to a loop in slices, on a loop whose turns are taken by hand."""

from collections import deque
from collections.abc import Callable, Collection, Coroutine
from typing import Any

import pytest

from cronkit.executors.feed import SLICE, Feed
from cronkit.executors.loop import Task


class FakeTask:
    """A coroutine that ends in its first step, or before it if it was cancelled."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def step(self) -> None:
        if self.is_cancelled:
            self._coroutine.close()
            return
        with pytest.raises(StopIteration):
            self._coroutine.send(None)


class FakeLoop:
    """A loop that does one ready thing after the other, when told to; it counts how often it was woken."""

    thread_id = 0

    def __init__(self) -> None:
        self.ready: deque[Callable[[], object]] = deque()
        self.spawned: list[FakeTask] = []
        self.calls = 0
        self.is_closed = False

    def call(self, callback: Callable[[], object], /) -> None:
        if self.is_closed:
            raise RuntimeError("closed")
        self.calls += 1
        self.ready.append(callback)

    def spawn(self, coroutine: Coroutine[Any, Any, None], /) -> Task:
        task = FakeTask(coroutine)
        self.spawned.append(task)
        self.ready.append(task.step)
        return task

    def is_cancellation(self, error: BaseException, /) -> bool:
        return False

    async def end(self, tasks: Collection[Task], /) -> None:
        for task in tasks:
            task.cancel()

    def turn(self) -> None:
        """Do what is ready now, but not what that makes ready."""
        for _ in range(len(self.ready)):
            self.ready.popleft()()

    def run(self) -> None:
        """Take turns until nothing is ready."""
        while self.ready:
            self.turn()


class Ran:
    """Makes coroutines that note their number when they run."""

    def __init__(self, feed: Feed) -> None:
        self.numbers: list[int] = []
        self._feed = feed

    async def note(self, number: int) -> None:
        self.numbers.append(number)
        self._feed.discard(number)


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def feed(loop: FakeLoop) -> Feed:
    feed = Feed()
    feed.attach(loop)
    loop.run()
    loop.calls = 0
    return feed


@pytest.fixture
def ran(feed: Feed) -> Ran:
    return Ran(feed)


def test_coroutines_run_in_the_order_they_were_put(feed: Feed, loop: FakeLoop, ran: Ran) -> None:
    for number in range(200):
        feed.put(number, ran.note(number))
    loop.run()

    assert ran.numbers == list(range(200))


def test_a_burst_costs_one_wake(feed: Feed, loop: FakeLoop, ran: Ran) -> None:
    for number in range(SLICE):
        feed.put(number, ran.note(number))

    assert loop.calls == 1
    loop.run()


def test_one_turn_of_the_loop_starts_no_more_than_a_slice(feed: Feed, loop: FakeLoop, ran: Ran) -> None:
    for number in range(3 * SLICE):
        feed.put(number, ran.note(number))
    loop.turn()

    assert len(loop.spawned) == SLICE
    loop.run()


def test_the_next_slice_waits_behind_what_else_is_ready(feed: Feed, loop: FakeLoop, ran: Ran) -> None:
    for number in range(2 * SLICE):
        feed.put(number, ran.note(number))
    started_when_asked: list[int] = []
    loop.turn()
    loop.ready.appendleft(lambda: started_when_asked.append(len(loop.spawned)))
    loop.turn()

    assert started_when_asked == [SLICE]
    loop.run()


def test_what_is_put_after_a_burst_wakes_the_loop_again(feed: Feed, loop: FakeLoop, ran: Ran) -> None:
    feed.put(1, ran.note(1))
    loop.run()
    feed.put(2, ran.note(2))
    loop.run()

    assert ran.numbers == [1, 2]


def test_what_was_put_before_there_was_a_loop_runs_on_the_first_one(loop: FakeLoop) -> None:
    feed = Feed()
    ran = Ran(feed)
    feed.put(1, ran.note(1))
    feed.attach(loop)
    loop.run()

    assert ran.numbers == [1]


def test_a_task_is_cancelled_only_after_its_first_step_so_that_it_can_report(
    feed: Feed, loop: FakeLoop, ran: Ran
) -> None:
    feed.put(1, ran.note(1))
    loop.turn()
    feed.cancel(1)
    loop.ready.rotate(1)  # the request overtakes the step
    loop.run()

    assert ran.numbers == [1]


def test_everything_that_runs_can_be_cancelled_at_once(feed: Feed, loop: FakeLoop) -> None:
    async def never_ends() -> None: ...

    feed.put(1, never_ends())
    feed.put(2, never_ends())
    loop.run()
    feed.cancel_all()
    loop.run()

    assert [task.is_cancelled for task in loop.spawned] == [True, True]


def test_cancelling_what_does_not_run_does_nothing(feed: Feed, loop: FakeLoop) -> None:
    feed.cancel("unknown")
    loop.run()

    assert loop.spawned == []


def test_a_closed_loop_is_noticed_by_the_next_put(feed: Feed, loop: FakeLoop, ran: Ran) -> None:
    loop.is_closed = True
    with pytest.raises(RuntimeError, match="closed"):
        feed.put(1, ran.note(1))

    assert feed.drop_waiting() == [1]


def test_what_is_dropped_never_runs(loop: FakeLoop) -> None:
    feed = Feed()
    ran = Ran(feed)
    feed.put(1, ran.note(1))
    feed.put(2, ran.note(2))

    assert feed.drop_waiting() == [1, 2]
    feed.attach(loop)
    loop.run()
    assert ran.numbers == []
