"""A bare server on TlsTransport: it answers once what it hears, and tells how each handshake ended."""

import datetime
import math
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import trio

from engine.limits import Limits
from engine.listeners.platform_tls import MQTT_ALPN, PlatformTls
from engine.listeners.tls import TlsTransport
from engine.listeners.transport import HandshakeFailed
from engine.node.certificates import LOOPBACK_NAMES, Issued, create_ca, issue_server_certificate
from engine.observe.handshake import HandshakeFault
from engine.observe.repeats import Repeats
from tests.helpers.nodes import CLOCK

READY = b"ready\n"
"""Said to every client whose handshake is done."""


class TlsServer:
    """`next()` is the next connection's transport, or the fault of its handshake."""

    def __init__(self, directory: Path, device_cas: Sequence[bytes], limits: Limits) -> None:
        self.device_cas = device_cas
        self.certificate, self.key, self.ca = directory / "server.pem", directory / "server.key", directory / "ca.pem"
        self.platform = PlatformTls(self.certificate, self.key, self._read_device_cas, limits, Repeats(CLOCK, limits))
        self.port = 0
        self._limits = limits
        self._tell, self._told = trio.open_memory_channel[TlsTransport | HandshakeFault](math.inf)

    async def _read_device_cas(self) -> Sequence[bytes]:
        await trio.lowlevel.checkpoint()
        return self.device_cas

    def certify(self) -> Issued:
        """A new platform CA and server certificate, in place of the old."""
        now = datetime.datetime.now(datetime.UTC)
        ca = create_ca(now)
        issued = issue_server_certificate(ca, LOOPBACK_NAMES, now)
        for path, content in (
            (self.ca, ca.certificate),
            (self.certificate, issued.certificate),
            (self.key, issued.key),
        ):
            path.write_bytes(content)
        return issued

    def client_context(self, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """A client's context, for this version only where one is named."""
        context = ssl.create_default_context(cafile=self.ca)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    async def next(self) -> TlsTransport | HandshakeFault:
        return await self._told.receive()

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def s_client(self, *arguments: object, sends: bytes = b"hello\n") -> str:
        """All that openssl s_client says, until the server closes."""
        done = await trio.run_process(
            ["openssl", "s_client", "-ign_eof", "-connect", f"127.0.0.1:{self.port}", "-CAfile", str(self.ca)]
            + [str(argument) for argument in arguments],
            stdin=sends,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    async def serve(self, listening: socket.socket) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                await trio.lowlevel.wait_readable(listening)
                sock, _address = listening.accept()
                sock.setblocking(False)
                nursery.start_soon(self._converse, sock)

    def transport(self, sock: socket.socket) -> TlsTransport:
        return TlsTransport(sock, partial(self.platform.context, MQTT_ALPN), self._limits)

    async def _converse(self, sock: socket.socket) -> None:
        transport = self.transport(sock)
        with suppress(OSError):
            try:
                async with transport.opened():
                    self._tell.send_nowait(transport)
                    await transport.send(READY)
                    await transport.send(await transport.receive())
            except HandshakeFailed as failed:
                self._tell.send_nowait(failed.fault)
            transport.say_goodbye(b"", None)
        transport.close()


@asynccontextmanager
async def tls_server(directory: Path, device_cas: Sequence[bytes] = (), **bounds: Any) -> AsyncIterator[TlsServer]:
    """Serve with a fresh platform certificate in `directory`."""
    server = TlsServer(directory, device_cas, msgspec.structs.replace(Limits(), **bounds))
    server.certify()
    await server.platform.reload()
    with socket.create_server(("127.0.0.1", 0)) as listening, trio.fail_after(60):
        listening.setblocking(False)
        server.port = listening.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve, listening)
            yield server
            nursery.cancel_scope.cancel()
