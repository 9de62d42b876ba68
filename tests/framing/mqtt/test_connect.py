"""CONNECT of MQTT 3.1, 3.1.1 and 5: every field, every rule."""

import gc
import tracemalloc

import pytest

from engine.errors import (
    FramingFault,
    MalformedPacket,
    ProtocolViolation,
    UnknownAuthenticationMethod,
    UnsupportedProtocolVersion,
)
from engine.framing.mqtt.connect import Connect, Will, read_connect
from engine.framing.mqtt.fixed_header import read_packet
from engine.framing.mqtt.properties import WILL_PROPERTIES
from tests.framing.mqtt.three_ways import MAXIMUM, connect_fault, read_connect_three_ways
from tests.helpers.mqtt_packets import (
    WillMessage,
    connect_packet,
    packet,
    string,
    two_bytes,
    user_property,
    with_length,
)

VERSIONS = pytest.mark.parametrize("version", [3, 4, 5])

USER_NAME, PASSWORD, RETAIN, WILL, CLEAN, RESERVED = 0x80, 0x40, 0x20, 0x04, 0x02, 0x01


# Every field


@VERSIONS
def test_a_connect_with_a_secret_is_read(version: int) -> None:
    connect = read_connect_three_ways(
        connect_packet("d_0_0_2026112222", "d", b"5ec7e7", version=version, keep_alive=120, clean_start=True)
    )
    assert connect == Connect(version, True, 120, "d_0_0_2026112222", "d", b"5ec7e7", None)


@VERSIONS
def test_a_connect_of_nothing_but_an_empty_client_id_is_read(version: int) -> None:
    """Whether it may be empty is the claim's question, not the parser's."""
    connect = read_connect_three_ways(connect_packet("", version=version, clean_start=False, keep_alive=0))
    assert connect == Connect(version, False, 0, "", None, None, None)


@VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("retain", [False, True])
def test_a_will_is_read(version: int, qos: int, retain: bool) -> None:
    will = WillMessage("a/b", b"\x00\xff", qos, retain)
    connect = read_connect_three_ways(connect_packet("d", "u", b"p", version=version, will=will))
    assert connect.will == Will("a/b", b"\x00\xff", qos, retain)
    assert (connect.client_id, connect.user_name, connect.password) == ("d", "u", b"p")


@VERSIONS
def test_a_connect_without_password_as_of_a_device_with_a_certificate_is_read(version: int) -> None:
    connect = read_connect_three_ways(connect_packet("d", "u", version=version))
    assert (connect.user_name, connect.password) == ("u", None)


@VERSIONS
def test_empty_fields_are_not_absent_ones(version: int) -> None:
    connect = read_connect_three_ways(connect_packet("d", "", b"", version=version))
    assert (connect.user_name, connect.password) == ("", b"")


