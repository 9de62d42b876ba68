"""The native front through its boundary, on real sockets: what it accepts, asks, answers and forgets.

What peers may cost it is in test_front_peers.py, one session for each device in test_front_take_over.py.
"""

import os

import pytest

from engine.gate.compiled_front import Ending, Kind, Seen, mapped
from engine.verdict.policy import VerdictPolicy, is_stamp_in_window
from tests.gate.conftest import OpenFront
from tests.helpers.mqtt_packets import (
    PINGREQ,
    connect_packet,
    disconnect_packet,
    publish_packet,
    subscribe_packet,
)
from tests.helpers.native_front import CONNACK, CONNACK5, DISCONNECT5, PolledFront, known_connect
from tests.helpers.records import SECRET, STAMP, STAMP_AT

PINGRESP = b"\xd0\0"
UNKNOWN = connect_packet("other_0_0_2025041401", "other", b"0" * 64)


class TestKnownDevice:
    @pytest.mark.parametrize("version", [3, 4])
    def test_is_accepted_without_a_question(self, open_front: OpenFront, version: int) -> None:
        front = open_front()
        peer = front.peer(known_connect(version=version))
        assert peer.packet() == CONNACK
        assert front.events == []
        assert (front.count.connections, front.count.known_good, front.count.live, len(front.pending)) == (1, 1, 1, 0)
        assert list(front.sessions.device_ids()) == ["pump"]

    @pytest.mark.parametrize("expiry", [b"", b"\x11\0\0\0\x05"])
    @pytest.mark.parametrize(("keep_alive", "chosen"), [(60, 0), (30, 0), (1200, 0), (29, 1), (1201, 2), (0, 2)])
    def test_of_mqtt_5_is_told_the_keep_alive_and_the_session_expiry_in_force(
        self, open_front: OpenFront, keep_alive: int, chosen: int, expiry: bytes
    ) -> None:
        packet = known_connect(version=5, keep_alive=keep_alive, properties=expiry)
        assert open_front().peer(packet).packet() == CONNACK5[bool(expiry)][chosen]

    def test_is_seen_once_however_often_it_came(self, open_front: OpenFront) -> None:
        front = open_front("pump", "valve")
        for _ in range(3):
            front.live("pump")
        peer = front.live("valve")
        assert len(front.seen) == 2
        sights = {sight.device_id: sight for sight in front.seen.take(10, 0, 0)}
        assert {name: sight.times for name, sight in sights.items()} == {"pump": 3, "valve": 1}
        assert sights["valve"].address == mapped(b"\x7f\0\0\1")
        assert sights["valve"].port == peer.sock.getsockname()[1]
        assert sights["valve"].record_id == (1).to_bytes(12, "big").hex()
        assert (len(front.seen), front.seen.take(10, 0, 0)) == (0, [])

    def test_whose_entry_another_has_got_is_forgotten(self, open_front: OpenFront) -> None:
        """The longest device_id where a short one was."""
        front = open_front("pump")
        front.live("pump")
        front.table.remove(b"pump")
        front.table.put(b"v" * 128, b"n" * 12, 1, checked_stamp_seen=False, primary=SECRET, secondary=None)
        front.live("v" * 128)
        assert [(sight.device_id, sight.times) for sight in front.seen.take(10, 0, 0)] == [("v" * 128, 1)]

    def test_sights_are_taken_in_batches_that_leave_none_waiting(self, open_front: OpenFront) -> None:
        names = [f"d{number}" for number in range(9)]
        front = open_front(*names)
        for name in names:
            front.live(name)
        taken = [front.seen.take(4, 0, 0) for _ in range(3)]
        assert [len(batch) for batch in taken] == [4, 4, 1]
        assert sorted(sight.device_id for batch in taken for sight in batch) == names

    def test_that_is_removed_is_asked_about(self, open_front: OpenFront) -> None:
        front = open_front()
        front.live()
        front.table.remove(b"pump")
        front.peer(known_connect())
        assert front.event(Kind.CONNECT).data == known_connect()

    def test_with_a_maximum_packet_size_that_connack_exceeds_is_asked_about(self, open_front: OpenFront) -> None:
        front = open_front()
        front.peer(known_connect(version=5, properties=b"\x27\0\0\0\4"))
        front.event(Kind.CONNECT)

    def test_whole_life_in_one_segment(self, open_front: OpenFront) -> None:
        front = open_front()
        publish = publish_packet("t", b"x")
        peer = front.peer(known_connect() + PINGREQ + publish + disconnect_packet())
        asked = front.event(Kind.SESSION)
        assert (asked.data, asked.device_id, asked.version) == (publish + disconnect_packet(), "pump", 4)
        assert front.front.end(asked.connection, b"")
        assert peer.ends_with() == CONNACK + PINGRESP
        assert (front.count.live, front.count.open, len(front.sessions)) == (0, 0, 0)

    def test_whole_life_one_byte_at_a_time(self, open_front: OpenFront) -> None:
        front = open_front()
        peer = front.peer()
        for byte in known_connect() + PINGREQ + disconnect_packet():
            peer.send(bytes([byte]))
            front.poll()
        assert peer.ends_with() == CONNACK + PINGRESP
        assert front.events == []

    def test_with_a_judged_stamp_is_accepted_in_its_window_to_the_second(self, open_front: OpenFront) -> None:
        """Sign type 1, as hours turn; the reference says where the window is."""
        front = open_front()
        front.table.put(b"pump", bytes(12), 2, checked_stamp_seen=True, primary=SECRET, secondary=None)
        packet = known_connect(client_id=f"pump_0_1_{STAMP.decode()}")
        accepted, expected = [], []
        for hour in range(-3, 5):
            for second in (-1, 0, 1):
                front.now = STAMP_AT + hour * 3600 + second
                peer = front.peer(packet)
                front.until(lambda: front.count.open > 0)
                known = front.count.known_good - sum(accepted)
                accepted.append(known)
                expected.append(int(is_stamp_in_window(STAMP, front.now, VerdictPolicy())))
                if not known:
                    front.front.end(front.event(Kind.CONNECT).connection, b"")
                peer.leave()
                front.until(lambda: front.count.open == 0)
        assert accepted == expected
        assert 0 < sum(accepted) < len(accepted)


