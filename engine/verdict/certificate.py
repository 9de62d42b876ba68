"""The judge of certificate claims (mqtt-device.md C.4): chain to a verified CA of the project, then the fingerprint."""

import hashlib

import msgspec

from engine.claims.claim import CertificateClaim, SignType
from engine.gate.interface import AcceptedChain, ChainReason, ChainVerdict
from engine.registry.record import AuthType, Credential, CredentialRow, DeviceProtocol
from engine.verdict.outcome import Accepted, Outcome, ProvedBy, Reason, Rejected
from engine.verdict.policy import VerdictPolicy, is_expired, is_stamp_in_window

_SHA1_HEX_DIGITS = 40
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
    Admission._noted, which awaits already, and its answer would be one more field here and one more condition of
    _reason.
    """

    chain: ChainVerdict
    is_inactive: bool


def judge_certificate(
    claim: CertificateClaim, evidence: Evidence, credential: Credential, now: float, policy: VerdictPolicy
) -> Outcome:
    """Accepted with the stored fingerprint, or with `pin` where none is stored. `now` is in epoch seconds."""
    row, chain, sha256 = credential.row, evidence.chain, hashlib.sha256(claim.leaf)
    is_stored = _is_stored(claim.leaf, sha256.hexdigest(), row)
    reason = _reason(claim, evidence, credential, now, policy, is_stored=is_stored)
    if reason is not Reason.ACCEPTED or not isinstance(chain, AcceptedChain):
        return Rejected(reason)
    return Accepted(
        device_id=row.device_id,
        record_id=row.record_id,
        generation=row.generation,
        first=not row.activated,
        checked_stamp=False,
        pin=None if is_stored else sha256.hexdigest(),
        proved_by=ProvedBy(sha256.digest(), chain.anchor_sha256),
        chain=chain,
    )


def _reason(
    claim: CertificateClaim,
    evidence: Evidence,
    credential: Credential,
    now: float,
    policy: VerdictPolicy,
    *,
    is_stored: bool,
) -> Reason:
    row, chain = credential.row, evidence.chain
    # What takes time is evaluated for every claim, as in secret.py.
    is_in_time = claim.sign_type is SignType.STAMP_NOT_JUDGED or is_stamp_in_window(claim.stamp, now, policy)
    if claim.user_name != claim.device_id:
        return Reason.USER_NAME_DIFFERS
    if not credential.known:
        return Reason.UNKNOWN_DEVICE
    if row.auth_type is not AuthType.CERTIFICATES:
        return Reason.WRONG_CREDENTIAL_KIND
    if not is_in_time:
        return Reason.STAMP_OUTSIDE_WINDOW
    if not isinstance(chain, AcceptedChain):
        return _CHAIN_REASONS.get(chain.reason, Reason.UNTRUSTED_CERTIFICATE)
    if not is_stored and row.fingerprint is not None:
        return Reason.WRONG_CERTIFICATE
    # Only now, with the proof given, may an answer tell anything about the device (DESIGN section 2).
    if row.protocol is not DeviceProtocol.MQTT:
        return Reason.PROTOCOL_NOT_ALLOWED
    if row.frozen:
        return Reason.DEVICE_FROZEN
    if evidence.is_inactive:
        return Reason.CERTIFICATE_INACTIVE
    return Reason.UNKNOWN_DEVICE if is_expired(row, now) else Reason.ACCEPTED


def _is_stored(leaf: bytes, sha256: str, row: CredentialRow) -> bool:
    """Whether it is the primary or the secondary fingerprint's certificate: SHA-1 or SHA-256 by length, in any case."""
    for stored in (row.fingerprint, row.secondary_fingerprint):
        if stored is not None and stored.lower() == (_sha1(leaf) if len(stored) == _SHA1_HEX_DIGITS else sha256):
            return True
    return False


def _sha1(certificate: bytes) -> str:
    # The contract allows SHA-1 here. It names a certificate that chains to a verified CA: a collision would need that
    # CA to sign both.
    return hashlib.sha1(certificate, usedforsecurity=False).hexdigest()
