"""Revocation lists for tests, good and broken."""

import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

HOUR = datetime.timedelta(hours=1)


def make_crl(
    certificate: x509.Certificate,
    key: Any,
    *revoked: int,
    now: datetime.datetime | None = None,
    number: int | None = 1,
    begins: float = -1,
    ends: float = 24,
    extension: x509.ExtensionType | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
) -> x509.CertificateRevocationList:
    """A list by this CA of these serial numbers. begins, ends: hours from now; `extension` is critical."""
    now = now or datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(certificate.subject)
        .last_update(now + begins * HOUR)
        .next_update(now + ends * HOUR)
    )
    if number is not None:
        builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    for serial_number in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial_number).revocation_date(now - HOUR).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, algorithm or hashes.SHA256())


def pem(crl: x509.CertificateRevocationList) -> str:
    return crl.public_bytes(Encoding.PEM).decode()


def der(crl: x509.CertificateRevocationList) -> bytes:
    return crl.public_bytes(Encoding.DER)
