"""The audit and the attempts, over the wire."""

from typing import Any

import pytest

from engine.verdict.outcome import Reason
from tests.api.conftest import NOW, OTHER_PROJECT, OTHER_TOKEN, Api


async def entries(api: Api, **query: Any) -> list[dict[str, Any]]:
    response = await api.get("keyturn/audit", params=query)
    assert response.status_code == 200, response.text
    return response.json()["entries"]


async def test_every_change_is_audited_with_its_actor(stocked: Api):
    await stocked.create_device()
    await stocked.post("devices/meters_n1/freeze")
    await stocked.post("devices/meters_n1/unfreeze")
    await stocked.get("devices/meters_n1")
    await stocked.delete("devices/meters_n1")
    await stocked.delete("products/meters")
    lines = [entry for entry in await entries(stocked) if entry["actor"].startswith("token:")]
    assert [(entry["action"], entry["target"]) for entry in reversed(lines)] == [
        ("product.create", "meters"),
        ("device.create", "meters_n1"),
        ("device.freeze", "meters_n1"),
        ("device.unfreeze", "meters_n1"),
        ("secret.read", "meters_n1"),
        ("device.delete", "meters_n1"),
        ("product.delete", "meters"),
    ]
    assert {entry["at"] for entry in lines} == {"2023-11-14T22:13:20.250Z"}
    assert lines[-2]["detail"]["after"] == {
        "auth_type": "SECRET",
        "gateway_id": "meters_n1",
        "node_id": "n1",
        "product_id": "meters",
        "timeout": 0,
    }
    assert lines[-3]["detail"] == {"before": {"frozen": False}, "after": {"frozen": True}}
    assert lines[1]["detail"]["before"] == {"gateway_id": "meters_n1", "node_id": "n1", "product_id": "meters"}


async def test_what_was_refused_is_not_audited_as_done(stocked: Api):
    await stocked.create_device()
    before = await entries(stocked)
    await stocked.create_product(product_id="other")
    await stocked.post("devices", {"node_id": "n1", "product_id": "meters"})
    await stocked.post("devices/meters_n1/unfreeze")
    await stocked.delete("products/meters")
    await stocked.get("devices/none")
    assert [entry["action"] for entry in (await entries(stocked))[: -len(before)]] == ["product.create"]


async def test_pages_turn_by_sequence(stocked: Api):
    for number in range(4):
        await stocked.create_device(node_id=f"n{number}")
    everything = await entries(stocked)
    first = await entries(stocked, limit=2)
    assert [entry["target"] for entry in first] == ["meters_n3", "meters_n2"]
    rest = await entries(stocked, before=first[-1]["sequence"])
    assert first + rest == everything
    assert await entries(stocked, before=1) == []


async def test_the_audit_of_one_device(stocked: Api):
    await stocked.create_device(node_id="a")
    await stocked.create_device(node_id="b")
    assert [entry["target"] for entry in await entries(stocked, target="meters_a")] == ["meters_a"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": 0}, "IOTDA.000017"),
        ({"limit": 51}, "IOTDA.000017"),
        ({"before": 0}, "IOTDA.000006"),
        ({"before": "x"}, "IOTDA.000006"),
        ({"target": "t" * 129}, "IOTDA.000006"),
    ],
)
async def test_a_query_out_of_range_is_named(api: Api, query: dict[str, Any], code: str):
    response = await api.get("keyturn/audit", params=query)
    assert (response.status_code, response.json()["error_code"]) == (400, code)


async def test_one_project_s_audit_is_not_another_s(stocked: Api):
    await stocked.create_device()
    response = await stocked.get(f"/v5/iot/{OTHER_PROJECT}/keyturn/audit", headers={"X-Auth-Token": OTHER_TOKEN})
    assert "meters" not in response.text


async def test_attempts_say_why(stocked: Api):
    await stocked.create_device()
    record = stocked.services.attempts.record
    record("meters_n1", Reason.WRONG_SECRET, "192.0.2.1", "192.0.2.1", "mqtt", NOW)
    record("meters_n1", Reason.ACCEPTED, "2001:db8::1", "2001:db8::/64", "mqtts", NOW + 1)
    assert (await stocked.get("keyturn/devices/meters_n1/attempts")).json() == {
        "device_id": "meters_n1",
        "attempts": [
            {"at": "2023-11-14T22:13:21.250Z", "reason": "accepted", "address": "2001:db8::1", "listener": "mqtts"},
            {"at": "2023-11-14T22:13:20.250Z", "reason": "wrong_secret", "address": "192.0.2.1", "listener": "mqtt"},
        ],
    }


async def test_only_the_last_eight_attempts_are_kept(stocked: Api):
    await stocked.create_device()
    for number in range(12):
        stocked.services.attempts.record("meters_n1", Reason.WRONG_SECRET, str(number), "p", "mqtt", NOW)
    attempts = (await stocked.get("keyturn/devices/meters_n1/attempts")).json()["attempts"]
    assert [attempt["address"] for attempt in attempts] == ["11", "10", "9", "8", "7", "6", "5", "4"]


async def test_attempts_of_a_device_that_is_not_there_are_not_shown(stocked: Api):
    stocked.services.attempts.record("ghost", Reason.UNKNOWN_DEVICE, "192.0.2.1", "192.0.2.1", "mqtt", NOW)
    response = await stocked.get("keyturn/devices/ghost/attempts")
    assert (response.status_code, response.json()["error_code"]) == (404, "IOTDA.014000")
