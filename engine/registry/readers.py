"""Reading the registry: a few rows on the event loop, more in a thread; through connections that cannot write."""

import queue
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import trio

from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.registry.database import FAULTS, open_for_reading

T = TypeVar("T")

_STEPS_BETWEEN_LOOKS = 50_000
"""Instructions of SQLite's virtual machine, about 2 ms: often enough for a limit of a second, and nothing it costs."""


class Readers:
    """One connection for the event loop, `limits.read_threads` for the threads."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.inline = open_for_reading(path)
        self._limits = limits
        self._limiter = trio.CapacityLimiter(limits.read_threads)
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        for _ in range(limits.read_threads):
            self._idle.put(open_for_reading(path))

    def read_inline(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """A few primary-key reads, here and now. StoreUnavailable for every fault of SQLite."""
        try:
            return work(self.inline)
        except FAULTS as fault:
            raise unreadable(fault) from fault

    async def read_in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """All of `work` on one state of the registry, in one thread hop. StoreUnavailable for every fault of SQLite."""
        return await trio.to_thread.run_sync(self._snapshot, work, limiter=self._limiter)

    async def close(self) -> None:
        """Wait for the threads that read, and let go of the files; a later read is "unavailable"."""
        self.inline.close()
        with trio.CancelScope(shield=True):
            connections = [await trio.to_thread.run_sync(self._idle.get) for _ in range(self._limits.read_threads)]
        for connection in connections:
            connection.close()
            # Back in its place, so that a late reader meets a closed connection and does not wait for ever.
            self._idle.put(connection)

    def _snapshot(self, work: Callable[[sqlite3.Connection], T]) -> T:
        # Never blocks: there are as many connections as the limiter lets threads in.
        connection = self._idle.get()
        try:
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                connection.execute("ROLLBACK")
        except FAULTS as fault:
            raise unreadable(fault) from fault
        finally:
            self._idle.put(connection)


def unreadable(fault: Exception) -> StoreUnavailable:
    """The outage that a fault of SQLite is."""
    return StoreUnavailable(f"the registry cannot be read: {fault}")


def within(
    work: Callable[[sqlite3.Connection], T], seconds: float, monotonic: Callable[[], float]
) -> Callable[[sqlite3.Connection], T | None]:
    """The same work with a time limit: it is broken off after so many seconds of `monotonic`, and answers None."""

    def limited(connection: sqlite3.Connection) -> T | None:
        deadline = monotonic() + seconds
        connection.set_progress_handler(lambda: monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
        try:
            return work(connection)
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            return None
        finally:
            connection.set_progress_handler(None, 0)

    return limited
