"""The PROXY header in front of everything else on a connection: who is at the other end, by the balancer's word.

Read with MSG_PEEK, so that what stands behind the header stays in the socket for TLS or MQTT to read.
"""

import socket
from collections.abc import Collection

import msgspec
import trio

from engine.config import Network
from engine.errors import MalformedProxyHeader
from engine.framing.proxy import ProxyHeader, read_proxy_header
from engine.limits import Limits
from engine.listeners.transport import HandshakeFailed
from engine.observe.handshake import HandshakeFault


class Proxied(msgspec.Struct, frozen=True):
    """A listener behind balancers. protocols: the ALPN names of what it serves."""

    balancers: tuple[Network, ...]
    protocols: tuple[str, ...]


async def receive_proxy_header(sock: socket.socket, limits: Limits) -> ProxyHeader:
    """Take exactly the header from a non-blocking socket. HandshakeFailed where none comes in limits.proxy_seconds.

    A connection that ends before its first byte is a health check as well, and is told as LOCAL.
    """
    with trio.move_on_after(limits.proxy_seconds):
        return await _receive(sock, limits.proxy_header_bytes)
    raise HandshakeFailed(HandshakeFault.CUT, "PROXY header")


async def _receive(sock: socket.socket, maximum: int) -> ProxyHeader:
    held = b""
    while True:
        try:
            data = sock.recv(maximum, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            await trio.lowlevel.wait_readable(sock)
            continue
        except OSError as error:
            raise HandshakeFailed(HandshakeFault.PEER_GONE, error.strerror or "") from None
        if not data:
            if held:
                raise HandshakeFailed(HandshakeFault.PEER_GONE)
            return ProxyHeader(is_local=True)
        try:
            found = read_proxy_header(held + data, maximum)
        except MalformedProxyHeader as fault:
            raise HandshakeFailed(HandshakeFault.NOT_PROXIED, str(fault)) from None
        # Of a header that is not whole, every byte is the header's.
        taken = len(data) if found is None else found[1] - len(held)
        held += sock.recv(taken)
        if found is not None:
            return found[0]


def check_restrictions(header: ProxyHeader, protocols: Collection[str]) -> None:
    """What a header may forbid; it can allow nothing. HandshakeFailed where it does.

    The balancer ended TLS and the client's certificate did not hold, or client and balancer agreed on an application
    protocol (ALPN) that is none of the listener's.
    """
    if header.tls is not None and header.tls.has_certificate and header.tls.verify != 0:
        raise HandshakeFailed(HandshakeFault.FORBIDDEN_BY_BALANCER, "client certificate not verified")
    if header.alpn is not None and header.alpn not in {name.encode() for name in protocols}:
        raise HandshakeFailed(HandshakeFault.FORBIDDEN_BY_BALANCER, "application protocol")
