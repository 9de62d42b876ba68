"""The OpenAPI document says what the API does."""

from typing import Any

import pytest

from tests.api.conftest import Api

OPERATIONS = {
    "AddDevice",
    "ListDevices",
    "ShowDevice",
    "DeleteDevice",
    "FreezeDevice",
    "UnfreezeDevice",
    "CreateProduct",
    "ListProducts",
    "ShowProduct",
    "DeleteProduct",
    "ListAudit",
    "ListAttempts",
    "Livez",
    "Readyz",
    "Metrics",
}


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    response = await api.client.get("/openapi.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return response.json()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, methods in document["paths"].items() for operation in methods.values()]


async def test_every_operation_is_there_under_its_own_name(document: dict[str, Any]):
    assert document["openapi"].startswith("3.1.")
    named = [operation["operationId"] for _, operation in operations(document)]
    assert sorted(named) == sorted(OPERATIONS)


async def test_every_operation_and_parameter_is_described(document: dict[str, Any]):
    for path, operation in operations(document):
        assert operation["description"], path
        for parameter in operation.get("parameters", []):
            assert parameter["description"], f"{path} {parameter['name']}"


async def test_what_needs_a_token_says_so(document: dict[str, Any]):
    for path, operation in operations(document):
        assert (operation.get("security") == [{"X-Auth-Token": []}]) == path.startswith("/v5/"), path
    scheme = document["components"]["securitySchemes"]["X-Auth-Token"]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-Auth-Token")


async def test_every_error_has_the_contract_s_body(document: dict[str, Any]):
    for path, operation in operations(document):
        if not path.startswith("/v5/"):
            continue
        assert {"400", "401", "403", "404", "413", "415", "500", "503"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemBody"}


async def test_limits_are_in_the_schemas(document: dict[str, Any]):
    schemas = document["components"]["schemas"]
    device = schemas["CreateDevice"]["properties"]
    assert (device["node_id"]["minLength"], device["node_id"]["maxLength"]) == (1, 64)
    assert set(schemas["CreateDevice"]["required"]) == {"node_id", "product_id"}
    assert schemas["AuthInfo"]["properties"]["timeout"]["maximum"] == 2147483647
    limit = next(
        parameter
        for parameter in document["paths"]["/v5/iot/{project_id}/devices"]["get"]["parameters"]
        if parameter["name"] == "limit"
    )
    assert (limit["schema"]["minimum"], limit["schema"]["maximum"], limit["schema"]["default"]) == (1, 50, 10)


async def test_nothing_beside_the_document_is_served(api: Api):
    for path in ("/openapi.json/x", "/openapi.yaml", "/schema/openapi.json"):
        assert (await api.client.get(path)).json()["error_code"] == "IOTDA.090001"
