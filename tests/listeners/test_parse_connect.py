"""`parse_connect` in C and in Python: of any bytes the same Connect, or a fault of the same kind and version."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import MalformedPacket
from engine.framing.mqtt.connect import Connect, read_connect
from engine.framing.mqtt.fixed_header import read_packet
from engine.gate import compiled
from engine.gate.interface import ConnectRead
from engine.gate.selection import load_twin
from engine.listeners.parse_connect import PARSE_CONNECT, twin_of
from tests.framing.mqtt.test_connect_any import connects
from tests.helpers.mqtt_packets import WillMessage, connect_packet, string, two_bytes, user_property, with_length
from tests.helpers.mqtt_readings import connect_answer, frame_answer
from tests.helpers.mqtt_streams import seeds

TWIN = load_twin(PARSE_CONNECT)
MAXIMUM = 32 * 1024


def assert_body_agrees(body: bytes) -> None:
    """In a buffer with something before and behind, so that a position that is off shows."""
    data, start, end = b"\xff\0" + body + b"\0\xff", 2, 2 + len(body)
    expected = connect_answer(read_connect, data, start, end)
    assert connect_answer(TWIN, data, start, end) == expected
    assert connect_answer(TWIN, bytearray(data), start, end) == expected


def body_of(packet: bytes) -> bytes:
    found = read_packet(packet, 0, 1 << 20)
    assert found is not None
    return packet[found[1] : found[2]]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """The body of a CONNECT that is well formed, edited in places, cut, or any bytes behind a good beginning."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        beginning = draw(
            st.sampled_from([b"\0\4MQTT\5", b"\0\4MQTT\4", b"\0\6MQIsdp\3", b"\0\4MQTT", b"\0\6MQIsdp", b""])
        )
        return beginning + draw(st.binary(max_size=80))
    whole, _ = draw(connects())
    body = bytearray(body_of(whole))
    if kind > 1:
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, max(len(body) - 1, 0)))
            body[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    return bytes(body[: draw(st.integers(0, len(body)))] if kind > 2 else body)


@settings(max_examples=1500, deadline=None)
@given(bodies())
@example(b"")
@example(b"\0\4MQTT\x84\2\0\0\0\0")
def test_any_body_is_read_alike(body: bytes) -> None:
    assert_body_agrees(body)


@settings(max_examples=500, deadline=None)
@given(texts=st.lists(st.binary(max_size=8), min_size=3, max_size=3), version=st.sampled_from([3, 4, 5]))
@example(texts=[b"\xed\xa0\x80", b"", b""], version=4)
@example(texts=[b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xf4\x8f\xbf\xbf"], version=5)
@example(texts=[b"a\0b", b"+", b"#"], version=5)
def test_any_text_is_judged_alike(texts: list[bytes], version: int) -> None:
    client_id, user_name, topic = texts
    will = WillMessage(topic, b"p", 1)
    for packet in (
        connect_packet(client_id, user_name, b"p", version=version),
        connect_packet("d", version=version, will=will),
    ):
        assert_body_agrees(body_of(packet))


@settings(max_examples=1000, deadline=None)
@given(
    identifiers=st.lists(st.integers(0, 255) | st.sampled_from([0x11, 0x21, 0x22, 0x27, 0x26]), max_size=3),
    value=st.binary(max_size=12),
    of_will=st.booleans(),
)
@example(identifiers=[0x15, 0x16], value=string("m"), of_will=False)
@example(identifiers=[0x16], value=string("m"), of_will=False)
@example(identifiers=[0x21], value=b"\0\0", of_will=False)
def test_any_properties_are_judged_alike(identifiers: list[int], value: bytes, of_will: bool) -> None:
    properties = b"".join(bytes([identifier]) + value for identifier in identifiers)
    will = WillMessage("t", b"p", properties=properties) if of_will else None
    assert_body_agrees(body_of(connect_packet(version=5, will=will, properties=b"" if of_will else properties)))


def test_every_property_with_every_kind_of_value_is_judged_alike() -> None:
    values = [
        b"",
        b"\0",
        b"\1",
        b"\2",
        b"\0\0",
        b"\0\1",
        b"\0\1+",
        b"\0\1a",
        bytes(4),
        b"\0\0\0\1",
        b"\0\1a\0\1b",
        b"\xff" * 5,
    ]
    for identifier in range(256):
        for value in values:
            for once_or_twice in (1, 2):
                properties = (bytes([identifier]) + value) * once_or_twice
                assert_body_agrees(body_of(connect_packet(version=5, properties=properties)))
                will = WillMessage("t", b"p", properties=properties)
                assert_body_agrees(body_of(connect_packet(version=5, will=will)))


def test_every_flag_and_every_version_is_judged_alike() -> None:
    payload = string("d") + string("t") + string("p") + string("u") + string("p")
    for name in ("MQTT", "MQIsdp", "mqtt"):
        for version in range(256):
            for flags in range(256) if version in (3, 4, 5) else (2,):
                start = string(name) + bytes([version, flags]) + two_bytes(60) + (b"\0" if version == 5 else b"")
                assert_body_agrees(start + payload)


def test_every_prefix_of_what_the_fuzzers_start_from_is_read_alike() -> None:
    for stream in seeds():
        body = body_of(stream)
        for length in range(len(body) + 1):
            assert_body_agrees(body[:length])


@pytest.mark.parametrize(
    "length",
    [b"\xff\xff\xff\xff\x01", b"\xff\xff\xff\x7f", b"\x80\x00", b"\xff\xff\xff\xff", b"\x80\x80\x80\x80", b"\xff\xff"],
)
def test_cve_2026_21888_a_bad_length_of_properties_is_read_alike(length: bytes) -> None:
    start = string("MQTT") + b"\5\6" + two_bytes(60)
    for behind in (b"", b"x" * 8):
        assert_body_agrees(start + length + behind)
        assert_body_agrees(start + with_length(b"") + string("d") + length + behind)


def test_cve_2021_41039_and_the_longest_fields_are_read_alike() -> None:
    assert_body_agrees(body_of(connect_packet("x" * 65_535, "y" * 65_535, bytes(65_535), version=5)))
    assert_body_agrees(body_of(connect_packet(version=5, properties=user_property("abc", "def") * 5000)))


@settings(max_examples=1500, deadline=None)
@given(
    data=st.binary(max_size=12)
    | st.builds(
        lambda first, rest: bytes([first]) + rest,
        st.integers(0, 255),
        st.lists(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]), max_size=8).map(bytes),
    ),
    maximum=st.sampled_from([0, 1, 127, 128, 16_384, MAXIMUM, 268_435_455]),
)
@example(b"\x10\xff\xff\xff\xff\x01", MAXIMUM)
def test_any_fixed_header_is_read_alike(data: bytes, maximum: int) -> None:
    assert compiled.read_frame(data, maximum) == frame_answer(data, maximum)


def test_every_first_byte_and_every_piece_of_a_stream_is_framed_alike() -> None:
    for first in range(256):
        for rest in (b"", b"\0", b"\2ab"):
            data = bytes([first]) + rest
            assert compiled.read_frame(data, MAXIMUM) == frame_answer(data, MAXIMUM)
    for stream in seeds():
        for length in range(len(stream) + 1):
            assert compiled.read_frame(stream[:length], MAXIMUM) == frame_answer(stream[:length], MAXIMUM)


def test_a_twin_that_is_wrong_would_be_seen() -> None:
    """So that the agreement above means something."""
    body = body_of(connect_packet())
    wrong = twin_of(lambda _: ConnectRead(1, 4))
    assert connect_answer(wrong, body, 0, len(body)) == (MalformedPacket, 4)
    assert isinstance(connect_answer(read_connect, body, 0, len(body)), Connect)


def test_the_password_is_in_no_repr() -> None:
    body = body_of(connect_packet("d", "d", b"hunter2"))
    assert compiled.read_connect(body).password == b"hunter2"
    assert "hunter2" not in repr(compiled.read_connect(body))
