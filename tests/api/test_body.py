"""Bodies are decoded strictly, and what is wrong with one is said by field."""

import pytest

from engine.api.body import field_detail
from tests.api.conftest import DEVICE, Api

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        ("Expected `str` of length <= 64 - at `$.node_id`", "node_id: expected `str` of length <= 64."),
        ("Object missing required field `node_id`", "node_id: is required."),
        ("Object missing required field `desired` - at `$.shadow[0]`", "shadow[0].desired: is required."),
        ("Expected `int`, got `str` - at `$.auth_info.timeout`", "auth_info.timeout: expected `int`, got `str`."),
        ("Expected `object`, got `array`", "body: expected `object`, got `array`."),
        ("Number out of range - at `$.extension_info[...]`", "extension_info[...]: number out of range."),
    ],
)
def test_a_fault_is_told_by_field(fault: str, detail: str):
    assert field_detail(fault) == detail


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"node_id": 7}, "node_id"),
        ({"node_id": None}, "node_id"),
        ({"node_id": ["n"]}, "node_id"),
        ({"auth_info": {"timeout": "20"}}, "auth_info.timeout"),
        ({"auth_info": {"timeout": 2.5}}, "auth_info.timeout"),
        ({"auth_info": {"timeout": True}}, "auth_info.timeout"),
        ({"auth_info": {"secure_access": "true"}}, "auth_info.secure_access"),
        ({"auth_info": {"secure_access": 1}}, "auth_info.secure_access"),
        ({"auth_info": {"auth_type": "secret"}}, "auth_info.auth_type"),
        ({"auth_info": []}, "auth_info"),
        ({"extension_info": "text"}, "extension_info"),
        ({"shadow": {}}, "shadow"),
        ({"shadow": [{"service_id": "s"}]}, "shadow[0].desired"),
    ],
)
async def test_a_value_of_the_wrong_type_is_not_converted(stocked: Api, fields: dict[str, object], named: str):
    response = await stocked.post("devices", {**DEVICE, **fields})
    assert response.status_code == 400
    assert response.json()["error_code"] == "IOTDA.000006"
    assert response.json()["error_msg"].startswith(f"Invalid input data. {named}: ")
    assert (await stocked.get("devices")).json()["page"]["count"] == 0


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"{'node_id': 1}",
        b'{"node_id": "n1",}',
        b'{"node_id": "n1", "product_id": "meters"} {}',
        b"\xff\xfe",
        b'{"node_id": "\xff"}',
        b'{"node_id": "\\ud800"}',
        b'{"extension_info": ' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"}",
        b"",
    ],
)
async def test_what_is_not_json_is_malformed(stocked: Api, content: bytes):
    response = await stocked.post("devices", content=content, headers=JSON)
    assert response.status_code == 400, response.text
    assert response.json()["error_code"] == "IOTDA.000008"


@pytest.mark.parametrize("content", [b"[]", b"null", b'"text"', b"1"])
async def test_json_that_is_no_object_is_invalid(stocked: Api, content: bytes):
    response = await stocked.post("devices", content=content, headers=JSON)
    assert response.status_code == 400
    assert response.json()["error_code"] == "IOTDA.000006"
    assert "body: " in response.json()["error_msg"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_that_does_not_say_it_is_json_is_refused(stocked: Api, media_type: str):
    content = b'{"node_id": "n1", "product_id": "meters"}'
    response = await stocked.post("devices", content=content, headers={"Content-Type": media_type})
    assert response.status_code == 415
    assert response.json()["error_code"] == "IOTDA.000008"


@pytest.mark.parametrize("media_type", ["application/json", "application/json;charset=utf-8", "Application/JSON"])
async def test_the_media_type_may_carry_a_charset(stocked: Api, media_type: str):
    content = b'{"node_id": "n1", "product_id": "meters"}'
    response = await stocked.post("devices", content=content, headers={"Content-Type": media_type})
    assert response.status_code == 201, response.text


async def test_a_get_may_carry_the_content_type(stocked: Api):
    """The SDK sends it on every call (iotda-rest.md A.1)."""
    assert (await stocked.get("devices", headers=JSON)).status_code == 200


async def test_fields_that_the_contract_does_not_name_are_ignored(stocked: Api):
    device = await stocked.create_device(no_such_field={"a": 1}, auth_info={"neither": "this"})
    assert device["device_id"] == "meters_n1"


async def test_null_is_as_good_as_absent(stocked: Api):
    """Clients that write every field of their model send nulls."""
    fields = (
        "device_id",
        "device_name",
        "description",
        "gateway_id",
        "app_id",
        "extension_info",
        "shadow",
        "auth_info",
    )
    device = await stocked.create_device(**dict.fromkeys(fields))
    assert device["device_id"] == "meters_n1"
    nulls = dict.fromkeys(("auth_type", "secret", "fingerprint", "secure_access", "timeout"))
    device = await stocked.create_device(node_id="n2", auth_info=nulls)
    assert device["auth_info"]["auth_type"] == "SECRET"
