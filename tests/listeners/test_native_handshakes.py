"""Handshakes that come to nothing, over MQTTS: the native front counts what the reference front counts."""

import ssl
import struct
import urllib.request
from contextlib import suppress
from pathlib import Path

import msgspec
import trio

from engine.limits import Limits
from tests.conformance.conftest import SECRET, connect_as
from tests.helpers.device_certificates import Certified, issue
from tests.helpers.mqtt_packets import PINGREQ
from tests.helpers.nodes import RunningNode, open_test_node
from tests.helpers.wire import wire_client

STRANGER = issue("pump", issue("foreign CA", is_ca=True))
BEGINNINGS = {
    "plaintext": connect_as(),
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "garbage": b"\x16\3\1\0\5" + b"\xff" * 5,
    "too large": b"\x16\3\1\x40\0\1\2\0\0\3\3" + bytes(16384 - 6),
    "nothing": b"",
    "half a record": b"\x16\3\1\2\0\1\0",
}


async def fails(running: RunningNode, beginning: bytes, *, and_leaves: bool, with_reset: bool = False) -> None:
    address = running.address("mqtts")
    stream = await trio.open_tcp_stream(address.host, address.port)
    with suppress(trio.BrokenResourceError):
        if beginning:
            await stream.send_all(beginning)
        if with_reset:
            stream.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif and_leaves:
            await stream.send_eof()
        if not with_reset:
            while await stream.receive_some():
                pass
    await stream.aclose()


async def is_refused(running: RunningNode, directory: Path, identity: Certified | None, ca: Path | None) -> None:
    """A client that does not come through, for its certificate or ours."""
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # where both sides know the end of the handshake
    if identity is not None:
        context.load_cert_chain(*identity.write(directory))
    address = running.address("mqtts")
    tcp = await trio.open_tcp_stream(address.host, address.port)
    stream = trio.SSLStream(tcp, context, server_hostname="localhost", https_compatible=True)
    async with stream:
        with suppress(trio.BrokenResourceError):
            await stream.do_handshake()
            raise AssertionError("it came through")


async def handshakes_failed(running: RunningNode) -> dict[str, float]:
    url = f"http://{running.addresses['api']}/metrics"
    text = await trio.to_thread.run_sync(lambda: urllib.request.urlopen(url).read().decode())
    told = {}
    for line in text.splitlines():
        if line.startswith("keyturn_handshakes_failed_total{") and 'listener="mqtts"' in line:
            labels, value = line.rsplit(" ", 1)
            told[labels.partition('reason="')[2].partition('"')[0]] = float(value)
    return {reason: value for reason, value in told.items() if value}


async def counted(directory: Path, native: str) -> dict[str, float]:
    limits = msgspec.structs.replace(Limits(), secure_connect_seconds=1.0)
    await trio.Path(directory).mkdir()
    async with open_test_node(directory, native=native, limits=limits) as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        ca = directory / "data/tls/ca.pem"
        async with wire_client(running.addresses["mqtts"], "mqtts", ca) as live, trio.open_nursery() as nursery:
            await live.exchange(connect_as())
            for beginning in BEGINNINGS.values():
                nursery.start_soon(lambda data=beginning: fails(running, data, and_leaves=True))  # type: ignore[misc]
            for silent in (b"", b"\x16\3\1"):
                nursery.start_soon(lambda data=silent: fails(running, data, and_leaves=False))  # type: ignore[misc]
            nursery.start_soon(lambda: fails(running, b"\x16\3\1", and_leaves=True, with_reset=True))
            nursery.start_soon(is_refused, running, directory, STRANGER, ca)
            nursery.start_soon(is_refused, running, directory, None, None)
        told: dict[str, float] = {}
        with trio.fail_after(20):
            while sum((told := await handshakes_failed(running)).values()) < 11:
                pass
            async with wire_client(running.addresses["mqtts"], "mqtts", ca) as after:
                assert await after.exchange(connect_as()) == b"\x20\x02\0\0"
                assert await after.exchange(PINGREQ) == b"\xd0\0"
        return told


async def test_same_failures_are_counted_under_the_same_names(tmp_path: Path) -> None:
    reference = await counted(tmp_path / "reference", "never")
    assert await counted(tmp_path / "native", "always") == reference
    assert {"not_tls", "peer_gone", "cut", "unknown_ca", "other"} == set(reference)
