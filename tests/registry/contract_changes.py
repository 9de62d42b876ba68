"""The contract of look-ups, changes and activation."""

import os

import msgspec
import pytest
import trio

from engine.errors import StoreUnavailable
from engine.registry.record import Activation, Device, DeviceProtocol
from engine.registry.sealing import MasterKeys, Sealer, Slot
from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceFilter, PageRequest, StoreRefusal
from tests.registry.contract import Contract
from tests.registry.samples import NOW, OTHER_PROJECT, PROJECT, audit, device, product, record_id


class LookUpContract(Contract):
    """Look-ups take a sequence and answer a mapping."""

    async def test_unknown_devices_are_left_out(self, store: SqliteStore) -> None:
        await store.add_device(device(1), audit())

        assert set(await store.credentials(["pump-1", "pump-2", ""])) == {"pump-1"}
        assert await store.credentials([]) == {}

    @pytest.mark.parametrize("asked", [1, 64, 65, 600])
    async def test_batch_of_any_size_answers_the_same_rows(self, store: SqliteStore, asked: int) -> None:
        for number in (1, 2, 3):
            await store.add_device(device(number), audit())
        padding = [f"absent-{number}" for number in range(asked - 1)]

        rows = await store.credentials([*padding, "pump-2"])

        assert rows == await store.credentials(["pump-2"])
        assert await store.devices(PROJECT, [*padding, "pump-2"]) == await store.devices(PROJECT, ["pump-2"])
        assert await store.products(PROJECT, [*padding, "pumps"]) == {"pumps": product()}

    @pytest.mark.parametrize("limit", [1, 2, 3, 4])
    async def test_all_credentials_are_read_once_in_order(self, store: SqliteStore, limit: int) -> None:
        for number in (2, 1, 3):
            await store.add_device(device(number), audit())
        read = []
        last = ""
        while rows := await store.credentials_after(last, limit):
            assert len(rows) <= limit
            read += rows
            last = rows[-1].device_id

        assert [row.device_id for row in read] == ["pump-1", "pump-2", "pump-3"]
        assert read[1:2] == list((await store.credentials(["pump-2"])).values())

    async def test_coap_device_is_found_by_its_node_id_and_no_other_is(self, store: SqliteStore) -> None:
        await store.add_product(product("meters", record_id=record_id(9), protocol_type="CoAP"), audit())
        await store.add_device(device(1, node_id="n", product_id="meters", protocol=DeviceProtocol.COAP), audit())
        await store.add_device(device(2, node_id="n"), audit())
        await store.add_device(device(3, node_id="m"), audit())

        for asked in (["n", "m", "absent", ""], ["n", *(f"absent-{number}" for number in range(600))]):
            assert await store.credentials_by_node(asked) == {"n": (await store.credentials(["pump-1"]))["pump-1"]}
        assert await store.credentials_by_node([]) == {}

    async def test_device_is_read_as_it_was_added(self, store: SqliteStore) -> None:
        added = device(
            device_name="泵 1",
            description="by the river",
            extension_info=b'{"a":1}',
            tags=b"[]",
            shadow=b"[]",
            auth_type="CERTIFICATES",
            secure_access=False,
            timeout_seconds=60,
            timeout_at=NOW + 60,
            sealed_primary=None,
            sealed_secondary=b"second",
            fingerprint="AB" * 20,
            secondary_fingerprint="cd" * 32,
        )
        await store.add_device(added, audit())

        assert await store.devices(PROJECT, [added.device_id]) == {added.device_id: added}
        row = (await store.credentials([added.device_id]))[added.device_id]
        read = msgspec.structs.asdict(row)
        assert (read.pop("activated"), read.pop("checked_stamp_seen")) == (False, False)
        assert read == {name: getattr(added, name) for name in read}

    async def test_another_project_sees_no_device_and_no_product(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())

        assert await store.devices(OTHER_PROJECT, ["pump-1"]) == {}
        assert await store.products(OTHER_PROJECT, ["pumps"]) == {}
        assert (await store.list_devices(OTHER_PROJECT, DeviceFilter(), PageRequest())).count == 0

    async def test_no_secret_shows_in_anything_that_is_read(self, store: SqliteStore) -> None:
        sealer = Sealer(MasterKeys.generate(os.urandom), os.urandom)
        sealed = sealer.seal(b"horse-battery", PROJECT, record_id(1), Slot.PRIMARY)
        await store.add_device(device(sealed_primary=sealed), audit())

        rows = await store.credentials(["pump-1"])
        opened = sealer.open_credential(rows["pump-1"])
        page = await store.list_devices(PROJECT, DeviceFilter(), PageRequest())

        assert opened.primary == b"horse-battery"
        for shown in (rows, opened, page, await store.devices(PROJECT, ["pump-1"])):
            assert "horse" not in repr(shown)

    async def test_text_that_cannot_be_asked_for_is_an_outage(self, store: SqliteStore) -> None:
        """A lone surrogate has no UTF-8: the store must raise nothing that its callers do not expect."""
        with pytest.raises(StoreUnavailable):
            await store.credentials(["\ud800"])
        with pytest.raises(StoreUnavailable):
            await store.credentials_by_node(["\ud800"])


