"""A WebSocket client on wsproto alone, frame by frame under the test's control."""

from collections.abc import Iterable

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Pong, RejectConnection, Request

_READ_BYTES = 16 * 1024


class WebSocketStream:
    """What MQTT needs of a stream, in binary messages. The handshake comes with the first use, as trio.SSLStream's."""

    def __init__(
        self,
        below: trio.abc.Stream,
        path: str = "/mqtt",
        subprotocols: Iterable[str] = ("mqtt",),
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._below = below
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []
        extra = [(name.encode(), value.encode()) for name, value in headers]
        self._request = Request(host="localhost", target=path, subprotocols=list(subprotocols), extra_headers=extra)
        self._is_open = False
        self.status: int | None = None
        """The HTTP status of a refusal."""
        self.subprotocol: str | None = None
        self.close_code: int | None = None
        self.pongs: list[bytes] = []

    async def open(self) -> None:
        """BrokenResourceError when it is refused; `status` says how."""
        if self._is_open:
            return
        await self._below.send_all(self._protocol.send(self._request))
        answer = await self._next()
        if not isinstance(answer, AcceptConnection):
            self.status = answer.status_code if isinstance(answer, RejectConnection) else None
            raise trio.BrokenResourceError
        self.subprotocol = answer.subprotocol
        self._is_open = True

    async def send_all(self, data: bytes) -> None:
        """One binary message in one frame."""
        await self.send_event(BytesMessage(data))

    async def send_event(self, event: Event) -> None:
        """One frame of any kind."""
        await self.open()
        await self._below.send_all(self._protocol.send(event))

    async def send_raw(self, data: bytes) -> None:
        """Bytes that need not be a frame."""
        await self.open()
        await self._below.send_all(data)

    async def receive_some(self, _most: int | None = None) -> bytes:
        """A (part of a) message; b"" at the end, when `close_code` may say more."""
        await self.open()
        while True:
            event = await self._next()
            if isinstance(event, BytesMessage) and event.data:
                return bytes(event.data)
            if isinstance(event, Ping):
                await self._below.send_all(self._protocol.send(event.response()))
            elif isinstance(event, Pong):
                self.pongs.append(bytes(event.payload))
            elif isinstance(event, CloseConnection):
                self.close_code = event.code
                return b""
            elif event is None:
                return b""

    async def receive_below(self) -> bytes:
        """Bytes that are no frame to us any more."""
        return bytes(await self._below.receive_some(_READ_BYTES))

    async def _next(self) -> Event | None:
        """None when the server has closed."""
        while not self._events:
            data = await self._below.receive_some(_READ_BYTES)
            if not data:
                return None
            self._protocol.receive_data(bytes(data))
            self._events += self._protocol.events()
        return self._events.pop(0)

    async def aclose(self) -> None:
        """Close what is below, without a Close frame."""
        await self._below.aclose()
