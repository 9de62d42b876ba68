"""A running node with LwM2M devices on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trio

from engine.limits import Limits
from tests.helpers.nodes import RunningNode, open_test_node


@asynccontextmanager
async def coap_node(
    tmp_path: Path, overrides: dict[str, Any] | None = None, **bounds: Any
) -> AsyncIterator[RunningNode]:
    """A node with a CoAP product, the node-ID device `pump` and the secure device `vault`."""
    limits = msgspec.structs.replace(Limits(), **bounds)
    with trio.fail_after(60):
        async with open_test_node(tmp_path, limits=limits, **(overrides or {})) as running:
            await running.create_product("lwm2m", protocol_type="CoAP")
            await create_node(running, "pump")
            await create_node(running, "vault", secure_access=True)
            yield running


async def create_node(running: RunningNode, node_id: str, **auth_info: Any) -> None:
    auth_info = {"auth_type": "SECRET", "secure_access": False, **auth_info}
    await running.create_device(f"device-{node_id}", None, "lwm2m", node_id=node_id, auth_info=auth_info)
