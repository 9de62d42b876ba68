"""The writer thread: groups, refusals, faults."""

import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.registry.writer import Writer
from tests.registry.samples import CLOCK

MakeWriter = Callable[..., "Bench"]


class Bench:
    """A writer on a small table, a second connection that looks on, and the transactions that were committed."""

    def __init__(self, path: Path, **limits: Any) -> None:
        self.path = path
        self.commits: list[str] = []
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=0.0, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY, y BLOB, parent INTEGER REFERENCES t)")
        self.connection.set_trace_callback(lambda statement: self.commits.append(statement))
        self.writer = Writer(self.connection, Limits(**limits), CLOCK)
        self.held = threading.Event()
        self.resume = threading.Event()

    async def hold(self) -> None:
        """A write that lasts until `resume`, so that others queue up behind it; it shares its group's fate."""

        def work(_connection: sqlite3.Connection) -> None:
            self.held.set()
            self.resume.wait()

        with contextlib.suppress(StoreUnavailable):
            await self.writer.write(work)

    def rows(self) -> list[int]:
        with sqlite3.connect(self.path) as connection:
            found = [x for (x,) in connection.execute("SELECT x FROM t ORDER BY x")]
        connection.close()
        return found

    def commit_count(self) -> int:
        return self.commits.count("COMMIT")


@pytest.fixture
async def make_bench(tmp_path: Path) -> AsyncIterator[MakeWriter]:
    made: list[Bench] = []

    def make(**limits: Any) -> Bench:
        made.append(Bench(tmp_path / "t.db", **limits))
        return made[-1]

    yield make
    for bench in made:
        bench.resume.set()
        await bench.writer.close()


def insert(x: int) -> Callable[[sqlite3.Connection], int]:
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO t (x) VALUES (?)", (x,))
        return x

    return work


def orphan(connection: sqlite3.Connection) -> None:
    """Passes as a statement, fails at COMMIT."""
    connection.execute("PRAGMA defer_foreign_keys = ON")
    connection.execute("INSERT INTO t (x, parent) VALUES (1000, 1001)")


async def write_all(bench: Bench, *works: Callable[[sqlite3.Connection], object]) -> list[object]:
    """Queue all of these behind a held write, so that they make one group; their answers or faults, in order."""
    answers: list[object] = [None] * len(works)

    async def write(number: int, work: Callable[[sqlite3.Connection], object]) -> None:
        try:
            answers[number] = await bench.writer.write(work)
        except Exception as fault:
            answers[number] = fault

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.hold)
        await trio.to_thread.run_sync(bench.held.wait)
        for number, work in enumerate(works):
            # One after the other: the order in the queue is the order of the works.
            nursery.start_soon(write, number, work)
            await trio.testing.wait_all_tasks_blocked()
        bench.resume.set()
    return answers


async def test_those_that_wait_are_committed_together(make_bench: MakeWriter) -> None:
    bench = make_bench(group_commit_seconds=60.0)

    assert await write_all(bench, *(insert(x) for x in range(20))) == list(range(20))
    assert bench.commit_count() == 1


async def test_group_is_bounded_in_writes(make_bench: MakeWriter) -> None:
    bench = make_bench(group_commit_writes=7, group_commit_seconds=60.0)

    await write_all(bench, *(insert(x) for x in range(20)))

    assert bench.commit_count() == 3


async def test_group_is_bounded_in_time(make_bench: MakeWriter) -> None:
    bench = make_bench(group_commit_seconds=0.0)

    await write_all(bench, *(insert(x) for x in range(5)))

    assert bench.commit_count() == 6


async def test_lone_write_does_not_wait_for_the_window(make_bench: MakeWriter) -> None:
    bench = make_bench(group_commit_seconds=1e9)

    assert await bench.writer.write(insert(1)) == 1
    assert bench.rows() == [1]


async def test_failed_write_takes_no_other_with_it(make_bench: MakeWriter) -> None:
    bench = make_bench(group_commit_seconds=60.0)

    def half_done(connection: sqlite3.Connection) -> None:
        insert(50)(connection)
        insert(1)(connection)

    first, fault, last = await write_all(bench, insert(1), half_done, insert(2))

    assert (first, last) == (1, 2)
    assert isinstance(fault, StoreUnavailable)
    assert bench.rows() == [1, 2]
    assert bench.commit_count() == 1


async def test_bug_in_a_write_surfaces_as_itself_and_is_undone(make_bench: MakeWriter) -> None:
    bench = make_bench(group_commit_seconds=60.0)

    def buggy(connection: sqlite3.Connection) -> None:
        insert(50)(connection)
        raise ZeroDivisionError

    fault, good = await write_all(bench, buggy, insert(2))

    assert isinstance(fault, ZeroDivisionError)
    assert good == 2
    assert bench.rows() == [2]


