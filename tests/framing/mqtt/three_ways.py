"""Every packet is read whole, byte by byte, with trailing bytes, and behind another one; the answers must agree."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from engine.errors import FramingFault
from engine.framing.mqtt.connect import Connect, read_connect
from engine.framing.mqtt.fields import Buffer
from engine.framing.mqtt.fixed_header import read_packet
from tests.helpers.mqtt_packets import PINGREQ

T = TypeVar("T")

MAXIMUM = 1024 * 1024

# What follows may not be read: it would be a fault wherever a field ran into it.
TRAILING = (b"", PINGREQ, b"\x00", b"\xff" * 8)

Reader = Callable[[Buffer, int, int, int], T]
"""data, first byte, start and end of the body."""


def read_three_ways(packet: bytes, read: Reader[T]) -> T:
    """What `read` makes of the packet, once all ways agree on it."""
    for length in range(len(packet)):
        assert read_packet(packet[:length], 0, MAXIMUM) is None
    answers = [_read(kind(packet + tail), 0, read) for tail in TRAILING for kind in (bytes, bytearray)]
    answers.append(_read(PINGREQ + packet, len(PINGREQ), read))
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


def fault_three_ways(packet: bytes, read: Reader[object]) -> FramingFault:
    """The fault of the packet, once all ways agree on it. Byte by byte it may come early, but never as another."""
    faults = [_fault(kind(packet + tail), 0, read) for tail in TRAILING for kind in (bytes, bytearray)]
    faults.append(_fault(PINGREQ + packet, len(PINGREQ), read))
    for length in range(len(packet)):
        try:
            assert read_packet(packet[:length], 0, MAXIMUM) is None
        except FramingFault as early:
            faults.append(early)
    fault = faults[0]
    for other in faults:
        assert (type(other), str(other)) == (type(fault), str(fault))
        assert other.protocol_version == fault.protocol_version
    return fault


def read_connect_three_ways(packet: bytes) -> Connect:
    return read_three_ways(packet, lambda data, _, start, end: read_connect(data, start, end))


def connect_fault(packet: bytes) -> FramingFault:
    return fault_three_ways(packet, lambda data, _, start, end: read_connect(data, start, end))


def _read(data: Buffer, at: int, read: Reader[T]) -> T:
    found = read_packet(data, at, MAXIMUM)
    assert found is not None
    return read(data, *found)


def _fault(data: Buffer, at: int, read: Reader[object]) -> FramingFault:
    with pytest.raises(FramingFault) as caught:
        _read(data, at, read)
    return caught.value
