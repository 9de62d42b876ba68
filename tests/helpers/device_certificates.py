"""Device CAs and device certificates, good and broken, made as an operator's own CA would."""

import datetime
import hashlib
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


class Certified(NamedTuple):
    """A certificate, its key, and the certificates behind it up to a trust anchor (which is left out)."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    def s_client(self, directory: Path) -> list[str]:
        """openssl s_client's arguments to present it."""
        certificate, key = self.write(directory)
        chain = directory / "chain.pem"
        chain.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in self.chain))
        return ["-cert", str(certificate), "-key", str(key), *(["-cert_chain", str(chain)] if self.chain else [])]

    def write(self, directory: Path, name: str = "device") -> tuple[Path, Path]:
        """The certificate with its chain and the key, as PEM files."""
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        certificate.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.chain)))
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, key


def issue(
    name: str,
    issuer: Certified | None = None,
    *,
    is_ca: bool = False,
    not_after_days: float = 30,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    padding_bytes: int = 0,
    chain: tuple[x509.Certificate, ...] = (),
) -> Certified:
    """A certificate that began ten days ago; without an issuer it is self-signed. padding_bytes make it large."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * _DAY)
        .not_valid_after(now + not_after_days * _DAY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(_key_usage(is_ca), critical=True)
    )
    if not is_ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if padding_bytes:
        padding = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\4" * padding_bytes)
        builder = builder.add_extension(padding, critical=False)
    return Certified(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key, chain)


def _key_usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def revocation(issuer: Certified, device: Certified) -> bytes:
    """A CRL that names the device's certificate."""
    now = datetime.datetime.now(datetime.UTC)
    revoked = x509.RevokedCertificateBuilder(device.certificate.serial_number, now - datetime.timedelta(hours=1))
    builder = x509.CertificateRevocationListBuilder(
        issuer.certificate.subject,
        now - datetime.timedelta(hours=1),
        now + datetime.timedelta(days=1),
        [],
        [revoked.build()],
    )
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def with_stolen_certificate(own: Certified, stolen: Certified, directory: Path) -> tuple[Path, Path]:
    """The stolen certificate and a key file that lies: own's private key beside the stolen public key.

    OpenSSL compares only the public halves when it loads the two, so a client of it really signs with the wrong key.
    """
    certificate, _key = stolen.write(directory, "stolen")
    der = own.key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    own_point, stolen_point = (
        one.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) for one in (own, stolen)
    )
    assert der.count(own_point) == 1
    lying = directory / "lying.key"
    lying.write_bytes(der.replace(own_point, stolen_point))
    return certificate, lying
