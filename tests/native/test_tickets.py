"""native/tickets.c: what a ticket is taken for, and what it is not (RFC 5077, RFC 8446 section 4.6.1)."""

import datetime
import re
import ssl
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.node.certificates import LOOPBACK_NAMES, create_ca, issue_server_certificate
from tests.helpers.device_certificates import issue
from tests.helpers.native_tls import FAILED, READY, Server, Shaken, client_context, s_client

PLATFORM_CA = create_ca(datetime.datetime.now(datetime.UTC))
ISSUED = issue_server_certificate(PLATFORM_CA, LOOPBACK_NAMES, datetime.datetime.now(datetime.UTC))
CA = issue("device CA", is_ca=True)
OTHER_CA = issue("other CA", is_ca=True)
INTERMEDIATE = issue("intermediate", CA, is_ca=True)
DEVICE = issue("pump", INTERMEDIATE, chain=(INTERMEDIATE.certificate,))
ROOT = bytes(range(32))
HOUR = 3600.0

BOTH = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(ISSUED.certificate, ISSUED.key)
    yield server
    server.close()


@pytest.fixture(params=BOTH, ids=["1.2", "1.3"])
def device(request: pytest.FixtureRequest, tmp_path: Path) -> ssl.SSLContext:
    """A client with DEVICE's certificate."""
    return client_context(PLATFORM_CA.certificate, DEVICE.write(tmp_path), request.param)


def session_of(shaken: Shaken) -> ssl.SSLSession:
    """With its ticket, which TLS 1.3 sends behind the handshake."""
    assert (shaken.answer, shaken.alert) == (1, "")
    assert shaken.server.write(READY) == len(READY)
    assert shaken.wire.read() == READY
    assert shaken.client.session is not None
    return shaken.client.session


class TestTaken:
    def test_ticket_brings_back_all_that_was_sent_and_the_name(self, server: Server, device: ssl.SSLContext) -> None:
        """In OpenSSL's own tickets there is the leaf alone, with which CONNECT could not find its way to the CA."""
        context = server.context(CA, root=ROOT)
        first = server.shake(context, device)
        again = server.shake(context, device, session=session_of(first))
        assert (again.answer, again.server.is_resumed, again.client.session_reused) == (1, True, True)
        assert again.server.peer == first.server.peer == (DEVICE.der, INTERMEDIATE.der)
        assert again.server.peer == first.server.peer
        assert again.server.server_name == "localhost"

    def test_renewed_ticket_is_as_good(self, server: Server, device: ssl.SSLContext) -> None:
        context = server.context(CA, root=ROOT)
        session = session_of(server.shake(context, device))
        for _ in range(3):
            again = server.shake(context, device, session=session)
            assert again.server.is_resumed
            assert again.server.peer == (DEVICE.der, INTERMEDIATE.der)
            renewed = session_of(again)
            is_renewed = renewed.id != session.id
            assert is_renewed is (again.client.version() == "TLSv1.3"), "there a ticket is for one use"
            session = renewed

    @pytest.mark.parametrize("version", BOTH)
    def test_device_without_a_certificate_has_tickets_too(self, server: Server, version: ssl.TLSVersion) -> None:
        context, client = server.context(CA, root=ROOT), client_context(version=version)
        again = server.shake(context, client, session=session_of(server.shake(context, client)))
        assert again.server.is_resumed
        assert again.server.peer == ()

    def test_after_a_restart_and_with_another_server_certificate(self, server: Server, device: ssl.SSLContext) -> None:
        session = session_of(server.shake(server.context(CA, root=ROOT), device))
        renewed = issue_server_certificate(PLATFORM_CA, LOOPBACK_NAMES, datetime.datetime.now(datetime.UTC))
        restarted = Server(renewed.certificate, renewed.key)
        again = restarted.shake(restarted.context(CA, root=ROOT), device, session=session)
        assert again.server.is_resumed
        restarted.close()

    def test_ca_that_is_added_flushes_nothing(self, server: Server, device: ssl.SSLContext) -> None:
        session = session_of(server.shake(server.context(CA, root=ROOT), device))
        assert server.shake(server.context(OTHER_CA, CA, root=ROOT), device, session=session).server.is_resumed

    def test_until_the_24th_hour(self, server: Server, device: ssl.SSLContext) -> None:
        context, now = server.context(CA, root=ROOT), time.time() // HOUR * HOUR
        session = session_of(server.shake(context, device, now=now))
        assert server.shake(context, device, session=session, now=now + 24 * HOUR - 1).server.is_resumed
        late = server.shake(context, device, session=session, now=now + 24 * HOUR)
        assert (late.answer, late.server.is_resumed) == (1, False)

    def test_ticket_serves_after_another_names(self, server: Server, device: ssl.SSLContext) -> None:
        """The keys of one are kept until another's are needed."""
        device.check_hostname = False
        device.verify_mode = ssl.CERT_NONE
        context = server.context(CA, root=ROOT)
        sessions = {name: session_of(server.shake(context, device, name=name)) for name in ("localhost", "other")}
        for name, session in sessions.items():
            again = server.shake(context, device, session=session, name=name)
            assert (again.answer, again.server.is_resumed, again.server.server_name) == (1, True, name)


