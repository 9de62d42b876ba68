"""Taking a PROXY header from a real socket: exactly its bytes, and what it may forbid; the rest in conformance."""

import socket
from collections.abc import Iterator

import msgspec
import pytest
import trio
import trio.testing

from engine.framing.proxy import ProxiedTls, ProxyHeader
from engine.limits import Limits
from engine.listeners.proxy import check_restrictions, receive_proxy_header
from engine.listeners.transport import HandshakeFailed
from engine.observe.handshake import HandshakeFault
from tests.helpers.proxy_headers import LOCAL, tlv, v1, v2

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """The balancer's, and ours."""
    theirs, ours = socket.socketpair()
    ours.setblocking(False)
    with theirs, ours:
        yield theirs, ours


@pytest.mark.parametrize("header", [v1(), v2(), v2(tlv(4, bytes(2000))), v2(command=LOCAL)])
async def test_what_stands_behind_the_header_stays_in_the_socket(ends: Ends, header: bytes) -> None:
    theirs, ours = ends
    theirs.sendall(header + b"\x16\x03\x01")
    taken = await receive_proxy_header(ours, Limits())
    assert taken.is_local or taken.source is not None
    assert ours.recv(100) == b"\x16\x03\x01"


@pytest.mark.parametrize("header", [v1(), v2(tlv(4, bytes(60)))])
async def test_header_in_pieces_is_taken_whole_and_waited_for_without_turning_in_circles(
    ends: Ends, header: bytes
) -> None:
    theirs, ours = ends
    for byte in header[:-1]:
        theirs.sendall(bytes((byte,)))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive_proxy_header, ours, Limits())
        await trio.testing.wait_all_tasks_blocked()  # it waits for the rest, and not in a loop
        theirs.sendall(header[-1:] + b"behind")
    assert ours.recv(100) == b"behind"


async def test_end_before_the_first_byte_is_a_health_check(ends: Ends) -> None:
    theirs, ours = ends
    theirs.close()
    assert await receive_proxy_header(ours, Limits()) == ProxyHeader(is_local=True)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"\x10\x0c", HandshakeFault.NOT_PROXIED),
        (v2()[:-1], HandshakeFault.PEER_GONE),
        (v2(tlv(4, bytes(2048))), HandshakeFault.NOT_PROXIED),
    ],
)
async def test_what_is_no_header_is_a_fault(ends: Ends, data: bytes, fault: HandshakeFault) -> None:
    theirs, ours = ends
    theirs.sendall(data)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(HandshakeFailed) as failed:
        await receive_proxy_header(ours, Limits())
    assert failed.value.fault is fault


async def test_header_that_does_not_come_in_time_is_cut(ends: Ends) -> None:
    with pytest.raises(HandshakeFailed) as failed:
        await receive_proxy_header(ends[1], msgspec.structs.replace(Limits(), proxy_seconds=0.02))
    assert failed.value.fault is HandshakeFault.CUT


PROTOCOLS = ("mqtt", "x-amzn-mqtt-ca")


@pytest.mark.parametrize(
    "header",
    [
        ProxyHeader(),
        ProxyHeader(alpn=b"mqtt"),
        ProxyHeader(tls=ProxiedTls(client=1, verify=1, common_name=None)),
        ProxyHeader(tls=ProxiedTls(client=3, verify=0, common_name=b"d")),
    ],
)
def test_header_that_forbids_nothing_lets_pass(header: ProxyHeader) -> None:
    check_restrictions(header, PROTOCOLS)


@pytest.mark.parametrize(
    "header",
    [
        ProxyHeader(alpn=b"h2"),
        ProxyHeader(alpn=b""),
        ProxyHeader(alpn=b"\xff"),
        ProxyHeader(tls=ProxiedTls(client=3, verify=20, common_name=b"d")),
        ProxyHeader(tls=ProxiedTls(client=5, verify=10, common_name=None)),
    ],
)
def test_header_that_forbids_is_a_fault(header: ProxyHeader) -> None:
    with pytest.raises(HandshakeFailed) as failed:
        check_restrictions(header, PROTOCOLS)
    assert failed.value.fault is HandshakeFault.FORBIDDEN_BY_BALANCER