class TestQuestions:
    def test_connect_and_what_came_whole_behind_it_is_one(self, open_front: OpenFront) -> None:
        front = open_front()
        peer = front.peer(UNKNOWN + PINGREQ + b"\x30\x05")
        asked = front.event(Kind.CONNECT)
        assert asked.data == UNKNOWN + PINGREQ
        assert (asked.address, asked.port) == (mapped(b"\x7f\0\0\1"), peer.sock.getsockname()[1])
        assert front.admit(asked, data=CONNACK + PINGRESP)
        peer.send(b"\0\1t12")
        assert front.event(Kind.SESSION).data == b"\x30\x05\0\1t12"
        assert peer.packet() + peer.packet() == CONNACK + PINGRESP

    def test_live_session_goes_on_after_the_answer(self, open_front: OpenFront) -> None:
        front = open_front()
        peer = front.live()
        subscribe = subscribe_packet(("t", 0))
        peer.send(subscribe + PINGREQ * 3)
        asked = front.event(Kind.SESSION)
        assert asked.data == subscribe + PINGREQ * 3
        assert front.front.go_on(asked.connection, b"\x90\x03\0\1\0" + PINGRESP * 3, keeps=True)
        assert peer.packet() == b"\x90\x03\0\1\0"
        assert peer.exchange(PINGREQ) == PINGRESP
        peer.leave()
        assert front.event(Kind.GONE).connection == asked.connection

    def test_what_python_keeps_nothing_of_goes_without_a_word(self, open_front: OpenFront) -> None:
        front = open_front()
        front.live().leave()
        front.until(lambda: front.count.open == 0)
        assert front.events == []

    def test_of_connections_that_end_in_the_same_poll_are_taken_back(self, open_front: OpenFront) -> None:
        """What such an event would lend is gone with its connection."""
        front = open_front(pending_hard=1)
        front.front.ask_always(always=True)
        peers = [front.peer(UNKNOWN) for _ in range(20)]
        front.poll()
        assert (front.count.connections, front.count.dropped) == (20, 19)
        (asked,) = front.events
        assert (asked.data, asked.port) == (UNKNOWN, peers[-1].sock.getsockname()[1])

    def test_before_a_take_over_in_the_same_poll_are_taken_back(self, open_front: OpenFront) -> None:
        front = open_front()
        older = front.live()
        older.send(publish_packet("t", b"x" * 5000))
        newer = front.peer(known_connect())
        front.poll()
        assert front.events == []
        assert newer.packet() == CONNACK
        assert older.ends_with() == b""


