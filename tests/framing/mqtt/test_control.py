"""The Control Packets after CONNECT, and the answers to them."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FramingFault, MalformedPacket, ProtocolViolation
from engine.framing.mqtt import control
from engine.framing.mqtt.control import Disconnect, Publish, Subscribe, Subscription, Unsubscribe
from engine.framing.mqtt.fields import Buffer
from engine.framing.mqtt.fixed_header import PacketType, read_packet
from tests.framing.mqtt.three_ways import MAXIMUM, Reader, fault_three_ways, read_three_ways
from tests.helpers.mqtt_packets import (
    PINGREQ,
    disconnect_packet,
    packet,
    publish_packet,
    string,
    subscribe_packet,
    unsubscribe_packet,
    user_property,
)

VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])
BEFORE_5 = pytest.mark.parametrize("version", [3, 4])


def publish(version: int) -> Reader[Publish]:
    return lambda data, first, start, end: control.read_publish(data, first, start, end, version)


def subscribe(version: int) -> Reader[Subscribe]:
    return lambda data, _, start, end: control.read_subscribe(data, start, end, version)


def unsubscribe(version: int) -> Reader[Unsubscribe]:
    return lambda data, _, start, end: control.read_unsubscribe(data, start, end, version)


def disconnect(version: int) -> Reader[Disconnect]:
    return lambda data, _, start, end: control.read_disconnect(data, start, end, version)


def pingreq(_data: Buffer, _first: int, start: int, end: int) -> None:
    control.read_pingreq(start, end)


# CONNACK


def test_connack_is_two_bytes_before_mqtt_5_and_has_properties_in_it() -> None:
    assert control.write_connack(4, 0) == b"\x20\x02\x00\x00"
    assert control.write_connack(3, 5, server_keep_alive=60) == b"\x20\x02\x00\x05"
    assert control.write_connack(5, 0x86) == b"\x20\x03\x00\x86\x00"
    assert control.write_connack(5, 0, session_present=True, maximum_qos=1) == b"\x20\x05\x01\x00\x02\x24\x01"


# PUBLISH


@VERSIONS
@pytest.mark.parametrize(("qos", "packet_identifier"), [(0, None), (1, 1), (2, 65_535)])
@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize("payload", [b"", b"\x00\xff\x00"])
def test_publish_is_read_and_its_payload_left_where_it_is(
    version: int, qos: int, packet_identifier: int | None, retain: bool, payload: bytes
) -> None:
    """QoS 2 and RETAIN are the session's question."""
    whole = publish_packet(
        "a/b", payload, qos=qos, retain=retain, packet_identifier=packet_identifier or 1, version=version
    )
    expected = Publish("a/b", qos, retain, packet_identifier, len(payload))
    assert read_three_ways(whole, publish(version)) == expected


def test_a_publish_that_is_sent_again_is_read() -> None:
    whole = publish_packet("a", qos=1, dup=True, packet_identifier=7)
    assert read_three_ways(whole, publish(4)).packet_identifier == 7


@pytest.mark.parametrize(("qos", "dup"), [(3, False), (3, True), (0, True)])
def test_qos_3_and_dup_with_qos_0_are_malformed(qos: int, dup: bool) -> None:
    assert type(fault_three_ways(publish_packet("a", qos=qos, dup=dup), publish(4))) is MalformedPacket


@VERSIONS
@pytest.mark.parametrize("topic", ["#", "a/+/b", b"\xff", b"a\x00"])
def test_a_topic_that_is_no_topic_name_is_malformed(version: int, topic: str | bytes) -> None:
    assert type(fault_three_ways(publish_packet(topic, version=version), publish(version))) is MalformedPacket


@VERSIONS
def test_an_empty_topic_name_is_a_protocol_error(version: int) -> None:
    assert type(fault_three_ways(publish_packet("", version=version), publish(version))) is ProtocolViolation


@VERSIONS
@pytest.mark.parametrize("qos", [1, 2])
def test_packet_identifier_0_of_a_publish_is_a_protocol_error(version: int, qos: int) -> None:
    whole = publish_packet("a", qos=qos, packet_identifier=0, version=version)
    assert type(fault_three_ways(whole, publish(version))) is ProtocolViolation


