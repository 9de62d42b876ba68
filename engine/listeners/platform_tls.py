"""The node's side of TLS: which versions, suites and certificates, in contexts that are renewed while listeners serve.

TLS 1.2 and 1.3. Of the contract's suites (mqtt-device.md C.5) the two with AES-CBC and HMAC-SHA-1 are left out: they
are MAC-then-encrypt (Lucky Thirteen), and every device that speaks TLS 1.2 has a GCM suite. Those with ECDSA are added,
because the certificate that `keyturn init` makes is one. The suites of TLS 1.3 are the library's: Python cannot choose.
No renegotiation, no compression, no tickets: after a ticket Python would not have the peer's certificates.
"""

import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog
import trio

from engine.errors import ConfigError
from engine.limits import Limits
from engine.observe.repeats import Repeats

MQTT_ALPN = ("mqtt", "x-amzn-mqtt-ca")
HTTP_ALPN = ("http/1.1",)

_CIPHERS = (
    "@SECLEVEL=2:"  # RSA and EC keys of 112 bits of security, no SHA-1 in signatures; the library's own default
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
)
_OPTIONS = ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET | ssl.OP_CIPHER_SERVER_PREFERENCE

_log = structlog.get_logger("keyturn.tls")


class TlsObject(ssl.SSLObject):
    """A connection's TLS, with the server_name that the peer asked for (SNI, as an A-label)."""

    server_name: str | None = None


class PlatformTls:
    """One per node: the contexts of all its TLS listeners, one for each ALPN list, made and replaced together.

    certificate, key: PEM files. device_cas: asks for the verified device CAs of all projects (DER).
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        device_cas: Callable[[], Awaitable[Sequence[bytes]]],
        limits: Limits,
        repeats: Repeats,
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._read_device_cas = device_cas
        self._limits = limits
        self._repeats = repeats
        self._reloading = trio.Lock()
        self._device_cas: Sequence[bytes] = ()
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}

    async def reload(self) -> None:
        """Read certificate, key and device CAs, for new handshakes; live sessions go on. Called once before `context`.

        Raises ConfigError, which names the file, or what device_cas raises; then everything is as before.
        """
        async with self._reloading:
            device_cas = await self._read_device_cas()
            self._contexts = {alpn: self._make(alpn, device_cas) for alpn in (MQTT_ALPN, HTTP_ALPN)}
            self._device_cas = device_cas

    def context(self, alpn: tuple[str, ...]) -> ssl.SSLContext:
        """The context for a new handshake.

        A client of TLS 1.2 may resume by session ID: Python cannot turn OpenSSL's cache off. The peer's certificates
        are in the cached session, and CONNECT judges them as ever; but so that they do not fill the memory, a context
        with too many of them is left behind.
        """
        context = self._contexts[alpn]
        if context.session_stats()["number"] >= self._limits.tls_sessions:
            try:
                context = self._contexts[alpn] = self._make(alpn, self._device_cas)
            except ConfigError as fault:
                if self._repeats.is_due("tls context"):
                    _log.warning("TLS context not renewed, the old one stays", error=str(fault))
        return context

    def _make(self, alpn: tuple[str, ...], device_cas: Sequence[bytes]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.options |= _OPTIONS
        context.num_tickets = 0
        context.set_alpn_protocols(list(alpn))
        context.sslobject_class = TlsObject
        context.sni_callback = _note_server_name
        self._load_identity(context)
        # Asked for, not required: devices with a secret use the same port. Asked for even where there is no CA yet, so
        # that a device with a certificate learns by its alert what is missing.
        context.verify_mode = ssl.CERT_OPTIONAL
        # The store holds nothing but verified CAs, and most fleets upload an intermediate (DESIGN section 7).
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        for der in device_cas:
            try:
                context.load_verify_locations(cadata=der)
            except ssl.SSLError as fault:
                # One CA that the library cannot read anchors nothing; it must not keep all the others from loading.
                _log.error("a device CA cannot be loaded", error=fault.reason)
        return context

    def _load_identity(self, context: ssl.SSLContext) -> None:
        try:
            # Tried on their own, because ssl's errors do not say which file they are about.
            for path in (self._certificate, self._key):
                path.open("rb").close()
            context.load_cert_chain(self._certificate, self._key, _no_pass_phrase)
        except ssl.SSLError as fault:
            reason = fault.reason or "not a certificate with its key"
            raise ConfigError(f"tls: {self._certificate} and {self._key}: {reason}") from None
        except OSError as error:
            raise ConfigError(f"tls: {error.filename or self._certificate}: {error.strerror}") from None


def _no_pass_phrase() -> str:
    """OpenSSL would ask at the terminal."""
    raise ConfigError("tls: the key is encrypted; a node has nobody to ask for the pass phrase")


def _note_server_name(tls: ssl.SSLObject, server_name: str | None, _context: ssl.SSLContext) -> None:
    """One certificate answers every name; which one was asked for is kept."""
    if isinstance(tls, TlsObject):
        tls.server_name = server_name
