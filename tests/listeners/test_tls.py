"""TLS as real clients see it (openssl s_client and Python's ssl), and as hostile ones do."""

import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from cryptography.x509.oid import ExtendedKeyUsageOID

from engine.listeners.tls import TlsTransport
from engine.observe.handshake import HandshakeFault
from tests.helpers.device_certificates import Certified, issue, with_stolen_certificate
from tests.helpers.mqtt_packets import connect_packet
from tests.helpers.tls_server import READY, TlsServer, tls_server

pytestmark = pytest.mark.system("openssl")

VERSIONS = ["-tls1_2", "-tls1_3"]

CA = issue("device CA", is_ca=True)
INTERMEDIATE = issue("intermediate", CA, is_ca=True)
DEVICE = issue("pump", CA)


async def accepted(server: TlsServer) -> TlsTransport:
    told = await server.next()
    assert isinstance(told, TlsTransport)
    return told


@pytest.mark.parametrize(("flag", "word"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
async def test_tls_1_2_and_1_3_are_spoken(tmp_path: Path, flag: str, word: str) -> None:
    async with tls_server(tmp_path) as server:
        said = await server.s_client(flag, "-verify_return_error")
        assert f"New, {word}" in said
        assert "hello" in said
        assert (await accepted(server)).peer_certificates == ()


@pytest.mark.parametrize("flag", ["-tls1", "-tls1_1"])
async def test_older_versions_are_refused_with_an_alert(tmp_path: Path, flag: str) -> None:
    async with tls_server(tmp_path) as server:
        assert "alert protocol version" in await server.s_client(flag, "-cipher", "ALL:@SECLEVEL=0")
        assert await server.next() is HandshakeFault.PROTOCOL_VERSION


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA256"])
async def test_cbc_suites_are_refused_with_an_alert(tmp_path: Path, suite: str) -> None:
    async with tls_server(tmp_path) as server:
        assert "alert handshake failure" in await server.s_client("-tls1_2", "-cipher", suite)
        assert await server.next() is HandshakeFault.HANDSHAKE_FAILURE


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        ("mqtt", "ALPN protocol: mqtt"),
        ("x-amzn-mqtt-ca", "ALPN protocol: x-amzn-mqtt-ca"),
        ("h2,mqtt", "ALPN protocol: mqtt"),
        ("h2", "No ALPN negotiated"),
    ],
)
async def test_alpn_names_mqtt_or_nothing(tmp_path: Path, offered: str, answer: str) -> None:
    async with tls_server(tmp_path) as server:
        assert answer in await server.s_client("-alpn", offered)
        await accepted(server)


async def test_server_name_is_read_and_any_is_answered(tmp_path: Path) -> None:
    async with tls_server(tmp_path) as server:
        await server.s_client("-servername", "project.example.com")
        assert (await accepted(server)).server_name == "project.example.com"
        await server.s_client("-noservername")
        assert (await accepted(server)).server_name is None


