"""Small promises at the edge of the verbs: what is refused, and what follows from a lease."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cronkit import ConfigurationError, Scheduler, SQLiteStore, StoreUnavailableError, ThreadExecutor, events
from cronkit.testing import simulate


def greet(name: str = "you") -> None:
    """A target with an argument."""


@pytest.fixture
def scheduler() -> Scheduler:
    scheduler = Scheduler()
    scheduler.job("1h")(greet)
    return scheduler


@pytest.mark.parametrize("kwargs", [[1], "ab", 5])
def test_a_trigger_refuses_arguments_without_names(scheduler: Scheduler, kwargs: object) -> None:
    with pytest.raises(ConfigurationError, match="is no mapping"):
        scheduler.trigger("greet", kwargs=kwargs)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", [[1], 5])
def test_a_trigger_refuses_a_key_that_is_no_text(scheduler: Scheduler, key: object) -> None:
    with pytest.raises(ConfigurationError, match="is no text"):
        scheduler.trigger("greet", key=key)  # type: ignore[arg-type]


def test_a_trigger_refuses_a_key_that_is_empty(scheduler: Scheduler) -> None:
    with pytest.raises(ConfigurationError, match="key=''"):
        scheduler.trigger("greet", key="")


@pytest.mark.parametrize("timeout", [-1, float("nan"), True])
def test_a_wait_refuses_a_number_that_is_no_time(scheduler: Scheduler, timeout: float) -> None:
    with pytest.raises(ConfigurationError, match=r"timeout=.*zero or more"):
        scheduler.trigger("greet").result(timeout=timeout)


@pytest.mark.parametrize("wanted", [{"declared": "yes"}, {"removed": "no"}])
def test_a_page_of_jobs_refuses_a_choice_that_is_neither_yes_nor_no(scheduler: Scheduler, wanted: Any) -> None:
    with pytest.raises(ConfigurationError, match="give True or False"):
        scheduler.jobs(**wanted)


@pytest.mark.parametrize("url", [None, "jobs.db"])
def test_a_page_of_runs_refuses_a_cursor_that_no_page_gave(url: str | None, tmp_path: Path) -> None:
    scheduler = Scheduler(None if url is None else f"sqlite:///{tmp_path}/{url}")
    with pytest.raises(ConfigurationError, match="cursor='zzz' is not that of a page"):
        scheduler.ledger.runs(cursor="zzz")


@pytest.mark.parametrize(
    "wrong",
    [{"executors": {"x": 5}}, {"executors": {5: ThreadExecutor()}}, {"executors": {"": ThreadExecutor()}},
     {"executors": ["x"]}, {"defaults": 5}, {"importable": 5}],
)  # fmt: skip
def test_a_scheduler_refuses_parts_that_could_not_work(wrong: Any) -> None:
    (name,) = wrong
    with pytest.raises(ConfigurationError, match=f"{name}=.*: give "):
        Scheduler(**wrong)


def test_a_patience_that_sqlite_cannot_count_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="busy_timeout='365d': give 1d at most"):
        SQLiteStore(tmp_path / "jobs.db", busy_timeout="365d")


def test_a_lease_is_renewed_well_before_it_ends() -> None:
    assert Scheduler(lease="6s")._parts.renew_every == timedelta(seconds=2)
    assert Scheduler(lease="30s", renew_every="1s")._parts.renew_every == timedelta(seconds=1)
    assert Scheduler()._parts.renew_every == timedelta(seconds=10)


@pytest.mark.parametrize("lease", [timedelta.max, "2d", "99ms"])
def test_a_lease_that_is_no_use_is_refused(lease: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"lease=.* give a duration from 100ms to 1d"):
        Scheduler(lease=lease)


@pytest.mark.parametrize(
    ("lease", "renew_every"), [("30s", "11s"), ("30s", "1h"), ("1s", "1ms"), ("30s", timedelta.max)]
)
def test_a_lease_that_could_end_unrenewed_is_refused(lease: str, renew_every: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"renew_every=.* with lease=.* at least three times"):
        Scheduler(lease=lease, renew_every=renew_every)


def test_a_wait_that_the_store_cannot_begin_leaves_nothing_behind(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(run_id: str) -> None:
        raise StoreUnavailableError("the store is away")

    handle = scheduler.trigger("greet")
    monkeypatch.setattr(scheduler._parts.store, "run", away)
    with pytest.raises(StoreUnavailableError):
        handle.result()
    waiters = scheduler._parts.waiters
    assert (waiters._waiting, waiters._unsubscribe) == ({}, None)


def test_a_pause_that_runs_out_is_announced_and_in_the_history(scheduler: Scheduler) -> None:
    resumed: list[events.JobResumed] = []
    scheduler.on(events.JobResumed)(resumed.append)
    with simulate(scheduler, start="2027-01-01T00:30", tz="UTC") as sim:
        scheduler.pause("greet", until="2027-01-01T02:30")
        sim.advance("3h")
        assert [revision.action for revision in scheduler.history("greet")] == ["added", "paused", "resumed"]
        (skipped,) = sim.runs("greet", status="skipped")
        assert (skipped.reason, skipped.count) == ("paused", 2)
    assert [event.job_id for event in resumed] == ["greet"]
