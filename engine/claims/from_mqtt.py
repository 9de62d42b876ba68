"""CONNECT to claim (mqtt-device.md C.1): the Client Identifier says who, the Password proves it."""

import re

from engine.claims.claim import NoClaim, SecretClaim, SignType
from engine.framing.mqtt.connect import Connect
from engine.limits import Limits

# Split from the right: a device_id may hold underscores. Anchored, each repetition of one class: no backtracking.
_CLIENT_ID = re.compile(r"([A-Za-z0-9_-]{1,128})_0_([01])_([0-9]{10})\Z")


def claim_from_connect(connect: Connect, limits: Limits) -> SecretClaim | NoClaim:
    """`{device_id}_0_{sign_type}_{YYYYMMDDHH}`, User Name = device_id, Password = 64 hex digits.

    Fields over the contract's lengths make no claim: a longer one cannot be right, and is not worth a look-up.
    """
    client_id = connect.client_id
    if len(client_id) > limits.client_id_bytes:
        return NoClaim()
    form = _CLIENT_ID.match(client_id)
    if form is None:
        return NoClaim()
    user_name, password = connect.user_name, connect.password
    if user_name is not None and len(user_name) > limits.user_name_bytes:
        return NoClaim()
    if password is not None and len(password) > limits.password_bytes:
        return NoClaim()
    device_id, sign_type, stamp = form.groups()
    return SecretClaim(device_id, user_name, password, SignType(int(sign_type)), stamp.encode("ascii"))
