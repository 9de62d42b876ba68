"""native/front_proxy.c step by step: a front that the test polls, and balancers of every kind on real sockets.

What devices see of it is in tests/conformance/test_proxy.py, the same for every front.
"""

import contextlib
import datetime
import ipaddress
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from engine.gate.compiled_front import Counts, FrontEvent, Kind, NativeFront, mapped
from engine.gate.compiled_sessions import NativeSessions
from engine.gate.compiled_tls import TlsContext
from engine.gate.front_settings import Balancers, Words
from engine.limits import Limits
from engine.node.certificates import LOOPBACK_NAMES, create_ca, issue_server_certificate
from tests.helpers.mqtt_packets import connect_packet
from tests.helpers.native_front import open_places
from tests.helpers.native_tls import Server, Wire, client_context
from tests.helpers.proxy_headers import LOCAL, SIGNATURE, SOURCE, SOURCE_6, VERIFIED, tlv, v1, v2

CONNECT = connect_packet("pump")
PROTOCOLS = ("mqtt", "x-amzn-mqtt-ca")
LOOPBACK = "127.0.0.0/8"
PATIENCE_SECONDS = 20.0
WORDS = Words(b"\x20\x02\0\0", ((b"", b"", b""), (b"", b"", b"")), (b"", b"", b""))


def network(text: str) -> tuple[bytes, int]:
    range_ = ipaddress.ip_network(text)
    return mapped(range_.network_address.packed), range_.prefixlen + (96 if range_.version == 4 else 0)


def address(text: str) -> bytes:
    return mapped(ipaddress.ip_address(text).packed)


class PolledFront:
    """A front behind balancers; nothing happens in it but in `turn`."""

    def __init__(self, balancers: str, tls: TlsContext | None, connect_seconds: float, bounds: dict[str, Any]) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.setblocking(False)
        limits = msgspec.structs.replace(Limits(), **{"proxy_seconds": 60.0, **bounds})
        self.pending = open_places(limits)
        self.front = NativeFront(
            self.listening,
            number=1,
            limits=limits,
            connections=64,
            connect_seconds=connect_seconds,
            words=WORDS,
            exempt=[],
            sessions=NativeSessions(os.urandom(16)),
            pending=self.pending,
            known=None,
            key=os.urandom(16),
            balancers=Balancers([network(balancers)], PROTOCOLS),
        )
        if tls is not None:
            self.front.set_tls(tls)
        self._peers: list[socket.socket] = []

    def connect(self, data: bytes = b"") -> socket.socket:
        """A balancer's connection, which begins with these bytes before it is accepted."""
        peer = socket.create_connection(self.listening.getsockname(), PATIENCE_SECONDS)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers.append(peer)
        peer.sendall(data)
        return peer

    def turn(self) -> list[FrontEvent]:
        """Wait until there is something to do, and do it."""
        assert select.select([self.front.fileno()], [], [], PATIENCE_SECONDS)[0], "there was nothing to do"
        events: list[FrontEvent] = []
        has_more = True
        while has_more:
            told, strangers, has_more = self.front.poll(int(time.time()))
            if strangers is not None:
                self.front.judge_again(strangers)
            events += told
        return events

    def event(self) -> FrontEvent:
        """The one event that comes next."""
        while not (events := self.turn()):
            pass
        (event,) = events
        return event

    def until(self, condition: Callable[[], bool]) -> None:
        """Turns of which nothing is told."""
        while not condition():
            assert self.turn() == []

    @property
    def is_idle(self) -> bool:
        return not select.select([self.front.fileno()], [], [], 0)[0]

    @property
    def counts(self) -> Counts:
        return self.front.count()

    def close(self) -> None:
        self.front.close()
        for sock in (self.listening, *self._peers):
            sock.close()


OpenFront = Callable[..., PolledFront]


@pytest.fixture
def open_front() -> Iterator[OpenFront]:
    """`open_front(balancers=..., tls=..., connect_seconds=..., **bounds)`."""
    with contextlib.ExitStack() as stack:

        def opened(
            *, balancers: str = LOOPBACK, tls: TlsContext | None = None, connect_seconds: float = 60.0, **bounds: Any
        ) -> PolledFront:
            front = PolledFront(balancers, tls, connect_seconds, bounds)
            stack.callback(front.close)
            return front

        yield opened


