"""The loop's own tool: the n-th call fails, the others reach the store."""

from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from tests.helpers.faulty_store import FaultyStore
from tests.registry.samples import PROJECT, audit, device, open_sqlite, seed


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
