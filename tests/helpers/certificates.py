"""Certificates for tests: a CA as it should be, anything wrong with it that a test asks for, and what it issues."""

import datetime
import hashlib
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

NOW = datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.UTC)
"""1_700_000_000: the wall clock of the registry's and the API's tests."""
DAY = datetime.timedelta(days=1)
KEY = ec.generate_private_key(ec.SECP256R1())
"""For every certificate whose key does not matter."""
SHA256 = hashes.SHA256()
CERTIFICATE_SIGN = {"key_cert_sign": True, "crl_sign": True}
NO_USAGE = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


class Made(msgspec.Struct, frozen=True):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()


def name(*common_names: str, organization: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, text) for text in common_names]
    if organization is not None:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def make_ca(
    common_name: str = "Fleet CA",
    *,
    key: PrivateKey = KEY,
    ca: bool | None = True,
    usage: dict[str, bool] | None = CERTIFICATE_SIGN,
    **fields: Any,
) -> Made:
    """A self-issued CA. `ca` and `usage` None leave the extension out; fields as for `issue`."""
    extensions: list[x509.ExtensionType] = []
    if ca is not None:
        extensions.append(x509.BasicConstraints(ca=ca, path_length=None))
    if usage is not None:
        extensions.append(x509.KeyUsage(**NO_USAGE | usage))
    return issue(None, common_name, key=key, extensions=extensions, **fields)


def issue(
    issuer: Made | None,
    *common_names: str,
    key: PrivateKey = KEY,
    extensions: list[x509.ExtensionType] | None = None,
    organization: str | None = None,
    not_before: datetime.datetime = NOW - DAY,
    not_after: datetime.datetime = NOW + 365 * DAY,
    signing_key: PrivateKey | None = None,
    algorithm: hashes.HashAlgorithm | None = SHA256,
) -> Made:
    """A certificate by the issuer (None: by itself); signing_key signs in the issuer's place."""
    subject = name(*common_names, organization=organization)
    signing = signing_key or (issuer.key if issuer else key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
    for extension in extensions or []:
        builder = builder.add_extension(extension, critical=True)
    is_edwards = isinstance(signing, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    return Made(builder.sign(signing, None if is_edwards else algorithm), key)
