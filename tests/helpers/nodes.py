"""Nodes to test against: in this process, in the test's own trio.run, or as the `keyturn serve` that operators run."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio

from engine.app import Node, open_node
from engine.cli.child import serve_child
from engine.cli.client import ApiClient
from engine.clock import Clock
from engine.config import LISTENERS, Address, Config, read_address
from engine.limits import Limits
from engine.node.data_directory import Credentials, initialise, read_credentials

CLOCK = Clock(time.time, time.monotonic)
LOOPBACK = ("127.0.0.0/8", "::1/128")

serve_process = serve_child


class RunningNode:
    """A node on free ports of the loopback, the credentials of its project, and a client of its API."""

    def __init__(self, node: Node, credentials: Credentials) -> None:
        self.node = node
        self.credentials = credentials
        self.api = ApiClient(self.address("api"), credentials)

    @property
    def addresses(self) -> dict[str, str]:
        """Listener name to "host:port"."""
        return self.node.addresses

    def address(self, name: str) -> Address:
        """Where a listener accepts."""
        return read_address(self.node.addresses[name], name)

    async def create_product(self, product_id: str = "product", **fields: object) -> dict[str, Any]:
        """The product as the API answers it. The thread is the application's: the node runs on in ours."""
        body = {
            "product_id": product_id,
            "name": product_id,
            "device_type": "Thermometer",
            "protocol_type": "MQTT",
            "data_format": "json",
            "service_capabilities": [],
            **fields,
        }
        return await trio.to_thread.run_sync(self.api.post, "/products", body)

    async def create_device(
        self, device_id: str, secret: str | None = None, product_id: str = "product", **fields: object
    ) -> dict[str, Any]:
        """The device as the API answers it, its secret in auth_info."""
        auth_info = {"auth_type": "SECRET"} if secret is None else {"auth_type": "SECRET", "secret": secret}
        body = {
            "device_id": device_id,
            "node_id": device_id,
            "product_id": product_id,
            "auth_info": auth_info,
            **fields,
        }
        return await trio.to_thread.run_sync(self.api.post, "/devices", body)

    async def show_device(self, device_id: str) -> dict[str, Any]:
        return await trio.to_thread.run_sync(self.api.get, f"/devices/{device_id}")

    async def freeze(self, device_id: str) -> None:
        await trio.to_thread.run_sync(self.api.post, f"/devices/{device_id}/freeze")

    async def unfreeze(self, device_id: str) -> None:
        await trio.to_thread.run_sync(self.api.post, f"/devices/{device_id}/unfreeze")

    async def delete_device(self, device_id: str) -> None:
        await trio.to_thread.run_sync(self.api.delete, f"/devices/{device_id}")


@asynccontextmanager
async def open_test_node(tmp_path: Path, **overrides: Any) -> AsyncIterator[RunningNode]:
    """A node in this process on tmp_path/data, which is made when it is not there yet.

    overrides: fields of Config. By default every listener has a free port, and the limits that count attempts by
    address exempt the loopback. However late a busy machine's loop is, no test is answered "busy" for it.
    """
    data = tmp_path / "data"
    made = await trio.Path(data).exists()
    credentials = read_credentials(data) if made else await initialise(data, None, CLOCK)
    fields = {
        "data": data,
        "listeners": {kind.name: "127.0.0.1:0" for kind in LISTENERS},
        "exempt_networks": LOOPBACK,
        **overrides,
        "limits": msgspec.structs.replace(overrides.get("limits", Limits()), loop_lag_seconds=60.0),
    }
    async with open_node(Config(**fields)) as node:
        yield RunningNode(node, credentials)
