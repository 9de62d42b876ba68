"""A native front on the loopback that the test polls by itself, step by step, and peers on real sockets opposite.

Nothing here waits for a time: the front is polled until something is so, and PATIENCE_SECONDS end a test that hangs.
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from engine.framing.mqtt.fixed_header import read_packet
from engine.gate.compiled_front import Counts, FrontEvent, Kind, NativeFront, Seen, Strangers, Words
from engine.gate.compiled_pending import Places
from engine.gate.compiled_sessions import NativeSessions
from engine.gate.compiled_table import CredentialTable, KnownGoodPolicy
from engine.gate.compiled_tls import TlsContext
from engine.limits import Limits
from tests.helpers.mqtt_packets import connect_packet
from tests.helpers.records import PUBLISHED_PASSWORD, SECRET, STAMP, STAMP_AT

Looked = TypeVar("Looked")

PATIENCE_SECONDS = 10.0
CONNACK = b"\x20\x02\0\0"
CONNACK5 = tuple(
    tuple(b"\x20\x03\0\0" + bytes([expiry << 4 | keep_alive]) for keep_alive in range(3)) for expiry in (0, 1)
)
"""Not what MQTT 5 wants: each tells which of the six was chosen."""
DISCONNECT5 = tuple(bytes([0xE0, 1, reason]) for reason in (0x8E, 0x98, 0x8B))
WORDS = Words(CONNACK, CONNACK5, DISCONNECT5)  # type: ignore[arg-type]


def known_connect(device_id: str = "pump", **fields: object) -> bytes:
    """CONNECT that a front which knows the device accepts by itself."""
    client_id = f"{device_id}_0_0_{STAMP.decode()}"
    return connect_packet(
        **{"client_id": client_id, "user_name": device_id, "password": PUBLISHED_PASSWORD, **fields}  # type: ignore[arg-type]
    )


def known_table(device_ids: Iterable[str], entries: int = 64) -> CredentialTable:
    table = CredentialTable(entries)
    for number, device_id in enumerate(device_ids):
        record_id = number.to_bytes(12, "big")
        put = table.put(device_id.encode(), record_id, 1, checked_stamp_seen=False, primary=SECRET, secondary=None)
        assert put
    return table


def open_places(limits: Limits) -> Places:
    return Places(bytes(16), soft=limits.pending_soft, hard=limits.pending_hard, per_prefix=limits.pending_per_prefix)


class PolledFront:
    """The front, what it listens on, and the events that no test has taken."""

    def __init__(
        self,
        device_ids: Sequence[str] = ("pump",),
        *,
        number: int = 0,
        sessions: NativeSessions | None = None,
        pending: Places | None = None,
        connections: int = 4096,
        connect_seconds: float = 60.0,
        exempt: Sequence[tuple[bytes, int]] = (),
        tls: TlsContext | None = None,
        **bounds: float,
    ) -> None:
        self.limits = msgspec.structs.replace(Limits(), **bounds)  # type: ignore[arg-type]
        self.sessions = NativeSessions(bytes(16)) if sessions is None else sessions
        self.pending = open_places(self.limits) if pending is None else pending
        self.table, self.seen = known_table(device_ids), Seen(64)
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listening.setblocking(False)
        self.front = NativeFront(
            self.listening,
            number=number,
            limits=self.limits,
            connections=connections,
            connect_seconds=connect_seconds,
            words=WORDS,
            exempt=exempt,
            sessions=self.sessions,
            pending=self.pending,
            known=(self.table, KnownGoodPolicy(self.limits, "both", 1), self.seen),
            key=bytes(range(16)),
        )
        if tls is not None:
            self.front.set_tls(tls)
        self.events: list[FrontEvent] = []
        self.on_strangers: Callable[[Strangers], None] = self.front.judge_again
        """Nobody is looked up, unless a test sees to it."""
        self.now = STAMP_AT
        self._peers: list[Peer] = []

    def close(self) -> None:
        """May be called again."""
        self.front.close()
        self.listening.close()
        for peer in self._peers:
            peer.sock.close()

    def poll(self) -> None:
        """Once; the clock stands at `now`."""
        events, strangers, _has_more = self.front.poll(int(self.now))
        self.events += events
        if strangers is not None:
            self.on_strangers(strangers)

    def until(self, look: Callable[[], Looked]) -> Looked:
        """Poll until `look` sees something, which is waited for at the front's descriptor."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (seen := look()):
            assert time.monotonic() < deadline, f"nothing came of it: {self.count} {self.events}"
            select.select([self.front.fileno()], [], [], 0.002)
            self.poll()
        return seen

    def event(self, kind: Kind) -> FrontEvent:
        """The next event of this kind, taken."""
        found = self.until(lambda: [event for event in self.events if event.kind == kind])[0]
        self.events.remove(found)
        return found

    @property
    def count(self) -> Counts:
        return self.front.count()

    def admit(self, asked: FrontEvent, device_id: bytes = b"other", data: bytes = CONNACK, **how: object) -> bool:
        """What Python does with an accepted device: its session, then the answer."""
        self.sessions.attach(device_id, 0, asked.connection, STAMP_AT)
        session = self.sessions.find(device_id)
        assert session is not None
        fields = {"version": 4, "keep_alive": 60, "client_maximum": None, "keeps": False}
        return self.front.admit(asked.connection, data, session=session.handle, **(fields | how))  # type: ignore[arg-type]

    def peer(self, data: bytes = b"", host: str = "127.0.0.1", receive_buffer: int | None = None) -> "Peer":
        """A new connection from this address of the loopback, which has sent this."""
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.bind((host, 0))
        sock.connect(self.listening.getsockname())
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        peer = Peer(sock, self)
        self._peers.append(peer)
        if data:
            peer.send(data)
        return peer

    def live(self, device_id: str = "pump", **fields: object) -> "Peer":
        """A connection that the front has accepted by itself."""
        peer = self.peer(known_connect(device_id, **fields))
        answer = peer.packet()
        assert answer[0] == 0x20
        assert answer[3] == 0
        return peer


class Peer:
    """One connection as its client has it; the front is polled while anything is waited for."""

    def __init__(self, sock: socket.socket, front: PolledFront) -> None:
        self.sock = sock
        self._front = front
        self.received = b""
        self.is_closed = False

    def send(self, data: bytes) -> None:
        """All of it; the front is polled while there is no room. BrokenPipeError: it has closed."""
        while data:
            try:
                data = data[self.sock.send(data) :]
            except BlockingIOError:
                self._front.poll()

    def leave(self, *, with_reset: bool = False) -> None:
        if with_reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def look(self) -> None:
        """Take what has come."""
        with contextlib.suppress(BlockingIOError):
            try:
                while data := self.sock.recv(65536):
                    self.received += data
            except ConnectionResetError:
                pass
            self.is_closed = True

    def packet(self) -> bytes:
        """The next whole packet; b"" where the front closes instead."""

        def has_come() -> bool:
            self.look()
            return self.is_closed or read_packet(self.received, 0, 1 << 21) is not None

        self._front.until(has_come)
        frame = read_packet(self.received, 0, 1 << 21)
        end = 0 if frame is None else frame[2]
        packet, self.received = self.received[:end], self.received[end:]
        return packet

    def exchange(self, data: bytes) -> bytes:
        self.send(data)
        return self.packet()

    def ends_with(self) -> bytes:
        """Everything that comes until the front closes."""

        def has_ended() -> bool:
            self.look()
            return self.is_closed

        self._front.until(has_ended)
        return self.received
