"""TagDevice, UntagDevice, ListResourcesByTags, over the wire."""

from typing import Any

import pytest

from tests.api.conftest import Api

ID = "meters_n1"
DEVICE = {"resource_type": "device", "resource_id": ID}


def tag(key: str, value: str | None = None) -> dict[str, str]:
    return {"tag_key": key} if value is None else {"tag_key": key, "tag_value": value}


async def shown_tags(api: Api, device_id: str = ID) -> list[dict[str, str]]:
    return (await api.get(f"devices/{device_id}")).json()["tags"]


async def listed(api: Api, *tags: dict[str, str], **query: Any) -> tuple[list[str], int]:
    """Device ids, and how many there are in all."""
    body = {"resource_type": "device", "tags": list(tags)}
    response = await api.post("tags/query-resources", body, params=query)
    assert response.status_code == 200, response.text
    answer = response.json()
    return [resource["resource_id"] for resource in answer["resources"]], answer["page"]["count"]


async def test_tags_are_bound_replaced_and_taken_off(stocked: Api):
    await stocked.create_device()
    response = await stocked.post("tags/bind-resource", {**DEVICE, "tags": [tag("site", "north"), tag("水.-_", "1")]})
    assert (response.status_code, response.content) == (200, b"")
    await stocked.post("tags/bind-resource", {**DEVICE, "tags": [tag("site", "south"), tag("empty")]})
    assert await shown_tags(stocked) == [tag("site", "south"), tag("水.-_", "1"), tag("empty", "")]
    response = await stocked.post("tags/unbind-resource", {**DEVICE, "tag_keys": ["水.-_", "empty"]})
    assert (response.status_code, response.content) == (200, b"")
    assert await shown_tags(stocked) == [tag("site", "south")]
    assert (await stocked.get("devices")).json()["devices"][0]["tags"] == [tag("site", "south")]
    audit = (await stocked.get("keyturn/audit", params={"target": ID})).json()["entries"]
    changed = [entry for entry in audit if entry["action"] != "secret.read"]
    assert [entry["action"] for entry in changed[:3]] == ["device.untag", "device.tag", "device.tag"]
    assert changed[0]["detail"]["after"] == {"tags": {"site": "south"}}


async def test_device_has_ten_tags_at_most(stocked: Api):
    await stocked.create_device()
    ten = [tag(f"key-{number}") for number in range(10)]
    assert (await stocked.post("tags/bind-resource", {**DEVICE, "tags": ten})).status_code == 200
    eleventh = await stocked.post("tags/bind-resource", {**DEVICE, "tags": [tag("eleventh")]})
    assert (eleventh.status_code, eleventh.json()["error_code"]) == (400, "IOTDA.090303")
    assert len(await shown_tags(stocked)) == 10


async def test_tag_that_the_device_has_not_is_not_taken_off(stocked: Api):
    await stocked.create_device()
    await stocked.post("tags/bind-resource", {**DEVICE, "tags": [tag("site")]})
    response = await stocked.post("tags/unbind-resource", {**DEVICE, "tag_keys": ["site", "none"]})
    assert (response.status_code, response.json()["error_code"]) == (404, "IOTDA.090304")
    assert await shown_tags(stocked) == [tag("site", "")]


async def test_device_that_is_not_there_is_a_404(stocked: Api):
    for path, rest in (("bind-resource", {"tags": [tag("a")]}), ("unbind-resource", {"tag_keys": ["a"]})):
        response = await stocked.post(f"tags/{path}", {**DEVICE, **rest})
        assert (response.status_code, response.json()["error_code"]) == (404, "IOTDA.014000")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("bind-resource", {"tags": []}),
        ("bind-resource", {"tags": [tag("a")] * 2}),
        ("bind-resource", {"tags": [tag(f"k{number}") for number in range(11)]}),
        ("bind-resource", {"tags": [tag("k" * 65)]}),
        ("bind-resource", {"tags": [tag("")]}),
        ("bind-resource", {"tags": [tag("a b")]}),
        ("bind-resource", {"tags": [tag("a", "v" * 129)]}),
        ("bind-resource", {"tags": [tag("a", "<")]}),
        ("bind-resource", {"tags": [tag("a")], "resource_type": "product"}),
        ("bind-resource", {"tags": [tag("a")], "resource_id": "a/b"}),
        ("unbind-resource", {"tag_keys": []}),
        ("unbind-resource", {"tag_keys": ["a", "a"]}),
        ("query-resources", {"tags": []}),
        ("query-resources", {"tags": [tag("a b")]}),
    ],
)
async def test_what_does_not_fit_is_refused(stocked: Api, path: str, body: dict[str, Any]):
    await stocked.create_device()
    response = await stocked.post(f"tags/{path}", {**DEVICE, **body})
    assert (response.status_code, response.json()["error_code"]) == (400, "IOTDA.000006")
    assert await shown_tags(stocked) == []


async def test_devices_are_listed_by_any_of_the_tags_page_by_page(stocked: Api):
    for number in range(4):
        await stocked.create_device(node_id=f"n{number}")
        tags = [tag("site", "north" if number < 2 else "south"), tag(f"only-{number}")]
        await stocked.post(
            "tags/bind-resource", {"resource_type": "device", "resource_id": f"meters_n{number}", "tags": tags}
        )
    assert await listed(stocked, tag("site", "south")) == (["meters_n3", "meters_n2"], 2)
    assert await listed(stocked, tag("site")) == ([f"meters_n{number}" for number in (3, 2, 1, 0)], 4)
    assert await listed(stocked, tag("site", "north"), tag("only-3")) == (["meters_n3", "meters_n1", "meters_n0"], 3)
    assert await listed(stocked, tag("site", "none")) == ([], 0)
    assert await listed(stocked, tag("site"), limit=2, offset=1) == (["meters_n2", "meters_n1"], 4)
