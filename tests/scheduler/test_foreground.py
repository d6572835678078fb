"""Programs that run a scheduler in the foreground, in processes of their own: signals, exits and forks."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.scheduler.faces import PATIENCE

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither SIGTERM between processes nor fork"),
]

PROGRAM = """
    import threading, time
    import cronkit

    scheduler = cronkit.{kind}()
    stopping = threading.Event()

    @scheduler.on(cronkit.events.SchedulerStopping)
    def stop(event):
        stopping.set()
        print("stopping", flush=True)

    @scheduler.on(cronkit.events.SchedulerStopped)
    def stopped(event):
        print("left", event.left_running, flush=True)

    @scheduler.on(cronkit.events.RunSucceeded)
    def succeeded(event):
        print("succeeded", flush=True)

    @scheduler.job("now", id="held")
    def held(run: cronkit.RunContext):
        print("started", flush=True)
        {body}

    {run}
    print("end", flush=True)
"""
RUNS = {
    "sync": ("Scheduler", "scheduler.run(drain='1h')"),
    "asyncio": ("AsyncScheduler", "import asyncio; asyncio.run(scheduler.run(drain='1h'))"),
    "trio": ("AsyncScheduler", "import functools, trio; trio.run(functools.partial(scheduler.run, drain='1h'))"),
}
HEEDFUL = "stopping.wait()"
STUCK = "threading.Event().wait()"
CANCELLABLE = """
        while not run.cancel_requested:
            time.sleep(0.001)
        time.sleep(0.05)  # the program has the time to stop without waiting
        print("cancelled", flush=True)
"""


class Program:
    """A Python program that says line by line how far it has come."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def says(self, line: str) -> None:
        """Read its next line, which is to be this."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == line

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ends(self) -> int:
        """Wait for its end; return its exit status."""
        return self._process.wait(PATIENCE)


@contextmanager
def running(program: str) -> Iterator[Program]:
    """A program that runs, for as long as this is entered."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


