"""What coroutine jobs ask of an event loop. Each kind of loop implements it natively, in a module of its own."""

from collections.abc import Callable, Collection, Coroutine
from datetime import timedelta
from typing import Any, Protocol


class Task(Protocol):
    """A coroutine that runs on a loop."""

    def cancel(self) -> object:
        """Ask it to stop; called on the loop, and without effect once it has ended."""


class Loop(Protocol):
    """A running event loop. Whatever it runs sees a copy of the context in which this was made."""

    @property
    def thread_id(self) -> int:
        """The thread it runs in."""

    def call(self, callback: Callable[[], object], /) -> None:
        """Call back on the loop, after whatever is ready there now; safe from any thread.

        Raises:
            RuntimeError: the loop is closed.
        """

    def spawn(self, coroutine: Coroutine[Any, Any, None], /) -> Task:
        """Make a task of a coroutine; called on the loop. It is the caller's to keep for as long as it runs."""

    def is_cancellation(self, error: BaseException, /) -> bool:
        """Whether an error in the current task is somebody's request to stop it, rather than a failure of its own."""

    async def end(self, tasks: Collection[Task], patience: timedelta, /) -> None:
        """Cancel tasks and wait for them; a task that swallows that is left behind after ``patience``, if it can be."""
