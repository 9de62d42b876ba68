"""The unmodified huaweicloudsdkiotda says who asks, in each of its three ways (iotda-rest.md B)."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkiotda.v5 import (
    AddDevice,
    AddDeviceRequest,
    AddProduct,
    CreateProductRequest,
    DeleteDeviceRequest,
    IoTDAClient,
    ListDevicesRequest,
    ListProductsRequest,
    ServiceCapability,
    ShowDeviceRequest,
    ShowProductRequest,
)

from engine.config import ApiConfig
from engine.node.data_directory import Credentials
from tests.helpers.nodes import RunningNode, open_test_node
from tests.helpers.sdk import MODES, REGION, Mode, call
from tests.helpers.signed import SignedCall, sign

SIGNING_MODES: list[Mode] = ["ak/sk", "derived"]
PRODUCT = AddProduct(
    product_id="meters",
    name="Meters",
    device_type="Meter",
    protocol_type="MQTT",
    data_format="json",
    service_capabilities=[ServiceCapability(service_id="flow", service_type="flow")],
)
BODY = '{"node_id": "n2", "product_id": "meters"}'


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[RunningNode]:
    """A node with the product "product"."""
    with trio.fail_after(60):
        async with open_test_node(tmp_path) as node:
            await node.create_product()
            yield node


def create_and_read(client: IoTDAClient) -> dict[str, Any]:
    """A product and a device, made, shown and listed; what the SDK's models hold of them."""
    client.create_product(CreateProductRequest(body=PRODUCT))
    device = AddDevice(node_id="n1", product_id="meters", device_id="d1", device_name="泵#1")
    made = client.add_device(AddDeviceRequest(body=device))
    shown = client.show_device(ShowDeviceRequest(device_id="d1"))
    by_name = client.list_devices(ListDevicesRequest(device_name="泵", product_id="meters", limit=5, offset=0))
    by_gateway = client.list_devices(ListDevicesRequest(gateway_id="d1", is_cascade_query=True))
    products = client.list_products(ListProductsRequest(product_name="Met"))
    product = client.show_product(ShowProductRequest(product_id="meters"))
    deleted = client.delete_device(DeleteDeviceRequest(device_id="d1"))
    return {
        "secret": made.auth_info.secret,
        "shown": (shown.device_id, shown.status, shown.auth_info.secret),
        "by_name": [found.device_id for found in by_name.devices],
        "by_gateway": by_gateway.page.count,
        "products": [found.product_id for found in products.products],
        "services": [service.service_id for service in product.service_capabilities],
        "deleted": deleted.status_code,
    }


@pytest.mark.parametrize("mode", MODES)
async def test_the_sdk_creates_shows_and_lists(running: RunningNode, mode: Mode) -> None:
    read = await call(running, mode, create_and_read)

    assert read == {
        "secret": read["shown"][2],
        "shown": ("d1", "INACTIVE", read["secret"]),
        "by_name": ["d1"],
        "by_gateway": 0,
        "products": ["meters"],
        "services": ["flow"],
        "deleted": 204,
    }


async def test_a_token_goes_through_the_invoker_too(running: RunningNode) -> None:
    """As iotda-rest.md B.3 has it: a present Authorization keeps the SDK from signing."""

    def list_products(client: IoTDAClient) -> list[str]:
        invoker = client.list_products_invoker(ListProductsRequest())
        invoker.add_header("X-Auth-Token", running.credentials.token).add_header("Authorization", "none")
        return [found.product_id for found in invoker.invoke().products]

    wrong_keys = msgspec.structs.replace(running.credentials, access_key="none", secret_key="none")
    assert await call(running, "ak/sk", list_products, wrong_keys) == ["product"]


async def refused(running: RunningNode, mode: Mode, credentials: Credentials) -> ClientRequestException:
    """The SDK's own exception of a call with these credentials."""
    with pytest.raises(ClientRequestException) as caught:
        await call(running, mode, lambda client: client.list_devices(ListDevicesRequest()), credentials)
    return caught.value


@pytest.mark.parametrize("mode", MODES)
async def test_wrong_credentials_are_the_gateway_s_401(running: RunningNode, mode: Mode) -> None:
    right = running.credentials
    for wrong in (
        msgspec.structs.replace(right, secret_key="wrong", token="wrong"),
        msgspec.structs.replace(right, access_key="UNKNOWN0123456789ABC", token="wrong"),
        msgspec.structs.replace(right, project_id="another"),
    ):
        refusal = await refused(running, mode, wrong)
        assert (refusal.status_code, refusal.error_code) == (401, "APIGW.0301")
        assert refusal.error_msg == "Incorrect IAM authentication information."
        assert refusal.request_id


