"""Numbers are reserved durably before they are given out."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from engine.errors import StoreUnavailable
from engine.registry.record_ids import BLOCK
from engine.registry.sqlite import SqliteStore
from tests.registry.samples import NOW, open_sqlite


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = open_sqlite(tmp_path / "registry.db", create=True)
    yield store
    await store.close()


async def test_ids_grow_over_a_crash(store: SqliteStore, tmp_path: Path) -> None:
    """The first store is not closed: what a second one finds is what a crash would have left."""
    before = [await store.allocate_record_id(NOW + second) for second in (0, 0, 7)]

    after_crash = open_sqlite(tmp_path / "registry.db")
    after = await after_crash.allocate_record_id(NOW - 86400.0)
    await after_crash.close()

    assert [*before, after] == sorted({*before, after})
    assert after == f"{NOW + 7:08x}{BLOCK:016x}"


async def test_clock_that_goes_back_holds_the_seconds(store: SqliteStore) -> None:
    await store.allocate_record_id(NOW + 100.0)

    assert await store.allocate_record_id(NOW) == f"{NOW + 100:08x}{1:016x}"


async def test_one_reservation_serves_all_that_wait(store: SqliteStore, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(store.allocate_record_id, NOW)

    again = open_sqlite(tmp_path / "registry.db")
    assert await again.allocate_record_id(NOW) == f"{NOW:08x}{BLOCK:016x}"
    await again.close()


async def test_ids_that_cannot_be_reserved_are_not_given_out(store: SqliteStore) -> None:
    given = [await store.allocate_record_id(NOW)]
    await store.close()

    given.append(await store.allocate_record_id(NOW))
    with pytest.raises(StoreUnavailable):
        await store.allocate_record_id(NOW + 1)
    assert given == [f"{NOW:08x}{number:016x}" for number in (0, 1)]
