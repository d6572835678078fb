"""The executors that come with cronkit do what every executor promises."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from cronkit.executors import CoroutineExecutor, Executor, ThreadExecutor
from cronkit.testing.executor_suite import ExecutorSuite
from tests.test_docs import ROOT, blocks


class TestThreadExecutor(ExecutorSuite):
    @pytest.fixture
    def new_executor(self) -> Callable[[int], Executor]:
        return ThreadExecutor


class TestCoroutineExecutor(ExecutorSuite):
    """On a loop of its own; the host's loops are in test_serving."""

    @pytest.fixture
    def new_executor(self) -> Callable[[int], Executor]:
        return CoroutineExecutor


class TestPoolExecutor(ExecutorSuite):
    """The one that docs/stores.md shows."""

    @pytest.fixture
    def new_executor(self) -> Callable[[int], Executor]:
        page = (ROOT / "docs" / "stores.md").read_text("utf-8")
        (shown,) = (block for block in blocks(page) if "class PoolExecutor" in block.code)
        session: dict[str, Any] = vars(ModuleType("shown"))
        exec(shown.code, session)
        executor: Callable[[int], Executor] = session["PoolExecutor"]
        return executor
