"""The options of a request (RFC 7252 section 5.10; 7641 and 7959 for Observe and Block), judged and put by name."""

import enum
from collections.abc import Callable

import msgspec

from engine.errors import BadOption
from engine.framing.coap.block import Block, read_block
from engine.framing.coap.datagram import Message


class Number(enum.IntEnum):
    """Section 12.2; an odd number is critical (section 5.4.6)."""

    URI_HOST = 3
    OBSERVE = 6
    URI_PORT = 7
    LOCATION_PATH = 8
    URI_PATH = 11
    CONTENT_FORMAT = 12
    MAX_AGE = 14
    URI_QUERY = 15
    ACCEPT = 17
    BLOCK2 = 23
    BLOCK1 = 27
    PROXY_URI = 35
    PROXY_SCHEME = 39
    SIZE1 = 60


class RequestOptions(msgspec.Struct, gc=False):
    """What a request's options say. None: not there. `observe` is 0 to register, 1 to deregister (RFC 7641 section 2).

    `is_proxied`: a forward-proxy is asked for. Uri-Host and Uri-Port name this server, whatever they say.
    """

    uri_path: tuple[str, ...] = ()
    uri_query: tuple[str, ...] = ()
    content_format: int | None = None
    accept: int | None = None
    observe: int | None = None
    block1: Block | None = None
    block2: Block | None = None
    is_proxied: bool = False


_URI_PATH, _URI_QUERY = int(Number.URI_PATH), int(Number.URI_QUERY)
_LONGEST_SEGMENT = 255


def read_request_options(message: Message) -> RequestOptions:
    """The options of a request. BadOption: a critical one is not known, not of its format, or one too many.

    An elective option with such a fault is ignored (section 5.4.1). BadRequest: a Block option of a reserved size.
    """
    path: list[str] = []
    query: list[str] = []
    options = RequestOptions()
    before = -1
    try:
        for number, value in message.options:
            if number == _URI_PATH or number == _URI_QUERY:  # noqa: SIM109 - a tuple takes a tenth of this function
                if len(value) > _LONGEST_SEGMENT:
                    raise BadOption("Uri-Path or Uri-Query of more than 255 bytes")
                # Section 3.2: a string option is UTF-8.
                (path if number == _URI_PATH else query).append(value.decode())
            elif (kind := _SINGLE.get(number)) is not None and number != before and kind[0] <= len(value) <= kind[1]:
                kind[2](options, value)
            elif number & 1:
                raise BadOption(f"critical option {number} is not known, not of its format, or one too many")
            before = number
    except UnicodeDecodeError:
        raise BadOption("Uri-Path or Uri-Query is not UTF-8") from None
    options.uri_path, options.uri_query = tuple(path), tuple(query)
    return options


def read_uint(value: bytes) -> int:
    """Section 3.2: big-endian, leading zeros allowed, no bytes for 0."""
    return int.from_bytes(value, "big")


def write_uint(value: int) -> bytes:
    """Section 3.2, in the fewest bytes."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _put_content_format(options: RequestOptions, value: bytes) -> None:
    options.content_format = read_uint(value)


def _put_accept(options: RequestOptions, value: bytes) -> None:
    options.accept = read_uint(value)


def _put_observe(options: RequestOptions, value: bytes) -> None:
    options.observe = read_uint(value)


def _put_block1(options: RequestOptions, value: bytes) -> None:
    options.block1 = read_block(value)


def _put_block2(options: RequestOptions, value: bytes) -> None:
    options.block2 = read_block(value)


def _put_proxy(options: RequestOptions, _value: bytes) -> None:
    options.is_proxied = True


def _put_nothing(_options: RequestOptions, _value: bytes) -> None:
    """Uri-Host and Uri-Port: we answer for every name of ours."""


# The options that come once, with the least and the most bytes of their values (table 4; RFC 7641 table 1; RFC 7959
# table 1). A second one is as if it were not known (section 5.4.5).
_SINGLE: dict[int, tuple[int, int, Callable[[RequestOptions, bytes], None]]] = {
    Number.URI_HOST: (1, 255, _put_nothing),
    Number.OBSERVE: (0, 3, _put_observe),
    Number.URI_PORT: (0, 2, _put_nothing),
    Number.CONTENT_FORMAT: (0, 2, _put_content_format),
    Number.ACCEPT: (0, 2, _put_accept),
    Number.BLOCK2: (0, 3, _put_block2),
    Number.BLOCK1: (0, 3, _put_block1),
    Number.PROXY_URI: (1, 1034, _put_proxy),
    Number.PROXY_SCHEME: (1, 255, _put_proxy),
}
