"""The application as a whole: an outage at any point changes nothing, and two of them share nothing."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.registry.store import DeviceFilter, PageRequest, ProductFilter, Store
from tests.api.conftest import DEVICE, PRODUCT, PROJECT, Api, api_services, open_store, serve_test_api
from tests.helpers.faulty_store import FaultyStore

OPERATIONS: dict[str, tuple[Callable[[Api], Awaitable[Any]], int]] = {
    "create product": (lambda api: api.post("products", {**PRODUCT, "product_id": "new"}), 201),
    "list products": (lambda api: api.get("products"), 200),
    "show product": (lambda api: api.get("products/meters"), 200),
    "update product": (lambda api: api.call("PUT", "products/meters", json={"name": "New"}), 200),
    "delete product": (lambda api: api.delete("products/unused"), 204),
    "add device": (lambda api: api.post("devices", {**DEVICE, "node_id": "new"}), 201),
    "list devices": (lambda api: api.get("devices"), 200),
    "show device": (lambda api: api.get("devices/meters_n1"), 200),
    "delete device": (lambda api: api.delete("devices/meters_n1"), 204),
    "freeze device": (lambda api: api.post("devices/meters_n1/freeze"), 204),
    "unfreeze device": (lambda api: api.post("devices/meters_frozen/unfreeze"), 204),
    "list audit": (lambda api: api.get("keyturn/audit"), 200),
    "list attempts": (lambda api: api.get("keyturn/devices/meters_n1/attempts"), 200),
}


async def contents(store: Store) -> tuple[object, ...]:
    """All that the API can change."""
    page = PageRequest(limit=50)
    return (
        (await store.list_devices(PROJECT, DeviceFilter(), page)).devices,
        (await store.list_products(PROJECT, ProductFilter(), page)).products,
        (await store.list_audit(PROJECT)).entries,
    )


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_outage_at_any_call_is_unavailable_and_changes_nothing(tmp_path: Path, operation: str):
    """The n-th call to the registry fails, for n = 1, 2, 3, ... until the operation makes fewer calls than that."""
    perform, ok = OPERATIONS[operation]
    store = await open_store(tmp_path)
    services = api_services(store)
    async with serve_test_api(services) as api:
        await api.create_product()
        await api.create_product(product_id="unused")
        await api.create_device()
        await api.create_device(node_id="frozen")
        await api.post("devices/meters_frozen/freeze")
    before = await contents(store)
    for fail_at in range(1, 10):
        faulty = FaultyStore(store, fail_at=fail_at)
        async with serve_test_api(api_services(faulty, sealer=services.sealer)) as api:
            response = await perform(api)
            if not faulty.has_failed:
                break
            assert response.status_code == 503, f"call {fail_at}: {response.text}"
            assert response.json()["error_code"] == "IOTDA.090008"
            assert await contents(store) == before
            # A commit that failed may be on disk all the same: what is cached is forgotten, and nobody is cut.
            assert not any(close for _device_ids, close in api.bus.invalidations)
    assert response.status_code == ok
    assert fail_at > 2, "authentication and the operation are one call each at least"
    await store.close()


async def test_two_applications_in_one_program_share_nothing(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = await open_store(tmp_path / "a"), await open_store(tmp_path / "b")
    async with serve_test_api(api_services(first)) as a, serve_test_api(api_services(second)) as b:
        await a.create_product()
        assert (await a.get("products/meters")).status_code == 200
        assert (await b.get("products/meters")).status_code == 404
    await first.close()
    await second.close()
