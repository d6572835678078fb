"""Functions on a pool of daemon threads."""

import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import timedelta

import pytest

from cronkit.errors import ConfigurationError, LifecycleError
from cronkit.executors import ThreadExecutor
from cronkit.jobs.status import RunStatus
from cronkit.jobs.target import Colour
from cronkit.testing.executor_suite.work import PATIENCE, Reports, attempt_at

PATIENTLY = timedelta(seconds=PATIENCE)
AT_ONCE = timedelta()


class Gate:
    """A function that says when it has begun, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self) -> str:
        self.thread = threading.current_thread()
        self.begun.set()
        if not self.open.wait(PATIENCE):
            raise TimeoutError("nobody opened the gate")
        return "through"


@pytest.fixture
def executor() -> Iterator[ThreadExecutor]:
    executor = ThreadExecutor(4, name="worker")
    executor.start()
    yield executor
    assert executor.shutdown(PATIENTLY) == 0


@pytest.fixture
def reports() -> Reports:
    return Reports()


def test_a_function_runs_on_another_thread(executor: ThreadExecutor, reports: Reports) -> None:
    attempt = attempt_at(lambda: threading.current_thread().name)
    executor.submit(attempt, reports)

    assert reports.of(attempt).value == "worker-1"


def test_every_attempt_is_reported_exactly_once(executor: ThreadExecutor, reports: Reports) -> None:
    attempts = [attempt_at(int, number) for number in range(500)]
    for attempt in attempts:
        executor.submit(attempt, reports)
    reports.all(500)
    executor.shutdown(PATIENTLY)

    assert sorted(outcome.value for _, outcome in reports.outcomes) == list(range(500))


def test_as_many_functions_run_at_once_as_there_are_workers(executor: ThreadExecutor, reports: Reports) -> None:
    gates = [Gate() for _ in range(4)]
    for gate in gates:
        executor.submit(attempt_at(gate), reports)

    assert all(gate.begun.wait(PATIENCE) for gate in gates)
    assert len({gate.thread for gate in gates}) == 4
    for gate in gates:
        gate.open.set()


def test_no_more_functions_run_at_once_than_there_are_workers(executor: ThreadExecutor, reports: Reports) -> None:
    gates = [Gate() for _ in range(4)]
    for gate in gates:
        executor.submit(attempt_at(gate), reports)
    late = attempt_at(lambda: threading.current_thread())
    executor.submit(late, reports)
    for gate in gates:
        gate.open.set()

    assert reports.of(late).value in {gate.thread for gate in gates}


def test_a_function_that_raises_leaves_its_thread_to_the_next(reports: Reports) -> None:
    executor = ThreadExecutor(1)
    executor.start()
    failing, next_one = attempt_at(sys.exit, 1), attempt_at(lambda: "next")
    executor.submit(failing, reports)
    executor.submit(next_one, reports)

    assert reports.of(failing).status is RunStatus.FAILED
    assert reports.of(next_one).value == "next"
    executor.shutdown(PATIENTLY)


def test_what_one_run_sets_in_its_context_the_next_does_not_see(reports: Reports) -> None:
    tenant = ContextVar("tenant", default="none")
    executor = ThreadExecutor(1)
    executor.start()
    executor.submit(attempt_at(lambda: str(tenant.set("acme"))), reports)
    after = attempt_at(lambda: tenant.get())
    executor.submit(after, reports)

    assert reports.of(after).value == "none"
    executor.shutdown(PATIENTLY)


def test_an_idle_thread_keeps_no_argument_alive(executor: ThreadExecutor) -> None:
    class Argument: ...

    argument = Argument()
    gone, reported = threading.Event(), threading.Event()
    weakref.finalize(argument, gone.set)
    executor.submit(attempt_at(id, argument), lambda attempt, outcome: reported.set())
    assert reported.wait(PATIENCE)
    del argument

    assert gone.wait(PATIENCE)


def test_the_stack_of_a_running_attempt_is_its_targets(executor: ThreadExecutor, reports: Reports) -> None:
    gate = Gate()

    def nightly_report() -> None:
        gate()

    attempt = attempt_at(nightly_report)
    executor.submit(attempt, reports)
    assert gate.begun.wait(PATIENCE)
    stack = executor.stack_of(attempt)
    gate.open.set()

    assert stack is not None
    assert "in nightly_report" in stack.splitlines()[0]
    assert "invoke" not in stack


def test_an_attempt_that_does_not_run_has_no_stack(executor: ThreadExecutor, reports: Reports) -> None:
    attempt = attempt_at(lambda: None)
    assert executor.stack_of(attempt) is None
    executor.submit(attempt, reports)
    reports.of(attempt)

    assert executor.stack_of(attempt) is None


def test_a_machine_without_a_thread_to_spare_fails_the_attempt(
    executor: ThreadExecutor, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    attempt = attempt_at(lambda: None)
    executor.submit(attempt, reports)

    assert reports.of(attempt).status is RunStatus.FAILED


def test_cancelling_leaves_a_thread_to_its_target(executor: ThreadExecutor, reports: Reports) -> None:
    gate = Gate()
    attempt = attempt_at(gate)
    executor.submit(attempt, reports)
    assert gate.begun.wait(PATIENCE)
    executor.cancel(attempt)
    gate.open.set()

    assert reports.of(attempt).value == "through"


def test_shutdown_waits_for_what_runs(reports: Reports) -> None:
    executor = ThreadExecutor(1)
    executor.start()
    gate = Gate()
    executor.submit(attempt_at(gate), reports)
    threading.Timer(0.01, gate.open.set).start()

    assert executor.shutdown(PATIENTLY) == 0
    assert len(reports.outcomes) == 1


def test_shutdown_tells_how_many_it_left_running(reports: Reports) -> None:
    executor = ThreadExecutor(2)
    executor.start()
    stuck = Gate()
    attempt = attempt_at(stuck)
    executor.submit(attempt, reports)
    assert stuck.begun.wait(PATIENCE)

    assert executor.shutdown(AT_ONCE) == 1
    stuck.open.set()
    assert reports.of(attempt).value == "through"


def test_what_never_started_is_cancelled_by_a_shutdown(reports: Reports) -> None:
    executor = ThreadExecutor(1)
    executor.start()
    stuck = Gate()
    executor.submit(attempt_at(stuck), reports)
    assert stuck.begun.wait(PATIENCE)
    waiting = attempt_at(lambda: None)
    executor.submit(waiting, reports)

    assert executor.shutdown(AT_ONCE) == 1
    assert reports.of(waiting).status is RunStatus.CANCELLED
    stuck.open.set()


def test_the_threads_end_with_a_shutdown(reports: Reports) -> None:
    executor = ThreadExecutor(1)
    executor.start()
    attempt = attempt_at(threading.current_thread)
    executor.submit(attempt, reports)
    thread = reports.of(attempt).value
    executor.shutdown(PATIENTLY)
    thread.join(PATIENCE)

    assert not thread.is_alive()


def test_functions_that_wait_for_each_other_have_a_thread_each(reports: Reports) -> None:
    executor, meeting = ThreadExecutor(5), threading.Barrier(5)
    executor.start()
    for _ in range(3):  # on new threads, then on idle ones
        attempts = [attempt_at(lambda: meeting.wait(PATIENCE)) for _ in range(5)]
        for attempt in attempts:
            executor.submit(attempt, reports)
        assert sorted(reports.of(attempt).value for attempt in attempts) == [0, 1, 2, 3, 4]
    executor.shutdown(PATIENTLY)


def test_functions_that_return_at_once_are_run_by_few_of_the_threads(reports: Reports) -> None:
    executor = ThreadExecutor(50, name="few")
    executor.start()
    for _ in range(50):
        attempt = attempt_at(threading.get_ident)
        executor.submit(attempt, reports)
        reports.of(attempt)
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("few-")]
    executor.shutdown(PATIENTLY)
    assert len(threads) <= 10


def test_no_attempt_is_left_behind_however_submissions_and_threads_meet(reports: Reports) -> None:
    executor = ThreadExecutor(4)
    executor.start()
    attempts = [attempt_at(lambda: None) for _ in range(1_000)]

    def submit(part: int) -> None:
        for attempt in attempts[part::3]:
            executor.submit(attempt, reports)

    submitters = [threading.Thread(target=submit, args=(part,)) for part in range(3)]
    for submitter in submitters:
        submitter.start()
    for submitter in submitters:
        submitter.join()
    assert [reports.of(attempt).status for attempt in attempts] == [RunStatus.SUCCEEDED] * 1_000
    assert executor.shutdown(PATIENTLY) == 0


def test_it_can_be_started_again(reports: Reports) -> None:
    executor = ThreadExecutor(1)
    executor.start()
    executor.shutdown(PATIENTLY)
    executor.start()
    attempt = attempt_at(lambda: "again")
    executor.submit(attempt, reports)

    assert reports.of(attempt).value == "again"
    executor.shutdown(PATIENTLY)


def test_nothing_can_be_submitted_to_one_that_is_not_started(reports: Reports) -> None:
    with pytest.raises(LifecycleError, match="start"):
        ThreadExecutor().submit(attempt_at(lambda: None), reports)


def test_shutting_down_what_was_not_started_does_nothing() -> None:
    assert ThreadExecutor().shutdown(PATIENTLY) == 0


@pytest.mark.parametrize("workers", [0, -1, 2.5, True, "ten"])
def test_a_pool_has_a_whole_number_of_workers(workers: object) -> None:
    with pytest.raises(ConfigurationError, match="workers"):
        ThreadExecutor(workers)  # type: ignore[arg-type]


def test_it_says_that_it_runs_functions_and_cannot_stop_them() -> None:
    executor = ThreadExecutor(3)

    assert executor.slots == 3
    assert executor.capabilities.colours == {Colour.FUNCTION}
    assert not executor.capabilities.cancels


def test_a_stuck_thread_does_not_keep_the_interpreter_from_exiting() -> None:
    script = """
import threading
from cronkit.executors import ThreadExecutor
from cronkit.testing.executor_suite.work import attempt_at

begun = threading.Event()
def stuck():
    begun.set()
    threading.Event().wait()
executor = ThreadExecutor()
executor.start()
executor.submit(attempt_at(stuck), print)
begun.wait()
print("done")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")
