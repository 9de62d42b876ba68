"""`mqtt_front`: of any CONNECT the C that serves says what the rooms say, or that they are to be asked."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.gate.measure import Timing
from engine.gate.record import Record, current_build
from engine.gate.selection import choose_offered, load_twin, required_ratios
from engine.listeners.mqtt_front import DEVICE, MQTT_FRONT, answer_connect
from tests.helpers.mqtt_packets import WillMessage, connect_packet
from tests.helpers.records import STAMP, STAMP_AT, password_for

TWIN = load_twin(MQTT_FRONT)
DEVICE_ID = DEVICE.row.device_id
ASK = (b"", 0)


def device_packet(secret: bytes = DEVICE.primary, client_id: str = "", **fields: Any) -> bytes:
    fields = {"user_name": DEVICE_ID, "password": password_for(secret), **fields}
    return connect_packet(client_id or f"{DEVICE_ID}_0_1_{STAMP.decode()}", **fields)


@pytest.mark.parametrize("known", MQTT_FRONT.known_answers)
def test_reference_gives_the_known_answers(known: Any) -> None:
    assert answer_connect(*known.arguments) == known.answer


def test_known_answers_are_accepted_in_both_versions_and_asked_about() -> None:
    answers = [known.answer for known in MQTT_FRONT.known_answers]
    assert answers[0] == (b"\x20\x02\0\0", 120)
    assert {0, 4, 18, 21, 26} == {len(connack) for connack, _ in answers}
    assert {0, 30, 120, 1200} == {keep_alive for _, keep_alive in answers}


@settings(max_examples=1000, deadline=None)
@given(
    version=st.sampled_from([3, 4, 5]),
    keep_alive=st.sampled_from([0, 1, 29, 30, 31, 120, 1199, 1200, 1201, 65_535]),
    secret=st.sampled_from([DEVICE.primary, DEVICE.secondary, DEVICE.primary, b"another"]),
    client_id=st.sampled_from(["", "", f"{DEVICE_ID}_0_0_2025041401", f"{DEVICE_ID}_0_1_2025041402", "another_0_0_1"]),
    properties=st.lists(
        st.sampled_from([b"\x11\0\0\0\0", b"\x11\0\0\0\1", b"\x27\0\0\0\x12", b"\x27\0\0\0\x18", b"\x21\0\1"]),
        max_size=2,
    ).map(b"".join),
    will=st.none() | st.builds(WillMessage, st.just("t"), st.just(b"p"), st.integers(0, 2)),
    seconds=st.sampled_from([-1.0, -3600.0, -3601.0, 0.0, 0.9, 3599.9, 7199.9, 7200.0]),
)
@example(5, 0, DEVICE.primary, "", b"\x27\0\0\0\x15", None, 0.0)
def test_any_connect_is_answered_alike(
    version: int, keep_alive: int, secret: bytes, client_id: str, properties: bytes, will: Any, seconds: float
) -> None:
    of_5 = {"properties": properties} if version == 5 else {}
    packet = device_packet(secret, client_id, version=version, keep_alive=keep_alive, will=will, **of_5)
    assert TWIN(packet, STAMP_AT + seconds) == answer_connect(packet, STAMP_AT + seconds)


@settings(max_examples=500, deadline=None)
@given(at=st.integers(2, 140), byte=st.integers(0, 255))
def test_connect_with_any_byte_changed_is_answered_alike(at: int, byte: int) -> None:
    packet = bytearray(device_packet())
    packet[min(at, len(packet) - 1)] = byte
    assert TWIN(bytes(packet), STAMP_AT) == answer_connect(bytes(packet), STAMP_AT)


def test_every_beginning_of_a_connect_asks_for_more() -> None:
    packet = device_packet()
    assert TWIN(packet, STAMP_AT) == (b"\x20\x02\0\0", 60)
    for length in range(len(packet)):
        assert TWIN(packet[:length], STAMP_AT) == answer_connect(packet[:length], STAMP_AT) == ASK


def test_record_decides_by_the_ratio_that_is_demanded() -> None:
    required = required_ratios()["mqtt_front"]
    for ratio, expected in ((required, "native"), (required * 0.99, "reference")):
        record = Record(current_build(), {"mqtt_front": Timing(ratio, 1.0)})
        assert choose_offered(MQTT_FRONT, "auto", record)[1].chosen == expected
