"""The Control Packets after CONNECT, as far as mode `hold` needs them (DESIGN section 9); each with its answer.

Every reader takes the body's bounds and the session's protocol_version (3, 4 or 5) and raises a FramingFault. Packets
that have no reader here are Protocol Errors by their type alone: a Client never sends them, or (PUBACK, PUBREC, PUBREL,
PUBCOMP, AUTH) only in answer to what this server never sends.
"""

import functools
from collections.abc import Sequence

import msgspec

from engine.errors import MalformedPacket, ProtocolViolation
from engine.framing.mqtt.fields import (
    Buffer,
    check_topic_filter,
    check_topic_name,
    read_string,
    read_two_byte_integer,
    write_two_byte_integer,
)
from engine.framing.mqtt.fixed_header import PacketType, write_packet
from engine.framing.mqtt.properties import (
    DISCONNECT_PROPERTIES,
    PUBLISH_PROPERTIES,
    SUBSCRIBE_PROPERTIES,
    UNSUBSCRIBE_PROPERTIES,
    Property,
    read_properties,
    write_properties,
)


@functools.lru_cache(maxsize=128)  # there are a few of them, and every CONNECT is answered by one
def write_connack(version: int, code: int, *, session_present: bool = False, **properties: int | str | None) -> bytes:
    """CONNACK (section 3.2). `code`: Return code before MQTT 5, which has no properties either; Reason Code in 5."""
    body = bytes((session_present, code))
    if version == 5:
        body += write_properties(**properties)
    return write_packet(PacketType.CONNACK << 4, body)


class Publish(msgspec.Struct, frozen=True, gc=False):
    """A well-formed PUBLISH. Its payload (payload_bytes of it) stays where it is. packet_identifier: None at QoS 0."""

    topic: str
    qos: int
    retain: bool
    packet_identifier: int | None
    payload_bytes: int


def read_publish(data: Buffer, first: int, start: int, end: int, version: int) -> Publish:
    """PUBLISH (section 3.3); `first` is the packet's first byte. QoS 2 and RETAIN are reported, not judged."""
    qos = first >> 1 & 3
    topic, at = read_string(data, start, end)
    check_topic_name(topic)
    packet_identifier = None
    if qos:
        packet_identifier, at = _read_packet_identifier(data, at, end)
    if version == 5:
        properties, at = read_properties(data, at, end, PUBLISH_PROPERTIES)
        if Property.TOPIC_ALIAS in properties:
            # CONNACK names no Topic Alias Maximum, so that none is allowed [MQTT-3.2.2-18].
            raise ProtocolViolation("Topic Alias over the Topic Alias Maximum")
        if Property.SUBSCRIPTION_IDENTIFIER in properties:
            raise ProtocolViolation("Subscription Identifier in PUBLISH from a Client")  # [MQTT-3.3.4-6]
    if not topic:
        raise ProtocolViolation("Topic Name is empty")  # [MQTT-4.7.3-1]
    return Publish(topic, qos, first & 1 == 1, packet_identifier, end - at)


def write_puback(version: int, packet_identifier: int, reason_code: int = 0) -> bytes:
    """PUBACK (section 3.4). Before MQTT 5 there is no Reason Code; in it, 0 goes without saying (section 3.4.2.1)."""
    body = write_two_byte_integer(packet_identifier)
    if version == 5 and reason_code:
        body += bytes((reason_code,))
    return write_packet(PacketType.PUBACK << 4, body)


class Subscription(msgspec.Struct, frozen=True, gc=False):
    """One Topic Filter of a SUBSCRIBE and the QoS asked for; the other options change nothing where nothing is sent."""

    topic_filter: str
    qos: int


class Subscribe(msgspec.Struct, frozen=True, gc=False):
    """A well-formed SUBSCRIBE; at least one subscription. subscription_identifier: None when absent, as before 5."""

    packet_identifier: int
    subscriptions: tuple[Subscription, ...]
    subscription_identifier: int | None


def read_subscribe(data: Buffer, start: int, end: int, version: int) -> Subscribe:
    """SUBSCRIBE (section 3.8)."""
    packet_identifier, at = _read_packet_identifier(data, start, end)
    identifier = None
    if version == 5:
        properties, at = read_properties(data, at, end, SUBSCRIBE_PROPERTIES)
        identifier = properties.get(Property.SUBSCRIPTION_IDENTIFIER)
    subscriptions = []
    while at < end:
        topic_filter, at = _read_topic_filter(data, at, end, version)
        if at >= end:
            raise MalformedPacket("Topic Filter without Subscription Options")
        options = data[at]
        at += 1
        _check_subscription_options(options, version, topic_filter)
        subscriptions.append(Subscription(topic_filter, options & 3))
    if not subscriptions:
        raise ProtocolViolation("SUBSCRIBE without Topic Filter")  # [MQTT-3.8.3-2]
    return Subscribe(packet_identifier, tuple(subscriptions), identifier)


