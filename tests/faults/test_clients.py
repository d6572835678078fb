"""A client process that never starts an engine asks for things, and a node in another process does them."""

import time
from collections.abc import Callable
from statistics import median

import pytest

from cronkit import Every, RunError
from tests.faults.herd import Herd, wait_until
from tests.faults.journal import START
from tests.faults.scenarios import close_books

Noticed = Callable[[str, Callable[[], float]], None]

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

TIMES = 9


@pytest.fixture
def noticed(measured: Callable[[str], None]) -> Callable[[str, Callable[[], float]], None]:
    """Fails if the median of several times is no less than a second; what is aimed at is 200 ms."""

    def take(what: str, ask: Callable[[], float]) -> None:
        seconds = [ask() for _ in range(TIMES)]
        measured(f"{what}: median {median(seconds) * 1000:.0f} ms, longest {max(seconds) * 1000:.0f} ms")
        assert median(seconds) < 1.0

    return take


def test_a_trigger_is_run_by_a_node_and_its_value_comes_back(herd: Herd, noticed: Noticed) -> None:
    herd.scheduler.add("work", id="job")
    (node,) = herd.start_and_wait()

    def start() -> float:
        asked = time.monotonic()
        handle = herd.scheduler.trigger("job")
        assert handle.result(timeout=20) == {"attempt": 1, "node": node}
        (entry,) = [each for each in herd.saw(START) if each.facts["run"] == handle.id]
        return entry.at - asked

    def come_back() -> float:
        asked = time.monotonic()
        herd.scheduler.trigger("job").result(timeout=20)
        return time.monotonic() - asked

    noticed("trigger to start", start)
    noticed("trigger to result()", come_back)
    close_books(herd)


def test_a_client_cancels_what_runs_elsewhere(herd: Herd, noticed: Noticed) -> None:
    herd.scheduler.add("wait", id="job", kwargs={"seconds": 60})
    herd.start_and_wait()

    def cancel() -> float:
        handle = herd.scheduler.trigger("job")
        wait_until(lambda: [each for each in herd.saw(START) if each.facts["run"] == handle.id], "it has started")
        asked = time.monotonic()
        herd.scheduler.cancel(handle.id, reason="changed my mind")
        with pytest.raises(RunError, match="changed my mind"):
            handle.result(timeout=20)
        return time.monotonic() - asked

    noticed("cancel to its end", cancel)


def test_a_client_sees_how_far_a_run_has_come(herd: Herd) -> None:
    herd.scheduler.add("steps", id="job", kwargs={"seconds": 1.0})
    herd.start_and_wait()
    handle = herd.scheduler.trigger("job")
    seen: set[str] = set()

    def has_seen_several() -> bool:
        note = handle.run().progress_note
        if note is not None:
            seen.add(note)
        return len(seen) >= 3 or not handle.status.is_open

    wait_until(has_seen_several, "its progress is to be seen")
    assert len(seen) >= 3


def test_a_client_pauses_and_resumes_what_a_node_runs(herd: Herd) -> None:
    herd.scheduler.add("work", Every("100ms"), id="job")
    herd.start_and_wait()
    herd.wait_for_starts(1)
    pause = herd.scheduler.pause("job").pause
    assert pause is not None
    time.sleep(0.5)  # five occurrences
    assert not [start for start in herd.saw(START) if start.scheduled_at > pause.since]
    resumed = herd.scheduler.resume("job").updated_at
    wait_until(lambda: [start for start in herd.saw(START) if start.scheduled_at > resumed], "it runs again")
    close_books(herd)


def test_a_job_that_a_client_adds_is_noticed(herd: Herd, noticed: Noticed) -> None:
    herd.start_and_wait()
    numbers = iter(range(TIMES))

    def start() -> float:
        job_id, asked = f"job-{next(numbers)}", time.monotonic()
        herd.scheduler.add("work", "now", id=job_id)
        (entry,) = wait_until(lambda: [each for each in herd.saw(START) if each.facts["job"] == job_id], "it runs")
        return float(entry.at - asked)

    noticed("add to start", start)


def test_a_schedule_that_a_client_changes_is_noticed(herd: Herd, noticed: Noticed) -> None:
    herd.scheduler.add("work", Every("1h"), id="job")
    herd.start_and_wait()

    def start() -> float:
        seen, asked = len(herd.saw(START)), time.monotonic()
        herd.scheduler.update("job", schedule=Every("50ms"))
        (entry, *_) = wait_until(lambda: herd.saw(START)[seen:], "it runs")
        herd.scheduler.update("job", schedule=Every("1h"))
        return float(entry.at - asked)

    noticed("update to start", start)
