"""MQTT over WebSocket (MQTT 5 section 6): trio-websocket on top of another transport.

trio-websocket gathers a whole message before it gives it out, and reads ahead. Both are held in from below: it is given
bytes only while somebody waits for a message, and so many for one message. What it leaves unsaid when a connection ends
(it closes without a Close frame where the peer broke the protocol) is said here.
"""

import contextlib
from collections.abc import AsyncIterator, Collection

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, wrap_server_stream
from wsproto.frame_protocol import CloseReason as Close
from wsproto.frame_protocol import FrameProtocol
from wsproto.utilities import ProtocolError

from engine.limits import Limits
from engine.listeners.transport import HandshakeFailed, Transport, Why
from engine.observe.handshake import HandshakeFault
from engine.session.table import CloseReason
from engine.verdict.outcome import Reason

PATH = "/mqtt"
SUBPROTOCOLS = ("mqtt", "mqttv3.1")
"""[MQTT-6.0.0-3], and what clients of MQTT 3.1 say; the first of these that the client offers is taken."""

_FRAMING_BYTES = 1024
"""Allowed for frame headers and control frames beside a message."""
_CLOSE_FRAME = 0x88  # FIN and opcode 8, the first byte of a Close frame

_CLOSE_OF: dict[Reason | CloseReason, Close] = {
    CloseReason.TAKEN_OVER: Close.NORMAL_CLOSURE,
    CloseReason.ADMINISTRATIVE: Close.POLICY_VIOLATION,
    CloseReason.SHUTTING_DOWN: Close.GOING_AWAY,
    Reason.MALFORMED_PACKET: Close.PROTOCOL_ERROR,
    Reason.PROTOCOL_ERROR: Close.PROTOCOL_ERROR,
    Reason.PACKET_TOO_LARGE: Close.MESSAGE_TOO_BIG,
    Reason.REGISTRY_UNAVAILABLE: Close.TRY_AGAIN_LATER,
    Reason.SERVER_BUSY: Close.TRY_AGAIN_LATER,
    Reason.RATE_EXCEEDED: Close.TRY_AGAIN_LATER,
}
"""RFC 6455 section 7.4.1 for why a connection ends; every other refusal is a policy violation."""

_UNSAID = frozenset({Close.PROTOCOL_ERROR, Close.INVALID_FRAME_PAYLOAD_DATA})
"""Faults in a peer's frames, for which trio-websocket just closes."""

_STATUS_OF = {
    HandshakeFault.PATH_UNKNOWN: 404,
    HandshakeFault.SUBPROTOCOL_UNKNOWN: 400,
    HandshakeFault.ORIGIN_NOT_ALLOWED: 403,
}


