"""Where a Control Packet starts and ends."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FramingFault, MalformedPacket, PacketTooLarge
from engine.framing.mqtt.fixed_header import PacketType, read_packet, write_packet
from tests.helpers.mqtt_packets import PINGREQ, packet

MAXIMUM = 32 * 1024

PUBLISH_FIRST_BYTES = [0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D]
FIRST_BYTES = [0x10, 0x20, *PUBLISH_FIRST_BYTES, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xA2, 0xB0, 0xC0, 0xD0, 0xE0, 0xF0]


@pytest.mark.parametrize("first", FIRST_BYTES)
@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384])
def test_a_packet_is_found_when_its_last_byte_is_there(first: int, length: int) -> None:
    whole = packet(first, b"x" * length)
    header = len(whole) - length
    for cut in {*range(header), len(whole) - 1} - {len(whole)}:
        assert read_packet(whole[:cut], 0, MAXIMUM) is None
    assert read_packet(whole, 0, MAXIMUM) == (first, header, len(whole))
    assert read_packet(bytearray(whole + b"\xff\xff"), 0, MAXIMUM) == (first, header, len(whole))
    assert read_packet(PINGREQ + whole, 2, MAXIMUM) == (first, header + 2, len(whole) + 2)
    assert write_packet(first, b"x" * length) == whole


@pytest.mark.parametrize("first", sorted(set(range(256)) - set(FIRST_BYTES)))
def test_a_type_or_flags_that_no_packet_has_are_malformed_at_once(first: int) -> None:
    with pytest.raises(MalformedPacket):
        read_packet(bytes([first, 0x80]), 0, MAXIMUM)


def test_the_types_are_those_of_the_standard() -> None:
    assert [packet_type.value for packet_type in PacketType] == list(range(1, 16))
    assert {first >> 4 for first in FIRST_BYTES} == set(PacketType)


@pytest.mark.parametrize(("data", "start"), [(b"", 0), (b"\xc0", 0), (PINGREQ, 2), (PINGREQ, 3), (PINGREQ, 1)])
def test_less_than_two_bytes_are_incomplete(data: bytes, start: int) -> None:
    assert read_packet(data, start, MAXIMUM) is None


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\x80\x80\x80\x80", b"\xff\xff\xff\xff\x01"])
def test_cve_2026_21888_a_fifth_byte_of_the_remaining_length_is_malformed_before_it_comes(length: bytes) -> None:
    with pytest.raises(MalformedPacket):
        read_packet(b"\x10" + length, 0, 2**40)
    assert read_packet(b"\x10" + length[:3], 0, 2**40) is None


@pytest.mark.parametrize("length", [b"\x80\x00", b"\xff\x00", b"\x80\x80\x00", b"\xff\xff\xff\x00"])
def test_a_remaining_length_in_more_bytes_than_it_needs_is_malformed(length: bytes) -> None:
    with pytest.raises(MalformedPacket):
        read_packet(b"\xc0" + length, 0, MAXIMUM)


@pytest.mark.parametrize("maximum", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_a_remaining_length_over_the_maximum_is_too_large_and_one_at_it_is_not(maximum: int) -> None:
    with pytest.raises(PacketTooLarge):
        read_packet(packet(0x30, b"x" * (maximum + 1))[:6], 0, maximum)
    whole = packet(0x30, b"x" * maximum)
    assert read_packet(whole, 0, maximum) == (0x30, len(whole) - maximum, len(whole))


@pytest.mark.parametrize("first", FIRST_BYTES)
def test_cve_2023_0809_and_cve_2017_7651_a_claim_of_256_mb_is_refused_from_its_first_five_bytes(first: int) -> None:
    """Neither waited for nor allocated, whatever the type of the packet."""
    claim = bytes([first]) + b"\xff\xff\xff\x7f"
    for cut in range(len(claim)):
        assert read_packet(claim[:cut], 0, MAXIMUM) is None
    tracemalloc.start()
    try:
        with pytest.raises(PacketTooLarge):
            read_packet(claim, 0, MAXIMUM)
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024
    finally:
        tracemalloc.stop()


def test_a_packet_of_256_mb_cannot_be_written() -> None:
    class Long(bytes):
        def __len__(self) -> int:
            return 2**28

    with pytest.raises(ValueError, match="268435456"):
        write_packet(0x30, Long())


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=40), start=st.integers(0, 8), maximum=st.integers(0, 64))
def test_arbitrary_bytes_are_incomplete_a_packet_inside_them_or_a_framing_fault(
    data: bytes, start: int, maximum: int
) -> None:
    try:
        found = read_packet(data, start, maximum)
    except FramingFault:
        return
    if found is not None:
        first, body, end = found
        assert first == data[start]
        assert start < body <= end <= len(data)
        assert end - body <= maximum