def reset(peer: socket.socket) -> None:
    """Close with RST."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


HEADERS = pytest.mark.parametrize(
    ("header", "source"),
    [
        (v1(), SOURCE),
        (v1(SOURCE_6, ("2001:db8::1", 1)), SOURCE_6),
        (v2(), SOURCE),
        (v2(tlv(1, b"mqtt"), tlv(0x20, VERIFIED), tlv(4, bytes(1900))), SOURCE),
        (v2(source=SOURCE_6, destination=("2001:db8::1", 1)), SOURCE_6),
    ],
    ids=["v1", "v1-tcp6", "v2", "v2-tlvs", "v2-tcp6"],
)


@HEADERS
def test_header_and_connect_in_one_segment_are_told_apart(
    open_front: OpenFront, header: bytes, source: tuple[str, int]
) -> None:
    front = open_front()
    front.connect(header + CONNECT)
    event = front.event()
    assert (event.kind, event.data) == (Kind.CONNECT, CONNECT)
    assert (event.address, event.port) == (address(source[0]), source[1])
    assert front.counts.connections == 1


@HEADERS
def test_header_one_byte_at_a_time_takes_one_turn_a_byte_and_no_more(
    open_front: OpenFront, header: bytes, source: tuple[str, int]
) -> None:
    """Bytes of a header that is not whole must not keep the descriptor readable."""
    front = open_front()
    peer = front.connect()
    assert front.turn() == []
    for byte in header:
        assert front.is_idle
        peer.sendall(bytes((byte,)))
        assert front.turn() == []
    assert (front.is_idle, front.counts.connections, len(front.pending)) == (True, 1, 1)
    peer.sendall(CONNECT[:3])
    assert front.turn() == []
    peer.sendall(CONNECT[3:])
    event = front.event()
    assert (event.data, event.address) == (CONNECT, address(source[0]))


def test_rest_of_a_header_and_connect_in_one_segment_are_told_apart(open_front: OpenFront) -> None:
    front = open_front()
    peer = front.connect(v2()[:20])
    assert front.turn() == []
    peer.sendall(v2()[20:] + CONNECT)
    assert front.event().data == CONNECT


@pytest.mark.parametrize("cut", [0, 20], ids=["one-segment", "in-pieces"])
def test_header_and_client_hello_in_one_segment_are_told_apart(open_front: OpenFront, cut: int) -> None:
    now = datetime.datetime.now(datetime.UTC)
    issued = issue_server_certificate(create_ca(now), LOOPBACK_NAMES, now)
    server = Server(issued.certificate, issued.key)
    front = open_front(tls=server.context())
    wire = Wire(front.connect(v2()[:cut]), client_context(), 1 << 20, "localhost", None)
    wire.sock.setblocking(False)
    front.turn()
    assert not wire.step()
    wire.sock.sendall(v2()[cut:] + wire.outgoing.read())
    while not wire.step():
        assert front.turn() == []
    wire.client.write(CONNECT)
    wire.send_some()
    event = front.event()
    assert (event.kind, event.data, event.address) == (Kind.CONNECT, CONNECT, address(SOURCE[0]))


def test_failed_handshake_behind_a_header_is_told_by_the_address_of_the_header(open_front: OpenFront) -> None:
    now = datetime.datetime.now(datetime.UTC)
    issued = issue_server_certificate(create_ca(now), LOOPBACK_NAMES, now)
    front = open_front(tls=Server(issued.certificate, issued.key).context())
    front.connect(v2() + CONNECT)
    event = front.event()
    assert (event.fault, event.address, front.counts.connections) == ("not_tls", address(SOURCE[0]), 1)


@pytest.mark.parametrize("beginning", [b"", v1()[:9], v2()[:20]], ids=["silence", "v1", "v2"])
@pytest.mark.parametrize("seconds", [(0.05, 60.0), (60.0, 0.05)], ids=["header", "connect"])
def test_header_that_stays_out_is_cut_by_the_shorter_of_its_times(
    open_front: OpenFront, beginning: bytes, seconds: tuple[float, float]
) -> None:
    front = open_front(proxy_seconds=seconds[0], connect_seconds=seconds[1])
    peer = front.connect(beginning)
    event = front.event()
    assert (event.kind, event.fault, event.address) == (Kind.HANDSHAKE_FAILED, "", address("127.0.0.1"))
    assert peer.recv(1) == b""
    assert (front.counts.connections, front.counts.open, len(front.pending)) == (1, 0, 0)


def test_time_of_the_header_ends_with_the_header(open_front: OpenFront) -> None:
    front = open_front(proxy_seconds=0.05)
    peer = front.connect()
    front.until(lambda: len(front.pending) == 1)
    too_late = time.monotonic() + 0.1
    peer.sendall(v2())
    front.until(lambda: front.counts.connections == 1)
    while (left := too_late - time.monotonic()) > 0:
        select.select([front.front.fileno()], [], [], left)
        assert front.front.poll(int(time.time()))[0] == []
    peer.sendall(CONNECT)
    assert front.event().kind == Kind.CONNECT


@pytest.mark.parametrize(
    ("beginning", "rest"),
    [
        (b"", CONNECT),
        (b"", b"\x16"),
        (SIGNATURE + b"\x21\x11\x07", b"\xf1"),
        (b"PROXY TCP4 " + b"1" * 95, b"1"),
        (SIGNATURE + b"\x31\x11\0", b"\x0c"),
    ],
    ids=["mqtt", "tls", "v2-oversize", "v1-oversize", "v3"],
)
def test_what_is_no_header_is_closed_as_soon_as_that_is_certain(
    open_front: OpenFront, beginning: bytes, rest: bytes
) -> None:
    front = open_front()
    peer = front.connect(beginning)
    assert front.turn() == []
    peer.sendall(rest)
    assert front.event().fault == "not_proxied"
    assert peer.recv(1) == b""
    assert (front.counts.connections, front.counts.open) == (1, 0)


def test_peer_that_goes_in_the_middle_of_the_header_is_a_fault(open_front: OpenFront) -> None:
    front = open_front()
    for beginning, leave in ((v2()[:20], socket.socket.close), (v2()[:20], reset), (b"", reset)):
        peer = front.connect(beginning)
        front.turn()
        leave(peer)
        assert front.event().fault == "peer_gone"
    assert (front.counts.connections, front.counts.open) == (3, 0)


@pytest.mark.parametrize("data", [b"", v2(command=LOCAL), v2(command=LOCAL) + CONNECT], ids=["eof", "local", "more"])
def test_health_check_is_closed_without_an_event_and_not_counted(open_front: OpenFront, data: bytes) -> None:
    front = open_front()
    peer = front.connect(data)
    peer.shutdown(socket.SHUT_WR)
    front.until(lambda: front.counts.open == 0 and front.is_idle)
    assert peer.recv(1) == b""
    assert (front.counts.connections, front.counts.shed) == (0, 0)


@pytest.mark.parametrize("networks", ["10.0.0.0/8", "::/0", "127.0.0.0/32"])
def test_source_outside_the_networks_is_told_and_never_pending(open_front: OpenFront, networks: str) -> None:
    """An IPv4 address is of no IPv6 network, not even of the one that holds them all."""
    front = open_front(balancers=networks)
    front.connect(v2() + CONNECT)
    event = front.event()
    assert (event.kind, event.fault) == (Kind.HANDSHAKE_FAILED, "untrusted_balancer")
    assert event.address == address("127.0.0.1")
    assert (front.counts.connections, front.counts.open, len(front.pending)) == (1, 0, 0)
    assert not front.front.end(event.connection, b"late"), "a name of a connection that is gone answers nothing"


@pytest.mark.parametrize(
    "restriction",
    [tlv(1, b"h2"), tlv(1, b""), tlv(1, b"mqt"), tlv(1, b"mqttx"), tlv(0x20, b"\x05\0\0\0\x0a")],
    ids=["h2", "none", "shorter", "longer", "unverified"],
)
def test_restriction_is_told_by_the_address_of_the_header(open_front: OpenFront, restriction: bytes) -> None:
    front = open_front()
    peer = front.connect(v2(restriction) + CONNECT)
    event = front.event()
    assert (event.fault, event.address) == ("forbidden_by_balancer", address(SOURCE[0]))
    assert peer.recv(1) == b""
    assert (front.counts.connections, len(front.pending)) == (1, 0)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol_of_the_listener_is_no_restriction(open_front: OpenFront, name: str) -> None:
    front = open_front()
    front.connect(v2(tlv(1, name.encode()), tlv(0x20, b"\x01\0\0\0\x14")) + CONNECT)
    assert front.event().kind == Kind.CONNECT


def test_share_is_of_the_address_in_the_header_and_of_nobody_before(open_front: OpenFront) -> None:
    front = open_front(pending_per_prefix=1)
    for data in (b"", b"", v2(), v2(source=("203.0.113.8", 1)), b"PROXY UNKNOWN\r\n"):
        front.connect(data)
    front.until(lambda: front.counts.connections == 3)
    assert (len(front.pending), front.counts.shed) == (5, 0)
    for shed, data in enumerate((v2(), b"PROXY UNKNOWN\r\n"), start=1):
        peer = front.connect(data + CONNECT)
        front.until(lambda shed=shed: front.counts.shed == shed)
        assert peer.recv(1) == b""
    assert (len(front.pending), front.counts.shed, front.counts.connections) == (5, 2, 5)


def test_share_is_free_again_when_its_connection_is_gone(open_front: OpenFront) -> None:
    front = open_front(pending_per_prefix=1)
    for number in range(1, 4):
        peer = front.connect(v2())
        front.until(lambda number=number: front.counts.connections == number)
        peer.close()
        front.until(lambda: front.counts.open == 0)
    assert front.counts.shed == 0


def test_hard_mark_cuts_the_oldest_and_bytes_of_a_header_are_no_progress(open_front: OpenFront) -> None:
    front = open_front(pending_hard=3)
    introduced, trickling, silent = (front.connect() for _ in range(3))
    front.until(lambda: len(front.pending) == 3)
    introduced.sendall(v2())
    front.until(lambda: front.counts.connections == 1)
    trickling.sendall(v2()[:4])
    front.turn()
    trickling.sendall(v2()[4:8])
    front.turn()
    front.connect()
    event = front.event()
    assert (event.kind, event.fault) == (Kind.HANDSHAKE_FAILED, "")
    assert trickling.recv(1) == b""
    silent.sendall(v2() + CONNECT)
    assert front.event().data == CONNECT
    introduced.sendall(CONNECT)
    assert front.event().data == CONNECT
    assert (front.counts.dropped, front.counts.connections) == (1, 3)


def test_drain_ends_who_has_not_been_introduced(open_front: OpenFront) -> None:
    front = open_front()
    peer = front.connect(v2()[:20])
    front.turn()
    front.front.stop()
    front.front.drain(16)
    assert (front.front.drain(16), front.counts.open) == (0, 0)
    assert peer.recv(1) == b""
