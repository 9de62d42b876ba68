"""What the front does where the system, not the peer, is the difficulty. The wire is tests/conformance."""

import os
import resource
import socket
from pathlib import Path

import pytest
import trio

from engine.listeners import mqtt
from tests.conformance.conftest import SECRET
from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.mqtt_packets import PINGREQ, connect_packet, publish_packet
from tests.helpers.nodes import open_test_node, serve_process
from tests.helpers.wire import wire_client


def connect() -> bytes:
    client_id, user_name, password = credentials_of("pump", SECRET)
    return connect_packet(client_id, user_name, password.encode())


async def test_node_out_of_descriptors_lives_and_serves_again(tmp_path: Path) -> None:
    """EMFILE for real: the node may open 10 more descriptors, and 40 peers come."""
    async with open_test_node(tmp_path) as prepared:
        await prepared.create_product()
        await prepared.create_device("pump", SECRET)
    with serve_process(tmp_path / "data") as served:
        address = served.addresses["mqtt"]
        pid = served.process.pid
        used = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 10, used + 10))
        peers = [socket.create_connection(address.rsplit(":", 1)) for _ in range(40)]
        with trio.fail_after(30):
            while len(os.listdir(f"/proc/{pid}/fd")) < used + 10:
                await trio.sleep(0.01)
            for peer in peers:
                peer.close()
            async with wire_client(address) as client:
                assert await client.exchange(connect()) == b"\x20\x02\0\0"
        assert served.process.poll() is None


async def test_peer_that_does_not_read_its_answers_is_given_up() -> None:
    """TimeoutError is an OSError: the connection's task ends as it does for any other."""
    left, right = socket.socketpair()
    left.setblocking(False)
    left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with left, right, pytest.raises(TimeoutError):
        await mqtt._send(left, b"x" * 1_000_000, seconds=0.1)


async def test_answer_larger_than_the_socket_takes_at_once_is_written_whole() -> None:
    left, right = socket.socketpair()
    left.setblocking(False)
    received = bytearray()

    async def read() -> None:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(right))
        async with stream:
            while len(received) < 1_000_000:
                received.extend(await stream.receive_some())

    with left:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await mqtt._send(left, bytes(range(250)) * 4000, seconds=10)
    assert received == bytes(range(250)) * 4000


async def test_device_that_floods_does_not_keep_others_waiting(tmp_path: Path) -> None:
    async with open_test_node(tmp_path) as running:
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
