"""CONNECT to claim (mqtt-device.md C.1, C.4): the Client Identifier says who, Password or certificate proves it."""

import re
from collections.abc import Sequence

from engine.claims.claim import CertificateClaim, DeviceClaim, NoClaim, SecretClaim, SignType
from engine.framing.mqtt.connect import Connect
from engine.limits import Limits

# Split from the right: a device_id may hold underscores. Anchored, each repetition of one class: no backtracking.
_CLIENT_ID = re.compile(r"([A-Za-z0-9_-]{1,128})_0_([01])_([0-9]{10})\Z")
_SIGN_TYPES = {"0": SignType.STAMP_NOT_JUDGED, "1": SignType.STAMP_JUDGED}


def claim_from_connect(
    connect: Connect, limits: Limits, peer_certificates: Sequence[bytes] = ()
) -> DeviceClaim | NoClaim:
    """`{device_id}_0_{sign_type}_{YYYYMMDDHH}`, User Name = device_id, Password = 64 hex digits.

    With a certificate from the TLS handshake (DER, leaf first) and without a Password it is the certificate that is
    claimed; a Password, where there is one, is what the peer wants to be judged by. Fields over the contract's lengths
    make no claim: a longer one cannot be right, and is not worth a look-up.
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
    judged, stamp_digits = _SIGN_TYPES[sign_type], stamp.encode("ascii")
    if peer_certificates and password is None:
        leaf, *intermediates = peer_certificates
        return CertificateClaim(device_id, user_name, judged, stamp_digits, leaf, tuple(intermediates))
    return SecretClaim(device_id, user_name, password, judged, stamp_digits)
