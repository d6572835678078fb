"""Every example does what its docstring says."""

import asyncio
import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

pytestmark = pytest.mark.realtime


@pytest.fixture
def load() -> Iterator[Callable[[str], ModuleType]]:
    """Imports an example afresh by its name, and forgets it after the test."""
    loaded: list[str] = []

    def load_fresh(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        loaded.append(spec.name)
        spec.loader.exec_module(module)
        return module

    yield load_fresh
    for name in loaded:
        del sys.modules[name]


def eventually(condition: Callable[[], object], within: float = 10) -> Any:
    """The first true answer of ``condition``, asked again and again; fails after ``within`` seconds."""
    end = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)
    return answer


def run_example(*arguments: str) -> str:
    """The output of an example that ends by itself, and ends well."""
    command = [sys.executable, "-W", "error", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=EXAMPLES.parent, timeout=30, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    return ran.stdout


def test_every_example_has_a_test() -> None:
    tested = re.findall(r'"(?:examples/)?(\w+?)(?:\.py)?"', Path(__file__).read_text("utf-8"))
    assert {path.stem for path in EXAMPLES.glob("*.py")} - set(tested) == set()


# quickstart


@pytest.fixture(scope="module")
def quickstart() -> str:
    return run_example("examples/quickstart.py", "--seconds", "5.5")


@pytest.mark.parametrize(("job", "least"), [("sample", 4), ("round_trip", 2), ("summary", 1), ("survey", 1)])
def test_the_quickstart_runs_each_of_its_jobs_on_time(quickstart: str, job: str, least: int) -> None:
    table = quickstart.rpartition("Runs\n")[2].partition("\nTimeline")[0]
    runs = re.findall(rf"^[\d:.]+ +{job} +succeeded", table, re.MULTILINE)
    assert least <= len(runs) <= least + 3


def test_the_quickstart_shows_runs_as_they_end(quickstart: str) -> None:
    live = quickstart.partition("Runs\n")[0]
    assert len(re.findall(r"^[\d:.]+ +sample +succeeded", live, re.MULTILINE)) >= 4


def test_the_quickstart_draws_a_line_of_the_timeline_for_each_job(quickstart: str) -> None:
    drawn = re.findall(r"^(\w+) +[·█]{60}$", quickstart.partition("Timeline\n")[2], re.MULTILINE)
    assert sorted(drawn) == ["round_trip", "sample", "summary", "survey"]


def test_the_quickstart_ends_with_its_count_of_runs(quickstart: str) -> None:
    assert re.search(r"^\d+ runs of 4 jobs, 0 failed$", quickstart.splitlines()[-1])


def test_the_quickstart_explains_itself() -> None:
    assert "--seconds" in run_example("examples/quickstart.py", "--help")


# plain_script


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_plain_script_runs_until_it_is_told_to_stop(number: signal.Signals) -> None:
    command = [sys.executable, "examples/plain_script.py"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=EXAMPLES.parent) as script:
        assert script.stdout is not None
        lines = [script.stdout.readline() for _ in range(4)]
        script.send_signal(number)
        rest, errors = script.communicate(timeout=15)
    assert "tick\n" in lines
    assert re.search(r"report for \d\d:\d\d:\d[02468], attempt 1", "".join(lines) + rest)
    assert (script.returncode, errors) == (0, "")


# FastAPI


def test_the_fastapi_example_runs_its_jobs_while_the_application_lives(load: Callable[[str], ModuleType]) -> None:
    testclient = pytest.importorskip("fastapi.testclient", reason="needs the examples extra")
    example = load("fastapi_lifespan")
    with testclient.TestClient(example.app) as client:
        first = eventually(lambda: client.get("/rates").json().get("USD"))
        eventually(lambda: client.get("/rates").json()["USD"] > first)


def test_the_fastapi_example_triggers_a_run_and_reads_its_progress(load: Callable[[str], ModuleType]) -> None:
    testclient = pytest.importorskip("fastapi.testclient", reason="needs the examples extra")
    example = load("fastapi_lifespan")
    with testclient.TestClient(example.app) as client:
        accepted = client.post("/jobs/export/runs")
        assert accepted.status_code == 202
        run = f"/runs/{accepted.json()['id']}"
        part = eventually(lambda: (found := client.get(run).json())["progress"] and found)
        assert re.fullmatch(r"\d of 4 parts are written", part["note"])
        end = eventually(lambda: (found := client.get(run).json())["status"] == "succeeded" and found)
        assert (end["progress"], end["value"]) == (1.0, "export.csv")
        assert client.post("/jobs/unknown/runs").status_code == 404
        assert client.get("/runs/unknown").status_code == 404


def test_the_fastapi_example_runs_coroutines_on_the_loop_of_the_application(load: Callable[[str], ModuleType]) -> None:
    pytest.importorskip("fastapi", reason="needs the examples extra")
    example = load("fastapi_lifespan")

    @example.scheduler.job("1h", id="loop")
    async def loop_of_the_job() -> int:
        return id(asyncio.get_running_loop())

    async def application() -> tuple[int, int]:
        async with example.lifespan(example.app):
            handle = await example.scheduler.trigger("loop")
            return await handle.result(timeout=10), id(asyncio.get_running_loop())

    inside, outside = asyncio.run(application())
    assert inside == outside


# Flask


@pytest.fixture
def flask_example(load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    pytest.importorskip("flask", reason="needs the examples extra")
    for name in ("FLASK_DEBUG", "WERKZEUG_RUN_MAIN"):
        monkeypatch.delenv(name, raising=False)
    example = load("flask_app")
    yield example
    example.scheduler.stop()


def test_the_flask_example_runs_its_job_beside_the_application(flask_example: ModuleType) -> None:
    client = flask_example.create_app().test_client()
    value = client.post("/jobs/clean_sessions/runs").get_json()["value"]
    eventually(lambda: len(flask_example.cleaned) > value)
    assert client.get("/jobs/clean_sessions").get_json()["schedule"] == "every 1s"
    assert client.get("/jobs/unknown").status_code == 404


def test_the_flask_example_can_make_its_application_twice(flask_example: ModuleType) -> None:
    flask_example.create_app()
    flask_example.create_app()
    assert flask_example.scheduler.is_running


@pytest.mark.parametrize(("process", "starts"), [({}, False), ({"WERKZEUG_RUN_MAIN": "true"}, True)])
def test_the_flask_example_starts_its_scheduler_in_the_server_and_not_in_the_reloader(
    flask_example: ModuleType, monkeypatch: pytest.MonkeyPatch, process: dict[str, str], starts: bool
) -> None:
    for name, value in {"FLASK_DEBUG": "1", **process}.items():
        monkeypatch.setenv(name, value)
    flask_example.create_app()
    assert flask_example.scheduler.is_running == starts
