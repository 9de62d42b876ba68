"""The certificates that Keyturn issues: the platform CA's server certificate, by which a device checks the server, and
for trying things out a device CA, the proof that its key is held, and a device's certificate.

EC P-256 keys: the smallest that every TLS library for devices speaks, and a few times cheaper to sign with than RSA.
"""

import datetime
import ipaddress
from collections.abc import Sequence

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from engine.errors import UsageError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

_CA_DAYS = 3652
"""Ten years: devices are made with this certificate inside."""
_SERVER_DAYS = 825
"""The longest that TLS clients accept (Apple's rule for private CAs; the public web's is shorter)."""
_DEVICE_DAYS = 365
"""For trying things out."""
_PROOF_DAYS = 2
"""It is shown once, at once; the first of the days is over."""
_BACKDATED = datetime.timedelta(days=1)
"""A device whose clock is somewhat slow still accepts a certificate made today."""


_IssuerKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
"""What may sign (docs/certificates.md)."""


class Issued(msgspec.Struct, frozen=True):
    """A certificate and its private key (PKCS #8, not encrypted), both as PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        """Never the key."""
        return f"<Issued certificate of {len(self.certificate)} bytes>"


def create_ca(now: datetime.datetime, name: str = "Keyturn platform CA") -> Issued:
    """A self-signed CA that may issue end entities and revocation lists, and no further CA (pathLenConstraint 0)."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial_number = x509.random_serial_number()
    # Two nodes' CAs in one trust store are told apart by their subject.
    subject = _common_name(f"{name} {serial_number & 0xFFFFFFFF:08x}")
    usage = _key_usage(certificate_sign=True, crl_sign=True)
    certificate = (
        _builder(subject, subject, key, now, _CA_DAYS)
        .serial_number(serial_number)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _issued(certificate, key)


def load_issuer(ca: Issued) -> tuple[x509.Certificate, _IssuerKey]:
    """A CA's certificate and key, to sign with.

    Raises UsageError when either cannot be read, or the key is of another kind than we accept or not the certificate's.
    """
    try:
        certificate = x509.load_pem_x509_certificate(ca.certificate)
    except ValueError:
        raise UsageError("the CA's certificate cannot be read: expected X.509 as PEM") from None
    try:
        key = serialization.load_pem_private_key(ca.key, password=None)
    except TypeError:
        raise UsageError("the CA's private key is encrypted, and nobody asks for its pass phrase here") from None
    except (ValueError, UnsupportedAlgorithm):
        # Not the fault's own words: they could quote the key.
        raise UsageError("the CA's private key cannot be read: expected PEM") from None
    if not isinstance(key, _IssuerKey):
        raise UsageError("the CA's private key is neither RSA nor elliptic-curve nor Ed25519")
    if key.public_key() != certificate.public_key():
        raise UsageError("the CA's private key is not that of its certificate")
    return certificate, key


def issue_server_certificate(ca: Issued, names: Sequence[str], now: datetime.datetime) -> Issued:
    """A server's certificate for these host names and IP addresses; the first is also its common name.

    Raises what load_issuer does.
    """
    subject_names = x509.SubjectAlternativeName([_general_name(name) for name in names])
    return _issue(ca, names[0], now, _SERVER_DAYS, ExtendedKeyUsageOID.SERVER_AUTH, subject_names)


def issue_device_certificate(ca: Issued, device_id: str, now: datetime.datetime) -> Issued:
    """A device's certificate, as docs/chains.md wants it (profile DEVICE). Raises what load_issuer does.

    The common name is for people: a device is found by its user name (mqtt-device.md C.4). X.520 allows 64 characters.
    """
    return _issue(ca, device_id[:64], now, _DEVICE_DAYS, ExtendedKeyUsageOID.CLIENT_AUTH)


def issue_proof(ca: Issued, verify_code: str, now: datetime.datetime) -> bytes:
    """The verification certificate, PEM, that shows that the CA's key is held (iotda-rest.md A.5).

    Raises what load_issuer does.
    """
    return _issue(ca, verify_code, now, _PROOF_DAYS, ExtendedKeyUsageOID.CLIENT_AUTH).certificate


def _issue(
    ca: Issued,
    common_name: str,
    now: datetime.datetime,
    days: int,
    usage: x509.ObjectIdentifier,
    *extensions: x509.ExtensionType,
) -> Issued:
    """An end entity's certificate. Raises what load_issuer does."""
    issuer, issuer_key = load_issuer(ca)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_common_name(common_name), issuer.subject, key, now, days)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_key_identifier(issuer, issuer_key), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    algorithm = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return _issued(builder.sign(issuer_key, algorithm), key)


def _authority_key_identifier(issuer: x509.Certificate, key: _IssuerKey) -> x509.AuthorityKeyIdentifier:
    """The issuer's own key identifier, whichever way it was made: verifiers compare the two."""
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    not_before = now - _BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(not_before)
        .not_valid_after(not_before + datetime.timedelta(days=days))
    )


def _key_usage(
    *, digital_signature: bool = False, certificate_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificate_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _issued(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Issued:
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    return Issued(certificate.public_bytes(pem), key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
