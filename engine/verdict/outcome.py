"""The closed set of reasons, and the two outcomes of a verdict."""

import enum

import msgspec

from engine.gate.interface import AcceptedChain


class Reason(enum.Enum):
    """Why a peer was accepted or refused, exactly; what goes on the wire is coarser (session/replies.py).

    The value is the word that audit, attempts and metric labels use.
    """

    __hash__ = object.__hash__  # members are themselves and nobody else; Enum's hashes the name, in Python

    ACCEPTED = "accepted"
    # the peer broke the protocol
    MALFORMED_PACKET = "malformed_packet"
    PROTOCOL_ERROR = "protocol_error"
    UNKNOWN_AUTHENTICATION_METHOD = "unknown_authentication_method"
    PACKET_TOO_LARGE = "packet_too_large"
    UNSUPPORTED_PROTOCOL_VERSION = "unsupported_protocol_version"
    CLIENT_IDENTIFIER_NOT_VALID = "client_identifier_not_valid"
    KEEP_ALIVE_OUT_OF_RANGE = "keep_alive_out_of_range"
    QOS_NOT_SUPPORTED = "qos_not_supported"
    RETAIN_NOT_SUPPORTED = "retain_not_supported"
    # we could not, or would not now, decide
    REGISTRY_UNAVAILABLE = "registry_unavailable"
    SERVER_BUSY = "server_busy"
    DRAINING = "draining"
    RATE_EXCEEDED = "rate_exceeded"
    # no proof
    UNKNOWN_DEVICE = "unknown_device"
    USER_NAME_DIFFERS = "user_name_differs"
    MISSING_SECRET = "missing_secret"
    WRONG_SECRET = "wrong_secret"
    WRONG_CREDENTIAL_KIND = "wrong_credential_kind"
    UNTRUSTED_CERTIFICATE = "untrusted_certificate"
    EXPIRED_CERTIFICATE = "expired_certificate"
    REVOKED_CERTIFICATE = "revoked_certificate"
    WRONG_CERTIFICATE = "wrong_certificate"
    STAMP_OUTSIDE_WINDOW = "stamp_outside_window"
    SIGN_TYPE_NOT_ALLOWED = "sign_type_not_allowed"
    SECURE_ACCESS_REQUIRED = "secure_access_required"
    TRANSPORT_DIFFERS = "transport_differs"
    # proved, but
    DEVICE_FROZEN = "device_frozen"
    PROTOCOL_NOT_ALLOWED = "protocol_not_allowed"
    CERTIFICATE_INACTIVE = "certificate_inactive"


class ProvedBy(msgspec.Struct, frozen=True, gc=False):
    """The certificate that proved a claim and the device CA that anchored it (SHA-256 of the DER)."""

    leaf_sha256: bytes
    anchor_sha256: bytes


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The claim is proved and the device may be connected.

    `first`: the device was never activated before, so the activation must be durable before the answer leaves.
    `checked_stamp`: proved with a judged time stamp (sign type 1), which policy "sticky" remembers. `pin`: the SHA-256
    (lower-case hex) of the device's first certificate, which must be pinned durably before the answer leaves.
    `proved_by`, and while `chain` holds: None where it was a secret.
    """

    device_id: str
    record_id: str
    generation: int
    first: bool
    checked_stamp: bool
    pin: str | None = None
    proved_by: ProvedBy | None = None
    chain: AcceptedChain | None = None
    reason: Reason = Reason.ACCEPTED


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """The answer is no, or not now; `reason` says exactly why."""

    reason: Reason


Outcome = Accepted | Rejected
