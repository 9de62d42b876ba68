"""The judge of certificate claims (mqtt-device.md C.4): chain to a verified CA of the project, then the fingerprint."""

import hashlib

import msgspec

from engine.claims.claim import CertificateClaim, SignType
from engine.gate.interface import AcceptedChain, ChainReason, ChainVerdict
from engine.registry.record import AuthType, Credential, CredentialRow, DeviceProtocol
from engine.verdict.outcome import Accepted, Outcome, ProvedBy, Reason, Rejected
from engine.verdict.policy import VerdictPolicy, is_expired, is_stamp_in_window

_CHAIN_REASONS = {
    ChainReason.EXPIRED: Reason.EXPIRED_CERTIFICATE,
    ChainReason.NOT_YET_VALID: Reason.EXPIRED_CERTIFICATE,
    ChainReason.REVOKED: Reason.REVOKED_CERTIFICATE,
    ChainReason.CRL_MISSING: Reason.REVOKED_CERTIFICATE,
    ChainReason.CRL_UNUSABLE: Reason.REVOKED_CERTIFICATE,
    ChainReason.CRL_EXPIRED: Reason.REVOKED_CERTIFICATE,
}
"""What the audit says of a refused chain; every other reason is an untrusted certificate."""


class Evidence(msgspec.Struct, frozen=True):
    """What was found out about the certificate before the verdict.

    chain: judged against the verified CAs of the device's project, and their CRLs. is_inactive: an operator set this
    device certificate INACTIVE.

    This is where any other word on revocation enters. Nothing asks OCSP (docs/certificates.md); what would is
    Admission._noted, which awaits already, and its answer would be one more field here and one more row of _reason.
    """

    chain: ChainVerdict
    is_inactive: bool


def judge_certificate(
    claim: CertificateClaim, evidence: Evidence, credential: Credential, now: float, policy: VerdictPolicy
) -> Outcome:
    """Accepted with the stored fingerprint, or with `pin` where none is stored. `now` is in epoch seconds."""
    reason, chain = _reason(claim, evidence, credential, now, policy), evidence.chain
    if reason is not Reason.ACCEPTED or not isinstance(chain, AcceptedChain):
        return Rejected(reason)
    row = credential.row
    return Accepted(
        device_id=row.device_id,
        record_id=row.record_id,
        generation=row.generation,
        first=not row.activated,
        checked_stamp=False,
        pin=None if _is_stored(claim.leaf, row) else sha256_fingerprint(claim.leaf),
        proved_by=ProvedBy(row.project_id, hashlib.sha256(claim.leaf).digest(), chain.anchor_sha256),
    )


def sha256_fingerprint(certificate: bytes) -> str:
    """SHA-256 of a DER certificate in lower-case hex: what a first-use pin stores."""
    return hashlib.sha256(certificate).hexdigest()


def _reason(
    claim: CertificateClaim, evidence: Evidence, credential: Credential, now: float, policy: VerdictPolicy
) -> Reason:
    row, chain = credential.row, evidence.chain
    checks = (
        (claim.user_name == claim.device_id, Reason.USER_NAME_DIFFERS),
        (credential.known, Reason.UNKNOWN_DEVICE),
        (row.auth_type is AuthType.CERTIFICATES, Reason.WRONG_CREDENTIAL_KIND),
        (
            claim.sign_type is SignType.STAMP_NOT_JUDGED or is_stamp_in_window(claim.stamp, now, policy),
            Reason.STAMP_OUTSIDE_WINDOW,
        ),
        (isinstance(chain, AcceptedChain), _chain_reason(chain)),
        (_is_stored(claim.leaf, row) or row.fingerprint is None, Reason.WRONG_CERTIFICATE),
        # Only now, with the proof given, may an answer tell anything about the device (DESIGN section 2).
        (row.protocol is DeviceProtocol.MQTT, Reason.PROTOCOL_NOT_ALLOWED),
        (not row.frozen, Reason.DEVICE_FROZEN),
        (not evidence.is_inactive, Reason.CERTIFICATE_INACTIVE),
        (not is_expired(row, now), Reason.UNKNOWN_DEVICE),
    )
    for is_met, reason in checks:
        if not is_met:
            return reason
    return Reason.ACCEPTED


def _chain_reason(chain: ChainVerdict) -> Reason:
    if isinstance(chain, AcceptedChain):
        return Reason.ACCEPTED
    return _CHAIN_REASONS.get(chain.reason, Reason.UNTRUSTED_CERTIFICATE)


def _is_stored(leaf: bytes, row: CredentialRow) -> bool:
    """Whether it is the primary or the secondary fingerprint's certificate: SHA-1 or SHA-256 by length, in any case."""
    return any(
        stored is not None and stored.lower() == _fingerprint(leaf, len(stored))
        for stored in (row.fingerprint, row.secondary_fingerprint)
    )


def _fingerprint(certificate: bytes, hex_digits: int) -> str:
    if hex_digits == hashlib.sha1(usedforsecurity=False).digest_size * 2:
        # The contract allows SHA-1 here. It names a certificate that chains to a verified CA: a collision would need
        # that CA to sign both.
        return hashlib.sha1(certificate, usedforsecurity=False).hexdigest()
    return sha256_fingerprint(certificate)
