"""What SQLite adds to the contract of access (contract_access.py)."""

import sqlite3
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from tests.registry.samples import PROJECT, access_key, api_token, audit, open_sqlite, seed


@pytest.mark.parametrize("table", ["access_key", "api_token"])
async def test_a_role_that_nobody_wrote_is_damage_and_opens_nothing(tmp_path: Path, table: str) -> None:
    path = tmp_path / "registry.db"
    store = open_sqlite(path, create=True)
    await seed(store)
    await store.access.add_access_key(access_key(), audit())
    await store.access.add_api_token(api_token(), audit())
    damaging = sqlite3.connect(path)
    damaging.execute("PRAGMA ignore_check_constraints = ON")
    damaging.execute(f"UPDATE {table} SET role = 'owner'")
    damaging.commit()
    damaging.close()

    look_ups = {
        "access_key": lambda: store.access.access_keys(["AK"]),
        "api_token": lambda: store.api_token(api_token().digest),
    }
    with pytest.raises(StoreUnavailable, match="role"):
        await look_ups[table]()
    await store.close()


async def test_what_version_1_knew_may_still_do_all(tmp_path: Path) -> None:
    """Its credentials had no roles: whoever held one could call everything."""
    path = tmp_path / "registry.db"
    path.touch(0o600)
    connection = sqlite3.connect(path)
    connection.executescript(Path(__file__).with_name("registry_v1.sql").read_text("utf-8"))
    connection.close()
    store = open_sqlite(path)

    (token,) = await store.access.list_api_tokens(PROJECT)
    keys = await store.access.list_access_keys(PROJECT)

    assert [(one.role, one.reads_secrets) for one in (token, *keys)] == [("admin", True)] * (1 + len(keys))
    assert keys
    await store.close()