@pytest.mark.parametrize(
    ("properties", "fault"),
    [
        (b"\x23\x00\x01", ProtocolViolation),
        (b"\x23\x00\x00", ProtocolViolation),
        (b"\x0b\x01", ProtocolViolation),
        (b"\x01\x01\x01\x01", ProtocolViolation),
        (b"\x08" + string("a/#"), MalformedPacket),
        (b"\x11\x00\x00\x00\x00", MalformedPacket),
        (b"\x26\x00", MalformedPacket),
    ],
)
@pytest.mark.parametrize("topic", ["a", ""])
def test_a_property_of_publish_against_the_rules_is_refused(
    properties: bytes, fault: type[FramingFault], topic: str
) -> None:
    """A Topic Alias too, with a topic or without: the server's Topic Alias Maximum is 0."""
    whole = publish_packet(topic, version=5, properties=properties)
    assert type(fault_three_ways(whole, publish(5))) is fault


def test_every_property_that_a_client_may_publish_is_read_over() -> None:
    properties = b"\x01\x01" + b"\x02\x00\x00\x00\x05" + b"\x03" + string("text") + b"\x08" + string("a/b")
    properties += b"\x09" + string(b"\x00\xff") + user_property("k", "v") * 2
    whole = publish_packet("a", b"payload", version=5, qos=1, properties=properties)
    assert read_three_ways(whole, publish(5)) == Publish("a", 1, False, 1, 7)


def test_puback_says_0_by_saying_nothing() -> None:
    assert control.write_puback(4, 258) == b"\x40\x02\x01\x02"
    assert control.write_puback(4, 258, 0x10) == b"\x40\x02\x01\x02"
    assert control.write_puback(5, 258) == b"\x40\x02\x01\x02"
    assert control.write_puback(5, 258, 0x10) == b"\x40\x03\x01\x02\x10"


# SUBSCRIBE


@VERSIONS
def test_subscribe_is_read(version: int) -> None:
    whole = subscribe_packet(("a/b", 0), ("#", 1), ("+/c", 2), packet_identifier=7, version=version)
    subscriptions = (Subscription("a/b", 0), Subscription("#", 1), Subscription("+/c", 2))
    assert read_three_ways(whole, subscribe(version)) == Subscribe(7, subscriptions, None)


def test_subscription_options_and_identifier_of_mqtt_5_are_read() -> None:
    properties = user_property("k", "v") + b"\x0b\x80\x01"
    whole = subscribe_packet(("a", 0b0010_1101), ("$share/group/a/#", 0b0001_1010), version=5, properties=properties)
    subscriptions = (Subscription("a", 1), Subscription("$share/group/a/#", 2))
    assert read_three_ways(whole, subscribe(5)) == Subscribe(1, subscriptions, 128)


@VERSIONS
def test_a_subscribe_or_unsubscribe_without_topic_filter_is_a_protocol_error(version: int) -> None:
    assert type(fault_three_ways(subscribe_packet(version=version), subscribe(version))) is ProtocolViolation
    assert type(fault_three_ways(unsubscribe_packet(version=version), unsubscribe(version))) is ProtocolViolation


@VERSIONS
def test_packet_identifier_0_of_a_subscribe_or_unsubscribe_is_a_protocol_error(version: int) -> None:
    whole = subscribe_packet(("a", 0), packet_identifier=0, version=version)
    assert type(fault_three_ways(whole, subscribe(version))) is ProtocolViolation
    whole = unsubscribe_packet("a", packet_identifier=0, version=version)
    assert type(fault_three_ways(whole, unsubscribe(version))) is ProtocolViolation


@BEFORE_5
@pytest.mark.parametrize("options", [3, 4, 0x80, 0xFF])
def test_a_requested_qos_that_is_none_is_malformed(version: int, options: int) -> None:
    assert (
        type(fault_three_ways(subscribe_packet(("a", options), version=version), subscribe(version))) is MalformedPacket
    )


