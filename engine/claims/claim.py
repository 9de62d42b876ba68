"""The closed set of claims: what a peer asserts about itself. Unverified: nothing here is known to be true."""

import enum

import msgspec


class SignType(enum.IntEnum):
    """Third part of the Client Identifier (mqtt-device.md C.1): whether the time stamp is judged."""

    STAMP_NOT_JUDGED = 0
    STAMP_JUDGED = 1


class SecretClaim(msgspec.Struct, frozen=True):
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


class NoClaim(msgspec.Struct, frozen=True):
    """The peer's Client Identifier (or user name, or password) is not of the form in which a claim can be made."""


Claim = SecretClaim
