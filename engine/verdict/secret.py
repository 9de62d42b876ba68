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
    # What takes time is evaluated for every claim: an unknown device costs what a wrong secret costs (THREATS 8).
    is_allowed = is_sign_type_allowed(claim.sign_type, row, policy)
    is_in_time = claim.sign_type is SignType.STAMP_NOT_JUDGED or is_stamp_in_window(claim.stamp, now, policy)
    if claim.user_name != claim.device_id:
        return Reason.USER_NAME_DIFFERS
    if claim.password is None:
        return Reason.MISSING_SECRET
    if not credential.known:
        return Reason.UNKNOWN_DEVICE
    if row.auth_type is not AuthType.SECRET:
        return Reason.WRONG_CREDENTIAL_KIND
    if not is_allowed:
        return Reason.SIGN_TYPE_NOT_ALLOWED
    if not is_in_time:
        return Reason.STAMP_OUTSIDE_WINDOW
    if not is_proved:
        return Reason.WRONG_SECRET
    # Only now, with the proof given, may an answer tell anything about the device (DESIGN section 2).
    if row.protocol is not DeviceProtocol.MQTT:
        return Reason.PROTOCOL_NOT_ALLOWED
    if row.frozen:
        return Reason.DEVICE_FROZEN
    return Reason.UNKNOWN_DEVICE if is_expired(row, now) else Reason.ACCEPTED
