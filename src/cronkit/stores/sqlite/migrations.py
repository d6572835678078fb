"""Brings a file to the version of the tables that this software knows."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from cronkit.errors import ConfigurationError, StoreVersionError
from cronkit.stores.sqlite.schema import APPLICATION_ID, MIGRATIONS, Migration

NEWEST = MIGRATIONS[-1].version
"""The version of the tables that this software makes."""


def refuse_foreign(connection: sqlite3.Connection, path: Path) -> bool:
    """Refuse a database that somebody else has made, before anything is written to it; say whether it is ours already.

    Raises:
        ConfigurationError: it has tables, and not our mark.
    """
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark == APPLICATION_ID:
        return True
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables or mark:
        raise ConfigurationError(f"{path} is the database of another application: give a path of its own")
    return False


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Apply what the file lacks, each migration in a transaction of its own; a newer file is used if it lets us.

    Raises:
        StoreVersionError: newer software has made the file into what this one cannot use.
    """
    version = refuse_newer(connection, path, migrations[-1].version)
    for migration in migrations:
        if migration.version > version:
            _apply(connection, migration)


def refuse_newer(connection: sqlite3.Connection, path: Path, newest: int = NEWEST) -> int:
    """Refuse a file that newer software has closed to what knows versions up to ``newest``; say which version it has.

    Raises:
        StoreVersionError: newer software has made the file into what this one cannot use.
    """
    version = _version(connection)
    if version > newest:
        row = connection.execute("SELECT value FROM meta WHERE key = 'readable_from'").fetchone()
        if row is None or row[0] > newest:
            raise StoreVersionError(
                f"{path} has the tables of version {version}, and this version of cronkit knows those up to {newest}: "
                "upgrade cronkit here, or go back to a copy of the file from before the other upgrade"
            )
    return version


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection) < migration.version:  # else another process was faster
            for statement in migration.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO meta (key, value) VALUES ('readable_from', ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (migration.readable_from,),
            )
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {migration.version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
