"""The boundary to native/: check lengths, call, map what comes back. Beside it only compiled_*.py cross it.

Types are checked by cffi itself: a `const uint8_t *` takes bytes and refuses str, bytearray, int and None (TypeError).
Lengths come from the same object as the pointer, so that they cannot disagree.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.gate import _native
from engine.gate.interface import (
    AcceptedChain,
    Anchor,
    AnchorSet,
    ChainProfile,
    ChainReason,
    ChainVerdict,
    ConnectRead,
    RefusedChain,
    WillRead,
)
from engine.limits import Limits

try:
    _eng_secret_verify = _native.lib.eng_secret_verify
    _eng_chain_verify = _native.lib.eng_chain_verify
    _eng_mqtt_frame = _native.lib.eng_mqtt_frame
    _eng_mqtt_connect_read = _native.lib.eng_mqtt_connect_read
except AttributeError as fault:
    raise ImportError(f"the native module is older than its sources: {fault}") from None


def verify_secret(password: bytes, stamp: bytes, primary: bytes, secondary: bytes) -> int:
    """The native twin of reference/secret.py (gate.interface.VerifySecret)."""
    return _eng_secret_verify(
        password, len(password), stamp, len(stamp), primary, len(primary), secondary, len(secondary)
    )


class ChainVerifier:
    """The native twin of reference/chain.py (gate.interface.VerifyChain), with tables of its own.

    Remembers parsed CAs and verified chains, both within `limits`. For one thread.
    """

    def __init__(self, limits: Limits) -> None:
        self._list_bytes = limits.certificate_list_bytes
        self.tables = _gc(_native.lib.eng_chain_open(_chain_limits(limits)), _native.lib.eng_chain_close)
        """struct eng_chain *, for what verifies in C."""
        self._verdict: _native._ChainVerdict = _native.ffi.new("struct eng_chain_verdict *")

    def __call__(
        self, leaf: bytes, intermediates: Sequence[bytes], anchors: AnchorSet, now: float, profile: ChainProfile
    ) -> ChainVerdict:
        """As VerifyChain."""
        sent = (leaf, *intermediates)
        if sum(map(len, sent)) + 3 * len(sent) > self._list_bytes:
            return RefusedChain(ChainReason.TOO_LARGE)
        certificates = certificate_list(sent)
        verdict = self._verdict
        prepared = anchors.prepared(self, self.prepare)
        _done(_eng_chain_verify(self.tables, prepared, certificates, len(certificates), int(now), profile, verdict))
        if verdict.reason:
            return RefusedChain(ChainReason(verdict.reason))
        return AcceptedChain(
            verdict.anchor, bytes(_native.ffi.buffer(verdict.anchor_sha256)), float(verdict.since), float(verdict.until)
        )

    def prepare(self, anchors: Sequence[Anchor]) -> "_native._Pointer":
        """struct eng_anchors *, the caller's, sealed. MemoryError."""
        prepared = _gc(_native.lib.eng_anchors_open(len(anchors)), _native.lib.eng_anchors_close)
        for anchor in anchors:
            _done(_native.lib.eng_anchors_add(prepared, self.tables, anchor.certificate, len(anchor.certificate)))
            for crl in anchor.crls:
                _done(_native.lib.eng_anchors_add_crl(prepared, crl, len(crl)))
        _done(_native.lib.eng_anchors_seal(prepared))
        return prepared

    @property
    def certificates_remembered(self) -> int:
        return _native.lib.eng_chain_certificates_remembered(self.tables)

    @property
    def chains_remembered(self) -> int:
        return _native.lib.eng_chain_chains_remembered(self.tables)


def certificate_list(certificates: Sequence[bytes]) -> bytes:
    """Certificates (DER) as TLS carries them (RFC 5246 section 7.4.2)."""
    return b"".join([part for der in certificates for part in (len(der).to_bytes(3, "big"), der)])


def _chain_limits(limits: Limits) -> "_native._Pointer":
    fields = (
        "certificate_list_bytes",
        "certificates",
        "chain_signatures",
        "certificates_remembered",
        "chains_remembered",
    )
    prepared: _native._Pointer = _native.ffi.new(
        "struct eng_chain_limits *", {field: getattr(limits, field) for field in fields}
    )
    return prepared


def _gc(pointer: "_native._Pointer", destructor: "Callable[[_native._Pointer], None]") -> "_native._Pointer":
    """Owned by Python. MemoryError where there is nothing to own."""
    if pointer == _native.ffi.NULL:
        raise MemoryError
    return _native.ffi.gc(pointer, destructor)


def _done(done: int) -> None:
    """MemoryError where memory was short: nothing was decided."""
    if not done:
        raise MemoryError


def read_frame(data: bytes, maximum: int) -> tuple[int, int, int]:
    """The Fixed Header that `data` begins with: what eng_mqtt_frame answers, start and end of the body (0 for none)."""
    start, end = _native.ffi.new("size_t *"), _native.ffi.new("size_t *")
    return _eng_mqtt_frame(data, len(data), maximum, start, end), start[0], end[0]


def read_connect(body: bytes) -> ConnectRead:
    """The body of a CONNECT; nothing of the answer points into `body`."""
    connect = _native.ffi.new("struct eng_mqtt_connect *")
    fault = _eng_mqtt_connect_read(body, len(body), connect)
    if fault:
        return ConnectRead(fault, connect.protocol_version)
    will = None
    if connect.has_will:
        topic = _bytes(connect.will_topic, connect.will_topic_len)
        payload = _bytes(connect.will_payload, connect.will_payload_len)
        will = WillRead(topic or b"", payload or b"", connect.will_qos, connect.will_retain == 1)
    return ConnectRead(
        fault,
        connect.protocol_version,
        connect.clean_start == 1,
        connect.keep_alive,
        _bytes(connect.client_id, connect.client_id_len) or b"",
        _bytes(connect.user_name, connect.user_name_len),
        _bytes(connect.password, connect.password_len),
        will,
        connect.session_expiry_interval,
        connect.receive_maximum,
        connect.maximum_packet_size,
        connect.topic_alias_maximum,
        connect.request_response_information == 1,
        connect.request_problem_information == 1,
    )


def _bytes(pointer: "_native._Pointer", length: int) -> bytes | None:
    """A copy of what lies there; None for NULL."""
    return _native.ffi.buffer(pointer, length)[:] if pointer else None


def library_version() -> str:
    """The OpenSSL-compatible library linked, in its own words: "OpenSSL 3.0.19 27 Jan 2026"."""
    return _native.ffi.string(_native.lib.eng_library_version()).decode("ascii", "replace")


def module_digest() -> str:
    """SHA-256 of the module's file, 64 hex digits: which build this is."""
    return hashlib.sha256(Path(_native.__file__).read_bytes()).hexdigest()
