"""Properties (MQTT 5 section 2.2.2): which packet may carry which, one reader in one pass, one writer.

The reader keeps numbers only. A session in mode `hold` obeys numbers; texts and binary data are checked where they lie
and nothing of them is kept, so that a peer cannot make the server hold what it sends there.
"""

import enum
from collections.abc import Callable

from engine.errors import MalformedPacket, ProtocolViolation
from engine.framing.mqtt.fields import (
    Buffer,
    check_topic_name,
    read_string,
    read_two_byte_integer,
    read_variable_byte_integer,
    write_string,
    write_variable_byte_integer,
)


class Property(enum.IntEnum):
    """Property Identifiers (section 2.2.2.2). All are below 128, so that the Variable Byte Integer is one byte."""

    PAYLOAD_FORMAT_INDICATOR = 0x01
    MESSAGE_EXPIRY_INTERVAL = 0x02
    CONTENT_TYPE = 0x03
    RESPONSE_TOPIC = 0x08
    CORRELATION_DATA = 0x09
    SUBSCRIPTION_IDENTIFIER = 0x0B
    SESSION_EXPIRY_INTERVAL = 0x11
    ASSIGNED_CLIENT_IDENTIFIER = 0x12
    SERVER_KEEP_ALIVE = 0x13
    AUTHENTICATION_METHOD = 0x15
    AUTHENTICATION_DATA = 0x16
    REQUEST_PROBLEM_INFORMATION = 0x17
    WILL_DELAY_INTERVAL = 0x18
    REQUEST_RESPONSE_INFORMATION = 0x19
    RESPONSE_INFORMATION = 0x1A
    SERVER_REFERENCE = 0x1C
    REASON_STRING = 0x1F
    RECEIVE_MAXIMUM = 0x21
    TOPIC_ALIAS_MAXIMUM = 0x22
    TOPIC_ALIAS = 0x23
    MAXIMUM_QOS = 0x24
    RETAIN_AVAILABLE = 0x25
    USER_PROPERTY = 0x26
    MAXIMUM_PACKET_SIZE = 0x27
    WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28
    SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29
    SHARED_SUBSCRIPTION_AVAILABLE = 0x2A


def _read_byte(data: Buffer, at: int, end: int) -> tuple[int, int]:
    if at >= end:
        raise MalformedPacket("Byte property cut short")
    return data[at], at + 1


def _read_four_byte_integer(data: Buffer, at: int, end: int) -> tuple[int, int]:
    after = at + 4
    if after > end:
        raise MalformedPacket("Four Byte Integer property cut short")
    return int.from_bytes(data[at:after], "big"), after


def _read_variable(data: Buffer, at: int, end: int) -> tuple[int, int]:
    read = read_variable_byte_integer(data, at, end)
    if read is None:
        raise MalformedPacket("Variable Byte Integer cut short")
    return read


def _read_text(data: Buffer, at: int, end: int) -> tuple[int, int]:
    _, after = read_string(data, at, end)
    return after - at - 2, after


def _read_topic_name(data: Buffer, at: int, end: int) -> tuple[int, int]:
    name, after = read_string(data, at, end)
    check_topic_name(name)  # "The Response Topic MUST NOT contain wildcard characters" [MQTT-3.3.2-14]
    return after - at - 2, after


def _read_binary(data: Buffer, at: int, end: int) -> tuple[int, int]:
    length, at = read_two_byte_integer(data, at, end)
    if at + length > end:
        raise MalformedPacket("Binary Data cut short")
    return length, at + length


def _read_string_pair(data: Buffer, at: int, end: int) -> tuple[int, int]:
    _, value = read_string(data, at, end)
    _, after = read_string(data, value, end)
    return after - at - 4, after


_Reader = Callable[[Buffer, int, int], tuple[int, int]]
_ANY = 0xFFFF_FFFF

_RULES: dict[int, tuple[_Reader, int, int]] = {
    # What a client may send: how it is read, the lowest and the highest value.
    Property.PAYLOAD_FORMAT_INDICATOR: (_read_byte, 0, 1),
    Property.MESSAGE_EXPIRY_INTERVAL: (_read_four_byte_integer, 0, _ANY),
    Property.CONTENT_TYPE: (_read_text, 0, _ANY),
    Property.RESPONSE_TOPIC: (_read_topic_name, 0, _ANY),
    Property.CORRELATION_DATA: (_read_binary, 0, _ANY),
    Property.SUBSCRIPTION_IDENTIFIER: (_read_variable, 1, _ANY),
    Property.SESSION_EXPIRY_INTERVAL: (_read_four_byte_integer, 0, _ANY),
    Property.AUTHENTICATION_METHOD: (_read_text, 0, _ANY),
    Property.AUTHENTICATION_DATA: (_read_binary, 0, _ANY),
    Property.REQUEST_PROBLEM_INFORMATION: (_read_byte, 0, 1),
    Property.WILL_DELAY_INTERVAL: (_read_four_byte_integer, 0, _ANY),
    Property.REQUEST_RESPONSE_INFORMATION: (_read_byte, 0, 1),
    Property.REASON_STRING: (_read_text, 0, _ANY),
    Property.RECEIVE_MAXIMUM: (read_two_byte_integer, 1, _ANY),
    Property.TOPIC_ALIAS_MAXIMUM: (read_two_byte_integer, 0, _ANY),
    Property.TOPIC_ALIAS: (read_two_byte_integer, 1, _ANY),
    Property.USER_PROPERTY: (_read_string_pair, 0, _ANY),
    Property.MAXIMUM_PACKET_SIZE: (_read_four_byte_integer, 1, _ANY),
}

