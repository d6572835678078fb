"""Which of several processes dispatches: one is preferred, and the others stand by.

The preference is a lock on a file beside the database. It decides nothing but who is first: whoever does not have it
sees what is due only a little later, and takes it then. So a holder that was stopped or went deaf costs that little,
and a lock file that somebody deletes costs nothing but that two are first.
"""

import os
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from weakref import WeakSet

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NOT_AT_ALL = timedelta()


class Dispatcher:
    """The lock of one store object, taken when it is first asked and nobody else has it."""

    def __init__(self, path: Path, standby: timedelta) -> None:
        self._path = path
        self._standby = standby
        self._file: int | None = None
        _dispatchers.add(self)

    def behind(self) -> timedelta:
        """By how much this object sees later what is due: nothing for the preferred one."""
        if self._file is not None or not self._standby:
            return NOT_AT_ALL
        return NOT_AT_ALL if self._take() else self._standby

    def release(self) -> None:
        """Let another process be preferred."""
        if self._file is not None:
            _unlock(self._file)
            self.forget()

    def forget(self) -> None:
        """Close the file without unlocking it: the lock is another process's too, or its alone."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                os.close(file)

    def _take(self) -> bool:
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:  # where there can be no lock, nobody is preferred, and nobody waits
            return True
        if _lock(file):
            self._file = file
            return True
        os.close(file)
        return False


def _lock(file: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(file: int) -> None:
    """Give the lock back at once, though a forked child may have the file open still."""
    with suppress(OSError):
        if sys.platform == "win32":
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_UN)


_dispatchers: WeakSet[Dispatcher] = WeakSet()


def _forget_in_child() -> None:
    """Close what a forked child has inherited: the lock lives as long as any copy of its file is open."""
    for dispatcher in list(_dispatchers):
        dispatcher.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
