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
