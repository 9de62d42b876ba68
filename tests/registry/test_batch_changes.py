"""A change of a batch task and its audit entry are one."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.registry import batch_changes, batch_ends, changes
from engine.registry.batch_sweeps import BEGINNING
from engine.registry.database import create_database, open_for_writing
from engine.registry.record import AuditEntry
from engine.registry.store_batches import BatchLine, FreezeLine, LineStatus
from tests.registry.batch_samples import TASK, batch_file, task
from tests.registry.samples import PROJECT, audit, device, product, record_id

Change = Callable[[sqlite3.Connection, AuditEntry], object]

FINISHED = record_id(2)
CHANGES: dict[str, Change] = {
    "add_file": lambda c, entry: batch_changes.add_file(c, batch_file(7), b"", 9, entry),
    "delete_file": lambda c, entry: batch_changes.delete_file(c, PROJECT, batch_file().file_id, entry),
    "add_task": lambda c, entry: batch_changes.add_task(c, task(3), 9, entry),
    "delete_task": lambda c, entry: batch_changes.delete_task(c, PROJECT, FINISHED, entry),
    "stop": lambda c, entry: batch_changes.stop(c, PROJECT, TASK, None, entry),
    "stop_targets": lambda c, entry: batch_changes.stop(c, PROJECT, TASK, ["pump-1"], entry),
    "retry": lambda c, entry: batch_changes.retry(c, PROJECT, FINISHED, ["pump-1"], 9, entry),
    "retry_some": lambda c, entry: batch_changes.retry_some(c, PROJECT, FINISHED, 9, entry, BEGINNING, 9),
    "confirm": lambda c, entry: batch_changes.confirm(c, PROJECT, TASK, ["pump-1"], entry),
    "confirm_some": lambda c, entry: batch_changes.confirm_some(c, PROJECT, TASK, entry, BEGINNING, 9),
    "apply": lambda c, entry: batch_changes.apply(c, TASK, [FreezeLine(1, "pump-1", True, entry)]),
}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    changes.create_project(connection, PROJECT, audit())
    changes.add_product(connection, product(), audit())
    changes.add_device(connection, device(), audit())
    batch_changes.add_file(connection, batch_file(), b"", 9, audit())
    held = BatchLine(number=1, target="pump-1", is_held=True)
    done = BatchLine(number=1, target="pump-1", status=LineStatus.FAIL)
    for number, line in ((100, held), (2, done)):
        batch_changes.add_task(connection, task(number), 9, audit())
        batch_changes.add_lines(connection, record_id(number), [line], is_last=True)
    batch_ends.finish(connection, FINISHED, 9, 9, audit())
    yield connection
    connection.close()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_appends_its_audit_entry(connection: sqlite3.Connection, change: Change) -> None:
    (before,) = connection.execute("SELECT count(*) FROM audit").fetchone()

    change(connection, audit("the.change", "it"))

    entries = connection.execute("SELECT action, target FROM audit WHERE sequence > ?", (before,)).fetchall()
    assert entries == [("the.change", "it")]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_whose_audit_entry_fails_is_undone(connection: sqlite3.Connection, change: Change) -> None:
    """Of a line: neither the device nor the line moves."""
    before = list(connection.iterdump())
    connection.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'no room'); END")
    connection.execute("BEGIN")

    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        change(connection, audit())

    connection.execute("ROLLBACK")
    assert list(connection.iterdump()) == before


def test_step_behind_the_first_is_audited_no_more(connection: sqlite3.Connection) -> None:
    """A call is one entry, however many writes it takes."""
    (before,) = connection.execute("SELECT count(*) FROM audit").fetchone()

    batch_changes.retry_some(connection, PROJECT, FINISHED, 9, audit(), 0, 9)
    batch_changes.confirm_some(connection, PROJECT, TASK, audit(), 0, 9)

    assert connection.execute("SELECT count(*) FROM audit").fetchone() == (before,)
    assert connection.execute("SELECT status, is_held FROM batch_line").fetchall() == [("Waitting", 0)] * 2


def test_lines_of_a_task_that_has_begun_are_not_cleared(connection: sqlite3.Connection) -> None:
    assert not batch_changes.clear_lines(connection, TASK, 1)
    assert connection.execute("SELECT count(*) FROM batch_line WHERE task_id = ?", (TASK,)).fetchone() == (1,)
