"""Which of several processes dispatches: one is preferred, and the others stand by.

The preference is a lock on a file beside the database. It decides nothing but who is first: whoever does not have it
sees what is due only a little later, and takes it then. So a holder that was stopped or went deaf costs that little,
and a lock file that somebody deletes costs nothing but that two are first.
"""

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote
from weakref import WeakSet

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NOT_AT_ALL = timedelta()


class Dispatcher:
    """The locks of one store object, one for each namespace: each is taken when it is first asked for and nobody else
    has it."""

    def __init__(self, path: Path, standby: timedelta) -> None:
        self._path = path
        self._standby = standby
        self._files: dict[str, int] = {}
        _dispatchers.add(self)

    def behind(self, namespace: str) -> timedelta:
        """By how much this object sees later what is due in a namespace: nothing for the preferred one."""
        if namespace in self._files or not self._standby:
            return NOT_AT_ALL
        return NOT_AT_ALL if self._take(namespace) else self._standby

    def release(self) -> None:
        """Let another process be preferred."""
        for file in self._give_up():
            _unlock(file)
            _close(file)

    def forget(self) -> None:
        """Close the files without unlocking them: the locks are another process's too, or its alone."""
        for file in self._give_up():
            _close(file)

    def _give_up(self) -> Iterable[int]:
        """The files, which are nobody's then; at once, for other threads take locks meanwhile."""
        files, self._files = self._files, {}
        return files.values()

    def _take(self, namespace: str) -> bool:
        suffix = "" if namespace == "default" else f"-{quote(namespace, safe='')}"
        try:
            file = os.open(self._path.with_name(self._path.name + suffix), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:  # where there can be no lock, nobody is preferred, and nobody waits
            return True
        if _lock(file):
            self._files[namespace] = file
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


def _close(file: int) -> None:
    with suppress(OSError):
        os.close(file)


_dispatchers: WeakSet[Dispatcher] = WeakSet()


def _forget_in_child() -> None:
    """Close what a forked child has inherited: the lock lives as long as any copy of its file is open."""
    for dispatcher in list(_dispatchers):
        dispatcher.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
