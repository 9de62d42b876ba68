"""WebSocket frame by frame. What MQTT is like over it, is tests/conformance."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from engine.config import WebSocketConfig
from engine.limits import Limits
from tests.conformance.conftest import SECRET, connect_as
from tests.helpers.mqtt_packets import PINGREQ, disconnect_packet, publish_packet
from tests.helpers.nodes import RunningNode, open_test_node
from tests.helpers.websocket import WebSocketStream

CONNACK = b"\x20\x02\0\0"
PINGRESP = b"\xd0\0"
REQUEST = (
    b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)


class Listener:
    """The WebSocket listener of a running node with the device `pump`."""

    def __init__(self, running: RunningNode) -> None:
        self.running = running

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[trio.SocketStream]:
        address = self.running.address("ws")
        async with await trio.open_tcp_stream(address.host, address.port) as stream:
            yield stream

    @asynccontextmanager
    async def client(self, *arguments: Any, **more: Any) -> AsyncIterator[WebSocketStream]:
        async with self.raw() as stream:
            yield WebSocketStream(stream, *arguments, **more)

    async def status(self, *arguments: Any, **more: Any) -> int | None:
        """The HTTP status that refuses such a client."""
        async with self.client(*arguments, **more) as client:
            with pytest.raises(trio.BrokenResourceError):
                await client.open()
            return client.status

    async def answer(self, request: bytes) -> bytes:
        """All that comes back for these bytes instead of a handshake."""
        async with self.raw() as stream:
            await stream.send_all(request)
            return b"".join([bytes(data) async for data in stream])


Open = Callable[..., AbstractAsyncContextManager[Listener]]


@pytest.fixture
def open_listener(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def opened(origins: tuple[str, ...] = (), **bounds: Any) -> AsyncIterator[Listener]:
        limits = msgspec.structs.replace(Limits(), **bounds)
        with trio.fail_after(60):
            async with open_test_node(tmp_path, limits=limits, websocket=WebSocketConfig(origins=origins)) as running:
                await running.create_product()
                await running.create_device("pump", SECRET)
                yield Listener(running)

    return opened


async def close_code(client: WebSocketStream) -> int | None:
    """Read to the end."""
    while await client.receive_some():
        pass
    return client.close_code


# The handshake


async def test_first_known_subprotocol_is_taken(open_listener: Open) -> None:
    offers = {("mqtt",): "mqtt", ("mqttv3.1",): "mqttv3.1", ("mqttv3.1", "mqtt"): "mqtt", ("chat", "mqtt"): "mqtt"}
    async with open_listener() as listener:
        for offered, taken in offers.items():
            async with listener.client(subprotocols=offered) as client:
                await client.open()
                assert client.subprotocol == taken


async def test_wrong_path_is_404_and_wrong_subprotocol_400(open_listener: Open) -> None:
    async with open_listener() as listener:
        for path in ("/", "/mqtt/", "/MQTT", "/mqttx", "//mqtt"):
            assert await listener.status(path) == 404
        for subprotocols in ((), ("chat",), ("MQTT",)):
            assert await listener.status(subprotocols=subprotocols) == 400
        async with listener.client("/mqtt?token=ignored") as client:
            await client.open()


PAGE, OTHER_PAGE = ("Origin", "https://console.example.com"), ("Origin", "https://evil.example.com")


async def test_any_origin_may_connect_by_default(open_listener: Open) -> None:
    """paho-mqtt sends one, too; the proof is in CONNECT, not in a cookie."""
    async with open_listener() as listener, listener.client(headers=[OTHER_PAGE]) as client:
        await client.open()


async def test_where_origins_are_configured_another_is_403(open_listener: Open) -> None:
    async with open_listener(origins=(PAGE[1],)) as listener:
        assert await listener.status(headers=[OTHER_PAGE]) == 403
        for headers in ((), (PAGE,)):
            async with listener.client(headers=headers) as client:
                await client.open()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (REQUEST.replace(b"GET", b"POST"), b"400"),
        (REQUEST.replace(b"Upgrade: websocket\r\n", b""), b"400"),
        (REQUEST.replace(b"Version: 13", b"Version: 8"), b"426"),
        (REQUEST.replace(b"/mqtt", b"/" + b"x" * 70_000), b"400"),
        (REQUEST.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"), b"400"),
        (b"\x16\3\1\2\0\1\0\1\xfc\3\3" + bytes(600), b"400"),
        (connect_as(), b"400"),
        # wsproto raises UnicodeError for these two.
        (REQUEST.replace(b"localhost", b"\xff"), None),
        (REQUEST.replace(b"Protocol: mqtt", b"Protocol: \xff"), None),
    ],
)
async def test_what_is_no_handshake_is_refused_and_the_listener_lives(
    open_listener: Open, request_bytes: bytes, status: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_listener(secure_connect_seconds=1.0) as listener:
        answer = await listener.answer(request_bytes)
        assert answer.startswith(b"HTTP/1.1 " + status) if status else answer == b""
        async with listener.client() as client:
            await client.send_all(connect_as())
            assert await client.receive_some() == CONNACK
        assert "this is a bug" not in capsys.readouterr().out


async def test_slow_handshake_is_cut_at_the_deadline(open_listener: Open) -> None:
    async with open_listener(secure_connect_seconds=0.3) as listener:
        for start in (b"", REQUEST[:-4], REQUEST):
            answer = await listener.answer(start)
            assert answer.startswith(b"HTTP/1.1 101") is (start == REQUEST)


# Frames and packets


async def test_cve_2026_25627_packets_in_frames_of_any_size(open_listener: Open) -> None:
    """NanoMQ read past the end where a frame was shorter than the packet in it."""
    connect = connect_as()
    async with open_listener() as listener:
        for size in (1, 2, 3, 7, len(connect) - 1):
            async with listener.client() as client:
                for start in range(0, len(connect), size):
                    await client.send_all(connect[start : start + size])
                assert await client.receive_some() == CONNACK


async def test_cve_2026_25627_message_in_fragments_of_one_byte_and_of_none(open_listener: Open) -> None:
    async with open_listener() as listener, listener.client() as client:
        for byte in connect_as():
            await client.send_event(BytesMessage(bytes((byte,)), message_finished=False))
            await client.send_event(BytesMessage(b"", message_finished=False))
        await client.send_event(BytesMessage(b"", message_finished=True))
        assert await client.receive_some() == CONNACK


async def test_several_packets_in_a_frame_are_all_answered(open_listener: Open) -> None:
    async with open_listener() as listener, listener.client() as client:
        await client.send_all(connect_as() + PINGREQ + PINGREQ[:1])
        await client.send_all(PINGREQ[1:])
        answers = b""
        while len(answers) < len(CONNACK + PINGRESP + PINGRESP):
            answers += await client.receive_some()
        assert answers == CONNACK + PINGRESP + PINGRESP


async def test_ping_gets_its_pong_at_any_time(open_listener: Open) -> None:
    async with open_listener() as listener, listener.client() as client:
        await client.send_event(Ping(b"early"))
        await client.send_all(connect_as())
        assert await client.receive_some() == CONNACK
        await client.send_event(Ping(b"late"))
        await client.send_all(PINGREQ)
        assert await client.receive_some() == PINGRESP
        assert client.pongs == [b"early", b"late"]


async def test_empty_messages_are_nothing(open_listener: Open) -> None:
    async with open_listener() as listener, listener.client() as client:
        await client.send_all(b"")
        await client.send_all(connect_as())
        assert await client.receive_some() == CONNACK


# Bounds


async def send_without_end(client: WebSocketStream, fragment: bytes) -> None:
    """Fragments of one message, until the server has closed."""
    with suppress(trio.BrokenResourceError):
        while True:
            await client.send_event(BytesMessage(fragment, message_finished=False))


@pytest.mark.parametrize("fragment", [b"x" * 1000, b"x", b""])
async def test_promise_2_message_over_connects_bound_is_1009(open_listener: Open, fragment: bytes) -> None:
    """Fragments without end, empty ones too: trio-websocket would gather them all."""
    async with open_listener() as listener, listener.client() as client:
        await send_without_end(client, fragment)
        assert await close_code(client) == 1009


async def test_frame_that_announces_much_allocates_nothing(open_listener: Open) -> None:
    async with open_listener(secure_connect_seconds=0.3) as listener, listener.client() as client:
        await client.send_raw(b"\x82\xff" + (1 << 62).to_bytes(8, "big") + b"mask")
        assert await close_code(client) == 1000


async def test_accepted_device_may_send_as_much_as_over_tcp(open_listener: Open) -> None:
    async with open_listener(packet_bytes=100_000) as listener, listener.client() as client:
        await client.send_all(connect_as())
        assert await client.receive_some() == CONNACK
        for _ in range(3):
            await client.send_all(publish_packet("t", b"x" * 90_000, qos=1))
            assert await client.receive_some() == b"\x40\x02\0\1"
        await send_without_end(client, b"x" * 1000)
        assert await close_code(client) == 1009


# Close codes


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x82\x01x", 1002),  # not masked
        (b"\xc2\x81maskx", 1002),  # a reserved bit
        (b"\x83\x80mask", 1002),  # an opcode that is none
        (b"\x80\x80mask", 1002),  # a continuation of nothing
        (b"\x89\xfe\x00\x80mask" + bytes(128), 1002),  # a Ping over 125 bytes
        (b"\x81\x81\0\0\0\0\xff", 1007),  # text that is not UTF-8
        (b"\x81\x81\0\0\0\0x", 1003),  # [MQTT-6.0.0-1]
    ],
)
async def test_broken_frame_is_told_by_its_close_code(open_listener: Open, data: bytes, code: int) -> None:
    async with open_listener() as listener, listener.client() as client:
        await client.send_raw(data)
        assert await close_code(client) == code


async def test_text_from_an_accepted_device_is_1003(open_listener: Open) -> None:
    async with open_listener() as listener, listener.client() as client:
        await client.send_all(connect_as())
        await client.send_event(TextMessage("hello"))
        assert await close_code(client) == 1003


async def test_end_of_the_session_is_told_by_its_close_code(open_listener: Open) -> None:
    ends = {
        connect_as() + disconnect_packet(): 1000,
        connect_as(version=5) + connect_as(version=5): 1002,
        connect_as() + b"\x30\xff\xff\xff\x7f": 1009,
        connect_as("pump", "wrong"): 1008,
        PINGREQ: 1002,
    }
    async with open_listener(refusal_tick_seconds=0.001) as listener:
        for data, code in ends.items():
            async with listener.client() as client:
                await client.send_all(data)
                assert await close_code(client) == code


async def test_end_by_the_engine_is_told_by_its_close_code(open_listener: Open) -> None:
    async with open_listener() as listener, listener.client() as older, listener.client() as newer:
        for client in (older, newer):
            await client.send_all(connect_as())
            assert await client.receive_some() == CONNACK
        assert await close_code(older) == 1000
        await listener.running.freeze("pump")
        assert await close_code(newer) == 1008
        await listener.running.unfreeze("pump")
        async with listener.client() as last:
            await last.send_all(connect_as())
            assert await last.receive_some() == CONNACK
            await listener.running.node.drain()
            assert await close_code(last) == 1001


async def test_busy_node_asks_to_try_again_later(open_listener: Open) -> None:
    async with open_listener(pending_soft=0) as listener, listener.client() as client:
        await client.send_all(connect_as())
        assert await client.receive_some() == b"\x20\x02\0\3"
        assert await close_code(client) == 1013


async def test_close_of_the_device_is_answered_once(open_listener: Open) -> None:
    async with open_listener() as listener, listener.client() as client:
        await client.send_all(connect_as())
        assert await client.receive_some() == CONNACK
        await client.send_event(CloseConnection(1000))
        assert await close_code(client) == 1000
        assert await client.receive_below() == b""
        assert (await listener.running.show_device("pump"))["status"] == "OFFLINE"