# What a packet from a client may carry (the last column of table 2-4, less what only a server sends).
_MESSAGE_PROPERTIES = frozenset(
    {
        Property.PAYLOAD_FORMAT_INDICATOR,
        Property.MESSAGE_EXPIRY_INTERVAL,
        Property.CONTENT_TYPE,
        Property.RESPONSE_TOPIC,
        Property.CORRELATION_DATA,
        Property.USER_PROPERTY,
    }
)
CONNECT_PROPERTIES = frozenset(
    {
        Property.SESSION_EXPIRY_INTERVAL,
        Property.RECEIVE_MAXIMUM,
        Property.MAXIMUM_PACKET_SIZE,
        Property.TOPIC_ALIAS_MAXIMUM,
        Property.REQUEST_RESPONSE_INFORMATION,
        Property.REQUEST_PROBLEM_INFORMATION,
        Property.USER_PROPERTY,
        Property.AUTHENTICATION_METHOD,
        Property.AUTHENTICATION_DATA,
    }
)
WILL_PROPERTIES = _MESSAGE_PROPERTIES | {Property.WILL_DELAY_INTERVAL}
PUBLISH_PROPERTIES = _MESSAGE_PROPERTIES | {Property.TOPIC_ALIAS, Property.SUBSCRIPTION_IDENTIFIER}
SUBSCRIBE_PROPERTIES = frozenset({Property.SUBSCRIPTION_IDENTIFIER, Property.USER_PROPERTY})
UNSUBSCRIBE_PROPERTIES = frozenset({Property.USER_PROPERTY})
DISCONNECT_PROPERTIES = frozenset({Property.SESSION_EXPIRY_INTERVAL, Property.REASON_STRING, Property.USER_PROPERTY})

_SIZES = {
    # The integers that the server sends, and their sizes in bytes.
    Property.SESSION_EXPIRY_INTERVAL: 4,
    Property.SERVER_KEEP_ALIVE: 2,
    Property.MAXIMUM_QOS: 1,
    Property.RETAIN_AVAILABLE: 1,
    Property.MAXIMUM_PACKET_SIZE: 4,
    Property.WILDCARD_SUBSCRIPTION_AVAILABLE: 1,
    Property.SUBSCRIPTION_IDENTIFIER_AVAILABLE: 1,
    Property.SHARED_SUBSCRIPTION_AVAILABLE: 1,
}


def read_properties(data: Buffer, at: int, end: int, allowed: frozenset[Property]) -> tuple[dict[int, int], int]:
    """The properties whose Property Length stands at `at`, and the position after them; all must lie before `end`.

    Answers Property Identifier to value; of a text, binary data or a pair, its length in bytes. MalformedPacket for an
    identifier that is not `allowed` or a value that is not of its type; ProtocolViolation for a second of its kind
    (User Property may repeat) and for a number that the property may not have.
    """
    length, at = _read_variable(data, at, end)
    stop = at + length
    if stop > end:
        raise MalformedPacket("Properties cut short")
    values: dict[int, int] = {}
    while at < stop:
        identifier = data[at]
        if identifier not in allowed:
            raise MalformedPacket(f"Property 0x{identifier:02X} is not one of this packet")
        read, lowest, highest = _RULES[identifier]
        value, at = read(data, at + 1, stop)
        if not lowest <= value <= highest:
            raise ProtocolViolation(f"Property 0x{identifier:02X} may not be {value}")
        if identifier in values and identifier != Property.USER_PROPERTY:
            raise ProtocolViolation(f"Property 0x{identifier:02X} more than once")
        values[identifier] = value
    return values, at


def write_properties(**properties: int | str | None) -> bytes:
    """The Property Length and the properties of a packet that the server sends; None leaves one out.

    Named as the standard names them, in snake case: `server_keep_alive=120`, `reason_string="..."`.
    """
    body = bytearray()
    for name, value in properties.items():
        if value is None:
            continue
        identifier = Property[name.upper()]
        body.append(identifier)
        body += write_string(value) if isinstance(value, str) else value.to_bytes(_SIZES[identifier], "big")
    return write_variable_byte_integer(len(body)) + body
