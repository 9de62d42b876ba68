"""The OpenAPI document says what the API does: every operation of the contract, every field, every status."""

from typing import Any

import pytest
from litestar.routes import HTTPRoute

from engine.api.application import build_application
from engine.api.problems import Problem
from tests.api.conftest import Api

PROJECT = "/v5/iot/{project_id}"

# iotda-rest.md A.2, row by row: method and path below the project, the SDK's name, and the status of a success.
CONTRACT = """
POST   /devices                                             AddDevice                     201
GET    /devices                                             ListDevices                   200
GET    /devices/{device_id}                                 ShowDevice                    200
PUT    /devices/{device_id}                                 UpdateDevice                  200
DELETE /devices/{device_id}                                 DeleteDevice                  204
POST   /devices/{device_id}/action                          ResetDeviceSecret             200
POST   /devices/{device_id}/reset-fingerprint               ResetFingerprint              200
POST   /devices/{device_id}/freeze                          FreezeDevice                  204
POST   /devices/{device_id}/unfreeze                        UnfreezeDevice                204
POST   /search/query-devices                                SearchDevices                 200
POST   /products                                            CreateProduct                 201
GET    /products                                            ListProducts                  200
GET    /products/{product_id}                               ShowProduct                   200
PUT    /products/{product_id}                               UpdateProduct                 200
DELETE /products/{product_id}                               DeleteProduct                 204
POST   /certificates                                        AddCertificate                201
GET    /certificates                                        ListCertificates              200
GET    /certificates/{certificate_id}                       ShowCertificate               200
PUT    /certificates/{certificate_id}                       UpdateCertificate             200
POST   /certificates/{certificate_id}/action                CheckCertificate              200
DELETE /certificates/{certificate_id}                       DeleteCertificate             204
GET    /device-certificates                                 ListDeviceCertificate         200
GET    /device-certificates/{certificate_id}                ShowDeviceCertificate         200
PUT    /device-certificates/{certificate_id}                UpdateDeviceCertificate       200
DELETE /device-certificates/{certificate_id}                DeleteDeviceCertificate       204
POST   /device-certificates/{certificate_id}/list-device    ListDeviceByDeviceCertificate 200
POST   /batchtasks                                          CreateBatchTask               201
GET    /batchtasks                                          ListBatchTasks                200
GET    /batchtasks/{task_id}                                ShowBatchTask                 200
DELETE /batchtasks/{task_id}                                DeleteBatchTask               204
POST   /batchtasks/{task_id}/retry                          RetryBatchTask                200
POST   /batchtasks/{task_id}/stop                           StopBatchTask                 200
POST   /batchtasks/{task_id}/confirm                        ConfirmBatchTask              200
POST   /batchtask-files                                     UploadBatchTaskFile           201
GET    /batchtask-files                                     ListBatchTaskFiles            200
DELETE /batchtask-files/{file_id}                           DeleteBatchTaskFile           204
"""

Operation = dict[str, Any]


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    response = await api.client.get("/openapi.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return response.json()


def operations(document: dict[str, Any]) -> list[tuple[str, str, Operation]]:
    """Method, path and what is said of it."""
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def test_every_operation_of_the_contract_is_there_under_its_own_name(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    found = {(method, path): operation for method, path, operation in operations(document)}
    for line in CONTRACT.strip().splitlines():
        method, path, name, status = line.split()
        operation = found[method, PROJECT + path]
        assert (operation["operationId"], operation["summary"]) == (name, name)
        assert [each for each in operation["responses"] if int(each) < 300] == [status], name


async def test_every_route_is_in_the_document(api: Api, document: dict[str, Any]) -> None:
    """And what is in the document is a route."""
    application = build_application(api.services)._application
    routes = {
        (str(method), "/" + "/".join(c if isinstance(c, str) else f"{{{c.name}}}" for c in route.path_components))
        for route in application.routes  # type: ignore[attr-defined] # the Doorway knows it as any ASGI application
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS" and route.path not in ("/openapi.json", "/docs")
    }

    assert {(method, path) for method, path, _ in operations(document)} == routes


async def test_every_operation_parameter_schema_and_field_is_described(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"], path
        assert operation["tags"], path
        for parameter in operation.get("parameters", []):
            assert parameter["description"], f"{path} {parameter['name']}"
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"], name
        for field, described in schema.get("properties", {}).items():
            assert described["description"], f"{name}.{field}"


async def test_operation_names_are_unique(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


async def test_what_needs_a_caller_says_how_it_is_known(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        ways = [{"X-Auth-Token": []}, {"AK-SK": []}]
        assert (operation.get("security") == ways) == path.startswith("/v5/"), path
    for name, header in (("X-Auth-Token", "X-Auth-Token"), ("AK-SK", "Authorization")):
        scheme = document["components"]["securitySchemes"][name]
        assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", header)


async def test_every_error_is_documented_with_the_contract_s_body(document: dict[str, Any]) -> None:
    statuses = {str(problem.value.status) for problem in Problem}
    for _, path, operation in operations(document):
        if not path.startswith("/v5/"):
            continue
        assert statuses <= set(operation["responses"]), path
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemBody"}


async def test_limits_are_in_the_schemas(document: dict[str, Any]) -> None:
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


async def test_every_text_of_a_request_has_a_bound(document: dict[str, Any]) -> None:
    """A field without one would be as long as the whole body. Certificates are; what they hold is checked instead."""
    schemas = document["components"]["schemas"]
    for _, path, operation in operations(document):
        for described in operation.get("requestBody", {}).get("content", {}).values():
            if "$ref" not in described["schema"]:
                continue
            name = described["schema"]["$ref"].rpartition("/")[2]
            for field, schema in schemas[name]["properties"].items():
                texts = [each for each in (schema, *schema.get("oneOf", ())) if each.get("type") == "string"]
                bounds = {"maxLength", "enum", "const", "pattern"}
                if texts and "content" not in field:
                    assert any(bounds & each.keys() for each in (schema, *texts)), f"{path} {name}.{field}"


async def test_upload_is_a_form_with_a_file(document: dict[str, Any]) -> None:
    body = document["paths"][f"{PROJECT}/batchtask-files"]["post"]["requestBody"]

    assert body["required"] is True
    schema = body["content"]["multipart/form-data"]["schema"]
    assert (schema["properties"]["file"]["format"], schema["required"]) == ("binary", ["file"])


async def test_nothing_beside_the_document_is_served(api: Api) -> None:
    for path in ("/openapi.json/x", "/openapi.yaml", "/schema/openapi.json", "/docs/x"):
        assert (await api.client.get(path)).json()["error_code"] == "IOTDA.090001"
