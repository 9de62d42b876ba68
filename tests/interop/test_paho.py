"""paho-mqtt against a node, as a device's own code would use it."""

import queue
from pathlib import Path
from typing import Literal

import pytest
import trio
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from engine.config import Address
from tests.conformance.conftest import SECRET
from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.nodes import open_test_node

VERSIONS = [MQTTProtocolVersion.MQTTv31, MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5]


class Device:
    """A paho client on a thread of its own; what it was told, word by word."""

    def __init__(
        self, version: MQTTProtocolVersion, device_id: str, secret: str, transport: Literal["tcp", "websockets"] = "tcp"
    ) -> None:
        client_id, user_name, password = credentials_of(device_id, secret)
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=version, transport=transport)
        self.client.username_pw_set(user_name, password)
        self.told: queue.Queue[str] = queue.Queue()
        self.client.on_connect = lambda _c, _u, _f, code, _p: self.told.put(f"connect: {code}")
        self.client.on_disconnect = lambda _c, _u, _f, code, _p: self.told.put(f"disconnect: {code}")
        self.client.on_publish = lambda _c, _u, _mid, code, _p: self.told.put(f"publish: {code}")
        self.client.on_subscribe = lambda _c, _u, _mid, codes, _p: self.told.put(
            f"subscribe: {[str(c) for c in codes]}"
        )

    def connect(self, address: Address) -> None:
        self.client.connect(address.host, address.port, keepalive=60)
        self.client.loop_start()

    async def hears(self, words: str) -> None:
        """Wait for the next word, which must be this one."""
        assert words in await trio.to_thread.run_sync(lambda: self.told.get(timeout=15))


@pytest.mark.parametrize("version", VERSIONS)
async def test_paho_connects_publishes_and_subscribes(tmp_path: Path, version: MQTTProtocolVersion) -> None:
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        device = Device(version, "pump", SECRET)
        device.connect(running.address("mqtt"))
        await device.hears("connect: Success")
        device.client.subscribe("$oc/devices/pump/sys/commands/#", 1)
        await device.hears("subscribe: ['Granted QoS 1']")
        device.client.publish("$oc/devices/pump/sys/properties/report", b"{}", qos=1)
        await device.hears("publish: ")
        device.client.disconnect()
        await device.hears("disconnect: ")
        device.client.loop_stop()


@pytest.mark.parametrize("version", VERSIONS)
async def test_paho_with_a_wrong_secret_is_refused(tmp_path: Path, version: MQTTProtocolVersion) -> None:
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        device = Device(version, "pump", "wrong-secret")
        device.connect(running.address("mqtt"))
        await device.hears("connect: Bad user name or password")
        device.client.disconnect()
        device.client.loop_stop()


TRANSPORTS: dict[str, Literal["tcp", "websockets"]] = {"mqtts": "tcp", "ws": "websockets", "wss": "websockets"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("listener", TRANSPORTS)
async def test_paho_over_every_transport(tmp_path: Path, listener: str, version: MQTTProtocolVersion) -> None:
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        for secret, words in ((SECRET, "connect: Success"), ("wrong-secret", "connect: Bad user name or password")):
            device = Device(version, "pump", secret, TRANSPORTS[listener])
            if listener != "ws":
                device.client.tls_set(str(tmp_path / "data" / "tls" / "ca.pem"))
            await trio.to_thread.run_sync(device.connect, running.address(listener))
            await device.hears(words)
            if secret == SECRET:
                device.client.publish("$oc/devices/pump/sys/properties/report", b"{}" * 20_000, qos=1)
                await device.hears("publish: ")
            device.client.disconnect()
            await device.hears("disconnect: ")
            device.client.loop_stop()


async def test_paho_is_told_that_a_newer_connection_took_over(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        older, newer = (Device(MQTTProtocolVersion.MQTTv5, "pump", SECRET) for _ in range(2))
        older.connect(running.address("mqtt"))
        await older.hears("connect: Success")
        older.client.reconnect_delay_set(60)
        newer.connect(running.address("mqtt"))
        await newer.hears("connect: Success")
        await older.hears("disconnect: Session taken over")
        for device in (older, newer):
            device.client.disconnect()
            device.client.loop_stop()
