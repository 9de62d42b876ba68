"""The device operations, over the wire."""

import string
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.registry.record import Activation
from engine.registry.sealing import Slot
from tests.api.conftest import NOW, PROJECT, Api

ALL_OF_NAME = "\u6c34\u8868azAZ09_?'#().,&%@!-"


async def refusal(api: Api, **fields: Any) -> tuple[int, str, str]:
    """HTTP status, error_code and error_msg of an AddDevice; nothing was added by it."""
    before = (await api.get("devices")).json()["page"]["count"]
    response = await api.post("devices", {"node_id": "n1", "product_id": "meters", **fields})
    assert (await api.get("devices")).json()["page"]["count"] == before
    return response.status_code, response.json().get("error_code", ""), response.json().get("error_msg", "")


# AddDevice


async def test_add_device_answers_the_whole_device(stocked: Api):
    device = await stocked.create_device()
    secret = device["auth_info"].pop("secret")
    assert len(secret) == 32
    assert set(secret) <= set(string.hexdigits.lower())
    assert device == {
        "app_id": "default",
        "app_name": "default",
        "auth_info": {"auth_type": "SECRET", "secure_access": True, "timeout": 0},
        "create_time": "20231114T221320Z",
        "device_id": "meters_n1",
        "gateway_id": "meters_n1",
        "node_id": "n1",
        "node_type": "GATEWAY",
        "product_id": "meters",
        "product_name": "Meters",
        "status": "INACTIVE",
        "tags": [],
    }


async def test_add_device_with_every_field(stocked: Api):
    fields = {
        "device_id": "D" * 128,
        "node_id": "N" * 64,
        "device_name": ALL_OF_NAME,
        "description": "d" * 2048,
        "app_id": "A" * 36,
        "extension_info": {"colour": "red", "n": [1.5, None, {"deep": True}]},
        "shadow": [{"service_id": "s" * 32, "desired": {"temperature": 20}}],
    }
    auth_info = {"auth_type": "SECRET", "secret": "S-_" * 10 + "xy", "secure_access": False, "timeout": 2147483647}
    device = await stocked.create_device(**fields, auth_info=auth_info)
    del fields["shadow"]
    assert {name: device[name] for name in fields} == fields
    assert device["auth_info"] == auth_info
    stored = (await stocked.store.devices(PROJECT, ["D" * 128]))["D" * 128]
    assert stored.shadow == b'[{"service_id":"' + b"s" * 32 + b'","desired":{"temperature":20}}]'
    assert stored.timeout_at == int(NOW) + 2147483647


async def test_the_secret_is_stored_sealed_for_this_record_only(stocked: Api):
    await stocked.create_device(auth_info={"secret": "12345678"})
    row = (await stocked.store.credentials(["meters_n1"]))["meters_n1"]
    assert row.sealed_primary is not None
    assert b"12345678" not in row.sealed_primary
    assert row.sealed_secondary is None
    unseal = stocked.services.sealer.unseal
    assert unseal(row.sealed_primary, PROJECT, row.record_id, Slot.PRIMARY) == b"12345678"


async def test_a_certificate_device_has_no_secret(stocked: Api):
    auth_info = {"auth_type": "CERTIFICATES", "fingerprint": "aB" * 20}
    device = await stocked.create_device(auth_info=auth_info)
    expected = {"auth_type": "CERTIFICATES", "fingerprint": "ab" * 20, "secure_access": True}
    assert device["auth_info"] == {**expected, "timeout": 0}
    assert (await stocked.get("devices/meters_n1")).json()["auth_info"] == expected


