"""Events are brought to those who listen."""

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronkit.errors import ConfigurationError
from cronkit.events import (
    EngineEvent,
    EngineFault,
    Event,
    EventBus,
    EventsDropped,
    ListenerFailed,
    SchedulerEvent,
    SchedulerStarted,
    SchedulerStopped,
    StoreRecovered,
)

PATIENCE = 10.0
PATIENTLY = timedelta(seconds=PATIENCE)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STARTED, RECOVERED = SchedulerStarted(at=NOW), StoreRecovered(at=NOW)


def numbered(number: int) -> SchedulerStopped:
    return SchedulerStopped(at=NOW, left_running=number)


def numbers(events: list[Event]) -> list[int]:
    return [event.left_running for event in events if isinstance(event, SchedulerStopped)]


class Blocking:
    """A listener that says when it was called, and returns when it is let go."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.open = threading.Event()
        self.heard: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.called.set()
        if not self.open.wait(PATIENCE):
            raise TimeoutError("nobody let the listener go")
        self.heard.append(event)


@pytest.fixture
def bus() -> Iterator[EventBus]:
    bus = EventBus()
    yield bus
    bus.close(PATIENTLY)


@pytest.fixture
def heard(bus: EventBus) -> list[Event]:
    """Everything that a listener for all events hears."""
    events: list[Event] = []
    bus.on(Event)(events.append)
    return events


# Who hears what


def test_a_listener_hears_the_events_of_its_class(bus: EventBus) -> None:
    events: list[Event] = []
    bus.on(SchedulerStarted)(events.append)
    bus.publish_all([STARTED, RECOVERED])
    bus.drain(PATIENTLY)

    assert events == [STARTED]


def test_a_listener_for_a_class_hears_the_classes_below_it(bus: EventBus) -> None:
    events: list[Event] = []
    bus.on(SchedulerEvent)(events.append)
    bus.publish_all([STARTED, RECOVERED, numbered(0)])
    bus.drain(PATIENTLY)

    assert events == [STARTED, numbered(0)]


def test_what_is_published_behind_comes_after_what_was_written_before_it(bus: EventBus, heard: list[Event]) -> None:
    bus.is_behind = True
    bus.publish_behind([numbered(2), numbered(3)])
    bus.publish(numbered(1))
    bus.catch_up()
    bus.publish_behind([numbered(4)])
    bus.drain(PATIENTLY)

    assert numbers(heard) == [1, 2, 3, 4]


def test_a_listener_may_name_several_classes_and_hears_each_event_once(bus: EventBus) -> None:
    events: list[Event] = []
    bus.on(SchedulerStarted, SchedulerEvent, StoreRecovered)(events.append)
    bus.publish_all([STARTED, RECOVERED])
    bus.drain(PATIENTLY)

    assert events == [STARTED, RECOVERED]


def test_a_listener_registered_again_hears_the_classes_of_both_times_once(bus: EventBus) -> None:
    events: list[Event] = []

    def listener(event: Event) -> None:
        events.append(event)

    bus.on(SchedulerStarted)(listener)
    bus.on(SchedulerEvent)(listener)
    bus.publish(STARTED)
    bus.drain(PATIENTLY)

    assert events == [STARTED]


def test_listening_leaves_the_function_as_it_is(bus: EventBus) -> None:
    def listener(event: Event) -> None: ...

    assert bus.on(Event)(listener) is listener


def test_the_bus_knows_what_is_wanted(bus: EventBus) -> None:
    assert not bus.wants(SchedulerStarted)

    bus.on(SchedulerEvent)(print)
    assert bus.wants(SchedulerStarted)
    assert not bus.wants(StoreRecovered)


@pytest.mark.parametrize("types", [(), (print,), ("RunFailed",), (SchedulerStarted, int), (STARTED,)])
def test_only_classes_of_events_can_be_listened_for(bus: EventBus, types: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigurationError, match="RunFailed"):
        bus.on(*types)


def test_only_what_can_be_called_can_listen(bus: EventBus) -> None:
    with pytest.raises(ConfigurationError, match="function"):
        bus.on(Event)("print")


# Where and in which order


def test_listeners_are_called_on_a_thread_of_the_bus(bus: EventBus) -> None:
    names: list[str] = []
    bus.on(Event)(lambda event: names.append(threading.current_thread().name))
    bus.publish(STARTED)
    bus.drain(PATIENTLY)

    assert names == ["cronkit-events"]


def test_no_thread_is_started_for_what_nobody_wants(bus: EventBus) -> None:
    before = threading.active_count()
    bus.on(EngineEvent)(print)
    bus.publish(STARTED)

    assert threading.active_count() == before


def test_publishing_does_not_wait_for_listeners(bus: EventBus) -> None:
    blocking = Blocking()
    bus.on(Event)(blocking)
    bus.publish_all([numbered(1), numbered(2)])
    assert blocking.called.wait(PATIENCE)
    assert blocking.heard == []
    blocking.open.set()
    bus.drain(PATIENTLY)

    assert numbers(blocking.heard) == [1, 2]


def test_events_come_in_the_order_they_were_published(bus: EventBus, heard: list[Event]) -> None:
    for number in range(1000):
        bus.publish(numbered(number))
    bus.drain(PATIENTLY)

    assert numbers(heard) == list(range(1000))


def test_events_of_several_threads_all_arrive_each_threads_in_order(bus: EventBus, heard: list[Event]) -> None:
    def publish(first: int) -> None:
        for number in range(first, first + 500):
            bus.publish(numbered(number))

    threads = [threading.Thread(target=publish, args=(first,)) for first in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bus.drain(PATIENTLY)

    assert sorted(numbers(heard)) == [*range(500), *range(1000, 1500), *range(2000, 2500)]
    assert [number for number in numbers(heard) if number < 1000] == list(range(500))


# Overflow


def test_what_finds_the_bus_full_is_dropped_and_counted() -> None:
    bus, blocking = EventBus(capacity=3), Blocking()
    bus.on(SchedulerEvent)(blocking)
    bus.publish(numbered(0))
    assert blocking.called.wait(PATIENCE)
    bus.publish_all([numbered(number) for number in range(1, 8)])

    assert bus.dropped == 4
    blocking.open.set()
    bus.close(PATIENTLY)
    assert numbers(blocking.heard) == [0, 1, 2, 3]


def test_one_event_takes_the_place_of_those_that_were_dropped(caplog: pytest.LogCaptureFixture) -> None:
    bus, blocking = EventBus(capacity=2), Blocking()
    bus.on(Event)(blocking)
    bus.publish(numbered(0))
    assert blocking.called.wait(PATIENCE)
    bus.publish_all([numbered(number) for number in range(1, 6)])
    blocking.open.set()
    bus.drain(PATIENTLY)
    bus.publish(numbered(6))
    bus.close(PATIENTLY)

    assert blocking.heard == [*map(numbered, (0, 1, 2)), EventsDropped(at=NOW, count=3), numbered(6)]
    assert "3 events were dropped" in caplog.text


def test_a_listener_that_is_too_slow_even_for_the_news_of_the_loss_is_left_in_peace(
    loop: asyncio.AbstractEventLoop,
) -> None:
    bus, go_on = EventBus(capacity=1), asyncio.Event()
    bus.run_coroutine = lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop)
    brought = threading.Semaphore(0)

    @bus.on(Event)
    async def wait(event: Event) -> None:
        await go_on.wait()

    bus.on(SchedulerStopped)(lambda event: brought.release())
    for number in range(4):
        bus.publish(numbered(number))
        assert brought.acquire(timeout=PATIENCE)
    loop.call_soon_threadsafe(go_on.set)

    assert bus.close(PATIENTLY)
    assert bus.dropped in (2, 3)  # the first may wait, or run already, when the second comes


# Listeners that fail


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), asyncio.CancelledError()])
def test_a_listener_that_raises_harms_no_other(bus: EventBus, heard: list[Event], error: BaseException) -> None:
    def fail(event: Event) -> None:
        raise error

    bus.on(SchedulerEvent)(fail)
    bus.publish_all([numbered(1), numbered(2)])
    bus.drain(PATIENTLY)

    assert numbers(heard) == [1, 2]


def test_a_listener_that_raises_is_logged_and_reported(
    bus: EventBus, heard: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    @bus.on(SchedulerStarted)
    def fail(event: Event) -> None:
        raise ValueError("no")

    bus.publish(STARTED)
    bus.drain(PATIENTLY)
    bus.drain(PATIENTLY)
    failed = heard[-1]

    assert isinstance(failed, ListenerFailed)
    assert failed.listener.endswith("fail")
    assert (failed.event_type, failed.error.type, failed.error.message) == ("SchedulerStarted", "ValueError", "no")
    assert "in fail" in (failed.error.traceback or "")
    assert [record.name for record in caplog.records] == ["cronkit.events"]


def test_a_listener_that_fails_on_failures_is_not_reported_again(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Event] = []

    @bus.on(Event)
    def fail(event: Event) -> None:
        calls.append(event)
        raise ValueError("no")

    bus.publish(STARTED)
    bus.drain(PATIENTLY)
    bus.drain(PATIENTLY)

    assert [type(event) for event in calls] == [SchedulerStarted, ListenerFailed]


def test_an_error_that_cannot_be_shown_is_reported_all_the_same(bus: EventBus, heard: list[Event]) -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    @bus.on(SchedulerStarted)
    def fail(event: Event) -> None:
        raise Unspeakable

    logging.getLogger("cronkit.events").disabled = True
    try:
        bus.publish(STARTED)
        bus.drain(PATIENTLY)
        bus.drain(PATIENTLY)
    finally:
        logging.getLogger("cronkit.events").disabled = False

    assert isinstance(heard[-1], ListenerFailed)


# Draining and closing


def test_draining_waits_until_everything_has_been_heard(bus: EventBus, heard: list[Event]) -> None:
    bus.publish_all([numbered(number) for number in range(100)])

    assert bus.drain(PATIENTLY)
    assert len(heard) == 100


def test_draining_gives_up_in_time(bus: EventBus) -> None:
    blocking = Blocking()
    bus.on(Event)(blocking)
    bus.publish(STARTED)

    assert not bus.drain(timedelta(milliseconds=10))
    blocking.open.set()


def test_draining_an_unused_bus_is_done_at_once(bus: EventBus) -> None:
    assert bus.drain(timedelta())


def test_a_listener_cannot_wait_for_itself(bus: EventBus) -> None:
    answers: list[bool] = []
    bus.on(Event)(lambda event: answers.append(bus.drain(PATIENTLY)))
    bus.publish(STARTED)
    bus.drain(PATIENTLY)

    assert answers == [False]


def test_closing_ends_the_thread(bus: EventBus) -> None:
    threads: list[threading.Thread] = []
    bus.on(Event)(lambda event: threads.append(threading.current_thread()))
    bus.publish(STARTED)

    assert bus.close(PATIENTLY)
    assert not threads[0].is_alive()


def test_a_closed_bus_starts_again_with_the_next_event(bus: EventBus, heard: list[Event]) -> None:
    bus.publish(numbered(1))
    bus.close(PATIENTLY)
    bus.publish(numbered(2))
    bus.drain(PATIENTLY)

    assert numbers(heard) == [1, 2]


def test_events_wait_while_no_thread_can_be_started_and_nobody_who_publishes_is_harmed(
    bus: EventBus, heard: list[Event], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        bus.publish(numbered(1))
        bus.publish(numbered(2))
        assert not bus.drain(PATIENTLY)
    bus.publish(numbered(3))
    assert bus.drain(PATIENTLY)

    assert numbers(heard) == [1, 2, 3]
    assert [record.getMessage() for record in caplog.records] == [
        "events wait: no thread can be started that would bring them (can't start new thread)"
    ]


# Listeners that are coroutine functions


@pytest.fixture
def loop(bus: EventBus) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in a thread of its own, which the bus runs coroutines on."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    bus.run_coroutine = lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop)
    yield loop
    bus.close(PATIENTLY)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE)
    loop.close()


@pytest.mark.usefixtures("loop")
def test_a_coroutine_listener_hears_events_one_after_the_other(bus: EventBus) -> None:
    steps: list[tuple[str, int]] = []

    @bus.on(SchedulerStopped)
    async def listen(event: SchedulerStopped) -> None:
        steps.append(("begin", event.left_running))
        await asyncio.sleep(0)
        steps.append(("end", event.left_running))

    bus.publish_all([numbered(1), numbered(2), numbered(3)])

    assert bus.drain(PATIENTLY)
    assert steps == [(step, number) for number in (1, 2, 3) for step in ("begin", "end")]


def test_a_coroutine_listener_runs_on_the_loop_it_was_given(bus: EventBus, loop: asyncio.AbstractEventLoop) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    @bus.on(Event)
    async def listen(event: Event) -> None:
        loops.append(asyncio.get_running_loop())

    bus.publish(STARTED)
    bus.drain(PATIENTLY)

    assert loops == [loop]


def test_a_coroutine_listener_registered_again_still_hears_events_one_after_the_other(
    bus: EventBus, loop: asyncio.AbstractEventLoop
) -> None:
    go_on, heard = asyncio.Event(), threading.Semaphore(0)
    steps: list[tuple[str, str]] = []

    async def listen(event: Event) -> None:
        steps.append(("begin", type(event).__name__))
        await go_on.wait()
        steps.append(("end", type(event).__name__))

    bus.on(SchedulerStarted)(listen)
    bus.on(SchedulerStarted, StoreRecovered)(lambda event: heard.release())
    bus.publish(STARTED)
    assert heard.acquire(timeout=PATIENCE)
    bus.on(StoreRecovered)(listen)
    bus.on(StoreRecovered)(lambda event: heard.release())
    bus.publish(RECOVERED)
    assert heard.acquire(timeout=PATIENCE)
    assert heard.acquire(timeout=PATIENCE)
    loop.call_soon_threadsafe(go_on.set)
    assert bus.drain(PATIENTLY)
    assert steps == [(step, name) for name in ("SchedulerStarted", "StoreRecovered") for step in ("begin", "end")]


def test_a_coroutine_listener_that_waits_holds_up_no_other(bus: EventBus, loop: asyncio.AbstractEventLoop) -> None:
    go_on, heard = asyncio.Event(), threading.Semaphore(0)

    @bus.on(SchedulerEvent)
    async def wait(event: Event) -> None:
        await go_on.wait()

    bus.on(SchedulerEvent)(lambda event: heard.release())
    bus.publish_all([numbered(1), numbered(2)])

    assert heard.acquire(timeout=PATIENCE)
    assert heard.acquire(timeout=PATIENCE)
    assert not bus.drain(timedelta(milliseconds=1))
    loop.call_soon_threadsafe(go_on.set)
    assert bus.drain(PATIENTLY)


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)])
def test_a_coroutine_listener_that_raises_is_reported_and_hears_the_next_event(
    bus: EventBus, heard: list[Event], error: BaseException
) -> None:
    calls: list[int] = []

    @bus.on(SchedulerStopped)
    async def fail(event: SchedulerStopped) -> None:
        calls.append(event.left_running)
        raise error

    bus.publish_all([numbered(1), numbered(2)])
    bus.drain(PATIENTLY)
    bus.drain(PATIENTLY)

    assert calls == [1, 2]
    assert [type(event) for event in heard[2:]] == [ListenerFailed, ListenerFailed]


def test_a_coroutine_listener_without_a_loop_is_reported(bus: EventBus, heard: list[Event]) -> None:
    @bus.on(SchedulerStarted)
    async def listen(event: Event) -> None: ...

    bus.publish(STARTED)
    bus.drain(PATIENTLY)
    bus.drain(PATIENTLY)

    assert isinstance(heard[-1], ListenerFailed)
    assert heard[-1].error.type == "LifecycleError"


def test_a_coroutine_listener_works_again_after_its_loop_was_closed_on_it(bus: EventBus) -> None:
    calls: list[int] = []

    @bus.on(SchedulerStopped)
    async def listen(event: SchedulerStopped) -> None:
        calls.append(event.left_running)

    def refuse(coroutine: Coroutine[Any, Any, None]) -> None:
        coroutine.close()  # what a loop does to a coroutine that it never began

    bus.run_coroutine = refuse
    bus.publish(numbered(1))
    bus.drain(PATIENTLY)
    bus.run_coroutine = asyncio.run
    bus.publish(numbered(2))
    bus.drain(PATIENTLY)

    assert 2 in calls


class Waiting:
    """A coroutine listener that waits for ever at the first event, until its task is cancelled."""

    def __init__(self, bus: EventBus) -> None:
        self.calls: list[int] = []
        self._begun, self._brought = threading.Event(), threading.Semaphore(0)
        bus.on(SchedulerStopped)(self)
        bus.on(SchedulerStopped)(lambda event: self._brought.release())

    async def __call__(self, event: SchedulerStopped) -> None:
        self.calls.append(event.left_running)
        self._begun.set()
        if event.left_running == 1:
            await asyncio.Event().wait()

    def wait_until_behind(self, count: int) -> None:
        """Until the first of ``count`` events was begun, and the others wait behind it."""
        assert all(self._brought.acquire(timeout=PATIENCE) for _ in range(count))
        assert self._begun.wait(PATIENCE)


def cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks()])


def test_a_coroutine_listener_whose_loop_is_closed_under_it_hears_the_next_event(
    bus: EventBus, loop: asyncio.AbstractEventLoop
) -> None:
    listener = Waiting(bus)
    bus.publish_all([numbered(1), numbered(2)])
    listener.wait_until_behind(2)
    cancel_all(loop)
    assert bus.drain(PATIENTLY)
    bus.publish(numbered(3))
    bus.drain(PATIENTLY)

    assert listener.calls == [1, 3]


def test_what_waits_behind_a_coroutine_that_was_cancelled_is_counted_and_told(
    bus: EventBus, loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Event] = []
    bus.on(EventsDropped, ListenerFailed)(told.append)
    listener = Waiting(bus)
    bus.publish_all([numbered(1), numbered(2), numbered(3)])
    listener.wait_until_behind(3)
    cancel_all(loop)
    bus.drain(PATIENTLY)
    bus.drain(PATIENTLY)

    assert bus.dropped == 2
    assert [type(event) for event in told] == [ListenerFailed, EventsDropped]
    failed, dropped = told
    assert isinstance(failed, ListenerFailed)
    assert failed.error.type == "CancelledError"
    assert isinstance(dropped, EventsDropped)
    assert dropped.count == 2


def test_what_waits_for_a_loop_that_takes_nothing_more_is_counted(bus: EventBus) -> None:
    @bus.on(SchedulerStopped)
    async def listen(event: SchedulerStopped) -> None: ...

    bus.run_coroutine = lambda coroutine: coroutine.close()  # a loop that is closed before it begins
    bus.publish(numbered(1))
    bus.drain(PATIENTLY)
    bus.run_coroutine = None
    bus.publish(numbered(2))  # reported as a failure; the one before is lost
    bus.drain(PATIENTLY)

    assert bus.dropped == 1


def test_only_so_many_coroutines_of_a_listener_wait(loop: asyncio.AbstractEventLoop) -> None:
    bus, calls, begun, go_on = EventBus(capacity=2), [], threading.Event(), asyncio.Event()
    bus.run_coroutine = lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop)

    @bus.on(SchedulerStopped)
    async def listen(event: SchedulerStopped) -> None:
        begun.set()
        await go_on.wait()
        calls.append(event.left_running)

    brought = threading.Semaphore(0)
    bus.on(SchedulerStopped)(lambda event: brought.release())
    for number in range(5):
        bus.publish(numbered(number))
        assert brought.acquire(timeout=PATIENCE)
        assert begun.wait(PATIENCE)
    loop.call_soon_threadsafe(go_on.set)
    bus.close(PATIENTLY)

    assert (calls, bus.dropped) == ([0, 1, 2], 2)


# Inline, as a simulation uses it


def test_an_inline_bus_calls_listeners_before_publishing_returns() -> None:
    bus, events = EventBus(inline=True), []
    bus.on(Event)(lambda event: events.append((event, threading.current_thread())))
    bus.publish(STARTED)

    assert events == [(STARTED, threading.current_thread())]


def test_what_a_listener_publishes_inline_comes_after_what_it_hears() -> None:
    bus, events = EventBus(inline=True), []

    def answer(event: Event) -> None:
        bus.publish(EngineFault(at=NOW, problem="noticed"))

    bus.on(SchedulerStarted)(answer)
    bus.on(Event)(events.append)
    bus.publish_all([STARTED, RECOVERED])

    assert events == [STARTED, RECOVERED, EngineFault(at=NOW, problem="noticed")]


def test_an_interrupt_while_listeners_are_called_inline_passes_and_the_bus_goes_on() -> None:
    bus, events = EventBus(inline=True), []

    @bus.on(SchedulerStarted)
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    bus.on(StoreRecovered)(events.append)
    with pytest.raises(KeyboardInterrupt):
        bus.publish(STARTED)
    bus.publish(RECOVERED)

    assert events == [RECOVERED]


def test_a_failing_listener_inline_is_reported_in_order() -> None:
    bus, events = EventBus(inline=True), []

    @bus.on(SchedulerStarted)
    def fail(event: Event) -> None:
        raise ValueError("no")

    bus.on(Event)(events.append)
    bus.publish_all([STARTED, RECOVERED])

    assert [type(event) for event in events] == [SchedulerStarted, StoreRecovered, ListenerFailed]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_leaves_it_to_its_parent_to_bring_what_was_published_before() -> None:
    script = """
import os, threading
from datetime import UTC, datetime, timedelta
from cronkit.events import EventBus, SchedulerStopped
bus, called, go_on = EventBus(), threading.Event(), threading.Event()

@bus.on(SchedulerStopped)
def tell(event):
    called.set()
    go_on.wait(10)
    os.write(1, b"%d\\n" % event.left_running)

def publish(number):
    bus.publish(SchedulerStopped(at=datetime.now(UTC), left_running=number))

for number in (1, 2):
    publish(number)
called.wait(10)
child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    publish(3)
go_on.set()
bus.drain(timedelta(seconds=10))
os._exit(0)
"""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.split() == ["3", "1", "2"]
