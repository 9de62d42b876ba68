"""The conversation on bytes alone; tests/conformance drives the same rules over real sockets."""

import msgspec
import pytest

from engine.claims.claim import SecretClaim
from engine.limits import Limits
from engine.session.mqtt import (
    Broken,
    ClaimMade,
    Discarded,
    MqttConversation,
    Refused,
    keep_alive_in_force,
    write_accepted,
    write_closed,
)
from engine.session.table import CloseReason
from engine.verdict.outcome import Accepted, Reason, Rejected
from tests.helpers.mqtt_packets import (
    PINGREQ,
    WillMessage,
    connect_packet,
    disconnect_packet,
    publish_packet,
    subscribe_packet,
)

CLIENT_ID = "pump_0_0_2026112222"
ACCEPTED = Accepted(device_id="pump", record_id="r", generation=1, first=False, checked_stamp=False)
OWN = "$oc/devices/pump/sys/commands/#"


def connect(version: int = 4, **fields: object) -> bytes:
    return connect_packet(
        **{"client_id": CLIENT_ID, "user_name": "pump", "password": b"x", "version": version, **fields}
    )


def conversation(**bounds: object) -> MqttConversation:
    return MqttConversation(msgspec.structs.replace(Limits(), **bounds))


def connected(version: int = 4, **fields: object) -> MqttConversation:
    live = conversation()
    live.receive_data(connect(version, **fields))
    assert isinstance(live.next_event(), ClaimMade)
    live.receive_verdict(ACCEPTED)
    live.data_to_send()
    return live


def refused(data: bytes) -> tuple[Refused, bytes]:
    talk = conversation()
    talk.receive_data(data)
    event = talk.next_event()
    assert isinstance(event, Refused)
    assert talk.is_over
    return event, talk.data_to_send()


@pytest.mark.parametrize("version", [3, 4, 5])
def test_claim_is_made_once_connect_is_complete_and_accepted(version: int) -> None:
    talk = conversation()
    data = connect(version)
    for index in range(len(data) - 1):
        talk.receive_data(data[index : index + 1])
        assert talk.next_event() is None
    talk.receive_data(data[-1:])
    event = talk.next_event()
    assert isinstance(event, ClaimMade)
    assert isinstance(event.claim, SecretClaim)
    assert event.claim.device_id == "pump"
    assert talk.data_to_send() == b""
    talk.receive_verdict(ACCEPTED)
    answer = talk.data_to_send()
    assert answer[:1] == b"\x20"
    assert answer[2 + (answer[1] > 127) :][:2] == b"\0\0"
    assert not talk.is_over


@pytest.mark.parametrize(
    ("version", "answer"), [(3, b"\x20\x02\0\x04"), (4, b"\x20\x02\0\x04"), (5, b"\x20\x03\0\x86\0")]
)
def test_rejected_claim_is_answered_in_the_peers_version(version: int, answer: bytes) -> None:
    talk = conversation()
    talk.receive_data(connect(version))
    talk.receive_verdict(Rejected(Reason.WRONG_SECRET))
    assert talk.data_to_send() == answer
    assert talk.is_over


def test_packets_behind_connect_wait_for_the_verdict() -> None:
    """A client may send on without waiting for CONNACK (3.1.1 section 3.1.4); none of it counts before the verdict."""
    talk = conversation()
    talk.receive_data(connect() + PINGREQ + subscribe_packet((OWN, 1), packet_identifier=7))
    assert isinstance(talk.next_event(), ClaimMade)
    assert talk.data_to_send() == b""
    talk.receive_data(PINGREQ)
    talk.receive_verdict(ACCEPTED)
    assert talk.data_to_send() == b"\x20\x02\0\0" + b"\xd0\0" + b"\x90\x03\0\x07\x01" + b"\xd0\0"


def test_packets_behind_a_refused_connect_are_dropped() -> None:
    talk = conversation()
    talk.receive_data(connect() + PINGREQ)
    talk.receive_verdict(Rejected(Reason.WRONG_SECRET))
    assert talk.data_to_send() == b"\x20\x02\0\x04"
    assert talk.held_bytes == 0


@pytest.mark.parametrize("keep_alive", [0, 1, 29, 1201, 65535])
def test_keep_alive_outside_the_range_is_refused_before_5_and_clamped_in_5(keep_alive: int) -> None:
    event, answer = refused(connect(4, keep_alive=keep_alive))
    assert event == Refused(Reason.KEEP_ALIVE_OUT_OF_RANGE, "pump")
    assert answer == b"\x20\x02\0\x02"
    talk = conversation()
    talk.receive_data(connect(5, keep_alive=keep_alive))
    talk.receive_verdict(ACCEPTED)
    clamped = 1200 if keep_alive == 0 or keep_alive > 1200 else 30
    assert b"\x13" + clamped.to_bytes(2, "big") in talk.data_to_send()
    assert talk.keep_alive_seconds == clamped