@VERSIONS
@pytest.mark.parametrize(
    "password", [b"a\x00b", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", bytes(range(256)), b"x" * 65_535]
)
def test_a_password_is_binary_and_its_length_is_its_own(version: int, password: bytes) -> None:
    """mosquitto 2.1.3: the password's length did not reach plug-ins, so that a NUL ended it."""
    connect = read_connect(*_whole(connect_packet("d", "u", password, version=version)))
    assert connect.password == password
    assert type(connect.password) is bytes
    from_bytearray = read_connect(*_whole(bytearray(connect_packet("d", "u", password, version=version))))
    assert type(from_bytearray.password) is bytes


@VERSIONS
@pytest.mark.parametrize(
    "client_id", ["#", "+", "/", "$SYS", "a\r\nb", "é", "\ufeff", "\U0001f511", ".*", "x" * 65_535]
)
def test_client_ids_are_data(client_id: str, version: int) -> None:
    assert read_connect(*_whole(connect_packet(client_id, version=version))).client_id == client_id


def test_properties_that_a_server_obeys_are_read() -> None:
    properties = b"".join(
        (
            b"\x11" + (3600).to_bytes(4, "big"),
            b"\x21" + two_bytes(20),
            b"\x27" + (2048).to_bytes(4, "big"),
            b"\x22" + two_bytes(7),
            b"\x19\x01",
            b"\x17\x00",
            user_property("a", "b"),
            user_property("a", "b"),
        )
    )
    connect = read_connect_three_ways(connect_packet("d", version=5, properties=properties))
    assert connect == Connect(5, True, 60, "d", None, None, None, 3600, 20, 2048, 7, True, False)


def test_absent_properties_have_the_standards_values() -> None:
    connect = read_connect_three_ways(connect_packet("d", version=5))
    assert connect.session_expiry_interval == 0
    assert connect.receive_maximum == 65_535
    assert connect.maximum_packet_size is None
    assert connect.topic_alias_maximum == 0
    assert connect.request_response_information is False
    assert connect.request_problem_information is True


def test_a_will_with_all_its_properties_is_read() -> None:
    properties = b"".join(
        (
            b"\x18\x00\x00\x00\x01",
            b"\x01\x01",
            b"\x02\x00\x00\x00\x02",
            b"\x03" + string("text/plain"),
            b"\x08" + string("answer/here"),
            b"\x09" + string(b"\x00\x01"),
            user_property("k", "v"),
        )
    )
    connect = read_connect_three_ways(connect_packet("d", version=5, will=WillMessage("t", b"p", 1, False, properties)))
    assert connect.will == Will("t", b"p", 1, False)


def test_the_password_is_in_no_repr() -> None:
    connect = read_connect(*_whole(connect_packet("d", "u", b"5ec7e7")))
    assert "5ec7e7" not in repr(connect)
    assert "5ec7e7" not in f"{connect} {[connect]}"
    assert "'d'" in repr(connect)


# Protocol Name and Protocol Version


@pytest.mark.parametrize(
    ("name", "level", "worded"),
    [
        *[("MQTT", level, 4) for level in (0, 1, 2, 3, 0x83, 0x84)],
        *[("MQTT", level, 5) for level in (6, 7, 127, 0x85, 255)],
        *[("MQIsdp", level, 3) for level in (0, 2, 4, 5, 0x83)],
    ],
)
def test_an_unknown_level_is_an_unsupported_version_worded_as_its_name_tells(
    name: str, level: int, worded: int
) -> None:
    """The bridge bit 0x80 of mosquitto's bridges is refused in the words that make them try again without it."""
    fault = connect_fault(connect_packet(version=level, protocol_name=name))
    assert type(fault) is UnsupportedProtocolVersion
    assert fault.protocol_version == worded


@pytest.mark.parametrize("name", ["", "mqtt", "MQTt", "MQTTX", "MQIsdP", "HTTP", "\ufeffMQTT"])
@pytest.mark.parametrize("level", [3, 4, 5])
def test_an_unknown_name_is_an_unsupported_version_that_nothing_can_be_said_in(name: str, level: int) -> None:
    fault = connect_fault(connect_packet(version=level, protocol_name=name))
    assert type(fault) is UnsupportedProtocolVersion
    assert fault.protocol_version is None


@pytest.mark.parametrize("name", [b"\xff\xff\xff\xff", b"MQ\x00T"])
def test_a_name_that_is_no_string_is_malformed(name: bytes) -> None:
    fault = connect_fault(connect_packet(protocol_name=name))
    assert type(fault) is MalformedPacket
    assert fault.protocol_version is None


# Cut short, and too long


@VERSIONS
def test_a_connect_cut_anywhere_is_malformed(version: int) -> None:
    """The packet is whole, its Remaining Length says so: a short field is malformed, never incomplete."""
    will = WillMessage("topic", b"payload", 1, True, user_property("k", "v"))
    properties = user_property("k", "v") + b"\x21\x00\x01"
    whole = connect_packet("client", "user", b"password", version=version, will=will, properties=properties)
    _, start, end = read_packet(whole, 0, MAXIMUM) or (0, 0, 0)
    may_end = {end - len(string("user")) - len(string("password")), end - len(string("password"))}
    name_and_level = start + (9 if version == 3 else 7)
    for cut in range(start, end):
        if version == 3 and cut in may_end:
            continue
        fault = connect_fault(packet(0x10, whole[start:cut]))
        assert type(fault) is MalformedPacket
        assert fault.protocol_version == (version if cut >= name_and_level else None)


def test_in_3_1_the_remaining_length_takes_precedence_over_user_name_and_password_flags() -> None:
    body = string("MQIsdp") + bytes([3, USER_NAME | PASSWORD | CLEAN]) + two_bytes(60) + string("d")
    connect = read_connect_three_ways(packet(0x10, body))
    assert (connect.user_name, connect.password) == (None, None)
    connect = read_connect_three_ways(packet(0x10, body + string("u")))
    assert (connect.user_name, connect.password) == ("u", None)


@VERSIONS
@pytest.mark.parametrize("extra", [b"\x00", string("x"), b"x" * 200])
def test_bytes_after_the_last_field_are_malformed(version: int, extra: bytes) -> None:
    whole = connect_packet("d", "u", b"p", version=version)
    fault = connect_fault(packet(0x10, whole[2:] + extra))
    assert type(fault) is MalformedPacket
    assert fault.protocol_version == version


@VERSIONS
@pytest.mark.parametrize("flags", [CLEAN, USER_NAME | CLEAN])
def test_a_field_without_its_flag_is_malformed(version: int, flags: int) -> None:
    assert type(connect_fault(connect_packet("d", "u", b"p", version=version, flags=flags))) is MalformedPacket


@VERSIONS
@pytest.mark.parametrize("field", ["client_id", "user_name", "topic"])
@pytest.mark.parametrize("text", [b"\xff", b"a\x00", b"\xed\xa0\x80", b"\xc0\x80"])
def test_a_text_that_is_not_utf_8_is_malformed(version: int, field: str, text: bytes) -> None:
    texts: dict[str, str | bytes] = {"client_id": "d", "user_name": "u", "topic": "t"} | {field: text}
    fault = connect_fault(
        connect_packet(texts["client_id"], texts["user_name"], version=version, will=WillMessage(texts["topic"]))
    )
    assert type(fault) is MalformedPacket
    assert fault.protocol_version == version


# Connect Flags


@pytest.mark.parametrize("version", [4, 5])
def test_reserved_connect_flag_is_malformed(version: int) -> None:
    fault = connect_fault(connect_packet("d", version=version, flags=CLEAN | RESERVED))
    assert type(fault) is MalformedPacket
    assert fault.protocol_version == version


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("flags", [RETAIN, 0x08, 0x10, 0x18, RETAIN | 0x08])
def test_will_qos_or_will_retain_without_will_flag_is_malformed(version: int, flags: int) -> None:
    assert type(connect_fault(connect_packet("d", version=version, flags=CLEAN | flags))) is MalformedPacket


@pytest.mark.parametrize("flags", [RESERVED, RETAIN, 0x18])
def test_in_3_1_flags_without_a_meaning_are_disregarded(flags: int) -> None:
    connect = read_connect_three_ways(connect_packet("d", version=3, flags=CLEAN | flags))
    assert connect == Connect(3, True, 60, "d", None, None, None)


@VERSIONS
def test_will_qos_3_is_malformed(version: int) -> None:
    assert type(connect_fault(connect_packet("d", version=version, will=WillMessage("t", qos=3)))) is MalformedPacket


@VERSIONS
@pytest.mark.parametrize("topic", ["", "#", "a/+"])
def test_a_will_topic_that_is_no_topic_name_is_malformed(version: int, topic: str) -> None:
    assert type(connect_fault(connect_packet("d", version=version, will=WillMessage(topic)))) is MalformedPacket


@pytest.mark.parametrize("version", [3, 4])
def test_a_password_without_user_name_is_malformed_before_mqtt_5(version: int) -> None:
    assert type(connect_fault(connect_packet("d", None, b"p", version=version))) is MalformedPacket


def test_a_password_without_user_name_is_read_in_mqtt_5() -> None:
    connect = read_connect_three_ways(connect_packet("d", None, b"p", version=5))
    assert (connect.user_name, connect.password) == (None, b"p")


# Properties


@pytest.mark.parametrize(
    ("properties", "fault"),
    [
        pytest.param(b"\x21\x00\x01\x21\x00\x01", ProtocolViolation, id="twice"),
        pytest.param(b"\x21\x00\x00", ProtocolViolation, id="Receive Maximum 0"),
        pytest.param(b"\x27\x00\x00\x00\x00", ProtocolViolation, id="Maximum Packet Size 0"),
        pytest.param(b"\x17\x02", ProtocolViolation, id="Request Problem Information 2"),
        pytest.param(b"\x19\x02", ProtocolViolation, id="Request Response Information 2"),
        pytest.param(b"\x16" + string(b"x"), ProtocolViolation, id="Authentication Data without Method"),
        pytest.param(b"\x15" + string("x"), UnknownAuthenticationMethod, id="Authentication Method"),
        pytest.param(b"\x15" + string(""), UnknownAuthenticationMethod, id="empty Authentication Method"),
        pytest.param(
            b"\x16" + string(b"x") + b"\x15" + string("x"),
            UnknownAuthenticationMethod,
            id="Authentication Data and Method",
        ),
        pytest.param(b"\x18\x00\x00\x00\x01", MalformedPacket, id="a property of the Will"),
        pytest.param(b"\x24\x01", MalformedPacket, id="a property of the Server"),
        pytest.param(b"\x7f", MalformedPacket, id="no property"),
        pytest.param(b"\x91\x00", MalformedPacket, id="identifier of two bytes"),
        pytest.param(b"\x26" + string("a") + string(b"\xff"), MalformedPacket, id="User Property not UTF-8"),
        pytest.param(b"\x21\x00", MalformedPacket, id="cut short"),
    ],
)
def test_a_property_against_the_rules_is_refused_in_the_words_of_mqtt_5(
    properties: bytes, fault: type[FramingFault]
) -> None:
    caught = connect_fault(connect_packet("d", "u", b"p", version=5, properties=properties))
    assert type(caught) is fault
    assert caught.protocol_version == 5


def test_an_authentication_method_matters_only_in_a_connect_that_is_otherwise_well_formed() -> None:
    method = b"\x15" + string("SCRAM")
    assert type(connect_fault(connect_packet(b"\xff", version=5, properties=method))) is MalformedPacket
    doubled = connect_packet("d", version=5, properties=method + method)
    assert type(connect_fault(doubled)) is ProtocolViolation


def test_cve_2023_3592_forbidden_will_properties_are_refused_and_nothing_of_them_stays() -> None:
    """Each forbidden identifier 10,000 times in all: no object and no memory is left behind."""
    forbidden = sorted(set(range(256)) - WILL_PROPERTIES)
    packets = [
        connect_packet("d", version=5, will=WillMessage("t", b"p", properties=bytes([identifier]) + string("x" * 100)))
        for identifier in forbidden
    ]

    def refuse_all() -> None:
        for whole in packets:
            with pytest.raises(MalformedPacket):
                read_connect(*_whole(whole))

    refuse_all()
    gc.collect()
    tracemalloc.start()
    try:
        refuse_all()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(10_000 // len(packets)):
            refuse_all()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 16 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff\x01", b"\xff\xff\xff\x7f", b"\x80\x00"])
def test_cve_2026_21888_a_bad_length_of_the_will_properties_is_malformed(length: bytes) -> None:
    body = string("MQTT") + bytes([5, WILL | CLEAN]) + two_bytes(60) + with_length(b"") + string("d") + length
    assert type(connect_fault(packet(0x10, body + b"x" * 8))) is MalformedPacket


def _whole(whole: bytes | bytearray) -> tuple[bytes | bytearray, int, int]:
    found = read_packet(whole, 0, MAXIMUM)
    assert found is not None
    return whole, found[1], found[2]
