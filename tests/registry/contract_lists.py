"""The contract of lists: pages, counts and filters."""

import pytest

from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceFilter, PageRequest, ProductFilter
from tests.registry.contract import Contract
from tests.registry.samples import NOW, OTHER_PROJECT, PROJECT, audit, device, product, record_id


async def ids_of(store: SqliteStore, matching: DeviceFilter) -> list[str]:
    """The device_ids that match, newest first; the count says the same."""
    page = await store.list_devices(PROJECT, matching, PageRequest(limit=50))
    assert page.count == len(page.devices)
    return [found.device_id for found in page.devices]


class ListContract(Contract):
    """Pages are exact, filters are by prefix."""

    async def test_pages_are_exact_under_equal_seconds(self, store: SqliteStore) -> None:
        """One second's records: any order but the record id's would repeat or lose some across pages."""
        for number in range(1, 8):
            await store.add_device(device(number), audit())
        pages = []
        page = PageRequest(limit=3)
        while found := (await store.list_devices(PROJECT, DeviceFilter(), page)).devices:
            pages.append([one.device_id for one in found])
            page = PageRequest(limit=3, marker=found[-1].record_id)

        assert pages == [["pump-7", "pump-6", "pump-5"], ["pump-4", "pump-3", "pump-2"], ["pump-1"]]

    async def test_count_is_of_all_that_match_on_every_page(self, store: SqliteStore) -> None:
        for number in range(1, 6):
            await store.add_device(device(number, device_name=None if number == 5 else "p"), audit())
        page = PageRequest(limit=2, marker=record_id(4), offset=1)

        found = await store.list_devices(PROJECT, DeviceFilter(device_name="p"), page)

        assert ([one.device_id for one in found.devices], found.count) == (["pump-2", "pump-1"], 4)

    @pytest.mark.parametrize(
        ("prefix", "matching"),
        [
            ("100%", ["100%", "100%_a"]),
            ("100%_", ["100%_a"]),
            ("_", ["_a"]),
            ("温度", ["温度", "温度计"]),
            ("温", ["温度", "温度计", "温室"]),
            ("\U0010ffff", ["\U0010ffffz"]),
            ("'; DROP TABLE device; --", []),
            ("A", []),
            ("", ["100", "100%", "100%_a", "1000", "_a", "a", "\ud7ff", "温度", "温度计", "温室", "\U0010ffffz"]),
        ],
    )
    async def test_names_match_by_prefix_and_no_character_is_special(
        self, store: SqliteStore, prefix: str, matching: list[str]
    ) -> None:
        names = ["100", "100%", "100%_a", "1000", "_a", "a", "\ud7ff", "温度", "温度计", "温室", "\U0010ffffz"]
        for number, name in enumerate(names):
            await store.add_device(device(number, device_id=name, device_name=name), audit())
        await store.add_device(device(99, device_name=None), audit())

        found = await ids_of(store, DeviceFilter(device_name=prefix))

        assert sorted(found) == sorted(matching)

    async def test_every_filter_narrows_the_list(self, store: SqliteStore) -> None:
        await store.add_product(product("valves", record_id="2" * 24), audit())
        await store.add_device(device(1, created_at=NOW - 10), audit())
        await store.add_device(device(2, product_id="valves", created_at=NOW), audit())
        await store.add_device(device(3, gateway_id="pump-1", app_id="other", created_at=NOW + 10), audit())

        assert await ids_of(store, DeviceFilter()) == ["pump-3", "pump-2", "pump-1"]
        assert await ids_of(store, DeviceFilter(product_id="valves")) == ["pump-2"]
        assert await ids_of(store, DeviceFilter(node_id="node-2")) == ["pump-2"]
        assert await ids_of(store, DeviceFilter(app_id="other")) == ["pump-3"]
        assert await ids_of(store, DeviceFilter(gateway_id="pump-1")) == ["pump-3"]
        assert await ids_of(store, DeviceFilter(gateway_id="pump-1", is_cascade=True)) == ["pump-3"]
        assert await ids_of(store, DeviceFilter(created_from=NOW)) == ["pump-3", "pump-2"]
        assert await ids_of(store, DeviceFilter(created_to=NOW)) == ["pump-2", "pump-1"]
        assert await ids_of(store, DeviceFilter(product_id="pumps", node_id="node-", app_id="app")) == ["pump-1"]

    async def test_products_are_listed_newest_first_by_prefix(self, store: SqliteStore) -> None:
        for number, name in enumerate(("Pump%", "Pump_", "Valves"), 2):
            added = product(f"p{number}", record_id=record_id(number), name=name, app_id=f"app{number}")
            await store.add_product(added, audit())

        page = await store.list_products(PROJECT, ProductFilter(product_name="Pump"), PageRequest(limit=2))

        assert ([found.name for found in page.products], page.count) == (["Pump_", "Pump%"], 3)
        by_app = await store.list_products(PROJECT, ProductFilter(app_id="app4"), PageRequest())
        assert [found.name for found in by_app.products] == ["Valves"]

    async def test_audit_is_listed_newest_first_and_page_by_page(self, store: SqliteStore) -> None:
        await store.append_audit([audit("device.refused", target, detail=b'{"n":1}') for target in "abc"])
        await store.append_audit([audit("device.refused", "a", project_id=OTHER_PROJECT)])

        first = (await store.list_audit(PROJECT, limit=2)).entries
        second = (await store.list_audit(PROJECT, before=first[-1][0], limit=1)).entries

        assert [entry.target for _sequence, entry in (*first, *second)] == ["c", "b", "a"]
        assert second[0][1] == audit("device.refused", "a", detail=b'{"n":1}')
        assert [entry.target for _sequence, entry in (await store.list_audit(PROJECT, target="b")).entries] == ["b"]
