"""What the server's half of a full TLS handshake costs the reference front: `python -m bench.tls [--handshakes N]`.

In memory, without and with a client certificate, as the number of device CAs grows; bench.storm measures it served.
"""

import argparse
import datetime
import ssl
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import trio

from engine.clock import Clock
from engine.limits import Limits
from engine.listeners.platform_tls import MQTT_ALPN, PlatformTls
from engine.node.certificates import LOOPBACK_NAMES, create_ca, issue_server_certificate
from engine.observe.repeats import Repeats
from tests.helpers.device_certificates import Certified, issue

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def main() -> None:
    """Measure, print a row a version and kind of client."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--handshakes", type=int, default=300, help="per row")
    trio.run(_in_memory, parser.parse_args().handshakes)


async def _in_memory(handshakes: int) -> None:
    ca = issue("device CA", is_ca=True)
    device = issue("device", ca)
    others = [issue(f"CA {number}", is_ca=True).der for number in range(99)]
    print(f"the server's half in memory, medians of {handshakes}")
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
