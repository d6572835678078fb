"""The connections to the file: one that writes, one for leases, a few that read; and that the file is still there.

A transaction begins with the write lock, holds no code but the store's, and is over within milliseconds. What goes
wrong with the file, its disk or another process becomes a ``StoreUnavailableError``; the transaction was rolled back.

What is done in one is given as a function. Locks and transactions are held by ``with`` alone, and only by what leaves
in C: a signal's exception cannot come between, so that none is left behind, whoever keeps the traceback.
"""

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from operator import methodcaller
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast
from weakref import WeakSet, ref

from cronkit.clock import Alarm
from cronkit.errors import ConfigurationError, LifecycleError, StoreUnavailableError, StoreVersionError
from cronkit.stores.sqlite.faults import is_busy, result_code, unavailable
from cronkit.stores.sqlite.lane import Lane
from cronkit.stores.sqlite.location import Identity, identify, refuse_network
from cronkit.stores.sqlite.migrations import migrate, refuse_foreign, refuse_newer

OLDEST_SQLITE = (3, 35, 0)
"""The first version with RETURNING."""
PAGES_TO_CHECKPOINT = 4_000
"""After how many pages (16 MB) the write-ahead log goes into the file: four times SQLite's default, as a batch of
fires touches some pages again and again."""
CACHE = 16_000
"""KiB of pages that the writing connection keeps; the others have SQLite's 2 MB."""
POOLED = 4
"""How many idle reading connections are kept."""
PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
"""After these faults a connection can be used again."""
READ_TEXT = methodcaller("decode", "utf-8", "replace")
"""A text that is damaged is read with replacement characters, so that the rows beside it can be read at all."""
PUT_BACK = "put it back, or close the store to begin with an empty one"
"""What helps where the file that was used is not there."""
PATIENCE = 0.03
"""Seconds that a look for changes waits for a transaction of this object."""
FORK_PATIENCE, FORK_PAUSE = 5.0, 0.001
"""For how many seconds a fork waits for what is being read, and after how many it looks again."""
TRIES, PAUSE = 100, 0.02
"""How often, and after how many seconds, the change to WAL is tried: SQLite does not wait for its lock."""

Connection = sqlite3.Connection
Done = TypeVar("Done")
"""What a transaction's work returns."""


class Loan:
    """A reading connection, and the life of the database that it is of, while it is read from."""

    __slots__ = ("__weakref__", "connection", "life")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.life = -1


