"""The platform CA and the server certificate that it issues: what a device checks the server by.

EC P-256 keys: the smallest that every TLS library for devices speaks, and a few times cheaper to sign with than RSA.
"""

import datetime
import ipaddress
from collections.abc import Sequence

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from engine.errors import UsageError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

_CA_DAYS = 3652
"""Ten years: devices are made with this certificate inside."""
_SERVER_DAYS = 825
"""The longest that TLS clients accept (Apple's rule for private CAs; the public web's is shorter)."""
_BACKDATED = datetime.timedelta(days=1)
"""A device whose clock is somewhat slow still accepts a certificate made today."""


class Issued(msgspec.Struct, frozen=True):
    """A certificate and its private key (PKCS #8, not encrypted), both as PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        """Never the key."""
        return f"<Issued certificate of {len(self.certificate)} bytes>"


def create_ca(now: datetime.datetime) -> Issued:
    """A self-signed CA that may issue end entities and revocation lists, and no further CA (pathLenConstraint 0)."""
    key = ec.generate_private_key(ec.SECP256R1())
    serial_number = x509.random_serial_number()
    # Two nodes' CAs in one trust store are told apart by their subject.
    name = _common_name(f"Keyturn platform CA {serial_number & 0xFFFFFFFF:08x}")
    usage = _key_usage(certificate_sign=True, crl_sign=True)
    certificate = (
        _builder(name, name, key, now, _CA_DAYS)
        .serial_number(serial_number)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _issued(certificate, key)


def issue_server_certificate(ca: Issued, names: Sequence[str], now: datetime.datetime) -> Issued:
    """A server's end-entity certificate for these host names and IP addresses; the first is also its common name.

    Raises UsageError when the CA's key is of a kind that create_ca does not make.
    """
    issuer = x509.load_pem_x509_certificate(ca.certificate)
    issuer_key = serialization.load_pem_private_key(ca.key, password=None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise UsageError("the CA's private key is not an elliptic-curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_common_name(names[0]), issuer.subject, key, now, _SERVER_DAYS)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _issued(certificate, key)


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
