"""Contexts from PEM: what cannot serve is named and changes nothing; what serves lives as long as it must."""

import datetime
import gc
import socket
import weakref
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from engine.errors import ConfigError
from engine.gate.compiled_tls import FAULTS, TlsContext
from engine.gate.interface import AnchorSet
from engine.node.certificates import LOOPBACK_NAMES, create_ca, issue_server_certificate
from engine.observe.handshake import HandshakeFault
from tests.helpers.native_tls import Connection, Server, client_context

NOW = datetime.datetime.now(datetime.UTC)
PLATFORM_CA = create_ca(NOW)
ISSUED = issue_server_certificate(PLATFORM_CA, LOOPBACK_NAMES, NOW)
OTHER = issue_server_certificate(PLATFORM_CA, LOOPBACK_NAMES, NOW)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(ISSUED.certificate, ISSUED.key)
    yield server
    server.close()


def encrypted(key: bytes) -> bytes:
    private = load_pem_private_key(key, None)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))


@pytest.mark.parametrize(
    ("certificate", "key", "word"),
    [
        (b"", ISSUED.key, "not a certificate"),
        (b"nonsense", ISSUED.key, "not a certificate"),
        (ISSUED.certificate[:-60], ISSUED.key, "not a certificate"),
        (ISSUED.certificate + ISSUED.certificate[:200], ISSUED.key, "not a certificate"),
        (ISSUED.certificate, b"", "not a private key"),
        (ISSUED.certificate, ISSUED.certificate, "not a private key"),
        (ISSUED.certificate, encrypted(ISSUED.key), "encrypted"),
        (ISSUED.certificate, OTHER.key, "not the certificate's"),
    ],
)
def test_what_cannot_serve_is_named(server: Server, certificate: bytes, key: bytes, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        TlsContext(certificate, key, "mqtts", AnchorSet(()), server.verifier, server.limits, None)
    assert server.shake(server.context(), client_context(PLATFORM_CA.certificate)).answer == 1, "nothing is left behind"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_ticket_root_of_another_length_is_a_bug(server: Server, length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        server.context(root=bytes(length))


def test_intermediates_of_the_server_are_sent_behind_it(server: Server) -> None:
    server.certificate += PLATFORM_CA.certificate
    shaken = server.shake(server.context(), client_context(PLATFORM_CA.certificate))
    sent = shaken.client._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # public from 3.13 on
    assert len(sent) == 2


def test_connections_outlive_the_context_that_a_reload_replaced(server: Server) -> None:
    context = server.context(root=bytes(32))
    shaken = server.shake(context, client_context())
    left, right = socket.socketpair()
    waiting = Connection(context, left)
    assert context.connections == 2
    gone = weakref.ref(context)
    del context
    gc.collect()
    assert gone() is None
    shaken.client.write(b"still here")
    shaken.wire.send_some()
    assert shaken.server.read() == b"still here"
    waiting.close()
    right.close()


def test_faults_are_the_vocabulary_of_the_metrics() -> None:
    assert FAULTS[0] == ""
    assert {HandshakeFault(word) for word in FAULTS[1:]} == set(HandshakeFault) - {
        HandshakeFault.BAD_REQUEST,
        HandshakeFault.CUT,
        HandshakeFault.ORIGIN_NOT_ALLOWED,
        HandshakeFault.PATH_UNKNOWN,
        HandshakeFault.SUBPROTOCOL_UNKNOWN,
    }
