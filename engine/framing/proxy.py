"""The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): whom a balancer speaks for.

The header stands before everything else on a connection, TLS included. What it says is the balancer's word: it may
restrict what a peer may do, and never proves who the peer is (SSL_CN is a name, not a certificate).
"""

import ipaddress
import struct

import msgspec

from engine.errors import MalformedProxyHeader

V1_MAXIMUM = 107
"""Bytes of a version 1 header, CR LF included: "the worst case (optional fields set to 0xff)" (section 2.1)."""

_V1_PREFIX = b"PROXY "
_V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V2_HEAD = struct.Struct(">12sBBH")  # signature, version and command, address family and transport, length of the rest

_LOCAL, _PROXY = 0, 1
_INET, _INET6, _UNIX = 1, 2, 3
_ADDRESS_BYTES = {0: 0, _INET: 12, _INET6: 36, _UNIX: 216}
_FAMILIES = frozenset({0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32})
"""Address family and transport; "other values ... must be rejected as invalid by receivers" (section 2.2)."""

_ALPN, _AUTHORITY, _CRC32C, _SSL = 0x01, 0x02, 0x03, 0x20
_SSL_CN = 0x22
_READ_ONCE = frozenset({_ALPN, _AUTHORITY, _CRC32C, _SSL})


class Endpoint(msgspec.Struct, frozen=True):
    """An IPv4 or IPv6 address in its usual form, and a port."""

    address: str
    port: int


class ProxiedTls(msgspec.Struct, frozen=True):
    """PP2_TYPE_SSL (section 2.2.6). `verify`: 0 when the client's certificate was verified. `common_name`: of it."""

    client: int
    verify: int
    common_name: bytes | None

    @property
    def has_certificate(self) -> bool:
        """Whether the client showed a certificate, on this connection or in the session that it resumed."""
        return self.client & 0x06 != 0  # PP2_CLIENT_CERT_CONN, PP2_CLIENT_CERT_SESS


class ProxyHeader(msgspec.Struct, frozen=True):
    """is_local: the balancer speaks for itself (a health check) and nothing else is read. source and destination: None
    where it does not know them, or they are not of IP; then the connection's own are meant.
    """

    is_local: bool = False
    source: Endpoint | None = None
    destination: Endpoint | None = None
    tls: ProxiedTls | None = None
    authority: bytes | None = None
    """The name that the client asked for (SNI)."""
    alpn: bytes | None = None


def read_proxy_header(data: bytes, maximum: int) -> tuple[ProxyHeader, int] | None:
    """The header that `data` begins with, and how many bytes it has; None while it is not whole.

    maximum: bytes of a version 2 header, its head of 16 included. Raises MalformedProxyHeader as soon as the bytes can
    be the beginning of no header that is allowed here.
    """
    if data[:1] == _V1_PREFIX[:1]:
        return _read_v1(data)
    if not _V2_SIGNATURE.startswith(data[:12]):
        raise MalformedProxyHeader("no PROXY header")
    return _read_v2(data, maximum) if len(data) >= _V2_HEAD.size else None


# Version 1, section 2.1


def _read_v1(data: bytes) -> tuple[ProxyHeader, int] | None:
    if not data.startswith(_V1_PREFIX[: len(data)]):
        raise MalformedProxyHeader("no PROXY header")
    end = data.find(b"\r\n", 0, V1_MAXIMUM)
    if end < 0:
        if len(data) >= V1_MAXIMUM:
            raise MalformedProxyHeader("version 1 header without an end")
        return None
    _, protocol, *rest = data[:end].split(b" ")
    if protocol == b"UNKNOWN":
        return ProxyHeader(), end + 2  # "the receiver must ignore anything presented before the CRLF is found"
    if protocol not in (b"TCP4", b"TCP6") or len(rest) != 4:
        raise MalformedProxyHeader("version 1 header is not of the form")
    source, destination, source_port, destination_port = rest
    address = _ipv4 if protocol == b"TCP4" else _ipv6
    header = ProxyHeader(
        source=Endpoint(address(source), _port(source_port)),
        destination=Endpoint(address(destination), _port(destination_port)),
    )
    return header, end + 2


def _ipv4(text: bytes) -> str:
    try:
        return str(ipaddress.IPv4Address(text.decode("ascii")))
    except ValueError:
        raise MalformedProxyHeader("not an IPv4 address") from None


