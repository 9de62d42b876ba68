"""Properties of MQTT 5: which packet may carry which, what they may be, what they cost."""

import sys
from types import FrameType
from typing import Any

import pytest

from engine.errors import MalformedPacket, ProtocolViolation
from engine.framing.mqtt import properties
from engine.framing.mqtt.connect import read_connect
from engine.framing.mqtt.fixed_header import read_packet
from engine.framing.mqtt.properties import Property, read_properties, write_properties
from tests.helpers.mqtt_packets import connect_packet, string, user_property, variable, with_length

# One well-formed value of each property that a client may send: its bytes, and what is read of it.
VALUES: dict[int, tuple[bytes, int]] = {
    Property.PAYLOAD_FORMAT_INDICATOR: (b"\x01", 1),
    Property.MESSAGE_EXPIRY_INTERVAL: (b"\x00\x01\x00\x00", 65_536),
    Property.CONTENT_TYPE: (string("text/plain"), 10),
    Property.RESPONSE_TOPIC: (string("a/b"), 3),
    Property.CORRELATION_DATA: (string(b"\x00\xff"), 2),
    Property.SUBSCRIPTION_IDENTIFIER: (variable(268_435_455), 268_435_455),
    Property.SESSION_EXPIRY_INTERVAL: (b"\xff\xff\xff\xff", 0xFFFF_FFFF),
    Property.AUTHENTICATION_METHOD: (string("SCRAM"), 5),
    Property.AUTHENTICATION_DATA: (string(b""), 0),
    Property.REQUEST_PROBLEM_INFORMATION: (b"\x00", 0),
    Property.WILL_DELAY_INTERVAL: (b"\x00\x00\x00\x05", 5),
    Property.REQUEST_RESPONSE_INFORMATION: (b"\x01", 1),
    Property.REASON_STRING: (string("bye"), 3),
    Property.RECEIVE_MAXIMUM: (b"\xff\xff", 65_535),
    Property.TOPIC_ALIAS_MAXIMUM: (b"\x00\x00", 0),
    Property.TOPIC_ALIAS: (b"\x00\x01", 1),
    Property.USER_PROPERTY: (string("name") + string("value"), 9),
    Property.MAXIMUM_PACKET_SIZE: (b"\x00\x00\x00\x01", 1),
}
ALLOWED = {
    "CONNECT": (properties.CONNECT_PROPERTIES, {0x11, 0x21, 0x27, 0x22, 0x19, 0x17, 0x26, 0x15, 0x16}),
    "Will": (properties.WILL_PROPERTIES, {0x18, 0x01, 0x02, 0x03, 0x08, 0x09, 0x26}),
    "PUBLISH": (properties.PUBLISH_PROPERTIES, {0x01, 0x02, 0x23, 0x08, 0x09, 0x26, 0x0B, 0x03}),
    "SUBSCRIBE": (properties.SUBSCRIBE_PROPERTIES, {0x0B, 0x26}),
    "UNSUBSCRIBE": (properties.UNSUBSCRIBE_PROPERTIES, {0x26}),
    "DISCONNECT": (properties.DISCONNECT_PROPERTIES, {0x11, 0x1F, 0x26}),
}
EVERY = frozenset(Property(identifier) for identifier in VALUES)


def read(encoded: bytes, allowed: frozenset[Property] = EVERY) -> dict[int, int]:
    data = with_length(encoded)
    values, after = read_properties(data + b"\xff", 0, len(data), allowed)
    assert after == len(data)
    return values


@pytest.mark.parametrize("packet", ALLOWED)
def test_each_packet_may_carry_its_own_properties_and_no_others(packet: str) -> None:
    allowed, identifiers = ALLOWED[packet]
    for identifier in range(256):
        value, number = VALUES.get(identifier, (b"\x00", 0))
        encoded = bytes([identifier]) + value
        if identifier in identifiers:
            assert read(encoded, allowed) == {identifier: number}
        else:
            with pytest.raises(MalformedPacket):
                read(encoded, allowed)


def test_no_properties_are_one_zero_byte() -> None:
    assert read(b"") == {}


@pytest.mark.parametrize("identifier", sorted(EVERY - {Property.USER_PROPERTY}))
def test_a_property_more_than_once_is_a_protocol_error(identifier: Property) -> None:
    one = bytes([identifier]) + VALUES[identifier][0]
    with pytest.raises(ProtocolViolation):
        read(one + user_property("a", "b") + one)


