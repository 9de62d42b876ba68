"""One session for each device: the newer connection ends the older, whichever front has it."""

from engine.gate.compiled_front import Ending, Kind
from tests.gate.conftest import OpenFront
from tests.helpers.mqtt_packets import PINGREQ, publish_packet
from tests.helpers.native_front import CONNACK, DISCONNECT5, known_connect

PINGRESP = b"\xd0\0"


def test_newer_session_takes_over_within_a_front(open_front: OpenFront) -> None:
    front = open_front()
    older = front.live(version=5)
    newer = front.live()
    assert older.ends_with() == DISCONNECT5[Ending.TAKEN_OVER]
    assert newer.exchange(PINGREQ) == PINGRESP
    assert (front.count.taken_over, front.count.live, len(front.sessions)) == (1, 1, 1)


def test_nothing_of_the_older_connection_comes_into_the_newer(open_front: OpenFront) -> None:
    """What the older peer has sent unread is thrown away while the newer one's CONNECT is looked at."""
    front = open_front()
    older = front.live()
    older.send(publish_packet("t"))  # nothing more is read of it until this is answered
    front.event(Kind.SESSION)
    older.send(publish_packet("forged", b"y" * 40) * 200)
    publish = publish_packet("mine", b"m")
    newer = front.peer(known_connect() + PINGREQ + publish)
    assert front.event(Kind.SESSION).data == publish
    assert newer.packet() + newer.packet() == CONNACK + PINGRESP
    assert [sight.device_id for sight in front.seen.take(10, 0, 0)] == ["pump"]


def test_session_of_another_native_front_is_told(open_front: OpenFront) -> None:
    first = open_front(number=3)
    second = open_front(number=4, sessions=first.sessions)
    older = first.live(version=5)
    session = first.sessions.find(b"pump")
    assert session is not None
    second.live()
    displaced = second.event(Kind.DISPLACED)
    assert (displaced.front, displaced.connection) == (3, session.connection)
    assert second.count.taken_over == 0, "whoever closes it counts it"
    assert first.front.close_connection(displaced.connection, Ending.TAKEN_OVER)
    assert older.ends_with() == DISCONNECT5[Ending.TAKEN_OVER]
    assert len(second.sessions) == 1, "the older one's end leaves the newer one's session"


def test_session_of_a_front_in_python_is_told(open_front: OpenFront) -> None:
    front = open_front(number=1)
    front.sessions.attach(b"pump", 0, 99, 0.0, b"a note of its own")
    front.live()
    displaced = front.event(Kind.DISPLACED)
    assert (displaced.front, displaced.connection) == (0, 99)


def test_take_over_by_python_leaves_the_older_one_to_be_closed(open_front: OpenFront) -> None:
    front = open_front()
    older = front.live(version=5)
    front.table.remove(b"pump")
    newer = front.peer(known_connect())
    asked = front.event(Kind.CONNECT)
    taken_over = front.sessions.attach(b"pump", 0, asked.connection, 1.0)
    assert taken_over is not None
    assert front.front.close_connection(taken_over.connection, Ending.TAKEN_OVER)
    assert older.ends_with() == DISCONNECT5[Ending.TAKEN_OVER]
    assert front.admit(asked, b"pump")
    assert newer.packet() == CONNACK