@pytest.mark.parametrize(
    ("topic_filter", "options", "fault"),
    [
        ("a", 0b0000_0011, ProtocolViolation),
        ("a", 0b0011_0000, ProtocolViolation),
        ("a", 0b0100_0000, MalformedPacket),
        ("a", 0b1000_0000, MalformedPacket),
        ("$share/group/a", 0b0000_0100, ProtocolViolation),
    ],
)
def test_subscription_options_against_the_rules_are_refused(
    topic_filter: str, options: int, fault: type[FramingFault]
) -> None:
    whole = subscribe_packet((topic_filter, options), version=5)
    assert type(fault_three_ways(whole, subscribe(5))) is fault


@VERSIONS
@pytest.mark.parametrize("topic_filter", ["", "a#", "#/a", "a+", b"\xff", b"a\x00"])
def test_a_topic_filter_that_is_none_is_malformed(version: int, topic_filter: str | bytes) -> None:
    whole = subscribe_packet(("ok", 0), (topic_filter, 0), version=version)
    assert type(fault_three_ways(whole, subscribe(version))) is MalformedPacket
    whole = unsubscribe_packet("ok", topic_filter, version=version)
    assert type(fault_three_ways(whole, unsubscribe(version))) is MalformedPacket


@pytest.mark.parametrize("topic_filter", ["$share/", "$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/g#/a"])
def test_a_shared_subscription_without_share_name_or_filter_is_malformed(topic_filter: str) -> None:
    assert type(fault_three_ways(subscribe_packet((topic_filter, 0), version=5), subscribe(5))) is MalformedPacket
    assert type(fault_three_ways(unsubscribe_packet(topic_filter, version=5), unsubscribe(5))) is MalformedPacket


def test_before_mqtt_5_a_shared_subscription_is_a_topic_filter_like_any() -> None:
    whole = subscribe_packet(("$share//a", 0), version=4)
    assert read_three_ways(whole, subscribe(4)).subscriptions == (Subscription("$share//a", 0),)


@pytest.mark.parametrize(
    ("properties", "fault"),
    [
        (b"\x0b\x00", ProtocolViolation),
        (b"\x0b\x01\x0b\x01", ProtocolViolation),
        (b"\x0b\xff\xff\xff\xff", MalformedPacket),
        (b"\x1f" + string("x"), MalformedPacket),
    ],
)
def test_a_property_of_subscribe_against_the_rules_is_refused(properties: bytes, fault: type[FramingFault]) -> None:
    whole = subscribe_packet(("a", 0), version=5, properties=properties)
    assert type(fault_three_ways(whole, subscribe(5))) is fault


def test_suback_has_a_code_for_each_topic_filter() -> None:
    assert control.write_suback(4, 258, [0, 1, 0x80]) == b"\x90\x05\x01\x02\x00\x01\x80"
    assert control.write_suback(5, 258, b"\x87") == b"\x90\x04\x01\x02\x00\x87"


# UNSUBSCRIBE


@VERSIONS
def test_unsubscribe_is_read(version: int) -> None:
    properties = user_property("k", "v") if version == 5 else b""
    whole = unsubscribe_packet("a/b", "#", packet_identifier=9, version=version, properties=properties)
    assert read_three_ways(whole, unsubscribe(version)) == Unsubscribe(9, ("a/b", "#"))


def test_a_subscription_identifier_in_unsubscribe_is_malformed() -> None:
    whole = unsubscribe_packet("a", version=5, properties=b"\x0b\x01")
    assert type(fault_three_ways(whole, unsubscribe(5))) is MalformedPacket


def test_unsuback_has_codes_in_mqtt_5_only() -> None:
    assert control.write_unsuback(4, 258, [0, 0x11]) == b"\xb0\x02\x01\x02"
    assert control.write_unsuback(5, 258, [0, 0x11]) == b"\xb0\x05\x01\x02\x00\x00\x11"


# PINGREQ


def test_pingreq_has_no_body_and_pingresp_neither() -> None:
    read_three_ways(PINGREQ, pingreq)
    assert type(fault_three_ways(packet(0xC0, b"\x00"), pingreq)) is MalformedPacket
    assert control.PINGRESP == b"\xd0\x00"


