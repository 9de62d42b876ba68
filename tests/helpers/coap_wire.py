"""A CoAP device on a real socket, datagram by datagram under the test's control."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from tests.helpers.coap_packets import Answer, read_answer


class CoapClient:
    """One UDP socket. Every wait is bounded by the test's own fail_after."""

    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._sock = sock

    async def send(self, datagram: bytes) -> None:
        await self._sock.send(datagram)

    async def receive(self) -> bytes:
        return await self._sock.recv(2048)

    async def exchange(self, datagram: bytes) -> Answer:
        await self.send(datagram)
        return read_answer(await self.receive())


@asynccontextmanager
async def coap_client(address: str) -> AsyncIterator[CoapClient]:
    """To "host:port" from a port of its own."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = trio.socket.AF_INET6 if ":" in host else trio.socket.AF_INET
    with trio.socket.socket(family, trio.socket.SOCK_DGRAM) as sock:
        await sock.connect((host, int(port)))
        yield CoapClient(sock)
