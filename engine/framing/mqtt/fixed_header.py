"""The Fixed Header (MQTT 5 section 2.1, 3.1.1 section 2.2): where a Control Packet starts and ends."""

import enum

from engine.errors import MalformedPacket, PacketTooLarge
from engine.framing.mqtt.fields import Buffer, read_variable_byte_integer, write_variable_byte_integer


class PacketType(enum.IntEnum):
    """The high half of the first byte (section 2.1.2)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


def _flags(packet_type: PacketType) -> set[int]:
    """The flags that a packet of this type may have (section 2.1.3)."""
    match packet_type:
        case PacketType.PUBLISH:  # DUP, QoS (two bits), RETAIN: no QoS 3 [MQTT-3.3.1-4], no DUP at QoS 0 [MQTT-3.3.1-2]
            return {flags for flags in range(16) if flags & 0b0110 != 0b0110 and flags & 0b1110 != 0b1000}
        case PacketType.PUBREL | PacketType.SUBSCRIBE | PacketType.UNSUBSCRIBE:
            return {0b0010}
        case _:
            return {0}


_FIRST_BYTES = frozenset(packet_type << 4 | flags for packet_type in PacketType for flags in _flags(packet_type))


def read_packet(data: Buffer, start: int, maximum: int) -> tuple[int, int, int] | None:
    """First byte, start and end of the body of the Control Packet at `start`; None while `data` does not hold it all.

    What two to five bytes tell is judged without waiting for more: MalformedPacket for a type or flags that no packet
    has and for a bad Remaining Length, PacketTooLarge for a Remaining Length over `maximum` (bytes). A packet that
    comes in pieces costs the same few steps for each piece. The flags of 3.1.1 and 5 are asked of 3.1 too.
    """
    size = len(data)
    if size - start < 2:
        return None
    first = data[start]
    if first not in _FIRST_BYTES:
        raise MalformedPacket(f"no Control Packet begins with 0x{first:02X}")
    length = data[start + 1]
    body = start + 2
    if length > 0x7F:
        # Two bytes, as in nearly every CONNECT, are read here; a call costs more than all the rest of this function.
        if body < size and 0 < (high := data[body]) < 0x80:
            length = length & 0x7F | high << 7
            body += 1
        else:
            remaining = read_variable_byte_integer(data, start + 1, size)
            if remaining is None:
                return None
            length, body = remaining
    if length > maximum:
        raise PacketTooLarge(f"Remaining Length {length} is over {maximum}")
    end = body + length
    return (first, body, end) if end <= size else None


def write_packet(first: int, body: bytes) -> bytes:
    """The Control Packet with this first byte (type and flags) and this body. ValueError for 256 MiB and more."""
    return bytes((first,)) + write_variable_byte_integer(len(body)) + body
