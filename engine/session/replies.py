"""Outcome to wire code: one row per reason, one column per protocol (DESIGN section 2). Generates docs/reasons.md."""

import msgspec

from engine.verdict.outcome import Reason


class Reply(msgspec.Struct, frozen=True):
    """How a reason sounds in each protocol.

    mqtt3: CONNACK Return code of MQTT 3.1 and 3.1.1, None to close without an answer (the standard has no code).
    mqtt5: CONNACK Reason Code. coap: Response Code as class.detail.
    """

    mqtt3: int | None
    mqtt5: int
    coap: str


_NO_PROOF = Reply(4, 0x86, "4.03")
_PROVED_BUT = Reply(5, 0x87, "4.03")

REPLIES: dict[Reason, Reply] = {
    Reason.ACCEPTED: Reply(0, 0x00, "2.01"),
    Reason.MALFORMED_PACKET: Reply(None, 0x81, "4.00"),
    Reason.PROTOCOL_ERROR: Reply(None, 0x82, "4.02"),
    Reason.UNKNOWN_AUTHENTICATION_METHOD: Reply(None, 0x8C, "4.02"),
    Reason.PACKET_TOO_LARGE: Reply(None, 0x95, "4.13"),
    Reason.UNSUPPORTED_PROTOCOL_VERSION: Reply(1, 0x84, "4.12"),
    Reason.CLIENT_IDENTIFIER_NOT_VALID: Reply(2, 0x85, "4.00"),
    Reason.KEEP_ALIVE_OUT_OF_RANGE: Reply(2, 0x85, "4.00"),
    Reason.QOS_NOT_SUPPORTED: Reply(None, 0x9B, "4.00"),
    Reason.RETAIN_NOT_SUPPORTED: Reply(None, 0x9A, "4.00"),
    Reason.REGISTRY_UNAVAILABLE: Reply(3, 0x88, "5.03"),
    Reason.SERVER_BUSY: Reply(3, 0x89, "5.03"),
    Reason.DRAINING: Reply(3, 0x9C, "5.03"),
    Reason.RATE_EXCEEDED: Reply(3, 0x9F, "5.03"),
    Reason.UNKNOWN_DEVICE: _NO_PROOF,
    Reason.USER_NAME_DIFFERS: _NO_PROOF,
    Reason.MISSING_SECRET: _NO_PROOF,
    Reason.WRONG_SECRET: _NO_PROOF,
    Reason.WRONG_CREDENTIAL_KIND: _NO_PROOF,
    Reason.UNTRUSTED_CERTIFICATE: _NO_PROOF,
    Reason.EXPIRED_CERTIFICATE: _NO_PROOF,
    Reason.REVOKED_CERTIFICATE: _NO_PROOF,
    Reason.WRONG_CERTIFICATE: _NO_PROOF,
    Reason.STAMP_OUTSIDE_WINDOW: _NO_PROOF,
    Reason.SIGN_TYPE_NOT_ALLOWED: _NO_PROOF,
    Reason.SECURE_ACCESS_REQUIRED: _NO_PROOF,
    Reason.TRANSPORT_DIFFERS: _NO_PROOF,
    Reason.DEVICE_FROZEN: _PROVED_BUT,
    Reason.PROTOCOL_NOT_ALLOWED: _PROVED_BUT,
    Reason.CERTIFICATE_INACTIVE: _PROVED_BUT,
}

IS_NO_PROOF = frozenset(reason for reason, reply in REPLIES.items() if reply is _NO_PROOF)
"""The reasons that count as a failed attempt (THREATS promise 4)."""

IS_JUDGED_NO = IS_NO_PROOF | frozenset(reason for reason, reply in REPLIES.items() if reply is _PROVED_BUT)
"""The refusals that a verdict gives: what is decided, and not only put off."""


def reasons_document() -> str:
    """docs/reasons.md, whole."""
    lines = [
        "# Reasons, and how each sounds on the wire",
        "",
        "Generated from `engine/session/replies.py` by `python -m engine.session.replies > docs/reasons.md`.",
        "The audit and the attempts name the exact reason; the wire says no more than the peer may know.",
        "",
        "| reason | MQTT 3.1, 3.1.1 | MQTT 5 | CoAP |",
        "|---|---|---|---|",
    ]
    for reason, reply in REPLIES.items():
        mqtt3 = "close" if reply.mqtt3 is None else str(reply.mqtt3)
        lines.append(f"| {reason.value} | {mqtt3} | 0x{reply.mqtt5:02X} | {reply.coap} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(reasons_document(), end="")  # noqa: T201 - this is the generator's output
