"""The data types of section 1.5."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MalformedPacket
from engine.framing.mqtt import fields
from tests.helpers.mqtt_packets import string, variable


@given(value=st.integers(0, 268_435_455))
def test_variable_byte_integers_round_trip(value: int) -> None:
    encoded = fields.write_variable_byte_integer(value)
    assert encoded == variable(value)
    assert fields.read_variable_byte_integer(encoded + b"\xff", 0, len(encoded)) == (value, len(encoded))
    for cut in range(len(encoded)):
        assert fields.read_variable_byte_integer(encoded, 0, cut) is None


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        # The borders of table 1-1.
        (0, "00"),
        (127, "7F"),
        (128, "80 01"),
        (16_383, "FF 7F"),
        (16_384, "80 80 01"),
        (2_097_151, "FF FF 7F"),
        (2_097_152, "80 80 80 01"),
        (268_435_455, "FF FF FF 7F"),
    ],
)
def test_variable_byte_integers_are_those_of_the_standards_table(value: int, encoded: str) -> None:
    assert fields.write_variable_byte_integer(value) == bytes.fromhex(encoded)


@pytest.mark.parametrize("value", [-1, 268_435_456])
def test_what_four_bytes_cannot_hold_is_not_written(value: int) -> None:
    with pytest.raises(ValueError, match="Variable Byte Integer"):
        fields.write_variable_byte_integer(value)


@pytest.mark.parametrize("encoded", [b"\x80\x00", b"\x80\x80\x80\x00", b"\xff\xff\xff\xff", b"\xff\xff\xff\xff\x01"])
def test_overlong_variable_byte_integers_are_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedPacket):
        fields.read_variable_byte_integer(encoded, 0, len(encoded))


@pytest.mark.parametrize(
    "text", ["", "a", "Grüße", "\U0010ffff", "\ufeffx", "x\ufeff", "\ufffe", "\x01\x7f", "#+/$\r\n"]
)
def test_well_formed_strings_are_handed_out_as_they_are(text: str) -> None:
    """A byte order mark "MUST NOT be skipped over or stripped off" [MQTT-1.5.4-3]."""
    encoded = string(text)
    assert fields.read_string(b"." + encoded + b"\xff", 1, 1 + len(encoded)) == (text, 1 + len(encoded))
    assert fields.write_string(text) == encoded


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(b"\xed\xa0\x80", id="first surrogate"),
        pytest.param(b"\xed\xbf\xbf", id="last surrogate"),
        pytest.param(b"\xed\xa0\x80\xed\xb0\x80", id="surrogate pair"),
        pytest.param(b"\x00", id="U+0000"),
        pytest.param(b"a\x00b", id="U+0000 inside"),
        pytest.param(b"\xc0\x80", id="overlong U+0000"),
        pytest.param(b"\xc1\xbf", id="overlong two bytes"),
        pytest.param(b"\xe0\x80\xaf", id="overlong three bytes"),
        pytest.param(b"\xf4\x90\x80\x80", id="over U+10FFFF"),
        pytest.param(b"\x80", id="continuation alone"),
        pytest.param(b"\xc3", id="cut short"),
        pytest.param(b"\xff", id="no UTF-8 byte"),
    ],
)
def test_ill_formed_strings_are_malformed(encoded: bytes) -> None:
    with pytest.raises(MalformedPacket):
        fields.read_string(string(encoded), 0, 2 + len(encoded))


@pytest.mark.parametrize("read", [fields.read_string, fields.read_binary])
def test_a_field_that_crosses_its_end_is_malformed(read: object) -> None:
    """Also when there are bytes behind that end, which belong to the next packet."""
    assert callable(read)
    encoded = string("abc")
    assert read(encoded, 0, 5)[1] == 5
    for end in range(5):
        with pytest.raises(MalformedPacket):
            read(encoded, 0, end)
        with pytest.raises(MalformedPacket):
            read(encoded[:end], 0, end)


def test_binary_data_is_any_bytes_and_always_bytes() -> None:
    value, after = fields.read_binary(bytearray(string(b"\x00\xff\xed\xa0\x80")), 0, 7)
    assert (type(value), value, after) == (bytes, b"\x00\xff\xed\xa0\x80", 7)


def test_a_two_byte_integer_cut_short_is_malformed() -> None:
    assert fields.read_two_byte_integer(b"\x01\x02", 0, 2) == (258, 2)
    with pytest.raises(MalformedPacket):
        fields.read_two_byte_integer(b"\x01\x02", 0, 1)


@pytest.mark.parametrize("topic", ["#", "+", "a/#", "a+b", "/+/"])
def test_a_topic_name_with_a_wildcard_is_malformed(topic: str) -> None:
    with pytest.raises(MalformedPacket):
        fields.check_topic_name(topic)


@pytest.mark.parametrize("topic_filter", ["#", "+", "/", "a", "a/#", "/#", "+/+", "+/a/#", "a//b", "a/+/b", "$SYS/#"])
def test_well_formed_topic_filters_pass(topic_filter: str) -> None:
    fields.check_topic_filter(topic_filter)


@pytest.mark.parametrize(
    "topic_filter", ["", "a#", "#a", "#/a", "a/#/b", "##", "a+", "+a", "a/b+/c", "++", "+#", "a/+#"]
)
def test_topic_filters_with_a_wildcard_out_of_place_are_malformed(topic_filter: str) -> None:
    with pytest.raises(MalformedPacket):
        fields.check_topic_filter(topic_filter)