@pytest.mark.parametrize("mode", SIGNING_MODES)
async def test_a_revoked_access_key_is_refused_when_the_call_has_returned(running: RunningNode, mode: Mode) -> None:
    made = await trio.to_thread.run_sync(running.api.post, "/keyturn/access-keys", {"role": "operator"})
    keys = msgspec.structs.replace(running.credentials, access_key=made["access_key"], secret_key=made["secret_key"])

    def list_then_revoke_then_list(client: IoTDAClient) -> int:
        client.list_devices(ListDevicesRequest())
        running.api.delete(f"/keyturn/access-keys/{made['access_key']}")
        with pytest.raises(ClientRequestException) as caught:
            client.list_devices(ListDevicesRequest())
        status: int = caught.value.status_code
        return status

    assert await call(running, mode, list_then_revoke_then_list, keys) == 401


async def test_a_key_derived_for_another_region_is_refused_where_one_is_configured(tmp_path: Path) -> None:
    for region, status in ((REGION, 200), ("eu-west-1", 401)):
        async with open_test_node(tmp_path, api=ApiConfig(region=region)) as running:
            if status == 200:
                await call(running, "derived", lambda client: client.list_devices(ListDevicesRequest()))
            else:
                assert (await refused(running, "derived", running.credentials)).status_code == status
            await call(running, "ak/sk", lambda client: client.list_devices(ListDevicesRequest()))


async def answer_of(running: RunningNode, wire: SignedCall, *extra: tuple[str, str]) -> int:
    """The status of a call sent exactly as it stands, with more headers; by hand, as no client sends Host twice."""
    sent = [*wire.headers.items(), *extra, ("Content-Length", str(len(wire.body))), ("Connection", "close")]
    head = "".join(f"{name}: {value}\r\n" for name, value in sent)
    address = running.address("api")
    stream = await trio.open_tcp_stream(address.host, address.port)
    async with stream:
        await stream.send_all(f"{wire.method} {wire.target} HTTP/1.1\r\n{head}\r\n".encode() + wire.body)
        return int((await stream.receive_some()).split()[1])


@pytest.mark.parametrize("mode", SIGNING_MODES)
async def test_what_was_changed_after_signing_is_refused_and_changes_nothing(running: RunningNode, mode: Mode) -> None:
    credentials = running.credentials

    def signed(at: float, **parts: Any) -> SignedCall:
        fields = {"method": "POST", "path": f"/v5/iot/{credentials.project_id}/devices", "body": BODY} | parts
        return sign(
            **fields,
            at=at,
            host=str(running.address("api")),
            keys=(credentials.access_key, credentials.secret_key),
            region=REGION if mode == "derived" else None,
            headers={"X-Project-Id": credentials.project_id},
        )

    now = time.time()
    body = BODY.replace("meters", "product")
    right = signed(now, body=body)
    host_unsigned = right.headers["Authorization"].replace("host;", "")
    wrong = [
        signed(now - 16 * 60, body=body),
        signed(now + 16 * 60, body=body),
        right._replace(body=body.replace("n2", "n3").encode()),
        right._replace(path=f"/v5/iot/{credentials.project_id}/products"),
        right._replace(query="limit=1"),
        right._replace(method="PUT"),
        right.changed(authorization=host_unsigned),
        right.changed(x_project_id="another"),
        right.changed(x_sdk_content_sha256="UNSIGNED-PAYLOAD"),
    ]

    assert [await answer_of(running, one) for one in wrong[:5] + wrong[6:]] == [401] * (len(wrong) - 1)
    assert await answer_of(running, wrong[5]) in (401, 405)  # no route takes PUT there, so nothing is asked
    for name in ("Host", "X-Sdk-Date", "Authorization", "X-Project-Id"):
        assert await answer_of(running, right, (name, right.headers[name])) == 400  # read in two ways: never judged
    assert await answer_of(running, right, ("User-Agent", "a"), ("Content-Type", "application/json")) == 400
    found = await trio.to_thread.run_sync(running.api.get, "/devices")
    assert found["page"]["count"] == 0
    assert await answer_of(running, right) == 201
