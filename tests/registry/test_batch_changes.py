"""A change of a batch task and its audit entry are one."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.registry import batch_changes, changes
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
    "retry": lambda c, entry: batch_changes.retry(c, PROJECT, FINISHED, None, 9, entry),
    "confirm": lambda c, entry: batch_changes.confirm(c, PROJECT, TASK, None, entry),
    "apply": lambda c, entry: batch_changes.apply(c, TASK, [FreezeLine(1, "pump-1", True, entry)]),
    "finish": lambda c, entry: batch_changes.finish(c, record_id(4), entry),
    "fail_task": lambda c, entry: batch_changes.fail_task(c, TASK, "c", "m", entry),
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
    for number, line in ((100, held), (2, done), (4, done)):
        batch_changes.add_task(connection, task(number), 9, audit())
        batch_changes.add_lines(connection, record_id(number), [line], is_first=True, is_last=True)
    batch_changes.finish(connection, FINISHED, audit())
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
