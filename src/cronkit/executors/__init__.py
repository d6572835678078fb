"""What runs attempts: threads for functions, an event loop for coroutines. Blind to stores and events."""

from cronkit.executors.coroutine import CoroutineExecutor
from cronkit.executors.invoke import ainvoke, invoke
from cronkit.executors.protocol import Executor, ExecutorCapabilities, Report
from cronkit.executors.thread import ThreadExecutor

__all__ = [
    "CoroutineExecutor",
    "Executor",
    "ExecutorCapabilities",
    "Report",
    "ThreadExecutor",
    "ainvoke",
    "invoke",
]