async def test_failed_commit_stops_the_writer_for_good(make_bench: MakeWriter) -> None:
    bench = make_bench(group_commit_seconds=60.0)
    await bench.writer.write(insert(1))
    bench.writer.check()

    faults = await write_all(bench, insert(2), orphan)

    assert [type(fault) for fault in faults] == [StoreUnavailable] * 2
    assert faults[0] is not faults[1]
    with pytest.raises(StoreUnavailable, match="restart"):
        await bench.writer.write(insert(3))
    with pytest.raises(StoreUnavailable, match="restart"):
        bench.writer.check()
    assert bench.rows() == [1]


async def test_those_queued_behind_a_failed_commit_are_told(make_bench: MakeWriter) -> None:
    bench = make_bench(group_commit_writes=2, group_commit_seconds=60.0)

    faults = await write_all(bench, orphan, insert(2), insert(3), insert(4))

    assert [type(fault) for fault in faults] == [StoreUnavailable] * 4
    assert bench.rows() == []


async def test_full_disk_costs_its_group_and_nothing_later(make_bench: MakeWriter) -> None:
    """SQLITE_FULL for real, by the page limit; before the commit everything can be undone."""
    bench = make_bench(group_commit_seconds=60.0)
    (pages,) = bench.connection.execute("PRAGMA page_count").fetchone()
    bench.connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t (x, y) VALUES (50, zeroblob(100000))")

    before, fault, after = await write_all(bench, insert(1), fill, insert(2))

    assert isinstance(fault, StoreUnavailable)
    bench.writer.check()
    bench.connection.execute("PRAGMA max_page_count = 100000")
    assert await bench.writer.write(insert(3)) == 3
    assert bench.rows() == [*(x for x in (before, after) if isinstance(x, int)), 3]


async def test_lock_held_by_another_program_is_an_outage_that_ends_with_it(make_bench: MakeWriter) -> None:
    bench = make_bench()
    other = sqlite3.connect(bench.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="locked"):
        await bench.writer.write(insert(1))

    other.execute("ROLLBACK")
    other.close()
    assert await bench.writer.write(insert(1)) == 1


async def test_queue_is_bounded(make_bench: MakeWriter) -> None:
    bench = make_bench(write_queue=3)

    answers = await write_all(bench, *(insert(x) for x in range(5)))

    assert answers[:3] == [0, 1, 2]
    assert [type(fault) for fault in answers[3:]] == [StoreUnavailable] * 2
    assert await bench.writer.write(insert(9)) == 9


async def test_cancelled_caller_still_learns_of_a_queued_write(make_bench: MakeWriter) -> None:
    """Who freezes a device must get to tell the workers, or a cancelled request leaves them with the old credential."""
    bench = make_bench()
    learned = []

    async def write(task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        learned.append(await bench.writer.write(insert(1)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.hold)
        await trio.to_thread.run_sync(bench.held.wait)
        await nursery.start(write)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        bench.resume.set()

    assert learned == [1]
    assert bench.rows() == [1]


async def test_closing_writes_what_is_queued_first(make_bench: MakeWriter) -> None:
    bench = make_bench(group_commit_writes=2)
    answers = []

    async def write(x: int) -> None:
        answers.append(await bench.writer.write(insert(x)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.hold)
        await trio.to_thread.run_sync(bench.held.wait)
        for x in range(5):
            nursery.start_soon(write, x)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(bench.writer.close)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(StoreUnavailable, match="closed"):
            await bench.writer.write(insert(9))
        bench.resume.set()

    assert sorted(answers) == bench.rows() == [0, 1, 2, 3, 4]


def test_writer_serves_one_run_after_another(tmp_path: Path) -> None:
    """The command line may use one store from two trio.run calls."""
    bench = Bench(tmp_path / "t.db")

    assert trio.run(bench.writer.write, insert(1)) == 1
    assert trio.run(bench.writer.write, insert(2)) == 2
    trio.run(bench.writer.close)


@pytest.mark.parametrize(("seconds", "times"), [(0.0, 2), (3600.0, 1)])
async def test_memory_is_given_back_in_a_pause_where_rows_have_changed(
    make_bench: MakeWriter, seconds: float, times: int
) -> None:
    """And a write that comes later is written as ever."""
    bench = make_bench(writer_pause_seconds=0.0, give_back_seconds=seconds)
    said: list[str] = []
    bench.connection.set_trace_callback(said.append)
    await bench.writer.write(lambda connection: connection.execute("INSERT INTO t VALUES (1, NULL, NULL)"))
    while not any("shrink" in statement for statement in said):
        await trio.sleep(0.001)
    await bench.writer.write(lambda connection: connection.execute("SELECT 1").fetchall())
    await bench.writer.write(lambda connection: connection.execute("INSERT INTO t VALUES (2, NULL, NULL)"))
    while times == 2 and sum("shrink" in statement for statement in said) < times:
        await trio.sleep(0.001)
    assert bench.rows() == [1, 2]
    await bench.writer.close()
    assert sum("shrink" in statement for statement in said) == times
