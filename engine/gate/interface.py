"""The benchmark-gated interface: an operation has a readable reference and may have a native twin.

The gate knows no room. A room that offers an operation names its reference; selection.py chooses once, at start.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")


class KnownAnswer(msgspec.Struct, frozen=True):
    """One self-test: these arguments must give this answer."""

    arguments: tuple[object, ...]
    answer: object


class Operation(msgspec.Struct, Generic[F], frozen=True):
    """One operation behind the gate. `native` loads the compiled twin.

    It raises ImportError where there is none, OSError where this system refuses what the twin needs.

    The first known answer is the everyday case: its arguments are what the gate measures with.
    """

    name: str
    reference: F
    native: Callable[[], F]
    known_answers: Sequence[KnownAnswer]


class VerifySecret(Protocol):
    """Which of two secrets a password proves, in time that does not depend on any of them.

    password: what the peer sent, any length. stamp: the 10 ASCII digits that key the HMAC. primary, secondary: the
    device's secrets. A password is right for a secret when it equals hex(HMAC-SHA256(key = stamp, message = secret)) in
    lower case (mqtt-device.md C.1). Both are always computed. Answers a bit mask: 1 the primary, 2 the secondary.
    """

    def __call__(self, password: bytes, stamp: bytes, primary: bytes, secondary: bytes) -> int: ...


class ChainProfile(enum.IntEnum):
    """By which rules a certification path is judged. The numbers are native/chain.cdef.h's."""

    PATH = 0
    """RFC 5280 with purpose TLS client and without policies; where CRLs are given, every certificate needs one."""
    DEVICE = 1
    """PATH, and what OpenSSL leaves out (docs/chains.md): the rules for the leaf, and the algorithm floor."""


class ChainReason(enum.IntEnum):
    """Why a chain is refused. The checks run in this order; of several possible paths the one that passed the most of
    them gives the reason. The numbers are native/chain.cdef.h's.
    """

    TOO_LARGE = 1
    TOO_MANY_CERTIFICATES = 2
    MALFORMED = 3
    """A certificate that was sent is not DER, or not X.509."""
    # Of the leaf, in profile DEVICE
    LEAF_VERSION = 4
    """Not X.509 v3."""
    LEAF_IS_CA = 5
    LEAF_NAME_CONSTRAINTS = 6
    LEAF_WILDCARD = 7
    """A DNS name with a wildcard in subjectAltName."""
    # Of a path
    UNKNOWN_CA = 8
    """No path leads to an anchor."""
    SERIAL_NUMBER = 9
    """Not positive, or over 20 octets; in profile DEVICE."""
    NOT_A_CA = 10
    """An issuer without CA=true."""
    KEY_USAGE = 11
    """An issuer without keyCertSign, or a leaf without digitalSignature."""
    EXTENDED_KEY_USAGE = 12
    """No clientAuth: where the extension is present, and for the leaf in profile DEVICE always."""
    CRITICAL_EXTENSION = 13
    """A critical extension that is not evaluated here, policy constraints among them."""
    WEAK_KEY = 14
    """One that cannot be read; in profile DEVICE, not RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519."""
    WEAK_SIGNATURE = 15
    """Not RSA PKCS #1 or ECDSA with SHA-256, SHA-384 or SHA-512, nor Ed25519; in profile DEVICE."""
    NOT_YET_VALID = 16
    EXPIRED = 17
    PATH_LENGTH = 18
    NAME_CONSTRAINTS = 19
    """A name is outside them, or they cannot be evaluated."""
    BAD_SIGNATURE = 20
    REFUSED_BY_LIBRARY = 21
    """The library's own verifier refuses what none of our checks names."""
    CRL_MISSING = 22
    """CRLs were given, none of them by this issuer; in profile PATH."""
    CRL_UNUSABLE = 23
    """Not DER, not signed by the issuer, issuer without cRLSign, or with a critical extension (indirect, delta)."""
    CRL_EXPIRED = 24
    """Before thisUpdate, after nextUpdate, or without nextUpdate."""
    REVOKED = 25
    BUDGET_EXCEEDED = 26
    """More possible paths than may be tried for one chain."""


