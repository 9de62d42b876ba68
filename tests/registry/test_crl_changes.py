"""A change of a CRL and its audit entry are one; what it answers is in contract_crls.py."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.registry import certificate_changes, changes, crl_changes
from engine.registry.database import create_database, open_for_writing
from engine.registry.record import AuditEntry
from tests.registry.contract_certificates import ca
from tests.registry.contract_crls import crl
from tests.registry.samples import NOW, PROJECT, audit, record_id

Change = Callable[[sqlite3.Connection, AuditEntry], object]
CHANGES: dict[str, Change] = {
    "set_crl": lambda c, entry: crl_changes.set_crl(c, crl(this_update=NOW + 1), 1000, entry),
    "delete_crl": lambda c, entry: crl_changes.delete_crl(c, PROJECT, record_id(1), entry),
}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    changes.create_project(connection, PROJECT, audit())
    certificate_changes.add_ca(connection, ca(), 9, audit())
    crl_changes.set_crl(connection, crl(der=b"before"), 1000, audit())
    yield connection
    connection.close()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_appends_its_audit_entry(connection: sqlite3.Connection, change: Change) -> None:
    (before,) = connection.execute("SELECT count(*) FROM audit").fetchone()
    change(connection, audit("the.change", "it"))
    entries = connection.execute("SELECT action, target FROM audit WHERE sequence > ?", (before,)).fetchall()
    assert entries == [("the.change", "it")]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_whose_audit_entry_cannot_be_written_raises(connection: sqlite3.Connection, change: Change) -> None:
    """The writer then rolls both back."""
    connection.execute("DROP TABLE audit")
    with pytest.raises(sqlite3.OperationalError):
        change(connection, audit())
