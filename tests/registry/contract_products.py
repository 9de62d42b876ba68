"""The contract of changing a product."""

import hashlib

import msgspec
import pytest

from engine.registry.record import DeviceProtocol, device_protocol
from engine.registry.sqlite import SqliteStore
from engine.registry.store import ProductUpdate, StoreRefusal
from tests.registry.contract import Contract
from tests.registry.samples import OTHER_PROJECT, PROJECT, audit, device, product


class ProductContract(Contract):
    """A product changes in part, and keeps its protocol while it has devices."""

    async def test_what_is_not_given_stays(self, store: SqliteStore) -> None:
        entry = audit("product.update", "pumps")
        model = b'[{"service_id":"s","service_type":"t"}]'
        update = ProductUpdate(name="Water pumps", service_capabilities=model)

        changed = await store.update_product(PROJECT, "pumps", update, entry)

        assert changed == product(name="Water pumps", service_capabilities=model)
        assert await store.products(PROJECT, ["pumps"]) == {"pumps": changed}
        ((_sequence, written), _create) = (await store.list_audit(PROJECT, target="pumps")).entries
        assert msgspec.json.decode(written.detail) == {
            "before": {"name": "Pumps", "service_capabilities": f"sha256:{hashlib.sha256(b'[]').hexdigest()}"},
            "after": {"name": "Water pumps", "service_capabilities": f"sha256:{hashlib.sha256(model).hexdigest()}"},
        }

    async def test_every_field_can_be_changed(self, store: SqliteStore) -> None:
        update = ProductUpdate(
            name="N",
            device_type="D",
            protocol_type="HTTP",
            data_format="binary",
            manufacturer_name="M",
            industry="I",
            description="d",
            service_capabilities=b"[ ]",
        )

        changed = await store.update_product(PROJECT, "pumps", update, audit())

        assert changed == product(**msgspec.structs.asdict(update))
        assert await store.products(PROJECT, ["pumps"]) == {"pumps": changed}

    async def test_what_changes_nothing_is_not_audited(self, store: SqliteStore) -> None:
        before = await store.list_audit(PROJECT)

        assert await store.update_product(PROJECT, "pumps", ProductUpdate(name="Pumps"), audit()) == product()
        assert await store.update_product(PROJECT, "pumps", ProductUpdate(), audit()) == product()
        assert await store.list_audit(PROJECT) == before

    async def test_a_product_of_another_project_is_absent(self, store: SqliteStore) -> None:
        update = ProductUpdate(name="N")
        for project_id, product_id in ((OTHER_PROJECT, "pumps"), (PROJECT, "valves")):
            answer = await store.update_product(project_id, product_id, update, audit())
            assert answer is StoreRefusal.PRODUCT_ABSENT

    @pytest.mark.parametrize("before", ["MQTT", "HTTP"])
    async def test_nothing_becomes_coap(self, store: SqliteStore, before: str) -> None:
        await store.add_product(product("p", record_id="2" * 24, protocol_type=before), audit())

        answer = await store.update_product(PROJECT, "p", ProductUpdate(protocol_type="CoAP"), audit())

        assert answer is StoreRefusal.PRODUCT_TO_COAP
        assert (await store.products(PROJECT, ["p"]))["p"].protocol_type == before

    @pytest.mark.parametrize(
        ("before", "after", "devices", "refusal"),
        [
            ("MQTT", "HTTP", DeviceProtocol.MQTT, StoreRefusal.PRODUCT_PROTOCOL_IN_USE),
            ("CoAP", "MQTT", DeviceProtocol.COAP, StoreRefusal.PRODUCT_PROTOCOL_IN_USE),
            ("HTTP", "MQTT", DeviceProtocol.OTHER, StoreRefusal.PRODUCT_PROTOCOL_IN_USE),
            ("HTTP", "Modbus", DeviceProtocol.OTHER, None),
            ("MQTT", "MQTT", DeviceProtocol.MQTT, None),
            ("CoAP", "CoAP", DeviceProtocol.COAP, None),
            ("MQTT", "HTTP", None, None),
            ("CoAP", "MQTT", None, None),
        ],
    )
    async def test_devices_keep_the_protocol_that_they_were_made_with(
        self, store: SqliteStore, before: str, after: str, devices: DeviceProtocol | None, refusal: StoreRefusal | None
    ) -> None:
        await store.add_product(product("p", record_id="2" * 24, protocol_type=before), audit())
        if devices is not None:
            assert await store.add_device(device(product_id="p", protocol=devices), audit()) is None

        answer = await store.update_product(PROJECT, "p", ProductUpdate(name="New", protocol_type=after), audit())

        assert (answer if isinstance(answer, StoreRefusal) else None) is refusal
        found = (await store.products(PROJECT, ["p"]))["p"]
        assert (found.protocol_type, found.name) == ((before, "Pumps") if refusal else (after, "New"))

    @pytest.mark.parametrize("protocol_type", ["MQTT", "CoAP", "HTTP"])
    async def test_a_device_of_another_protocol_is_not_added(self, store: SqliteStore, protocol_type: str) -> None:
        """Its maker read the product before somebody changed it."""
        await store.add_product(product("p", record_id="2" * 24, protocol_type=protocol_type), audit())

        for number, protocol in enumerate(DeviceProtocol):
            answer = await store.add_device(device(number, product_id="p", protocol=protocol), audit())
            assert answer is (None if protocol is device_protocol(protocol_type) else StoreRefusal.PRODUCT_ABSENT)