async def test_two_allocated_secrets_differ(stocked: Api):
    first, second = await stocked.create_device(node_id="a"), await stocked.create_device(node_id="b")
    assert first["auth_info"]["secret"] != second["auth_info"]["secret"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"device_id": "D" * 129}, "device_id"),
        ({"device_id": ""}, "device_id"),
        ({"device_id": "a/b"}, "device_id"),
        ({"device_id": "a#"}, "device_id"),
        ({"device_id": "a\n"}, "device_id"),
        ({"node_id": "N" * 65}, "node_id"),
        ({"node_id": ""}, "node_id"),
        ({"node_id": "a b"}, "node_id"),
        ({"product_id": "P" * 37}, "product_id"),
        ({"product_id": ""}, "product_id"),
        ({"device_name": "n" * 257}, "device_name"),
        ({"device_name": "two words"}, "device_name"),
        ({"description": "d" * 2049}, "description"),
        ({"description": "<script>"}, "description"),
        ({"gateway_id": "G" * 129}, "gateway_id"),
        ({"gateway_id": "a+"}, "gateway_id"),
        ({"app_id": "A" * 37}, "app_id"),
        ({"app_id": "a.b"}, "app_id"),
        ({"extension_info": {"a": "x" * 1017}}, "extension_info"),
        ({"shadow": [{"service_id": "s" * 33, "desired": {}}]}, "shadow[0].service_id"),
        ({"shadow": [{"service_id": "", "desired": {}}]}, "shadow[0].service_id"),
        ({"shadow": [{"service_id": "s", "desired": {"a": "x" * 524288}}]}, "shadow"),
        ({"auth_info": {"secret": "s" * 7}}, "auth_info.secret"),
        ({"auth_info": {"secret": "s" * 33}}, "auth_info.secret"),
        ({"auth_info": {"secret": "1234567 "}}, "auth_info.secret"),
        ({"auth_info": {"secret": "12345678\n"}}, "auth_info.secret"),
        ({"auth_info": {"timeout": -1}}, "auth_info.timeout"),
        ({"auth_info": {"timeout": 2147483648}}, "auth_info.timeout"),
        ({"auth_info": {"auth_type": "CERTIFICATES", "fingerprint": "a" * 41}}, "auth_info.fingerprint"),
        ({"auth_info": {"auth_type": "CERTIFICATES", "fingerprint": "a" * 63}}, "auth_info.fingerprint"),
        ({"auth_info": {"auth_type": "TOKEN"}}, "auth_info.auth_type"),
    ],
)
async def test_one_past_the_bound_is_refused_by_field(stocked: Api, fields: dict[str, Any], named: str):
    status, code, message = await refusal(stocked, **fields)
    assert (status, code) == (400, "IOTDA.000006")
    assert message.startswith(f"Invalid input data. {named}: ")


async def test_a_refused_secret_is_not_in_the_message(stocked: Api):
    _, _, message = await refusal(stocked, auth_info={"secret": "hush hush"})
    assert "hush" not in message


async def test_a_device_id_is_taken_once(stocked: Api):
    await stocked.create_device()
    assert (await refusal(stocked))[:2] == (400, "IOTDA.014031")
    assert (await refusal(stocked, node_id="n2", device_id="meters_n1"))[:2] == (400, "IOTDA.014031")


async def test_a_product_that_is_not_there_takes_no_device(stocked: Api):
    assert (await refusal(stocked, product_id="none"))[:2] == (404, "IOTDA.090101")


async def test_a_gateway_that_is_not_there_takes_no_sub_device(stocked: Api):
    assert (await refusal(stocked, gateway_id="none"))[:2] == (404, "IOTDA.090106")


async def test_sub_devices_have_two_levels_at_most(stocked: Api):
    await stocked.create_device(device_id="gateway")
    sub = await stocked.create_device(node_id="sub", gateway_id="gateway")
    assert (sub["gateway_id"], sub["node_type"]) == ("gateway", "ENDPOINT")
    subsub = await stocked.create_device(node_id="subsub", gateway_id=sub["device_id"])
    assert (subsub["gateway_id"], subsub["node_type"]) == (sub["device_id"], "ENDPOINT")
    assert (await refusal(stocked, node_id="third", gateway_id=subsub["device_id"]))[:2] == (404, "IOTDA.090106")
    assert await listed(stocked, gateway_id="gateway") == ["sub"]
    assert await listed(stocked, gateway_id="gateway", is_cascade_query="true") == ["subsub", "sub"]


async def test_node_ids_of_coap_devices_are_unique(stocked: Api):
    """LwM2M's endpoint name resolves without a project (iotda-rest.md, "Ours")."""
    await stocked.create_product(product_id="nb", protocol_type="CoAP")
    await stocked.create_device(product_id="nb", auth_info={"secret": "0123456789abcdef"})
    taken = await refusal(stocked, product_id="nb", device_id="other")
    assert taken[:2] == (400, "IOTDA.090105")
    await stocked.create_device(product_id="meters")


@pytest.mark.parametrize("secret", ["not-hexadecimal", "123456789"])
async def test_coap_secrets_are_hexadecimal_of_even_length(stocked: Api, secret: str):
    await stocked.create_product(product_id="nb", protocol_type="CoAP")
    status, code, message = await refusal(stocked, product_id="nb", auth_info={"secret": secret})
    assert (status, code) == (400, "IOTDA.000006")
    assert "auth_info.secret: " in message


# ListDevices


async def listed(api: Api, **query: Any) -> list[str]:
    response = await api.get("devices", params=query)
    assert response.status_code == 200, response.text
    return [device["node_id"] for device in response.json()["devices"]]