class WebSocketTransport:
    """Over `carrier` (TCP or TLS). `origins`: as config.WebSocketConfig."""

    def __init__(self, carrier: Transport, limits: Limits, origins: Collection[str] = ()) -> None:
        self._carrier = carrier
        self._limits = limits
        self._origins = origins
        self._stream = _Stream(carrier, limits.connect_packet_bytes)
        self._connection: WebSocketConnection | None = None
        self._close = Close.NORMAL_CLOSURE

    @property
    def peer_certificates(self) -> tuple[bytes, ...]:
        """As Transport.peer_certificates: the carrier's."""
        return self._carrier.peer_certificates

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """As Transport.opened, the carrier's handshake first."""
        async with self._carrier.opened():
            fault: HandshakeFault | None = HandshakeFault.BAD_REQUEST
            try:
                async with trio.open_nursery() as nursery:
                    fault = await self._shake_hands(nursery)
                    if fault is None:
                        yield
                    nursery.cancel_scope.cancel()
            except* (ConnectionClosed, ProtocolError):
                pass  # what trio-websocket's reader lets out where a peer's frames are odd: the connection is over
            except* UnicodeError:
                if fault is None:
                    raise
                # The same in a request: wsproto decodes header fields as it finds them.
            if fault is not None:
                raise HandshakeFailed(fault)

    async def _shake_hands(self, nursery: trio.Nursery) -> HandshakeFault | None:
        stream, request = self._stream, None
        stream.demand.set()
        with stream.ended:
            request = await wrap_server_stream(
                nursery, stream, max_message_size=self._limits.packet_bytes + _FRAMING_BYTES
            )
        if request is None:
            return HandshakeFault.PEER_GONE if stream.is_broken else HandshakeFault.BAD_REQUEST
        subprotocol = next((name for name in SUBPROTOCOLS if name in request.proposed_subprotocols), None)
        fault = self._fault_of(request, subprotocol)
        if fault is not None:
            await request.reject(_STATUS_OF[fault])
            return fault
        self._connection = await request.accept(subprotocol=subprotocol)
        stream.message_delivered()
        return None

    def _fault_of(self, request: WebSocketRequest, subprotocol: str | None) -> HandshakeFault | None:
        if request.path.partition("?")[0] != PATH:
            return HandshakeFault.PATH_UNKNOWN
        origins = [value.decode("latin-1") for name, value in request.headers if name == b"origin"]
        if self._origins and any(origin not in self._origins for origin in origins):
            return HandshakeFault.ORIGIN_NOT_ALLOWED
        return HandshakeFault.SUBPROTOCOL_UNKNOWN if subprotocol is None else None

    def accepted(self) -> None:
        """As Transport.accepted."""
        self._stream.message_bytes = self._limits.packet_bytes
        self._carrier.accepted()

    async def receive(self) -> bytes:
        """As Transport.receive: a binary message, which need not be a whole packet nor only one."""
        while self._connection is not None:
            self._stream.demand.set()
            try:
                message = await self._connection.get_message()
            except ConnectionClosed as closed:
                if self._stream.is_overrun:
                    self._close = Close.MESSAGE_TOO_BIG
                elif closed.reason is not None and closed.reason.code in _UNSAID:
                    self._close = Close(closed.reason.code)
                return b""
            self._stream.message_delivered()
            if isinstance(message, str):
                self._close = Close.UNSUPPORTED_DATA  # [MQTT-6.0.0-1]
                return b""
            if message:
                return message
        return b""

    async def send(self, data: bytes) -> None:
        """As Transport.send: one binary message."""
        if self._connection is None:
            return
        try:
            await self._connection.send_message(data)
        except ConnectionClosed:
            raise BrokenPipeError from None

    def say_goodbye(self, data: bytes, why: Why) -> None:
        """As Transport.say_goodbye: a binary message and a Close frame; the peer's Close is not waited for."""
        frames = bytearray()
        if self._connection is not None and self._stream.takes_frames:
            protocol = FrameProtocol(client=False, extensions=[])
            if data:
                frames += protocol.send_data(data)
            frames += protocol.close(self._close if why is None else _CLOSE_OF.get(why, Close.POLICY_VIOLATION))
        self._carrier.say_goodbye(bytes(frames), why)

    def close(self) -> None:
        """As Transport.close."""
        self._carrier.close()


class _Stream(trio.abc.Stream):
    """The carrier as trio-websocket wants it: read on demand, bounded, and closed by nobody but the front."""

    def __init__(self, carrier: Transport, message_bytes: int) -> None:
        self._carrier = carrier
        self._received = 0
        self._is_sending = False
        self._has_sent_close = False
        self.message_bytes = message_bytes
        self.is_overrun = False
        self.is_broken = False
        self.demand = trio.Event()
        self.ended = trio.CancelScope()
        """Cancelled when trio-websocket is done with the carrier: it would let whoever awaits a request wait on."""

    @property
    def takes_frames(self) -> bool:
        """Whether a frame may be written now: not in the middle of another, and not behind a Close frame."""
        return not (self._is_sending or self._has_sent_close)

    def message_delivered(self) -> None:
        """Count anew for the next message, and read on only when it is asked for."""
        self._received = 0
        self.demand = trio.Event()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002 - the carrier knows its size
        """As trio's; BrokenResourceError too when a message is too large."""
        await self.demand.wait()
        if self._received > self.message_bytes + _FRAMING_BYTES:
            self.is_overrun = True
            raise trio.BrokenResourceError
        try:
            data = await self._carrier.receive()
        except OSError as error:
            self._break()
            raise trio.BrokenResourceError from error
        self._received += len(data)
        if not data:
            self._break()
        return data

    def _break(self) -> None:
        self.is_broken = True
        self.ended.cancel()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """As trio's; a call for each frame."""
        self._is_sending = True
        try:
            await self._carrier.send(bytes(data))
        except OSError as error:
            raise trio.BrokenResourceError from error
        self._is_sending = False
        self._has_sent_close |= data[0] == _CLOSE_FRAME

    async def wait_send_all_might_not_block(self) -> None:
        """As trio's; nobody asks."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """As trio's; the socket stays open for the goodbye."""
        self.ended.cancel()
        await trio.lowlevel.checkpoint()
