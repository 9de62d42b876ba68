"""Record ids: 8 hex digits of seconds, 16 of a counter; each greater than every one before it, in this life or another.

The counter is reserved durably in blocks and the seconds as they advance, so a crash costs numbers and never repeats
one; when the clock goes back the seconds stand still.
"""

import sqlite3
from functools import partial

import trio

from engine.registry.writer import Writer

BLOCK = 1024
"""Numbers reserved by one write. With one more write for each new second this is never the bottleneck."""
_LAST_SECOND = 0xFFFFFFFF


class RecordIds:
    """The allocator; one per writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._lock = trio.Lock()
        self._next = 0
        self._end = 0
        self._seconds = -1

    async def allocate(self, now: float) -> str:
        """The next id at `now` (epoch seconds). StoreUnavailable when a reservation is needed and cannot be made."""
        seconds = min(max(int(now), 0), _LAST_SECOND)
        while self._next == self._end or self._seconds < seconds:
            # One reserves for all that wait.
            async with self._lock:
                if self._next == self._end or self._seconds < seconds:
                    await self._reserve(seconds)
        number = self._next
        self._next += 1
        return f"{self._seconds:08x}{number:016x}"

    async def _reserve(self, seconds: int) -> None:
        numbers = BLOCK if self._next == self._end else 0
        end, self._seconds = await self._writer.write(partial(_reserve, numbers=numbers, seconds=seconds))
        if numbers:
            self._next, self._end = end - numbers, end


def _reserve(connection: sqlite3.Connection, numbers: int, seconds: int) -> tuple[int, int]:
    """The end of the reserved numbers, and the highest second that was ever used."""
    advance = "UPDATE counter SET value = value + ? WHERE name = 'record_number' RETURNING value"
    (end,) = connection.execute(advance, (numbers,)).fetchone()
    raise_ = "UPDATE counter SET value = max(value, ?) WHERE name = 'record_seconds' RETURNING value"
    (highest,) = connection.execute(raise_, (seconds,)).fetchone()
    return end, highest