@pytest.mark.parametrize("keep_alive", [30, 1200])
def test_keep_alive_at_the_edges_is_taken_as_it_is(keep_alive: int) -> None:
    for version in (4, 5):
        assert connected(version, keep_alive=keep_alive).keep_alive_seconds == keep_alive


def test_refusals_without_a_verdict() -> None:
    assert refused(connect(4, client_id="pump")) == (
        Refused(Reason.CLIENT_IDENTIFIER_NOT_VALID),
        b"\x20\x02\0\x02",
    )
    assert refused(connect(5, client_id="pump"))[1] == b"\x20\x03\0\x85\0"
    assert refused(connect(5, will=WillMessage("t", qos=2)))[1] == b"\x20\x03\0\x9b\0"
    assert refused(connect(5, will=WillMessage("t", qos=1, retain=True)))[1] == b"\x20\x03\0\x9a\0"
    method = b"\x15\x00\x05plain"
    assert refused(connect(5, properties=method)) == (
        Refused(Reason.UNKNOWN_AUTHENTICATION_METHOD),
        b"\x20\x03\0\x8c\0",
    )
    twice = b"\x21\x00\x05\x21\x00\x05"
    assert refused(connect(5, properties=twice)) == (Refused(Reason.PROTOCOL_ERROR), b"\x20\x03\0\x82\0")


def test_unknown_version_is_told_so_in_the_words_it_may_know() -> None:
    older = connect(4).replace(b"\0\x04MQTT\x04", b"\0\x04MQTT\x02")
    newer = connect(4).replace(b"\0\x04MQTT\x04", b"\0\x04MQTT\x06")
    assert refused(older) == (Refused(Reason.UNSUPPORTED_PROTOCOL_VERSION), b"\x20\x02\0\x01")
    assert refused(newer) == (Refused(Reason.UNSUPPORTED_PROTOCOL_VERSION), b"\x20\x03\0\x84\0")
    assert refused(connect(4).replace(b"MQTT", b"HTTP"))[1] == b""


def test_what_is_no_connect_is_closed_without_a_word() -> None:
    assert refused(PINGREQ) == (Refused(Reason.PROTOCOL_ERROR), b"")
    assert refused(b"GET / HTTP/1.1\r\n\r\n") == (Refused(Reason.MALFORMED_PACKET), b"")


def test_malformed_connect_closes_before_5_and_is_told_in_5() -> None:
    reserved = bytearray(connect(5))
    reserved[9] |= 1
    assert refused(bytes(reserved)) == (Refused(Reason.MALFORMED_PACKET), b"\x20\x03\0\x81\0")
    reserved = bytearray(connect(4))
    reserved[9] |= 1
    assert refused(bytes(reserved)) == (Refused(Reason.MALFORMED_PACKET), b"")


def test_cve_2017_7651_announced_length_over_the_bound_is_refused_before_its_bytes_come() -> None:
    event, _ = refused(b"\x10\xff\xff\xff\x7f")
    assert event.reason is Reason.PACKET_TOO_LARGE


def test_second_connect_is_a_protocol_error() -> None:
    live = connected(5)
    live.receive_data(connect(5))
    assert live.next_event() == Broken(Reason.PROTOCOL_ERROR)
    assert live.data_to_send()[2] == 0x82
    assert live.is_over


def test_ping_is_answered() -> None:
    live = connected()
    live.receive_data(PINGREQ + PINGREQ)
    assert live.data_to_send() == b"\xd0\0\xd0\0"


@pytest.mark.parametrize(("version", "answer"), [(4, b"\x40\x02\0\x09"), (5, b"\x40\x03\0\x09\x10")])
def test_publish_at_qos_1_is_acknowledged_and_discarded(version: int, answer: bytes) -> None:
    live = connected(version)
    live.receive_data(publish_packet("t", b"12345", qos=1, packet_identifier=9, version=version))
    assert live.next_event() == Discarded(5)
    assert live.data_to_send() == answer
    live.receive_data(publish_packet("t", b"", qos=0, version=version))
    assert live.next_event() == Discarded(0)
    assert live.data_to_send() == b""


def test_publish_at_qos_2_or_retained_ends_a_version_5_session() -> None:
    for packet, code in (
        (publish_packet("t", b"", qos=2, packet_identifier=1, version=5), 0x9B),
        (publish_packet("t", b"", qos=0, retain=True, version=5), 0x9A),
    ):
        live = connected(5)
        live.receive_data(packet)
        assert isinstance(live.next_event(), Broken)
        assert live.data_to_send()[:3] in (bytes([0xE0, 1, code]), bytes([0xE0, 2, code]))
        assert live.is_over


def test_own_downlink_topics_are_granted_at_most_qos_1_and_others_refused() -> None:
    wanted = [(OWN, 0), (OWN, 1), (OWN, 2), ("#", 0), ("$oc/devices/valve/sys/commands/#", 1)]
    for version, failure in ((4, 0x80), (5, 0x87)):
        live = connected(version)
        live.receive_data(subscribe_packet(*wanted, version=version))
        assert live.data_to_send()[-5:] == bytes([0, 1, 1, failure, failure])


