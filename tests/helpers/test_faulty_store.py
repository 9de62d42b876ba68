"""The loop's own tool: the n-th call fails, the others reach the store."""

from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from tests.helpers.faulty_store import FaultyStore
from tests.registry.samples import PROJECT, access_key, audit, device, open_sqlite, seed


async def test_the_named_call_fails_and_the_others_are_real(tmp_path: Path) -> None:
    real = open_sqlite(tmp_path / "registry.db", create=True)
    await seed(real)
    store = FaultyStore(real, fail_at=2)

    assert await store.add_device(device(1), audit()) is None
    assert not store.has_failed
    with pytest.raises(StoreUnavailable):
        await store.delete_device(PROJECT, "pump-1", audit())
    assert store.has_failed
    assert set(await store.credentials(["pump-1"])) == {"pump-1"}
    await store.close()


async def test_calls_to_a_part_of_the_store_count_and_fail_with_the_others(tmp_path: Path) -> None:
    real = open_sqlite(tmp_path / "registry.db", create=True)
    await seed(real)
    store = FaultyStore(real, fail_at=3)

    assert await store.access.add_access_key(access_key(), audit()) is None
    assert set(await store.access.access_keys(["AK"])) == {"AK"}
    assert (store.calls, store.has_failed) == (2, False)
    with pytest.raises(StoreUnavailable, match=r"access\.revoke_access_key"):
        await store.access.revoke_access_key(PROJECT, "AK", audit())
    assert set(await store.access.access_keys(["AK"])) == {"AK"}
    await store.close()
