"""An asyncio loop on virtual time: it waits for nothing, and refuses what only real time could bring."""

import asyncio
import itertools
import selectors
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping
from concurrent.futures import Executor
from contextvars import Context
from datetime import timedelta
from typing import Any, NoReturn, TypeVar, TypeVarTuple

from cronkit.errors import LifecycleError
from cronkit.testing.lock_step import LockStep
from cronkit.testing.thread_guard import GUARD
from cronkit.testing.virtual_clock import VirtualClock

_Value = TypeVar("_Value")
_Arguments = TypeVarTuple("_Arguments")

RESOLUTION = 1e-6
"""Seconds: timers closer than this are due together, as datetimes cannot tell them apart."""
CANCELLATIONS = 3
"""How often a task is asked to end when its loop is closed; one that will not is dropped."""
REAL = {
    "a look-up of a host": ("getaddrinfo", "getnameinfo"),
    "a connection": ("create_connection", "create_unix_connection", "create_datagram_endpoint", "start_tls"),
    "a server's clients": ("create_server", "create_unix_server", "connect_accepted_socket"),
    "a process": ("subprocess_exec", "subprocess_shell"),
    "a pipe": ("connect_read_pipe", "connect_write_pipe"),
    "a file": ("sendfile", "sock_sendfile"),
    "a socket": (
        *("sock_accept", "sock_connect", "sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into"),
        *("sock_sendall", "sock_sendto"),
    ),
}
"""What a loop's coroutine functions wait for: refused before anything is opened, sent or started."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose time is a virtual clock's. It waits for nothing: where a real one would sleep, it stops.

    ``turn`` runs what is ready; ``wakes_at`` then says when its next timer is due, on the clock's elapsed time.
    Threads are not waited for either, so what is given to an executor runs at once, in the loop's own thread.
    """

    def __init__(self, clock: VirtualClock, thread: LockStep) -> None:
        self.wakes_at: timedelta | None = None
        self.trespass: LifecycleError | None = None
        self._virtual = clock
        self._thread_in_step = thread
        self._stirred = False
        self._idle = False
        self._births = itertools.count()
        self._collected: list[AsyncGenerator[Any, Any]] = []
        pipes = _NoSelector(self._rest, self.refuse)
        super().__init__(pipes)
        pipes.is_sealed = True
        self._clock_resolution = RESOLUTION
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        """Virtual seconds since the start of the simulation."""
        return self._virtual.monotonic()

    @property
    def is_ready(self) -> bool:
        """Whether a turn would run anything."""
        return self._stirred or (self.wakes_at is not None and self.wakes_at <= self._virtual.elapsed)

    def post(self, callback: Callable[[], object]) -> None:
        """Have something called in the next turn, in an empty context; for whoever gives the turns."""
        self._stirred = True
        self.call_soon(callback, context=Context())

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Make a task that no coroutine puts into a set, whatever task factory one has set: without a number it is
        made in a third of the time."""
        return asyncio.Task(coroutine, loop=self)

    def _make_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> "asyncio.Task[Any]":
        return _Task(next(self._births), coroutine, loop=loop, **options)

    def turn(self) -> None:
        """Run whatever is ready until nothing is."""
        self._stirred = self._idle = False
        while not self._idle:
            self.run_forever()

    def run_forever(self) -> None:
        """See asyncio."""
        with GUARD:
            super().run_forever()

    def _rest(self, timeout: float | None) -> None:
        """Called where a real loop would wait for ``timeout`` seconds, or for ever."""
        if timeout == 0:
            return
        self.wakes_at = None
        if timeout is not None:
            # Asked of the timer: by the difference of two floats, one that is due would at times not seem so.
            when: float = self._scheduled[0].when()  # type: ignore[attr-defined]
            if when < self.time() + RESOLUTION:
                return
            self.wakes_at = timedelta(seconds=when)
        self._idle = True
        self.stop()

    def end(self, spawned: Collection["asyncio.Task[None]"]) -> None:
        """Cancel what is left, first what was ``spawned``, then what that has made, and close the loop."""
        for _ in range(CANCELLATIONS):
            made = asyncio.all_tasks(self).difference(spawned)
            for task in (*spawned, *sorted(made, key=hash)):
                task.cancel()
            self.turn()
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._asyncgens.update(self._collected)  # type: ignore[attr-defined]
        self.run_until_complete(self.shutdown_asyncgens())
        self.close()

    # -- what would need real time ------------------------------------------------------------------------------------

    def call_soon_threadsafe(
        self, callback: Callable[[*_Arguments], object], *args: *_Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        """See asyncio; for the threads of the simulation, as nothing else is in step with it."""
        if not self._thread_in_step.is_in_step():
            raise self.refuse("a thread that called back into it")
        self._stirred = True
        return self.call_soon(callback, *args, context=context)

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        """See asyncio; what a thread out of step happens to collect is closed at the end, for no job called back."""
        if self._thread_in_step.is_in_step():
            super()._asyncgen_finalizer_hook(agen)  # type: ignore[misc]
        elif not self.is_closed():
            self._collected.append(agen)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Arguments], _Value], *args: *_Arguments
    ) -> asyncio.Future[_Value]:
        """Call the function here and now; as in a thread of its own, no loop runs for it."""
        done: asyncio.Future[_Value] = self.create_future()
        asyncio._set_running_loop(None)
        try:
            done.set_result(func(*args))
        except Exception as error:  # it is the future's
            done.set_exception(error)
        finally:
            asyncio._set_running_loop(self)
        return done

    def refuse(self, what: str) -> LifecycleError:
        """The error to raise; the first is kept for whoever advances time, as some callers would never hear of it."""
        error = LifecycleError(
            f"a simulated coroutine waits for {what}, and virtual time waits for nothing real: give the job a fake "
            "of what it talks to, or asyncio.to_thread, which runs at once in a simulation"
        )
        self.trespass = self.trespass or error
        return error

    def check(self) -> None:
        """Raise what was refused since this was last asked.

        Raises:
            LifecycleError: a coroutine waits for something real.
        """
        trespass, self.trespass = self.trespass, None
        if trespass is not None:
            raise trespass


class _Task(asyncio.Task[Any]):
    """A task that hashes by its number rather than by where it lies in memory.

    asyncio cancels the tasks of a group, and tells of those that are done, in the order of a set; like this it is the
    same whenever a simulation is repeated.
    """

    def __init__(self, number: int, coroutine: Any, **options: Any) -> None:
        self._number = number
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self._number


def _refusing(what: str) -> Callable[..., Any]:
    async def refuse(self: VirtualLoop, *args: object, **options: object) -> NoReturn:
        raise self.refuse(what)

    return refuse


for _what, _names in REAL.items():
    for _name in _names:
        setattr(VirtualLoop, _name, _refusing(_what))


class _NoSelector(selectors.BaseSelector):
    """Finds nothing ready, ever; once sealed, it takes nothing on."""

    def __init__(self, rest: Callable[[float | None], None], refuse: Callable[[str], LifecycleError]) -> None:
        self.is_sealed = False
        self._rest = rest
        self._refuse = refuse
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self.is_sealed:
            raise self._refuse("a socket, pipe or file")
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, fileobj, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._rest(timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys
