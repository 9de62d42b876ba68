"""The product operations, over the wire."""

from typing import Any

import httpx
import pytest

from engine.registry.store import NEWEST
from tests.api.conftest import PRODUCT, Api


async def test_create_product_answers_the_whole_product(api: Api):
    service = {
        "service_id": "$meter",
        "service_type": "meter",
        "description": "two words",
        "option": "Master",
        "properties": [{"property_name": "level", "data_type": "int", "method": "RWE", "required": False, "max": "9"}],
        "commands": [{"command_name": "shut", "paras": [{"para_name": "for", "data_type": "int"}]}],
        "events": [{"event_type": "leak", "paras": []}],
    }
    fields = {
        "manufacturer_name": "m" * 32,
        "industry": "i" * 64,
        "description": "For water; \u6c34\u3002/",
        "app_id": "factory",
        "data_format": "binary",
        "service_capabilities": [service],
    }
    product = await api.create_product(**fields)
    assert product == {**PRODUCT, **fields, "app_name": "factory", "create_time": "20231114T221320Z"}
    assert (await api.get("products/meters")).json() == product


async def test_a_product_id_is_allocated_when_none_is_given(api: Api):
    first, second = await api.create_product(product_id=None), await api.create_product(product_id=None)
    assert first["product_id"] != second["product_id"]
    assert len(first["product_id"]) == 24
    assert set(first["product_id"]) <= set("0123456789abcdef")


async def test_data_format_is_json_when_nothing_is_said(api: Api):
    body = {name: value for name, value in PRODUCT.items() if name != "data_format"}
    assert (await api.post("products", body)).json()["data_format"] == "json"


@pytest.mark.parametrize("field", ["name", "device_type", "protocol_type", "service_capabilities"])
async def test_a_mandatory_field_is_missed_by_name(api: Api, field: str):
    body = {name: value for name, value in PRODUCT.items() if name != field}
    response = await api.post("products", body)
    assert response.status_code == 400
    assert response.json() == {"error_code": "IOTDA.000006", "error_msg": f"Invalid input data. {field}: is required."}


SERVICE = {"service_id": "s", "service_type": "t"}
PROPERTY = {"property_name": "p", "data_type": "int", "method": "R"}


def services(**fields: Any) -> dict[str, Any]:
    return {"service_capabilities": [{**SERVICE, **fields}]}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"product_id": "P" * 37}, "product_id"),
        ({"product_id": "a.b"}, "product_id"),
        ({"name": "n" * 65}, "name"),
        ({"name": ""}, "name"),
        ({"name": "two words"}, "name"),
        ({"device_type": "t" * 33}, "device_type"),
        ({"protocol_type": "mqtt"}, "protocol_type"),
        ({"data_format": "xml"}, "data_format"),
        ({"manufacturer_name": "m" * 33}, "manufacturer_name"),
        ({"industry": "i" * 65}, "industry"),
        ({"description": "d" * 129}, "description"),
        ({"app_id": "A" * 37}, "app_id"),
        ({"service_capabilities": [SERVICE] * 501}, "service_capabilities"),
        (services(service_id="s" * 65), "service_capabilities[0].service_id"),
        (services(service_type="t" * 65), "service_capabilities[0].service_type"),
        (services(option="Always"), "service_capabilities[0].option"),
        (services(properties=[PROPERTY] * 501), "service_capabilities[0].properties"),
        (services(commands=[{"command_name": "c"}] * 501), "service_capabilities[0].commands"),
        (services(events=[{"event_type": "e"}] * 501), "service_capabilities[0].events"),
        (services(properties=[{**PROPERTY, "method": "X"}]), "service_capabilities[0].properties[0].method"),
        (services(properties=[{"property_name": "p"}]), "service_capabilities[0].properties[0].data_type"),
        (services(properties=[{**PROPERTY, "data_type": "float"}]), "service_capabilities[0].properties[0].data_type"),
        (services(properties=[{**PROPERTY, "min": ""}]), "service_capabilities[0].properties[0].min"),
        (services(properties=[{**PROPERTY, "max": "9" * 17}]), "service_capabilities[0].properties[0].max"),
        (services(properties=[{**PROPERTY, "unit": "u" * 17}]), "service_capabilities[0].properties[0].unit"),
        (services(properties=[{**PROPERTY, "required": 1}]), "service_capabilities[0].properties[0].required"),
        (services(commands=[{"command_name": "c" * 65}]), "service_capabilities[0].commands[0].command_name"),
        (services(events=[{"event_type": "e" * 33}]), "service_capabilities[0].events[0].event_type"),
        (services(description="d" * 129), "service_capabilities[0].description"),
        ({"service_capabilities": [SERVICE, SERVICE]}, "service_capabilities"),
        (services(properties=[PROPERTY, PROPERTY]), "service_capabilities[0]"),
        (services(commands=[{"command_name": "c"}] * 2), "service_capabilities[0]"),
        (services(events=[{"event_type": "e"}] * 2), "service_capabilities[0]"),
        (
            services(commands=[{"command_name": "c", "paras": [{"para_name": "p" * 33, "data_type": "int"}]}]),
            "service_capabilities[0].commands[0].paras[0].para_name",
        ),
        (
            services(commands=[{"command_name": "c", "responses": [{"response_name": "r" * 129}]}]),
            "service_capabilities[0].commands[0].responses[0].response_name",
        ),
    ],
)
async def test_one_past_the_bound_is_refused_by_field(api: Api, fields: dict[str, Any], named: str):
    response = await api.post("products", {**PRODUCT, **fields})
    assert response.status_code == 400
    assert response.json()["error_code"] == "IOTDA.000006"
    assert response.json()["error_msg"].startswith(f"Invalid input data. {named}: ")
    assert (await api.get("products")).json() == {"products": [], "page": {"count": 0}}


async def test_the_device_model_may_be_five_hundred_kilobytes(api: Api):
    model = [{"service_id": f"s{n:03}", "service_type": "t", "description": "d" * 128} for n in range(500)]
    properties = [{"property_name": f"p{n:03}", "data_type": "string list", "method": "RWE"} for n in range(500)]
    for service in model[:8]:
        service["properties"] = properties
    await api.create_product(service_capabilities=model)
    for service in model[:20]:
        service["properties"] = properties
    response = await api.post("products", {**PRODUCT, "product_id": "big", "service_capabilities": model})
    assert response.status_code == 400
    assert "service_capabilities: at most 512000 bytes" in response.json()["error_msg"]


async def test_a_product_id_is_taken_once(stocked: Api):
    response = await stocked.post("products", PRODUCT)
    assert (response.status_code, response.json()["error_code"]) == (400, "IOTDA.090102")


async def test_lists_are_newest_first_filtered_and_without_the_device_model(api: Api):
    await api.create_product(product_id="a", name="north-1", app_id="x")
    await api.create_product(product_id="b", name="north-2")
    await api.create_product(product_id="c", name="south")

    async def listed(**query: Any) -> list[str]:
        return [product["product_id"] for product in (await api.get("products", params=query)).json()["products"]]

    assert await listed() == ["c", "b", "a"]
    assert await listed(product_name="north") == ["b", "a"]
    assert await listed(app_id="x") == ["a"]
    assert await listed(limit=1, offset=1) == ["b"]
    assert await listed(marker="0" * 24) == []
    assert await listed(marker=NEWEST, limit=50) == ["c", "b", "a"]
    shown = (await api.get("products")).json()
    assert "service_capabilities" not in shown["products"][0]
    assert shown["page"]["count"] == 3
    assert (await api.get("products", params={"limit": 51})).json()["error_code"] == "IOTDA.000017"


async def test_a_product_of_another_resource_space_is_not_found(stocked: Api):
    for call in (stocked.get, stocked.delete):
        response = await call("products/meters", params={"app_id": "other"})
        assert (response.status_code, response.json()["error_code"]) == (404, "IOTDA.090101")
    assert (await stocked.get("products/meters", params={"app_id": "default"})).status_code == 200
    assert (await stocked.delete("products/meters", params={"app_id": "default"})).status_code == 204


async def test_a_product_with_devices_is_not_deleted(stocked: Api):
    await stocked.create_device()
    response = await stocked.delete("products/meters")
    assert (response.status_code, response.json()["error_code"]) == (403, "IOTDA.090103")
    await stocked.delete("devices/meters_n1")
    deleted = await stocked.delete("products/meters")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await stocked.get("products/meters")).json()["error_code"] == "IOTDA.090101"
    assert (await stocked.delete("products/meters")).status_code == 404


async def update(api: Api, body: dict[str, Any], product_id: str = "meters") -> httpx.Response:
    return await api.call("PUT", f"products/{product_id}", json=body)


WHOLE = {
    "name": "Gauges",
    "device_type": "Gauge",
    "data_format": "binary",
    "manufacturer_name": "Works",
    "industry": "water",
    "description": "New; \u65b0\u3002",
    "service_capabilities": [{**SERVICE, "properties": [PROPERTY]}],
}


@pytest.mark.parametrize("field", WHOLE)
async def test_an_update_changes_the_field_that_it_names_alone(stocked: Api, field: str):
    before = (await stocked.get("products/meters")).json()

    answer = await update(stocked, {field: WHOLE[field]})

    assert (answer.status_code, answer.json()) == (200, {**before, field: WHOLE[field]})
    assert (await stocked.get("products/meters")).json() == answer.json()


async def test_an_update_that_says_nothing_changes_nothing(stocked: Api):
    before = (await stocked.get("products/meters")).json()
    entries = (await stocked.get("keyturn/audit")).json()

    for body in ({}, dict.fromkeys(WHOLE), {"name": "Meters"}, {"product_id": "other", "create_time": "x"}):
        assert (await update(stocked, body)).json() == before
    assert (await stocked.get("keyturn/audit")).json() == entries


async def test_an_update_is_audited_with_before_and_after(stocked: Api):
    await update(stocked, {"name": "Gauges", "industry": "water"})

    entry = (await stocked.get("keyturn/audit", params={"target": "meters"})).json()["entries"][0]

    assert (entry["action"], entry["detail"]) == (
        "product.update",
        {"before": {"name": "Meters", "industry": None}, "after": {"name": "Gauges", "industry": "water"}},
    )


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 65}, "name"),
        ({"device_type": "t" * 33}, "device_type"),
        ({"protocol_type": "mqtt"}, "protocol_type"),
        ({"data_format": "xml"}, "data_format"),
        ({"manufacturer_name": "m" * 33}, "manufacturer_name"),
        ({"industry": "i" * 65}, "industry"),
        ({"description": "d" * 129}, "description"),
        ({"app_id": "A" * 37}, "app_id"),
        ({"service_capabilities": [SERVICE, SERVICE]}, "service_capabilities"),
        ({"service_capabilities": [{"service_id": "s"}]}, "service_capabilities[0].service_type"),
    ],
)
async def test_an_update_past_a_bound_is_refused_by_field(stocked: Api, body: dict[str, Any], named: str):
    before = (await stocked.get("products/meters")).json()
    response = await update(stocked, {"industry": "water", **body})
    assert (response.status_code, response.json()["error_code"]) == (400, "IOTDA.000006")
    assert response.json()["error_msg"].startswith(f"Invalid input data. {named}: ")
    assert (await stocked.get("products/meters")).json() == before


async def test_nothing_can_be_changed_into_coap(stocked: Api):
    response = await update(stocked, {"protocol_type": "CoAP"})
    assert (response.status_code, response.json()["error_code"]) == (400, "IOTDA.090406")
    await stocked.create_product(product_id="lw", protocol_type="CoAP")
    assert (await update(stocked, {"protocol_type": "CoAP", "name": "LW"}, "lw")).json()["name"] == "LW"


@pytest.mark.parametrize(("protocol_type", "other"), [("MQTT", "HTTP"), ("CoAP", "MQTT")])
async def test_a_product_with_devices_keeps_its_protocol(api: Api, protocol_type: str, other: str):
    await api.create_product(protocol_type=protocol_type)
    await api.create_device()

    response = await update(api, {"protocol_type": other})
    assert (response.status_code, response.json()["error_code"]) == (403, "IOTDA.090407")
    assert (await update(api, {"protocol_type": protocol_type, "name": "New"})).status_code == 200

    await api.delete("devices/meters_n1")
    assert (await update(api, {"protocol_type": other})).json()["protocol_type"] == other


async def test_a_product_to_update_is_looked_for_in_its_resource_space(stocked: Api):
    for body, product_id in (({"app_id": "other", "name": "N"}, "meters"), ({"name": "N"}, "absent")):
        response = await update(stocked, body, product_id)
        assert (response.status_code, response.json()["error_code"]) == (404, "IOTDA.090101")
    answer = await update(stocked, {"app_id": "default", "name": "N"})
    assert (answer.json()["app_id"], answer.json()["name"]) == ("default", "N")
