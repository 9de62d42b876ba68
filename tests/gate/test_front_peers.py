"""What peers may cost the native front (THREATS 1 to 3): bounds, deadlines, pieces, floods."""

import gc
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from engine.gate.compiled_front import Kind, mapped
from tests.gate.conftest import OpenFront
from tests.helpers.mqtt_packets import PINGREQ, connect_packet, packet, publish_packet, variable
from tests.helpers.native_front import CONNACK, known_connect

PINGRESP = b"\xd0\0"
UNKNOWN = connect_packet("other_0_0_2025041401", "other", b"0" * 64)
LOOPBACK = (mapped(b"\x7f\0\0\0"), 104)


@contextmanager
def open_files(limit: int) -> Iterator[None]:
    """RLIMIT_NOFILE of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def rss_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class TestBoundsOnThePending:
    def test_prefix_has_its_share_which_who_is_accepted_leaves(self, open_front: OpenFront) -> None:
        front = open_front(pending_per_prefix=2)
        first = front.peer()
        front.peer(UNKNOWN)
        front.until(lambda: len(front.pending) == 2)
        assert front.peer().ends_with() == b""
        assert front.count.shed == 1
        assert front.peer(host="127.0.0.2").exchange(known_connect()) == CONNACK, "another address, another prefix"
        assert first.exchange(known_connect()) == CONNACK
        assert front.peer().exchange(known_connect()) == CONNACK

    def test_exempt_network_has_no_share(self, open_front: OpenFront) -> None:
        front = open_front(pending_per_prefix=1, exempt=[LOOPBACK])
        peers = [front.peer() for _ in range(5)]
        front.until(lambda: len(front.pending) == 5)
        assert peers[4].exchange(known_connect()) == CONNACK

    @pytest.mark.parametrize("bits", [96 + 31, 96 + 32])
    def test_network_ends_at_its_last_bit(self, open_front: OpenFront, bits: int) -> None:
        front = open_front(pending_per_prefix=1, exempt=[(mapped(b"\x7f\0\0\2"), bits)])
        for last in (2, 3):
            front.peer(host=f"127.0.0.{last}")
            front.peer(host=f"127.0.0.{last}")
        front.until(lambda: front.count.connections == 4)
        assert front.count.shed == (0 if bits == 96 + 31 else 1)

    def test_above_the_hard_mark_who_has_gone_longest_without_progress_goes(self, open_front: OpenFront) -> None:
        front = open_front("pump", "valve", pending_hard=2)
        live = front.live("valve")
        first, second = front.peer(b"\x10"), front.peer(b"\x10")
        front.until(lambda: len(front.pending) == 2)
        first.send(b"\x7f")
        front.until(lambda: front.front.poll(0)[2] is False)
        third = front.peer(b"\x10")
        assert second.ends_with() == b""
        assert (front.count.dropped, len(front.pending)) == (1, 2)
        front.poll()
        for survivor in (first, third):
            survivor.look()
            assert not survivor.is_closed
        assert live.exchange(PINGREQ) == PINGRESP, "a session is never dropped"

    def test_above_the_soft_mark_python_is_asked_about_every_connect(self, open_front: OpenFront) -> None:
        front = open_front(pending_soft=1)
        silent = front.peer()
        front.until(lambda: len(front.pending) == 1)
        asking = front.peer(known_connect())
        asked = front.event(Kind.CONNECT)
        assert asked.data == known_connect()
        front.front.end(asked.connection, b"\x20\x02\0\3")
        assert asking.ends_with() == b"\x20\x02\0\3"
        assert silent.exchange(known_connect()) == CONNACK

    def test_front_of_so_many_connections_sheds_the_rest(self, open_front: OpenFront) -> None:
        """The slots come in thousands; the first is nobody's."""
        front = open_front(connections=1)
        peers = [front.peer(host=f"127.0.0.{1 + number % 200}") for number in range(1030)]
        front.until(lambda: front.count.connections == 1030)
        assert front.count.open + front.count.shed == 1030
        assert front.count.shed > 0
        assert peers[0].exchange(known_connect()) == CONNACK