async def test_lists_are_newest_first_and_turn_pages_by_marker(stocked: Api):
    for number in range(5):
        await stocked.create_device(node_id=f"n{number}")
    first = (await stocked.get("devices", params={"limit": 2})).json()
    assert [device["node_id"] for device in first["devices"]] == ["n4", "n3"]
    assert first["page"]["count"] == 5
    assert await listed(stocked, limit=2, marker=first["page"]["marker"]) == ["n2", "n1"]
    assert await listed(stocked, limit=2, marker=first["page"]["marker"], offset=2) == ["n0"]
    assert await listed(stocked, offset=4) == ["n0"]
    assert (await stocked.get("devices", params={"offset": 5})).json() == {"devices": [], "page": {"count": 5}}


async def test_a_page_has_ten_records_when_nothing_is_said(stocked: Api):
    for number in range(11):
        await stocked.create_device(node_id=f"n{number}")
    assert len(await listed(stocked)) == 10
    assert len(await listed(stocked, limit=50)) == 11


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": 0}, "IOTDA.000017"),
        ({"limit": 51}, "IOTDA.000017"),
        ({"limit": "ten"}, "IOTDA.000017"),
        ({"limit": ""}, "IOTDA.000017"),
        ({"marker": "f" * 23}, "IOTDA.000018"),
        ({"marker": "F" * 24}, "IOTDA.000018"),
        ({"marker": ""}, "IOTDA.000018"),
        ({"offset": -1}, "IOTDA.000006"),
        ({"offset": 501}, "IOTDA.000006"),
        ({"start_time": "2023-11-14"}, "IOTDA.000009"),
        ({"end_time": "20231314T000000Z"}, "IOTDA.000009"),
        ({"start_time": "20231114T000001Z", "end_time": "20231114T000000Z"}, "IOTDA.000010"),
        ({"product_id": "P" * 37}, "IOTDA.000006"),
        ({"gateway_id": "a b"}, "IOTDA.000006"),
        ({"node_id": "N" * 65}, "IOTDA.000006"),
        ({"device_name": "two words"}, "IOTDA.000006"),
        ({"app_id": "a.b"}, "IOTDA.000006"),
        ({"is_cascade_query": "maybe", "gateway_id": "g"}, "IOTDA.000006"),
    ],
)
async def test_a_query_out_of_range_is_named(stocked: Api, query: dict[str, Any], code: str):
    response = await stocked.get("devices", params=query)
    assert response.status_code == 400
    assert response.json()["error_code"] == code


async def test_filters(stocked: Api):
    await stocked.create_product(product_id="pumps")
    await stocked.create_device(node_id="a1", device_name="north-1", device_id="g")
    await stocked.create_device(node_id="a2", device_name="north-2", gateway_id="g")
    stocked.hands.wall = NOW + 3600
    await stocked.create_device(node_id="b1", device_name="south", product_id="pumps", app_id="factory")
    assert await listed(stocked, product_id="pumps") == ["b1"]
    assert await listed(stocked, node_id="a") == ["a2", "a1"]
    assert await listed(stocked, device_name="north-2") == ["a2"]
    assert await listed(stocked, app_id="factory") == ["b1"]
    assert await listed(stocked, gateway_id="g") == ["a2"]
    assert await listed(stocked, gateway_id="g", is_cascade_query="true") == ["a2"]
    assert await listed(stocked, start_time="20231114T221321Z") == ["b1"]
    assert await listed(stocked, end_time="20231114T221320Z") == ["a2", "a1"]
    assert await listed(stocked, node_id="none") == []


async def test_a_list_shows_no_secret_and_no_creation(stocked: Api):
    device = await stocked.create_device(device_name="name")
    response = await stocked.get("devices")
    assert device["auth_info"]["secret"] not in response.text
    assert not {"auth_info", "create_time"} & set(response.json()["devices"][0])
    assert response.json()["devices"][0]["device_name"] == "name"


# ShowDevice


async def test_show_device_shows_what_was_added_but_not_the_timeout(stocked: Api):
    device = await stocked.create_device(auth_info={"secret": "12345678", "timeout": 60})
    assert device["auth_info"].pop("timeout") == 60
    response = await stocked.get("devices/meters_n1")
    assert response.status_code == 200
    assert response.json() == device


async def test_status_follows_the_device(stocked: Api):
    await stocked.create_device()
    record_id = (await stocked.store.credentials(["meters_n1"]))["meters_n1"].record_id
    await stocked.store.activate([Activation(device_id="meters_n1", record_id=record_id, at=NOW + 1)])
    offline = (await stocked.get("devices/meters_n1")).json()
    assert (offline["status"], offline["active_time"]) == ("OFFLINE", "2023-11-14T22:13:21.250Z")
    stocked.bus.live["meters_n1"] = NOW + 2
    online = (await stocked.get("devices/meters_n1")).json()
    assert (online["status"], online["connection_status_update_time"]) == ("ONLINE", "2023-11-14T22:13:22.250Z")
    assert (await stocked.get("devices")).json()["devices"][0]["status"] == "ONLINE"


