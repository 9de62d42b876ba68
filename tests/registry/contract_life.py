"""The contract of record ids, cancelling, closing and opening again."""

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from engine.errors import StoreUnavailable
from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceFilter, PageRequest
from tests.registry.contract import Contract, OpenStore
from tests.registry.samples import NOW, PROJECT, audit, device


class RecordIdContract(Contract):
    """Record ids grow, whatever the clock does."""

    async def test_record_ids_grow_when_the_clock_goes_back(self, store: SqliteStore) -> None:
        made = [await store.allocate_record_id(now) for now in (NOW + 0.9, NOW - 3600.0, NOW, NOW + 1, -1.0, 2.0**40)]

        assert made == sorted(set(made))
        assert [len(one) for one in made] == [24] * 6
        assert made[0][:8] == f"{NOW:08x}"

    async def test_record_ids_grow_over_a_restart_with_the_clock_back(self, open_store: OpenStore) -> None:
        store = await open_store()
        made = [await store.allocate_record_id(NOW + second) for second in range(5)]
        await store.close()

        again = await open_store()

        assert await again.allocate_record_id(NOW - 3600.0) > made[-1]

    async def test_record_ids_differ_under_concurrency_and_over_blocks(self, store: SqliteStore) -> None:
        made: list[str] = []

        async def allocate(second: int) -> None:
            made.extend([await store.allocate_record_id(NOW + second) for _ in range(700)])

        async with trio.open_nursery() as nursery:
            for second in range(5):
                nursery.start_soon(allocate, second)

        assert len(set(made)) == 3500
        assert made[-1] == max(made)


class PinContract(Contract):
    """The first certificate of a device is pinned once."""

    async def test_of_two_racing_pins_one_wins_and_the_other_is_told(self, store: SqliteStore) -> None:
        await store.add_device(device(1), audit())
        outcomes: dict[str, bool] = {}

        async def pin(fingerprint: str) -> None:
            outcomes[fingerprint] = await store.pin_fingerprint("pump-1", 1, fingerprint, NOW)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pin, "a" * 64)
            nursery.start_soon(pin, "b" * 64)

        row = (await store.credentials(["pump-1"]))["pump-1"]
        assert sorted(outcomes.values()) == [False, True]
        assert row.fingerprint is not None
        assert outcomes[row.fingerprint]
        assert row.generation == 2

    async def test_pin_of_another_generation_or_an_absent_device_changes_nothing(self, store: SqliteStore) -> None:
        await store.add_device(device(1), audit())

        assert not await store.pin_fingerprint("pump-1", 2, "a" * 64, NOW)
        assert not await store.pin_fingerprint("nobody", 1, "a" * 64, NOW)
        assert (await store.credentials(["pump-1"]))["pump-1"].fingerprint is None


class LifeContract(Contract):
    """Cancelling, closing, opening again."""

    async def test_cancelled_write_was_not_made(self, store: SqliteStore) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await store.add_device(device(), audit())

        assert scope.cancelled_caught
        assert await store.credentials(["pump-1"]) == {}

    async def test_write_is_made_if_and_only_if_its_caller_learns_of_it(self, store: SqliteStore) -> None:
        """Cancelled at every point of the way: waiting, half committed, just answered."""
        learned = set()

        async def add(number: int) -> None:
            for one in (2 * number, 2 * number + 1):
                if await store.add_device(device(one), audit(target=f"pump-{one}")) is None:
                    learned.add(f"pump-{one}")

        for number in range(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(add, number)
                for _ in range(number):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()

        everyone = [f"pump-{number}" for number in range(40)]
        assert set(await store.credentials(everyone)) == learned
        assert 0 < len(learned) < 40

    async def test_closing_flushes_what_is_queued(self, open_store: OpenStore) -> None:
        store = await open_store()
        answers = []

        async def add(number: int) -> None:
            answers.append(await store.add_device(device(number), audit()))

        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(add, number)
            await trio.testing.wait_all_tasks_blocked()
            await store.close()

        assert answers == [None] * 50
        again = await open_store()
        assert (await again.list_devices(PROJECT, DeviceFilter(), PageRequest())).count == 50

    async def test_closed_store_is_unavailable_and_may_be_closed_again(self, store: SqliteStore) -> None:
        await store.close()
        await store.close()

        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: store.credentials(["pump-1"]),
            lambda: store.credentials(["pump-1"] * 100),
            lambda: store.devices(PROJECT, ["pump-1"]),
            lambda: store.list_devices(PROJECT, DeviceFilter(), PageRequest()),
            lambda: store.list_audit(PROJECT),
            lambda: store.api_token(bytes(32)),
            lambda: store.add_device(device(), audit()),
            lambda: store.activate([]),
            lambda: store.allocate_record_id(0.0),
            store.check,
        ]
        for call in calls:
            with pytest.raises(StoreUnavailable):
                await call()

    async def test_healthy_store_passes_its_check(self, store: SqliteStore) -> None:
        await store.check()

    async def test_what_was_written_is_there_after_opening_again(self, open_store: OpenStore) -> None:
        store = await open_store()
        await store.add_device(device(), audit())
        await store.set_frozen(PROJECT, "pump-1", True, audit())
        before = await store.credentials(["pump-1"])
        await store.close()

        assert await (await open_store()).credentials(["pump-1"]) == before
