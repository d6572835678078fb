"""The executors that come with cronkit do what every executor promises."""

from collections.abc import Callable

import pytest

from cronkit.executors import CoroutineExecutor, Executor, ThreadExecutor
from cronkit.testing.executor_suite import ExecutorSuite


class TestThreadExecutor(ExecutorSuite):
    @pytest.fixture
    def new_executor(self) -> Callable[[int], Executor]:
        return ThreadExecutor


class TestCoroutineExecutor(ExecutorSuite):
    """On a loop of its own; the host's loops are in test_serving."""

    @pytest.fixture
    def new_executor(self) -> Callable[[int], Executor]:
        return CoroutineExecutor
