"""The unmodified SDK through every device operation of the contract, in its three ways of authenticating."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkiotda.v5 import (
    AddDevice,
    AddDeviceRequest,
    AuthInfo,
    AuthInfoWithoutSecret,
    BindTagsDTO,
    DeleteDeviceRequest,
    FreezeDeviceRequest,
    IoTDAClient,
    ListDevicesRequest,
    ListResourcesByTagsRequest,
    QueryResourceByTagsDTO,
    ResetDeviceSecret,
    ResetDeviceSecretRequest,
    ResetFingerprint,
    ResetFingerprintRequest,
    SearchDevicesRequest,
    SearchSql,
    ShowDeviceRequest,
    TagDeviceRequest,
    TagV5DTO,
    UnbindTagsDTO,
    UnfreezeDeviceRequest,
    UntagDeviceRequest,
    UpdateDevice,
    UpdateDeviceRequest,
)

from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.mqtt_packets import PINGREQ, connect_packet
from tests.helpers.nodes import RunningNode, open_test_node
from tests.helpers.sdk import MODES, Mode, call
from tests.helpers.wire import wire_client

T = TypeVar("T")
SECRET = "0123456789abcdef"
ACCEPTED = b"\x20\x02\0\0"


class Application:
    """Somebody's program with the SDK in it."""

    def __init__(self, running: RunningNode, mode: Mode) -> None:
        self.running = running
        self._mode = mode

    async def __call__(self, work: Callable[[IoTDAClient], T]) -> T:
        return await call(self.running, self._mode, work)

    async def refusal(self, work: Callable[[IoTDAClient], object]) -> tuple[int, str]:
        """HTTP status and error code, as the SDK's exception tells them."""
        with pytest.raises(ServiceResponseException) as raised:
            await self(work)
        return raised.value.status_code, raised.value.error_code

    async def add(self, node_id: str, **fields: Any) -> Any:
        body = AddDevice(node_id=node_id, product_id="product", **fields)
        return await self(lambda client: client.add_device(AddDeviceRequest(body=body)))

    async def show(self, device_id: str) -> Any:
        return await self(lambda client: client.show_device(ShowDeviceRequest(device_id=device_id)))

    async def search(self, sql: str) -> Any:
        return await self(lambda client: client.search_devices(SearchDevicesRequest(body=SearchSql(sql=sql))))


@pytest.fixture(params=MODES)
async def application(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Application]:
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        yield Application(running, request.param)


def connect_as(device_id: str, secret: str) -> bytes:
    client_id, user_name, password = credentials_of(device_id, secret)
    return connect_packet(client_id, user_name, password.encode())


async def test_device_is_added_shown_updated_and_deleted(application: Application) -> None:
    auth_info = AuthInfo(auth_type="SECRET", secret=SECRET, secure_access=False, timeout=300)
    added = await application.add("n1", device_name="pump", extension_info={"a": [1]}, auth_info=auth_info)
    assert (added.device_id, added.gateway_id, added.node_type) == ("product_n1", "product_n1", "GATEWAY")
    assert (added.status, added.tags, added.extension_info) == ("INACTIVE", [], {"a": [1]})
    assert (added.auth_info.secret, added.auth_info.timeout) == (SECRET, 300)

    shown = await application.show("product_n1")
    assert (shown.auth_info.secret, shown.auth_info.timeout) == (SECRET, None)
    assert (shown.create_time, shown.product_name) == (added.create_time, "product")

    body = UpdateDevice(
        device_name="valve", description="by-the-river", auth_info=AuthInfoWithoutSecret(secure_access=True, timeout=0)
    )
    updated = await application(
        lambda client: client.update_device(UpdateDeviceRequest(device_id="product_n1", body=body))
    )
    assert (updated.device_name, updated.description, updated.extension_info) == ("valve", "by-the-river", {"a": [1]})
    assert (updated.auth_info.secure_access, updated.auth_info.timeout) == (True, 0)

    deleted = await application(lambda client: client.delete_device(DeleteDeviceRequest(device_id="product_n1")))
    assert deleted.status_code == 204
    assert await application.refusal(lambda client: client.show_device(ShowDeviceRequest(device_id="product_n1"))) == (
        404,
        "IOTDA.014000",
    )


async def test_devices_are_listed_page_by_page_and_by_every_filter(application: Application) -> None:
    await application.add("gateway", device_id="gateway")
    await application.add("sub", gateway_id="gateway", device_name="sub-device", app_id="factory")
    await application.add("subsub", gateway_id="product_sub")

    async def listed(**filters: Any) -> list[str]:
        found = await application(lambda client: client.list_devices(ListDevicesRequest(**filters)))
        return [device.node_id for device in found.devices]

    first = await application(lambda client: client.list_devices(ListDevicesRequest(limit=2)))
    assert ([device.node_id for device in first.devices], first.page.count) == (["subsub", "sub"], 3)
    assert await listed(limit=2, marker=first.page.marker) == ["gateway"]
    assert await listed(offset=1) == ["sub", "gateway"]
    assert await listed(product_id="product") == ["subsub", "sub", "gateway"]
    assert await listed(gateway_id="gateway") == ["sub"]
    assert await listed(gateway_id="gateway", is_cascade_query=True) == ["subsub", "sub"]
    assert await listed(node_id="sub") == ["subsub", "sub"]
    assert await listed(device_name="sub-") == ["sub"]
    assert await listed(app_id="factory") == ["sub"]
    assert await listed(start_time="20200101T000000Z", end_time="20991231T235959Z") == ["subsub", "sub", "gateway"]