class ChangeContract(Contract):
    """A change is made whole with its audit entry, or refused and nothing is different."""

    async def test_device_id_is_unique_in_the_node(self, store: SqliteStore) -> None:
        await store.add_product(product(project_id=OTHER_PROJECT), audit())
        await store.add_device(device(), audit())

        again = device(2, device_id="pump-1", project_id=OTHER_PROJECT)

        assert await store.add_device(again, audit()) is StoreRefusal.DEVICE_EXISTS

    async def test_node_id_is_unique_over_coap_devices_alone(self, store: SqliteStore) -> None:
        for project_id in (PROJECT, OTHER_PROJECT):
            valves = product("valves", record_id="2" * 24, protocol_type="CoAP", project_id=project_id)
            await store.add_product(valves, audit())
        coap = device(1, node_id="n", product_id="valves", protocol=DeviceProtocol.COAP)
        assert await store.add_device(coap, audit()) is None

        mqtt = device(2, node_id="n")
        elsewhere = msgspec.structs.replace(coap, device_id="pump-3", record_id=record_id(3), project_id=OTHER_PROJECT)

        assert await store.add_device(mqtt, audit()) is None
        assert await store.add_device(elsewhere, audit()) is StoreRefusal.NODE_ID_TAKEN

    async def test_device_needs_a_product_of_its_project(self, store: SqliteStore) -> None:
        elsewhere = device(project_id=OTHER_PROJECT)

        assert await store.add_device(device(product_id="valves"), audit()) is StoreRefusal.PRODUCT_ABSENT
        assert await store.add_device(elsewhere, audit()) is StoreRefusal.PRODUCT_ABSENT

    async def test_gateway_must_be_a_device_of_the_project_with_at_most_one_above_it(self, store: SqliteStore) -> None:
        """At most two levels of sub-devices (iotda-rest.md A.3)."""
        await store.add_product(product(project_id=OTHER_PROJECT), audit())
        await store.add_device(device(1), audit())

        assert await store.add_device(device(2, gateway_id="pump-1"), audit()) is None
        assert await store.add_device(device(3, gateway_id="pump-2"), audit()) is None
        for gateway, project in (("pump-3", PROJECT), ("absent", PROJECT), ("pump-1", OTHER_PROJECT)):
            below = device(4, gateway_id=gateway, project_id=project)
            assert await store.add_device(below, audit()) is StoreRefusal.GATEWAY_ABSENT

    async def test_refused_change_leaves_no_trace(self, store: SqliteStore) -> None:
        await store.add_device(device(1), audit())
        before = await store.list_audit(PROJECT)

        await store.add_device(device(2, device_id="pump-1"), audit())
        await store.set_frozen(PROJECT, "pump-1", False, audit())
        await store.delete_product(PROJECT, "pumps", audit())

        assert await store.list_audit(PROJECT) == before
        assert await store.devices(PROJECT, ["pump-1"]) == {"pump-1": device(1)}

    async def test_of_concurrent_adds_exactly_one_wins(self, store: SqliteStore) -> None:
        answers = []

        async def add(number: int) -> None:
            answers.append(await store.add_device(device(number, device_id="pump-1"), audit()))

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(add, number)

        assert answers.count(None) == 1
        assert answers.count(StoreRefusal.DEVICE_EXISTS) == 19
        assert len((await store.list_audit(PROJECT, target="pump-1")).entries) == 1

    async def test_deleted_device_is_gone_and_may_be_added_anew(self, store: SqliteStore) -> None:
        await store.add_device(device(1), audit())

        assert await store.delete_device(PROJECT, "pump-1", audit("device.delete")) is None
        assert await store.credentials(["pump-1"]) == {}
        assert await store.devices(PROJECT, ["pump-1"]) == {}
        assert await store.delete_device(PROJECT, "pump-1", audit()) is StoreRefusal.DEVICE_ABSENT
        assert await store.add_device(device(2, device_id="pump-1"), audit()) is None
        assert (await store.credentials(["pump-1"]))["pump-1"].record_id == record_id(2)

    async def test_device_with_sub_devices_is_not_deleted(self, store: SqliteStore) -> None:
        await store.add_device(device(1), audit())
        await store.add_device(device(2, gateway_id="pump-1"), audit())

        assert await store.delete_device(PROJECT, "pump-1", audit()) is StoreRefusal.DEVICE_HAS_SUB_DEVICES
        assert await store.delete_device(OTHER_PROJECT, "pump-2", audit()) is StoreRefusal.DEVICE_ABSENT
        assert await store.delete_device(PROJECT, "pump-2", audit()) is None
        assert await store.delete_device(PROJECT, "pump-1", audit()) is None

    async def test_freezing_and_unfreezing_each_advance_the_generation(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())

        seen = []
        for frozen in (True, False):
            assert await store.set_frozen(PROJECT, "pump-1", frozen, audit()) is None
            row = (await store.credentials(["pump-1"]))["pump-1"]
            seen.append((row.frozen, row.generation))

        assert seen == [(True, 2), (False, 3)]

    async def test_freezing_is_refused_with_its_reason(self, store: SqliteStore) -> None:
        await store.add_device(device(1), audit())
        await store.add_device(device(2, gateway_id="pump-1"), audit())

        assert await store.set_frozen(PROJECT, "absent", True, audit()) is StoreRefusal.DEVICE_ABSENT
        assert await store.set_frozen(OTHER_PROJECT, "pump-1", True, audit()) is StoreRefusal.DEVICE_ABSENT
        assert await store.set_frozen(PROJECT, "pump-2", True, audit()) is StoreRefusal.SUB_DEVICE
        assert await store.set_frozen(PROJECT, "pump-1", False, audit()) is StoreRefusal.NOT_FROZEN
        assert await store.set_frozen(PROJECT, "pump-1", True, audit()) is None
        assert await store.set_frozen(PROJECT, "pump-1", True, audit()) is StoreRefusal.ALREADY_FROZEN

    async def test_product_is_unique_in_its_project_and_kept_while_in_use(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())
        elsewhere = product(project_id=OTHER_PROJECT, name="Others")

        assert await store.add_product(product(record_id="2" * 24), audit()) is StoreRefusal.PRODUCT_EXISTS
        assert await store.add_product(elsewhere, audit()) is None
        assert await store.add_product(product(project_id="absent"), audit()) is StoreRefusal.PROJECT_ABSENT
        assert await store.delete_product(PROJECT, "pumps", audit()) is StoreRefusal.PRODUCT_IN_USE
        assert await store.delete_product(PROJECT, "absent", audit()) is StoreRefusal.PRODUCT_ABSENT
        assert await store.delete_product(OTHER_PROJECT, "pumps", audit()) is None
        assert await store.products(PROJECT, ["pumps"]) == {"pumps": product()}


