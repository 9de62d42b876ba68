"""Certificate revocation lists read: what may stand beside a device CA, and which CA a list is by.

Pure: bytes in, a value out; never an exception for content that somebody else wrote. What verify_chain would call
CRL_UNUSABLE (docs/chains.md) is refused here, because there it would refuse every device of the CA.
"""

import base64
import binascii
import re
from collections.abc import Sequence

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import SignatureAlgorithmOID

from engine.registry.certificates import UNREADABLE, is_issued_by
from engine.registry.record import CaCertificate, Crl

_STRONG_SIGNATURES = (
    SignatureAlgorithmOID.RSA_WITH_SHA256,
    SignatureAlgorithmOID.RSA_WITH_SHA384,
    SignatureAlgorithmOID.RSA_WITH_SHA512,
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    SignatureAlgorithmOID.ED25519,
)
"""As profile DEVICE has them: RSASSA-PSS is not among them."""
_LABEL = re.compile(r"-----BEGIN ([^\r\n]*?)-----")


class CrlFault(msgspec.Struct, frozen=True):
    """Why a list is not accepted. `why` is for people, and quotes nothing of the content."""

    why: str


class CrlFile(msgspec.Struct, frozen=True):
    """A list out of a file. `issuer`: the name of the CA that it is by, DER."""

    name: str
    crl: Crl
    issuer: bytes


def read_crl_text(content: str, most_bytes: int) -> Crl | CrlFault:
    """A list from what the API takes: PEM text, or DER in base64."""
    if "-----BEGIN" in content:
        return read_crl(content.encode(), most_bytes)
    try:
        return read_crl(base64.b64decode("".join(content.split()), validate=True), most_bytes)
    except (binascii.Error, ValueError):
        return CrlFault("Give one CRL, as PEM or as DER in base64.")


def read_crl(data: bytes, most_bytes: int) -> Crl | CrlFault:
    """A list from PEM or DER: exactly one, of at most `most_bytes` as DER, and of a kind that verify_chain uses."""
    try:
        crl = _load(data)
        if isinstance(crl, CrlFault):
            return crl
        der = crl.public_bytes(Encoding.DER)
        if len(der) > most_bytes:
            return CrlFault(f"It is larger than {most_bytes} bytes.")
        if crl.signature_algorithm_oid not in _STRONG_SIGNATURES:
            return CrlFault("The signature must be RSA PKCS #1 or ECDSA with SHA-256, SHA-384 or SHA-512, or Ed25519.")
        if any(extension.critical for part in (crl, *crl) for extension in part.extensions):
            return CrlFault("It has a critical extension: delta, indirect and partitioned CRLs are not supported.")
        if crl.next_update_utc is None:
            return CrlFault("It has no nextUpdate.")
        return Crl(
            der=der,
            number=_number_of(crl),
            this_update=int(crl.last_update_utc.timestamp()),
            next_update=int(crl.next_update_utc.timestamp()),
            revoked=len(crl),
        )
    except UNREADABLE:
        return CrlFault("A field of the CRL cannot be read.")


def check_issuer(crl: bytes, ca: bytes) -> CrlFault | None:
    """Whether this CA (both are DER) issued the list and may; None when it did."""
    try:
        issuer, issued = x509.load_der_x509_certificate(ca), x509.load_der_x509_crl(crl)
        if issued.issuer != issuer.subject:
            return CrlFault("Its issuer is not the subject of this CA.")
        if not issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign:
            return CrlFault("This CA may not sign CRLs: its keyUsage has no cRLSign.")
        if not issued.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]  # any key: TypeError is no
            return CrlFault("The signature is not by this CA's key.")
    except (*UNREADABLE, InvalidSignature, x509.ExtensionNotFound):
        return CrlFault("The CRL and the CA cannot be compared.")
    return None


def crl_pem_of(der: bytes) -> str:
    """A list as PEM text."""
    return x509.load_der_x509_crl(der).public_bytes(Encoding.PEM).decode()


def read_issuer(crl: bytes) -> bytes:
    """The issuer's name (DER) of a list that read_crl took."""
    return x509.load_der_x509_crl(crl).issuer.public_bytes()


def is_by(file: CrlFile, ca: bytes) -> bool:
    """Whether this CA (DER) issued the list. The name is asked first: a signature over half a megabyte costs."""
    try:
        if x509.load_der_x509_certificate(ca).subject.public_bytes() != file.issuer:
            return False
    except UNREADABLE:
        return False
    return check_issuer(file.crl.der, ca) is None


def is_in_force(crl: Crl, now: float) -> bool:
    """thisUpdate <= now < nextUpdate, as verify_chain wants it."""
    return crl.this_update <= now < crl.next_update


def at_or_above(ca: CaCertificate, cas: Sequence[CaCertificate]) -> Sequence[CaCertificate]:
    """`ca` and those of `cas` that issued it, or issued a CA that did: whose paths the lists of `ca` are for."""
    found, waiting = [ca], [ca]
    while waiting:
        below = waiting.pop()
        above = [one for one in cas if one not in found and is_issued_by(below.der, one.der)]
        found += above
        waiting += above
    return found


def _load(data: bytes) -> x509.CertificateRevocationList | CrlFault:
    labels = _LABEL.findall(data.decode("utf-8", "replace")) if b"-----BEGIN" in data else []
    if any("PRIVATE KEY" in label for label in labels):
        return CrlFault("It holds a private key. Never give that away: treat the key as stolen.")
    if labels not in ([], ["X509 CRL"]):
        return CrlFault("Give one CRL, as PEM or as DER.")
    try:
        return x509.load_pem_x509_crl(data) if labels else x509.load_der_x509_crl(data)
    except UNREADABLE:
        return CrlFault("It is not an X.509 CRL.")


def _number_of(crl: x509.CertificateRevocationList) -> int | None:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return None
