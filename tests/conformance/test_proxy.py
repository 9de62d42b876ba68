"""Behind a balancer: the PROXY header is mandatory, restricts, never proves, and every limit counts by its address."""

import contextlib
import urllib.request
from typing import Any

import pytest
import trio
import trio.lowlevel

from engine.verdict.outcome import Reason
from tests.conformance.conftest import Gate, OpenGate, connect_as
from tests.conformance.test_connect import refusal
from tests.helpers.mqtt_packets import PINGREQ
from tests.helpers.proxy_headers import (
    LOCAL,
    SOURCE_6,
    UNIX_STREAM,
    VERIFIED,
    tlv,
    v1,
    v2,
    with_crc32c,
)

LISTENERS = ("mqtt", "mqtts", "ws", "wss")
BEHIND_LOOPBACK = {"proxy": dict.fromkeys(LISTENERS, ("127.0.0.0/8",)), "exempt_networks": ()}
BEHIND_ANOTHER = {"proxy": dict.fromkeys(LISTENERS, ("10.0.0.0/8", "::1/128"))}
ACCEPTED = b"\x20\x02\0\0"
ELSEWHERE = v2(source=("203.0.113.8", 40_000))


async def metric(gate: Gate, name: str, reason: str = "") -> float:
    """The value of a counter of the gate's listener."""
    url = f"http://{gate.running.addresses['api']}/metrics"
    text = await trio.to_thread.run_sync(lambda: urllib.request.urlopen(url).read().decode())
    labels = f'listener="{gate.listener}",protocol="{gate.listener}"' + (f',reason="{reason}"' if reason else "")
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name}{{{labels}}}"))


async def is_closed_unheard(gate: Gate, header: bytes) -> None:
    """Not one byte comes back, whatever is sent behind the header."""
    host, port = gate.running.addresses[gate.listener].rsplit(":", 1)
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.send_all(header)
            await stream.send_eof()
            assert await stream.receive_some() == b""


@pytest.mark.parametrize(
    "header",
    [
        v1(),
        v1(SOURCE_6, ("2001:db8::1", 1)),
        b"PROXY UNKNOWN\r\n",
        v2(),
        with_crc32c(tlv(2, b"gate.example.com"), tlv(0x20, VERIFIED + tlv(0x22, b"another-device"))),
        v2(family=UNIX_STREAM, addresses=bytes(216)),
    ],
    ids=["v1", "v1-tcp6", "v1-unknown", "v2", "v2-tlvs", "v2-unix"],
)
async def test_device_behind_a_balancer_is_judged_by_its_own_proof(open_gate: OpenGate, header: bytes) -> None:
    async with open_gate(overrides=BEHIND_LOOPBACK, refusal_tick_seconds=0.01) as gate:
        async with gate.client(header) as client:
            assert await client.exchange(connect_as()) == ACCEPTED
            assert await client.exchange(PINGREQ) == b"\xd0\0"
        assert await gate.answer(connect_as("pump", "wrong"), header) == refusal(Reason.WRONG_SECRET, 4)


async def test_header_byte_by_byte_is_read(open_gate: OpenGate) -> None:
    async with open_gate(overrides=BEHIND_LOOPBACK) as gate:
        for header in (v1(), v2(tlv(4, bytes(20)))):
            host, port = gate.running.addresses["mqtt"].rsplit(":", 1)
            async with await trio.open_tcp_stream(host, int(port)) as stream:
                stream.setsockopt(6, 1, 1)  # TCP_NODELAY
                for byte in header + connect_as():
                    await stream.send_all(bytes((byte,)))
                    await trio.lowlevel.checkpoint()
                assert await stream.receive_some() == ACCEPTED


