"""What the front does where the system, not the peer, is the difficulty. The wire is tests/conformance."""

import os
import resource
import socket
import urllib.request
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import trio

from engine.limits import Limits
from tests.conformance.conftest import SECRET
from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.mqtt_packets import PINGREQ, connect_packet, publish_packet
from tests.helpers.nodes import open_test_node, serve_process
from tests.helpers.wire import wire_client


def connect() -> bytes:
    client_id, user_name, password = credentials_of("pump", SECRET)
    return connect_packet(client_id, user_name, password.encode())


@pytest.mark.parametrize(
    ("native", "listener"),
    [("never", "mqtt"), ("auto", "mqtt"), ("never", "mqtts"), ("auto", "mqtts"), ("never", "ws"), ("never", "wss")],
)
async def test_node_out_of_descriptors_lives_and_serves_again(tmp_path: Path, native: str, listener: str) -> None:
    """EMFILE for real: the node may open 10 more descriptors, and 40 peers come."""
    async with open_test_node(tmp_path) as prepared:
        await prepared.create_product()
        await prepared.create_device("pump", SECRET)
    (tmp_path / "data" / "keyturn.toml").write_text(f'native = "{native}"\n')
    with serve_process(tmp_path / "data") as served:
        address = served.addresses[listener]
        pid = served.process.pid
        # Once the API answers it has started, too: without descriptors the node would not come up.
        (await trio.to_thread.run_sync(urllib.request.urlopen, f"http://{served.addresses['api']}/livez")).close()
        used = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 10, used + 10))
        peers = [socket.create_connection(address.rsplit(":", 1)) for _ in range(40)]
        with trio.fail_after(30):
            while len(os.listdir(f"/proc/{pid}/fd")) < used + 10:
                await trio.sleep(0.01)
            for peer in peers:
                peer.close()
            async with wire_client(address, listener, tmp_path / "data" / "tls" / "ca.pem") as client:
                assert await client.exchange(connect()) == b"\x20\x02\0\0"
        assert served.process.poll() is None


@pytest.mark.parametrize("native", ["never", "auto"])
async def test_device_that_floods_does_not_keep_others_waiting(tmp_path: Path, native: str) -> None:
    async with open_test_node(tmp_path, native=native) as running:
        await running.create_product()
        await running.create_device("pump", SECRET)
        async with wire_client(running.addresses["mqtt"]) as flooding, trio.open_nursery() as nursery:
            await flooding.exchange(connect())

            async def flood() -> None:
                while True:
                    await flooding.send(publish_packet("t", b"x" * 1000) * 100)

            nursery.start_soon(flood)
            with trio.fail_after(20):
                for _ in range(20):
                    async with wire_client(running.addresses["mqtt"]) as other:
                        await other.send(PINGREQ)
                        assert await other.is_closed()
            nursery.cancel_scope.cancel()


# What a peer may have sent when it stops: nothing, the beginning of a ClientHello, the beginning of a request.
BEGINNINGS = {"mqtts": [b"", b"\x16\3\1\2\0\1\0\1\xfc\3\3"], "ws": [b"", b"GET /mqtt HTTP/1.1\r\nHost: "]}


SERVED = [("never", "mqtts"), ("auto", "mqtts"), ("never", "ws")]


@pytest.mark.parametrize(("native", "listener"), SERVED)
async def test_slow_handshake_is_cut_at_the_one_deadline_and_counted(
    tmp_path: Path, native: str, listener: str
) -> None:
    limits = msgspec.structs.replace(Limits(), secure_connect_seconds=0.3)
    async with open_test_node(tmp_path, native=native, limits=limits) as running:
        host, port = running.addresses[listener].rsplit(":", 1)
        with trio.fail_after(20):
            for beginning in BEGINNINGS[listener]:
                async with await trio.open_tcp_stream(host, int(port)) as stream:
                    await stream.send_all(beginning)
                    assert await stream.receive_some() == b""
        url = f"http://{running.addresses['api']}/metrics"
        text = await trio.to_thread.run_sync(lambda: urllib.request.urlopen(url).read().decode())
        labels = f'listener="{listener}",protocol="{listener}",reason="cut"'
        assert f"keyturn_handshakes_failed_total{{{labels}}} 2.0" in text


@pytest.mark.parametrize(("native", "listener"), SERVED)
async def test_flood_of_handshakes_is_held_by_the_bound_on_the_pending(
    tmp_path: Path, native: str, listener: str
) -> None:
    """mosquitto did not keep max_connections on its WebSocket listeners (2.1.x). Who is dropped is counted."""
    limits = msgspec.structs.replace(Limits(), pending_hard=20)
    async with open_test_node(tmp_path, native=native, limits=limits) as running, trio.open_nursery() as nursery:
        await running.create_product()
        await running.create_device("pump", SECRET)
        host, port = running.addresses[listener].rsplit(":", 1)
        cut = trio.Semaphore(0)

        async def begin(number: int) -> None:
            async with await trio.open_tcp_stream(host, int(port)) as stream:
                await stream.send_all(BEGINNINGS[listener][number % 2])
                with suppress(trio.BrokenResourceError):  # RST is a close too
                    assert await stream.receive_some() == b""
                cut.release()

        for number in range(60):
            nursery.start_soon(begin, number)
        with trio.fail_after(20):
            for _ in range(40):
                await cut.acquire()
            async with wire_client(running.addresses["mqtt"]) as client:
                assert await client.exchange(connect()) == b"\x20\x02\0\0"
        url = f"http://{running.addresses['api']}/metrics"
        text = await trio.to_thread.run_sync(lambda: urllib.request.urlopen(url).read().decode())
        labels = f'listener="{listener}",protocol="{listener}",reason="cut"'
        # All fronts share the bound: the device that has connected by another one took one place more.
        assert f"keyturn_handshakes_failed_total{{{labels}}} 41.0" in text
        nursery.cancel_scope.cancel()
