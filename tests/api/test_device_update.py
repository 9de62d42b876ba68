"""UpdateDevice, over the wire."""

from typing import Any

import pytest

from engine.registry.minting import token_digest
from engine.registry.store_access import ApiToken, Role
from tests.api.conftest import NOW, PROJECT, Api
from tests.registry.samples import audit

ID = "meters_n1"


async def put(api: Api, body: Any) -> dict[str, Any]:
    response = await api.call("PUT", f"devices/{ID}", json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def test_what_is_given_is_changed_and_the_rest_stays(stocked: Api):
    before = await stocked.create_device(device_name="old", description="stays", auth_info={"secret": "12345678"})
    del before["auth_info"]["timeout"]
    after = await put(
        stocked, {"device_name": "水表", "extension_info": {"a": [1]}, "auth_info": {"secure_access": False}}
    )
    changed = {"device_name": "水表", "extension_info": {"a": [1]}}
    assert after == {**before, **changed, "auth_info": {**before["auth_info"], "secure_access": False}}
    assert (await stocked.get(f"devices/{ID}")).json() == after
    assert stocked.bus.invalidations == [((ID,), False)]
    entry = (await stocked.get("keyturn/audit", params={"target": ID})).json()["entries"][-2]
    assert entry["action"] == "device.update"
    assert entry["detail"] == {
        "before": {"device_name": "old", "extension_info": None, "secure_access": True},
        "after": {"device_name": "水表", "extension_info": {"a": [1]}, "secure_access": False},
    }


async def test_an_empty_update_changes_nothing(stocked: Api):
    before = await stocked.create_device(device_name="name", auth_info={"timeout": 60})
    del before["auth_info"]["timeout"]
    assert await put(stocked, {}) == before
    assert await put(stocked, {"device_name": None, "auth_info": None, "node_id": "is ignored"}) == before


async def test_timeout_is_in_the_answer_of_the_update_that_changed_it(stocked: Api):
    await stocked.create_device(auth_info={"timeout": 60})
    stocked.hands.wall = NOW + 10
    assert "timeout" not in (await put(stocked, {"auth_info": {"timeout": 60}}))["auth_info"]
    assert (await stocked.store.credentials([ID]))[ID].timeout_at == int(NOW) + 60
    assert (await put(stocked, {"auth_info": {"timeout": 90}}))["auth_info"]["timeout"] == 90
    assert (await stocked.store.credentials([ID]))[ID].timeout_at == int(NOW) + 100
    assert (await put(stocked, {"auth_info": {"timeout": 0}}))["auth_info"]["timeout"] == 0
    assert (await stocked.store.credentials([ID]))[ID].timeout_at is None


async def test_sub_devices_have_no_timeout(stocked: Api):
    await stocked.create_device(device_id="gateway")
    await stocked.create_device(node_id="sub", device_id=ID, gateway_id="gateway")
    response = await stocked.call("PUT", f"devices/{ID}", json={"auth_info": {"timeout": 1}})
    assert (response.status_code, response.json()["error_code"]) == (400, "IOTDA.000006")
    assert response.json()["error_msg"].startswith("Invalid input data. auth_info.timeout: ")
    await put(stocked, {"auth_info": {"timeout": 0}})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"device_name": "n" * 257}, "device_name"),
        ({"device_name": "two words"}, "device_name"),
        ({"description": "d" * 2049}, "description"),
        ({"extension_info": {"a": "x" * 1017}}, "extension_info"),
        ({"extension_info": []}, "extension_info"),
        ({"auth_info": {"timeout": -1}}, "auth_info.timeout"),
        ({"auth_info": {"timeout": 2147483648}}, "auth_info.timeout"),
        ({"auth_info": {"secure_access": "yes"}}, "auth_info.secure_access"),
    ],
)
async def test_field_out_of_bounds_is_named_and_nothing_changed(stocked: Api, body: dict[str, Any], field: str):
    await stocked.create_device()
    before = await stocked.store.devices(PROJECT, [ID])
    response = await stocked.call("PUT", f"devices/{ID}", json=body)
    assert (response.status_code, response.json()["error_code"]) == (400, "IOTDA.000006")
    assert response.json()["error_msg"].startswith(f"Invalid input data. {field}: ")
    assert await stocked.store.devices(PROJECT, [ID]) == before


async def test_device_that_is_not_there_is_a_404(stocked: Api):
    response = await stocked.call("PUT", f"devices/{ID}", json={})
    assert (response.status_code, response.json()["error_code"]) == (404, "IOTDA.014000")


async def test_a_caller_who_may_not_read_secrets_sees_none(stocked: Api):
    """Neither in what is shown nor in what an update answers; and nothing is said to have been read."""
    secret = (await stocked.create_device())["auth_info"]["secret"]
    token = "reads no secrets"
    record = ApiToken(
        digest=token_digest(token),
        project_id=PROJECT,
        name="operator",
        role=Role.OPERATOR,
        reads_secrets=False,
        created_at=int(NOW),
    )
    await stocked.store.access.add_api_token(record, audit())
    headers = {"X-Auth-Token": token}
    updated = await stocked.call("PUT", f"devices/{ID}", json={"device_name": "new"}, headers=headers)
    shown = await stocked.get(f"devices/{ID}", headers=headers)
    for response in (updated, shown):
        assert response.json()["auth_info"] == {"auth_type": "SECRET", "secure_access": True}
        assert secret not in response.text
    entries = (await stocked.get("keyturn/audit")).json()["entries"]
    assert "secret.read" not in {entry["action"] for entry in entries}
