"""MQTT over TLS: ssl's SSLObject between two MemoryBIOs that are moved here, so that alerts reach the peer.

trio.SSLStream does not flush them (DESIGN section 7). Nothing of TLS is allocated before the peer has sent something.
"""

import _ssl
import contextlib
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable

from engine.limits import Limits
from engine.listeners.platform_tls import TlsObject
from engine.listeners.tcp import READ_BYTES, TcpTransport
from engine.listeners.transport import HandshakeFailed, Why
from engine.observe.handshake import HandshakeFault

# What OpenSSL makes of its verify codes (ssl_x509err2alert); every other one becomes bad_certificate.
_UNKNOWN_CA = frozenset({2, 18, 19, 20, 21, 22, 24, 25})
_FAULT_OF_VERIFY_CODE = {
    **dict.fromkeys(_UNKNOWN_CA, HandshakeFault.UNKNOWN_CA),
    7: HandshakeFault.DECRYPT_ERROR,
    10: HandshakeFault.CERTIFICATE_EXPIRED,
    26: HandshakeFault.UNSUPPORTED_CERTIFICATE,
}
_FAULT_OF_REASON = {
    "BAD_SIGNATURE": HandshakeFault.DECRYPT_ERROR,
    "HTTP_REQUEST": HandshakeFault.NOT_TLS,
    "NO_SHARED_CIPHER": HandshakeFault.HANDSHAKE_FAILURE,
    "UNSUPPORTED_PROTOCOL": HandshakeFault.PROTOCOL_VERSION,
    "WRONG_VERSION_NUMBER": HandshakeFault.NOT_TLS,
}


class TlsTransport:
    """`context` gives the context that is in force when the handshake begins."""

    def __init__(self, sock: socket.socket, context: Callable[[], ssl.SSLContext], limits: Limits) -> None:
        self.peer_certificates: tuple[bytes, ...] = ()
        self._sock = sock
        self._tcp = TcpTransport(sock, limits)
        self._context = context
        self._limits = limits
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._is_flushing = False

    @property
    def server_name(self) -> str | None:
        """The name that the peer asked for (SNI)."""
        return self._tls.server_name if isinstance(self._tls, TlsObject) else None

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """As Transport.opened."""
        try:
            self._tls = await self._shake_hands()
        except ssl.SSLError as fault:
            raise HandshakeFailed(_fault_of(fault), fault.reason or "") from None
        except OSError as error:
            raise HandshakeFailed(HandshakeFault.PEER_GONE, error.strerror or "") from None
        self.peer_certificates = self._checked(_certificates_of(self._tls))
        yield

    async def _shake_hands(self) -> ssl.SSLObject:
        received = await self._receive_some(0)
        tls = self._context().wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                received = await self._receive_some(received)
                continue
            await self._flush()
            # In TLS 1.3 the peer's Finished is the last word, and without tickets nothing answers it. A peer that holds
            # CONNECT back until Finished is acknowledged (Nagle) would wait for the delayed acknowledgement, 40 ms.
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            return tls

    async def _receive_some(self, received: int) -> int:
        """Bytes received so far, with what comes now; not more than a handshake may take."""
        data = await self._tcp.receive()
        received += len(data)
        if not data:
            raise HandshakeFailed(HandshakeFault.PEER_GONE)
        if received > self._limits.handshake_bytes:
            raise HandshakeFailed(HandshakeFault.HANDSHAKE_TOO_LARGE)
        self._incoming.write(data)
        return received

    def _checked(self, certificates: tuple[bytes, ...]) -> tuple[bytes, ...]:
        limits = self._limits
        if len(certificates) > limits.certificates or sum(map(len, certificates)) > limits.certificate_list_bytes:
            raise HandshakeFailed(HandshakeFault.CERTIFICATE_LIST_TOO_LARGE)
        return certificates

    def accepted(self) -> None:
        """As Transport.accepted: a record is the most that is kept."""

    async def receive(self) -> bytes:
        """As Transport.receive. A peer that ends without close_notify has ended all the same."""
        if self._tls is None:
            return b""
        while True:
            try:
                return self._tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()  # what TLS itself has to say: KeyUpdate
                data = await self._tcp.receive()
                if not data:
                    return b""
                self._incoming.write(data)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError:
                return b""  # its alert leaves with say_goodbye

    async def send(self, data: bytes) -> None:
        """As Transport.send."""
        if self._tls is not None:
            self._tls.write(data)
            await self._flush()

    async def _flush(self) -> None:
        """Write what TLS has ready. Two tasks may want that (WebSocket); the first takes the other's along."""
        if self._is_flushing:
            return
        self._is_flushing = True
        try:
            while self._outgoing.pending:
                await self._tcp.send(self._outgoing.read())
        finally:
            self._is_flushing = False

    def say_goodbye(self, data: bytes, why: Why) -> None:
        """As Transport.say_goodbye: data and close_notify, or the alert of what failed."""
        if self._tls is not None:
            with contextlib.suppress(ssl.SSLError):  # the peer's close_notify is not waited for
                if data:
                    self._tls.write(data)
                self._tls.unwrap()
        self._tcp.say_goodbye(self._outgoing.read(), why)

    def close(self) -> None:
        """As Transport.close."""
        self._tcp.close()


def _fault_of(fault: ssl.SSLError) -> HandshakeFault:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _FAULT_OF_VERIFY_CODE.get(fault.verify_code, HandshakeFault.BAD_CERTIFICATE)
    reason = fault.reason or ""
    if "_ALERT_" in reason:
        return HandshakeFault.ALERT_RECEIVED
    return _FAULT_OF_REASON.get(reason, HandshakeFault.OTHER)


def _certificates_of(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """What the peer sent, as it sent it; the handshake has verified it and the peer's possession of the leaf's key.

    ssl has a public way to more than the leaf from Python 3.13 on. Before, there is the object beneath, as pip's
    truststore uses it too.
    """
    if tls.getpeercert(binary_form=True) is None:
        return ()
    if sys.version_info >= (3, 13):
        return tuple(tls.get_unverified_chain())
    chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined] # not public there
    return tuple(certificate.public_bytes(_ssl.ENCODING_DER) for certificate in chain)
