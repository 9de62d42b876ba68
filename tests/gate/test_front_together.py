"""What comes together in plain TCP, read first and answered afterwards: to each connection what it gets by itself."""

import pytest

from engine.gate.compiled_front import Kind
from tests.gate.conftest import OpenFront
from tests.helpers.mqtt_packets import PINGREQ, WillMessage, disconnect_packet
from tests.helpers.native_front import CONNACK, CONNACK5, DISCONNECT5, PolledFront, known_connect

PINGRESP = b"\xd0\0"
TOGETHER, OPENING_BYTES = 32, 512
"""Of front_internal.h: how many are answered at a time, and how long each may be."""
MANY = [f"d{number}" for number in range(TOGETHER + 9)]


@pytest.mark.parametrize("is_early", [True, False], ids=["with their CONNECT", "silent at first"])
def test_each_of_a_mixed_crowd_gets_its_own_answer(open_front: OpenFront, is_early: bool) -> None:
    front = open_front(*MANY)
    wrong, cut, garbage = known_connect(MANY[0], password=b"0" * 64), known_connect(MANY[1])[:-1], b"GET / HTTP/1.1\r\n"
    sent = [known_connect(name) + PINGREQ for name in MANY]
    others = [wrong, cut, garbage, known_connect("stranger")]
    crowd = [sent[0], others[0], *sent[1:20], others[1], others[2], *sent[20:], others[3]]
    peers = [front.peer(data if is_early else b"") for data in crowd]
    if not is_early:
        front.until(lambda: front.count.open == len(crowd))
        for peer, data in zip(peers, crowd, strict=True):
            peer.send(data)
    front.until(lambda: front.count.live == len(MANY))

    for peer, data in zip(peers, crowd, strict=True):
        if data in sent:
            assert peer.packet() + peer.packet() == CONNACK + PINGRESP
        else:
            peer.look()
            assert (peer.received, peer.is_closed) == (b"", False)
    front.until(lambda: len(front.events) == 3)
    assert sorted(event.data for event in front.events) == sorted([wrong, garbage, known_connect("stranger")])
    assert {event.kind for event in front.events} == {Kind.CONNECT}
    assert (front.count.known_good, front.count.live, len(front.pending)) == (len(MANY), len(MANY), 4)


@pytest.mark.parametrize("length", [OPENING_BYTES - 1, OPENING_BYTES, OPENING_BYTES + 1, 2 * OPENING_BYTES, 30_000])
@pytest.mark.parametrize("behind", [b"", PINGREQ], ids=["alone", "with more behind"])
def test_connect_of_any_length_is_accepted(open_front: OpenFront, length: int, behind: bytes) -> None:
    """One that fills the room for it exactly, with nothing behind, is not waited for."""
    front = open_front()
    packet = known_connect(will=WillMessage("t", b"x" * length))
    excess = len(packet) - length
    packet = known_connect(will=WillMessage("t", b"x" * (length - excess)))
    assert len(packet) == length
    peer = front.peer(packet)
    peer.send(behind)
    assert peer.packet() == CONNACK
    if behind:
        assert peer.packet() == PINGRESP


def test_connect_that_comes_byte_by_byte_is_accepted(open_front: OpenFront) -> None:
    front = open_front()
    peer = front.peer()
    for byte in known_connect():
        front.poll()
        peer.send(bytes([byte]))
    assert peer.packet() == CONNACK
    assert len(front.pending) == 0


def test_of_one_device_many_times_the_last_one_stays(open_front: OpenFront) -> None:
    """Each is answered before the next one takes its session over: nobody is told goodbye before CONNACK."""
    front = open_front()
    peers = [front.peer(known_connect(version=5)) for _ in range(TOGETHER + 3)]
    front.until(lambda: front.count.known_good == len(peers))
    for peer in peers[:-1]:
        assert peer.ends_with() == CONNACK5[0][0] + DISCONNECT5[0]
    assert peers[-1].packet() == CONNACK5[0][0]
    assert peers[-1].exchange(PINGREQ) == PINGRESP
    assert (front.count.live, front.count.open, len(front.sessions)) == (1, 1, 1)


def test_who_hangs_up_while_others_are_read_is_nobody(open_front: OpenFront) -> None:
    front = open_front(*MANY)
    peers = [front.peer(known_connect(name) + disconnect_packet()) for name in MANY]
    for peer in peers[::2]:
        peer.leave(with_reset=True)
    for peer in peers[1::2]:
        assert peer.ends_with() == CONNACK
    front.until(lambda: front.count.open == 0)
    assert (front.count.live, len(front.sessions), len(front.pending), front.events) == (0, 0, 0, [])


def test_whoever_is_crowded_out_after_it_was_read_gets_no_answer(open_front: OpenFront) -> None:
    """The newcomer's place is that of the one whose CONNECT was read in the same turn."""
    front = open_front(pending_hard=1, pending_soft=1)
    first = front.peer()
    front.until(lambda: len(front.pending) == 1)
    first.send(known_connect())
    second = front.peer()
    assert first.ends_with() == b""
    assert (front.count.dropped, front.count.live, len(front.pending)) == (1, 0, 1)
    assert second.exchange(known_connect()) == CONNACK


@pytest.mark.parametrize("steer", ["asks_always", "watched", "busy"])
def test_of_whom_c_may_not_decide_python_is_asked(open_front: OpenFront, steer: str) -> None:
    front: PolledFront = open_front(*MANY, pending_soft=0 if steer == "busy" else 100)
    if steer == "asks_always":
        front.front.ask_always(always=True)
    if steer == "watched":
        front.front.watch(bytes(10) + b"\xff\xff\x7f\0\0\1", watched=True)
    for name in MANY:
        front.peer(known_connect(name))
    front.until(lambda: len(front.events) == len(MANY))
    assert [event.data for event in front.events] == [known_connect(name) for name in MANY]
    assert front.count.known_good == 0
