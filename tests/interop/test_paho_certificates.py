"""paho-mqtt with a client certificate, over TLS and WebSocket: accepted, and every wrong one refused by its code."""

import gc
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trio
from paho.mqtt.enums import MQTTProtocolVersion

from engine.config import Address
from tests.conformance.test_certificates import Site, opened
from tests.helpers.device_certificates import Certified, issue
from tests.interop.test_paho import TRANSPORTS, VERSIONS, Device

LISTENERS = ["mqtts", "wss"]
REFUSED = "connect: Bad user name or password"


class Bench(NamedTuple):
    """A node with a verified device CA and the CERTIFICATES device `pump`; clients of one listener and version."""

    site: Site
    listener: str
    version: MQTTProtocolVersion

    def device(self, certificate: Certified) -> Device:
        device = Device(self.version, "pump", "", TRANSPORTS[self.listener])
        # No Password: the user name flag alone (mqtt-device.md C.4).
        device.client.username_pw_set(device.client.username)
        paths = certificate.write(self.site.directory, str(certificate.certificate.serial_number))
        ca = self.site.directory / "data" / "tls" / "ca.pem"
        device.client.tls_set(str(ca), *(str(path) for path in paths))
        return device

    @property
    def address(self) -> Address:
        return self.site.running.address(self.listener)

    async def says(self, certificate: Certified, words: str) -> None:
        """CONNECT is answered with these words."""
        device = self.device(certificate)
        await trio.to_thread.run_sync(device.connect, self.address)
        await device.hears(words)
        device.client.disconnect()
        await device.hears("disconnect: ")
        device.client.loop_stop()

    async def ends_in_the_handshake(self, certificate: Certified) -> None:
        """The node's alert comes before any CONNACK. With TLS 1.3 the client has done its part by then."""
        device = self.device(certificate)
        try:
            await trio.to_thread.run_sync(device.connect, self.address)
            await device.hears("disconnect: ")
        except (ssl.SSLError, ConnectionError):
            pass
        finally:
            device.client.disconnect()
            device.client.loop_stop()
        assert device.told.empty(), "no CONNACK"
        # paho leaves the socket of a WebSocket handshake that fails to the garbage collector.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del device
            await trio.to_thread.run_sync(gc.collect)  # in the thread that raised, which still holds its traceback
            gc.collect()


@pytest.fixture(params=LISTENERS)
def listener(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def bench(tmp_path: Path, listener: str, version: MQTTProtocolVersion) -> AsyncIterator[Bench]:
    async with opened(tmp_path, "always") as site:
        yield Bench(site, listener, version)


@pytest.mark.parametrize("version", VERSIONS)
async def test_paho_with_a_certificate(tmp_path: Path, listener: str, version: MQTTProtocolVersion) -> None:
    async with bench(tmp_path, listener, version) as node:
        mine = issue("pump", node.site.ca)
        await node.says(mine, "connect: Success")
        await node.says(mine, "connect: Success")
        await node.says(issue("pump", node.site.ca), REFUSED)


async def test_paho_with_a_certificate_of_an_unverified_or_a_foreign_ca(tmp_path: Path, listener: str) -> None:
    async with bench(tmp_path, listener, MQTTProtocolVersion.MQTTv5) as node:
        unverified, foreign = issue("Unverified CA", is_ca=True), issue("Foreign CA", is_ca=True)
        await node.site.upload(unverified, verify=False)
        handshakes = (
            f'keyturn_handshakes_failed_total{{listener="{listener}",protocol="{listener}",reason="unknown_ca"}}'
        )
        for ca in (unverified, foreign):
            await node.ends_in_the_handshake(issue("pump", ca))
        metrics = node.site.running.node._rooms.metrics.exposition().decode()
        assert f"{handshakes} 2.0" in metrics
        await node.says(issue("pump", node.site.ca), "connect: Success")
