"""The conformance suite for executors: subclass ``ExecutorSuite`` in a test module and supply one fixture.

::

    class TestMyExecutor(ExecutorSuite):
        @pytest.fixture
        def new_executor(self):
            return lambda slots: MyExecutor(slots)

Needs pytest. It is for executors that run their targets in this process.
"""

import pkgutil

import pytest

# Before their import, so that a failing test shows the values it compared.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))

from cronkit.testing.executor_suite.suite import ExecutorSuite  # noqa: E402

__all__ = ["ExecutorSuite"]
