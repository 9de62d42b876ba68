"""A change of a device and its audit entry are one."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.registry import changes, device_changes
from engine.registry.database import create_database, open_for_writing
from engine.registry.record import AuditEntry, CredentialRank
from engine.registry.store import DeviceUpdate
from tests.registry.samples import NOW, PROJECT, audit, device, product, record_id

PRIMARY = CredentialRank.PRIMARY
Change = Callable[[sqlite3.Connection, AuditEntry], object]

CHANGES: dict[str, Change] = {
    "update_device": lambda c, entry: device_changes.update_device(
        c, PROJECT, "pump-1", DeviceUpdate(device_name="x", secure_access=False, timeout_seconds=5), entry
    ),
    "reset_secret": lambda c, entry: device_changes.reset_secret(
        c, PROJECT, "pump-1", record_id(1), PRIMARY, b"new", entry
    ),
    "reset_fingerprint": lambda c, entry: device_changes.reset_fingerprint(
        c, PROJECT, "pump-1", record_id(1), PRIMARY, "ab" * 20, entry
    ),
    "change_tags": lambda c, entry: device_changes.change_tags(c, PROJECT, "pump-1", {"k": "v"}, ["old"], 10, entry),
    "expire_devices": lambda c, _entry: device_changes.expire_devices(c, NOW + 60.0, 10),
}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    changes.create_project(connection, PROJECT, audit())
    changes.add_product(connection, product(), audit())
    tags = b'[{"tag_key":"old","tag_value":"v"}]'
    changes.add_device(connection, device(timeout_seconds=60, timeout_at=NOW + 60, tags=tags), audit())
    yield connection
    connection.close()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_appends_one_audit_entry_and_keeps_what_its_detail_said(
    connection: sqlite3.Connection, change: Change
) -> None:
    (before,) = connection.execute("SELECT count(*) FROM audit").fetchone()

    change(connection, audit("the.change", detail=b'{"who":"me"}'))

    ((action, detail),) = connection.execute(
        "SELECT action, detail FROM audit WHERE sequence > ?", (before,)
    ).fetchall()
    assert b'"before":' in detail
    assert action == "device.expire" or detail.startswith(b'{"who":"me",')


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_whose_audit_entry_fails_is_undone(connection: sqlite3.Connection, change: Change) -> None:
    """Nothing happens that the audit does not know of."""
    before = list(connection.iterdump())
    connection.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'no room'); END")
    connection.execute("BEGIN")

    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        change(connection, audit())
    assert list(connection.iterdump()) != before

    connection.execute("ROLLBACK")
    assert list(connection.iterdump()) == before


def test_expiry_asks_the_index_of_timeouts(connection: sqlite3.Connection) -> None:
    """It runs every second: over two million devices it must look at those that are due alone."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    device_changes.expire_devices(connection, NOW + 60.0, 10)
    connection.set_trace_callback(None)

    deletion, *_ = [one for one in statements if one.lstrip().startswith("DELETE FROM device WHERE device_id IN")]
    plan = [step for (*_ids, step) in connection.execute(f"EXPLAIN QUERY PLAN {deletion}")]
    assert any("credential_by_timeout (timeout_at<?)" in step for step in plan), plan
    assert not any(step.startswith("SCAN") for step in plan), plan
