"""What a native front is told once: struct eng_front_settings (front.cdef.h) as cffi takes it, without pointers."""

from collections.abc import Sequence

import msgspec

from engine.limits import Limits


class Words(msgspec.Struct, frozen=True):
    """The answers that do not depend on the device, ready to be written (front.cdef.h, struct eng_front_settings).

    connack5[whether Session Expiry was asked for][Server Keep Alive: as asked, the minimum, the maximum]. disconnect5:
    by Ending.
    """

    connack: bytes
    connack5: tuple[tuple[bytes, bytes, bytes], tuple[bytes, bytes, bytes]]
    disconnect5: tuple[bytes, bytes, bytes]


class Balancers(msgspec.Struct, frozen=True):
    """struct eng_front_proxy: who every connection comes from, and begins with a PROXY header.

    networks: as 16 bytes and bits, at least one. protocols: the ALPN names that the front serves.
    """

    networks: Sequence[tuple[bytes, int]]
    protocols: Sequence[str]


def front_settings(
    number: int, limits: Limits, connections: int, connect_seconds: float, words: Words, key: bytes
) -> dict[str, object]:
    """struct eng_front_settings, without balancers. ValueError where a word is too long."""
    return {
        "number": number,
        "connections": connections,
        "accept_batch": limits.accept_batch,
        "watched_prefixes": limits.failure_entries,
        "connect_packet_bytes": limits.connect_packet_bytes,
        "packet_bytes": limits.packet_bytes,
        "connect_ms": int(connect_seconds * 1000),
        "send_ms": int(limits.send_seconds * 1000),
        "keep_alive_minimum_s": limits.keep_alive_minimum_seconds,
        "keep_alive_maximum_s": limits.keep_alive_maximum_seconds,
        "keep_alive_factor": limits.keep_alive_factor,
        "key": key,
        "connack": _words(words.connack),
        "connack5": [[_words(data) for data in row] for row in words.connack5],
        "disconnect5": [_words(data) for data in words.disconnect5],
    }


def proxy_settings(balancers: Balancers, limits: Limits) -> dict[str, object]:
    """struct eng_front_proxy, without what it points to. ValueError without a network: to C that is no balancer."""
    if not balancers.networks:
        raise ValueError("a balancer is in a network")
    return {
        "balancers_count": len(balancers.networks),
        "protocols_len": len(protocol_list(balancers.protocols)),
        "header_ms": int(limits.proxy_seconds * 1000),
        "header_bytes": limits.proxy_header_bytes,
    }


def protocol_list(protocols: Sequence[str]) -> bytes:
    """ALPN names as TLS lists them (RFC 7301 section 3.1), the length of all left out. ValueError: one is too long."""
    return b"".join(bytes((len(name),)) + name.encode("ascii") for name in protocols)


def _words(data: bytes) -> dict[str, object]:
    """struct eng_front_words. ValueError where they do not fit."""
    if len(data) > 47:
        raise ValueError("an answer of 47 bytes at most")
    return {"len": len(data), "bytes": data}