@pytest.mark.parametrize("face", RUNS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_runs_end_and_the_program_go_on(face: str, number: int) -> None:
    kind, run = RUNS[face]
    with running(PROGRAM.format(kind=kind, run=run, body=HEEDFUL)) as program:
        program.says("started")
        program.signal(number)
        for line in ("stopping", "succeeded", "left 0", "end"):
            program.says(line)
        assert program.ends() == 0


@pytest.mark.parametrize("face", RUNS)
def test_a_second_signal_stops_at_once_and_says_what_it_left(face: str) -> None:
    kind, run = RUNS[face]
    with running(PROGRAM.format(kind=kind, run=run, body=STUCK)) as program:
        program.says("started")
        program.signal(signal.SIGTERM)
        program.says("stopping")
        program.signal(signal.SIGTERM)
        program.says("left 1")
        program.says("end")
        assert program.ends() == 0


@pytest.mark.parametrize("face", RUNS)
def test_what_heeds_its_cancellation_ends_after_a_second_signal_too(face: str) -> None:
    kind, run = RUNS[face]
    with running(PROGRAM.format(kind=kind, run=run, body=CANCELLABLE)) as program:
        program.says("started")
        program.signal(signal.SIGTERM)
        program.says("stopping")
        program.signal(signal.SIGTERM)
        for line in ("cancelled", "succeeded", "left 0", "end"):
            program.says(line)
        assert program.ends() == 0


@pytest.mark.parametrize("face", RUNS)
def test_the_applications_own_handlers_are_back_after_run(face: str) -> None:
    program = """
        import os, signal
        import cronkit

        def handle(number, frame):
            print("handled", flush=True)

        signal.signal(signal.SIGTERM, handle)
        scheduler = cronkit.{kind}()
        scheduler.on(cronkit.events.SchedulerStarted)(lambda event: os.kill(os.getpid(), signal.SIGTERM))
        {run}
        print("stopped", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
    """
    kind, run = RUNS[face]
    with running(program.format(kind=kind, run=run)) as started:
        started.says("stopped")
        started.says("handled")
        assert started.ends() == 0


@pytest.mark.parametrize("face", ["asyncio", "trio"])
def test_run_returns_when_another_task_stops_the_scheduler(face: str) -> None:
    program = f"""
        import anyio
        import cronkit

        async def host():
            scheduler = cronkit.AsyncScheduler()
            started = anyio.Event()

            @scheduler.on(cronkit.events.SchedulerStarted)
            async def tell(event):
                started.set()

            async with anyio.create_task_group() as group:
                group.start_soon(scheduler.run)
                await started.wait()
                print(await scheduler.stop(), flush=True)
            print("end", flush=True)

        anyio.run(host, backend="{face}")
    """
    with running(program) as started:
        started.says("0")
        started.says("end")
        assert started.ends() == 0


@pytest.mark.parametrize("face", ["asyncio", "trio"])
def test_a_second_interrupt_of_the_host_that_holds_the_scheduler_stops_at_once(face: str) -> None:
    host = f"""
    async def host():
        async with scheduler:
            await anyio.sleep_forever()

    import anyio
    try:
        anyio.run(host, backend="{face}")
    except KeyboardInterrupt:
        pass
    """
    with running(PROGRAM.format(kind="AsyncScheduler", run=host, body=STUCK)) as program:
        program.says("started")
        program.signal(signal.SIGINT)
        program.says("stopping")
        program.signal(signal.SIGINT)
        program.says("left 1")
        program.says("end")
        assert program.ends() == 0


def test_what_another_signals_handler_raises_ends_the_run_and_passes() -> None:
    program = """
        import signal
        import cronkit

        class Reload(Exception):
            pass

        def reload(*_):
            raise Reload

        signal.signal(signal.SIGHUP, reload)
        scheduler = cronkit.Scheduler()
        scheduler.job("now", id="work")(lambda: print("started", flush=True))
        try:
            scheduler.run()
        except Reload:
            print("reload", scheduler.is_running, flush=True)
    """
    with running(program) as started:
        started.says("started")
        started.signal(signal.SIGHUP)
        started.says("reload False")
        assert started.ends() == 0


@pytest.mark.parametrize("leave", ["scheduler.stop(drain='10ms')", "pass"], ids=["stopped", "not stopped"])
def test_a_stuck_thread_does_not_keep_the_interpreter_from_exiting(leave: str) -> None:
    program = f"""
        import threading
        import cronkit

        scheduler = cronkit.Scheduler()
        started = threading.Event()

        @scheduler.job("now", id="stuck")
        def stuck():
            started.set()
            threading.Event().wait()

        scheduler.start()
        started.wait()
        {leave}
        print("end", flush=True)
    """
    with running(program) as started:
        started.says("end")
        assert started.ends() == 0


def test_a_signal_that_came_to_another_thread_is_noticed_while_a_result_is_waited_for() -> None:
    program = f"""
        import signal, threading
        import cronkit

        scheduler, noticed = cronkit.Scheduler(), threading.Event()
        signal.signal(signal.SIGUSR1, lambda number, frame: noticed.set())

        @scheduler.job(cronkit.Manual())
        def work():
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
            return noticed.wait({PATIENCE / 2})

        with scheduler:
            print(scheduler.trigger("work").result(), flush=True)
    """
    with running(program) as started:
        started.says("True")
        assert started.ends() == 0


# -- forks ------------------------------------------------------------------------------------------------------------

FORK = """
    import os, warnings
    import cronkit

    warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what this is about
    scheduler = cronkit.Scheduler()

    @scheduler.job(cronkit.Manual())
    def work():
        return os.getpid()

    {before}
    child = os.fork()
    if child == 0:
        try:
            {child}
        except cronkit.LifecycleError as error:
            print("refused:", str(error).split(":")[0], flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    {after}
"""
FORKED = "refused: this process was forked from one that ran this scheduler, whose threads did not come along"


@pytest.mark.parametrize(
    "verb",
    ["start()", "get('work')", "add(work, id='other')", "trigger('work')", "cancel('run')", "jobs()", "remove('work')"],
)
def test_a_verb_in_a_forked_child_of_a_running_scheduler_is_refused_with_the_remedy(verb: str) -> None:
    program = FORK.format(
        before="scheduler.start()",
        child=f"scheduler.{verb}",
        after="print(scheduler.trigger('work').result(timeout=10) == os.getpid(), flush=True)",
    )
    with running(program) as started:
        started.says(FORKED)
        started.says("True")
        assert started.ends() == 0


def test_a_forked_child_does_not_run_and_can_leave_quietly() -> None:
    program = FORK.format(
        before="scheduler.start()",
        child="print(scheduler.is_running, scheduler.health().running, scheduler.stop(), flush=True)",
        after="scheduler.stop()",
    )
    with running(program) as started:
        started.says("False False 0")
        assert started.ends() == 0


def test_a_forked_child_may_make_a_scheduler_of_its_own() -> None:
    program = FORK.format(
        before="scheduler.start()",
        child=(
            "own = cronkit.Scheduler(); own.start(); own.add(work); "
            "print(own.trigger('work').result(timeout=10) == os.getpid(), flush=True)"
        ),
        after="scheduler.stop()",
    )
    with running(program) as started:
        started.says("True")
        assert started.ends() == 0


def test_a_scheduler_that_is_started_after_the_fork_runs_in_the_child() -> None:
    program = FORK.format(
        before="pass",
        child="scheduler.start(); print(scheduler.trigger('work').result(timeout=10) == os.getpid(), flush=True)",
        after="pass",
    )
    with running(program) as started:
        started.says("True")
        assert started.ends() == 0
