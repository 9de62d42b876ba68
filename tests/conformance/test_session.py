"""What an accepted device may do, and how its session ends."""

import pytest
import trio

from engine.verdict.outcome import Reason
from tests.conformance.conftest import OpenGate, connect_as
from tests.conformance.test_connect import refusal
from tests.helpers.mqtt_packets import (
    PINGREQ,
    disconnect_packet,
    publish_packet,
    subscribe_packet,
    unsubscribe_packet,
)

OWN = "$oc/devices/pump/sys/commands/#"


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_accepted_device_pings_publishes_and_subscribes(open_gate: OpenGate, version: int) -> None:
    async with open_gate() as gate, gate.client() as client:
        assert (await client.exchange(connect_as(version=version)))[2:4] == b"\0\0"
        assert await client.exchange(PINGREQ) == b"\xd0\0"
        suback = await client.exchange(subscribe_packet((OWN, 1), ("#", 0), version=version))
        assert suback[-2:] == (b"\x01\x87" if version == 5 else b"\x01\x80")
        puback = await client.exchange(publish_packet("t", b"x", qos=1, packet_identifier=7, version=version))
        assert puback == (b"\x40\x03\0\x07\x10" if version == 5 else b"\x40\x02\0\x07")
        unsuback = await client.exchange(unsubscribe_packet(OWN, version=version))
        assert unsuback[0] == 0xB0
        await client.send(disconnect_packet())
        assert await client.is_closed()


async def test_large_publish_is_taken_and_one_over_the_bound_ends_the_session(open_gate: OpenGate) -> None:
    async with open_gate(packet_bytes=100_000) as gate, gate.client() as client:
        await client.exchange(connect_as(version=5))
        taken = await client.exchange(publish_packet("t", b"x" * 90_000, qos=1, packet_identifier=1, version=5))
        assert taken == b"\x40\x03\0\x01\x10"
        answer = await client.exchange(publish_packet("t", b"x" * 100_000, qos=1, packet_identifier=2, version=5)[:10])
        assert answer[:1] + answer[2:3] == b"\xe0\x95"
        assert await client.is_closed()


async def test_protocol_error_ends_the_session_with_its_code(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        for version, goodbye in ((4, b""), (5, b"\x82")):
            async with gate.client() as client:
                await client.exchange(connect_as(version=version))
                answer = await client.exchange(connect_as(version=version))
                assert answer[2:3] == goodbye
                assert answer == b"" or await client.is_closed()


async def test_newer_connection_takes_over_by_device_whatever_the_client_identifier(open_gate: OpenGate) -> None:
    """The Client Identifier changes every hour, so the take-over is keyed by device_id."""
    async with open_gate() as gate, gate.client() as older, gate.client() as newer:
        await older.exchange(connect_as(version=5, sign_type=0, stamp="2026010100"))
        assert (await newer.exchange(connect_as(version=5, sign_type=0, stamp="2026010101")))[2:4] == b"\0\0"
        goodbye = await older.receive_packet()
        assert goodbye[:1] + goodbye[2:3] == b"\xe0\x8e"
        assert await older.is_closed()
        assert await newer.exchange(PINGREQ) == b"\xd0\0"


async def test_refused_connection_does_not_disturb_the_live_session(open_gate: OpenGate) -> None:
    async with open_gate() as gate, gate.client() as live:
        await live.exchange(connect_as())
        await gate.answer(connect_as("pump", "wrong"))
        assert await live.exchange(PINGREQ) == b"\xd0\0"


async def test_cve_2021_34434_live_session_ends_when_the_device_is_frozen_or_deleted(open_gate: OpenGate) -> None:
    """mosquitto kept old subscriptions of a client whose access was removed."""
    async with open_gate() as gate:
        async with gate.client() as live:
            await live.exchange(connect_as(version=5))
            await gate.running.freeze("pump")
            assert (await live.receive_packet())[2:3] == b"\x98"
            assert await live.is_closed()
        assert await gate.answer(connect_as()) == refusal(Reason.DEVICE_FROZEN, 4)
        await gate.running.unfreeze("pump")
        async with gate.client() as live:
            await live.exchange(connect_as())
            await gate.running.delete_device("pump")
            assert await live.is_closed()
        assert await gate.answer(connect_as()) == refusal(Reason.UNKNOWN_DEVICE, 4)


async def test_device_made_again_under_its_old_id_has_its_new_secret_only(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        assert (await gate.answer(connect_as()))[3] == 0
        await gate.running.delete_device("pump")
        await gate.running.create_device("pump", "another-secret")
        assert await gate.answer(connect_as()) == refusal(Reason.WRONG_SECRET, 4)
        assert (await gate.answer(connect_as("pump", "another-secret")))[3] == 0


async def test_silence_over_one_and_a_half_keep_alives_ends_the_session(open_gate: OpenGate) -> None:
    async with open_gate(keep_alive_factor=0.01) as gate, gate.client() as client:
        await client.exchange(connect_as(keep_alive=30))
        for _ in range(5):
            await trio.sleep(0.1)
            assert await client.exchange(PINGREQ) == b"\xd0\0", "each packet starts the time anew"
        assert await client.is_closed()


async def test_device_status_follows_the_session(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        assert (await gate.running.show_device("pump"))["status"] == "INACTIVE"
        async with gate.client() as client:
            await client.exchange(connect_as())
            assert (await gate.running.show_device("pump"))["status"] == "ONLINE"
            await client.send(disconnect_packet())
            assert await client.is_closed()
        assert (await gate.running.show_device("pump"))["status"] == "OFFLINE"


async def test_draining_node_says_goodbye_and_takes_no_more(open_gate: OpenGate) -> None:
    async with open_gate() as gate, gate.client() as live, gate.client() as silent:
        await live.exchange(connect_as(version=5))
        await gate.running.node.drain()
        assert (await live.receive_packet())[2:3] == b"\x8b"
        assert await live.is_closed()
        assert await silent.is_closed()
        with pytest.raises(OSError, match="connect"):
            async with gate.client():
                pass
