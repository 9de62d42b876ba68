"""The one thread that writes: a bounded queue, one transaction for all that waits (group commit, DESIGN section 3).

A lone write is committed at once. While its fsync runs others queue up and go into the next transaction together: the
busier the registry, the larger the groups, and nobody ever waits for a window to pass. group_commit_seconds and
group_commit_writes only bound how long the first of a group waits for those behind it. Each write runs in a savepoint
of its own, so that one that fails takes no other with it. Answers leave only after the COMMIT.

A COMMIT that fails leaves unknown what is on the disk (a failed fsync is not worth repeating: the kernel may have
dropped the pages), so it stops the writer for good; whatever fails before the COMMIT is undone and costs only itself.
"""

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import trio

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.registry.database import FAULTS
from engine.registry.idle_memory import give_back

T = TypeVar("T")


class _Write(Generic[T]):
    """One change on its way: what to do, and once `done` is set, either `fault` or `answer`."""

    __slots__ = ("answer", "done", "fault", "work")

    answer: T

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self.work = work
        self.done = trio.Event()
        self.fault: Exception | None = None


class Writer:
    """Owns its connection from construction to `close`."""

    def __init__(self, connection: sqlite3.Connection, limits: Limits, clock: Clock) -> None:
        self._connection = connection
        self._limits = limits
        self._clock = clock
        self._queue: queue.SimpleQueue[_Write[Any] | None] = queue.SimpleQueue()
        self._token: trio.lowlevel.TrioToken | None = None
        self._failed: str | None = None
        self._is_closed = False
        self._changes_before, self._give_back_at = 0, 0.0
        self._thread = threading.Thread(target=self._run, name="keyturn-writer", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """StoreUnavailable when writes are known to fail."""
        if self._failed is not None:
            raise StoreUnavailable(self._failed)
        if self._is_closed:
            raise StoreUnavailable("the registry is closed")

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in the writer thread and return its answer once it is durable.

        Cancelled means not written: from the moment the write is queued it is waited for, so that whoever changed a
        record always learns of it. `work` sees the writer's connection inside a savepoint and must not end it. Raises
        what `work` raises, having undone it; StoreUnavailable for faults of SQLite and when the queue is full.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self.check()
        if self._queue.qsize() >= self._limits.write_queue:
            raise StoreUnavailable(f"{self._limits.write_queue} writes wait for the registry already")
        write = _Write(work)
        self._token = trio.lowlevel.current_trio_token()
        self._queue.put(write)
        with trio.CancelScope(shield=True):
            await write.done.wait()
        if write.fault is not None:
            raise write.fault
        return write.answer

    async def close(self) -> None:
        """Write what is queued, then let go of the file."""
        self._is_closed = True
        self._queue.put(None)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._thread.join)

    def _run(self) -> None:
        """The thread: group after group, until None comes."""
        while (first := self._next()) is not None:
            group = self._transact(first)
            if self._token is None:
                continue
            try:
                self._token.run_sync_soon(_wake, group)
            except trio.RunFinishedError:
                # Nobody is left to be told: the run ended with its tasks. What is durable stays so.
                continue
        self._connection.close()

    def _next(self) -> _Write[Any] | None:
        """The oldest write that waits. In a pause memory is given back, now and then; the reaper ends each pause."""
        try:
            return self._queue.get(timeout=self._limits.writer_pause_seconds)
        except queue.Empty:
            self._give_back()
            return self._queue.get()

    def _give_back(self) -> None:
        changes, now = self._connection.total_changes, self._clock.monotonic()
        if changes == self._changes_before or now < self._give_back_at:
            return
        self._changes_before, self._give_back_at = changes, now + self._limits.give_back_seconds
        # A fault here is no write's: what is wrong with the file the next one will meet, and say.
        with contextlib.suppress(sqlite3.Error):
            give_back(self._connection)

    def _transact(self, first: _Write[Any]) -> Sequence[_Write[Any]]:
        """One transaction; every write of the group has its answer or its fault on return."""
        group: list[_Write[Any]] = []
        try:
            self._begin()
            for write in self._gather(first):
                group.append(write)
                self._execute(write)
        except Exception as fault:
            # No transaction could begin, or SQLite gave it up (disk full, I/O error). All who wait share that fate:
            # one by one they would each wait for the same lock.
            group = group or list(self._gather(first))
            self._spoil(group, fault)
            return group
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as fault:
            self._failed = f"the registry takes no more writes, restart the node: a commit failed: {fault}"
            self._spoil(group, fault)
        return group

    def _begin(self) -> None:
        # Those that were queued already when the commit failed come by here.
        if self._failed is not None:
            raise StoreUnavailable(self._failed)
        self._connection.execute("BEGIN IMMEDIATE")

    def _gather(self, first: _Write[Any]) -> Iterator[_Write[Any]]:
        """`first` and those behind it, until none waits or a bound of the group is reached."""
        yield first
        deadline = self._clock.monotonic() + self._limits.group_commit_seconds
        for _ in range(self._limits.group_commit_writes - 1):
            if self._clock.monotonic() >= deadline:
                return
            try:
                write = self._queue.get_nowait()
            except queue.Empty:
                return
            if write is None:
                # The end; nothing can stand behind it.
                self._queue.put(None)
                return
            yield write

    def _execute(self, write: _Write[Any]) -> None:
        """One write in its savepoint. Raises only when the transaction itself is lost."""
        self._connection.execute("SAVEPOINT one_write")
        try:
            write.answer = write.work(self._connection)
        except Exception as fault:
            if not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO one_write")
            write.fault = _unavailable(fault) if isinstance(fault, FAULTS) else fault
        self._connection.execute("RELEASE one_write")

    def _spoil(self, group: Sequence[_Write[Any]], fault: Exception) -> None:
        for write in group:
            # A fault object each: a raised one collects the traceback of its task.
            write.fault = _unavailable(fault)
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as rollback_fault:
            self._failed = f"the registry takes no more writes, restart the node: {rollback_fault}"


def _unavailable(fault: Exception) -> StoreUnavailable:
    return StoreUnavailable(f"the registry cannot be written: {fault}")


def _wake(group: Sequence[_Write[Any]]) -> None:
    for write in group:
        write.done.set()