class Database:
    """A SQLite file, opened by the first use, closed by ``close``, and opened again by the next use."""

    def __init__(self, path: Path, busy_timeout: timedelta, on_open: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self._on_open = on_open
        self._busy_timeout = busy_timeout.total_seconds()
        self._opening = threading.RLock()
        self._writer = Lane()
        self._leases = Lane()
        self._lanes = self._writer, self._leases
        self._readers: list[tuple[int, Connection]] = []
        self._lending = threading.RLock()
        # Weak, for a signal's exception may come at any instruction: a loan that nobody has any more is none.
        self._lent: set[ref[Loan]] = set()
        self._identity: Identity | None = None
        self._had_file = False
        self._life = 0
        self._seen: tuple[Connection, int] | None = None
        with _forking:
            _databases.add(self)

    # -- transactions -------------------------------------------------------------------------------------------------

    def write(self, work: Callable[[Connection], Done]) -> Done:
        """Do work that writes, for all but leases, in one transaction: all of it is kept, or none.

        Raises:
            LifecycleError: this thread is inside another transaction.
        """
        self.refuse_nested()
        with self._writer.lock:
            with self._leases.lock:  # the lease thread goes first
                pass
            return self._transact(self._writer, work)

    def write_lease(self, work: Callable[[Connection], Done], patience: timedelta | None = None) -> Done:
        """Do work in a transaction on the connection of the leases, which no other work of this process can keep
        waiting, and which waits for other processes no longer than ``patience``.

        Raises:
            LifecycleError: this thread is inside another transaction.
        """
        self.refuse_nested()
        seconds = self._busy_timeout if patience is None else min(self._busy_timeout, patience.total_seconds())
        with self._leases.lock:
            self._connected(self._leases).execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
            return self._transact(self._leases, work)

    def look(self, work: Callable[[Connection], Done]) -> Done:
        """Do work that reads, each statement by itself, on the connection that writes; raises as ``write`` does."""
        self.refuse_nested()
        with self._writer.lock:
            connection = self._connected(self._writer)
            try:
                return work(connection)
            except sqlite3.Error as error:
                self._raise(error, self._writer)

    def read(self, work: Callable[[Connection], Done]) -> Done:
        """Do work that reads, in one transaction, beside whatever is being written."""
        loan = Loan()
        try:
            connection = self._lend(loan)
            with connection:
                connection.execute("BEGIN")
                refuse_newer(connection, self.path)
                return work(connection)
        except BaseException as error:
            loan.life = -1
            self._raise(error)
        finally:
            self._give_back(loan)

    def _transact(self, lane: Lane, work: Callable[[Connection], Done]) -> Done:
        connection = self._connected(lane)
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                refuse_newer(connection, self.path)
                lane.note_log(self.path)
                done = work(connection)
                connection.execute("COMMIT")  # what leaves would do it too, but prepare it anew each time
        except BaseException as error:
            if lane.connection is not connection and isinstance(error, sqlite3.ProgrammingError):
                raise LifecycleError(
                    f"{self.path}: a signal handler or a finalizer forked the process while this thread was writing: "
                    "look whether that was written, and fork in a thread of its own"
                ) from error
            if lane.connection is connection and connection.in_transaction:  # nor could it be rolled back
                lane.close()
            self._raise(error, lane)
        self._check_file(lane.identity)
        if lane.has_lost_log:
            self._let_go()
            raise StoreUnavailableError(
                f"{self.path}: its write-ahead log was deleted or replaced while it was open; "
                "stop whatever uses the file before a backup is put back"
            )
        return done

    def refuse_nested(self) -> None:
        """Raises LifecycleError if this thread is inside a transaction; before it waits for a lock, as whoever has that
        may wait for it."""
        if any(lane.is_mine and lane.is_in_transaction for lane in self._lanes):
            raise LifecycleError(
                f"{self.path}: a verb was called while another one of this thread was writing, by a signal handler or "
                "a finalizer: let that set a flag, or call the verb in a thread of its own"
            )

    def _raise(self, error: BaseException, lane: Lane | None = None) -> NoReturn:
        """Raise an error of SQLite's as a store's, if it is the file's, and any other as it is."""
        if isinstance(error, StoreVersionError):
            self._let_go()  # every verb is refused now, as the file is opened
        told = unavailable(error, self.path) if isinstance(error, sqlite3.Error) else None
        if told is None:
            raise error
        if lane is not None and result_code(cast(sqlite3.Error, error)) not in PASSING:
            lane.close()
        raise told from error

    # -- the file -----------------------------------------------------------------------------------------------------

    def _connected(self, lane: Lane) -> Connection:
        """The lane's connection to the file that is at the path now."""
        self._check_file(self._identity)
        if lane.life != self._life:
            lane.close()
        if lane.connection is None:
            life = self._life  # before: should it end meanwhile, the connection ends with it
            lane.connection, lane.identity = self._connect(CACHE if lane is self._writer else None)
            lane.life = life
        return lane.connection

    def _check_file(self, identity: Identity | None) -> None:
        """See that the file that was opened, if one was, is the one that people find at the path.

        Raises:
            StoreUnavailableError: that is another file, or none; the next verb opens what is there then.
        """
        if identity is not None and identify(self.path) != identity:
            self._let_go()
            raise StoreUnavailableError(f"{self.path}: the file was moved, deleted or replaced while it was open")

    def open(self) -> None:
        """Connect, and bring the tables up to date; raises as ``write`` does."""
        self.refuse_nested()
        with self._writer.lock:
            self._connected(self._writer)

    def _connect(self, cache: int | None = None) -> tuple[Connection, Identity | None]:
        """A connection, and the file that it is of."""
        with self._opening:
            before = self._identity
            if before is None:
                self._refuse_unusable()
                before = identify(self.path)
            # A file that was there is never made anew: an empty one in its place is not to be gone on in.
            mode = "rwc" if before is None else "rw"
            try:
                connection = sqlite3.connect(
                    f"{self.path.as_uri()}?mode={mode}",
                    uri=True,
                    timeout=self._busy_timeout,
                    isolation_level=None,
                    check_same_thread=False,
                )
            except sqlite3.Error as error:
                self._refuse_gone()
                self._raise(error)
            try:
                self._prepare(connection, cache)
                self._check_file(before)
            except BaseException as error:
                connection.close()
                self._raise(error)
            return connection, before or identify(self.path)

    def _refuse_unusable(self) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            needed = ".".join(map(str, OLDEST_SQLITE))
            raise ConfigurationError(
                f"Python's sqlite3 has SQLite {sqlite3.sqlite_version} here, and this store needs {needed} or later: "
                "use a newer build of Python, or of the SQLite library"
            )
        self._refuse_gone()
        refuse_network(self.path)

    def _refuse_gone(self) -> None:
        if self._had_file and identify(self.path) is None:
            raise StoreUnavailableError(f"{self.path}: the file is gone; {PUT_BACK}")

    def _prepare(self, connection: Connection, cache: int | None) -> None:
        if self._identity is None:
            is_ours = refuse_foreign(connection, self.path)
            if self._had_file and not is_ours:
                raise StoreUnavailableError(f"{self.path}: an empty file has taken the place of ours; {PUT_BACK}")
            self._use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            migrate(connection, self.path)
            self._identity, self._had_file = identify(self.path), True
            self._on_open()
        connection.text_factory = READ_TEXT
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES_TO_CHECKPOINT}")
        if cache is not None:
            connection.execute(f"PRAGMA cache_size = -{cache}")

    def _use_wal(self, connection: Connection) -> None:
        mode = ""
        for tries_left in reversed(range(TRIES)):
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                break
            except sqlite3.OperationalError as error:
                if not is_busy(error) or not tries_left:
                    raise
                Alarm().wait(PAUSE)
        if mode != "wal":
            raise ConfigurationError(
                f"{self.path} cannot be used with a write-ahead log (its journal mode is {mode!r}): "
                "put it on a local disk that supports shared memory"
            )

    # -- readers ------------------------------------------------------------------------------------------------------

    def _lend(self, loan: Loan) -> Connection:
        if self._identity is None:
            self.open()
        self._check_file(self._identity)
        with self._lending:
            self._lent.add(ref(loan, self._lent.discard))
        loan.life = self._life
        loan.connection = self._idle(loan.life) or self._connect()[0]
        return loan.connection

    def _idle(self, life: int | None) -> Connection | None:
        """A connection of this life that nobody reads from; those of other lives are closed."""
        while self._readers:
            try:
                its_life, connection = self._readers.pop()
            except IndexError:  # another thread was faster
                return None
            if its_life == life:
                return connection
            connection.close()
        return None

    def _give_back(self, loan: Loan) -> None:
        """Keep a connection for whoever reads next, or close it: one of another life, and one too many."""
        if loan.connection is not None:
            if loan.life == self._life and len(self._readers) < POOLED:
                self._readers.append((loan.life, loan.connection))
                if loan.life != self._life:  # it has ended just now
                    self._idle(None)
            else:
                loan.connection.close()
        self._lent.discard(ref(loan))

    # -- changes by others --------------------------------------------------------------------------------------------

    def has_changed_elsewhere(self, is_over: Callable[[], bool] = lambda: False) -> bool:
        """Whether another process may have committed since the last call: the first one, one that cannot tell, and
        one after a commit of this object's own leases say so too. Nobody wants to know once it ``is_over``."""
        if not self._writer.lock.acquire(timeout=PATIENCE):
            return True
        try:
            if is_over():  # it was closed while this waited, and is not to be opened again
                return False
            connection = self._connected(self._writer)
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            has_changed = self._seen != (connection, version)
            if has_changed:
                refuse_newer(connection, self.path)
        except (sqlite3.Error, StoreVersionError) as error:
            self._raise(error, self._writer)
        finally:
            self._writer.lock.release()
        self._seen = connection, version
        return has_changed

    # -- the end ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of every connection, after what is being done has been done.

        Raises:
            LifecycleError: this thread is inside a transaction.
        """
        self.refuse_nested()
        with self._writer.lock, self._leases.lock:
            self._let_go()
            self._had_file = False

    def abandon(self) -> None:
        """Let go of every connection that is not used just now: nobody has the store any more."""
        self._let_go(PATIENCE)

    def _let_go(self, patience: float = 0.0) -> None:
        """Close all but what another thread uses for longer than ``patience``, or this one writes to; that is closed
        when it is done. SQLite leaves the log of a file that was moved or replaced as it is."""
        self._identity = None
        self._seen = None
        with self._lending:
            self._life += 1
        self._idle(None)
        for lane in self._lanes:
            if lane.lock.acquire(timeout=patience):
                if not lane.is_in_transaction:
                    lane.close()
                lane.lock.release()

    # -- forks --------------------------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Wait until nobody uses the file, for reads only so long, and close it: SQLite's locks, and what it knows of
        them, do not survive in a child. Parent and child open it again when they use it."""
        for lock in self._locks():
            lock.acquire()
        pause, tries_left = Alarm(), int(FORK_PATIENCE / FORK_PAUSE)
        while self._lent and tries_left:
            pause.wait(FORK_PAUSE)
            tries_left -= 1
        self._let_go()
        for lane in self._lanes:  # a transaction of this thread too: the child would go on in it beside the parent
            lane.close()

    def after_fork(self) -> None:
        """Go on, in the parent and in the child."""
        for lock in self._locks():
            with suppress(RuntimeError):  # a signal's exception came before it was taken
                lock.release()

    def _locks(self) -> tuple[Any, ...]:
        return self._writer.lock, self._leases.lock, self._lending


_databases: WeakSet[Database] = WeakSet()
_forking = threading.RLock()
"""Held from before a fork until after it, and by whoever makes a database: of two forks at once, one would give back
the locks that the other has taken."""


def _before_fork() -> None:
    _forking.acquire()
    for database in list(_databases):
        database.before_fork()


def _after_fork() -> None:
    for database in list(_databases):
        database.after_fork()
    with suppress(RuntimeError):
        _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
