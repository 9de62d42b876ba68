"""What TCP does where the peer does not read. The rest is tests/conformance."""

import socket

import msgspec
import pytest
import trio

from engine.limits import Limits
from engine.listeners.tcp import TcpTransport


def transport(sock: socket.socket, send_seconds: float) -> TcpTransport:
    sock.setblocking(False)
    return TcpTransport(sock, msgspec.structs.replace(Limits(), send_seconds=send_seconds))


async def test_peer_that_does_not_read_its_answers_is_given_up() -> None:
    """TimeoutError is an OSError: the connection's task ends as it does for any other."""
    left, right = socket.socketpair()
    left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with left, right, pytest.raises(TimeoutError):
        await transport(left, 0.1).send(b"x" * 1_000_000)


async def test_answer_larger_than_the_socket_takes_at_once_is_written_whole() -> None:
    left, right = socket.socketpair()
    received = bytearray()

    async def read() -> None:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(right))
        async with stream:
            while len(received) < 1_000_000:
                received.extend(await stream.receive_some())

    with left:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            await transport(left, 10).send(bytes(range(250)) * 4000)
    assert received == bytes(range(250)) * 4000


def test_goodbye_reads_what_is_unread_so_that_no_reset_overtakes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = socket.create_connection(listening.getsockname())
        sock, _address = listening.accept()
    with peer, sock:
        peer.sendall(b"unread" * 1000)
        transport(sock, 1).say_goodbye(b"goodbye", None)
        sock.close()
        assert peer.recv(100) == b"goodbye"
        assert peer.recv(100) == b""
