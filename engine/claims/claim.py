"""The closed set of claims: what a peer asserts about itself. Unverified: nothing here is known to be true."""

import enum

import msgspec


class SignType(enum.IntEnum):
    """Third part of the Client Identifier (mqtt-device.md C.1): whether the time stamp is judged."""

    STAMP_NOT_JUDGED = 0
    STAMP_JUDGED = 1


class SecretClaim(msgspec.Struct, frozen=True, gc=False):
    """ "I am device_id, and this password was made from my secret and this time stamp" (mqtt-device.md C.1).

    `stamp` is exactly 10 ASCII digits, YYYYMMDDHH in UTC. `user_name` or `password` is None where CONNECT had none.
    """

    device_id: str
    user_name: str | None
    password: bytes | None
    sign_type: SignType
    stamp: bytes

    def __repr__(self) -> str:
        """Never the password."""
        return f"<SecretClaim of {self.device_id!r}, sign type {self.sign_type:d}, stamp {self.stamp!r}>"


class CertificateClaim(msgspec.Struct, frozen=True, gc=False):
    """ "I am device_id, and I hold the key of this certificate", which the TLS handshake proved (mqtt-device.md C.4).

    leaf and intermediates are DER, as the peer sent them. CONNECT has no Password; the rest is as in SecretClaim.
    """

    device_id: str
    user_name: str | None
    sign_type: SignType
    stamp: bytes
    leaf: bytes
    intermediates: tuple[bytes, ...]

    def __repr__(self) -> str:
        """Not the certificates: a log line has no use for them."""
        return f"<CertificateClaim of {self.device_id!r}, sign type {self.sign_type:d}, stamp {self.stamp!r}>"


class TransportSecurity(enum.Enum):
    """What protected the datagram that a claim came in."""

    NONE = "none"
    PSK = "psk"


class NodeClaim(msgspec.Struct, frozen=True, gc=False):
    """ "I am the node of this Endpoint Client Name": all that an LwM2M device says of itself (lwm2m-device.md D).

    Over plain CoAP (`security` NONE) the name is its own proof, which is why only some devices are let in by it.
    """

    endpoint_name: str
    security: TransportSecurity


class NoClaim(msgspec.Struct, frozen=True, gc=False):
    """The peer's Client Identifier (or user name, or password) is not of the form in which a claim can be made."""


DeviceClaim = SecretClaim | CertificateClaim
"""The claims that name a device_id, which MQTT's all do."""

Claim = DeviceClaim | NodeClaim