def slot_of(connection: int) -> int:
    """A connection's name is its slot, and how often the slot was used."""
    return connection & 0xFFFFFFFF


class TestStaleNames:
    def test_late_answer_finds_nobody_and_the_newcomer_in_that_slot_gets_nothing_of_it(
        self, open_front: OpenFront
    ) -> None:
        """Descriptors closed and opened again between the poll and the reply."""
        front = open_front()
        first = front.peer(UNKNOWN[:9])
        front.until(lambda: len(front.pending) == 1)
        first.send(UNKNOWN[9:])
        stale = front.event(Kind.CONNECT)
        descriptors = set(os.listdir("/proc/self/fd"))
        first.leave(with_reset=True)
        front.until(lambda: front.count.open == 0)
        second = front.peer(UNKNOWN)
        fresh = front.event(Kind.CONNECT)
        assert set(os.listdir("/proc/self/fd")) == descriptors, "the test is about the same numbers"
        assert slot_of(fresh.connection) == slot_of(stale.connection)

        assert not front.admit(stale, data=b"not for you")
        assert not front.front.go_on(stale.connection, b"not for you", keeps=True)
        assert not front.front.end(stale.connection, b"not for you")
        assert not front.front.close_connection(stale.connection, Ending.ADMINISTRATIVE)
        assert front.admit(fresh)
        assert second.exchange(PINGREQ) == CONNACK
        assert second.packet() == PINGRESP

    def test_names_of_a_thousand_connections_are_all_different(self, open_front: OpenFront) -> None:
        front = open_front()
        names = set()
        for _ in range(1000):
            peer = front.peer(b"\0\0")
            asked = front.event(Kind.CONNECT)
            names.add(asked.connection)
            front.front.end(asked.connection, b"")
            peer.leave()
        assert len(names) == 1000
        assert len({slot_of(name) for name in names}) == 1

    @pytest.mark.parametrize("name", [0, 1, 1 << 32, (1 << 64) - 1, 5 << 32 | 4095, 1 << 32 | 0xFFFFFFFF])
    def test_name_that_was_never_given_is_nobody(self, open_front: OpenFront, name: int) -> None:
        front = open_front().front
        assert not front.end(name, b"x")
        assert not front.go_on(name, b"x", keeps=False)
        assert not front.close_connection(name, 0)
        assert not front.admit(name, b"x", session=1, version=4, keep_alive=0, client_maximum=None, keeps=False)

    def test_answer_that_does_not_fit_the_question_is_none(self, open_front: OpenFront) -> None:
        front = open_front()
        peer = front.peer(UNKNOWN)
        asked = front.event(Kind.CONNECT)
        assert not front.front.go_on(asked.connection, b"x", keeps=False), "its CONNECT is not answered"
        assert front.admit(asked)
        assert not front.admit(asked), "it is admitted already"
        assert not front.front.go_on(asked.connection, b"x", keeps=False), "nothing was asked"
        assert peer.exchange(PINGREQ) == CONNACK
        assert peer.packet() == PINGRESP


