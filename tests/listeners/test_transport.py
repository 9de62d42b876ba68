from engine.listeners.transport import HandshakeFailed
from engine.observe.handshake import HandshakeFault


def test_failure_reads_as_its_fault_and_the_librarys_word() -> None:
    failed = HandshakeFailed(HandshakeFault.NOT_TLS, "HTTP_REQUEST")
    assert (failed.fault, failed.detail) == (HandshakeFault.NOT_TLS, "HTTP_REQUEST")
    assert str(failed) == "('not_tls', 'HTTP_REQUEST')"