def test_subscriptions_have_a_bound() -> None:
    live = conversation(subscriptions=2)
    live.receive_data(connect(5))
    live.receive_verdict(ACCEPTED)
    live.data_to_send()
    own = [(f"$oc/devices/pump/user/{n}", 0) for n in range(3)]
    live.receive_data(subscribe_packet(*own, version=5))
    assert live.data_to_send()[-3:] == b"\x00\x00\x97"


def test_topic_filter_over_its_length_is_refused() -> None:
    live = connected(4)
    prefix = "$oc/devices/pump/user/"
    live.receive_data(
        subscribe_packet((prefix + "x" * (128 - len(prefix)), 0), (prefix + "x" * (129 - len(prefix)), 0))
    )
    assert live.data_to_send()[-2:] == b"\x00\x80"


@pytest.mark.parametrize(
    ("reason", "code"),
    [(CloseReason.TAKEN_OVER, 0x8E), (CloseReason.ADMINISTRATIVE, 0x98), (CloseReason.SHUTTING_DOWN, 0x8B)],
)
def test_closed_session_is_told_why_in_version_5_only(reason: CloseReason, code: int) -> None:
    live, older = connected(5), connected(4)
    live.close(reason)
    older.close(reason)
    assert live.data_to_send()[2] == code
    assert older.data_to_send() == b""
    assert live.is_over
    assert older.is_over


def test_disconnect_ends_the_conversation_quietly() -> None:
    for version in (4, 5):
        live = connected(version)
        live.receive_data(disconnect_packet())
        assert live.is_over
        assert live.next_event() is None
        assert live.data_to_send() == b""


def test_packet_over_the_clients_maximum_is_not_sent() -> None:
    live = connected(5, properties=b"\x27\x00\x00\x00\x02")
    live.receive_data(PINGREQ + publish_packet("t", b"", qos=1, packet_identifier=9, version=5))
    assert live.data_to_send() == b"\xd0\0"


def test_verdict_for_a_conversation_that_ended_meanwhile_changes_nothing() -> None:
    talk = conversation()
    talk.receive_data(connect())
    talk.close(CloseReason.SHUTTING_DOWN)
    talk.receive_verdict(ACCEPTED)
    assert talk.data_to_send() == b""
    assert talk.is_over
    talk.receive_data(PINGREQ)
    assert talk.data_to_send() == b""


def resumed(version: int = 4, client_maximum: int | None = None) -> MqttConversation:
    return MqttConversation.resumed(Limits(), device_id="pump", version=version, client_maximum=client_maximum)


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("which", range(5))
def test_resumed_session_answers_as_the_one_that_it_stands_for(version: int, which: int) -> None:
    packet = (
        PINGREQ,
        publish_packet("t", b"x", qos=1, version=version),
        publish_packet("t", b"x", qos=2, version=version),
        subscribe_packet((OWN, 1), ("#", 0), version=version),
        b"\x00\x00",
    )[which]
    live, again = connected(version), resumed(version)
    for talk in (live, again):
        talk.receive_data(packet)
    assert again.data_to_send() == live.data_to_send()
    assert again.next_event() == live.next_event()
    assert (again.is_over, again.is_resumable) == (live.is_over, live.is_resumable)


def test_session_is_resumable_until_something_is_kept_of_it() -> None:
    talk = connected()
    assert talk.is_resumable
    talk.receive_data(PINGREQ[:1])
    assert not talk.is_resumable
    talk.receive_data(PINGREQ[1:])
    assert talk.is_resumable
    talk.receive_data(subscribe_packet((OWN, 1)))
    assert not talk.is_resumable
    assert not conversation().is_resumable


def test_resumed_session_keeps_the_clients_maximum_packet_size() -> None:
    talk = resumed(5, client_maximum=3)
    talk.receive_data(publish_packet("t", b"x", qos=1, version=5))
    assert talk.data_to_send() == b""


@pytest.mark.parametrize(
    ("version", "asked", "in_force"), [(4, 60, 60), (5, 60, 60), (5, 0, 1200), (5, 1, 30), (5, 65535, 1200)]
)
def test_ready_connack_is_what_the_conversation_writes(version: int, asked: int, in_force: int) -> None:
    """C writes it from a copy made before (listeners/native_mqtt.py)."""
    talk = conversation()
    talk.receive_data(connect(version, keep_alive=asked))
    talk.receive_verdict(ACCEPTED)
    assert talk.data_to_send() == write_accepted(version, asked, Limits(), is_expiry_asked=False)
    assert talk.keep_alive_seconds == in_force == keep_alive_in_force(version, asked, Limits())


@pytest.mark.parametrize("reason", CloseReason)
def test_ready_disconnect_is_what_the_conversation_writes(reason: CloseReason) -> None:
    talk = connected(5)
    talk.close(reason)
    assert talk.data_to_send() == write_closed(reason)
