"""The contract of searches: every condition, alone and joined."""

from typing import Any

import pytest

from engine.registry.record import Activation
from engine.registry.search import Condition, DeviceSearch, Operator, SearchField, SearchPage
from engine.registry.sqlite import SqliteStore
from tests.registry.contract import Contract
from tests.registry.samples import NOW, OTHER_PROJECT, PROJECT, audit, device, product, record_id

ALL = ["pump-5", "pump-4", "pump-3", "pump-2", "pump-1"]
ONLINE = ["pump-2", "pump-4", "another-projects"]


def condition(field: str, operator: str, *values: str | float) -> Condition:
    return Condition(SearchField(field), Operator(operator), values)


def search(*group: Condition, **changes: Any) -> DeviceSearch:
    return DeviceSearch(any_of=[group] if group else [], **changes)


async def fill(store: SqliteStore) -> None:
    """1 frozen, 2 on line, 3 off line and behind 1, 4 frozen and on line, 5 not activated."""
    await store.add_product(product("valves", record_id="2" * 24), audit())
    await store.add_product(product(project_id=OTHER_PROJECT), audit())
    tags = b'[{"tag_key":"site","tag_value":"north-1"},{"tag_key":"floor","tag_value":"one"}]'
    await store.add_device(device(1, device_name="north%", created_at=NOW - 1, tags=tags), audit())
    await store.add_device(device(2, device_name="north_2", product_id="valves"), audit())
    await store.add_device(device(3, gateway_id="pump-1", app_id="other", node_id="other-3"), audit())
    await store.add_device(device(4, device_name="south", tags=b'[{"tag_key":"site","tag_value":"south"}]'), audit())
    await store.add_device(device(5, created_at=NOW + 1), audit())
    await store.add_device(device(6, project_id=OTHER_PROJECT), audit())
    seen = [Activation(device_id=f"pump-{n}", record_id=record_id(n), at=NOW + 5.0) for n in (1, 2, 3, 4)]
    await store.activate(seen)
    for number in (1, 4):
        await store.set_frozen(PROJECT, f"pump-{number}", True, audit())


async def found(store: SqliteStore, wanted: DeviceSearch) -> list[str]:
    """The numbers of the devices that are found; a count says the same."""
    page = await store.search_devices(PROJECT, wanted, ONLINE)
    count = await store.search_devices(PROJECT, DeviceSearch(any_of=wanted.any_of, is_count=True), ONLINE)
    assert isinstance(page, SearchPage)
    assert count == SearchPage(count=len(page.devices))
    return [one.device_id for one in page.devices]


CONDITIONS = [
    (("app_id", "=", "other"), "3"),
    (("app_id", "!=", "other"), "5421"),
    (("device_id", "in", "pump-1", "pump-5", "pump-6"), "51"),
    (("gateway_id", "=", "pump-1"), "31"),
    (("gateway_id", "not in", "pump-1", "pump-2"), "54"),
    (("product_id", "=", "valves"), "2"),
    (("product_id", "=", "'; DROP TABLE device; --"), ""),
    (("device_name", "like", "north"), "21"),
    (("device_name", "like", "north_"), "2"),
    (("device_name", "like", "\U0010ffff"), ""),
    (("device_name", "=", "south"), "4"),
    (("device_name", "!=", "south"), "5321"),
    (("device_name", "not in", "south", "north%"), "532"),
    (("node_id", "like", "node-"), "5421"),
    (("node_type", "=", "GATEWAY"), "5421"),
    (("node_type", "!=", "GATEWAY"), "3"),
    (("node_type", "in", "ENDPOINT", "UNKNOWN"), "3"),
    (("node_type", "=", "UNKNOWN"), ""),
    (("status", "=", "ONLINE"), "2"),
    (("status", "=", "OFFLINE"), "3"),
    (("status", "=", "INACTIVE"), "5"),
    (("status", "=", "FROZEN"), "41"),
    (("status", "=", "ABNORMAL"), ""),
    (("status", "!=", "ONLINE"), "5431"),
    (("status", "in", "ONLINE", "OFFLINE"), "32"),
    (("status", "not in", "ONLINE", "OFFLINE"), "541"),
    (("tag_key", "=", "site"), "41"),
    (("tag_key", "!=", "site"), "532"),
    (("tag_key", "like", "floo"), "1"),
    (("tag_value", "=", "south"), "4"),
    (("tag_value", "like", "north"), "1"),
    (("tag_value", "!=", "one"), "5432"),
    (("sw_version", "=", "1"), ""),
    (("fw_version", "!=", "1"), "54321"),
    (("group_id", "in", "1", "2"), ""),
    (("group_id", "not in", "1", "2"), "54321"),
    (("create_time", "=", NOW), "432"),
    (("create_time", "=", NOW + 0.001), ""),
    (("create_time", ">", NOW - 0.5), "5432"),
    (("create_time", "<", NOW), "1"),
    (("create_time", ">=", NOW), "5432"),
    (("create_time", "<=", NOW), "4321"),
    (("create_time", "in", NOW - 1, NOW + 1), "51"),
    (("marker", "=", record_id(2)), "2"),
    (("marker", "<", record_id(3)), "21"),
    (("marker", ">=", record_id(4)), "54"),
]