class TestEndings:
    @pytest.mark.parametrize("reason", Ending)
    def test_device_of_mqtt_5_is_told_why_and_an_older_one_is_closed(
        self, open_front: OpenFront, reason: Ending
    ) -> None:
        front = open_front("pump", "valve")
        newer, older = front.live("pump", version=5), front.live("valve", version=4)
        for device_id in (b"pump", b"valve"):
            session = front.sessions.find(device_id)
            assert session is not None
            assert front.front.close_connection(session.connection, reason)
        assert newer.ends_with() == DISCONNECT5[reason]
        assert older.ends_with() == b""
        assert len(front.sessions) == 0

    def test_goodbye_over_the_clients_maximum_is_not_sent(self, open_front: OpenFront) -> None:
        """[MQTT-3.1.2-24]"""
        front = open_front()
        peer = front.peer(UNKNOWN)
        asked = front.event(Kind.CONNECT)
        assert front.admit(asked, version=5, client_maximum=2)
        assert front.front.close_connection(asked.connection, Ending.TAKEN_OVER)
        assert peer.ends_with() == CONNACK

    def test_pingresp_over_the_clients_maximum_is_not_c_s_to_say(self, open_front: OpenFront) -> None:
        front = open_front()
        peer = front.peer(UNKNOWN)
        assert front.admit(front.event(Kind.CONNECT), data=b"", version=5, client_maximum=1)
        peer.send(PINGREQ)
        asked = front.event(Kind.SESSION)
        assert (asked.data, asked.client_maximum) == (PINGREQ, 1)

    def test_drain_ends_so_many_at_a_time_and_says_how_many_are_left(self, open_front: OpenFront) -> None:
        names = [f"d{number}" for number in range(10)]
        front = open_front(*names)
        peers = [front.live(name, version=5) for name in names]
        silent = front.peer()
        front.until(lambda: front.count.open == 11)
        front.front.stop()
        assert front.front.drain(0) == 10
        assert silent.ends_with() == b"", "who has no session waits for nothing"
        assert [front.front.drain(4) for _ in range(4)] == [6, 2, 0, 0]
        assert [peer.ends_with() for peer in peers] == [DISCONNECT5[Ending.SHUTTING_DOWN]] * 10
        assert (front.count.open, front.count.live, len(front.sessions)) == (0, 0, 0)

    def test_drain_leaves_who_awaits_a_verdict_and_ends_who_was_asked_about_otherwise(
        self, open_front: OpenFront
    ) -> None:
        front = open_front()
        awaiting, busy = front.peer(UNKNOWN), front.live(version=5)
        asked = front.event(Kind.CONNECT)
        busy.send(publish_packet("t"))
        front.event(Kind.SESSION)
        assert front.front.drain(100) == 0
        assert busy.ends_with() == DISCONNECT5[Ending.SHUTTING_DOWN]
        assert front.front.end(asked.connection, b"draining")
        assert awaiting.ends_with() == b"draining"

    def test_stopped_front_accepts_no_more(self, open_front: OpenFront) -> None:
        front = open_front()
        live = front.live()
        front.front.stop()
        front.peer(known_connect())
        assert live.exchange(PINGREQ) == PINGRESP
        assert front.count.connections == 1

    def test_closed_front_leaves_no_session_behind(self) -> None:
        front = PolledFront()
        peer = front.live()
        front.front.close()
        peer.sock.setblocking(True)
        assert peer.sock.recv(1024) == b""
        peer.sock.close()
        front.listening.close()
        assert len(front.sessions) == 0


def test_seen_of_no_entries_takes_nothing() -> None:
    assert Seen(0).take(5, 0, 0) == []
