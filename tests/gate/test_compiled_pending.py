"""The row of the pending that native fronts share with each other and with Python's (THREATS 3)."""

import gc
import socket

import pytest

from engine.gate.compiled_front import Kind, NativeFront, mapped
from engine.gate.compiled_pending import Places
from tests.gate.conftest import OpenFront
from tests.helpers.native_front import CONNACK, PolledFront, known_connect

PARTIAL = b"\x10"
HOST, OTHER = mapped(b"\x7f\0\0\1"), mapped(b"\x7f\0\0\2")


def places(soft: int = 10, hard: int = 10, per_prefix: int = 10) -> Places:
    return Places(bytes(16), soft=soft, hard=hard, per_prefix=per_prefix)


def two_fronts(open_front: OpenFront, pending: Places) -> tuple[PolledFront, PolledFront]:
    first = open_front("pump", pending=pending)
    return first, open_front("pump", pending=pending, number=1, sessions=first.sessions)


def enter(pending: Places, address: bytes | None = OTHER) -> int:
    place, dropped = pending.enter(address, exempt=False)
    assert place
    assert not dropped
    return place


def test_prefix_has_one_share_of_all_fronts(open_front: OpenFront) -> None:
    pending = places(per_prefix=3)
    one, other = two_fronts(open_front, pending)
    silent = one.peer()
    other.peer()
    place = enter(pending, HOST)
    one.until(lambda: len(pending) == 2)
    other.until(lambda: len(pending) == 3)
    assert one.peer().ends_with() == other.peer().ends_with() == b""
    assert pending.enter(HOST, exempt=False) == (0, 0)
    assert silent.exchange(known_connect()) == CONNACK
    pending.leave(place)
    other.peer()
    one.peer()
    other.until(lambda: len(pending) == 2)
    one.until(lambda: len(pending) == 3)
    assert one.peer().ends_with() == b""


def test_above_the_soft_mark_no_front_decides(open_front: OpenFront) -> None:
    """Two of Python's are silent, and so is one of a native front."""
    pending = places(soft=2)
    one, other = two_fronts(open_front, pending)
    place = enter(pending)
    one.peer()
    one.until(lambda: len(pending) == 2)
    other.peer(known_connect())
    asked = other.event(Kind.CONNECT)
    assert other.front.end(asked.connection, b"")
    pending.leave(place)
    assert other.peer(known_connect()).packet() == CONNACK


def test_oldest_of_the_other_front_goes(open_front: OpenFront) -> None:
    pending = places(hard=2)
    one, other = two_fronts(open_front, pending)
    first, second = one.peer(PARTIAL), one.peer(PARTIAL)
    one.until(lambda: len(pending) == 2)
    first.send(b"\x7f")
    one.until(lambda: not one.front.poll(0)[2])
    third = other.peer(PARTIAL)
    other.until(lambda: one.count.dropped == 1)
    assert second.ends_with() == b""
    assert (len(pending), one.count.open, other.count.open, other.count.dropped) == (2, 1, 1, 0)
    for survivor in (first, third):
        survivor.look()
        assert not survivor.is_closed


def test_oldest_of_pythons_goes_and_python_is_told_its_place(open_front: OpenFront) -> None:
    pending = places(hard=2)
    front = open_front("pump", pending=pending)
    oldest, newest = enter(pending), enter(pending, None)
    peer = front.peer(PARTIAL)
    assert front.event(Kind.CROWDED_OUT).connection == oldest
    pending.leave(oldest)
    pending.progress(oldest)
    assert (len(pending), front.count.open, front.count.dropped) == (2, 1, 0), "a place that was left is nobody's"
    front.peer(PARTIAL)
    assert front.event(Kind.CROWDED_OUT).connection == newest
    peer.look()
    assert not peer.is_closed


def test_oldest_of_a_native_front_goes_for_pythons(open_front: OpenFront) -> None:
    pending = places(hard=1)
    front = open_front("pump", pending=pending)
    peer = front.peer(PARTIAL)
    front.until(lambda: len(pending) == 1)
    enter(pending)
    assert peer.ends_with() == b""
    assert (len(pending), front.count.open, front.count.dropped) == (1, 0, 1)


def test_front_that_closes_leaves_its_places(open_front: OpenFront) -> None:
    pending = places()
    one, _other = two_fronts(open_front, pending)
    enter(pending)
    one.peer()
    one.until(lambda: len(pending) == 2)
    one.close()
    assert len(pending) == 1


def front_alone() -> tuple[NativeFront, list[socket.socket]]:
    """With a pending connection and a live one, and nobody else who knows what it shares."""
    polled = PolledFront()
    peer, live = polled.peer(PARTIAL), polled.live()
    polled.until(lambda: len(polled.pending) == 1)
    return polled.front, [peer.sock, live.sock, polled.listening]


def test_front_that_nobody_closed_is_let_go_before_what_it_shares() -> None:
    """Its connections give their places and sessions back; the address sanitizer sees it where these are gone."""
    front, sockets = front_alone()
    gc.collect()
    del front
    for sock in sockets:
        sock.setblocking(True)
    assert sockets[0].recv(1) == sockets[1].recv(1) == b""
    for sock in sockets:
        sock.close()


def test_without_any_place_nobody_is_held(open_front: OpenFront) -> None:
    pending = places(hard=0)
    front = open_front("pump", pending=pending)
    assert front.peer(PARTIAL).ends_with() == b""
    assert pending.enter(HOST, exempt=True) == (0, 0)
    assert (front.count.shed, len(pending)) == (1, 0)


def test_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Places(b"short", soft=1, hard=1, per_prefix=1)