class TestNotTaken:
    """A full handshake follows, in which the peer proves itself anew."""

    def test_cve_2025_23419_ticket_of_another_listener(self, server: Server, device: ssl.SSLContext) -> None:
        """nginx: a session of one host skipped the client check of another."""
        session = session_of(server.shake(server.context(CA, root=ROOT, listener="mqtts"), device))
        again = server.shake(server.context(CA, root=ROOT, listener="cellular"), device, session=session)
        assert (again.answer, again.server.is_resumed) == (1, False)
        assert again.server.peer == (DEVICE.der, INTERMEDIATE.der)

    @pytest.mark.parametrize("name", ["other.example.com", "localhost.", None])
    def test_cve_2025_23419_ticket_of_another_name(
        self, server: Server, device: ssl.SSLContext, name: str | None
    ) -> None:
        device.check_hostname = False
        device.verify_mode = ssl.CERT_NONE
        context = server.context(CA, root=ROOT)
        session = session_of(server.shake(context, device))
        again = server.shake(context, device, session=session, name=name)
        assert (again.answer, again.server.is_resumed, again.server.server_name) == (1, False, name)

    def test_ca_that_is_removed(self, server: Server, device: ssl.SSLContext) -> None:
        session = session_of(server.shake(server.context(CA, OTHER_CA, root=ROOT), device))
        again = server.shake(server.context(OTHER_CA, root=ROOT), device, session=session)
        assert (again.answer, again.server.fault, again.server.is_resumed) == (FAILED, "unknown_ca", False)

    def test_crl_that_is_added(self, server: Server, device: ssl.SSLContext) -> None:
        """Any, to be safe: what it says is judged in the full handshake."""
        session = session_of(server.shake(server.context(CA, root=ROOT), device))
        assert not server.shake(
            server.context(CA, root=ROOT, crls=[b"broken"]), device, session=session
        ).server.is_resumed

    def test_past_the_end_of_the_chain(self, server: Server, tmp_path: Path) -> None:
        """Renewed or not: libssl would give a renewed ticket its full time again."""
        context = server.context(CA, root=ROOT)
        now = time.time()
        short = issue("pump", CA, not_after_days=2 / 24)
        client = client_context(PLATFORM_CA.certificate, short.write(tmp_path), ssl.TLSVersion.TLSv1_3)
        first = session_of(server.shake(context, client, now=now))
        renewed = server.shake(context, client, session=first, now=now + HOUR)
        assert renewed.server.is_resumed
        for session in (first, session_of(renewed)):
            late = server.shake(context, client, session=session, now=now + 2 * HOUR + 5)
            assert (late.answer, late.server.fault) == (FAILED, "certificate_expired")

    def test_of_another_root(self, server: Server, device: ssl.SSLContext) -> None:
        session = session_of(server.shake(server.context(CA, root=ROOT), device))
        again = server.shake(server.context(CA, root=bytes(32)), device, session=session)
        assert (again.answer, again.server.is_resumed) == (1, False)

    def test_of_the_future(self, server: Server, device: ssl.SSLContext) -> None:
        context, now = server.context(CA, root=ROOT), time.time()
        session = session_of(server.shake(context, device, now=now))
        assert not server.shake(context, device, session=session, now=now - HOUR).server.is_resumed

    def test_without_a_root_there_are_no_tickets(self, server: Server, device: ssl.SSLContext) -> None:
        context = server.context(CA)
        shaken = server.shake(context, device)
        shaken.server.write(READY)
        assert shaken.wire.read() == READY
        session = shaken.client.session
        assert session is None or not session.has_ticket
        if session is not None:
            again = server.shake(context, device, session=session)
            assert (again.answer, again.server.is_resumed) == (1, False), "nor are there sessions by ID"


@pytest.mark.system("openssl")
class TestOnTheWire:
    """What others see of a ticket, and what becomes of one that somebody changed."""

    def test_key_names_of_one_device_have_nothing_in_common(self, server: Server, tmp_path: Path) -> None:
        """Whose devices meet on a wire is nobody's business."""
        context = server.context(CA, root=ROOT)
        names = []
        for number in range(3):
            session = tmp_path / f"{number}.pem"
            assert s_client(context, "-sess_out", session, *DEVICE.s_client(tmp_path)).answer == 1
            names.append(ticket_of(session)[:16])
        for start in range(0, 16, 4):
            assert len({name[start : start + 4] for name in names}) == 3

    @pytest.mark.parametrize("place", [0, 3, 7, 8, 15, 16, 31, 32, 100, -1])
    def test_changed_bit_leads_to_a_full_handshake(self, server: Server, tmp_path: Path, place: int) -> None:
        context, session = server.context(CA, root=ROOT), tmp_path / "session.pem"
        identity = DEVICE.s_client(tmp_path)
        s_client(context, "-tls1_2", "-sess_out", session, *identity)
        ticket = ticket_of(session)
        changed = bytearray(ticket)
        changed[place] ^= 1
        der = b64decode("".join(session.read_text().splitlines()[1:-1]))
        assert der.count(ticket) == 1
        lines = b64encode(der.replace(ticket, changed)).decode()
        wrapped = "\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
        session.write_text(f"-----BEGIN SSL SESSION PARAMETERS-----\n{wrapped}\n-----END SSL SESSION PARAMETERS-----\n")
        told = s_client(context, "-tls1_2", "-sess_in", session, *identity)
        assert (told.answer, told.is_resumed, told.peer) == (1, False, (DEVICE.der, INTERMEDIATE.der))


def ticket_of(session: Path) -> bytes:
    """Out of openssl's hex dump of a session."""
    command = ["openssl", "sess_id", "-in", str(session), "-noout", "-text"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    dump = text.partition("TLS session ticket:\n")[2]
    rows = re.findall(r"^\s+[0-9a-f]{4,} - ((?:[0-9a-f]{2}[ -]){1,16})", dump, re.MULTILINE)
    return bytes.fromhex("".join(rows).replace("-", " "))
