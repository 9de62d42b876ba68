"""MQTT over TCP, and what every transport does with its socket: non-blocking, tried before it is waited for."""

import contextlib
import socket

import trio

from engine.limits import Limits
from engine.listeners.transport import Why

READ_BYTES = 16 * 1024
_LAST_READS = 8

_NOTHING_TO_OPEN = contextlib.nullcontext()


class TcpTransport:
    """The bytes as they are."""

    __slots__ = ("_send_seconds", "_sock")

    peer_certificates: tuple[bytes, ...] = ()

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        self._sock = sock
        self._send_seconds = limits.send_seconds

    def opened(self) -> contextlib.AbstractAsyncContextManager[object]:
        """As Transport.opened."""
        return _NOTHING_TO_OPEN

    def accepted(self) -> None:
        """As Transport.accepted: nothing is kept here."""

    async def receive(self) -> bytes:
        """As Transport.receive. Tries before it waits: in a storm CONNECT is there already."""
        while True:
            try:
                return self._sock.recv(READ_BYTES)
            except (BlockingIOError, InterruptedError):
                await trio.lowlevel.wait_readable(self._sock)

    async def send(self, data: bytes) -> None:
        """As Transport.send."""
        sent = _send_now(self._sock, data)
        if sent == len(data):
            return
        view = memoryview(data)
        with trio.move_on_after(self._send_seconds):
            while sent < len(data):
                await trio.lowlevel.wait_writable(self._sock)
                sent += _send_now(self._sock, view[sent:])
        if sent < len(data):
            raise TimeoutError

    def say_goodbye(self, data: bytes, _why: Why) -> None:
        """As Transport.say_goodbye, and read what the peer has sent meanwhile.

        Closing a socket with unread bytes sends RST, which can overtake the CONNACK that says why.
        """
        if data:
            _send_now(self._sock, data)
        self._sock.shutdown(socket.SHUT_WR)
        for _ in range(_LAST_READS):
            try:
                if not self._sock.recv(READ_BYTES):
                    return
            except (BlockingIOError, InterruptedError):
                return

    def close(self) -> None:
        """As Transport.close."""
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()


def _send_now(sock: socket.socket, data: bytes | memoryview) -> int:
    """As much as the socket takes without waiting."""
    try:
        return sock.send(data)
    except (BlockingIOError, InterruptedError):
        return 0
