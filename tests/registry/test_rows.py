"""Rows become records field by field."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from engine.registry.record import CredentialRow, Device, Product
from engine.registry.rows import SELECT_CREDENTIALS, SELECT_DEVICE, SELECT_PRODUCT
from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceFilter, PageRequest
from tests.registry.samples import PROJECT, audit, device, open_sqlite, seed


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = open_sqlite(tmp_path / "registry.db", create=True)
    await seed(store)
    await store.add_device(device(), audit())
    yield store
    await store.close()


async def test_columns_stand_in_the_order_of_the_fields(store: SqliteStore, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "registry.db")
    columns = [
        [column[0] for column in connection.execute(statement, arguments).description]
        for statement, arguments in (
            (f"{SELECT_CREDENTIALS} (?)", ("pump-1",)),
            (SELECT_DEVICE, ()),
            (SELECT_PRODUCT, ()),
        )
    ]
    connection.close()

    columns[1] = ["product_name" if name == "name" else name for name in columns[1]]
    assert columns == [list(kind.__struct_fields__) for kind in (CredentialRow, Device, Product)]


async def test_damaged_word_in_a_row_is_an_outage(store: SqliteStore, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "registry.db")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("UPDATE credential SET protocol = 'MQTU'")
    connection.commit()
    connection.close()

    with pytest.raises(StoreUnavailable, match="damaged"):
        await store.credentials(["pump-1"])
    with pytest.raises(StoreUnavailable, match="damaged"):
        await store.devices(PROJECT, ["pump-1"])
    with pytest.raises(StoreUnavailable, match="damaged"):
        await store.list_devices(PROJECT, DeviceFilter(), PageRequest())
