"""The conformance suite runs over every front and every transport: one row each, added with the front.

A test gets `open_gate`, opens a node with the bounds it wants, and talks to it over real sockets.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import trio

from engine.limits import Limits
from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.mqtt_packets import connect_packet
from tests.helpers.nodes import RunningNode, open_test_node
from tests.helpers.wire import WireClient, wire_client

SECRET = "0123456789abcdef"


class FrontAndTransport(NamedTuple):
    """How the suite reaches a node: the configuration's word for the front, and the listener."""

    native: str
    listener: str


FRONTS = [
    pytest.param(FrontAndTransport("never", "mqtt"), id="reference-tcp"),
    pytest.param(FrontAndTransport("always", "mqtt"), id="native-tcp"),
    pytest.param(FrontAndTransport("always", "mqtts"), id="native-tls"),
    pytest.param(FrontAndTransport("never", "mqtts"), id="reference-tls"),
    pytest.param(FrontAndTransport("never", "ws"), id="reference-ws"),
    pytest.param(FrontAndTransport("never", "wss"), id="reference-wss"),
]


class Gate:
    """A running node with a product and the device `pump`, as a device sees it."""

    def __init__(self, running: RunningNode, listener: str) -> None:
        self.running = running
        self.listener = listener

    def client(self, header: bytes = b"") -> AbstractAsyncContextManager[WireClient]:
        """header: what a balancer sends before the device is heard."""
        data = Path(self.running.credentials.data)
        return wire_client(self.running.addresses[self.listener], self.listener, data / "tls" / "ca.pem", header=header)

    async def answer(self, packet: bytes, header: bytes = b"") -> bytes:
        """What a new connection gets for its first packet; it must be closed unless it was accepted."""
        async with self.client(header) as client:
            answer = await client.exchange(packet)
            if answer[2:4] != b"\0\0":
                assert answer == b"" or await client.is_closed()
            return answer


def connect_as(
    device_id: str = "pump", secret: str = SECRET, *, sign_type: int = 1, stamp: str | None = None, **fields: Any
) -> bytes:
    """CONNECT as contracts/mqtt-device.md C.1 wants it."""
    client_id, user_name, password = credentials_of(device_id, secret, sign_type=sign_type, stamp=stamp)
    return connect_packet(client_id, **{"user_name": user_name, "password": password.encode(), **fields})


OpenGate = Callable[..., AbstractAsyncContextManager[Gate]]


@pytest.fixture(params=FRONTS)
def open_gate(request: pytest.FixtureRequest, tmp_path: Path) -> OpenGate:
    """`async with open_gate(exempt_networks=..., **bounds) as gate`."""
    front: FrontAndTransport = request.param

    @asynccontextmanager
    async def opened(*, overrides: dict[str, Any] | None = None, **bounds: Any) -> AsyncIterator[Gate]:
        # One bound in two fields: the time for CONNECT, with a handshake and without.
        if "connect_seconds" in bounds:
            bounds["secure_connect_seconds"] = bounds["connect_seconds"]
        limits = msgspec.structs.replace(Limits(), **bounds)
        with trio.fail_after(60):
            async with open_test_node(tmp_path, native=front.native, limits=limits, **(overrides or {})) as running:
                await running.create_product()
                await running.create_device("pump", SECRET)
                yield Gate(running, front.listener)

    return opened
