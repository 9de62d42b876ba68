"""Certificates, CRLs and chains for path validation, good or broken in one field; DER by hand where no builder does."""

import datetime
import functools
import hashlib
import ipaddress
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from engine.gate.interface import (
    AcceptedChain,
    Anchor,
    AnchorSet,
    ChainProfile,
    ChainReason,
    ChainVerdict,
    RefusedChain,
    VerifyChain,
)

DAY = 86_400.0
NOW = 1_790_000_000.0
BEGIN, END = NOW - 10 * DAY, NOW + 10 * DAY

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey
Extensions = tuple[tuple[x509.ExtensionType, bool], ...]


def key_usage(*purposes: str) -> x509.KeyUsage:
    """keyUsage with these bits and no other."""
    bits = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign"
    )
    return x509.KeyUsage(**{bit: bit in purposes for bit in [*bits.split(), "encipher_only", "decipher_only"]})


IS_CA = (x509.BasicConstraints(ca=True, path_length=None), True)
SIGNS = (key_usage("key_cert_sign", "crl_sign"), True)
CLIENT_AUTH = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
SERVER_AUTH = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
AUTHENTICATES = (key_usage("digital_signature"), True)

AUTHORITY: Extensions = (IS_CA, SIGNS)
DEVICE: Extensions = (AUTHENTICATES, CLIENT_AUTH)


class Issued(NamedTuple):
    """A certificate and its private key."""

    der: bytes
    key: PrivateKey
    subject: x509.Name

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def utc(moment: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC)


def issue(
    subject: str | x509.Name,
    issuer: Issued | None = None,
    extensions: Extensions = DEVICE,
    *,
    key: PrivateKey | None = None,
    public_key: object = None,
    not_before: float = BEGIN,
    not_after: float = END,
    serial_number: int | None = None,
    hash_algorithm: hashes.HashAlgorithm | None = None,
) -> Issued:
    """A certificate; self-signed without an issuer. A public_key stands for a key that nobody has."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = name(subject) if isinstance(subject, str) else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(public_key or key.public_key())
        .serial_number(serial_number or x509.random_serial_number())
        .not_valid_before(utc(not_before))
        .not_valid_after(utc(not_after))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    signer = issuer.key if issuer else key
    certificate = builder.sign(signer, _hash_for(signer, hash_algorithm))
    return Issued(certificate.public_bytes(Encoding.DER), key, subject)


def issue_crl(
    issuer: Issued,
    *revoked: Issued | bytes,
    this_update: float = BEGIN,
    next_update: float = END,
    extensions: Extensions = (),
    entry_extensions: Extensions = (),
    key: PrivateKey | None = None,
) -> bytes:
    """A CRL in DER."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(utc(this_update)).next_update(utc(next_update))
    for one in revoked:
        number = x509.load_der_x509_certificate(one if isinstance(one, bytes) else one.der).serial_number
        entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(utc(this_update))
        for extension, critical in entry_extensions:
            entry = entry.add_extension(extension, critical)
        builder = builder.add_revoked_certificate(entry.build())
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    key = key or issuer.key
    return builder.sign(key, _hash_for(key, None)).public_bytes(Encoding.DER)


def _hash_for(key: PrivateKey, wanted: hashes.HashAlgorithm | None) -> hashes.HashAlgorithm | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else wanted or hashes.SHA256()


class Fleet(NamedTuple):
    """A root, an intermediate below it, a device below that."""

    root: Issued
    intermediate: Issued
    device: Issued


@functools.cache
def fleet() -> Fleet:
    root = issue("root", None, AUTHORITY)
    intermediate = issue("intermediate", root, AUTHORITY)
    return Fleet(root, intermediate, issue("device", intermediate))


@functools.cache
def rich_fleet() -> Fleet:
    """The same with every extension that there is something to say about. Keys and numbers are always these, so that an
    input found by a fuzzer means the same tomorrow.
    """
    root, intermediate, device = (ec.derive_private_key(number, ec.SECP256R1()) for number in (101, 102, 103))
    top = issue("root", None, (*AUTHORITY, (_ROOT_KEY, False)), key=root, serial_number=101)
    middle = issue(
        "intermediate",
        top,
        (*AUTHORITY, *_everything(), (_ISSUED_BY_ROOT, False), (_CONSTRAINTS, True)),
        key=intermediate,
        serial_number=102,
    )
    names = (x509.SubjectAlternativeName(_NAMES), False)
    return Fleet(top, middle, issue("device", middle, (*DEVICE, *_everything(), names), key=device, serial_number=103))


