"""The ready answers are the conversation's own, byte for byte, and stand where C looks for them."""

import pytest

from engine.gate.compiled_front import Ending
from engine.limits import Limits
from engine.listeners.native_words import words_of
from engine.session.mqtt import ClaimMade, MqttConversation
from engine.session.table import CloseReason
from engine.verdict.outcome import Accepted
from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.mqtt_packets import connect_packet, two_bytes

LIMITS = Limits()
SESSION_EXPIRY = b"\x11\0\0\0\x0a"
SERVER_KEEP_ALIVE = 0x13


def accepted(version: int, keep_alive: int, properties: bytes = b"") -> MqttConversation:
    conversation = MqttConversation(LIMITS)
    client_id, user_name, password = credentials_of("pump", "0123456789abcdef")
    packet = connect_packet(
        client_id, user_name, password.encode(), version=version, keep_alive=keep_alive, properties=properties
    )
    conversation.receive_data(packet)
    assert isinstance(conversation.next_event(), ClaimMade)
    conversation.receive_verdict(Accepted("pump", "r", generation=1, first=False, checked_stamp=False))
    return conversation


def test_connack_before_mqtt_5_is_the_conversation_s() -> None:
    assert words_of(LIMITS).connack == accepted(4, 60).data_to_send()


@pytest.mark.parametrize("is_expiry_asked", [False, True])
@pytest.mark.parametrize(
    ("place", "keep_alive", "told"),
    [
        (0, LIMITS.keep_alive_minimum_seconds, None),
        (0, LIMITS.keep_alive_maximum_seconds, None),
        (1, 1, LIMITS.keep_alive_minimum_seconds),
        (2, 0, LIMITS.keep_alive_maximum_seconds),
        (2, LIMITS.keep_alive_maximum_seconds + 1, LIMITS.keep_alive_maximum_seconds),
    ],
)
def test_connack_of_mqtt_5_is_the_conversation_s(
    place: int, keep_alive: int, told: int | None, is_expiry_asked: bool
) -> None:
    word = words_of(LIMITS).connack5[is_expiry_asked][place]
    assert word == accepted(5, keep_alive, SESSION_EXPIRY if is_expiry_asked else b"").data_to_send()
    if told is not None:
        assert bytes((SERVER_KEEP_ALIVE,)) + two_bytes(told) in word


@pytest.mark.parametrize("reason", [CloseReason.TAKEN_OVER, CloseReason.ADMINISTRATIVE, CloseReason.SHUTTING_DOWN])
def test_disconnect_stands_at_the_number_of_its_ending(reason: CloseReason) -> None:
    conversation = accepted(5, 60)
    conversation.data_to_send()
    conversation.close(reason)
    assert words_of(LIMITS).disconnect5[Ending[reason.name]] == conversation.data_to_send()