@pytest.mark.parametrize("device_id", ["none", "a" * 129, "a.b", "~"])
async def test_a_device_that_is_not_there_is_a_404(stocked: Api, device_id: str):
    for call in (
        stocked.get(f"devices/{device_id}"),
        stocked.delete(f"devices/{device_id}"),
        stocked.post(f"devices/{device_id}/freeze"),
        stocked.post(f"devices/{device_id}/unfreeze"),
    ):
        response = await call
        assert response.status_code == 404
        assert response.json()["error_code"] == "IOTDA.014000"
    assert stocked.bus.invalidations == []


# DeleteDevice, FreezeDevice, UnfreezeDevice


async def test_a_deleted_device_is_gone_and_its_session_closed(stocked: Api):
    await stocked.create_device()
    response = await stocked.delete("devices/meters_n1")
    assert (response.status_code, response.content) == (204, b"")
    assert stocked.bus.invalidations == [(("meters_n1",), True)]
    assert (await stocked.get("devices/meters_n1")).status_code == 404
    assert (await stocked.delete("devices/meters_n1")).status_code == 404


async def test_a_re_created_device_has_a_new_record(stocked: Api):
    await stocked.create_device()
    first = (await stocked.store.credentials(["meters_n1"]))["meters_n1"]
    await stocked.delete("devices/meters_n1")
    await stocked.create_device()
    assert (await stocked.store.credentials(["meters_n1"]))["meters_n1"].record_id > first.record_id


async def test_a_gateway_with_sub_devices_is_not_deleted(stocked: Api):
    await stocked.create_device(device_id="gateway")
    await stocked.create_device(node_id="sub", gateway_id="gateway")
    response = await stocked.delete("devices/gateway")
    assert (response.status_code, response.json()["error_code"]) == (403, "IOTDA.090104")
    assert stocked.bus.invalidations == []


async def test_freeze_and_unfreeze(stocked: Api):
    await stocked.create_device()
    stocked.bus.live["meters_n1"] = NOW
    frozen = await stocked.post("devices/meters_n1/freeze")
    assert (frozen.status_code, frozen.content) == (204, b"")
    assert (await stocked.get("devices/meters_n1")).json()["status"] == "FROZEN"
    again = await stocked.post("devices/meters_n1/freeze")
    assert (again.status_code, again.json()["error_code"]) == (403, "IOTDA.014039")
    assert (await stocked.post("devices/meters_n1/unfreeze")).status_code == 204
    again = await stocked.post("devices/meters_n1/unfreeze")
    assert (again.status_code, again.json()["error_code"]) == (403, "IOTDA.014040")
    assert stocked.bus.invalidations == [(("meters_n1",), True), (("meters_n1",), False)]
    assert stocked.bus.live == {}


async def test_sub_devices_are_not_frozen(stocked: Api):
    await stocked.create_device(device_id="gateway")
    await stocked.create_device(node_id="sub", gateway_id="gateway")
    response = await stocked.post("devices/meters_sub/freeze")
    assert (response.status_code, response.json()["error_code"]) == (403, "IOTDA.014038")


async def test_freeze_takes_no_body_and_minds_none(stocked: Api):
    """SDKs send {} or nothing (iotda-rest.md B.1)."""
    await stocked.create_device()
    assert (await stocked.post("devices/meters_n1/freeze", {})).status_code == 204
    content_type = {"Content-Type": "application/json"}
    assert (await stocked.post("devices/meters_n1/unfreeze", headers=content_type)).status_code == 204


# Secrets


async def test_secrets_are_in_no_audit_entry_no_log_and_no_metric(stocked: Api):
    with capture_logs() as logs:
        given = await stocked.create_device(auth_info={"secret": "given-secret-of-n1"})
        allocated = await stocked.create_device(node_id="n2")
        await stocked.post("devices", {"node_id": "n1", "product_id": "meters", "auth_info": {"secret": "third-one"}})
        await stocked.get("devices/meters_n2")
        await stocked.post("devices/meters_n2/freeze")
        await stocked.delete("devices/meters_n2")
    written = f"{(await stocked.get('keyturn/audit')).text} {logs} {(await stocked.get('/metrics')).text}"
    assert "device.delete" in written
    for secret in (given["auth_info"]["secret"], allocated["auth_info"]["secret"], "third-one"):
        assert secret not in written
