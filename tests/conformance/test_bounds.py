"""What a hostile or a hapless peer can cost: THREATS promises 1 to 4, with bounds shrunk to test size."""

import contextlib
import gc
import random
from pathlib import Path

import pytest
import trio

from engine.verdict.outcome import Reason
from tests.conformance.conftest import FRONTS, OpenGate, connect_as
from tests.conformance.test_connect import refusal
from tests.helpers.mqtt_packets import PINGREQ, WillMessage, packet

NOT_EXEMPT = {"exempt_networks": ()}


async def test_promise_1_silent_peer_is_closed_at_the_deadline(open_gate: OpenGate) -> None:
    async with open_gate(connect_seconds=0.2) as gate, gate.client() as silent:
        assert await silent.is_closed()


async def test_cve_2020_13849_trickling_peer_is_closed_at_the_same_deadline(open_gate: OpenGate) -> None:
    """SlowITe: bytes that keep coming do not move CONNECT's deadline, and the keep-alive has a cap of the server's."""
    async with open_gate(connect_seconds=0.3) as gate, gate.client() as trickling:
        connect, sent = connect_as(), 0
        with contextlib.suppress(trio.BrokenResourceError):
            while sent < len(connect):
                await trickling.send(connect[sent : sent + 1])
                sent += 1
                await trio.sleep(0.02)
        assert sent < len(connect)


async def test_connect_in_pieces_is_accepted(open_gate: OpenGate) -> None:
    async with open_gate() as gate, gate.client() as client:
        for byte in connect_as():
            await client.send(bytes((byte,)))
        assert await client.receive_packet() == b"\x20\x02\0\0"


