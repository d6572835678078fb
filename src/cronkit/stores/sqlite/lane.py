"""A connection that writes, and what it is known by."""

import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from cronkit.stores.sqlite.location import Identity, identify


class Lane:
    """One connection, the lock under which it is used, and the file and the write-ahead log that it is of."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.connection: sqlite3.Connection | None = None
        self.life = 0
        self.identity: Identity | None = None
        self._log: tuple[Path, Identity | None] | None = None

    @property
    def is_mine(self) -> bool:
        """Whether this thread has the lock."""
        return self.lock._is_owned()  # type: ignore[attr-defined, no-any-return]  # as threading.Condition asks it

    @property
    def is_in_transaction(self) -> bool:
        """Whether a transaction has begun and not ended; to be asked by whoever has the lock."""
        return self.connection is not None and self.connection.in_transaction

    def note_log(self, path: Path) -> None:
        """Notice which log is written to, once a transaction has begun: a connection has one from then to its end."""
        if self._log is None:
            log = Path(f"{os.path.realpath(path)}-wal")  # SQLite keeps it beside what a link leads to
            self._log = log, identify(log)

    @property
    def has_lost_log(self) -> bool:
        """Whether others find another log, or none, so that they do not see what is committed here."""
        return self._log is not None and identify(self._log[0]) != self._log[1]

    def close(self) -> None:
        """Let go of the connection."""
        connection, self.connection = self.connection, None
        self._log = None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
