"""The judge of node claims (lwm2m-device.md D). Pure: the same claim, row and now give the same outcome."""

from engine.claims.claim import NodeClaim, TransportSecurity
from engine.registry.record import CredentialRow, DeviceProtocol
from engine.verdict.outcome import Accepted, Outcome, Reason, Rejected
from engine.verdict.policy import is_expired


def judge_node(claim: NodeClaim, row: CredentialRow | None, now: float) -> Outcome:
    """On plain CoAP a device is taken at its word only where it was registered for that: secure_access false.

    `row` is that of the CoAP device with this node_id, None where there is none; `now` is in epoch seconds. No secret
    is looked at, whoever the device is.
    """
    if row is None:
        return Rejected(Reason.UNKNOWN_DEVICE)
    reason = _reason(claim, row, now)
    if reason is not Reason.ACCEPTED:
        return Rejected(reason)
    return Accepted(
        device_id=row.device_id,
        record_id=row.record_id,
        generation=row.generation,
        first=not row.activated,
        checked_stamp=False,
    )


def _reason(claim: NodeClaim, row: CredentialRow, now: float) -> Reason:
    checks = (
        (row.protocol is DeviceProtocol.COAP, Reason.WRONG_CREDENTIAL_KIND),
        # A device without security has no business in a secured association: whose is it, then?
        (claim.security is TransportSecurity.NONE, Reason.WRONG_CREDENTIAL_KIND),
        (not row.secure_access, Reason.SECURE_ACCESS_REQUIRED),
        (not is_expired(row, now), Reason.UNKNOWN_DEVICE),
        (not row.frozen, Reason.DEVICE_FROZEN),
    )
    for is_met, reason in checks:
        if not is_met:
            return reason
    return Reason.ACCEPTED
