"""Records for tests: one valid of each, every field replaceable."""

import hashlib
import hmac
from typing import Any

import msgspec

from engine.registry.record import AuthType, Credential, CredentialRow, DeviceProtocol

STAMP = b"2025041401"
STAMP_AT = 1744592400.0  # 2025-04-14T01:00:00Z
SECRET = b"12345678"
PUBLISHED_PASSWORD = b"c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a"
"""mqtt-device.md C.1: the vector published for SECRET at STAMP."""

_ROW = CredentialRow(
    device_id="pump_1",
    record_id="0" * 24,
    project_id="p",
    node_id="pump",
    generation=1,
    protocol=DeviceProtocol.MQTT,
    auth_type=AuthType.SECRET,
    frozen=False,
    secure_access=True,
    activated=True,
    checked_stamp_seen=False,
    timeout_at=None,
    sealed_primary=None,
    sealed_secondary=None,
    fingerprint=None,
    secondary_fingerprint=None,
)


def credential_row(**changes: Any) -> CredentialRow:
    """A SECRET device of an MQTT product, activated, with these fields changed."""
    return msgspec.structs.replace(_ROW, **changes)


def credential(
    *, primary: bytes | None = SECRET, secondary: bytes | None = None, known: bool = True, **changes: Any
) -> Credential:
    """The row's Credential; an absent secret has bytes in its place that must not count."""
    return Credential(
        row=credential_row(**changes),
        known=known,
        primary=b"dummy-1" if primary is None else primary,
        has_primary=primary is not None,
        secondary=b"dummy-2" if secondary is None else secondary,
        has_secondary=secondary is not None,
    )


def password_for(secret: bytes, stamp: bytes = STAMP) -> bytes:
    """hex(HMAC-SHA256(key = stamp, message = secret))."""
    return hmac.new(stamp, secret, hashlib.sha256).hexdigest().encode()
