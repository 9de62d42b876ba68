"""The end of a task: with its audit entry, bit by bit, and with a bound on what is kept."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.registry import batch_changes, batch_ends, changes
from engine.registry.database import create_database, open_for_writing
from engine.registry.store_batches import BatchLine, LineStatus, TaskStatus
from tests.registry.batch_samples import task
from tests.registry.samples import OTHER_PROJECT, PROJECT, audit, record_id

ENDS: dict[str, Callable[[sqlite3.Connection, str], object]] = {
    "finish": lambda c, task_id: batch_ends.finish(c, task_id, 9, 9, audit("the.change", "it")),
    "fail_some": lambda c, task_id: batch_ends.fail_some(c, task_id, "c", "m", 9, 9, audit("the.change", "it")),
}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    for project_id in (PROJECT, OTHER_PROJECT):
        changes.create_project(connection, project_id, audit())
    yield connection
    connection.close()


def add(
    connection: sqlite3.Connection,
    number: int,
    *,
    count: int = 1,
    status: LineStatus = LineStatus.FAIL,
    project_id: str = PROJECT,
) -> str:
    """A task of so many lines, and where they stand; its task_id."""
    assert batch_changes.add_task(connection, task(number, project_id=project_id), 99, audit()) is None
    lines = [BatchLine(number=line, target=f"pump-{line}", status=status) for line in range(1, count + 1)]
    assert batch_changes.add_lines(connection, record_id(number), lines, is_last=True)
    return record_id(number)


def finish(connection: sqlite3.Connection, task_id: str, most_kept: int, project_id: str = PROJECT) -> None:
    batch_ends.finish(connection, task_id, 9, most_kept, audit("batch-task.finish", task_id, project_id=project_id))


def deleted(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT task_id FROM batch_task WHERE is_deleted ORDER BY 1")]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_end_appends_its_audit_entry(connection: sqlite3.Connection, end: Callable[..., object]) -> None:
    task_id = add(connection, 1)
    (before,) = connection.execute("SELECT max(sequence) FROM audit").fetchone()

    end(connection, task_id)

    entries = connection.execute("SELECT action, target FROM audit WHERE sequence > ?", (before,)).fetchall()
    assert entries == [("the.change", "it")]


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_end_whose_audit_entry_fails_is_undone(connection: sqlite3.Connection, end: Callable[..., object]) -> None:
    task_id = add(connection, 1)
    before = list(connection.iterdump())
    connection.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'no room'); END")
    connection.execute("BEGIN")

    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        end(connection, task_id)

    connection.execute("ROLLBACK")
    assert list(connection.iterdump()) == before


def test_stopping_task_says_so_until_its_last_line_is_stopped(connection: sqlite3.Connection) -> None:
    task_id = add(connection, 1, count=5, status=LineStatus.WAITTING)
    batch_changes.stop(connection, PROJECT, task_id, None, audit())

    steps = [batch_ends.finish(connection, task_id, 2, 9, audit()) for _ in range(3)]

    assert steps == [TaskStatus.STOPPING, TaskStatus.STOPPING, TaskStatus.STOPPED]
    assert batch_ends.count_lines(connection, task_id) == {LineStatus.STOPPED: 5}


def test_failing_task_ends_with_its_last_line(connection: sqlite3.Connection) -> None:
    task_id = add(connection, 1, count=5, status=LineStatus.WAITTING)

    steps = [batch_ends.fail_some(connection, task_id, "c", "m", 2, 9, audit()) for _ in range(2)]
    stood = connection.execute("SELECT status FROM batch_task").fetchone()
    steps.append(batch_ends.fail_some(connection, task_id, "c", "m", 2, 9, audit()))

    assert (steps, stood) == ([True, True, False], ("Waitting",))
    assert connection.execute("SELECT status, status_desc FROM batch_task").fetchone() == ("Fail", "m")
    assert connection.execute("SELECT DISTINCT status, error_code FROM batch_line").fetchall() == [("Fail", "c")]


def test_oldest_finished_tasks_of_the_project_go(connection: sqlite3.Connection) -> None:
    """With an entry each; another project's, and what is not finished, stay."""
    foreign = add(connection, 1, project_id=OTHER_PROJECT)
    finish(connection, foreign, 2, OTHER_PROJECT)
    waiting = add(connection, 2, status=LineStatus.WAITTING)
    first, second, third = [add(connection, number) for number in (3, 4, 5)]
    for each in (first, second):
        finish(connection, each, 2)
    assert deleted(connection) == []

    finish(connection, third, 2)

    assert deleted(connection) == [first]
    assert waiting not in deleted(connection)
    entries = connection.execute("SELECT target, project_id FROM audit WHERE action = 'batch-task.expire'").fetchall()
    assert entries == [(first, PROJECT)]


def test_task_that_just_ended_is_not_the_one_that_goes(connection: sqlite3.Connection) -> None:
    """Made first and finished last, as one that was scheduled: its outcome was not seen yet."""
    scheduled, first, second = [add(connection, number) for number in (1, 2, 3)]
    for each in (first, second, scheduled):
        finish(connection, each, 2)

    assert deleted(connection) == [first]
