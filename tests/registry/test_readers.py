"""Reading: connections that cannot write, one state for the length of a read."""

import itertools
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.registry.database import create_database, open_for_writing
from engine.registry.readers import Readers, within

INSERT = "INSERT INTO project (project_id, created_at) VALUES (?, 0)"
COUNT = "SELECT count(*) FROM project"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "registry.db"
    create_database(path)
    open_for_writing(path).close()
    return path


@pytest.fixture
async def readers(path: Path) -> AsyncIterator[Readers]:
    readers = Readers(path, Limits(read_threads=2))
    yield readers
    await readers.close()


def write(connection: sqlite3.Connection) -> None:
    connection.execute(INSERT, ("p",))


async def test_readers_cannot_write(readers: Readers) -> None:
    with pytest.raises(StoreUnavailable, match="readonly"):
        readers.read_inline(write)
    with pytest.raises(StoreUnavailable, match="readonly"):
        await readers.read_in_thread(write)


async def test_inline_read_sees_every_commit(path: Path, readers: Readers) -> None:
    """A statement left open would hold an old state, and an old state accepts an old credential."""
    writer = open_for_writing(path)
    for number in range(3):
        assert readers.read_inline(lambda connection: connection.execute(COUNT).fetchone()) == (number,)
        writer.execute(INSERT, (f"p{number}",))
    writer.close()


async def test_read_in_a_thread_sees_one_state(path: Path, readers: Readers) -> None:
    """A page and its count must agree whatever is written between them."""
    writer = open_for_writing(path)

    def count_twice(connection: sqlite3.Connection) -> tuple[int, int]:
        (before,) = connection.execute(COUNT).fetchone()
        writer.execute(INSERT, ("p",))
        (after,) = connection.execute(COUNT).fetchone()
        return before, after

    assert await readers.read_in_thread(count_twice) == (0, 0)
    assert await readers.read_in_thread(lambda connection: connection.execute(COUNT).fetchone()) == (1,)
    writer.close()


async def test_so_many_reads_run_at_a_time_and_the_rest_wait(readers: Readers) -> None:
    entered, resume = threading.Semaphore(0), threading.Event()
    running: list[int] = []

    def read(_connection: sqlite3.Connection) -> None:
        running.append(1)
        entered.release()
        resume.wait()

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(readers.read_in_thread, read)
        for _ in range(2):
            await trio.to_thread.run_sync(entered.acquire)
        await trio.testing.wait_all_tasks_blocked()
        at_a_time = len(running)
        resume.set()

    assert (at_a_time, len(running)) == (2, 5)


async def test_fault_leaves_the_connection_usable(readers: Readers) -> None:
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await readers.read_in_thread(lambda connection: connection.execute("SELECT * FROM absent"))
    assert await readers.read_in_thread(lambda connection: connection.execute(COUNT).fetchone()) == (0,)


async def test_late_reader_meets_a_closed_registry_and_does_not_wait(readers: Readers) -> None:
    await readers.close()

    with pytest.raises(StoreUnavailable):
        await readers.read_in_thread(lambda connection: connection.execute(COUNT).fetchone())
    with pytest.raises(StoreUnavailable):
        readers.read_inline(lambda connection: connection.execute(COUNT).fetchone())


ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


async def test_work_past_its_time_is_broken_off_and_the_connection_serves_on(readers: Readers) -> None:
    """Time is an argument: this clock moves a second with every look at it."""
    seconds = itertools.count()

    def count(connection: sqlite3.Connection) -> int:
        return int(connection.execute(ENDLESS).fetchone()[0])

    for _ in range(3):
        assert await readers.read_in_thread(within(count, 2.0, lambda: float(next(seconds)))) is None
        assert await readers.read_in_thread(lambda connection: connection.execute(COUNT).fetchone()) == (0,)


async def test_fault_within_its_time_is_an_outage(readers: Readers) -> None:
    with pytest.raises(StoreUnavailable, match="absent"):
        await readers.read_in_thread(within(lambda c: c.execute("SELECT * FROM absent"), 1.0, lambda: 0.0))
