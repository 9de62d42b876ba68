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
    if row.protocol is not DeviceProtocol.COAP:
        return Reason.WRONG_CREDENTIAL_KIND
    if claim.security is not TransportSecurity.NONE:
        # A device without security has no business in a secured association: whose is it, then?
        return Reason.WRONG_CREDENTIAL_KIND
    if row.secure_access:
        return Reason.SECURE_ACCESS_REQUIRED
    if is_expired(row, now):
        return Reason.UNKNOWN_DEVICE
    return Reason.DEVICE_FROZEN if row.frozen else Reason.ACCEPTED
