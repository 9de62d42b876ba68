"""What path validation asks of a certificate, read once: the reference's view of `cryptography`'s Certificate."""

import contextlib
import datetime
import functools
import hashlib
import re
import warnings
from collections.abc import Iterator
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import SignatureAlgorithmOID

E = TypeVar("E", bound=x509.ExtensionType)

CanonicalName = tuple[frozenset[tuple[str, str | bytes]], ...]
"""A name as RFC 5280 section 7.1 compares it: relative distinguished names, each a set of (type, value)."""

STRONG_SIGNATURES = {
    SignatureAlgorithmOID.RSA_WITH_SHA256,
    SignatureAlgorithmOID.RSA_WITH_SHA384,
    SignatureAlgorithmOID.RSA_WITH_SHA512,
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    SignatureAlgorithmOID.ED25519,
}
"""The signature algorithms of profile DEVICE."""

UNREADABLE = (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What `cryptography` raises for bytes that it cannot read; TypeError for a name whose string has a wrong type."""

_SPACE = re.compile("[ \t\n\v\f\r]+")
_CAPITALS = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})
_SEQUENCE = 0x30


class Certificate:
    """A parsed certificate. `key` is None where `cryptography` knows no such key, or the key itself is broken."""

    def __init__(self, der: bytes) -> None:
        """ValueError where it is not DER, or not X.509."""
        self.der = der
        self.parsed = x509.load_der_x509_certificate(der)
        self.extensions = self.parsed.extensions
        self.serial_number = self.parsed.serial_number
        self.subject = canonical_name(self.parsed.subject)
        self.issuer = canonical_name(self.parsed.issuer)
        self.not_before = seconds(self.parsed.not_valid_before_utc)
        self.not_after = seconds(self.parsed.not_valid_after_utc)
        self.key: CertificatePublicKeyTypes | None = None
        with contextlib.suppress(ValueError, UnsupportedAlgorithm):
            self.key = self.parsed.public_key()

    @functools.cached_property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.der).digest()

    @functools.cached_property
    def spelled_subject(self) -> bytes:
        return self.parsed.subject.public_bytes()

    @functools.cached_property
    def spelled_issuer(self) -> bytes:
        return self.parsed.issuer.public_bytes()

    @property
    def is_self_issued(self) -> bool:
        return self.subject == self.issuer

    @functools.cached_property
    def is_self_signed(self) -> bool:
        """By its own word: nothing that it says of its issuer is different from itself. As in OpenSSL, a CA's new key
        that its old one signed is told from that by authorityKeyIdentifier only.
        """
        return self.may_issue(self)

    def extension(self, kind: type[E]) -> E | None:
        """The value of one extension."""
        try:
            return self.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None

    def may_issue(self, other: "Certificate") -> bool:
        """By the names and the key identifiers; what CA and signature say about it is judged later."""
        identifier = other.extension(x509.AuthorityKeyIdentifier)
        return self.subject == other.issuer and (identifier is None or self.is_identified_by(identifier))

    def is_identified_by(self, identifier: x509.AuthorityKeyIdentifier) -> bool:
        """Does nothing in `identifier` speak against this certificate (RFC 5280 section 4.2.1.1)?"""
        own = self.extension(x509.SubjectKeyIdentifier)
        if own is not None and identifier.key_identifier not in (None, own.digest):
            return False
        if identifier.authority_cert_serial_number not in (None, self.serial_number):
            return False
        issuers = [one.value for one in identifier.authority_cert_issuer or () if isinstance(one, x509.DirectoryName)]
        return not issuers or canonical_name(issuers[0]) == self.issuer

    def has_signed(self, signed: x509.Certificate | x509.CertificateRevocationList) -> bool:
        """Is the signature this certificate's key's, by the algorithm that is named inside and outside alike?"""
        body = signed.tbs_certificate_bytes if isinstance(signed, x509.Certificate) else signed.tbs_certlist_bytes
        inner = next(element for element in _elements(body) if element[0] == _SEQUENCE)
        outer = list(_elements(signed.public_bytes(Encoding.DER)))[1]
        if inner != outer or self.key is None:
            return False
        try:
            return _verify(self.key, signed, body)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False


def _verify(
    key: CertificatePublicKeyTypes, signed: x509.Certificate | x509.CertificateRevocationList, body: bytes
) -> bool:
    """True, InvalidSignature, or False where key and algorithm are not of a kind."""
    hashed, parameters = signed.signature_hash_algorithm, signed.signature_algorithm_parameters
    if isinstance(key, rsa.RSAPublicKey) and isinstance(parameters, padding.PKCS1v15 | padding.PSS) and hashed:
        key.verify(signed.signature, body, parameters, hashed)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
        key.verify(signed.signature, body, parameters)
    elif isinstance(key, dsa.DSAPublicKey) and signed.signature_algorithm_oid in _DSA and hashed:
        key.verify(signed.signature, body, hashed)
    elif isinstance(key, ed25519.Ed25519PublicKey) and signed.signature_algorithm_oid == SignatureAlgorithmOID.ED25519:
        key.verify(signed.signature, body)
    else:
        return False
    return True


_DSA = {
    SignatureAlgorithmOID.DSA_WITH_SHA1,
    SignatureAlgorithmOID.DSA_WITH_SHA224,
    SignatureAlgorithmOID.DSA_WITH_SHA256,
    SignatureAlgorithmOID.DSA_WITH_SHA384,
    SignatureAlgorithmOID.DSA_WITH_SHA512,
}


def read_certificate(der: bytes) -> Certificate | None:
    """The certificate, or None where it is not DER or not X.509: what `cryptography` only warns of is refused too."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Certificate(der)
    except UNREADABLE:
        return None


def canonical_name(name: x509.Name) -> CanonicalName:
    """White space is folded and ASCII letters lose their case, as OpenSSL's X509_NAME_cmp has it."""
    return tuple(frozenset((part.oid.dotted_string, _fold(part.value)) for part in group) for group in name.rdns)


def _fold(value: str | bytes) -> str | bytes:
    return _SPACE.sub(" ", value).strip(" ").translate(_CAPITALS) if isinstance(value, str) else value


def seconds(moment: datetime.datetime) -> float:
    """Since 1970; `moment` is in UTC."""
    return moment.timestamp()


def _elements(der: bytes) -> Iterator[bytes]:
    """The encodings of what a constructed DER value holds. It was parsed before, so the lengths are right."""
    at, end = _content(der, 0)
    while at < end:
        _, after = _content(der, at)
        yield der[at:after]
        at = after


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the value at `at` begins and ends."""
    start, length = at + 2, der[at + 1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start], "big")
    return start, start + length
