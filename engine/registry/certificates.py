"""Certificates read: what may be a device CA, and the proof that its owner holds the key.

Pure: text or DER and the time in, a value out; never an exception for content that somebody else wrote. The floor of
algorithms is ours, because not every library that may verify a chain later has one (DESIGN section 7).
"""

import enum
import hashlib
import re
import uuid

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from engine.registry.record import CaCertificate, DeviceCertificate
from engine.registry.sealing import Random

UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)
"""What `cryptography` raises for content that it cannot read, when it is loaded or when a field is asked for."""

_BLOCK = re.compile(r"-----BEGIN ([^\r\n]*?)-----")
_RSA_BITS = range(2048, 8192 + 1)
"""The floor is ours (DESIGN section 7). Above the ceiling one signature costs milliseconds, and peers choose when."""
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_SERIAL_NUMBERS = range(1, 1 << 159)
"""Positive, in at most 20 octets (RFC 5280 section 4.1.2.2)."""


class FaultKind(enum.Enum):
    """Which of the API's answers a fault is."""

    CONTENT = "not a certificate that is accepted here"
    VERIFY_CODE = "the subject is not the verify code"
    PROOF = "the certificate proves nothing"


class CertificateFault(msgspec.Struct, frozen=True):
    """Why a certificate is not accepted. `why` is for people, and quotes nothing of the content."""

    kind: FaultKind
    why: str


class DeviceCa(msgspec.Struct, frozen=True):
    """What a record keeps of a CA certificate; instants are epoch seconds."""

    der: bytes
    fingerprint: str
    common_name: str | None
    owner: str | None
    effective_at: int
    expires_at: int


_VERIFY_CODE_BYTES = 16
"""A UUID, as the reference service's."""


def unverified_ca(
    ca: DeviceCa, *, certificate_id: str, project_id: str, app_id: str, random: Random, now: float
) -> CaCertificate:
    """The record of a CA that was just uploaded: its owner has yet to sign the verify code, which is made here."""
    return CaCertificate(
        certificate_id=certificate_id,
        project_id=project_id,
        app_id=app_id,
        der=ca.der,
        fingerprint=ca.fingerprint,
        common_name=ca.common_name,
        owner=ca.owner,
        effective_at=ca.effective_at,
        expires_at=ca.expires_at,
        verify_code=str(uuid.UUID(bytes=random(_VERIFY_CODE_BYTES), version=4)),
        created_at=int(now),
    )


def read_device_ca(content: str, now: float) -> DeviceCa | CertificateFault:
    """A device CA from PEM text: exactly one certificate, of a CA that may sign certificates, in force, not weak."""
    certificate = _load(content)
    if isinstance(certificate, CertificateFault):
        return certificate
    try:
        why = _weakness(certificate) or _not_a_ca(certificate)
        if why is None and certificate.not_valid_after_utc.timestamp() < now:
            why = "The certificate has expired."
        if why is not None:
            return _content_fault(why)
        der = certificate.public_bytes(Encoding.DER)
        return DeviceCa(
            der,
            hashlib.sha256(der).hexdigest(),
            _first(certificate.subject, NameOID.COMMON_NAME),
            _first(certificate.subject, NameOID.ORGANIZATION_NAME),
            int(certificate.not_valid_before_utc.timestamp()),
            int(certificate.not_valid_after_utc.timestamp()),
        )
    except UNREADABLE:
        return _content_fault("A field of the certificate cannot be read.")


def check_proof(content: str, ca: CaCertificate, now: float) -> CertificateFault | None:
    """Whether this PEM text is a certificate in force that `ca` issued to its verify code; None when it is."""
    proof = _load(content)
    if isinstance(proof, CertificateFault):
        return proof
    try:
        if not _is_strong_signature(proof):
            return CertificateFault(FaultKind.PROOF, "It is signed with an algorithm that is too weak.")
        if not proof.not_valid_before_utc.timestamp() <= now <= proof.not_valid_after_utc.timestamp():
            return CertificateFault(FaultKind.PROOF, "It is not in force now.")
        if ca.expires_at < now:
            return CertificateFault(FaultKind.PROOF, "The CA has expired.")
        proof.verify_directly_issued_by(x509.load_der_x509_certificate(ca.der))
        if _all(proof.subject, NameOID.COMMON_NAME) != [ca.verify_code]:
            return CertificateFault(FaultKind.VERIFY_CODE, "")
    except InvalidSignature:
        return CertificateFault(FaultKind.PROOF, "The signature is not by this CA's key.")
    except UNREADABLE:
        return CertificateFault(FaultKind.PROOF, "Its issuer is not this CA, or a field of it cannot be read.")
    return None


