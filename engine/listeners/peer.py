"""Who is at the other end, as far as the network says: the address that every limit counts by."""

import functools
import ipaddress
import socket

import msgspec

from engine.config import Network

_MAPPED = bytes(10) + b"\xff\xff"

Ranges = tuple[tuple[int, int], ...]
"""Networks as `peer_at` compares them: what is left of an address of 128 bits without its last so many."""


class Peer(msgspec.Struct, frozen=True, gc=False):
    """`prefix` is the IPv4 address, or the /64 of an IPv6 address: what one subscriber line can choose from.

    An exempt peer (a balancer, a test) is not counted against the limits per prefix and per failed attempt.
    """

    address: str
    port: int
    prefix: str
    exempt: bool


def peer_of(address: str, port: int, exempt: tuple[Network, ...]) -> Peer:
    """The peer behind a socket address; an IPv4-mapped IPv6 address counts as the IPv4 address it is."""
    text, prefix, is_exempt = _placed(address, exempt)
    return Peer(text, port, prefix, is_exempt)


def peer_at(address: bytes, port: int, exempt: Ranges) -> Peer:
    """The same for an address of 16 bytes, an IPv4 address mapped. In a storm hardly any two addresses are the same."""
    number = int.from_bytes(address, "big")
    is_exempt = False
    for start, left_out in exempt:
        is_exempt |= number >> left_out == start
    if address.startswith(_MAPPED):
        text = socket.inet_ntop(socket.AF_INET, address[12:])
        return Peer(text, port, text, is_exempt)
    text = socket.inet_ntop(socket.AF_INET6, address)
    if "." in text:
        text = str(ipaddress.IPv6Address(address))  # libc writes "::a.b.c.d" (RFC 4291 section 2.5.5.1)
    return Peer(text, port, f"{socket.inet_ntop(socket.AF_INET6, address[:8] + bytes(8))}/64", is_exempt)


def ranges_of(networks: tuple[Network, ...]) -> Ranges:
    """The networks, to be compared with."""
    return tuple(_range(network) for network in networks)


def _range(network: Network) -> tuple[int, int]:
    left_out = network.max_prefixlen - network.prefixlen
    packed = network.network_address.packed
    mapped = packed if network.version == 6 else _MAPPED + packed
    return int.from_bytes(mapped, "big") >> left_out, left_out


def is_within(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether the address lies in one of the networks."""
    return _placed(address, networks)[2]


@functools.lru_cache(maxsize=4096)  # a storm behind a balancer comes from a few addresses; parsing one costs 10 us
def _placed(address: str, exempt: tuple[Network, ...]) -> tuple[str, str, bool]:
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    if mapped is not None:
        ip = mapped
    text = str(ip)
    prefix = text if ip.version == 4 else str(ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
    return text, prefix, any(ip in network for network in exempt)
