"""Register to claim (lwm2m-device.md D): the Endpoint Client Name is the device's node_id."""

from engine.claims.claim import NoClaim, NodeClaim, TransportSecurity
from engine.limits import Limits


def claim_from_endpoint_name(name: str | None, security: TransportSecurity, limits: Limits) -> NodeClaim | NoClaim:
    """A bare IMEI, a MAC, a serial number: printable and not longer than a node_id, or it is not worth a look-up."""
    if name is None or len(name) > limits.endpoint_name_characters or not name.isprintable():
        return NoClaim()
    return NodeClaim(name, security)