class TestWhoIsAskedAbout:
    def test_watched_prefix_until_it_is_let_go(self, open_front: OpenFront) -> None:
        front = open_front()
        front.front.watch(mapped(b"\x7f\0\0\1"), watched=True)
        front.front.watch(mapped(b"\x7f\0\0\1"), watched=True)
        front.peer(known_connect())
        front.event(Kind.CONNECT)
        assert front.peer(known_connect(), host="127.0.0.2").packet() == CONNACK
        front.front.watch(mapped(b"\x7f\0\0\1"), watched=False)
        assert front.peer(known_connect()).packet() == CONNACK

    def test_watched_prefix_of_an_exempt_network_is_not(self, open_front: OpenFront) -> None:
        front = open_front(exempt=[LOOPBACK])
        front.front.watch(mapped(b"\x7f\0\0\1"), watched=True)
        assert front.peer(known_connect()).packet() == CONNACK

    def test_everybody_where_there_is_no_place_for_one_more_watched(self, open_front: OpenFront) -> None:
        front = open_front(failure_entries=1)
        for last in (1, 2):
            front.front.watch(mapped(bytes([127, 0, 0, last])), watched=True)
        front.peer(known_connect(), host="127.0.0.3")
        front.event(Kind.CONNECT)

    def test_everybody_while_it_is_said(self, open_front: OpenFront) -> None:
        front = open_front()
        front.front.ask_always(always=True)
        front.peer(known_connect())
        front.event(Kind.CONNECT)
        front.front.ask_always(always=False)
        assert front.peer(known_connect()).packet() == CONNACK


