"""The data types that every Control Packet is made of (MQTT 5 section 1.5; 3.1.1 section 1.5 where it has them).

A reader takes the position of its field and the end of what encloses it, and answers the value and the position after
it. A field that crosses that end is a Malformed Packet, never "incomplete": what encloses it is whole.
"""

import struct

from engine.errors import MalformedPacket

Buffer = bytes | bytearray
"""What the readers take, and never copy but for the fields they hand out. A bytearray costs about 7 % more than bytes,
less than turning it into bytes first; memoryview is left out because it has no decode() and gains nothing."""

VARIABLE_BYTE_INTEGER_MAXIMUM = 268_435_455

_TWO_BYTES = struct.Struct(">H")


def read_variable_byte_integer(data: Buffer, at: int, end: int) -> tuple[int, int] | None:
    """Section 1.5.5. None when `end` comes before its last byte; only in a Fixed Header does that mean "not yet".

    MalformedPacket as soon as a fourth byte announces a fifth, and for more bytes than the value needs: "The encoded
    value MUST use the minimum number of bytes necessary" [MQTT-1.5.5-1]. 3.1.1 is silent there; one rule serves both.
    """
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                raise MalformedPacket("Variable Byte Integer in more bytes than it needs")
            return value, at
        shift += 7
        if shift == 28:
            raise MalformedPacket("Variable Byte Integer of more than four bytes")
    return None


def write_variable_byte_integer(value: int) -> bytes:
    """Section 1.5.5, in the fewest bytes. ValueError for a value that four bytes cannot hold."""
    if not 0 <= value <= VARIABLE_BYTE_INTEGER_MAXIMUM:
        raise ValueError(f"{value} does not fit a Variable Byte Integer")
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def read_two_byte_integer(data: Buffer, at: int, end: int) -> tuple[int, int]:
    """Section 1.5.2."""
    if at + 2 > end:
        raise MalformedPacket("Two Byte Integer cut short")
    return data[at] << 8 | data[at + 1], at + 2


def write_two_byte_integer(value: int) -> bytes:
    """Section 1.5.2. struct.error for a value that two bytes cannot hold."""
    return _TWO_BYTES.pack(value)


def read_string(data: Buffer, at: int, end: int) -> tuple[str, int]:
    """UTF-8 Encoded String, section 1.5.4.

    Well-formed UTF-8 without surrogates [MQTT-1.5.4-1] and without U+0000 [MQTT-1.5.4-2]; a byte order mark is data
    [MQTT-1.5.4-3].
    """
    start = at + 2
    if start > end:
        raise MalformedPacket("length of a UTF-8 Encoded String cut short")
    after = start + (data[at] << 8 | data[at + 1])
    if after > end:
        raise MalformedPacket("UTF-8 Encoded String cut short")
    try:
        text = data[start:after].decode()
    except UnicodeDecodeError:
        raise MalformedPacket("UTF-8 Encoded String is not UTF-8") from None
    if "\0" in text:
        raise MalformedPacket("UTF-8 Encoded String holds U+0000")
    return text, after


def write_string(text: str) -> bytes:
    """Section 1.5.4. struct.error for a text of more than 65,535 bytes."""
    return write_binary(text.encode())


def read_binary(data: Buffer, at: int, end: int) -> tuple[bytes, int]:
    """Binary Data, section 1.5.6."""
    start = at + 2
    if start > end:
        raise MalformedPacket("length of Binary Data cut short")
    after = start + (data[at] << 8 | data[at + 1])
    if after > end:
        raise MalformedPacket("Binary Data cut short")
    return bytes(data[start:after]), after


def write_binary(value: bytes) -> bytes:
    """Section 1.5.6. struct.error for more than 65,535 bytes."""
    return _TWO_BYTES.pack(len(value)) + value


def check_topic_name(name: str) -> None:
    """Section 4.7: "The wildcard characters ... MUST NOT be used within a Topic Name" [MQTT-4.7.0-1]."""
    if "#" in name or "+" in name:
        raise MalformedPacket("Topic Name holds a wildcard character")


def check_topic_filter(topic_filter: str) -> None:
    """Section 4.7.1: "#" is the last level and alone in it, "+" is alone in its level; at least one character."""
    if not topic_filter:
        raise MalformedPacket("Topic Filter is empty")  # [MQTT-4.7.3-1]
    if "#" not in topic_filter and "+" not in topic_filter:
        return
    *parents, last = topic_filter.split("/")
    if "#" in last and last != "#":
        raise MalformedPacket("Topic Filter has # beside other characters")  # [MQTT-4.7.1-1]
    for level in (*parents, last):
        if "+" in level and level != "+":
            raise MalformedPacket("Topic Filter has + beside other characters")  # [MQTT-4.7.1-2]
    if any("#" in level for level in parents):
        raise MalformedPacket("Topic Filter has # before its last level")  # [MQTT-4.7.1-1]
