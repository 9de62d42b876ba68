"""The boundary of the TLS contexts; what is spoken on them is in tests/native/test_tls_*.py."""

import datetime
import ssl

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from engine.errors import ConfigError
from engine.gate.compiled import ChainVerifier
from engine.gate.compiled_tls import FAULTS, TlsContext
from engine.gate.interface import Anchor, AnchorSet
from engine.limits import Limits
from engine.node.certificates import LOOPBACK_NAMES, create_ca, issue_server_certificate
from engine.observe.handshake import HandshakeFault
from tests.gate.conftest import OpenFront
from tests.helpers.device_certificates import issue

NOW = datetime.datetime.now(datetime.UTC)
PLATFORM_CA = create_ca(NOW)
ISSUED = issue_server_certificate(PLATFORM_CA, LOOPBACK_NAMES, NOW)
ENCRYPTED = load_pem_private_key(ISSUED.key, None).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame")
)
OTHER = issue_server_certificate(PLATFORM_CA, LOOPBACK_NAMES, NOW)


def context(
    certificate: bytes = ISSUED.certificate, key: bytes = ISSUED.key, ticket_root: bytes | None = None
) -> TlsContext:
    limits = Limits()
    anchors = AnchorSet([Anchor(issue("device CA", is_ca=True).der, ())])
    return TlsContext(certificate, key, "mqtts", anchors, ChainVerifier(limits), limits, ticket_root)


def test_every_fault_is_one_that_the_metrics_count() -> None:
    assert FAULTS[0] == ""
    assert {HandshakeFault(fault) for fault in FAULTS[1:]} <= set(HandshakeFault)
    assert len(set(FAULTS)) == len(FAULTS)


@pytest.mark.parametrize(
    ("certificate", "key", "what"),
    [
        (b"", ISSUED.key, "not a certificate"),
        (ISSUED.key, ISSUED.key, "not a certificate"),
        (ISSUED.certificate[:200], ISSUED.key, "not a certificate"),
        (ISSUED.certificate, b"", "not a private key"),
        (ISSUED.certificate, ISSUED.certificate, "not a private key"),
        (ISSUED.certificate, ENCRYPTED, "the key is encrypted"),
        (ISSUED.certificate, OTHER.key, "the key is not the certificate's"),
    ],
)
def test_what_cannot_serve_is_named_and_not_quoted(certificate: bytes, key: bytes, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as refused:
        context(certificate, key)
    assert "BEGIN" not in str(refused.value)


def test_ticket_root_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        context(ticket_root=bytes(31))


def test_connections_of_a_front_keep_a_context_that_python_has_let_go(open_front: OpenFront) -> None:
    """A reload replaces the context under handshakes that have begun."""
    first = context()
    front = open_front(tls=first)
    peer = front.peer(b"\x16")
    front.until(lambda: front.count.pending == 1)
    front.poll()
    front.front.set_tls(context())
    del first
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    peer.send(outgoing.read()[1:])

    def has_answered() -> bool:
        peer.look()
        return peer.received.startswith(b"\x16\3\3")

    front.until(has_answered)