class ActivationContract(Contract):
    """A device was accepted."""

    async def activated(self, store: SqliteStore, **changes: object) -> Device:
        activation = Activation(device_id="pump-1", record_id=record_id(1), at=NOW + 1.5)
        assert await store.activate([msgspec.structs.replace(activation, **changes)]) == {"pump-1"}
        return (await store.devices(PROJECT, ["pump-1"]))["pump-1"]

    async def test_first_activation_is_noted_and_ends_the_timeout(self, store: SqliteStore) -> None:
        await store.add_device(device(timeout_seconds=60, timeout_at=NOW + 60), audit())

        found = await self.activated(store)

        assert (found.activated_at, found.last_seen_at, found.timeout_at) == (NOW + 1.5, NOW + 1.5, None)
        row = (await store.credentials(["pump-1"]))["pump-1"]
        assert (row.activated, row.timeout_at, row.generation) == (True, None, 1)
        ((_sequence, entry), _create) = (await store.list_audit(PROJECT, target="pump-1")).entries
        assert (entry.actor, entry.action, entry.at) == ("device", "device.activate", NOW + 1.5)

    async def test_later_activation_moves_last_seen_alone(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())
        await self.activated(store)

        found = await self.activated(store, at=NOW + 9.0)

        assert (found.activated_at, found.last_seen_at) == (NOW + 1.5, NOW + 9.0)
        assert (await self.activated(store, at=NOW + 2.0)).last_seen_at == NOW + 9.0
        assert len((await store.list_audit(PROJECT, target="pump-1")).entries) == 2

    async def test_seen_again_moves_last_seen_alone_and_never_back(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())
        await self.activated(store)
        before = (await store.credentials(["pump-1"]))["pump-1"]

        for later in (9.0, 2.0):
            await store.note_seen([Activation(device_id="pump-1", record_id=record_id(1), at=NOW + later)])

        found = (await store.devices(PROJECT, ["pump-1"]))["pump-1"]
        assert (found.activated_at, found.last_seen_at) == (NOW + 1.5, NOW + 9.0)
        assert (await store.credentials(["pump-1"]))["pump-1"] == before
        assert len((await store.list_audit(PROJECT, target="pump-1")).entries) == 2

    async def test_seen_for_the_first_time_is_activated_and_whose_record_is_gone_is_passed_by(
        self, store: SqliteStore
    ) -> None:
        for number in (1, 2):
            await store.add_device(device(number), audit())
        await self.activated(store)
        again = Activation(device_id="pump-1", record_id=record_id(1), at=NOW + 5.0)
        stale = Activation(device_id="pump-1", record_id=record_id(9), at=NOW + 7.0)
        absent = Activation(device_id="pump-3", record_id=record_id(3), at=NOW + 5.0)
        first = Activation(device_id="pump-2", record_id=record_id(2), at=NOW + 5.0, checked_stamp=True)

        await store.note_seen([again, stale, absent, first])

        found = await store.devices(PROJECT, ["pump-1", "pump-2", "pump-3"])
        assert {key: (one.activated_at, one.last_seen_at) for key, one in found.items()} == {
            "pump-1": (NOW + 1.5, NOW + 5.0),
            "pump-2": (NOW + 5.0, NOW + 5.0),
        }
        row = (await store.credentials(["pump-2"]))["pump-2"]
        assert (row.activated, row.checked_stamp_seen) == (True, True)
        actions = [entry.action for _, entry in (await store.list_audit(PROJECT, target="pump-2")).entries]
        assert actions == ["device.activate"]

    async def test_checked_stamp_once_seen_stays(self, store: SqliteStore) -> None:
        await store.add_device(device(), audit())

        seen = []
        for checked_stamp in (False, True, False):
            await self.activated(store, checked_stamp=checked_stamp)
            seen.append((await store.credentials(["pump-1"]))["pump-1"].checked_stamp_seen)

        assert seen == [False, True, True]

    async def test_activation_of_another_record_of_the_name_counts_for_nothing(self, store: SqliteStore) -> None:
        """Deleted and made anew between the look-up and the activation."""
        for number in (1, 2):
            await store.add_device(device(number), audit())
        stale = Activation(device_id="pump-1", record_id=record_id(9), at=1.0)
        good = Activation(device_id="pump-2", record_id=record_id(2), at=1.0)

        assert await store.activate([stale, good]) == {"pump-2"}
        assert not (await store.credentials(["pump-1"]))["pump-1"].activated
