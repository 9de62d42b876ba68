"""What comes back for a CONNECT, to the byte, over every front."""

import pytest

from engine.session.replies import REPLIES
from engine.verdict.outcome import Reason
from tests.conformance.conftest import SECRET, OpenGate, connect_as
from tests.helpers.mqtt_packets import PINGREQ, WillMessage, connect_packet, packet


def refusal(reason: Reason, version: int) -> bytes:
    reply = REPLIES[reason]
    return bytes((0x20, 3, 0, reply.mqtt5, 0)) if version == 5 else bytes((0x20, 2, 0, reply.mqtt3 or 0))


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_right_secret_is_accepted(open_gate: OpenGate, version: int) -> None:
    async with open_gate() as gate:
        for sign_type in (0, 1):
            answer = await gate.answer(connect_as(version=version, sign_type=sign_type))
            assert answer[0] == 0x20
            assert answer[2:4] == b"\0\0", "Session Present is always 0"


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_every_refusal_without_proof_is_the_same_bytes(open_gate: OpenGate, version: int) -> None:
    async with open_gate() as gate:
        await gate.running.create_device("cert", auth_info={"auth_type": "CERTIFICATES"})
        answers = [
            await gate.answer(packet)
            for packet in (
                connect_as("pump", "wrong-secret", version=version),
                connect_as("nobody", version=version),
                connect_as("cert", version=version),
                connect_as(user_name="other", version=version),
                connect_as(user_name=None, password=None, version=version),
                connect_as(password=None, version=version),
                connect_as(password=b"", version=version),
                connect_as(password=b"a\0b", version=version),
                connect_as(stamp="2020010100", version=version),
            )
        ]
        assert set(answers) == {refusal(Reason.WRONG_SECRET, version)}


async def test_cve_2016_9877_and_cve_2026_32696_every_field_absent(open_gate: OpenGate) -> None:
    """Absent fields crashed NanoMQ's HTTP authentication and let clients into RabbitMQ without a password."""
    async with open_gate() as gate:
        for user_name in (None, "", "pump"):
            for password in (None, b"", b"x"):
                if user_name is None and password is not None:
                    continue  # not a CONNECT of 3.1.1; tests/framing has it
                answer = await gate.answer(connect_as(user_name=user_name, password=password))
                assert answer == refusal(Reason.WRONG_SECRET, 4)
        assert await gate.answer(connect_packet("")) == refusal(Reason.CLIENT_IDENTIFIER_NOT_VALID, 4)
        password_only = connect_as(user_name=None, password=b"x", version=5)
        assert await gate.answer(password_only) == refusal(Reason.WRONG_SECRET, 5)


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_frozen_device_is_told_so_only_with_the_right_secret(open_gate: OpenGate, version: int) -> None:
    async with open_gate() as gate:
        await gate.running.freeze("pump")
        assert await gate.answer(connect_as(version=version)) == refusal(Reason.DEVICE_FROZEN, version)
        assert await gate.answer(connect_as("pump", "wrong", version=version)) == refusal(Reason.WRONG_SECRET, version)


async def test_device_of_a_coap_product_is_refused_over_mqtt(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        await gate.running.create_product("lwm2m", protocol_type="CoAP")
        await gate.running.create_device("meter", SECRET, "lwm2m")
        assert await gate.answer(connect_as("meter")) == refusal(Reason.PROTOCOL_NOT_ALLOWED, 4)


async def test_form_is_judged_before_any_password(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        assert await gate.answer(connect_as(keep_alive=29)) == refusal(Reason.KEEP_ALIVE_OUT_OF_RANGE, 4)
        assert await gate.answer(connect_as(keep_alive=0)) == refusal(Reason.KEEP_ALIVE_OUT_OF_RANGE, 4)
        for version in (3, 4, 5):
            odd = connect_packet("pump", "pump", b"x", version=version)
            assert await gate.answer(odd) == refusal(Reason.CLIENT_IDENTIFIER_NOT_VALID, version)


async def test_version_5_clamps_the_keep_alive_and_says_so(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        assert b"\x13\x00\x1e" in await gate.answer(connect_as(version=5, keep_alive=1))
        assert b"\x13\x04\xb0" in await gate.answer(connect_as(version=5, keep_alive=0))


async def test_version_5_refusals_carry_the_standards_codes(open_gate: OpenGate) -> None:
    malformed = bytearray(connect_as(version=5))
    malformed[malformed.index(b"MQTT\x05") + 5] |= 1
    async with open_gate() as gate:
        for data, code in (
            (bytes(malformed), 0x81),
            (connect_as(version=5, properties=b"\x11\0\0\0\0\x11\0\0\0\0"), 0x82),
            (connect_as(version=6), 0x84),
            (connect_as(version=5, properties=b"\x15\0\x05plain"), 0x8C),
            (connect_as(version=5, will=WillMessage("t", qos=2)), 0x9B),
            (connect_as(version=5, will=WillMessage("t", retain=True)), 0x9A),
        ):
            assert await gate.answer(data) == bytes((0x20, 3, 0, code, 0))


async def test_unknown_older_version_gets_return_code_1(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        assert await gate.answer(connect_as(version=2)) == b"\x20\x02\0\x01"


async def test_what_is_no_connect_is_closed_without_a_word(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        assert await gate.answer(PINGREQ) == b""
        assert await gate.answer(b"GET / HTTP/1.1\r\n\r\n") == b""
        assert await gate.answer(packet(0x10, b"\0\4MQTT")) == b""


async def test_cve_2025_56352_every_refusal_closes_the_socket(open_gate: OpenGate) -> None:
    """tinyMQTT left the socket of a refused CONNECT open; `answer` waits for the close after each."""
    async with open_gate() as gate:
        for data in (connect_as("pump", "wrong"), connect_as("nobody"), connect_as(keep_alive=5), PINGREQ):
            await gate.answer(data)


async def test_packets_sent_behind_connect_are_answered_after_connack(open_gate: OpenGate) -> None:
    async with open_gate() as gate, gate.client() as client:
        await client.send(connect_as() + PINGREQ)
        assert await client.receive_packet() == b"\x20\x02\0\0"
        assert await client.receive_packet() == b"\xd0\0"


async def test_refused_client_that_sends_on_still_reads_why(open_gate: OpenGate) -> None:
    """Closing with unread bytes sends RST, which can overtake the CONNACK."""
    async with open_gate() as gate, gate.client() as client:
        await client.send(connect_as("pump", "wrong") + PINGREQ * 5000)
        assert await client.receive_packet() == refusal(Reason.WRONG_SECRET, 4)
