"""The boundary to native/tls_context.c: the TLS contexts of the native fronts.

The connections are the fronts' own, in C; nothing of them crosses into Python.
"""

from collections.abc import Sequence

from engine.errors import ConfigError
from engine.gate import _native
from engine.gate.compiled import ChainVerifier
from engine.gate.interface import AnchorSet
from engine.limits import Limits

FAULTS: Sequence[str] = (
    "",
    "bad_certificate",
    "certificate_expired",
    "certificate_revoked",
    "decrypt_error",
    "handshake_failure",
    "protocol_version",
    "unknown_ca",
    "unsupported_certificate",
    "alert_received",
    "certificate_list_too_large",
    "handshake_too_large",
    "not_tls",
    "other",
    "peer_gone",
    "forbidden_by_balancer",
    "not_proxied",
    "untrusted_balancer",
)
"""What enum eng_tls_fault (native/tls_fault.h) counts: the values of engine.observe.handshake.HandshakeFault."""

TICKET_ROOT_BYTES = 32

_NO_MEMORY = 1
_REFUSALS = {
    2: "not a certificate that can serve",
    3: "not a private key",
    4: "the key is encrypted; a node has nobody to ask for the pass phrase",
    5: "the key is not the certificate's",
}


class TlsContext:
    """The server's side of TLS for one listener, for connections of one thread; a reload makes another.

    certificate, key: PEM, the server's first and its intermediates behind it. listener: its name. anchors: the verified
    device CAs of all projects. verifier: whose tables are used; it is kept alive. ticket_root: 32 bytes, the same after
    a restart, or None for no tickets. Raises ConfigError, which quotes nothing, and MemoryError.
    """

    def __init__(
        self,
        certificate: bytes,
        key: bytes,
        listener: str,
        anchors: AnchorSet,
        verifier: ChainVerifier,
        limits: Limits,
        ticket_root: bytes | None,
    ) -> None:
        if ticket_root is not None and len(ticket_root) != TICKET_ROOT_BYTES:
            raise ValueError(f"a ticket root has {TICKET_ROOT_BYTES} bytes")
        opened = _native.ffi.new("struct eng_tls_context **")
        prepared = verifier.prepare(anchors.anchors)
        settings, _held = _settings(certificate, key, listener.encode(), verifier, limits, ticket_root)
        refusal = _native.lib.eng_tls_context_open(settings, prepared, opened)
        if refusal == _NO_MEMORY:
            raise MemoryError
        if refusal:
            raise ConfigError(f"tls: {_REFUSALS[refusal]}")
        _native.ffi.gc(prepared, None)  # the context's from now on
        self._verifier = verifier
        self.pointer = _native.ffi.gc(opened[0], _native.lib.eng_tls_context_close)
        """struct eng_tls_context *, for the front; its connections keep it alive when this object goes."""

    @property
    def connections(self) -> int:
        """How many are open on it."""
        return _native.lib.eng_tls_context_connections(self.pointer)


def _settings(
    certificate: bytes, key: bytes, listener: bytes, verifier: ChainVerifier, limits: Limits, ticket_root: bytes | None
) -> tuple["_native._Pointer", object]:
    """struct eng_tls_settings, and what must be kept while it is used: its pointers lead to these bytes, no copies."""
    given = {"certificate": certificate, "key": key, "listener": listener}
    held = {name: _native.ffi.from_buffer("uint8_t[]", data) for name, data in given.items()}
    if ticket_root is not None:
        held["ticket_root"] = _native.ffi.from_buffer("uint8_t[]", ticket_root)
    fields = {
        **held,
        **{f"{name}_len": len(data) for name, data in given.items()},
        "certificate_list_bytes": limits.certificate_list_bytes,
        "handshake_bytes": limits.handshake_bytes,
        "chain": verifier.tables,
    }
    return _native.ffi.new("struct eng_tls_settings *", fields), held
