"""A device on a real socket, byte by byte under the test's control: the client of the conformance suite."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import trio

from engine.framing.mqtt.fixed_header import read_packet
from tests.helpers.websocket import WebSocketStream


class Stream(Protocol):
    """As much of trio.abc.Stream as MQTT needs."""

    async def send_all(self, data: bytes) -> None: ...

    async def receive_some(self, max_bytes: int) -> bytes | bytearray: ...


class WireClient:
    """One Network Connection. Every wait is bounded by the test's own fail_after."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._buffer = b""

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def receive_packet(self) -> bytes:
        """The next whole Control Packet; b"" when the node closed the connection."""
        while (frame := read_packet(self._buffer, 0, 1 << 21)) is None:
            data = await self._receive()
            if not data:
                assert self._buffer == b"", f"closed in the middle of a packet: {self._buffer!r}"
                return b""
            self._buffer += data
        packet, self._buffer = self._buffer[: frame[2]], self._buffer[frame[2] :]
        return packet

    async def exchange(self, data: bytes) -> bytes:
        """Send, and the packet that comes back; b"" when the node closes instead."""
        try:
            await self.send(data)
        except trio.BrokenResourceError:
            return await self.receive_packet()
        return await self.receive_packet()

    async def is_closed(self) -> bool:
        """Wait for the node to close; False when it says something instead."""
        return await self.receive_packet() == b""

    async def _receive(self) -> bytes:
        try:
            return bytes(await self.stream.receive_some(4096))
        except trio.BrokenResourceError:  # RST is a close too
            return b""


@asynccontextmanager
async def wire_client(
    address: str,
    listener: str = "mqtt",
    ca: Path | None = None,
    certificate: tuple[Path, Path] | None = None,
    header: bytes = b"",
) -> AsyncIterator[WireClient]:
    """Connect to "host:port" as this listener wants it; handshakes come with the first use. ca: checks the server.

    certificate: the client's, with its key. header: what goes before everything else (PROXY).
    """
    host, _, port = address.rpartition(":")
    stream: trio.abc.Stream = await trio.open_tcp_stream(host.strip("[]"), int(port))
    if header:
        await stream.send_all(header)
    if listener in ("mqtts", "wss"):
        context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            context.load_cert_chain(*certificate)
        stream = trio.SSLStream(stream, context, server_hostname="localhost", https_compatible=True)
    async with stream:
        yield WireClient(WebSocketStream(stream) if listener in ("ws", "wss") else stream)
