"""All lines of a task, some at a time."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.registry import batch_changes, changes
from engine.registry.batch_sweeps import BEGINNING, FAILED, RETRIED, STOPPED, clear, purge, sweep, update_targets
from engine.registry.database import create_database, open_for_writing
from engine.registry.store_batches import BatchLine, LineStatus
from tests.registry.batch_samples import TASK, task
from tests.registry.samples import PROJECT, audit, record_id

LINES = 7
DONE = 4
"""The line that is done, and that no sweep is about."""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    changes.create_project(connection, PROJECT, audit())
    for number in (100, 101):
        batch_changes.add_task(connection, task(number), 9, audit())
        lines = [
            BatchLine(
                number=each, target=f"pump-{each}", status=LineStatus.SUCCESS if each == DONE else LineStatus.FAIL
            )
            for each in range(1, LINES + 1)
        ]
        batch_changes.add_lines(connection, record_id(number), lines, is_last=True)
    yield connection
    connection.close()


def numbers(connection: sqlite3.Connection, status: str, task_id: str = TASK) -> list[int]:
    statement = "SELECT number FROM batch_line WHERE task_id = ? AND status = ? ORDER BY number"
    return [row[0] for row in connection.execute(statement, (task_id, status))]


def test_every_line_that_fits_is_met_once_and_in_order(connection: sqlite3.Connection) -> None:
    last: int | None = BEGINNING
    met = []
    while last is not None:
        last = sweep(connection, TASK, RETRIED, last, 2)
        met.append((last, numbers(connection, "Waitting")))

    assert met == [(2, [1, 2]), (5, [1, 2, 3, 5]), (7, [1, 2, 3, 5, 6, 7]), (None, [1, 2, 3, 5, 6, 7])]
    assert numbers(connection, "Fail", record_id(101)) == [1, 2, 3, 5, 6, 7]


def test_line_that_fails_again_behind_the_sweep_is_not_met_again(connection: sqlite3.Connection) -> None:
    """Or a task that fails as fast as it is retried would never come to an end."""
    last = sweep(connection, TASK, RETRIED, BEGINNING, 3)
    assert last == 3
    connection.execute("UPDATE batch_line SET status = 'Fail' WHERE task_id = ? AND number = 1", (TASK,))

    assert sweep(connection, TASK, RETRIED, last, 9) is None

    assert numbers(connection, "Fail") == [1]


def test_values_are_bound(connection: sqlite3.Connection) -> None:
    sweep(connection, TASK, RETRIED, BEGINNING, 9)

    sweep(connection, TASK, FAILED, BEGINNING, 9, {"error_code": "c", "error_msg": "it's"})

    found = connection.execute("SELECT DISTINCT error_code, error_msg FROM batch_line WHERE status = 'Fail'")
    assert ("c", "it's") in found.fetchall()


def test_lines_are_taken_in_the_order_of_the_primary_key(connection: sqlite3.Connection) -> None:
    """With an index by status, SQLite would sort all that are left with every step."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    sweep(connection, TASK, STOPPED, BEGINNING, 2)
    connection.set_trace_callback(None)

    plan = connection.execute(f"EXPLAIN QUERY PLAN {statements[0]}").fetchall()
    assert [step[3] for step in plan] == ["SEARCH batch_line USING PRIMARY KEY (task_id=? AND number>?)"]


def test_only_the_lines_of_these_targets_change(connection: sqlite3.Connection) -> None:
    targets = ["pump-2", f"pump-{DONE}", "absent"]

    assert update_targets(connection, TASK, RETRIED, targets) == {"pump-2"}
    assert numbers(connection, "Waitting") == [2]


def test_lines_are_cleared_so_many_at_a_time(connection: sqlite3.Connection) -> None:
    assert [clear(connection, TASK, 3) for _ in range(3)] == [True, True, False]
    assert connection.execute("SELECT task_id, count(*) FROM batch_line GROUP BY 1").fetchall() == [
        (record_id(101), LINES)
    ]


def test_deleted_task_goes_with_its_last_line(connection: sqlite3.Connection) -> None:
    assert not purge(connection, 3)
    connection.execute("UPDATE batch_task SET is_deleted = 1 WHERE task_id = ?", (TASK,))
    left = []
    while purge(connection, 3):
        left.append(connection.execute("SELECT count(*) FROM batch_line WHERE task_id = ?", (TASK,)).fetchone()[0])

    assert left == [4, 1, 0]
    assert connection.execute("SELECT task_id FROM batch_task").fetchall() == [(record_id(101),)]
