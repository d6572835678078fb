"""What an event is."""

import dataclasses
import inspect
from datetime import UTC, datetime, timedelta

import pytest

from cronkit import events
from cronkit.events import EngineEvent, Event, JobEvent, JobPaused, RunEvent, RunProgressed, SchedulerEvent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLASSES = [each for each in vars(events).values() if inspect.isclass(each) and issubclass(each, Event)]


def progressed(fraction: float) -> RunProgressed:
    return RunProgressed(
        at=NOW,
        namespace="default",
        job_id="job",
        run_id="run",
        scheduled_at=NOW,
        attempt=1,
        fraction=fraction,
        note="half way",
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_every_event_says_what_it_is(kind: type[Event]) -> None:
    assert inspect.getdoc(kind)
    assert kind.__doc__ != Event.__doc__ or kind is Event


@pytest.mark.parametrize("kind", CLASSES)
def test_every_event_hangs_in_the_tree(kind: type[Event]) -> None:
    assert kind is Event or issubclass(kind, SchedulerEvent | JobEvent | RunEvent | EngineEvent)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_event_is_a_slotted_dataclass_without_positions(kind: type[Event]) -> None:
    assert "__slots__" in vars(kind)
    assert all(field.kw_only for field in dataclasses.fields(kind))


@pytest.mark.parametrize("kind", CLASSES)
def test_every_event_is_exported(kind: type[Event]) -> None:
    assert kind.__name__ in events.__all__


def test_events_with_the_same_content_are_equal() -> None:
    assert progressed(0.5) == progressed(0.5)
    assert hash(progressed(0.5)) == hash(progressed(0.5))


def test_events_that_differ_in_anything_are_not_equal() -> None:
    assert progressed(0.5) != progressed(0.6)


def test_events_of_different_classes_are_not_equal() -> None:
    assert events.SchedulerStarted(at=NOW) != events.SchedulerStopping(at=NOW)


def test_an_event_shows_its_content() -> None:
    paused = JobPaused(at=NOW, namespace="default", job_id="nightly", reason="migration", until=None, by="ann")

    assert repr(paused) == (
        f"JobPaused(at={NOW!r}, namespace='default', job_id='nightly', reason='migration', until=None, by='ann')"
    )


def test_a_clock_that_jumped_forward_jumped_by_a_positive_time() -> None:
    assert events.ClockJumped(at=NOW, by=timedelta(hours=8)).by > timedelta()
