"""The message of RFC 7252 section 3: one datagram is one message, so nothing here is ever incomplete."""

import enum

import msgspec

from engine.errors import MessageFormatError

MAXIMUM_OPTION_NUMBER = 65_535
"""Section 12.2: the registry's numbers have 16 bits."""

HEADER_BYTES = 4
_VERSION_1 = 0b01
_PAYLOAD_MARKER = 0xFF
_LONGEST_TOKEN = 8
_RESERVED_CLASSES = frozenset({1, 6, 7})
_ONE_BYTE_FROM, _TWO_BYTES_FROM = 13, 269  # extended Option Delta and Length, section 3.1
_EXTENDED_BY_ONE, _EXTENDED_BY_TWO = 13, 14


class Type(enum.IntEnum):
    """Section 3."""

    CON = 0
    NON = 1
    ACK = 2
    RST = 3


class Code(enum.IntEnum):
    """Those that this server sends or looks for (section 12.1, RFC 7959 section 2.9)."""

    EMPTY = 0x00
    GET = 0x01
    POST = 0x02
    PUT = 0x03
    DELETE = 0x04
    CREATED = 0x41
    DELETED = 0x42
    CHANGED = 0x44
    CONTENT = 0x45
    CONTINUE = 0x5F
    BAD_REQUEST = 0x80
    BAD_OPTION = 0x82
    FORBIDDEN = 0x83
    NOT_FOUND = 0x84
    METHOD_NOT_ALLOWED = 0x85
    NOT_ACCEPTABLE = 0x86
    REQUEST_ENTITY_INCOMPLETE = 0x88
    PRECONDITION_FAILED = 0x8C
    REQUEST_ENTITY_TOO_LARGE = 0x8D
    SERVICE_UNAVAILABLE = 0xA3
    PROXYING_NOT_SUPPORTED = 0xA5


def code_of(text: str) -> int:
    """ "4.03" as the byte that it is."""
    code_class, _, detail = text.partition(".")
    return int(code_class) << 5 | int(detail)


Option = tuple[int, bytes]
"""Number and value."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """A well-formed message. `code` may be one that Code does not name; `options` stand in the order of their numbers.

    Their values are not judged yet: that an option is critical, malformed or one too many is options.py's matter.
    """

    type: Type
    code: int
    message_id: int
    token: bytes
    options: tuple[Option, ...]
    payload: bytes

    @property
    def is_request(self) -> bool:
        """Class 0 and not Empty (section 12.1.1)."""
        return 0 < self.code < 0x20


_TYPES = tuple(Type)


def read_message(datagram: bytes) -> Message:
    """The message in a datagram. MessageFormatError for what section 3 does not allow.

    An unknown version "MUST be silently ignored", so its fault has no message_id.
    """
    if len(datagram) < HEADER_BYTES:
        raise MessageFormatError("datagram shorter than a header")
    first, code = datagram[0], datagram[1]
    if first >> 6 != _VERSION_1:
        raise MessageFormatError(f"version {first >> 6}")
    kind = _TYPES[first >> 4 & 0b11]
    message_id = datagram[2] << 8 | datagram[3]
    at = HEADER_BYTES + (first & 0x0F)
    try:
        if at > HEADER_BYTES + _LONGEST_TOKEN:
            # "Lengths 9-15 are reserved, MUST NOT be sent, and MUST be processed as a message format error."
            raise MessageFormatError("reserved Token Length")
        if at > len(datagram):
            raise MessageFormatError("Token cut short")
        if code >> 5 in _RESERVED_CLASSES:
            raise MessageFormatError("Code of a reserved class")
        if code == Code.EMPTY and len(datagram) > HEADER_BYTES:
            # Section 4.1: "The Token Length field MUST be set to 0 and bytes of data MUST NOT be present after the
            # Message ID field. If there are any bytes, they MUST be processed as a message format error."
            raise MessageFormatError("bytes in an Empty message")
        options, payload_at = read_options(datagram, at)
    except MessageFormatError as fault:
        fault.message_id = message_id if kind is Type.CON else None
        raise
    return Message(kind, code, message_id, datagram[HEADER_BYTES:at], options, datagram[payload_at:])


def read_options(datagram: bytes, at: int) -> tuple[tuple[Option, ...], int]:
    """Section 3.1: the options from `at` on, and where the payload begins (the end, when there is none)."""
    options = []
    number, size = 0, len(datagram)
    while at < size:
        byte = datagram[at]
        at += 1
        if byte == _PAYLOAD_MARKER:
            # "The presence of a marker followed by a zero-length payload MUST be processed as a message format error."
            if at == size:
                raise MessageFormatError("Payload Marker without payload")
            break
        delta, length = byte >> 4, byte & 0x0F
        if delta >= _EXTENDED_BY_ONE:
            delta, at = _read_extended(datagram, at, delta)
        if length >= _EXTENDED_BY_ONE:
            length, at = _read_extended(datagram, at, length)
        number += delta
        end = at + length
        if end > size:
            raise MessageFormatError("Option Value cut short")
        options.append((number, datagram[at:end]))
        at = end
    if number > MAXIMUM_OPTION_NUMBER:
        raise MessageFormatError("option number over 65535")
    return tuple(options), at


def _read_extended(datagram: bytes, at: int, nibble: int) -> tuple[int, int]:
    """An Option Delta or Option Length of 13 and more, and the position after it."""
    if nibble == _EXTENDED_BY_ONE:
        if at < len(datagram):
            return datagram[at] + _ONE_BYTE_FROM, at + 1
    elif nibble == _EXTENDED_BY_TWO:
        if at + 1 < len(datagram):
            return (datagram[at] << 8 | datagram[at + 1]) + _TWO_BYTES_FROM, at + 2
    else:
        raise MessageFormatError("Option Delta or Option Length of 15")
    raise MessageFormatError("extended Option Delta or Option Length cut short")


def write_message(
    kind: Type,
    code: int,
    message_id: int,
    token: bytes = b"",
    options: tuple[Option, ...] = (),
    payload: bytes = b"",
) -> bytes:
    """The datagram of a message; `options` in the order of their numbers. ValueError for what does not fit."""
    datagram = bytearray((_VERSION_1 << 6 | kind << 4 | len(token), code, message_id >> 8, message_id & 0xFF))
    datagram += token
    before = 0
    for number, value in options:
        delta, delta_more = _extended(number - before)
        length, length_more = _extended(len(value))
        datagram.append(delta << 4 | length)
        datagram += delta_more
        datagram += length_more
        datagram += value
        before = number
    if payload:
        datagram.append(_PAYLOAD_MARKER)
        datagram += payload
    return bytes(datagram)


def _extended(value: int) -> tuple[int, bytes]:
    """The nibble of an Option Delta or Option Length, and the bytes that extend it."""
    if value < 0:
        raise ValueError("options out of order")
    if value < _ONE_BYTE_FROM:
        return value, b""
    if value < _TWO_BYTES_FROM:
        return _EXTENDED_BY_ONE, bytes((value - _ONE_BYTE_FROM,))
    return _EXTENDED_BY_TWO, (value - _TWO_BYTES_FROM).to_bytes(2, "big")


def write_reset(message_id: int) -> bytes:
    """Section 4.2: the rejection of a Confirmable message, and the answer to a ping."""
    return write_message(Type.RST, Code.EMPTY, message_id)
