"""Revocation by CRL, readably (RFC 5280 section 6.3): `cryptography`'s verifier has none."""

import warnings
from collections.abc import Sequence

import msgspec
from cryptography import x509

from engine.gate.interface import ChainProfile, ChainReason
from engine.gate.reference.chain_certificate import (
    STRONG_SIGNATURES,
    UNREADABLE,
    CanonicalName,
    Certificate,
    canonical_name,
    seconds,
)


class Crl(msgspec.Struct, frozen=True):
    """A parsed CRL. `next_update` is 0 where there is none: it expired before it began."""

    parsed: x509.CertificateRevocationList
    issuer: CanonicalName
    this_update: float
    next_update: float
    serial_numbers: frozenset[int]
    is_beyond_us: bool
    """A critical extension, of the CRL or of an entry: delta, indirect, partitioned, or unknown; we evaluate none."""


def read_crl(der: bytes) -> Crl | None:
    """The CRL, or None where it is not DER, or not a CRL."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = x509.load_der_x509_crl(der)
            end = parsed.next_update_utc
            return Crl(
                parsed=parsed,
                issuer=canonical_name(parsed.issuer),
                this_update=seconds(parsed.last_update_utc),
                next_update=seconds(end) if end else 0.0,
                serial_numbers=frozenset(entry.serial_number for entry in parsed),
                is_beyond_us=any(extension.critical for part in (parsed, *parsed) for extension in part.extensions),
            )
    except UNREADABLE:
        return None


def revocation(
    path: Sequence[Certificate], crls: Sequence[Crl], now: float, profile: ChainProfile
) -> ChainReason | list[Crl]:
    """Why CRLs speak against the path, or the CRLs that speak for it. Nothing is asked where none were given."""
    consulted = []
    faults = []
    for place, certificate in enumerate(path[:-1], 1):
        own = [crl for crl in crls if crl.issuer == certificate.issuer]
        answer = _decide([_answer(crl, certificate, path[place:], now, profile) for crl in own])
        if isinstance(answer, Crl):
            consulted.append(answer)
        elif answer is not ChainReason.CRL_MISSING or (crls and profile is ChainProfile.PATH):
            faults.append(answer)
    return min(faults, default=None) or consulted


def _decide(answers: Sequence[ChainReason | Crl]) -> ChainReason | Crl:
    """Of several CRLs by one issuer the first in force decides, and a revocation in any; else the fault of the best."""
    if ChainReason.REVOKED in answers:
        return ChainReason.REVOKED
    in_force = next((answer for answer in answers if isinstance(answer, Crl)), None)
    return in_force or max((one for one in answers if isinstance(one, ChainReason)), default=ChainReason.CRL_MISSING)


def _answer(
    crl: Crl, certificate: Certificate, above: Sequence[Certificate], now: float, profile: ChainProfile
) -> ChainReason | Crl:
    """What one CRL by the certificate's issuer says: the CRL itself where it says nothing."""
    is_weak = profile is ChainProfile.DEVICE and crl.parsed.signature_algorithm_oid not in STRONG_SIGNATURES
    if crl.is_beyond_us or is_weak or not any(_has_issued(authority, crl) for authority in above):
        return ChainReason.CRL_UNUSABLE
    if not crl.this_update <= now < crl.next_update:
        return ChainReason.CRL_EXPIRED
    return ChainReason.REVOKED if certificate.serial_number in crl.serial_numbers else crl


def _has_issued(authority: Certificate, crl: Crl) -> bool:
    """A CA that has changed its key signs for the old one too: any of that name further up on the path may sign."""
    usage = authority.extension(x509.KeyUsage)
    may_sign = usage is None or usage.crl_sign
    return may_sign and authority.subject == crl.issuer and authority.has_signed(crl.parsed)
