"""Who is at the other end, as far as the network says: the address that every limit counts by."""

import functools
import ipaddress

import msgspec

from engine.config import Network


class Peer(msgspec.Struct, frozen=True):
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
