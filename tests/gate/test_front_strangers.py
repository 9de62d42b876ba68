"""Devices that the table has not, over real sockets: asked for by name, and accepted in C once they are there."""

import pytest

from engine.gate.compiled_front import Kind, Strangers
from tests.gate.conftest import OpenFront
from tests.helpers.mqtt_packets import PINGREQ, disconnect_packet, publish_packet, subscribe_packet
from tests.helpers.native_front import CONNACK, PolledFront, known_connect
from tests.helpers.records import SECRET

PINGRESP = b"\xd0\0"


def learn(front: PolledFront, strangers: Strangers) -> None:
    """Python's part where every device is in the registry."""
    for device_id in strangers.device_ids:
        front.table.put(device_id.encode(), b"r" * 12, 1, checked_stamp_seen=False, primary=SECRET, secondary=None)
    front.front.judge_again(strangers)


@pytest.fixture
def front(open_front: OpenFront) -> PolledFront:
    """One that knows nobody, and learns."""
    front = open_front()
    front.table.clear()
    front.on_strangers = lambda strangers: learn(front, strangers)
    return front


def test_device_is_accepted_in_c_once_it_was_looked_up(front: PolledFront) -> None:
    peer = front.peer(known_connect("valve"))
    assert peer.packet() == CONNACK
    assert peer.exchange(PINGREQ) == PINGRESP
    assert front.events == []
    assert (front.count.known_good, front.count.live, len(front.pending)) == (1, 1, 0)
    assert [sight.device_id for sight in front.seen.take(10, 0, 0)] == ["valve"]


def test_many_are_told_together_in_the_order_of_their_connections(front: PolledFront) -> None:
    told: list[Strangers] = []
    front.on_strangers = told.append
    names = [f"d{number}" for number in range(40)]
    peers = [front.peer(known_connect(name)) for name in names]
    front.until(lambda: sum(len(one.device_ids) for one in told) == 40)
    assert [name for one in told for name in one.device_ids] == names
    for one in told:
        assert len(one.connections) == 8 * len(one.device_ids)
        learn(front, one)
    assert [peer.packet() for peer in peers] == [CONNACK] * 40


def test_who_is_not_known_then_either_is_asked_about(front: PolledFront) -> None:
    front.on_strangers = front.front.judge_again
    peer = front.peer(known_connect() + PINGREQ)
    asked = front.event(Kind.CONNECT)
    assert asked.data == known_connect() + PINGREQ
    assert front.admit(asked)
    assert peer.packet() == CONNACK
    assert front.count.known_good == 0


def test_wrong_password_of_a_device_that_was_looked_up_is_asked_about(front: PolledFront) -> None:
    front.peer(known_connect(password=b"0" * 64))
    front.event(Kind.CONNECT)
    assert (front.count.known_good, len(front.table)) == (0, 1)


@pytest.mark.parametrize(
    "fields",
    [{"password": None}, {"password": b"0" * 63}, {"user_name": "another"}, {"client_id": "pump"}, {"keep_alive": 1}],
)
def test_connect_that_no_record_would_have_c_accept_is_no_reason_to_look(
    front: PolledFront, fields: dict[str, object]
) -> None:
    front.on_strangers = lambda _strangers: pytest.fail("nobody had to be looked up")
    front.peer(known_connect(**fields))
    front.event(Kind.CONNECT)


def test_known_device_with_a_wrong_password_is_no_reason_to_look(open_front: OpenFront) -> None:
    front = open_front()
    front.on_strangers = lambda _strangers: pytest.fail("nobody had to be looked up")
    front.peer(known_connect(password=b"0" * 64))
    front.event(Kind.CONNECT)


@pytest.mark.parametrize("steer", ["asks_always", "watched", "busy"])
def test_nobody_is_looked_up_for_a_connection_that_c_may_not_decide_about(open_front: OpenFront, steer: str) -> None:
    """Refused unseen is refused before any look-up (THREATS 3, 4)."""
    front = open_front(pending_soft=0 if steer == "busy" else 100)
    front.table.clear()
    front.on_strangers = lambda _strangers: pytest.fail("nobody had to be looked up")
    if steer == "asks_always":
        front.front.ask_always(always=True)
    if steer == "watched":
        front.front.watch(bytes(10) + b"\xff\xff\x7f\0\0\1", watched=True)
    front.peer(known_connect())
    front.event(Kind.CONNECT)


def test_what_came_behind_connect_is_served_after_it(front: PolledFront) -> None:
    peer = front.peer(known_connect() + PINGREQ + subscribe_packet(("t", 0)))
    assert front.event(Kind.SESSION).data == subscribe_packet(("t", 0))
    assert peer.packet() == CONNACK
    assert peer.packet() == PINGRESP


def test_half_a_packet_behind_connect_is_completed_after_it(front: PolledFront) -> None:
    publish = publish_packet("t", b"x" * 100)
    peer = front.peer(known_connect() + publish[:50])
    assert peer.packet() == CONNACK
    peer.send(publish[50:])
    assert front.event(Kind.SESSION).data == publish


def test_whole_life_in_one_segment(front: PolledFront) -> None:
    assert front.peer(known_connect() + PINGREQ + disconnect_packet()).ends_with() == CONNACK + PINGRESP
    assert (front.count.live, front.count.open, len(front.sessions), front.events) == (0, 0, 0, [])


def test_who_is_gone_when_it_is_known_is_nobody(front: PolledFront) -> None:
    told: list[Strangers] = []
    front.on_strangers = told.append
    front.peer(known_connect())
    front.until(lambda: told)
    assert front.front.close_connection(int.from_bytes(told[0].connections, "little"), 1)
    newcomer = front.peer(b"")
    front.until(lambda: front.count.open == 1)
    learn(front, told[0])
    assert (front.count.known_good, front.count.live) == (0, 0)
    newcomer.send(known_connect())
    assert newcomer.packet() == CONNACK


def test_handed_back_after_it_was_decided_nothing_happens(front: PolledFront) -> None:
    told: list[Strangers] = []

    def keep(strangers: Strangers) -> None:
        told.append(strangers)
        learn(front, strangers)

    front.on_strangers = keep
    peer = front.peer(known_connect())
    assert peer.packet() == CONNACK
    front.front.judge_again(told[0])
    assert peer.exchange(PINGREQ) == PINGRESP
    assert front.count.known_good == 1


def test_newer_connection_of_the_same_turn_takes_the_older_over(front: PolledFront) -> None:
    told: list[Strangers] = []
    front.on_strangers = told.append
    older, newer = front.peer(known_connect()), front.peer(known_connect())
    front.until(lambda: sum(len(one.device_ids) for one in told) == 2)
    for one in told:
        learn(front, one)
    assert older.ends_with() == CONNACK
    assert newer.exchange(PINGREQ) == CONNACK
    assert (front.count.taken_over, front.count.live) == (1, 1)
