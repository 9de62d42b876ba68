"""Control Packets as a client writes them, well formed or not. Knows nothing of engine/: an oracle of its own.

Texts may be given as bytes, to send what is not UTF-8. Properties are given as the bytes after their length.
"""

from typing import NamedTuple

PINGREQ = b"\xc0\x00"


class WillMessage(NamedTuple):
    topic: str | bytes
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    properties: bytes = b""


def variable(value: int) -> bytes:
    """Variable Byte Integer."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F)
    return bytes([digit | 0x80 for digit in digits[:-1]] + digits[-1:])


def two_bytes(value: int) -> bytes:
    return value.to_bytes(2, "big")


def string(text: str | bytes) -> bytes:
    """UTF-8 Encoded String or Binary Data."""
    encoded = text.encode() if isinstance(text, str) else text
    return two_bytes(len(encoded)) + encoded


def with_length(properties: bytes) -> bytes:
    return variable(len(properties)) + properties


def user_property(name: str | bytes, value: str | bytes) -> bytes:
    return b"\x26" + string(name) + string(value)


def packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + variable(len(body)) + body


def connect_packet(
    client_id: str | bytes = "thermostat-1",
    user_name: str | bytes | None = None,
    password: bytes | None = None,
    *,
    version: int = 4,
    keep_alive: int = 60,
    clean_start: bool = True,
    will: WillMessage | None = None,
    properties: bytes = b"",
    protocol_name: str | bytes | None = None,
    flags: int | None = None,
) -> bytes:
    """CONNECT. `flags` replaces the Connect Flags that the other arguments make."""
    if flags is None:
        flags = _connect_flags(user_name, password, clean_start, will)
    name = protocol_name if protocol_name is not None else ("MQIsdp" if version == 3 else "MQTT")
    body = string(name) + bytes([version, flags]) + two_bytes(keep_alive)
    if version == 5:
        body += with_length(properties)
    body += string(client_id)
    if will is not None:
        body += (with_length(will.properties) if version == 5 else b"") + string(will.topic) + string(will.payload)
    body += b"".join(string(field) for field in (user_name, password) if field is not None)
    return packet(0x10, body)


def _connect_flags(
    user_name: str | bytes | None, password: bytes | None, clean_start: bool, will: WillMessage | None
) -> int:
    flags = (user_name is not None) << 7 | (password is not None) << 6 | clean_start << 1
    if will is not None:
        flags |= will.retain << 5 | will.qos << 3 | 1 << 2
    return flags


def publish_packet(
    topic: str | bytes,
    payload: bytes = b"",
    *,
    qos: int = 0,
    retain: bool = False,
    dup: bool = False,
    packet_identifier: int = 1,
    version: int = 4,
    properties: bytes = b"",
) -> bytes:
    body = string(topic) + (two_bytes(packet_identifier) if qos else b"")
    if version == 5:
        body += with_length(properties)
    return packet(0x30 | dup << 3 | qos << 1 | retain, body + payload)


def subscribe_packet(
    *topic_filters: tuple[str | bytes, int], packet_identifier: int = 1, version: int = 4, properties: bytes = b""
) -> bytes:
    """SUBSCRIBE with (Topic Filter, Subscription Options) pairs."""
    body = two_bytes(packet_identifier) + (with_length(properties) if version == 5 else b"")
    return packet(0x82, body + b"".join(string(text) + bytes([options]) for text, options in topic_filters))


def unsubscribe_packet(
    *topic_filters: str | bytes, packet_identifier: int = 1, version: int = 4, properties: bytes = b""
) -> bytes:
    body = two_bytes(packet_identifier) + (with_length(properties) if version == 5 else b"")
    return packet(0xA2, body + b"".join(string(text) for text in topic_filters))


def disconnect_packet(reason_code: int | None = None, properties: bytes | None = None) -> bytes:
    """DISCONNECT; with a Reason Code, and then perhaps properties, it is one of MQTT 5."""
    body = b"" if reason_code is None else bytes([reason_code])
    return packet(0xE0, body + (b"" if properties is None else with_length(properties)))
