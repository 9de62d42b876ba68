"""CoAP messages as a client writes and reads them, well formed or not. Knows nothing of engine/: an oracle of its own.

Options are (number, value) pairs in the order in which they are to stand; a value may be text, bytes or a number.
"""

from typing import NamedTuple

CON, NON, ACK, RST = range(4)
EMPTY, GET, POST, PUT, DELETE = range(5)
OBSERVE, LOCATION_PATH, URI_PATH, CONTENT_FORMAT, MAX_AGE, URI_QUERY, ACCEPT, BLOCK2, BLOCK1 = (
    6,
    8,
    11,
    12,
    14,
    15,
    17,
    23,
    27,
)
LINK_FORMAT = 40

OptionValue = str | bytes | int


class Answer(NamedTuple):
    """A message that the server sent, its options by number."""

    type: int
    code: str
    message_id: int
    token: bytes
    options: list[tuple[int, bytes]]
    payload: bytes

    def values(self, number: int) -> list[bytes]:
        return [value for one, value in self.options if one == number]

    @property
    def location(self) -> list[str]:
        """Location-Path."""
        return [value.decode() for value in self.values(LOCATION_PATH)]


def number_bytes(value: int) -> bytes:
    """uint of RFC 7252 section 3.2."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def extended(value: int) -> tuple[int, bytes]:
    """Nibble and extension of a delta or length."""
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes([value - 13])
    return 14, (value - 269).to_bytes(2, "big")


def option(delta: int, value: OptionValue) -> bytes:
    encoded = value.encode() if isinstance(value, str) else number_bytes(value) if isinstance(value, int) else value
    (high, delta_more), (low, length_more) = extended(delta), extended(len(encoded))
    return bytes([high << 4 | low]) + delta_more + length_more + encoded


def coap(
    kind: int,
    code: int,
    message_id: int,
    options: tuple[tuple[int, OptionValue], ...] = (),
    payload: bytes | None = None,
    *,
    token: bytes = b"",
    tkl: int | None = None,
    version: int = 1,
) -> bytes:
    """A datagram. `tkl` replaces the Token Length that the token has; payload b"" is a marker and nothing after it."""
    datagram = bytes([version << 6 | kind << 4 | (len(token) if tkl is None else tkl), code])
    datagram += message_id.to_bytes(2, "big") + token
    before = 0
    for number, value in sorted(options, key=lambda pair: pair[0]):
        datagram += option(number - before, value)
        before = number
    return datagram + (b"" if payload is None else b"\xff" + payload)


def register(
    query: str = "ep=pump&lt=300&lwm2m=1.0&b=U",
    links: bytes | None = b"</1/0>,</3/0>,</5/0>",
    *,
    message_id: int = 1,
    token: bytes = b"tk",
    kind: int = CON,
    more: tuple[tuple[int, OptionValue], ...] = (),
) -> bytes:
    """POST /rd?query."""
    content_format = () if links is None else ((CONTENT_FORMAT, LINK_FORMAT),)
    options = ((URI_PATH, "rd"), *content_format, *queries(query), *more)
    return coap(kind, POST, message_id, options, links, token=token)


def update(
    location: list[str],
    query: str = "",
    links: bytes | None = None,
    *,
    message_id: int = 2,
    token: bytes = b"tk",
    kind: int = CON,
) -> bytes:
    """POST to the location of a registration."""
    content_format = () if links is None else ((CONTENT_FORMAT, LINK_FORMAT),)
    options = (*((URI_PATH, segment) for segment in location), *content_format, *queries(query))
    return coap(kind, POST, message_id, options, links, token=token)


def deregister(location: list[str], *, message_id: int = 3, token: bytes = b"tk", kind: int = CON) -> bytes:
    """DELETE of the location of a registration."""
    return coap(kind, DELETE, message_id, tuple((URI_PATH, segment) for segment in location), token=token)


def queries(query: str) -> tuple[tuple[int, OptionValue], ...]:
    """Uri-Query options, in their order."""
    return tuple((URI_QUERY, one) for one in query.split("&") if one)


def block(number: int, has_more: bool, size: int) -> int:
    """The value of a Block option (RFC 7959 section 2.2)."""
    return number << 4 | has_more << 3 | (size.bit_length() - 5)


def read_answer(datagram: bytes) -> Answer:
    """Read one of the server's messages; AssertionError for one that no server may send."""
    assert datagram[0] >> 6 == 1
    tkl = datagram[0] & 15
    assert tkl <= 8
    at, number, options = 4 + tkl, 0, []
    while at < len(datagram) and datagram[at] != 0xFF:
        delta, length, at = datagram[at] >> 4, datagram[at] & 15, at + 1
        delta, at = _unextended(datagram, at, delta)
        length, at = _unextended(datagram, at, length)
        number += delta
        options.append((number, datagram[at : at + length]))
        assert len(options[-1][1]) == length
        at += length
    payload = datagram[at + 1 :]
    assert at == len(datagram) or payload
    code = f"{datagram[1] >> 5}.{datagram[1] & 31:02}"
    message_id = int.from_bytes(datagram[2:4], "big")
    return Answer(datagram[0] >> 4 & 3, code, message_id, datagram[4 : 4 + tkl], options, payload)


def _unextended(datagram: bytes, at: int, nibble: int) -> tuple[int, int]:
    if nibble == 13:
        return datagram[at] + 13, at + 1
    if nibble == 14:
        return int.from_bytes(datagram[at : at + 2], "big") + 269, at + 2
    assert nibble < 13
    return nibble, at
