"""Whose handshake a native front does first when many wait (DESIGN section 6)."""

import datetime
import time

import pytest

from engine.gate.compiled_front import Kind, mapped
from engine.gate.compiled_tls import TlsContext
from engine.node.certificates import LOOPBACK_NAMES, create_ca, issue_server_certificate
from tests.gate.conftest import OpenFront
from tests.helpers.native_front import CONNACK, PolledFront, known_connect
from tests.helpers.native_tls import Server, Wire, client_context

STRANGERS = 600
PUMP = "127.0.0.2"


@pytest.fixture(scope="module")
def tls() -> TlsContext:
    now = datetime.datetime.now(datetime.UTC)
    issued = issue_server_certificate(create_ca(now), LOOPBACK_NAMES, now)
    return Server(issued.certificate, issued.key).context()


def begin(front: PolledFront, host: str) -> Wire:
    """A client whose ClientHello is on its way."""
    wire = Wire(front.peer(host=host).sock, client_context(), 1 << 20, "localhost", None)
    assert not wire.step()
    wire.send_some()
    return wire


def is_answered(wire: Wire) -> bool:
    wire.receive()
    return wire.incoming.pending > 0


def connect(front: PolledFront, wire: Wire) -> None:
    front.until(wire.step)
    wire.client.write(known_connect())
    wire.send_some()
    front.until(lambda: wire.read() == CONNACK)


def strangers_answered_before(front: PolledFront, host: str) -> int:
    """All are accepted in one turn, in which there is no time for so many handshakes; this address comes last."""
    strangers = [begin(front, "127.0.0.1") for _ in range(STRANGERS)]
    last = begin(front, host)
    front.until(lambda: is_answered(last))
    return sum(map(is_answered, strangers))


def test_address_that_a_device_was_accepted_from_goes_before_strangers(open_front: OpenFront, tls: TlsContext) -> None:
    front = open_front(tls=tls, accept_batch=2 * STRANGERS)
    connect(front, begin(front, PUMP))
    assert strangers_answered_before(front, PUMP) < STRANGERS


def test_address_that_nobody_was_accepted_from_waits_its_turn(open_front: OpenFront, tls: TlsContext) -> None:
    front = open_front(tls=tls, accept_batch=2 * STRANGERS)
    assert strangers_answered_before(front, PUMP) == STRANGERS


def test_address_of_failed_attempts_waits_its_turn(open_front: OpenFront, tls: TlsContext) -> None:
    front = open_front(tls=tls, accept_batch=2 * STRANGERS)
    connect(front, begin(front, PUMP))
    front.front.watch(mapped(b"\x7f\0\0\2"), watched=True)
    assert strangers_answered_before(front, PUMP) == STRANGERS


def test_handshake_that_was_begun_is_done_before_others_begin(open_front: OpenFront, tls: TlsContext) -> None:
    front = open_front(tls=tls, accept_batch=2 * STRANGERS)
    begun = begin(front, PUMP)
    front.until(lambda: is_answered(begun))
    strangers = [begin(front, "127.0.0.1") for _ in range(STRANGERS)]
    assert begun.step()
    begun.client.write(known_connect())
    begun.send_some()
    front.until(lambda: begun.read() == CONNACK)
    assert sum(map(is_answered, strangers)) < STRANGERS


def test_newest_goes_first_once_the_oldest_has_waited_for_a_second(open_front: OpenFront, tls: TlsContext) -> None:
    front = open_front(tls=tls, accept_batch=2 * STRANGERS)
    strangers = [begin(front, "127.0.0.1") for _ in range(STRANGERS)]
    front.until(lambda: front.count.connections == STRANGERS)
    assert sum(map(is_answered, strangers)) < STRANGERS / 2, "accepted in one turn, which has no time for them all"
    time.sleep(1.1)
    newest = begin(front, PUMP)
    front.until(lambda: is_answered(newest))
    assert sum(map(is_answered, strangers)) < STRANGERS


def test_whom_epoll_tells_of_again_while_they_wait_is_served_in_the_end(open_front: OpenFront, tls: TlsContext) -> None:
    front = open_front(tls=tls, accept_batch=2 * STRANGERS)
    strangers = [begin(front, "127.0.0.1") for _ in range(STRANGERS)]
    front.until(lambda: all(map(is_answered, strangers)))
    for stranger in strangers:
        assert stranger.step()
        stranger.client.write(known_connect("valve"))
        stranger.send_some()
    front.until(lambda: sum(event.kind == Kind.CONNECT for event in front.events) == STRANGERS)


def test_failures_of_one_kind_are_told_together(open_front: OpenFront, tls: TlsContext) -> None:
    front = open_front(tls=tls, accept_batch=STRANGERS)
    for _ in range(STRANGERS):
        front.peer(b"no TLS at all")
    told = []
    while sum(event.times for event in told) < STRANGERS:
        told.append(front.event(Kind.HANDSHAKE_FAILED))
    assert {(event.fault, event.address) for event in told} == {("not_tls", mapped(b"\x7f\0\0\1"))}
    assert sum(event.times for event in told) == STRANGERS
    assert len(told) < STRANGERS / 2
    assert front.count.open == 0


def test_known_device_is_accepted_after_its_handshake_above_the_soft_mark(
    open_front: OpenFront, tls: TlsContext
) -> None:
    """Refused, it would come back for another handshake; others are Python's to judge."""
    front = open_front(tls=tls, pending_soft=1)
    silent = [front.peer() for _ in range(2)]
    front.until(lambda: len(front.pending) == len(silent))
    connect(front, begin(front, PUMP))
    stranger = begin(front, PUMP)
    front.until(stranger.step)
    stranger.client.write(known_connect("valve"))
    stranger.send_some()
    assert front.event(Kind.CONNECT).data == known_connect("valve")
