"""What is refused because a durable store could not keep it, and what is imported because a stored job asks for it."""

import logging
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cronkit
from cronkit import ConfigurationError, RunError, RunStatus, Scheduler, UnreadableError
from cronkit.events import JobUnresolved
from cronkit.jobs import storable
from cronkit.jobs.job import HISTORY_LIMIT
from cronkit.testing import simulate
from tests.scheduler.faces import Face
from tests.scheduler.homes import Home

PATIENCE = 10


def send(n: object = 0) -> object:
    return n


def object_of_its_own() -> object:
    return object()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Home]:
    """A SQLite file."""
    home = Home(tmp_path / "jobs.db")
    yield home
    home.close()


# -- what cannot be stored --------------------------------------------------------------------------------------------

REGISTER: dict[str, Callable[[Scheduler, Any], object]] = {
    "job": lambda scheduler, value: scheduler.job("1h", kwargs={"n": value})(send),
    "add": lambda scheduler, value: scheduler.add(send, "1h", kwargs={"n": value}),
    "add_many": lambda scheduler, value: scheduler.add_many([{"target": send, "kwargs": {"n": value}}]),
    "update": lambda scheduler, value: scheduler.update("there", kwargs={"n": value}),
    "trigger": lambda scheduler, value: scheduler.trigger("there", kwargs={"n": value}),
}


@pytest.mark.parametrize("verb", REGISTER)
def test_an_argument_that_cannot_be_stored_is_refused_naming_it_and_the_remedy(file: Home, verb: str) -> None:
    scheduler = file.scheduler()
    scheduler.add(send, id="there")
    refusal = r"kwargs\['n'\]\[1\] is an open file .* pass its path"
    with open(__file__) as handle, pytest.raises(ConfigurationError, match=refusal):
        REGISTER[verb](scheduler, [1, handle])
    assert [(job.id, job.spec.kwargs) for job in scheduler.jobs()] == [("there", {})]
    assert len(scheduler.ledger.runs()) == 0


@pytest.mark.parametrize("verb", REGISTER)
def test_a_store_in_memory_takes_any_argument(verb: str) -> None:
    scheduler = Scheduler()
    scheduler.add(send, id="there")
    REGISTER[verb](scheduler, [1, object()])


def closure(n: int) -> Callable[[], int]:
    def inner() -> int:
        return n

    return inner


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (lambda: None, "a lambda, which another process could not tell from others"),
        (closure(1), "a closure over n"),
    ],
    ids=["lambda", "closure"],
)
def test_a_target_that_another_process_could_not_find_is_refused_with_the_reason(
    file: Home, target: Callable[..., Any], reason: str
) -> None:
    scheduler = file.scheduler()
    scheduler.target(name="given")(target)
    with pytest.raises(ConfigurationError, match=reason):
        scheduler.add("given", "1h", id="job")
    with pytest.raises(ConfigurationError, match=reason):
        scheduler.job("1h", id="given")(target)
    assert len(scheduler.jobs()) == 0


def test_declaring_asks_a_file_for_nothing(tmp_path: Path) -> None:
    scheduler = Scheduler(f"sqlite:///{tmp_path}/jobs.db")
    scheduler.job("1h")(send)
    assert list(tmp_path.iterdir()) == []


def test_a_simulation_of_a_durable_scheduler_takes_what_memory_takes(file: Home) -> None:
    scheduler = file.scheduler(lambda s: s.job("1h")(send))
    with simulate(scheduler, start="2027-01-01T00:00Z"):
        scheduler.trigger("send", kwargs={"n": object()})


# -- results that the store has not ------------------------------------------------------------------------------------


@cronkit.storable(name="test_durable_stores.Receipt")
@dataclass
class Receipt:
    """What one program knows, and another may not."""

    n: int = 1


