"""Memory that a busy registry is glad of and an idle one does not need."""

import ctypes
import sqlite3
from collections.abc import Callable

_malloc_trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""Of glibc alone. What is freed it keeps, in an arena for each of the threads."""


def give_back(connection: sqlite3.Connection) -> None:
    """Forget the pages of the file that SQLite remembers, and have the system take what is free in the process."""
    connection.execute("PRAGMA shrink_memory")
    if _malloc_trim is not None:
        _malloc_trim(0)