# DISCONNECT


@VERSIONS
def test_a_disconnect_of_nothing_is_a_normal_one(version: int) -> None:
    assert read_three_ways(disconnect_packet(), disconnect(version)) == Disconnect(0, None)


@BEFORE_5
def test_a_disconnect_with_a_body_is_malformed_before_mqtt_5(version: int) -> None:
    assert type(fault_three_ways(disconnect_packet(0), disconnect(version))) is MalformedPacket


def test_reason_code_and_session_expiry_interval_of_a_disconnect_are_read() -> None:
    assert read_three_ways(disconnect_packet(0x04), disconnect(5)) == Disconnect(0x04, None)
    assert read_three_ways(disconnect_packet(0x00, b""), disconnect(5)) == Disconnect(0x00, None)
    properties = b"\x11\x00\x00\x00\x05" + b"\x1f" + string("bye") + user_property("k", "v")
    assert read_three_ways(disconnect_packet(0x98, properties), disconnect(5)) == Disconnect(0x98, 5)


@pytest.mark.parametrize("reason_code", [0x01, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x9A, 0x9B, 0xA2, 0xFF])
def test_a_reason_code_that_no_client_sends_is_a_protocol_error(reason_code: int) -> None:
    assert type(fault_three_ways(disconnect_packet(reason_code), disconnect(5))) is ProtocolViolation


@pytest.mark.parametrize(
    "body", [b"\x00\x01", b"\x00\x00\x00", b"\x00\x03\x1c" + string(""), b"\x00\xff\xff\xff\xff\x01"]
)
def test_bad_properties_of_a_disconnect_are_malformed(body: bytes) -> None:
    assert type(fault_three_ways(packet(0xE0, body), disconnect(5))) is MalformedPacket


def test_the_server_disconnects_with_a_reason() -> None:
    assert control.write_disconnect(0x8E) == b"\xe0\x02\x8e\x00"
    assert control.write_disconnect(0x81, reason_string="x") == b"\xe0\x06\x81\x04\x1f\x00\x01x"


# All of them


@pytest.mark.parametrize(
    ("whole", "read", "before_filters"),
    [
        (publish_packet("topic", qos=1), publish(4), None),
        (publish_packet("topic", qos=1, version=5, properties=user_property("k", "v")), publish(5), None),
        (subscribe_packet(("filter", 1)), subscribe(4), 2),
        (subscribe_packet(("filter", 1), version=5, properties=b"\x0b\x01"), subscribe(5), 5),
        (unsubscribe_packet("filter"), unsubscribe(4), 2),
        (unsubscribe_packet("filter", version=5, properties=user_property("k", "v")), unsubscribe(5), 10),
    ],
)
def test_a_packet_cut_anywhere_is_malformed(whole: bytes, read: Reader[object], before_filters: int | None) -> None:
    """Its Remaining Length says that it is whole: a short field is malformed, never incomplete. Only where no Topic
    Filter has begun is it well formed, and lacks one."""
    body = whole[2:]
    for cut in range(len(body)):
        fault = fault_three_ways(packet(whole[0], body[:cut]), read)
        assert type(fault) is (ProtocolViolation if cut == before_filters else MalformedPacket)


READERS: dict[int, Callable[[int], Reader[object]]] = {
    PacketType.PUBLISH: publish,
    PacketType.SUBSCRIBE: subscribe,
    PacketType.UNSUBSCRIBE: unsubscribe,
    PacketType.DISCONNECT: disconnect,
}


@settings(max_examples=500, deadline=None)
@given(
    first=st.sampled_from([0x30, 0x33, 0x35, 0x82, 0xA2, 0xE0]), body=st.binary(max_size=60), version=st.integers(3, 5)
)
def test_arbitrary_bodies_are_read_or_are_a_framing_fault(first: int, body: bytes, version: int) -> None:
    whole = packet(first, body)
    found = read_packet(whole, 0, MAXIMUM)
    assert found is not None
    try:
        READERS[first >> 4](version)(whole, *found)
    except FramingFault:
        return