class TestDeadlines:
    def test_connect_has_one_which_bytes_do_not_move(self, open_front: OpenFront) -> None:
        front = open_front(connect_seconds=0.1)
        silent, trickling = front.peer(), front.peer(b"\x10")
        live = front.live()

        def trickle() -> bool:
            trickling.look()
            if not trickling.is_closed:
                trickling.send(b"\x01")
            return trickling.is_closed

        with suppress(BrokenPipeError, ConnectionResetError):
            front.until(trickle)
        assert silent.ends_with() == b""
        assert live.exchange(PINGREQ) == PINGRESP
        assert front.count.open == 1

    def test_who_awaits_a_verdict_is_closed_at_it_too(self, open_front: OpenFront) -> None:
        front = open_front(connect_seconds=0.05)
        peer = front.peer(UNKNOWN)
        asked = front.event(Kind.CONNECT)
        assert peer.ends_with() == b""
        assert not front.admit(asked)

    def test_keep_alive_ends_who_is_silent_and_nobody_else(self, open_front: OpenFront) -> None:
        front = open_front("pump", "valve", "lamp", keep_alive_factor=0.002, keep_alive_minimum_seconds=30)
        silent = front.live("pump", keep_alive=60)  # 0.12 s
        endless = front.peer(UNKNOWN)
        assert front.admit(front.event(Kind.CONNECT), keep_alive=0)
        talking = front.live("valve", keep_alive=60)

        def is_silent_one_gone() -> bool:
            assert talking.exchange(PINGREQ) == PINGRESP
            silent.look()
            return silent.is_closed

        front.until(is_silent_one_gone)
        assert endless.packet() == CONNACK
        assert endless.exchange(PINGREQ) == PINGRESP
        assert len(front.sessions) == 2

    def test_keep_alive_that_rings_while_python_is_asked_spares_who_has_just_spoken(
        self, open_front: OpenFront
    ) -> None:
        """The timer of a live session is moved when it rings, not with each packet."""
        front = open_front(keep_alive_factor=0.015)
        peer = front.live(keep_alive=60)  # 0.9 s
        rings_at = time.monotonic() + 0.9
        while time.monotonic() < rings_at + 0.1:
            peer.send(publish_packet("t"))
            asked = front.event(Kind.SESSION)
            answer_at = time.monotonic() + 0.1
            front.until(lambda at=answer_at: time.monotonic() > at)  # type: ignore[misc]
            assert front.front.go_on(asked.connection, PINGRESP, keeps=False)
            assert peer.packet() == PINGRESP

    def test_peer_that_does_not_take_its_answers_has_one(self, open_front: OpenFront) -> None:
        front = open_front(send_seconds=0.1)
        peer = front.peer(known_connect(keep_alive=1200), receive_buffer=2048)
        front.until(lambda: front.count.live == 1)

        def is_gone() -> bool:
            try:
                peer.sock.send(PINGREQ * 8192)
            except BlockingIOError:
                pass
            except (BrokenPipeError, ConnectionResetError):
                return True
            return front.count.open == 0

        front.until(is_gone)
        assert len(front.sessions) == 0

    def test_peer_that_takes_its_answers_late_gets_every_one(self, open_front: OpenFront) -> None:
        front = open_front()
        peer = front.live()
        sent = 0

        def is_stuck() -> bool:
            nonlocal sent
            for _ in range(50):
                try:
                    sent += peer.sock.send(PINGREQ * 8192)
                except BlockingIOError:
                    return True
            return False

        front.until(is_stuck)
        if sent % 2:
            peer.send(b"\0")
            sent += 1

        def has_all() -> bool:
            peer.look()
            return len(peer.received) == sent

        front.until(has_all)
        assert peer.received == PINGRESP * (sent // 2)


class TestPieces:
    def test_sixteen_kib_of_pingreqs_and_then_some(self, open_front: OpenFront) -> None:
        front = open_front()
        peer = front.live()
        pings = PINGREQ * 20_000
        peer.send(pings)

        def has_all() -> bool:
            peer.look()
            return len(peer.received) == len(pings)

        front.until(has_all)
        assert peer.received == PINGRESP * 20_000

    @pytest.mark.parametrize("piece", [1, 1000, 16384, 70_001])
    def test_publish_of_a_mebibyte_in_pieces_is_asked_about_whole(self, open_front: OpenFront, piece: int) -> None:
        front = open_front()
        peer = front.live()
        size = 1 << 20 if piece > 1 else 1 << 11
        publish = publish_packet("t", os.urandom(size - 1000))
        for at in range(0, len(publish), piece):
            peer.send(publish[at : at + piece])
            front.poll()
        peer.send(PINGREQ)
        asked = front.event(Kind.SESSION)
        assert asked.data[: len(publish)] == publish
        assert front.front.go_on(asked.connection, PINGRESP * asked.data.count(PINGREQ, len(publish)), keeps=False)
        assert peer.packet() == PINGRESP

    def test_packet_over_the_bound_is_asked_about_before_it_is_sent(self, open_front: OpenFront) -> None:
        front = open_front(packet_bytes=1000, connect_packet_bytes=500)
        live = front.live()
        live.send(b"\x30" + variable(1001))
        assert front.event(Kind.SESSION).data == b"\x30" + variable(1001)
        front.peer(b"\x10" + variable(501))
        assert front.event(Kind.CONNECT).data == b"\x10" + variable(501)

    def test_cve_2017_7651_announced_lengths_hold_no_memory(self, open_front: OpenFront) -> None:
        names = [f"d{number}" for number in range(60)]
        front = open_front(*names)
        front.live("d0")
        before = rss_bytes()
        peers = [front.peer(b"\x10\xff\xff\x01" + b"x", host="127.0.0.2") for _ in range(300)]
        for name in names:
            front.live(name).send(b"\x30\xff\xff\x3f")
        front.until(lambda: len(front.pending) == len(peers))
        for _ in range(10):
            front.poll()
        assert rss_bytes() - before < 4 << 20

    def test_bytes_behind_a_question_stay_with_the_peer(self, open_front: OpenFront) -> None:
        """Nothing is read of a peer whose question is not answered: its flood is its own memory."""
        front = open_front()
        peer = front.peer(UNKNOWN)
        asked = front.event(Kind.CONNECT)
        flood, sent = publish_packet("t", b"x" * 60_000), 0
        before = rss_bytes()
        for _ in range(400):
            front.poll()
            try:
                sent += peer.sock.send(flood)
            except BlockingIOError:
                break
        assert front.events == []
        assert rss_bytes() - before < 4 << 20
        assert front.admit(asked)
        assert front.event(Kind.SESSION).data.startswith(flood)


class TestDescriptors:
    def test_front_out_of_descriptors_pauses_and_serves_again(self, open_front: OpenFront) -> None:
        front = open_front("pump", "valve")
        live = front.live()
        waiting = front.peer(known_connect("valve"))
        unused = os.dup(0)
        os.close(unused)
        with open_files(unused):
            front.until(lambda: front.count.accept_failures > 0)
            assert os.strerror(front.count.accept_errno) == "Too many open files"
            failures = front.count.accept_failures
            for _ in range(50):
                front.poll()
            assert front.count.accept_failures <= failures + 1, "it pauses instead of turning round"
            assert live.exchange(PINGREQ) == PINGRESP
        assert waiting.packet() == CONNACK

    def test_connections_come_and_go_and_no_descriptor_is_left(self, open_front: OpenFront) -> None:
        front = open_front()
        front.live().leave()
        front.until(lambda: front.count.open == 0)
        gc.collect()  # tables of other tests have descriptors too
        before = len(os.listdir("/proc/self/fd"))
        beginnings = [b"", b"\x10", known_connect(), known_connect()[:30], b"\0\0", UNKNOWN, PINGREQ]
        for number in range(300):
            peer = front.peer(beginnings[number % len(beginnings)], host=f"127.0.0.{1 + number % 200}")
            front.poll()
            peer.leave(with_reset=number % 2 == 0)

        def are_all_gone() -> bool:
            for event in front.events:
                front.front.end(event.connection, b"")
            front.events.clear()
            return front.count.open == 0

        front.until(are_all_gone)
        assert len(os.listdir("/proc/self/fd")) == before
        assert (len(front.pending), front.count.live, len(front.sessions)) == (0, 0, 0)


def test_garbage_that_ends_a_session_is_told_with_everything_before_it_answered(open_front: OpenFront) -> None:
    front = open_front()
    peer = front.live()
    peer.send(PINGREQ * 3 + packet(0x00, b"") + PINGREQ)
    asked = front.event(Kind.SESSION)
    assert asked.data == b"\0\0" + PINGREQ
    assert front.front.end(asked.connection, b"")
    assert peer.ends_with() == PINGRESP * 3
