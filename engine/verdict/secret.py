"""The judge of secret claims (mqtt-device.md C.1). Pure: the same claim, credential and now give the same outcome."""

from engine.claims.claim import SecretClaim, SignType
from engine.gate.interface import VerifySecret
from engine.registry.record import AuthType, Credential, DeviceProtocol
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected
from engine.verdict.policy import VerdictPolicy, is_expired, is_sign_type_allowed, is_stamp_in_window

_PRIMARY, _SECONDARY = 1, 2
_NO_PASSWORD = b"0" * 64  # stands in for an absent Password, so that it costs what a wrong one costs


def judge_secret(
    claim: SecretClaim, credential: Credential, now: float, policy: VerdictPolicy, verify_secret: VerifySecret
) -> Outcome:
    """Both secrets are evaluated for every claim, then the reason is picked: stamp before secret, proof before state.

    `now` is in epoch seconds. An absent secret never counts, whatever the bytes in its place are.
    """
    password = claim.password
    proved = verify_secret(
        _NO_PASSWORD if password is None else password, claim.stamp, credential.primary, credential.secondary
    )
    proved &= _PRIMARY * credential.has_primary | _SECONDARY * credential.has_secondary
    reason = _reason(claim, credential, now, policy, is_proved=proved != 0 and password is not None)
    if reason is not Reason.ACCEPTED:
        return Rejected(reason)
    row = credential.row
    is_stamp_judged = claim.sign_type is SignType.STAMP_JUDGED
    return Accepted(
        device_id=row.device_id,
        record_id=row.record_id,
        generation=row.generation,
        first=not row.activated,
        checked_stamp=is_stamp_judged and not row.checked_stamp_seen,
    )


def _reason(
    claim: SecretClaim, credential: Credential, now: float, policy: VerdictPolicy, *, is_proved: bool
) -> Reason:
    row = credential.row
    checks = (
        (claim.user_name == claim.device_id, Reason.USER_NAME_DIFFERS),
        (claim.password is not None, Reason.MISSING_SECRET),
        (credential.known, Reason.UNKNOWN_DEVICE),
        (row.auth_type is AuthType.SECRET, Reason.WRONG_CREDENTIAL_KIND),
        (is_sign_type_allowed(claim.sign_type, row, policy), Reason.SIGN_TYPE_NOT_ALLOWED),
        (
            claim.sign_type is SignType.STAMP_NOT_JUDGED or is_stamp_in_window(claim.stamp, now, policy),
            Reason.STAMP_OUTSIDE_WINDOW,
        ),
        (is_proved, Reason.WRONG_SECRET),
        # Only now, with the proof given, may an answer tell anything about the device (DESIGN section 2).
        (row.protocol is DeviceProtocol.MQTT, Reason.PROTOCOL_NOT_ALLOWED),
        (not row.frozen, Reason.DEVICE_FROZEN),
        (not is_expired(row, now), Reason.UNKNOWN_DEVICE),
    )
    for is_met, reason in checks:
        if not is_met:
            return reason
    return Reason.ACCEPTED
