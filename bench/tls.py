"""TLS handshakes of the reference front on one core: `python -m bench.tls [--seconds N] [--clients N]`.

Over the wire: a node pinned to core 0; so many client processes on core 1, each in a closed loop: connect, a full
handshake, CONNECT with a secret, CONNACK, close. Clients in Python cost as much as the node, so beside the rate there
is the node's CPU time per connection (/proc/PID/stat), which says what its core could do.

In memory: what the server's half of a full handshake costs, without and with a client certificate, as the number of
device CAs grows.
"""

import argparse
import datetime
import multiprocessing
import os
import socket
import ssl
import statistics
import struct
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Event
from pathlib import Path

import trio

from bench.nodes import BenchNode, bench_node, connect_of
from engine.clock import Clock
from engine.limits import Limits
from engine.listeners.platform_tls import MQTT_ALPN, PlatformTls
from engine.node.certificates import LOOPBACK_NAMES, create_ca, issue_server_certificate
from engine.observe.repeats import Repeats
from tests.helpers.device_certificates import Certified, issue

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # no TIME_WAIT, so that ports do not run out


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="per row over the wire")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--handshakes", type=int, default=300, help="per row in memory")
    options = parser.parse_args()
    with bench_node() as node:
        packets = [connect_of(*device) for device in node.register(200)]
        print(f"over the wire, node on core 0, {options.clients} clients on core 1, {options.seconds:.0f} s each")
        for version in VERSIONS:
            _over_the_wire(node, packets, version, options)
    trio.run(_in_memory, options.handshakes)


def _over_the_wire(node: BenchNode, packets: list[bytes], version: ssl.TLSVersion, options: argparse.Namespace) -> None:
    stop, counts = multiprocessing.Event(), multiprocessing.SimpleQueue()
    arguments = (node.address("mqtts"), node.ca, version, packets, stop, counts)
    clients = [multiprocessing.Process(target=_connect, args=arguments) for _ in range(options.clients)]
    cpu, began = node.cpu_seconds(), time.perf_counter()
    for client in clients:
        client.start()
    time.sleep(options.seconds)
    stop.set()
    connections = sum(counts.get() for _ in clients)
    seconds, cpu = time.perf_counter() - began, node.cpu_seconds() - cpu
    for client in clients:
        client.join()
    print(
        f"  {version.name:8} {connections / seconds:7.0f}/s  {cpu / connections * 1e6:7.0f} us of the node's CPU per "
        f"connection: {connections / cpu:5.0f}/s for a whole core"
    )


def _connect(
    address: tuple[str, int],
    ca: Path,
    version: ssl.TLSVersion,
    packets: Sequence[bytes],
    stop: Event,
    counts: "multiprocessing.SimpleQueue[int]",
) -> None:
    """One client's loop; its count of accepted connections at the end."""
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = context.maximum_version = version
    number = os.getpid()
    accepted = 0
    while not stop.is_set():
        sock = socket.create_connection(address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        with context.wrap_socket(sock, server_hostname="localhost") as tls:
            tls.sendall(packets[number % len(packets)])
            assert tls.recv(4) == b"\x20\x02\0\0"
        number += 1
        accepted += 1
    counts.put(accepted)


async def _in_memory(handshakes: int) -> None:
    ca = issue("device CA", is_ca=True)
    device = issue("device", ca)
    others = [issue(f"CA {number}", is_ca=True).der for number in range(99)]
    print(f"in memory, the server's half, medians of {handshakes}")
    with tempfile.TemporaryDirectory() as directory:
        platforms = [await _platform(Path(directory), cas) for cas in ([ca.der], [*others, ca.der])]
        for version in VERSIONS:
            for who in (None, device):
                client = _client(Path(directory), version, who)
                # In turn, so that all see the same machine.
                times: list[list[float]] = [[] for _ in platforms]
                for _ in range(handshakes):
                    for platform, taken in zip(platforms, times, strict=True):
                        taken.append(_handshake(platform.context(MQTT_ALPN), client))
                one, hundred = (statistics.median(taken) * 1e6 for taken in times)
                what = "client certificate" if who else "no certificate"
                print(f"  {version.name:8} {what:18}  1 CA {one:6.0f} us   100 CAs {hundred:6.0f} us")


async def _platform(directory: Path, device_cas: Sequence[bytes]) -> PlatformTls:
    now = datetime.datetime.now(datetime.UTC)
    ca = create_ca(now)
    server = issue_server_certificate(ca, LOOPBACK_NAMES, now)
    certificate, key = directory / "server.pem", directory / "server.key"
    certificate.write_bytes(server.certificate)
    key.write_bytes(server.key)

    async def provide() -> Sequence[bytes]:
        await trio.lowlevel.checkpoint()
        return device_cas

    limits = Limits()
    platform = PlatformTls(certificate, key, provide, limits, Repeats(Clock(time.time, time.monotonic), limits))
    await platform.reload()
    return platform


def _client(directory: Path, version: ssl.TLSVersion, device: Certified | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if device is not None:
        context.load_cert_chain(*device.write(directory))
    return context


def _handshake(server_context: ssl.SSLContext, client_context: ssl.SSLContext) -> float:
    """Seconds that the server's half took."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server: ssl.SSLObject | None = None
    taken = 0.0
    waiting = {"client", "server"}
    while waiting:
        if "client" in waiting:
            waiting -= _step(client, "client")
        began = time.perf_counter()
        server = server or server_context.wrap_bio(to_server, to_client, server_side=True)
        if "server" in waiting:
            waiting -= _step(server, "server")
        taken += time.perf_counter() - began
    return taken


def _step(tls: ssl.SSLObject, name: str) -> set[str]:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return set()
    return {name}


if __name__ == "__main__":
    main()