async def test_connection_without_a_header_is_closed_unheard(open_gate: OpenGate) -> None:
    async with open_gate(overrides=BEHIND_LOOPBACK) as gate:
        for data in (
            connect_as(),
            b"GET /mqtt HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
            v2()[:-1],
            v2(tlv(3, bytes(4))),
        ):
            await is_closed_unheard(gate, data)
        assert await metric(gate, "keyturn_handshakes_failed_total", "not_proxied") == 4
        assert await metric(gate, "keyturn_handshakes_failed_total", "peer_gone") == 1
        assert await gate.answer(connect_as(), v2()) == ACCEPTED


async def test_source_outside_the_trusted_networks_is_closed_before_a_byte_is_read(open_gate: OpenGate) -> None:
    async with open_gate(overrides=BEHIND_ANOTHER) as gate:
        await is_closed_unheard(gate, b"")
        await is_closed_unheard(gate, v2() + connect_as())
        assert await metric(gate, "keyturn_handshakes_failed_total", "untrusted_balancer") == 2


async def test_header_on_a_listener_that_takes_none_is_no_mqtt(open_gate: OpenGate) -> None:
    """Else anybody could choose the address that limits count by."""
    async with open_gate(connect_seconds=1.0) as gate:
        host, port = gate.running.addresses[gate.listener].rsplit(":", 1)
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(v1() + connect_as())
                assert ACCEPTED not in bytes(await stream.receive_some() or b"")


async def test_health_check_is_closed_quietly_and_not_counted(open_gate: OpenGate) -> None:
    async with open_gate(overrides=BEHIND_LOOPBACK) as gate:
        for header in (v2(command=LOCAL, family=0, addresses=b""), b"", v2(command=LOCAL)):
            await is_closed_unheard(gate, header)
        assert await metric(gate, "keyturn_connections_total") == 0
        for reason in ("cut", "peer_gone", "not_proxied"):
            assert await metric(gate, "keyturn_handshakes_failed_total", reason) == 0
        assert await gate.answer(connect_as(), v2()) == ACCEPTED
        assert await metric(gate, "keyturn_connections_total") == 1


async def test_header_has_its_own_seconds_inside_the_time_for_connect(open_gate: OpenGate) -> None:
    async with open_gate(overrides=BEHIND_LOOPBACK, proxy_seconds=0.2) as gate:
        host, port = gate.running.addresses[gate.listener].rsplit(":", 1)
        for beginning in (b"", v2()[:20]):
            async with await trio.open_tcp_stream(host, int(port)) as stream:
                await stream.send_all(beginning)
                assert await stream.receive_some() == b""
        assert await metric(gate, "keyturn_handshakes_failed_total", "cut") == 2


async def test_time_for_connect_runs_from_accept_and_not_from_the_header(open_gate: OpenGate) -> None:
    async with open_gate(overrides=BEHIND_LOOPBACK, connect_seconds=0.4, proxy_seconds=60.0) as gate:
        host, port = gate.running.addresses[gate.listener].rsplit(":", 1)
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            with contextlib.suppress(trio.BrokenResourceError):
                for byte in v2(tlv(4, bytes(1000))):
                    await stream.send_all(bytes((byte,)))
                    await trio.sleep(0.01)
                raise AssertionError("a header of 1,000 pieces outlived the time for CONNECT")


async def test_failed_attempts_count_by_the_address_of_the_header(open_gate: OpenGate) -> None:
    async with open_gate(overrides=BEHIND_LOOPBACK, refusal_tick_seconds=0.01, failures_per_pair=3) as gate:
        for _ in range(3):
            assert await gate.answer(connect_as("pump", "wrong"), v2()) == refusal(Reason.WRONG_SECRET, 4)
        assert await gate.answer(connect_as(), v2()) == refusal(Reason.RATE_EXCEEDED, 4)
        assert await gate.answer(connect_as(), v1()) == refusal(Reason.RATE_EXCEEDED, 4)
        assert await gate.answer(connect_as(), ELSEWHERE) == ACCEPTED
        attempts = await attempts_on(gate, "pump")
        assert attempts[0]["address"] == "203.0.113.8"
        assert {attempt["address"] for attempt in attempts[1:]} == {"203.0.113.7"}


