"""What SQLite reports, as the errors of a store."""

import sqlite3
from pathlib import Path

from cronkit.errors import StoreUnavailableError

PRIMARY = 0xFF
"""The low byte of an extended result code is the primary one."""

_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another process has held the file for longer than busy_timeout: see what it does there",
    sqlite3.SQLITE_LOCKED: "another process has held the file for longer than busy_timeout: see what it does there",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_READONLY: "let this process write the file and its directory",
    sqlite3.SQLITE_PERM: "let this process read and write the file and its directory",
    sqlite3.SQLITE_IOERR: "look at its disk, and at the system's log",
    sqlite3.SQLITE_CORRUPT: "restore it from a backup, or let 'sqlite3 <file> .recover' save what it can",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: give another path, or restore it from a backup",
    sqlite3.SQLITE_CANTOPEN: "create its directory, and let this process write there",
    sqlite3.SQLITE_PROTOCOL: "another process has held the file for longer than busy_timeout: see what it does there",
    sqlite3.SQLITE_NOMEM: "this process has no memory left",
    sqlite3.SQLITE_INTERRUPT: "the statement was interrupted",
}


def result_code(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None where the error is the driver's own."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & PRIMARY


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else has the file."""
    return result_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def unavailable(error: sqlite3.Error, path: Path) -> StoreUnavailableError | None:
    """What a caller is to be told of an error that the file, its disk or another process causes; None for a mistake
    of our own, which is to be seen as it is."""
    code = result_code(error)
    if code == sqlite3.SQLITE_ERROR and str(error).startswith("no such table"):  # somebody has emptied the file
        return StoreUnavailableError(f"{path}: {error}; put the file back as it was, or restore it from a backup")
    if code is None or code not in _REMEDIES:
        return None
    return StoreUnavailableError(f"{path}: {error}; {_REMEDIES[code]}")