def is_issued_by(certificate: bytes, ca: bytes) -> bool:
    """Whether this CA's key signed the certificate, under the CA's name (both are DER)."""
    try:
        issued = x509.load_der_x509_certificate(certificate)
        issued.verify_directly_issued_by(x509.load_der_x509_certificate(ca))
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def is_look_alike(one: bytes, other: bytes) -> bool:
    """Whether two CAs (DER) have one subject, as OpenSSL compares names, and two keys.

    OpenSSL takes the first issuer whose name fits, and an authorityKeyIdentifier where the leaf has one, and does not
    go back when the signature does not: one look-alike among the CAs of a handshake ends the handshakes of the other's
    devices (tests/listeners/test_platform_tls.py).
    """
    try:
        mine, theirs = x509.load_der_x509_certificate(one), x509.load_der_x509_certificate(other)
        return _folded(mine.subject) == _folded(theirs.subject) and mine.public_key() != theirs.public_key()
    except UNREADABLE:
        return False


def _folded(name: x509.Name) -> list[tuple[str, str]]:
    """At least what OpenSSL takes for equal is equal: case, blanks and string types do not count."""
    return [(one.oid.dotted_string, " ".join(str(one.value).split()).lower()) for one in name]


def read_device_certificate(der: bytes, project_id: str, certificate_id: str, now: float) -> DeviceCertificate:
    """The record of a device's certificate. ValueError for what cannot be read: verify its chain first."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        common_name = _first(certificate.subject, NameOID.COMMON_NAME)
        expires_at = int(certificate.not_valid_after_utc.timestamp())
    except UNREADABLE as fault:
        raise ValueError("a field of the certificate cannot be read") from fault
    return DeviceCertificate(
        certificate_id=certificate_id,
        project_id=project_id,
        der=der,
        fingerprint=hashlib.sha256(der).hexdigest(),
        fingerprint_sha1=hashlib.sha1(der, usedforsecurity=False).hexdigest(),
        common_name=common_name,
        expires_at=expires_at,
        created_at=int(now),
    )


def pem_of(der: bytes) -> str:
    """A certificate as PEM text."""
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()


def _load(content: str) -> x509.Certificate | CertificateFault:
    """The one certificate in a PEM text. Text around it is passed over, as openssl's own `-text` writes some."""
    labels = _BLOCK.findall(content)
    if any("PRIVATE KEY" in label for label in labels):
        return _content_fault("It holds a private key. Never give that away: treat the key as stolen.")
    if labels != ["CERTIFICATE"]:
        return _content_fault("Give exactly one certificate, as PEM.")
    try:
        certificate = x509.load_pem_x509_certificate(content.encode())
    except UNREADABLE:
        return _content_fault("It is not an X.509 certificate.")
    if certificate.serial_number not in _SERIAL_NUMBERS:
        return _content_fault("The serial number is not positive, or longer than 20 octets.")
    return certificate


def _weakness(certificate: x509.Certificate) -> str | None:
    match certificate.public_key():
        case rsa.RSAPublicKey(key_size=bits):
            is_strong = bits in _RSA_BITS
        case ec.EllipticCurvePublicKey(curve=curve):
            is_strong = isinstance(curve, _CURVES)
        case key:
            is_strong = isinstance(key, ed25519.Ed25519PublicKey)
    if not is_strong:
        return (
            f"The key must be RSA of {_RSA_BITS[0]} to {_RSA_BITS[-1]} bits, EC on P-256, P-384 or P-521, or Ed25519."
        )
    if not _is_strong_signature(certificate):
        return "The signature must be by SHA-256, SHA-384, SHA-512 or Ed25519."
    return None


def _is_strong_signature(certificate: x509.Certificate) -> bool:
    if certificate.signature_algorithm_oid == SignatureAlgorithmOID.ED25519:
        return True
    return isinstance(certificate.signature_hash_algorithm, _HASHES)


def _not_a_ca(certificate: x509.Certificate) -> str | None:
    extensions = certificate.extensions
    try:
        if not extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return "It is not a CA: basicConstraints says CA=false."
        if not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            return "It may not sign certificates: keyUsage has no keyCertSign."
    except x509.ExtensionNotFound as fault:
        name = "basicConstraints" if fault.oid == x509.BasicConstraints.oid else "keyUsage"
        return f"It does not say that it is a CA: {name} is missing (CA=true and keyCertSign are needed)."
    return None


def _content_fault(why: str) -> CertificateFault:
    return CertificateFault(FaultKind.CONTENT, why)


def _all(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str | bytes]:
    return [attribute.value for attribute in name.get_attributes_for_oid(oid)]


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    """The text of the name's first attribute of this kind; bytes (a BIT STRING) are no text."""
    return next((value for value in _all(name, oid) if isinstance(value, str)), None)