_WHERE = [x509.UniformResourceIdentifier("http://ca.example.com/x")]
_NAMES = [
    x509.DNSName("a.example.com"),
    x509.RFC822Name("a@example.com"),
    x509.IPAddress(ipaddress.ip_address("10.1.2.3")),
    *_WHERE,
]
_CONSTRAINTS = x509.NameConstraints(
    [x509.DNSName("example.com"), x509.RFC822Name("example.com"), x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))],
    [x509.DNSName("bad.example.com")],
)
_ROOT_KEY = x509.SubjectKeyIdentifier(b"root")
_ISSUED_BY_ROOT = x509.AuthorityKeyIdentifier(b"root", [x509.DirectoryName(name("root"))], 101)


def _everything() -> Extensions:
    """What no verdict depends on."""
    description = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, _WHERE[0])
    qualifiers = ["http://cps", x509.UserNotice(None, "text")]
    return (
        (x509.CRLDistributionPoints([x509.DistributionPoint(_WHERE, None, None, None)]), False),
        (x509.AuthorityInformationAccess([description]), False),
        (
            x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), qualifiers)]),
            False,
        ),
    )


def sha256(certificate: Issued) -> str:
    return hashlib.sha256(certificate.der).hexdigest()


def anchors(*certificates: Issued, crls: Iterable[bytes] = ()) -> AnchorSet:
    """Each with the same CRLs."""
    return AnchorSet([Anchor(one.der, tuple(crls)) for one in certificates])


def verdict_of(
    verify_chain: VerifyChain,
    *sent: Issued | bytes,
    trusted: AnchorSet | None = None,
    now: float = NOW,
    profile: ChainProfile = ChainProfile.DEVICE,
) -> ChainVerdict:
    """The verdict on what is sent, the leaf first; the fleet's root is trusted where nothing else is said."""
    leaf, *intermediates = (one.der if isinstance(one, Issued) else one for one in sent)
    return verify_chain(leaf, intermediates, trusted or anchors(fleet().root), now, profile)


def reason_of(*arguments: object, **options: object) -> ChainReason | None:
    """As verdict_of: why it is refused; None where it is accepted."""
    verdict = verdict_of(*arguments, **options)  # type: ignore[arg-type]  # passed on as they came
    return None if isinstance(verdict, AcceptedChain) else verdict.reason


READ_DIFFERENTLY = {
    ChainReason.MALFORMED,
    ChainReason.WEAK_KEY,
    ChainReason.BAD_SIGNATURE,
    ChainReason.NAME_CONSTRAINTS,
    ChainReason.REFUSED_BY_LIBRARY,
    ChainReason.CRL_UNUSABLE,
}
"""docs/chains.md, "Where the two differ": one of two different reasons is among these."""


def agree(reference: ChainVerdict, native: ChainVerdict) -> bool:
    """The same verdict; or both refuse, as documented; or the native twin alone does. Never the reference."""
    if reference == native:
        return True
    reasons = {one.reason for one in (reference, native) if isinstance(one, RefusedChain)}
    return isinstance(native, RefusedChain) and not reasons.isdisjoint(READ_DIFFERENTLY)


def tlv(tag: int, *contents: bytes) -> bytes:
    """A DER value."""
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def elements(der: bytes) -> Iterator[bytes]:
    """The values that a constructed one holds."""
    at, end = content_of(der, 0)
    while at < end:
        _, after = content_of(der, at)
        yield der[at:after]
        at = after


def content_of(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the value at `at` begins and ends."""
    start, length = at + 2, der[at + 1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[at + 2 : start], "big")
    return start, start + length


ECDSA_WITH_SHA1 = bytes.fromhex("300906072a8648ce3d0401")


def signed_anew(
    certificate: bytes, issuer: Issued, edit: Callable[[bytes], bytes], algorithm: bytes | None = None
) -> bytes:
    """The certificate (or CRL) with what is signed edited, and signed by the issuer's EC key again."""
    body, named, _ = elements(certificate)
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    body = edit(body)
    digest = hashes.SHA1() if algorithm == ECDSA_WITH_SHA1 else hashes.SHA256()
    signature = issuer.key.sign(body, ec.ECDSA(digest))
    return tlv(0x30, body, algorithm or named, tlv(0x03, b"\0", signature))


def with_field(place: int, field: bytes | None) -> Callable[[bytes], bytes]:
    """An edit: one field of tbsCertificate (0 the version, 1 the serial number, ...) is another, or gone."""

    def edit(body: bytes) -> bytes:
        fields = list(elements(body))
        fields[place : place + 1] = [] if field is None else [field]
        return tlv(0x30, *fields)

    return edit


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """An edit: bytes of equal length in the place of others, which stand there once."""

    def edit(body: bytes) -> bytes:
        assert (body.count(old), len(new)) == (1, len(old))
        return body.replace(old, new)

    return edit
