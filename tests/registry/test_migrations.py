"""The schema's history: whatever an earlier version made, this one opens."""

import sqlite3
from pathlib import Path

import pytest

from engine.registry import migrations
from engine.registry.database import create_database, open_for_writing
from engine.registry.store import DeviceFilter, PageRequest
from tests.registry.samples import PROJECT, device, open_sqlite, product

VERSION_1 = Path(__file__).with_name("registry_v1.sql")
"""A registry as migration 1 made it, dumped the day it was released, with one record in every table. Never edited."""


def schema(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    statements = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    return [(name, " ".join(sql.split())) for name, sql in statements]


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    path = tmp_path / "registry.db"
    create_database(path)
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1.read_text("utf-8"))
    connection.close()
    return path


async def test_registry_made_by_version_1_opens_with_all_it_holds(version_1: Path) -> None:
    store = open_sqlite(version_1)

    assert await store.devices(PROJECT, ["pump-1"]) == {"pump-1": device()}
    assert await store.products(PROJECT, ["pumps"]) == {"pumps": product()}
    assert (await store.credentials(["pump-1"]))["pump-1"].sealed_primary == b"sealed"
    assert (await store.list_devices(PROJECT, DeviceFilter(), PageRequest())).count == 1
    assert (await store.list_audit(PROJECT)).entries
    assert await store.api_token(bytes(32)) is not None
    assert await store.allocate_record_id(0.0) > "6553f100"
    await store.close()


def test_released_migration_is_never_edited(version_1: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
    create_database(tmp_path / "new.db")
    new = open_for_writing(tmp_path / "new.db")
    old = sqlite3.connect(version_1)

    assert schema(new) == schema(old)
    new.close()
    old.close()


def test_migration_that_fails_leaves_the_version_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")
    before = schema(connection)
    broken = ("CREATE TABLE later (x)", "INSERT INTO absent VALUES (1)")
    monkeypatch.setattr(migrations, "MIGRATIONS", [*migrations.MIGRATIONS, broken])

    with pytest.raises(sqlite3.OperationalError, match="absent"):
        migrations.migrate(connection)

    assert schema(connection) == before
    assert connection.execute("PRAGMA user_version").fetchone() == (len(migrations.MIGRATIONS) - 1,)
    connection.close()


def test_later_migration_is_applied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_database(tmp_path / "registry.db")
    open_for_writing(tmp_path / "registry.db").close()
    monkeypatch.setattr(migrations, "MIGRATIONS", [*migrations.MIGRATIONS, ("CREATE TABLE later (x)",)])

    open_for_writing(tmp_path / "registry.db").close()
    connection = open_for_writing(tmp_path / "registry.db")

    assert connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
    connection.close()
