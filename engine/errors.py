"""The error tree. A rejection is a value (verdict.outcome), never one of these.

Three things may be raised on purpose: the peer broke the protocol (FramingFault), the registry could not be asked
(StoreUnavailable), and a person asked for something that cannot be done (UsageError). Anything else is a bug.
"""


class KeyturnError(Exception):
    """Root of everything that Keyturn raises on purpose."""


class FramingFault(KeyturnError):
    """The peer's bytes break the protocol; the only kind of exception that a parser lets out.

    `protocol_version` is the MQTT protocol level (3, 4 or 5) as far as the packet gave it, else None: a refusal can
    only be worded in a version that the peer is known to speak.
    """

    def __init__(self, message: str, *, protocol_version: int | None = None) -> None:
        super().__init__(message)
        self.protocol_version = protocol_version


class MalformedPacket(FramingFault):
    """The packet cannot be parsed as the standard lays it out (MQTT 5 section 1.2, Malformed Packet; 0x81)."""


class ProtocolViolation(FramingFault):
    """Well formed, but not allowed by the protocol here (MQTT 5 section 1.2, Protocol Error; 0x82)."""


class UnsupportedProtocolVersion(FramingFault):
    """Protocol name or level that this server does not speak (MQTT 5 section 3.1.2.2; 0x84, v3 code 1)."""


class UnknownAuthenticationMethod(FramingFault):
    """An MQTT 5 Authentication Method was named and none is offered (MQTT 5 section 4.12; 0x8C)."""


class PacketTooLarge(FramingFault):
    """The announced Remaining Length is over the bound in force (MQTT 5 section 3.2.2.3.6; 0x95)."""


class MalformedProxyHeader(FramingFault):
    """What a balancer sent is no header of the PROXY protocol, or not one that is allowed here."""


class MessageFormatError(FramingFault):
    """The datagram is no CoAP message (RFC 7252 section 3), and is rejected or ignored as section 4 says.

    `message_id` is the Message ID that a Reset answers: of a Confirmable message of this version, else None.
    """

    def __init__(self, message: str, *, message_id: int | None = None) -> None:
        super().__init__(message)
        self.message_id = message_id


class BadOption(FramingFault):
    """A critical option of a CoAP request is not known, not of its format, or one too many (RFC 7252 4.02)."""


class BadRequest(FramingFault):
    """A CoAP message whose parameters or payload are not what the resource takes (RFC 7252 4.00)."""


class StoreUnavailable(KeyturnError):
    """The registry could not be read or written: nothing was decided. Answered "unavailable", never yes, never no."""


class UsageError(KeyturnError):
    """A person's input cannot be used; the message names the field, file or flag. Shown as one line."""


class ConfigError(UsageError):
    """The configuration cannot be used; the message names the field."""
