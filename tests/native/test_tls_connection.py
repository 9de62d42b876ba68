"""native/tls_connection.c as real clients see it (openssl s_client, Python's ssl), and as hostile ones do."""

import contextlib
import datetime
import os
import select
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.node.certificates import LOOPBACK_NAMES, create_ca, issue_server_certificate
from tests.helpers.device_certificates import issue
from tests.helpers.mqtt_packets import connect_packet
from tests.helpers.native_tls import (
    CLOSED,
    FAILED,
    READY,
    WANT_READ,
    WANT_WRITE,
    Connection,
    Server,
    client_context,
    patiently,
    s_client,
)

pytestmark = pytest.mark.system("openssl")

PLATFORM_CA = create_ca(datetime.datetime.now(datetime.UTC))
ISSUED = issue_server_certificate(PLATFORM_CA, LOOPBACK_NAMES, datetime.datetime.now(datetime.UTC))
CA = issue("device CA", is_ca=True)
INTERMEDIATE = issue("intermediate", CA, is_ca=True)
DEVICE = issue("pump", INTERMEDIATE, chain=(INTERMEDIATE.certificate,))

VERSIONS = ["-tls1_2", "-tls1_3"]
BOTH = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(ISSUED.certificate, ISSUED.key)
    yield server
    server.close()


def client_hello(version: ssl.TLSVersion | None = None, name: str = "localhost") -> bytes:
    outgoing = ssl.MemoryBIO()
    tls = client_context(version=version).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def fault_of(server: Server, data: bytes, *, and_leaves: bool = False) -> tuple[str, bytes]:
    """What a peer that sends this and nothing else is counted as, and what it is sent."""
    left, right = socket.socketpair()
    connection = Connection(server.context(CA), left)
    with right:
        right.settimeout(20)
        right.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        right.sendall(data)
        if and_leaves:
            right.shutdown(socket.SHUT_WR)
        assert connection.handshake() == FAILED
        fault = connection.fault
        assert connection.shutdown() == CLOSED
        connection.close()
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := right.recv(65536):
                said += piece
    return fault, said