def _ipv6(text: bytes) -> str:
    try:
        if b"%" in text:
            raise MalformedProxyHeader("IPv6 address with a zone")
        return str(ipaddress.IPv6Address(text.decode("ascii")))
    except ValueError:
        raise MalformedProxyHeader("not an IPv6 address") from None


def _port(text: bytes) -> int:
    """0 to 65535, without leading zeros."""
    if not 0 < len(text) <= 5 or not text.isdigit() or (text[:1] == b"0" and text != b"0") or int(text) > 65_535:
        raise MalformedProxyHeader("not a port")
    return int(text)


# Version 2, section 2.2


def _read_v2(data: bytes, maximum: int) -> tuple[ProxyHeader, int] | None:
    _, version_and_command, family, length = _V2_HEAD.unpack_from(data)
    version, command = version_and_command >> 4, version_and_command & 0x0F
    end = _V2_HEAD.size + length
    if version != 2 or command not in (_LOCAL, _PROXY):
        raise MalformedProxyHeader("neither LOCAL nor PROXY of version 2")
    if end > maximum:
        raise MalformedProxyHeader(f"version 2 header of {end} bytes")
    if command == _PROXY and (family not in _FAMILIES or length < _ADDRESS_BYTES[family >> 4]):
        raise MalformedProxyHeader("no addresses of the family")
    if len(data) < end:
        return None
    if command == _LOCAL:
        return ProxyHeader(is_local=True), end  # "must discard the protocol block including the family"
    return _read_addresses(data[:end], family >> 4), end


def _read_addresses(header: bytes, family: int) -> ProxyHeader:
    at = _V2_HEAD.size + _ADDRESS_BYTES[family]
    if family == 0:
        return ProxyHeader()  # what the block holds is not said, TLVs or not
    source = destination = None
    if family in (_INET, _INET6):
        size = 4 if family == _INET else 16
        ports = struct.unpack_from(">HH", header, at - 4)
        source, destination = (
            Endpoint(str(ipaddress.ip_address(header[start : start + size])), port)
            for start, port in zip((16, 16 + size), ports, strict=True)
        )
    values = _read_tlvs(header, at, _READ_ONCE)
    if _CRC32C in values:
        _check_crc32c(header, *values[_CRC32C])
    tls = values.get(_SSL)
    return ProxyHeader(
        source=source,
        destination=destination,
        tls=_read_ssl(header[tls[0] : tls[1]]) if tls else None,
        authority=_cut(header, values.get(_AUTHORITY)),
        alpn=_cut(header, values.get(_ALPN)),
    )


def _cut(data: bytes, place: tuple[int, int] | None) -> bytes | None:
    return data[place[0] : place[1]] if place else None


def _read_tlvs(data: bytes, at: int, wanted: frozenset[int]) -> dict[int, tuple[int, int]]:
    """Where the values of the wanted types start and end; others are skipped. One of a kind, whole, up to the end."""
    values: dict[int, tuple[int, int]] = {}
    while at < len(data):
        start = at + 3
        if start > len(data):
            raise MalformedProxyHeader("TLV cut short")
        kind, at = data[at], start + (data[at + 1] << 8 | data[at + 2])
        if at > len(data):
            raise MalformedProxyHeader("TLV cut short")
        if kind in values:
            raise MalformedProxyHeader("TLV more than once")
        if kind in wanted:
            values[kind] = start, at
    return values


def _read_ssl(value: bytes) -> ProxiedTls:
    if len(value) < 5:
        raise MalformedProxyHeader("SSL TLV cut short")
    common_name = _read_tlvs(value, 5, frozenset({_SSL_CN})).get(_SSL_CN)
    return ProxiedTls(value[0], int.from_bytes(value[1:5], "big"), _cut(value, common_name))


def _check_crc32c(header: bytes, start: int, end: int) -> None:
    """Section 2.2.5: over the whole header, with the checksum's own bytes as zeros."""
    if end - start != 4 or _crc32c(header[:start] + bytes(4) + header[end:]) != int.from_bytes(
        header[start:end], "big"
    ):
        raise MalformedProxyHeader("checksum does not fit")


def _table_entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F6_3B78 if byte & 1 else 0)
    return byte


_CRC32C_TABLE = tuple(_table_entry(byte) for byte in range(256))


def _crc32c(data: bytes) -> int:
    """RFC 4960 appendix B."""
    crc = 0xFFFF_FFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC32C_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF_FFFF
