"""The change of a product and its audit entry are one; what it answers is in contract_products.py."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.registry import changes
from engine.registry.database import create_database, open_for_writing
from engine.registry.product_changes import update_product
from engine.registry.store import ProductUpdate
from tests.registry.samples import PROJECT, audit, product


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    changes.create_project(connection, PROJECT, audit())
    changes.add_product(connection, product(), audit())
    yield connection
    connection.close()


def test_change_whose_audit_entry_fails_is_undone(connection: sqlite3.Connection) -> None:
    before = list(connection.iterdump())
    connection.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'no room'); END")
    connection.execute("BEGIN")

    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        update_product(connection, PROJECT, "pumps", ProductUpdate(name="N"), audit())
    assert list(connection.iterdump()) != before

    connection.execute("ROLLBACK")
    assert list(connection.iterdump()) == before