class AcceptedChain(msgspec.Struct, frozen=True):
    """The leaf chains to an anchor. `anchor` is its place in the AnchorSet, `anchor_sha256` that of its DER.

    Holds as long as the anchor and its CRLs are as they are, while `since` <= now < `until`: the latest notBefore or
    thisUpdate, the earliest notAfter or nextUpdate, anchor included.
    """

    anchor: int
    anchor_sha256: bytes
    since: float
    until: float


class RefusedChain(msgspec.Struct, frozen=True):
    """The answer is no; `reason` says exactly why."""

    reason: ChainReason


ChainVerdict = AcceptedChain | RefusedChain


class Anchor(msgspec.Struct, frozen=True):
    """A trust anchor, self-issued or intermediate, in DER, and the CRLs to judge paths to it by: its own, and those of
    CAs below it. In profile DEVICE a CRL binds what its issuer issued, and an issuer without one revokes nothing.
    """

    certificate: bytes
    crls: tuple[bytes, ...] = ()


class AnchorSet:
    """The anchors of a project (or of a listener), to be made once and kept until one of them or a CRL changes.

    What an implementation makes of them it keeps here, so nothing outlives the set. An anchor that is no certificate
    is no anchor; one that has a broken CRL anchors nothing (CRL_UNUSABLE).
    """

    def __init__(self, anchors: Sequence[Anchor]) -> None:
        self.anchors = tuple(anchors)
        self._prepared: dict[object, object] = {}

    def prepared(self, by: object, prepare: Callable[[Sequence[Anchor]], T]) -> T:
        """What `prepare` made of the anchors for `by`, made on the first call."""
        try:
            made: T = self._prepared[by]  # type: ignore[assignment]  # `by` knows what it prepared
        except KeyError:
            made = self._prepared[by] = prepare(self.anchors)
        return made


class VerifyChain(Protocol):
    """Does this leaf chain to one of the anchors at `now`, by the rules of the profile (docs/chains.md)?

    leaf and intermediates: DER, as the peer sent them; the intermediates in any order, unneeded ones ignored. Total:
    raises for no bytes of a peer. A function of its arguments alone; what an implementation remembers (parsed
    certificates, verified chains by anchor and its CRLs) only makes it faster, so nothing needs to be told of a change:
    give another AnchorSet.
    """

    def __call__(
        self, leaf: bytes, intermediates: Sequence[bytes], anchors: AnchorSet, now: float, profile: ChainProfile
    ) -> ChainVerdict: ...


class WillRead(msgspec.Struct, frozen=True, gc=False):
    """The Will of a ConnectRead; the topic is checked UTF-8."""

    topic: bytes
    payload: bytes
    qos: int
    retain: bool


class ConnectRead(msgspec.Struct, frozen=True, gc=False):
    """What native/mqtt_connect.c reads of a CONNECT, in its own terms: texts are checked UTF-8, None is absent.

    fault: 0 well formed, 1 malformed, 2 protocol violation, 3 unsupported version, 4 unknown authentication method.
    With a fault, protocol_version is the version in which the refusal is worded, 0 for none; nothing else is read.
    maximum_packet_size: 0 where none is given.
    """

    fault: int
    protocol_version: int
    clean_start: bool = False
    keep_alive: int = 0
    client_id: bytes = b""
    user_name: bytes | None = None
    password: bytes | None = None
    will: WillRead | None = None
    session_expiry_interval: int = 0
    receive_maximum: int = 0
    maximum_packet_size: int = 0
    topic_alias_maximum: int = 0
    request_response_information: bool = False
    request_problem_information: bool = False

    def __repr__(self) -> str:
        """Never the password."""
        return f"<ConnectRead fault {self.fault} version {self.protocol_version}>"