def _check_subscription_options(options: int, version: int, topic_filter: str) -> None:
    """Section 3.8.3.1: bits 0-1 QoS, 2 No Local, 3 Retain As Published, 4-5 Retain Handling, 6-7 reserved."""
    if version != 5:
        if options > 2:
            raise MalformedPacket("Requested QoS is none of 0, 1, 2")  # 3.1.1 [MQTT-3-8.3-4]
        return
    if options & 0b1100_0000:
        raise MalformedPacket("reserved Subscription Option is set")  # [MQTT-3.8.3-5]
    if options & 0b11 == 3:
        raise ProtocolViolation("Maximum QoS 3")
    if options >> 4 & 0b11 == 3:
        raise ProtocolViolation("Retain Handling 3")
    if options & 0b100 and topic_filter.startswith("$share/"):
        raise ProtocolViolation("No Local on a Shared Subscription")  # [MQTT-3.8.3-4]


def write_suback(version: int, packet_identifier: int, codes: Sequence[int]) -> bytes:
    """SUBACK (section 3.9), one code for each Topic Filter, in their order."""
    properties = write_properties() if version == 5 else b""
    return write_packet(PacketType.SUBACK << 4, write_two_byte_integer(packet_identifier) + properties + bytes(codes))


class Unsubscribe(msgspec.Struct, frozen=True, gc=False):
    """A well-formed UNSUBSCRIBE; at least one Topic Filter."""

    packet_identifier: int
    topic_filters: tuple[str, ...]


def read_unsubscribe(data: Buffer, start: int, end: int, version: int) -> Unsubscribe:
    """UNSUBSCRIBE (section 3.10)."""
    packet_identifier, at = _read_packet_identifier(data, start, end)
    if version == 5:
        _, at = read_properties(data, at, end, UNSUBSCRIBE_PROPERTIES)
    topic_filters = []
    while at < end:
        topic_filter, at = _read_topic_filter(data, at, end, version)
        topic_filters.append(topic_filter)
    if not topic_filters:
        raise ProtocolViolation("UNSUBSCRIBE without Topic Filter")  # [MQTT-3.10.3-2]
    return Unsubscribe(packet_identifier, tuple(topic_filters))


def write_unsuback(version: int, packet_identifier: int, codes: Sequence[int]) -> bytes:
    """UNSUBACK (section 3.11), one code for each Topic Filter; before MQTT 5 it has none."""
    body = write_two_byte_integer(packet_identifier)
    if version == 5:
        body += write_properties() + bytes(codes)
    return write_packet(PacketType.UNSUBACK << 4, body)


def read_pingreq(start: int, end: int) -> None:
    """PINGREQ (section 3.12) has no body."""
    if start != end:
        raise MalformedPacket("PINGREQ with a body")


PINGRESP = write_packet(PacketType.PINGRESP << 4, b"")


class Disconnect(msgspec.Struct, frozen=True, gc=False):
    """A well-formed DISCONNECT. session_expiry_interval: seconds, None when absent; before MQTT 5 always 0 and None."""

    reason_code: int
    session_expiry_interval: int | None


_DISCONNECT_REASON_CODES = frozenset(
    {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99}
)
"""Those that a Client may send (section 3.14.2.1, table 3-10)."""


def read_disconnect(data: Buffer, start: int, end: int, version: int) -> Disconnect:
    """DISCONNECT (section 3.14). Before MQTT 5 it has no body; in it, reason and properties may be left out."""
    if start == end:
        return Disconnect(0x00, None)
    if version != 5:
        raise MalformedPacket("DISCONNECT with a body")
    reason_code, at = data[start], start + 1
    if reason_code not in _DISCONNECT_REASON_CODES:
        raise ProtocolViolation(f"DISCONNECT from a Client with Reason Code 0x{reason_code:02X}")  # [MQTT-3.14.2-1]
    properties: dict[int, int] = {}
    if at < end:
        properties, at = read_properties(data, at, end, DISCONNECT_PROPERTIES)
    if at != end:
        raise MalformedPacket("bytes after the properties of DISCONNECT")
    return Disconnect(reason_code, properties.get(Property.SESSION_EXPIRY_INTERVAL))


def write_disconnect(reason_code: int, **properties: int | str | None) -> bytes:
    """DISCONNECT from the Server (section 3.14), which exists in MQTT 5 only."""
    return write_packet(PacketType.DISCONNECT << 4, bytes((reason_code,)) + write_properties(**properties))


def _read_packet_identifier(data: Buffer, at: int, end: int) -> tuple[int, int]:
    packet_identifier, at = read_two_byte_integer(data, at, end)
    if packet_identifier == 0:
        raise ProtocolViolation("Packet Identifier 0")  # [MQTT-2.2.1-3]
    return packet_identifier, at


def _read_topic_filter(data: Buffer, at: int, end: int, version: int) -> tuple[str, int]:
    """Section 4.7; in MQTT 5 `$share/{ShareName}/{filter}` is a Shared Subscription (section 4.8.2)."""
    topic_filter, at = read_string(data, at, end)
    if version == 5 and topic_filter.startswith("$share/"):
        _, share_name, shared = (*topic_filter.split("/", 2), "")[:3]
        if not share_name or "#" in share_name or "+" in share_name:
            raise MalformedPacket("ShareName is empty or holds a wildcard character")  # [MQTT-4.8.2-1], [MQTT-4.8.2-2]
        check_topic_filter(shared)
    else:
        check_topic_filter(topic_filter)
    return topic_filter, at