async def test_server_name_that_is_not_ascii_ends_the_handshake_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ssl reports it to sys.unraisablehook; engine/cli/log.py keeps that from becoming a log storm."""
    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", reported.append)
    async with tls_server(tmp_path) as server:
        hello = client_hello(server).replace(b"localhost", b"local\xffost")
        async with await server.connect() as stream:
            await stream.send_all(hello)
            assert await server.next() is HandshakeFault.OTHER
        assert len(reported) == 1
        await server.s_client()
        await accepted(server)


def client_hello(server: TlsServer) -> bytes:
    outgoing = ssl.MemoryBIO()
    tls = server.client_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


# Client certificates


@pytest.mark.parametrize("version", VERSIONS)
async def test_client_certificate_is_handed_on_leaf_first_with_what_was_sent_behind_it(
    tmp_path: Path, version: str
) -> None:
    device = issue("pump", INTERMEDIATE, chain=(INTERMEDIATE.certificate,))
    async with tls_server(tmp_path, [CA.der]) as server:
        assert "hello" in await server.s_client(version, *device.s_client(tmp_path))
        assert (await accepted(server)).peer_certificates == (device.der, INTERMEDIATE.der)


async def test_intermediate_alone_is_an_anchor(tmp_path: Path) -> None:
    """Most fleets upload an intermediate (DESIGN section 7)."""
    async with tls_server(tmp_path, [INTERMEDIATE.der]) as server:
        assert "hello" in await server.s_client(*issue("pump", INTERMEDIATE).s_client(tmp_path))


REFUSED = {
    "foreign": (issue("pump", issue("foreign CA", is_ca=True)), HandshakeFault.UNKNOWN_CA, "unknown ca"),
    "of our CA's name": (issue("pump", issue("device CA", is_ca=True)), HandshakeFault.DECRYPT_ERROR, "decrypt error"),
    "self-signed": (issue("pump"), HandshakeFault.UNKNOWN_CA, "unknown ca"),
    "issued by a leaf": (issue("pump", DEVICE, chain=(DEVICE.certificate,)), HandshakeFault.UNKNOWN_CA, "unknown ca"),
    "expired": (issue("pump", CA, not_after_days=-1), HandshakeFault.CERTIFICATE_EXPIRED, "certificate expired"),
    "for a server": (
        issue("pump", CA, usage=ExtendedKeyUsageOID.SERVER_AUTH),
        HandshakeFault.UNSUPPORTED_CERTIFICATE,
        "unsupported certificate",
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("device", "fault", "alert"), REFUSED.values(), ids=REFUSED)
async def test_cve_2024_45159_and_cve_2021_3450_certificate_that_proves_nothing_gets_its_alert(
    tmp_path: Path, version: str, device: Certified, fault: HandshakeFault, alert: str
) -> None:
    """Asked for but not required is no licence to present a bad one (Mbed TLS ignored its usage in TLS 1.3)."""
    async with tls_server(tmp_path, [CA.der]) as server:
        assert f"alert {alert}" in await server.s_client(version, *device.s_client(tmp_path))
        assert await server.next() is fault


async def test_without_any_device_ca_a_certificate_is_still_asked_for_and_refused(tmp_path: Path) -> None:
    async with tls_server(tmp_path) as server:
        assert "alert unknown ca" in await server.s_client(*DEVICE.s_client(tmp_path))
        assert await server.next() is HandshakeFault.UNKNOWN_CA


@pytest.mark.parametrize("version", VERSIONS)
async def test_cve_2022_37026_certificate_without_its_key_proves_nothing(tmp_path: Path, version: str) -> None:
    certificate, key = with_stolen_certificate(issue("thief", CA), DEVICE, tmp_path)
    async with tls_server(tmp_path, [CA.der]) as server:
        assert "alert decrypt error" in await server.s_client(version, "-cert", certificate, "-key", key)
        assert await server.next() is HandshakeFault.DECRYPT_ERROR


@pytest.mark.parametrize(("is_dropped", "fault"), [(True, HandshakeFault.OTHER), (False, HandshakeFault.DECRYPT_ERROR)])
async def test_cve_2021_34433_certificate_verify_dropped_or_changed(
    tmp_path: Path, is_dropped: bool, fault: HandshakeFault
) -> None:
    """TLS 1.2, where the man in the middle sees it."""
    certificate, key = DEVICE.write(tmp_path)
    async with tls_server(tmp_path, [CA.der]) as server, await server.connect() as stream:
        context = server.client_context(ssl.TLSVersion.TLSv1_2)
        context.load_cert_chain(certificate, key)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                sent = outgoing.read()
                if any(is_certificate_verify(record) for record in records(sent)):
                    break
                await stream.send_all(sent)
                incoming.write(await stream.receive_some())
        changed = [record[:-1] + bytes([record[-1] ^ is_certificate_verify(record)]) for record in records(sent)]
        await stream.send_all(b"".join(one for one in changed if not (is_dropped and is_certificate_verify(one))))
        assert await server.next() is fault


def records(data: bytes) -> list[bytes]:
    found = []
    while data:
        length = 5 + int.from_bytes(data[3:5], "big")
        found.append(data[:length])
        data = data[length:]
    return found


def is_certificate_verify(record: bytes) -> bool:
    return record[0] == 22 and record[5] == 15


async def test_device_that_does_not_trust_us_says_so_and_is_counted(tmp_path: Path) -> None:
    certificate, _key = CA.write(tmp_path, "foreign")
    async with tls_server(tmp_path) as server:
        await server.s_client("-verify_return_error", "-CAfile", certificate)
        assert await server.next() is HandshakeFault.ALERT_RECEIVED


# No more than that


@pytest.mark.parametrize("version", VERSIONS)
async def test_no_ticket_is_issued(tmp_path: Path, version: str) -> None:
    session = tmp_path / "session.pem"
    async with tls_server(tmp_path) as server:
        said = await server.s_client(version, "-sess_out", session)
        assert "hello" in said
        assert "ticket" not in said
        assert session.exists() is (version == "-tls1_2"), "a session of TLS 1.2 has an ID; in 1.3 there is none at all"


async def test_session_resumed_by_its_id_hands_on_the_same_certificates(tmp_path: Path) -> None:
    """TLS 1.2: Python cannot turn this off, so CONNECT must find what a full handshake would have given it."""
    session = tmp_path / "session.pem"
    async with tls_server(tmp_path, [CA.der]) as server:
        identity = ("-tls1_2", *DEVICE.s_client(tmp_path))
        await server.s_client(*identity, "-sess_out", session)
        assert "Reused, TLSv1.2" in await server.s_client(*identity, "-sess_in", session)
        for _ in range(2):
            assert (await accepted(server)).peer_certificates == (DEVICE.der,)


async def test_cve_2025_23419_after_a_reload_no_session_is_resumed(tmp_path: Path) -> None:
    """nginx: a session of one host skipped the client check of another. Here: the CA is gone, so is the session."""
    session = tmp_path / "session.pem"
    async with tls_server(tmp_path, [CA.der]) as server:
        identity = ("-tls1_2", *DEVICE.s_client(tmp_path))
        await server.s_client(*identity, "-sess_out", session)
        await accepted(server)
        server.device_cas = []
        await server.platform.reload()
        assert "alert unknown ca" in await server.s_client(*identity, "-sess_in", session)
        assert await server.next() is HandshakeFault.UNKNOWN_CA


async def test_renegotiation_is_refused(tmp_path: Path) -> None:
    async with tls_server(tmp_path) as server:
        process = await trio.run_process(
            ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{server.port}", "-CAfile", str(server.ca)],
            stdin=b"R\n",
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        _before, _, after = process.stderr.partition(b"RENEGOTIATING")
        assert b"error" in after
        assert b"verify return" not in after


# Hostile peers


@pytest.mark.parametrize("data", [connect_packet("pump", "pump", b"x"), b"GET / HTTP/1.1\r\n\r\n"])
async def test_plaintext_is_closed(tmp_path: Path, data: bytes) -> None:
    async with tls_server(tmp_path) as server, await server.connect() as stream:
        await stream.send_all(data)
        assert await server.next() is HandshakeFault.NOT_TLS
        while await stream.receive_some():
            pass


async def test_peer_that_leaves_in_the_middle_is_counted(tmp_path: Path) -> None:
    async with tls_server(tmp_path) as server:
        async with await server.connect() as stream:
            await stream.send_all(client_hello(server)[:50])
        assert await server.next() is HandshakeFault.PEER_GONE
        async with await server.connect():
            pass
        assert await server.next() is HandshakeFault.PEER_GONE


async def test_promise_2_handshake_over_its_bound_is_cut(tmp_path: Path) -> None:
    """A ClientHello of 128 KiB, as far as its header tells, in records of 16 KiB."""
    async with tls_server(tmp_path) as server, await server.connect() as stream:
        hello = b"\1\2\0\0" + b"\3\3" + bytes(32)
        await stream.send_all(b"\x16\3\1\x40\0" + hello + bytes(16384 - len(hello)))
        with suppress(trio.BrokenResourceError):
            for _ in range(8):
                await stream.send_all(b"\x16\3\1\x40\0" + bytes(16384))
        assert await server.next() is HandshakeFault.HANDSHAKE_TOO_LARGE


@pytest.mark.parametrize(
    ("certificates", "fault"),
    [
        ([17_000], HandshakeFault.CERTIFICATE_LIST_TOO_LARGE),
        ([40_000], HandshakeFault.HANDSHAKE_TOO_LARGE),
        ([0] * 9, HandshakeFault.CERTIFICATE_LIST_TOO_LARGE),
    ],
)
async def test_promise_2_certificate_list_over_its_bound_is_refused(
    tmp_path: Path, certificates: list[int], fault: HandshakeFault
) -> None:
    more = tuple(issue("more", CA, padding_bytes=size).certificate for size in certificates)
    async with tls_server(tmp_path, [CA.der]) as server:
        await server.s_client("-tls1_2", *issue("pump", CA, chain=more).s_client(tmp_path))
        assert await server.next() is fault


async def test_cve_2022_39368_hundreds_of_failed_handshakes_then_a_good_one(tmp_path: Path) -> None:
    """Californium: failed handshakes left counters behind, and the server was deaf until its restart."""
    async with tls_server(tmp_path) as server:
        hello = client_hello(server)
        for number in range(300):
            async with await server.connect() as stream:
                await stream.send_all(hello[: number % len(hello)] + b"\xff" * 20)
            assert isinstance(await server.next(), HandshakeFault)
        assert "hello" in await server.s_client()
        await accepted(server)


# The end


async def test_orderly_end_sends_close_notify(tmp_path: Path) -> None:
    """trio.SSLStream calls an end without it broken."""
    async with tls_server(tmp_path) as server, await server.connect() as transport:
        stream = trio.SSLStream(transport, server.client_context(), server_hostname="localhost")
        assert await stream.receive_some() == READY
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"
        assert await stream.receive_some() == b""


async def test_record_that_was_tampered_with_ends_the_connection(tmp_path: Path) -> None:
    async with tls_server(tmp_path) as server, await server.connect() as transport:
        stream = trio.SSLStream(transport, server.client_context(), server_hostname="localhost")
        assert await stream.receive_some() == READY
        await transport.send_all(b"\x17\3\3\0\x20" + bytes(32))
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()


async def test_peer_that_does_not_read_is_given_up(tmp_path: Path) -> None:
    """The bound is TcpTransport's; here it must not hang on what TLS has ready."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        right = socket.create_connection(listening.getsockname())
        left, _address = listening.accept()
    left.setblocking(False)
    async with tls_server(tmp_path, send_seconds=0.1) as server, trio.open_nursery() as nursery:
        context, transport = server.client_context(), server.transport(left)
        with context.wrap_socket(right, server_hostname="localhost", do_handshake_on_connect=False) as client:
            nursery.start_soon(trio.to_thread.run_sync, client.do_handshake)
            async with transport.opened():
                with pytest.raises(TimeoutError):
                    await transport.send(b"x" * 10_000_000)
        transport.close()
