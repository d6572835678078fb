"""What every executor promises."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import timedelta

import pytest

from cronkit.errors import LifecycleError
from cronkit.executors.protocol import Executor
from cronkit.jobs.attempt import Attempt, RunContext, current_run
from cronkit.jobs.outcome import Fail, RetryLater, Skip
from cronkit.jobs.status import RunStatus
from cronkit.jobs.target import Colour
from cronkit.testing.executor_suite.work import PATIENCE, Gate, Reports, Work

SLOTS = 3
PATIENTLY = timedelta(seconds=PATIENCE)
AT_ONCE = timedelta()


class Unspeakable(Exception):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")


class ExecutorSuite:
    """Everything that an ``Executor`` promises.

    Supply the fixture ``new_executor``: a function that makes an executor with a number of slots, not started. One
    that runs both colours is checked by two subclasses, each with its ``colour``.
    """

    colour: Colour | None = None
    """The colour of the targets; None: the only one that the executor runs."""

    @pytest.fixture
    def new_executor(self) -> Callable[[int], Executor]:
        """Makes an executor with so many slots."""
        raise NotImplementedError(
            "supply a fixture new_executor that returns a function; each call of that makes an executor of n slots"
        )

    @pytest.fixture
    def executor(self, new_executor: Callable[[int], Executor]) -> Iterator[Executor]:
        """A started executor, shut down at the end."""
        executor = new_executor(SLOTS)
        executor.start()
        yield executor
        assert executor.shutdown(PATIENTLY) == 0

    @pytest.fixture
    def work(self, executor: Executor) -> Work:
        """Makes attempts that the executor can run."""
        return Work(self.colour or min(executor.capabilities.colours))

    @pytest.fixture
    def reports(self) -> Reports:
        """Collects outcomes."""
        return Reports()

    # -- what it says of itself ---------------------------------------------------------------------------------------

    def test_it_has_as_many_slots_as_it_was_given(self, executor: Executor) -> None:
        assert executor.slots == SLOTS

    def test_it_runs_a_colour(self, executor: Executor) -> None:
        assert executor.capabilities.colours
        assert executor.capabilities.colours <= set(Colour)

    # -- submitting and reporting -------------------------------------------------------------------------------------

    def test_what_a_target_returns_is_reported(self, executor: Executor, work: Work, reports: Reports) -> None:
        attempt = work.doing(lambda: {"rows": 3})
        executor.submit(attempt, reports)

        outcome = reports.of(attempt)
        assert (outcome.status, outcome.value, outcome.error) == (RunStatus.SUCCEEDED, {"rows": 3}, None)

    def test_submit_does_not_wait_for_the_target(self, executor: Executor, work: Work, reports: Reports) -> None:
        gate = Gate()
        attempt = work.waiting_at(gate)
        executor.submit(attempt, reports)
        assert not reports.counts()
        gate.open()

        assert reports.of(attempt).value == "through"

    def test_as_many_targets_run_at_once_as_there_are_slots(
        self, executor: Executor, work: Work, reports: Reports
    ) -> None:
        gates = [Gate() for _ in range(SLOTS)]
        attempts = [work.waiting_at(gate) for gate in gates]
        for attempt in attempts:
            executor.submit(attempt, reports)

        assert all(gate.reached.wait(PATIENCE) for gate in gates)
        for gate in gates:
            gate.open()
        assert [reports.of(attempt).value for attempt in attempts] == ["through"] * SLOTS

    def test_every_attempt_is_reported_exactly_once_however_it_ends(
        self, executor: Executor, work: Work, reports: Reports
    ) -> None:
        def fail() -> None:
            raise OSError("disk full")

        def skip() -> None:
            raise Skip("nothing to do")

        endings: list[Callable[[], object]] = [lambda: None, lambda: 1, fail, skip, sys.exit]
        attempts = [work.doing(endings[number % len(endings)]) for number in range(200)]
        for first in range(0, len(attempts), SLOTS):
            for attempt in attempts[first : first + SLOTS]:
                executor.submit(attempt, reports)
            for attempt in attempts[first : first + SLOTS]:
                reports.of(attempt)
        executor.shutdown(PATIENTLY)

        assert reports.counts() == {attempt.run.id: 1 for attempt in attempts}

    def test_the_next_attempt_may_be_submitted_from_a_report(self, executor: Executor, work: Work) -> None:
        chain = [work.doing(lambda: None) for _ in range(20)]
        done = threading.Event()

        def submit_next(attempt: Attempt, outcome: object) -> None:
            following = chain.index(attempt) + 1
            if following < len(chain):
                executor.submit(chain[following], submit_next)
            else:
                done.set()

        executor.submit(chain[0], submit_next)
        assert done.wait(PATIENCE)

    def test_an_executor_that_is_not_started_refuses(self, new_executor: Callable[[int], Executor]) -> None:
        executor = new_executor(1)
        attempt = Work(self.colour or min(executor.capabilities.colours)).doing(lambda: None)

        with pytest.raises(LifecycleError):
            executor.submit(attempt, Reports())

    # -- whatever the target does -------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "error",
        [OSError("disk full"), SystemExit(2), KeyboardInterrupt(), StopIteration(), Unspeakable(), BaseException("x")],
        ids=lambda error: type(error).__name__,
    )
    def test_whatever_a_target_raises_is_its_failure_and_ends_nothing_else(
        self, error: BaseException, executor: Executor, work: Work, reports: Reports
    ) -> None:
        def fail() -> None:
            raise error

        attempt, following = work.doing(fail), work.doing(lambda: "still here")
        executor.submit(attempt, reports)
        outcome = reports.of(attempt)
        executor.submit(following, reports)

        assert outcome.status is RunStatus.FAILED
        assert outcome.error is not None
        assert reports.of(following).value == "still here"

    def test_an_error_is_reported_as_text(self, executor: Executor, work: Work, reports: Reports) -> None:
        def fail() -> None:
            raise OSError("disk full")

        attempt = work.doing(fail)
        executor.submit(attempt, reports)
        error = reports.of(attempt).error

        assert error is not None
        assert (error.type, error.message) == ("OSError", "disk full")

    def test_a_target_may_say_how_its_run_ends(self, executor: Executor, work: Work, reports: Reports) -> None:
        def say(signal: Exception) -> None:
            raise signal

        skip, fail, later = (
            work.doing(say, each) for each in (Skip("idle"), Fail("broken"), RetryLater("10m", "busy"))
        )
        for attempt in (skip, fail, later):
            executor.submit(attempt, reports)

        assert (reports.of(skip).status, reports.of(skip).reason) == (RunStatus.SKIPPED, "idle")
        assert (reports.of(fail).status, reports.of(fail).reason) == (RunStatus.FAILED, "broken")
        assert reports.of(fail).final
        assert (reports.of(later).status, reports.of(later).reason) == (RunStatus.RETRYING, "busy")
        assert reports.of(later).retry_after == timedelta(minutes=10)

    # -- what the target knows ----------------------------------------------------------------------------------------

    def test_arguments_reach_the_target(self, executor: Executor, work: Work, reports: Reports) -> None:
        attempt = work.doing(lambda *args, **kwargs: (args, kwargs), 1, "two", n=3)
        executor.submit(attempt, reports)

        assert reports.of(attempt).value == ((1, "two"), {"n": 3})

    def test_a_target_knows_its_own_run(self, executor: Executor, work: Work, reports: Reports) -> None:
        attempts = [work.doing(lambda: current_run().id) for _ in range(SLOTS)]
        for attempt in attempts:
            executor.submit(attempt, reports)

        assert [reports.of(attempt).value for attempt in attempts] == [attempt.run.id for attempt in attempts]

    def test_the_run_is_injected_where_the_target_asks_for_it(
        self, executor: Executor, work: Work, reports: Reports
    ) -> None:
        def injected(n: int, run: RunContext) -> tuple[int, str]:
            return n, run.id

        async def injected_later(n: int, run: RunContext) -> tuple[int, str]:
            return n, run.id

        function = injected if work.colour is Colour.FUNCTION else injected_later
        attempt = work.attempt(function, n=3)
        executor.submit(attempt, reports)

        assert reports.of(attempt).value == (3, attempt.run.id)

    def test_progress_and_log_lines_are_kept_with_the_attempt(
        self, executor: Executor, work: Work, reports: Reports
    ) -> None:
        def talk() -> None:
            current_run().progress(0.5, "half way")
            current_run().log.warning("slow")

        attempt = work.doing(talk)
        executor.submit(attempt, reports)
        reports.of(attempt)

        assert work.progress == [(attempt, 0.5, "half way")]
        assert attempt.log == ["WARNING slow"]

    def test_what_one_run_sets_in_its_context_no_other_sees(
        self, new_executor: Callable[[int], Executor], reports: Reports
    ) -> None:
        tenant = ContextVar("tenant", default="none")

        def become(name: str) -> str:
            before = tenant.get()
            tenant.set(name)
            return before

        executor = new_executor(1)
        executor.start()
        work = Work(self.colour or min(executor.capabilities.colours))
        attempts = [work.doing(become, name) for name in ("acme", "globex", "initech")]
        for attempt in attempts:
            executor.submit(attempt, reports)
            assert reports.of(attempt).value == "none"
        executor.shutdown(PATIENTLY)
        assert tenant.get() == "none"

    def test_no_run_is_at_hand_where_an_attempt_was_submitted(
        self, executor: Executor, work: Work, reports: Reports
    ) -> None:
        attempt = work.doing(lambda: None)
        executor.submit(attempt, reports)
        reports.of(attempt)

        with pytest.raises(LifecycleError):
            current_run()

    # -- cancelling ---------------------------------------------------------------------------------------------------

    def test_a_running_attempt_that_is_cancelled_ends(self, executor: Executor, work: Work, reports: Reports) -> None:
        gate = Gate()
        attempt = work.waiting_at(gate)
        executor.submit(attempt, reports)
        assert gate.reached.wait(PATIENCE)
        attempt.cancel_reason = "not needed"
        executor.cancel(attempt)

        outcome = reports.of(attempt)
        if executor.capabilities.cancels:
            assert (outcome.status, outcome.reason) == (RunStatus.CANCELLED, "not needed")
        else:  # its target has heeded run.cancel_requested
            assert (outcome.status, outcome.value) == (RunStatus.SUCCEEDED, "through")

    def test_cancelling_one_attempt_leaves_the_others_alone(
        self, executor: Executor, work: Work, reports: Reports
    ) -> None:
        gates = [Gate() for _ in range(2)]
        cancelled, other = (work.waiting_at(gate) for gate in gates)
        for attempt in (cancelled, other):
            executor.submit(attempt, reports)
        assert all(gate.reached.wait(PATIENCE) for gate in gates)
        cancelled.cancel_reason = "not needed"
        executor.cancel(cancelled)
        reports.of(cancelled)
        gates[1].open()

        assert reports.of(other).value == "through"

    def test_an_attempt_that_is_cancelled_at_any_moment_is_reported_once(
        self, executor: Executor, work: Work, reports: Reports
    ) -> None:
        attempts = [work.doing(lambda: None) for _ in range(100)]
        for attempt in attempts:
            executor.submit(attempt, reports)
            attempt.cancel_reason = "not needed"
            executor.cancel(attempt)
            reports.of(attempt)
        executor.shutdown(PATIENTLY)

        assert reports.counts() == {attempt.run.id: 1 for attempt in attempts}

    def test_cancelling_what_has_ended_does_nothing(self, executor: Executor, work: Work, reports: Reports) -> None:
        attempt = work.doing(lambda: "done")
        executor.submit(attempt, reports)
        reports.of(attempt)
        attempt.cancel_reason = "not needed"
        executor.cancel(attempt)
        executor.shutdown(PATIENTLY)

        assert reports.counts() == {attempt.run.id: 1}
        assert reports.of(attempt).value == "done"

    # -- looking at it ------------------------------------------------------------------------------------------------

    def test_the_stack_of_a_running_attempt_is_its_targets_if_it_can_be_seen(
        self, executor: Executor, work: Work, reports: Reports
    ) -> None:
        gate = Gate()
        attempt = work.waiting_at(gate)
        executor.submit(attempt, reports)
        assert gate.reached.wait(PATIENCE)
        stack = executor.stack_of(attempt)
        gate.open()
        reports.of(attempt)

        assert stack is None or "pass_gate" in stack

    def test_an_attempt_that_does_not_run_has_no_stack(self, executor: Executor, work: Work, reports: Reports) -> None:
        attempt = work.doing(lambda: None)
        assert executor.stack_of(attempt) is None
        executor.submit(attempt, reports)
        reports.of(attempt)

        assert executor.stack_of(attempt) is None

    # -- the end, and a new beginning ---------------------------------------------------------------------------------

    def test_shutdown_waits_for_what_runs(self, executor: Executor, work: Work, reports: Reports) -> None:
        gate = Gate()
        attempt = work.waiting_at(gate)
        executor.submit(attempt, reports)
        assert gate.reached.wait(PATIENCE)
        threading.Timer(0.01, gate.open).start()

        assert executor.shutdown(PATIENTLY) == 0
        assert reports.of(attempt).value == "through"

    def test_shutdown_ends_or_counts_what_still_runs(self, executor: Executor, work: Work, reports: Reports) -> None:
        gate = Gate()
        attempt = work.waiting_at(gate)
        executor.submit(attempt, reports)
        assert gate.reached.wait(PATIENCE)
        left = executor.shutdown(AT_ONCE)
        gate.open()

        assert left == (0 if executor.capabilities.cancels else 1)
        expected = RunStatus.CANCELLED if executor.capabilities.cancels else RunStatus.SUCCEEDED
        assert reports.of(attempt).status is expected
        assert reports.counts() == {attempt.run.id: 1}

    def test_it_can_be_shut_down_twice_and_without_a_start(self, new_executor: Callable[[int], Executor]) -> None:
        executor = new_executor(1)
        assert executor.shutdown(AT_ONCE) == 0
        executor.start()

        assert executor.shutdown(AT_ONCE) == 0
        assert executor.shutdown(AT_ONCE) == 0

    def test_it_refuses_after_a_shutdown_and_runs_again_after_a_start(
        self, executor: Executor, work: Work, reports: Reports
    ) -> None:
        before, refused, again = (work.doing(lambda: "done") for _ in range(3))
        executor.submit(before, reports)
        executor.shutdown(PATIENTLY)
        with pytest.raises(LifecycleError):
            executor.submit(refused, reports)
        executor.start()
        executor.submit(again, reports)

        assert reports.of(again).value == "done"
        assert set(reports.counts()) == {before.run.id, again.run.id}
