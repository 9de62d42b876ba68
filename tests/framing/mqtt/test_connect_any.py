"""Any CONNECT is read as it was written; any bytes are read or are a FramingFault."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import FramingFault
from engine.framing.mqtt.connect import Connect, Will, read_connect
from engine.framing.mqtt.fixed_header import read_packet
from tests.framing.mqtt.three_ways import MAXIMUM, read_connect_three_ways
from tests.helpers.mqtt_packets import WillMessage, connect_packet, packet, string, user_property

texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)
topics = st.text(st.characters(exclude_characters="\0#+", codec="utf-8"), min_size=1, max_size=40)
user_properties = st.lists(st.builds(user_property, texts, texts), max_size=3).map(b"".join)
wills = st.builds(WillMessage, topics, st.binary(max_size=200), st.integers(0, 2), st.booleans(), user_properties)


@st.composite
def connects(draw: st.DrawFn) -> tuple[bytes, Connect]:
    """A well-formed CONNECT and what must be read of it."""
    version = draw(st.sampled_from([3, 4, 5]))
    user_name = draw(st.none() | texts)
    password = draw(st.none() | st.binary(max_size=80)) if version == 5 or user_name is not None else None
    will = draw(st.none() | wills)
    properties, numbers = b"", dict[str, Any]()
    if version == 5:
        numbers = {
            "session_expiry_interval": draw(st.integers(0, 0xFFFF_FFFF)),
            "receive_maximum": draw(st.integers(1, 65_535)),
            "maximum_packet_size": draw(st.integers(1, 0xFFFF_FFFF)),
            "topic_alias_maximum": draw(st.integers(0, 65_535)),
            "request_response_information": draw(st.booleans()),
            "request_problem_information": draw(st.booleans()),
        }
        encoded = [
            bytes([identifier]) + value.to_bytes(size, "big")
            for (identifier, size), value in zip(
                ((0x11, 4), (0x21, 2), (0x27, 4), (0x22, 2), (0x19, 1), (0x17, 1)), numbers.values(), strict=True
            )
        ]
        properties = b"".join(draw(st.permutations([*encoded, draw(user_properties)])))
    keep_alive, clean_start, client_id = draw(st.integers(0, 65_535)), draw(st.booleans()), draw(texts)
    whole = connect_packet(
        client_id,
        user_name,
        password,
        version=version,
        keep_alive=keep_alive,
        clean_start=clean_start,
        will=will,
        properties=properties,
    )
    read_will = Will(str(will.topic), will.payload, will.qos, will.retain) if will is not None else None
    expected = Connect(version, clean_start, keep_alive, client_id, user_name, password, read_will, **numbers)
    return whole, expected


@settings(max_examples=200, deadline=None)
@given(connects())
def test_every_well_formed_connect_is_read_as_it_was_written(made: tuple[bytes, Connect]) -> None:
    whole, expected = made
    assert read_connect_three_ways(whole) == expected


@settings(max_examples=300, deadline=None)
@given(made=connects(), data=st.data())
def test_a_changed_connect_is_read_or_is_a_framing_fault(made: tuple[bytes, Connect], data: st.DataObject) -> None:
    changed = bytearray(made[0])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3)) or b"\x00"
    _read_anything(bytes(changed))


@settings(max_examples=300, deadline=None)
@given(version=st.sampled_from([3, 4, 5]), flags=st.integers(0, 255), rest=st.binary(max_size=80))
def test_arbitrary_bytes_after_the_version_are_read_or_are_a_framing_fault(
    version: int, flags: int, rest: bytes
) -> None:
    name = string("MQIsdp" if version == 3 else "MQTT")
    _read_anything(packet(0x10, name + bytes([version, flags]) + rest))


def _read_anything(data: bytes) -> None:
    try:
        found = read_packet(data, 0, MAXIMUM)
        if found is not None:
            read_connect(data, *found[1:])
    except FramingFault:
        return
