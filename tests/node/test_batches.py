"""Batches against a real store."""

from pathlib import Path

import msgspec

from engine.limits import Limits
from engine.node.batches import Batches
from engine.node.local import LocalBus
from engine.observe.attempts import Attempts
from engine.observe.repeats import Repeats
from engine.registry.record import Activation
from engine.registry.store import Store
from engine.session.table import DictSessionTable
from engine.verdict.outcome import Reason
from tests.helpers.faulty_store import FaultyStore
from tests.helpers.stores import CLOCK, PROJECT, add_device, add_product, new_sealer, open_empty_store

ADDRESS = "192.0.2.1"


def batches_over(store: Store, limits: Limits) -> tuple[Batches, LocalBus, Attempts]:
    bus, attempts = LocalBus(store, DictSessionTable(), limits, CLOCK), Attempts(limits)
    repeats = Repeats(CLOCK, limits)
    return (
        Batches(bus=bus, attempts=attempts, store=store, clock=CLOCK, limits=limits, repeats=repeats),
        bus,
        attempts,
    )


async def test_refusal_of_a_known_device_is_in_its_projects_audit_at_once(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        await add_device(store, new_sealer(), "pump", b"0123456789abcdef")
        batches, _bus, attempts = batches_over(store, Limits())
        attempts.record("pump", Reason.WRONG_SECRET, ADDRESS, ADDRESS, "mqtt", CLOCK.wall())
        attempts.record("nobody", Reason.UNKNOWN_DEVICE, ADDRESS, ADDRESS, "mqtt", CLOCK.wall())
        await batches.flush()
        page = await store.list_audit(PROJECT, target="pump")
        entry = page.entries[0][1]
        assert entry.action == "device.refused"
        assert msgspec.json.decode(entry.detail) == {"reason": "wrong_secret", "from": ADDRESS, "count": 1}
        assert [e.target for _n, e in (await store.list_audit("")).entries] == ["nobody"]


async def test_outage_loses_nothing_and_writes_nothing_twice(tmp_path: Path) -> None:
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        record_id = await add_device(store, new_sealer(), "pump", b"0123456789abcdef")
        for number in range(1, 20):
            faulty = FaultyStore(store, fail_at=number)
            batches, bus, attempts = batches_over(faulty, Limits())
            before = len((await store.list_audit(PROJECT)).entries)
            bus.note_seen(Activation(device_id="pump", record_id=record_id, at=float(number)))
            attempts.record("pump", Reason.WRONG_SECRET, ADDRESS, ADDRESS, "mqtt", CLOCK.wall())
            await batches.flush()
            await batches.flush()
            written = [e.action for _n, e in (await store.list_audit(PROJECT, limit=50)).entries]
            expected = ["device.refused"] if number > 1 else ["device.refused", "device.activate"]
            assert len(written) - before == len(expected), number
            device = (await store.devices(PROJECT, ["pump"]))["pump"]
            assert device.last_seen_at == float(number)


async def test_many_failures_on_one_device_raise_one_alarm_a_minute(tmp_path: Path) -> None:
    """THREATS 4: failures never lock a device out; they raise an alarm, from however many addresses they come."""
    async with open_empty_store(tmp_path) as store:
        await add_product(store)
        await add_device(store, new_sealer(), "pump", b"0123456789abcdef")
        batches, _bus, attempts = batches_over(store, Limits(alarm_failures=10))
        for number in range(30):
            address = f"192.0.2.{number}"
            attempts.record("pump", Reason.WRONG_SECRET, address, address, "mqtt", 600.0)
            await batches.flush()
        actions = [e.action for _n, e in (await store.list_audit(PROJECT, target="pump", limit=50)).entries]
        assert actions.count("device.alarm") == 1
        assert actions.count("device.refused") == 30