def test_user_properties_may_repeat_and_only_the_last_ones_length_is_kept() -> None:
    assert read(user_property("a", "b") * 3 + user_property("a", "") + user_property("", "abc")) == {0x26: 3}


@pytest.mark.parametrize(
    "encoded",
    [
        b"\x01\x02",
        b"\x17\x02",
        b"\x19\xff",
        b"\x21\x00\x00",
        b"\x23\x00\x00",
        b"\x27\x00\x00\x00\x00",
        b"\x0b\x00",
    ],
)
def test_a_number_that_a_property_may_not_have_is_a_protocol_error(encoded: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        read(encoded)


@pytest.mark.parametrize("identifier", sorted(EVERY))
def test_a_value_that_crosses_the_property_length_is_malformed(identifier: Property) -> None:
    encoded = bytes([identifier]) + VALUES[identifier][0]
    for cut in range(1, len(encoded)):
        with pytest.raises(MalformedPacket):
            read(encoded[:cut])


def test_a_property_length_that_crosses_the_packet_is_malformed() -> None:
    data = with_length(user_property("a", "b"))
    for end in range(len(data)):
        with pytest.raises(MalformedPacket):
            read_properties(data, 0, end, EVERY)


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff\x01", b"\x80\x80\x80\x80", b"\x80\x00", b"\x80"])
def test_cve_2026_21888_a_property_length_of_five_bytes_is_malformed(length: bytes) -> None:
    with pytest.raises(MalformedPacket):
        read_properties(length, 0, len(length), EVERY)
    with pytest.raises(MalformedPacket):
        read(b"\x0b" + length)


@pytest.mark.parametrize("text", [b"\xff", b"a\x00", b"\xed\xa0\x80"])
@pytest.mark.parametrize("before", [b"\x03", b"\x08", b"\x15", b"\x1f", b"\x26", b"\x26\x00\x00"])
def test_texts_are_checked_though_nobody_keeps_them(before: bytes, text: bytes) -> None:
    with pytest.raises(MalformedPacket):
        read(before + string(text) + string(""))


def test_a_response_topic_with_a_wildcard_is_malformed() -> None:
    with pytest.raises(MalformedPacket):
        read(b"\x08" + string("a/#"))


def test_what_the_server_sends_is_named_as_in_the_standard() -> None:
    written = write_properties(
        session_expiry_interval=0,
        receive_maximum=None,
        maximum_qos=True,
        retain_available=False,
        maximum_packet_size=1_048_576,
        reason_string="hä",
        server_keep_alive=1200,
    )
    expected = (
        b"\x11\x00\x00\x00\x00",
        b"\x24\x01",
        b"\x25\x00",
        b"\x27\x00\x10\x00\x00",
        b"\x1f" + string("hä"),
        b"\x13\x04\xb0",
    )
    assert written == with_length(b"".join(expected))
    assert write_properties() == b"\x00"


class Counted(bytes):
    """Counts the bytes that are looked at one by one or cut out."""

    visited = 0

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        self.visited += len(found) if isinstance(found, bytes) else 1
        return found


def cost(packet: bytes) -> tuple[int, int]:
    """Bytes visited and calls made, of Python and of C functions, while CONNECT is read."""
    data = Counted(packet)
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        found = read_packet(data, 0, 1 << 20)
        assert found is not None
        read_connect(data, *found[1:])
    finally:
        sys.setprofile(None)
    return data.visited, calls


def test_cve_2021_41039_the_cost_of_user_properties_is_linear() -> None:
    """5,000 properties cost less than 20 times a 65 kB Client Identifier, and each costs what the one before it did."""
    fewer, some, more = (
        cost(connect_packet(version=5, properties=user_property("abc", "def") * n)) for n in (3000, 4000, 5000)
    )
    client_id, _ = cost(connect_packet("x" * 65_535, version=5))
    assert client_id >= 65_535
    assert more[0] < 20 * client_id
    for at_fewer, at_some, at_more in zip(fewer, some, more, strict=True):
        assert abs((at_more - at_some) - (at_some - at_fewer)) <= 8  # the first run warms up
