"""The reaper, one round at a time and at any `now`, against a real store and a real bus."""

from pathlib import Path

import pytest
import trio
import trio.testing

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.node.local import LocalBus
from engine.node.reaper import Reaper
from engine.observe.repeats import Repeats
from engine.registry.record import Activation
from engine.registry.store import DeviceFilter, PageRequest, Store
from engine.session.table import CloseReason, DictSessionTable, Session
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.stores import CLOCK, PROJECT, add_device, add_product, new_sealer, open_empty_store

NOW = int(CLOCK.wall())


class Door:
    """A Front that writes down what it is told to close."""

    def __init__(self) -> None:
        self.closed: list[int] = []

    def close(self, connection: int, reason: CloseReason) -> bool:
        assert reason is CloseReason.ADMINISTRATIVE
        self.closed.append(connection)
        return True


class Household:
    """A reaper and what it works on."""

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self.store = store
        self.sessions = DictSessionTable()
        self.bus = LocalBus(store, self.sessions, limits, CLOCK)
        self.wall = float(NOW)
        clock = Clock(wall=lambda: self.wall, monotonic=CLOCK.monotonic)
        self.reaper = Reaper(store=store, bus=self.bus, clock=clock, limits=limits, repeats=Repeats(clock, limits))

    async def remaining(self) -> set[str]:
        page = await self.store.list_devices(PROJECT, DeviceFilter(), PageRequest(limit=50))
        return {device.device_id for device in page.devices}


async def stock(store: Store, *device_ids: str, timeout_at: int = NOW + 60) -> dict[str, str]:
    """Devices with a timeout; the record id of each."""
    sealer = new_sealer()
    return {
        device_id: await add_device(
            store, sealer, device_id, b"0123456789abcdef", timeout_seconds=60, timeout_at=timeout_at
        )
        for device_id in device_ids
    }


async def test_round_deletes_what_is_due_and_tells_everyone(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        await stock(store, "due")
        await stock(store, "later", timeout_at=NOW + 61)
        house, door = Household(store), Door()
        house.sessions.attach("due", Session(door, 7, NOW))
        sequence = house.bus.sequence

        assert await house.reaper.go_round(NOW + 59.0) == 0
        assert house.bus.sequence == sequence
        assert await house.reaper.go_round(NOW + 60.0) == 1

        assert await house.remaining() == {"later"}
        assert house.bus.is_changed_since("due", sequence)
        assert not house.bus.is_changed_since("later", sequence)
        assert door.closed == [7]


async def test_round_goes_on_until_nothing_is_due(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        await stock(store, *(f"d{number}" for number in range(7)))
        house = Household(store, Limits(reap_batch=3))

        assert await house.reaper.go_round(NOW + 60.0) == 7
        assert await house.remaining() == set()


async def test_restart_loses_no_timeout(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        await stock(store, "due")
    path = tmp_path / "registry.db"
    store = type(store).open(path, limits=Limits(), clock=CLOCK)
    house = Household(store)

    assert await house.reaper.go_round(NOW + 3600.0) == 1
    assert await house.remaining() == set()
    await store.close()


async def test_what_was_seen_is_written_before_anything_is_deleted(tmp_path: Path) -> None:
    """A batch that waits may be of a device whose time is over (DESIGN section 3)."""
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        records = await stock(store, "seen")
        house = Household(store)
        house.bus.note_seen(Activation(device_id="seen", record_id=records["seen"], at=NOW + 59.0))

        assert await house.reaper.go_round(NOW + 60.0) == 0
        assert await house.remaining() == {"seen"}


async def test_outage_at_any_call_deletes_nothing_untold_and_the_next_round_goes_on(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        for number in range(1, 5):
            records = await stock(store, "seen", "due")
            faulty = FaultyStore(store, fail_at=number)
            house = Household(faulty)
            house.bus.note_seen(Activation(device_id="seen", record_id=records["seen"], at=NOW + 1.0))
            if number <= 3:
                with pytest.raises(StoreUnavailable):
                    await house.reaper.go_round(NOW + 60.0)
            await house.reaper.go_round(NOW + 60.0)

            assert await Household(store).remaining() == {"seen"}
            assert house.bus.is_changed_since("due", 0)
            await store.delete_device(PROJECT, "seen", (await store.list_audit(PROJECT)).entries[0][1])


async def test_reaper_goes_round_by_its_clock_and_survives_an_outage(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        await stock(store, "due")
        house = Household(FaultyStore(store, fail_at=1))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.reaper.run)
            while house.store.calls < 3:
                await trio.sleep(1)
            assert await Household(store).remaining() == {"due"}
            house.wall = NOW + 60.0
            while await Household(store).remaining():
                await trio.sleep(1)
            nursery.cancel_scope.cancel()
