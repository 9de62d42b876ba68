"""PROXY headers as a balancer writes them, well formed or not, and what C and Python read of them."""

import ipaddress
from typing import Any

from engine.errors import MalformedProxyHeader
from engine.framing.proxy import Endpoint, read_proxy_header
from engine.gate import _native

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6, UNIX_STREAM = 0x11, 0x21, 0x31
SOURCE, DESTINATION = ("203.0.113.7", 40_000), ("192.0.2.1", 8883)
SOURCE_6, DESTINATION_6 = ("2001:db8::7", 40_000), ("2001:db8::1", 8883)
VERIFIED = b"\x05" + bytes(4)
"""The head of an SSL TLV: over TLS, with a certificate, which was verified."""


def tlv(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def v2(
    *tlvs: bytes,
    source: tuple[str, int] = SOURCE,
    destination: tuple[str, int] = DESTINATION,
    command: int = PROXY,
    family: int | None = None,
    addresses: bytes | None = None,
) -> bytes:
    """Version 2. `family` and `addresses` replace what the endpoints make."""
    hosts = [ipaddress.ip_address(host).packed for host, _ in (source, destination)]
    ports = [port.to_bytes(2, "big") for _, port in (source, destination)]
    block = b"".join([*hosts, *ports]) if addresses is None else addresses
    block += b"".join(tlvs)
    family = (TCP4 if len(hosts[0]) == 4 else TCP6) if family is None else family
    return SIGNATURE + bytes([command, family]) + len(block).to_bytes(2, "big") + block


def v1(
    source: tuple[str, int] = SOURCE, destination: tuple[str, int] = DESTINATION, protocol: str | None = None
) -> bytes:
    protocol = protocol or ("TCP6" if ":" in source[0] else "TCP4")
    return f"PROXY {protocol} {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()


def crc32c(data: bytes) -> int:
    """By long division, bit by bit and from the definition: an oracle that shares nothing with what it checks."""
    polynomial = 0x1_1EDC_6F41
    bits = int.from_bytes(bytes(int(f"{byte:08b}"[::-1], 2) for byte in data), "big")
    dividend = (bits << 32) ^ (0xFFFF_FFFF << (8 * len(data)))
    for position in range(dividend.bit_length() - 1, 31, -1):
        if dividend >> position & 1:
            dividend ^= polynomial << (position - 32)
    return int(f"{dividend ^ 0xFFFF_FFFF:032b}"[::-1], 2)


def with_crc32c(*tlvs: bytes) -> bytes:
    """Version 2 with a checksum that fits, behind other TLVs."""
    blank = v2(*tlvs, tlv(3, bytes(4)))
    return blank[:-4] + crc32c(blank).to_bytes(4, "big")


def read_in_c(data: bytes, maximum: int) -> dict[str, Any] | int:
    """0 for more, 2 for malformed, else the fields of struct eng_proxy_header that are there."""
    ffi, header = _native.ffi, _native.ffi.new("struct eng_proxy_header *")
    answer = _native.lib.eng_proxy_header_read(data, len(data), maximum, header)
    if answer != 1:
        return answer

    def text(name: str) -> bytes | None:
        pointer = getattr(header, name)
        return ffi.buffer(pointer, getattr(header, f"{name}_len"))[:] if pointer else None

    size = {0: 0, 4: 4, 6: 16}[header.family]
    return {
        "length": header.length,
        "is_local": header.is_local == 1,
        "source": (bytes(header.source)[:size], header.source_port),
        "destination": (bytes(header.destination)[:size], header.destination_port),
        "ssl": (header.ssl_client, header.ssl_verify, text("common_name")) if header.has_ssl else None,
        "authority": text("authority"),
        "alpn": text("alpn"),
    }


def read_in_python(data: bytes, maximum: int) -> dict[str, Any] | int:
    """The reference's answer in the same terms."""
    try:
        found = read_proxy_header(data, maximum)
    except MalformedProxyHeader:
        return 2
    if found is None:
        return 0
    header, length = found
    return {
        "length": length,
        "is_local": header.is_local,
        "source": _packed(header.source),
        "destination": _packed(header.destination),
        "ssl": (header.tls.client, header.tls.verify, header.tls.common_name) if header.tls else None,
        "authority": header.authority,
        "alpn": header.alpn,
    }


def _packed(endpoint: Endpoint | None) -> tuple[bytes, int]:
    return (ipaddress.ip_address(endpoint.address).packed, endpoint.port) if endpoint else (b"", 0)


def samples() -> list[bytes]:
    """Good headers of every kind."""
    ssl = tlv(0x20, VERIFIED + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"meter-1"))
    return [
        v1(),
        v1(SOURCE_6, DESTINATION_6),
        v1(("::ffff:1.2.3.4", 0), ("::", 65_535)),
        b"PROXY UNKNOWN\r\n",
        v2(),
        v2(source=SOURCE_6, destination=DESTINATION_6),
        v2(tlv(1, b"mqtt"), tlv(2, b"gate.example.com"), ssl, tlv(4, b"")),
        with_crc32c(ssl),
        v2(command=LOCAL, family=0, addresses=b""),
        v2(family=0, addresses=b""),
        v2(tlv(2, b"a"), family=UNIX_STREAM, addresses=bytes(216)),
    ]
