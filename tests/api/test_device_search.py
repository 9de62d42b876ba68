"""SearchDevices, over the wire."""

from typing import Any

import httpx
import pytest

from engine.registry.record import Activation
from engine.registry.store import StoreRefusal
from tests.api.conftest import NOW, Api


async def query(api: Api, sql: str) -> httpx.Response:
    return await api.post("search/query-devices", {"sql": sql})


async def search(api: Api, sql: str) -> dict[str, Any]:
    response = await query(api, sql)
    assert response.status_code == 200, response.text
    return response.json()


async def found(api: Api, where: str) -> list[str]:
    devices = (await search(api, f"select * from device where {where}"))["devices"]
    return [device["node_id"] for device in devices]


@pytest.fixture
async def four(stocked: Api) -> Api:
    """n0 to n3; n1 was activated and is off line, n2 is on line, n3 is frozen."""
    for number in range(4):
        await stocked.create_device(node_id=f"n{number}", device_name=f"name-{number}")
    rows = await stocked.store.credentials([f"meters_n{number}" for number in range(4)])
    seen = [Activation(device_id=f"meters_n{n}", record_id=rows[f"meters_n{n}"].record_id, at=NOW) for n in (1, 2)]
    await stocked.store.activate(seen)
    stocked.bus.live["meters_n2"] = NOW
    await stocked.post("devices/meters_n3/freeze")
    return stocked


async def test_a_found_device_is_shown_with_its_marker(stocked: Api):
    await stocked.create_device(device_name="it's")
    record_id = (await stocked.store.credentials(["meters_n1"]))["meters_n1"].record_id
    assert await search(stocked, "select * from device where device_name = 'it''s'") == {
        "devices": [
            {
                "app_id": "default",
                "app_name": "default",
                "device_id": "meters_n1",
                "device_name": "it's",
                "gateway_id": "meters_n1",
                "marker": record_id,
                "node_id": "n1",
                "node_type": "GATEWAY",
                "product_id": "meters",
                "product_name": "Meters",
                "status": "INACTIVE",
                "tags": [],
            }
        ]
    }


async def test_only_what_is_selected_is_shown(four: Api):
    answer = await search(four, "select node_id, status from device where node_id = 'n3'")
    assert answer == {"devices": [{"node_id": "n3", "status": "FROZEN"}]}
    assert await search(four, "select sw_version from device limit 1") == {"devices": [{}]}


async def test_counts_come_alone(four: Api):
    assert await search(four, "select count(*) from device where node_id != 'n0'") == {"count": 3}
    assert await search(four, "select count(1) from device where node_id = 'none'") == {"count": 0}


async def test_status_is_of_this_moment(four: Api):
    assert await found(four, "status = 'ONLINE'") == ["n2"]
    assert await found(four, "status = 'OFFLINE'") == ["n1"]
    assert await found(four, "status in ('INACTIVE', 'FROZEN')") == ["n3", "n0"]
    four.bus.live.clear()
    assert await found(four, "status = 'OFFLINE'") == ["n2", "n1"]


async def test_pages_turn_by_marker(four: Api):
    first = (await search(four, "select * from device order by marker desc limit 3"))["devices"]
    rest = await search(four, f"select * from device where marker < '{first[-1]['marker']}' order by marker desc")
    assert [device["node_id"] for device in first + rest["devices"]] == ["n3", "n2", "n1", "n0"]
    oldest = (await search(four, "select * from device order by marker limit 1, 2"))["devices"]
    assert [device["node_id"] for device in oldest] == ["n1", "n2"]


async def test_like_is_by_prefix(four: Api):
    assert await found(four, "device_name like 'name-%' and node_id in ('n0', 'n2')") == ["n2", "n0"]


@pytest.mark.parametrize("sql", ["", "s" * 401, "select * from product", "select * from device; drop table device"])
async def test_what_is_not_of_the_grammar_is_a_400(stocked: Api, sql: str):
    response = await query(stocked, sql)
    assert (response.status_code, response.json()["error_code"]) == (400, "IOTDA.000006")
    assert response.json()["error_msg"].startswith("Invalid input data. sql: ")


async def test_another_projects_devices_are_not_found(four: Api):
    response = await four.post("/v5/iot/project-2/search/query-devices", {"sql": "select * from device"})
    assert response.status_code == 401


async def test_search_that_takes_too_long_is_refused(four: Api, monkeypatch: pytest.MonkeyPatch):
    """The store breaks it off (tests/registry/test_searching.py); here it is put into words."""

    async def too_slow(*_arguments: object) -> StoreRefusal:
        return StoreRefusal.SEARCH_TOO_SLOW

    monkeypatch.setattr(four.store, "search_devices", too_slow)
    response = await query(four, "select * from device")
    assert (response.status_code, response.json()["error_code"]) == (400, "IOTDA.090305")