async def test_promise_2_connect_over_its_bound_is_refused_before_it_is_sent(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        assert await gate.answer(b"\x10" + b"\x81\x80\x02") == b"", "32 KiB + 1 announced, not one byte of it sent"


def rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_cve_2017_7651_and_cve_2023_0809_announced_lengths_allocate_nothing(open_gate: OpenGate) -> None:
    """14 packet types that claim 256 MB, 20 connections each."""
    async with open_gate(refusal_tick_seconds=0.001) as gate:
        await gate.answer(connect_as())
        gc.collect()
        before = rss_bytes()
        for packet_type in range(1, 15):
            first = packet_type << 4 | (2 if packet_type in (6, 8, 10) else 0)
            for _ in range(20):
                assert await gate.answer(bytes((first, 0xFF, 0xFF, 0xFF, 0x7F))) == b""
        gc.collect()
        assert rss_bytes() - before < 16 << 20


async def test_cve_2021_33175_and_33176_crafted_packets_leave_no_memory_behind(open_gate: OpenGate) -> None:
    """EMQX and VerneMQ grew until they were killed: 1,500 mutations of CONNECT, each on a connection of its own."""
    dice = random.Random(33175)
    seeds = [connect_as(version=version, will=WillMessage("t", b"x" * 200)) for version in (3, 4, 5)]

    def mutated() -> bytes:
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        return bytes(data[: dice.randint(1, len(data))])

    async with open_gate(connect_seconds=0.2, refusal_tick_seconds=0.001) as gate:

        async def peers(count: int) -> None:
            for _ in range(count):
                # The node may cut a peer in its handshake, whose deadline is short here.
                with contextlib.suppress(trio.BrokenResourceError):
                    async with gate.client() as client:
                        await client.send(mutated())

        await peers(100)
        gc.collect()
        before = rss_bytes()
        async with trio.open_nursery() as nursery:
            for _ in range(15):
                nursery.start_soon(peers, 100)
        gc.collect()
        assert rss_bytes() - before < 16 << 20
        assert (await gate.answer(connect_as()))[3] == 0


async def test_cve_2026_21888_five_byte_length_is_refused(open_gate: OpenGate) -> None:
    async with open_gate() as gate:
        assert await gate.answer(b"\x10\xff\xff\xff\xff\x01") == b""


async def test_promise_3_prefix_has_a_share_of_the_pending(open_gate: OpenGate) -> None:
    async with open_gate(overrides=NOT_EXEMPT, pending_per_prefix=2) as gate, gate.client() as first, gate.client():
        async with gate.client() as third:
            assert await third.is_closed()
        assert (await first.exchange(connect_as()))[3] == 0
        async with gate.client() as fourth:
            assert (await fourth.exchange(connect_as()))[3] == 0, "an accepted one has left the pending"


@pytest.mark.parametrize("open_gate", [front for front in FRONTS if front.id != "native-tls"], indirect=True)
async def test_promise_3_above_the_soft_mark_connect_is_answered_busy(open_gate: OpenGate) -> None:
    async with open_gate(pending_soft=1) as gate, gate.client():
        for version in (3, 4, 5):
            assert await gate.answer(connect_as(version=version)) == refusal(Reason.SERVER_BUSY, version)
            wrong = connect_as("pump", "wrong", version=version)
            assert await gate.answer(wrong) == refusal(Reason.SERVER_BUSY, version)


@pytest.mark.parametrize("open_gate", [front for front in FRONTS if front.id == "native-tls"], indirect=True)
async def test_promise_3_above_the_soft_mark_who_has_shaken_hands_with_c_is_judged_and_counted(
    open_gate: OpenGate,
) -> None:
    """Refused, a device would come back for another handshake. No guess goes uncounted for it, be the device known."""
    async with open_gate(overrides=NOT_EXEMPT, pending_soft=1, failures_per_pair=2) as gate, gate.client():
        for _ in range(2):
            assert (await gate.answer(connect_as()))[3] == 0
        for _ in range(2):
            assert await gate.answer(connect_as("pump", "wrong")) == refusal(Reason.WRONG_SECRET, 4)
        assert await gate.answer(connect_as()) == refusal(Reason.RATE_EXCEEDED, 4)


async def test_promise_3_above_the_hard_mark_the_oldest_without_progress_goes(open_gate: OpenGate) -> None:
    async with open_gate(pending_hard=2) as gate, gate.client() as live:
        await live.exchange(connect_as())
        async with gate.client() as first, gate.client() as second:
            await first.send(b"\x10")
            await trio.sleep(0.05)
            await second.send(b"\x10")
            await trio.sleep(0.05)
            await first.send(b"\x7f")
            await trio.sleep(0.05)
            async with gate.client():
                assert await second.is_closed()
        assert await live.exchange(PINGREQ) == b"\xd0\0", "an authenticated session is never dropped"


@pytest.mark.parametrize("version", [4, 5])
async def test_promise_4_the_sixteenth_attempt_is_rate_exceeded(open_gate: OpenGate, version: int) -> None:
    async with open_gate(overrides=NOT_EXEMPT, refusal_tick_seconds=0.01) as gate:
        await gate.running.create_device("valve", "another-secret")
        for _ in range(15):
            assert await gate.answer(connect_as("pump", "wrong", version=version)) == refusal(
                Reason.WRONG_SECRET, version
            )
        assert await gate.answer(connect_as(version=version)) == refusal(Reason.RATE_EXCEEDED, version)
        assert (await gate.answer(connect_as("valve", "another-secret", version=version)))[3] == 0


async def test_hundreds_of_broken_peers_leave_the_listener_alive(open_gate: OpenGate) -> None:
    garbage = [b"", b"\0", b"\x10\x00", b"\xff" * 100, packet(0x10, b"\0\4MQTT\5\2\0\x3c\xff"), connect_as()[:-5]]
    async with open_gate(connect_seconds=2.0) as gate:

        async def peer(data: bytes) -> None:
            # 600 handshakes at once, both sides on this thread: some are cut at the deadline, as they should.
            with contextlib.suppress(trio.BrokenResourceError):
                async with gate.client() as client:
                    await client.send(data)

        async with trio.open_nursery() as nursery:
            for number in range(300):
                nursery.start_soon(peer, garbage[number % len(garbage)])
        assert (await gate.answer(connect_as()))[3] == 0