class TestWhatIsSpoken:
    @pytest.mark.parametrize(("flag", "word"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
    def test_tls_1_2_and_1_3_are_spoken_and_end_with_close_notify(self, server: Server, flag: str, word: str) -> None:
        told = s_client(server.context(CA), flag)
        assert f"New, {word}" in told.said
        assert "ready" in told.said
        assert "hello" in told.said
        assert "closed" in told.said
        assert "unexpected eof" not in told.said
        assert (told.answer, told.fault, told.peer) == (1, "", ())

    @pytest.mark.parametrize("flag", ["-tls1", "-tls1_1"])
    def test_older_versions_are_refused_with_an_alert(self, server: Server, flag: str) -> None:
        told = s_client(server.context(CA), flag, "-cipher", "ALL:@SECLEVEL=0")
        assert "alert protocol version" in told.said
        assert told.fault == "protocol_version"

    @pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA256"])
    def test_cbc_suites_are_refused_with_an_alert(self, server: Server, suite: str) -> None:
        told = s_client(server.context(CA), "-tls1_2", "-cipher", suite)
        assert "alert handshake failure" in told.said
        assert told.fault == "handshake_failure"

    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize(("group", "word"), [("X25519:P-256", "X25519"), ("P-256", "prime256v1")])
    def test_both_groups_are_taken(self, server: Server, version: str, group: str, word: str) -> None:
        said = s_client(server.context(CA), version, "-groups", group).said
        assert f"Server Temp Key: {word}" in said.replace("ECDH, ", "")

    @pytest.mark.parametrize(
        ("offered", "answer"),
        [
            ("mqtt", "ALPN protocol: mqtt"),
            ("x-amzn-mqtt-ca", "ALPN protocol: x-amzn-mqtt-ca"),
            ("x-amzn-mqtt-ca,mqtt", "ALPN protocol: mqtt"),
            ("h2,mqtt", "ALPN protocol: mqtt"),
            ("h2", "No ALPN negotiated"),
        ],
    )
    def test_alpn_names_mqtt_or_nothing(self, server: Server, offered: str, answer: str) -> None:
        told = s_client(server.context(CA), "-alpn", offered)
        assert answer in told.said
        assert told.answer == 1

    def test_server_name_is_read_and_any_is_answered(self, server: Server) -> None:
        context = server.context(CA)
        assert s_client(context, "-servername", "project.example.com").server_name == "project.example.com"
        assert s_client(context, "-noservername").server_name is None

    def test_server_name_that_is_not_ascii_ends_the_handshake_only(self, server: Server) -> None:
        fault, said = fault_of(server, client_hello().replace(b"localhost", b"local\xffost"))
        assert fault == "other"
        assert said == b"\x15\3\3\0\2\2\x50", "internal_error, as the reference front says"

    @pytest.mark.parametrize("version", BOTH)
    def test_handshake_in_single_bytes_is_the_same(
        self, server: Server, version: ssl.TLSVersion, tmp_path: Path
    ) -> None:
        """And no more is answered than "want read" until it is done."""
        client = client_context(PLATFORM_CA.certificate, DEVICE.write(tmp_path), version)
        shaken = server.shake(server.context(CA), client, chunk=1)
        assert (shaken.answer, shaken.alert) == (1, "")
        assert shaken.server.peer == (DEVICE.der, INTERMEDIATE.der)
        assert shaken.client.write(b"over") == 4
        shaken.wire.chunk = 1 << 20
        shaken.wire.send_some()
        assert shaken.server.read() == b"over"

    def test_renegotiation_is_refused(self, server: Server) -> None:
        _before, _, after = s_client(server.context(CA), "-tls1_2", sends=b"R\n").said.partition("RENEGOTIATING")
        assert "error" in after
        assert "verify return" not in after

    def test_no_names_of_cas_are_sent(self, server: Server) -> None:
        said = s_client(server.context(CA), "-tls1_3").said
        assert "No client certificate CA names sent" in said
        assert "Requested Signature Algorithms: ECDSA+SHA256" in said


class TestBounds:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize(
        ("certificates", "fault"),
        [
            ([17_000], "certificate_list_too_large"),
            ([40_000], "certificate_list_too_large"),
            ([0] * 9, "certificate_list_too_large"),
        ],
    )
    def test_promise_2_certificate_list_over_its_bound_is_refused(
        self, server: Server, tmp_path: Path, certificates: list[int], fault: str, version: str
    ) -> None:
        more = tuple(issue("more", CA, padding_bytes=size).certificate for size in certificates)
        told = s_client(server.context(CA), version, *issue("pump", CA, chain=more).s_client(tmp_path))
        assert (told.answer, told.fault) == (FAILED, fault)

    def test_promise_2_handshake_over_its_bound_is_cut(self, server: Server) -> None:
        """A ClientHello of 128 KiB, as far as its header tells, in records of 16 KiB."""
        hello = b"\1\2\0\0" + b"\3\3" + bytes(32)
        data = b"\x16\3\1\x40\0" + hello + bytes(16384 - len(hello)) + (b"\x16\3\1\x40\0" + bytes(16384)) * 7
        assert fault_of(server, data)[0] == "handshake_too_large"

    def test_not_a_byte_more_than_the_bound_is_read(self) -> None:
        server = Server(ISSUED.certificate, ISSUED.key, handshake_bytes=100)
        left, right = socket.socketpair()
        connection = Connection(server.context(CA), left)
        with right:
            right.sendall(client_hello() + bytes(1000))
            assert connection.handshake() == FAILED
            assert connection.fault == "handshake_too_large"
            assert len(left.recv(65536)) == len(client_hello()) + 1000 - 100
        connection.close()

    def test_after_the_handshake_there_is_no_such_bound(self, server: Server) -> None:
        shaken = server.shake(server.context(CA), client_context())
        for _ in range(10):
            shaken.client.write(bytes(16384))
            shaken.wire.send_some()
            received = 0
            while isinstance(data := shaken.server.read(65536), bytes):
                received += len(data)
            assert (received, data) == (16384, WANT_READ)

    @pytest.mark.parametrize("data", [connect_packet("pump", "pump", b"x"), b"GET / HTTP/1.1\r\n\r\n"])
    def test_plaintext_is_told_apart(self, server: Server, data: bytes) -> None:
        assert fault_of(server, data)[0] == "not_tls"

    def test_garbage_of_32_kib_in_a_handshake_fails_and_leaves_nothing(self, server: Server) -> None:
        record = b"\x16\3\1\x40\0" + b"\xff" * 16384
        assert fault_of(server, record * 2)[0] in ("other", "handshake_too_large")


class TestPeerThatLeaves:
    @pytest.mark.parametrize("length", [0, 1, 5, 50])
    def test_before_its_hello_is_whole(self, server: Server, length: int) -> None:
        assert fault_of(server, client_hello()[:length], and_leaves=True) == ("peer_gone", b"")

    def test_after_its_hello(self, server: Server) -> None:
        assert fault_of(server, client_hello(), and_leaves=True)[0] == "peer_gone"

    def test_after_its_hello_without_waiting_for_ours(self, server: Server) -> None:
        """Writing to it must not raise SIGPIPE."""
        left, right = socket.socketpair()
        connection = Connection(server.context(CA), left)
        right.sendall(client_hello())
        right.close()
        assert connection.handshake() == FAILED
        assert connection.fault == "peer_gone"
        connection.close()

    def test_after_the_handshake_without_close_notify(self, server: Server) -> None:
        shaken = server.shake(server.context(CA), client_context())
        shaken.wire.sock.close()
        assert shaken.server.read() == CLOSED
        assert shaken.server.shutdown() == CLOSED
        shaken.server.close()

    def test_after_the_handshake_with_close_notify_which_is_answered(self, server: Server) -> None:
        shaken = server.shake(server.context(CA), client_context())
        with pytest.raises(ssl.SSLWantReadError):
            shaken.client.unwrap()
        shaken.wire.send_some()
        assert shaken.server.read() == CLOSED
        assert shaken.server.shutdown() == CLOSED
        shaken.wire.receive()
        shaken.client.unwrap()

    def test_record_that_was_tampered_with_fails_and_says_so(self, server: Server) -> None:
        shaken = server.shake(server.context(CA), client_context(version=ssl.TLSVersion.TLSv1_3))
        shaken.wire.sock.sendall(b"\x17\3\3\0\x20" + bytes(32))
        assert shaken.server.read() == FAILED
        shaken.wire.receive()
        with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
            shaken.client.read(100)

    def test_peer_that_does_not_read_makes_us_wait_and_loses_nothing(self, server: Server) -> None:
        shaken = server.shake(server.context(CA), client_context())
        data, sent = os.urandom(1 << 20), 0
        heard = b""
        while sent < len(data):
            taken = shaken.server.write(data[sent : sent + 70_000])
            assert taken == WANT_WRITE or taken > 0
            if taken > 0:
                sent += taken
            else:
                heard += shaken.wire.read()
        while len(heard) < len(data):
            piece = shaken.wire.read()
            heard += piece
        assert heard == data


def test_cve_2022_39368_hundreds_of_failed_handshakes_then_a_good_one(server: Server) -> None:
    """Californium: failed handshakes left counters behind. Here nothing is left at all."""
    context = server.context(CA)
    hello = client_hello()
    for number in range(3000):
        left, right = socket.socketpair()
        connection = Connection(context, left)
        with right:
            right.sendall(hello[: number % len(hello)] + b"\xff" * 20)
            right.shutdown(socket.SHUT_WR)
            assert connection.handshake() == FAILED
        assert context.connections == 1
        connection.close()
    assert context.connections == 0
    assert s_client(context).answer == 1


def test_failed_calls_leave_nothing_in_the_error_queue_that_python_reads(server: Server) -> None:
    """Where the library is the system's, Python's ssl has the same queue, and would take our fault for its own."""
    fault_of(server, b"GET / HTTP/1.1\r\n\r\n")
    shaken = server.shake(server.context(CA), client_context(PLATFORM_CA.certificate))
    assert (shaken.answer, shaken.alert) == (1, "")
    shaken.wire.sock.sendall(b"\x17\3\3\0\x20" + bytes(32))
    assert shaken.server.read() == FAILED
    again = server.shake(server.context(CA), client_context(PLATFORM_CA.certificate))
    assert (again.answer, again.alert) == (1, "")


def test_nothing_that_came_waits_where_nobody_is_woken(server: Server) -> None:
    """Records that came together, also such as are longer than what is read ahead."""
    shaken = server.shake(server.context(CA), client_context(PLATFORM_CA.certificate))
    said = [b"a", b"b" * 900, b"c" * 3000, b"d" * 16384, b"e" * 1100, b"f"]
    for piece in said:
        shaken.client.write(piece)
    while shaken.wire.send_some():
        pass
    heard = b""
    while len(heard) < len(b"".join(said)):
        assert shaken.server.has_more or select.select([shaken.server.sock], [], [], 0)[0]
        got = shaken.server.read(16384)
        assert isinstance(got, bytes)
        heard += got
    assert heard == b"".join(said)
    assert not shaken.server.has_more
    assert shaken.server.read() == WANT_READ


def test_slow_bytes_never_block(server: Server) -> None:
    """Each step answers at once; only the front's deadline ends such a peer."""
    left, right = socket.socketpair()
    connection = Connection(server.context(CA), left)
    with right:
        for byte in client_hello():
            right.send(bytes([byte]))
            assert connection.handshake() == WANT_READ
        assert select.select([right], [], [], 0)[0], "the hello is whole, and answered"
    connection.close()


def test_wait_for_writing_ends_when_the_peer_reads(server: Server) -> None:
    shaken = server.shake(server.context(CA), client_context())
    while (answer := shaken.server.write(READY * 1000)) > 0:
        pass
    assert answer == WANT_WRITE
    while shaken.wire.read():
        pass
    assert patiently(shaken.server, lambda: shaken.server.write(READY * 1000)) > 0
