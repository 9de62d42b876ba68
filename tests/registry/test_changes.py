"""A change and its audit entry are one."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.registry import changes, sqlite_access
from engine.registry.database import create_database, open_for_writing
from engine.registry.record import AuditEntry
from engine.registry.store import StoreRefusal
from tests.registry.samples import OTHER_PROJECT, PROJECT, access_key, api_token, audit, device, product

Change = Callable[[sqlite3.Connection, AuditEntry], StoreRefusal | None]

CHANGES: dict[str, Change] = {
    "create_project": lambda c, entry: changes.create_project(c, OTHER_PROJECT, entry),
    "add_access_key": lambda c, entry: sqlite_access.add_access_key(c, access_key("AK-2"), 9, entry),
    "revoke_access_key": lambda c, entry: sqlite_access.revoke_access_key(c, PROJECT, "AK", entry),
    "add_api_token": lambda c, entry: sqlite_access.add_api_token(c, api_token("new"), 9, entry),
    "revoke_api_token": lambda c, entry: sqlite_access.revoke_api_token(c, PROJECT, "init", entry),
    "add_product": lambda c, entry: changes.add_product(c, product("valves", record_id="2" * 24), entry),
    "delete_product": lambda c, entry: changes.delete_product(c, PROJECT, "unused", entry),
    "add_device": lambda c, entry: changes.add_device(c, device(2), entry),
    "delete_device": lambda c, entry: changes.delete_device(c, PROJECT, "pump-1", entry),
    "set_frozen": lambda c, entry: changes.set_frozen(c, PROJECT, "pump-1", True, entry),
}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    changes.create_project(connection, PROJECT, audit())
    sqlite_access.add_access_key(connection, access_key("AK"), 9, audit())
    sqlite_access.add_api_token(connection, api_token("init"), 9, audit())
    changes.add_product(connection, product(), audit())
    changes.add_product(connection, product("unused", record_id="3" * 24), audit())
    changes.add_device(connection, device(), audit())
    yield connection
    connection.close()


def everything(connection: sqlite3.Connection) -> list[str]:
    return list(connection.iterdump())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_appends_its_audit_entry(connection: sqlite3.Connection, change: Change) -> None:
    (before,) = connection.execute("SELECT count(*) FROM audit").fetchone()

    assert change(connection, audit("the.change", "it")) is None

    entries = connection.execute("SELECT action, target FROM audit WHERE sequence > ?", (before,)).fetchall()
    assert entries == [("the.change", "it")]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_whose_audit_entry_fails_is_undone(connection: sqlite3.Connection, change: Change) -> None:
    """Nothing happens that the audit does not know of."""
    before = everything(connection)
    connection.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'no room'); END")
    connection.execute("BEGIN")

    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        change(connection, audit())
    assert everything(connection) != before

    connection.execute("ROLLBACK")
    assert everything(connection) == before
