"""A change of a certificate and its audit entry are one; what it answers is in contract_certificates.py."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.registry import certificate_changes, changes
from engine.registry.database import create_database, open_for_writing
from engine.registry.record import AuditEntry, CertificateStatus
from engine.registry.store_certificates import CaUpdate
from tests.registry.contract_certificates import ca, device_certificate
from tests.registry.samples import PROJECT, audit, record_id

Change = Callable[[sqlite3.Connection, AuditEntry], object]

CHANGES: dict[str, Change] = {
    "add_ca": lambda c, entry: certificate_changes.add_ca(c, ca(2), 9, entry),
    "update_ca": lambda c, entry: certificate_changes.update_ca(
        c, PROJECT, record_id(1), CaUpdate(ocsp_enable=True), entry
    ),
    "verify_ca": lambda c, entry: certificate_changes.verify_ca(c, PROJECT, record_id(1), entry),
    "delete_ca": lambda c, entry: certificate_changes.delete_ca(c, PROJECT, record_id(1), entry),
    "set_device_certificate_status": lambda c, entry: certificate_changes.set_device_certificate_status(
        c, PROJECT, record_id(1), CertificateStatus.INACTIVE, entry
    ),
    "delete_device_certificate": lambda c, entry: certificate_changes.delete_device_certificate(
        c, PROJECT, record_id(1), entry
    ),
}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    changes.create_project(connection, PROJECT, audit())
    assert certificate_changes.add_ca(connection, ca(), 9, audit()) is None
    certificate_changes.note_device_certificate(connection, device_certificate())
    yield connection
    connection.close()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_appends_its_audit_entry(connection: sqlite3.Connection, change: Change) -> None:
    (before,) = connection.execute("SELECT count(*) FROM audit").fetchone()

    change(connection, audit("the.change", "it"))

    entries = connection.execute("SELECT action, target FROM audit WHERE sequence > ?", (before,)).fetchall()
    assert entries == [("the.change", "it")]


def note_another(connection: sqlite3.Connection, _entry: AuditEntry) -> object:
    """It writes its own entry."""
    return certificate_changes.note_device_certificate(connection, device_certificate(2))


@pytest.mark.parametrize("change", [*CHANGES.values(), note_another], ids=[*CHANGES, "note_device_certificate"])
def test_change_whose_audit_entry_fails_is_undone(connection: sqlite3.Connection, change: Change) -> None:
    before = list(connection.iterdump())
    connection.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'no room'); END")
    connection.execute("BEGIN")

    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        change(connection, audit())
    assert list(connection.iterdump()) != before

    connection.execute("ROLLBACK")
    assert list(connection.iterdump()) == before