@pytest.mark.anyio
async def test_a_result_that_cannot_be_kept_is_an_error_that_says_so_and_the_run_has_succeeded(
    make_face: Callable[..., Face], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    async with make_face(url) as face:
        await face.add(object_of_its_own)
        handle = await face.trigger("object_of_its_own")
        another = Face(make_face(url).inner.run_handle(handle.inner.id))
        for asked in (handle, another):
            with pytest.raises(
                RunError,
                match=r"of job 'object_of_its_own' succeeded, but its value was not kept: "
                r"result is of type object, .* an id or a text",
            ) as caught:
                await asked.result(timeout=PATIENCE)
            assert caught.value.status == "succeeded"
            assert (caught.value.reason or "").startswith("its value was not kept")
        assert (await face.get("object_of_its_own")).counters["succeeded"] == 1


def test_a_result_that_cannot_be_kept_is_warned_of(file: Home, caplog: pytest.LogCaptureFixture) -> None:
    with file.scheduler() as scheduler:
        scheduler.add(object_of_its_own)
        handle = scheduler.trigger("object_of_its_own")
        with pytest.raises(RunError):
            handle.result(timeout=PATIENCE)
    (record,) = (record for record in caplog.records if record.name == "cronkit.run")
    assert record.levelno == logging.WARNING
    assert (record.__dict__["run_id"], record.__dict__["job_id"]) == (handle.id, "object_of_its_own")
    assert record.getMessage().startswith(
        f"run {handle.id} of job 'object_of_its_own' succeeded, but its value was not kept: result is of type object"
    )


def test_a_result_that_only_another_program_can_read_is_an_error_that_names_what_is_missing(
    file: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with file.scheduler() as scheduler:
        scheduler.add(Receipt, id="receipt")
        handle = scheduler.trigger("receipt")
        assert handle.result(timeout=PATIENCE) == Receipt()
        monkeypatch.delitem(storable._by_name, "test_durable_stores.Receipt")
        with pytest.raises(RunError, match="succeeded, but what the run left cannot be read: no dataclass is reg"):
            handle.result(timeout=PATIENCE)


def test_a_job_that_returns_nothing_has_none_as_its_result(file: Home) -> None:
    with file.scheduler() as scheduler:
        scheduler.add(send, id="send", kwargs={"n": None})
        assert scheduler.trigger("send").result(timeout=PATIENCE) is None


# -- targets by import path -------------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of an application, with a module of tasks in it."""
    package = tmp_path / "code" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "tasks.py").write_text("def send(n=0):\n    return n\n")
    (package / "broken.py").write_text("raise RuntimeError('no database')\n")
    monkeypatch.syspath_prepend(str(package.parent))
    yield "shop.tasks"
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def test_a_target_may_be_named_by_its_import_path(home: Home, shop: str) -> None:
    with home.scheduler(importable=[shop]) as scheduler:
        job = scheduler.add("shop.tasks:send", id="invoice", kwargs={"n": 42})
        assert job.spec.target == "shop.tasks:send"
        assert scheduler.trigger("invoice").result(timeout=PATIENCE) == 42


def test_many_jobs_may_name_their_targets_by_import_path(home: Home, shop: str) -> None:
    scheduler = home.scheduler(importable=["shop"])
    jobs = scheduler.add_many({"target": "shop.tasks:send", "id": f"job-{n}"} for n in range(3))
    assert {job.spec.target for job in jobs} == {"shop.tasks:send"}


@pytest.mark.parametrize("path", ["shop.tasks:send", "os:system", "shop.tasks:os.system"])
def test_no_module_is_imported_that_is_not_allowed(home: Home, shop: str, path: str) -> None:
    allowed = () if path.startswith("shop.tasks:send") else ("shop",)
    with pytest.raises(ConfigurationError, match="cannot be imported: "):
        home.scheduler(importable=allowed).add(path, "1h")
    assert allowed or "shop.tasks" not in sys.modules


def test_a_start_imports_what_stored_jobs_ask_for(home: Home, shop: str) -> None:
    home.scheduler(importable=[shop]).add("shop.tasks:send", id="invoice", kwargs={"n": 42})
    with home.scheduler(importable=[shop]) as scheduler:
        assert scheduler.trigger("invoice").result(timeout=PATIENCE) == 42


def test_a_start_imports_nothing_that_is_not_allowed(home: Home, shop: str) -> None:
    home.scheduler(importable=[shop]).add("shop.tasks:send", id="invoice")
    del sys.modules["shop.tasks"]
    with home.scheduler(importable=["other"]) as scheduler:
        handle = scheduler.trigger("invoice")
        assert "shop.tasks" not in sys.modules
        assert handle.status is RunStatus.QUEUED


def test_what_cannot_be_imported_any_more_is_logged_and_kept_and_the_others_run(
    home: Home, shop: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = home.scheduler(importable=["shop"])
    before.target(name="shop.broken:send")(send)
    before.target(name="shop.tasks:gone")(send)
    before.add("shop.broken:send", id="broken")
    before.add("shop.tasks:gone", id="gone")
    before.add("shop.tasks:send", id="invoice")
    with caplog.at_level(logging.WARNING), home.scheduler(importable=["shop"]) as scheduler:
        assert scheduler.trigger("invoice").result(timeout=PATIENCE) == 0
        assert [job.id for job in scheduler.jobs()] == ["broken", "gone", "invoice"]
    assert "importing shop.broken raised RuntimeError: no database" in caplog.text
    assert "target 'shop.tasks:gone' cannot be imported" in caplog.text


def test_what_cannot_be_imported_is_shown_as_unresolved_and_is_warned_of_once(
    home: Home, shop: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = home.scheduler()
    before.target(name="shop.broken:send")(send)
    before.add("shop.broken:send", id="broken")
    scheduler = home.scheduler(importable=["shop"])
    told: list[str] = []
    scheduler.on(JobUnresolved)(lambda event: told.append(event.job_id))
    assert scheduler.plan().missing_targets == {}  # a start will try it
    with scheduler:
        assert scheduler.health().unresolved == ("shop.broken:send",)
    assert told == ["broken"]
    assert caplog.text.count("shop.broken:send") == 1


def test_a_path_that_is_not_importable_is_missing_and_the_remedy_names_what_lists_it(
    home: Home, shop: str, caplog: pytest.LogCaptureFixture
) -> None:
    home.scheduler(importable=[shop]).add("shop.tasks:send", id="invoice")
    with home.scheduler() as scheduler:
        assert scheduler.plan().missing_targets == {"shop.tasks:send": ("invoice",)}
    assert "see that its module is listed in Scheduler(importable=...)" in caplog.text


def test_importable_that_is_one_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"importable='shop' is one text: give a list"):
        Scheduler(importable="shop")


# -- what a history keeps ----------------------------------------------------------------------------------------------


def test_an_older_version_takes_a_renamed_job_back_however_often_that_was_changed_since(file: Home) -> None:
    older = file.deploy(lambda s: s.job("1h", id="old")(send))
    newer = file.deploy(lambda s: s.job("1h", id="new", aliases=["old"])(send))
    for _ in range(HISTORY_LIMIT // 2 + 1):
        newer.pause("new")
        newer.resume("new")
    assert len(newer.history("new")) == HISTORY_LIMIT + 1
    file.deploy(lambda s: s.job("1h", id="old")(send))

    assert [job.id for job in older.jobs()] == ["old"]


# -- rows that cannot be read -----------------------------------------------------------------------------------------


def damaged(file: Home, *statements: str) -> Scheduler:
    """A program whose one job's row has been damaged since it was deployed."""
    scheduler = file.deploy(lambda s: s.job("1h", id="beat")(send))
    scheduler._parts.store.close()
    assert file.path is not None
    with sqlite3.connect(file.path) as connection:
        for statement in statements or ["UPDATE specs SET spec = '{\"v\":99}'"]:
            connection.execute(statement)
    connection.close()
    return file.scheduler(lambda s: s.job("1h", id="beat")(send))


def test_a_declared_job_that_cannot_be_read_is_planned_so_and_left_alone(
    file: Home, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = damaged(file)
    assert list(scheduler.plan().unreadable) == ["beat"]
    assert not scheduler.plan()
    with scheduler:
        assert scheduler.get("beat").unreadable
    assert "job 'beat' does not run, for what the store has of it cannot be read" in caplog.text


@pytest.mark.parametrize(
    "change",
    [lambda s: s.update("beat", timeout="5s"), lambda s: s.pause("beat"), lambda s: s.resume("beat")],
    ids=["update", "pause", "resume"],
)
def test_a_job_that_cannot_be_read_cannot_be_changed(file: Home, change: Callable[[Scheduler], object]) -> None:
    with pytest.raises(UnreadableError, match=r"job 'beat' cannot be changed, .*; reset\(\) it, if code declares it"):
        change(damaged(file))


def test_reset_rewrites_a_declared_job_that_cannot_be_read_where_it_stood(file: Home) -> None:
    scheduler = damaged(file)
    file.clock.advance(hours=2)
    job = scheduler.reset("beat")
    assert job.unreadable is None
    assert file.due(scheduler) == ["beat"]
    assert scheduler.plan().unchanged == ("beat",)


@pytest.mark.parametrize(
    "column",
    [
        "pause = 'x'",
        "created_at = 9e18",
        "updated_at = 'x'",
        "next_at = x'00'",
        "next_due = 'x'",
        "spawned = 'x'",
        "revisions = 'x'",
    ],
)
def test_reset_catches_up_on_nothing_that_was_accounted_for_whatever_else_of_the_row_is_damaged(
    column: str, file: Home
) -> None:
    scheduler = damaged(file, f"UPDATE jobs SET {column}")
    before = scheduler.get("beat")
    assert before.unreadable
    job = scheduler.reset("beat")

    assert (job.unreadable, job.watermark) == (None, before.watermark)
    assert job.next_run_at == job.schedule.next(before.watermark)


def test_reset_of_a_job_that_has_lost_what_it_has_accounted_for_begins_now(file: Home) -> None:
    scheduler = damaged(file, "UPDATE jobs SET watermark = 'soon'")
    file.clock.advance(hours=5)
    created_at = scheduler.get("beat").created_at
    job = scheduler.reset("beat")

    assert (job.watermark, job.created_at) == (file.clock.now(), created_at)
    assert file.due(scheduler) == []
    file.clock.advance(hours=1)
    assert file.due(scheduler) == ["beat"]


def test_reset_leaves_a_pause_that_can_be_read_beside_what_cannot(file: Home) -> None:
    before = file.deploy(lambda s: s.job("1h", id="beat")(send))
    before.pause("beat", reason="migration")
    scheduler = damaged(file, "UPDATE jobs SET watermark = 'soon'")
    assert scheduler.get("beat").unreadable
    job = scheduler.reset("beat")

    assert job.pause is not None
    assert job.pause.reason == "migration"
    assert file.due(scheduler) == []


def test_a_job_that_cannot_be_read_can_be_removed(file: Home) -> None:
    scheduler = damaged(file)
    scheduler.remove("beat")
    assert len(scheduler.jobs()) == 0