async def test_exempt_networks_are_asked_of_the_header_and_not_of_the_balancer(open_gate: OpenGate) -> None:
    exempt = {**BEHIND_LOOPBACK, "exempt_networks": ("127.0.0.0/8", "198.51.100.0/24")}
    async with open_gate(overrides=exempt, refusal_tick_seconds=0.01, failures_per_pair=1) as gate:
        tester = v2(source=("198.51.100.1", 1))
        for header, then in ((v2(), refusal(Reason.RATE_EXCEEDED, 4)), (tester, ACCEPTED)):
            assert await gate.answer(connect_as("pump", "wrong"), header) == refusal(Reason.WRONG_SECRET, 4)
            assert await gate.answer(connect_as(), header) == then


async def test_share_of_the_pending_is_of_the_address_in_the_header(open_gate: OpenGate) -> None:
    async with open_gate(overrides=BEHIND_LOOPBACK, pending_per_prefix=1) as gate, gate.client(v2()) as first:
        await beyond_the_header(gate, 1)
        await is_closed_unheard(gate, v2())
        assert await metric(gate, "keyturn_connections_shed_total") == 1
        assert await gate.answer(connect_as(), ELSEWHERE) == ACCEPTED
        assert await first.exchange(connect_as()) == ACCEPTED
        assert await gate.answer(connect_as(), v2()) == ACCEPTED, "an accepted one has left the pending"


async def test_balancer_without_headers_yet_is_held_by_the_cap_on_all(open_gate: OpenGate) -> None:
    bounds = {"pending_hard": 4, "pending_per_prefix": 1}
    async with open_gate(overrides=BEHIND_LOOPBACK, **bounds) as gate, contextlib.AsyncExitStack() as stack:
        host, port = gate.running.addresses[gate.listener].rsplit(":", 1)
        silent = [await stack.enter_async_context(await trio.open_tcp_stream(host, int(port))) for _ in range(8)]
        for stream in silent[:4]:
            assert await stream.receive_some() == b""
        assert await metric(gate, "keyturn_handshakes_failed_total", "cut") == 4
        assert await metric(gate, "keyturn_connections_total") == 4, "who still may be a health check is not counted"


async def test_balancer_that_names_nobody_has_a_share_like_anybody(open_gate: OpenGate) -> None:
    """In it those do not count whose header has not come."""
    unknown = b"PROXY UNKNOWN\r\n"
    async with open_gate(overrides=BEHIND_LOOPBACK, pending_per_prefix=1) as gate:
        host, port = gate.running.addresses[gate.listener].rsplit(":", 1)
        async with await trio.open_tcp_stream(host, int(port)), gate.client(unknown) as first:
            await beyond_the_header(gate, 1)
            await is_closed_unheard(gate, unknown)
            assert await metric(gate, "keyturn_connections_shed_total") == 1
            assert await first.exchange(connect_as()) == ACCEPTED


@pytest.mark.parametrize(
    "restriction", [tlv(0x20, b"\x07\0\0\0\x14"), tlv(1, b"h2")], ids=["bad-certificate", "other-protocol"]
)
async def test_header_may_forbid_what_the_secret_would_allow(open_gate: OpenGate, restriction: bytes) -> None:
    async with open_gate(overrides=BEHIND_LOOPBACK) as gate:
        await is_closed_unheard(gate, v2(restriction))
        assert await metric(gate, "keyturn_handshakes_failed_total", "forbidden_by_balancer") == 1
        assert await gate.answer(connect_as(), v2()) == ACCEPTED


async def beyond_the_header(gate: Gate, count: int) -> None:
    """Wait until the node has read so many headers."""
    while await metric(gate, "keyturn_connections_total") < count:
        await trio.sleep(0.01)


async def attempts_on(gate: Gate, device_id: str) -> list[dict[str, Any]]:
    answer = await trio.to_thread.run_sync(gate.running.api.get, f"/keyturn/devices/{device_id}/attempts")
    attempts: list[dict[str, Any]] = answer["attempts"]
    return attempts