async def test_secrets_are_reset_against_a_live_connection(application: Application) -> None:
    mqtt = application.running.addresses["mqtt"]
    await application.add("pump", device_id="pump", auth_info=AuthInfo(secret=SECRET))

    async def reset(**fields: Any) -> Any:
        request = ResetDeviceSecretRequest(device_id="pump", action_id="resetSecret", body=ResetDeviceSecret(**fields))
        return await application(lambda client: client.reset_device_secret(request))

    async with wire_client(mqtt) as live:
        assert await live.exchange(connect_as("pump", SECRET)) == ACCEPTED
        second = await reset(secret="the-second", secret_type="SECONDARY")
        assert (second.device_id, second.secret, second.secret_type) == ("pump", "the-second", "SECONDARY")
        assert await live.exchange(PINGREQ) == b"\xd0\0"
        allocated = await reset(force_disconnect=True)
        assert (len(allocated.secret), allocated.secret_type) == (32, "PRIMARY")
        assert await live.is_closed()
    for secret, is_accepted in ((SECRET, False), ("the-second", True), (allocated.secret, True)):
        async with wire_client(mqtt) as device:
            assert (await device.exchange(connect_as("pump", secret)) == ACCEPTED) is is_accepted
    shown = await application.show("pump")
    assert (shown.auth_info.secret, shown.auth_info.secondary_secret) == (allocated.secret, "the-second")

    request = ResetDeviceSecretRequest(device_id="pump", action_id="reboot", body=ResetDeviceSecret())
    assert await application.refusal(lambda client: client.reset_device_secret(request)) == (400, "IOTDA.090301")


async def test_fingerprints_are_reset_and_emptied(application: Application) -> None:
    auth_info = AuthInfo(auth_type="CERTIFICATES", fingerprint="AB" * 32)
    await application.add("pump", device_id="pump", auth_info=auth_info)

    async def reset(**fields: Any) -> Any:
        request = ResetFingerprintRequest(device_id="pump", body=ResetFingerprint(**fields))
        return await application(lambda client: client.reset_fingerprint(request))

    given = await reset(fingerprint="cd" * 20, fingerprint_type="SECONDARY")
    assert (given.device_id, given.fingerprint, given.fingerprint_type) == ("pump", "cd" * 20, "SECONDARY")
    emptied = await reset(force_disconnect=True)
    assert (emptied.fingerprint, emptied.fingerprint_type) == (None, "PRIMARY")
    shown = (await application.show("pump")).auth_info
    assert (shown.fingerprint, shown.secondary_fingerprint) == (None, "cd" * 20)


async def test_device_is_frozen_and_unfrozen(application: Application) -> None:
    await application.add("pump", device_id="pump")
    frozen = await application(lambda client: client.freeze_device(FreezeDeviceRequest(device_id="pump")))
    assert frozen.status_code == 204
    assert (await application.show("pump")).status == "FROZEN"
    again = await application.refusal(lambda client: client.freeze_device(FreezeDeviceRequest(device_id="pump")))
    assert again == (403, "IOTDA.014039")
    thawed = await application(lambda client: client.unfreeze_device(UnfreezeDeviceRequest(device_id="pump")))
    assert thawed.status_code == 204
    assert (await application.show("pump")).status == "INACTIVE"


async def test_devices_are_searched(application: Application) -> None:
    for node_id in ("pump-1", "pump-2", "valve-1"):
        await application.add(node_id, device_id=node_id, auth_info=AuthInfo(secret=SECRET))
    found = await application.search("select * from device where node_id like 'pump%' order by marker desc limit 1")
    (device,) = found.devices
    assert (device.node_id, device.status, device.node_type, device.tags) == ("pump-2", "INACTIVE", "GATEWAY", [])
    older = await application.search(f"select node_id from device where marker < '{device.marker}'")
    assert [(one.node_id, one.device_id) for one in older.devices] == [("pump-1", None)]
    assert (await application.search("select count(*) from device where node_id != 'pump-1'")).count == 2
    async with wire_client(application.running.addresses["mqtt"]) as live:
        assert await live.exchange(connect_as("pump-1", SECRET)) == ACCEPTED
        online = await application.search("select * from device where status = 'ONLINE'")
        assert [(one.node_id, one.status) for one in online.devices] == [("pump-1", "ONLINE")]
    wrong = SearchDevicesRequest(body=SearchSql(sql="select * from product"))
    assert await application.refusal(lambda client: client.search_devices(wrong)) == (400, "IOTDA.000006")


async def test_tags_are_bound_found_and_unbound(application: Application) -> None:
    await application.add("pump", device_id="pump")
    tags = [TagV5DTO(tag_key="site", tag_value="north"), TagV5DTO(tag_key="floor", tag_value="1")]
    device = {"resource_type": "device", "resource_id": "pump"}
    bind = TagDeviceRequest(body=BindTagsDTO(**device, tags=tags))
    assert (await application(lambda client: client.tag_device(bind))).status_code == 200
    assert [(tag.tag_key, tag.tag_value) for tag in (await application.show("pump")).tags] == [
        ("site", "north"),
        ("floor", "1"),
    ]
    query = ListResourcesByTagsRequest(limit=5, body=QueryResourceByTagsDTO(resource_type="device", tags=tags[:1]))
    found = await application(lambda client: client.list_resources_by_tags(query))
    assert ([one.resource_id for one in found.resources], found.page.count) == (["pump"], 1)
    unbind = UntagDeviceRequest(body=UnbindTagsDTO(**device, tag_keys=["site"]))
    assert (await application(lambda client: client.untag_device(unbind))).status_code == 200
    assert (await application(lambda client: client.list_resources_by_tags(query))).page.count == 0