class SearchContract(Contract):
    """What the small SQL can ask."""

    async def test_every_condition_finds_what_it_says(self, store: SqliteStore) -> None:
        await fill(store)

        for words, numbers in CONDITIONS:
            assert await found(store, search(condition(*words))) == [f"pump-{n}" for n in numbers], words

    @pytest.mark.parametrize(
        ("group", "numbers"),
        [
            ([("status", "=", "FROZEN"), ("product_id", "=", "pumps")], "41"),
            ([("status", "=", "OFFLINE"), ("node_type", "=", "ENDPOINT"), ("app_id", "=", "other")], "3"),
            ([("status", "!=", "ONLINE"), ("node_id", "like", "node-"), ("marker", ">", record_id(1))], "54"),
            ([("tag_key", "=", "site"), ("tag_value", "like", "north")], "1"),
            ([("tag_key", "=", "floor"), ("tag_value", "like", "north")], ""),
            ([("tag_value", "like", "north"), ("tag_key", "=", "floor")], "1"),
            ([("tag_key", "=", "site"), ("tag_value", "!=", "south")], "1"),
            (
                [
                    ("tag_key", "=", "site"),
                    ("tag_value", "=", "north-1"),
                    ("tag_key", "=", "floor"),
                    ("tag_value", "=", "one"),
                ],
                "1",
            ),
        ],
    )
    async def test_all_of_a_group_must_be_true(
        self, store: SqliteStore, group: list[tuple[str, ...]], numbers: str
    ) -> None:
        """A tag's value is of the key right before it."""
        await fill(store)

        wanted = search(*(condition(*words) for words in group))

        assert await found(store, wanted) == [f"pump-{n}" for n in numbers]

    async def test_one_of_the_groups_must_be_true_and_none_is_found_twice(self, store: SqliteStore) -> None:
        await fill(store)
        offline = [condition("status", "=", "OFFLINE")]
        north = [condition("device_name", "like", "north"), condition("product_id", "=", "valves")]
        other = [condition("app_id", "=", "other")]

        assert await found(store, DeviceSearch(any_of=[offline, north, other])) == ["pump-3", "pump-2"]

    async def test_pages_in_both_orders(self, store: SqliteStore) -> None:
        await fill(store)

        assert await found(store, search()) == ALL
        for group in ((), (condition("app_id", "in", "app", "other"),), (condition("status", "!=", "ABNORMAL"),)):
            for is_newest_first, expected in ((True, ALL[1:3]), (False, ALL[::-1][1:3])):
                wanted = search(*group, is_newest_first=is_newest_first, offset=1, limit=2)
                page = await store.search_devices(PROJECT, wanted, ONLINE)
                assert isinstance(page, SearchPage)
                assert [one.device_id for one in page.devices] == expected

    async def test_count_is_of_all(self, store: SqliteStore) -> None:
        await fill(store)

        assert await store.search_devices(PROJECT, search(is_count=True, limit=1), ()) == SearchPage(count=5)
