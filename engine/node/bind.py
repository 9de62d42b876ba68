"""The listening sockets of a node, bound before anything else is opened: a taken address is told at once."""

import ipaddress
import socket
from collections.abc import Iterator

from engine.config import LISTENERS, Address, Config, ListenerKind
from engine.errors import ConfigError, UsageError
from engine.limits import Limits


def bind(config: Config) -> Iterator[tuple[str, socket.socket]]:
    """A listening socket for every listener that is on. ConfigError, or OSError with the address in its text."""
    for name in config.proxy:
        config.balancers(name)
    for kind in LISTENERS:
        address = config.address(kind.name)
        if address is None:
            continue
        if kind.name == "api" and not config.api.insecure and not _is_loopback(address):
            raise ConfigError(
                f"listeners.api: {address} is not loopback, and the API is not encrypted; put TLS in front of it and "
                "set api.insecure = true, or listen on 127.0.0.1"
            )
        yield kind.name, _listen(kind, address, config.limits)


def _is_loopback(address: Address) -> bool:
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return address.host == "localhost"


def _listen(kind: ListenerKind, address: Address, limits: Limits) -> socket.socket:
    transport = socket.SOCK_DGRAM if kind.is_datagram else socket.SOCK_STREAM
    try:
        family, _, _, _, resolved = socket.getaddrinfo(address.host, address.port, type=transport)[0]
        sock = socket.socket(family, transport)
    except OSError as error:
        raise UsageError(f"listeners.{kind.name}: {address}: {error.strerror}") from None
    try:
        if kind.is_datagram:
            # No SO_REUSEADDR: of two UDP sockets that have it, the later one takes the datagrams of the first.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.coap_receive_buffer_bytes)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and address.host == "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setblocking(False)
        sock.bind(resolved)
        if not kind.is_datagram:
            sock.listen(limits.backlog)
    except OSError as error:
        sock.close()
        raise UsageError(f"listeners.{kind.name}: {address}: {error.strerror}") from None
    return sock


def address_of(sock: socket.socket) -> str:
    """The "host:port" that a socket listens on."""
    host, port = sock.getsockname()[:2]
    return str(Address(host, port))
