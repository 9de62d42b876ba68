"""Making and opening the SQLite file: its mode, its pragmas, its migrations."""

import os
import sqlite3
from pathlib import Path

from engine.errors import ConfigError, StoreUnavailable
from engine.registry.migrations import migrate

_OLDEST_SQLITE = (3, 37, 0)
"""STRICT tables (sqlite.org/stricttables.html)."""
_WRITER_BUSY_SECONDS = 2.0
"""Only a foreign program (a backup, a shell) can hold the write lock; wait so long for it."""
_READER_BUSY_SECONDS = 0.1
"""A WAL reader waits only for recovery after a crash; it may be on the event loop, so not long."""
_WRITER_CACHE_KIB = 32 * 1024
_READER_CACHE_KIB = 16 * 1024
_WAL_KEPT_BYTES = 64 * 1024 * 1024
"""A WAL that a burst made larger is cut back to this when it is reset."""

FAULTS = (sqlite3.Error, UnicodeError, OverflowError)
"""What a statement may raise: sqlite3's own errors, and an argument that it cannot bind (a lone surrogate, an integer
over 64 bits)."""


def create_database(path: Path) -> None:
    """Make an empty 0600 file (SQLite gives its -wal and -shm the same mode). ConfigError when there is one already."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        raise ConfigError(f"{path}: exists already") from None
    except OSError as fault:
        raise ConfigError(f"{path}: {fault.strerror}") from None


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The one connection that writes, on an up-to-date schema.

    ConfigError: no such file, or a newer schema. StoreUnavailable: the file cannot be read or written, or is damaged.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise ConfigError(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or later is needed")
    if not path.is_file():
        # Never made in passing: an empty registry would refuse every device, and an outage is not a refusal.
        raise ConfigError(f"{path}: there is no registry here; make a data directory with: keyturn init")
    try:
        connection = _connect(path, "rw", _WRITER_BUSY_SECONDS)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            # What is deleted or sealed again is overwritten in the file, whatever the library was built with.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
            migrate(connection)
            # What a savepoint would bring back is kept in memory and not in a temporary file: each write has one, and
            # adding a device takes 56 us of CPU instead of 96. After migrate: indexes may be made by sorting on disk.
            connection.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as fault:
        raise StoreUnavailable(f"{path}: {fault}") from fault
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. StoreUnavailable when the file cannot be opened."""
    try:
        connection = _connect(path, "ro", _READER_BUSY_SECONDS)
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
    except sqlite3.Error as fault:
        raise StoreUnavailable(f"{path}: {fault}") from fault
    return connection


def _connect(path: Path, mode: str, busy_seconds: float) -> sqlite3.Connection:
    # Connections are made on one thread and used on another, never by two at a time.
    address = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
