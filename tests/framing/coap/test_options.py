"""RFC 7252 section 5.4: critical and elective, known and unknown, once and repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadOption, BadRequest
from engine.framing.coap.block import Block
from engine.framing.coap.datagram import read_message
from engine.framing.coap.options import Number, RequestOptions, read_request_options, read_uint, write_uint
from tests.helpers.coap_packets import CON, POST, OptionValue, block, coap, register


def read(*options: tuple[int, OptionValue]) -> RequestOptions:
    return read_request_options(read_message(coap(CON, POST, 1, options)))


def refused(*options: tuple[int, OptionValue]) -> None:
    with pytest.raises(BadOption):
        read(*options)


def test_a_registers_options_are_put_by_name() -> None:
    options = read_request_options(read_message(register("ep=pump&lt=300", more=((Number.OBSERVE, 0),))))
    assert options == RequestOptions(("rd",), ("ep=pump", "lt=300"), content_format=40, observe=0)


def test_every_option_that_a_request_may_have_is_read() -> None:
    options = read(
        (Number.URI_HOST, "keyturn.example"),
        (Number.OBSERVE, 1),
        (Number.URI_PORT, 5683),
        (Number.URI_PATH, "rd"),
        (Number.URI_PATH, ""),
        (Number.URI_QUERY, ""),
        (Number.ACCEPT, 0),
        (Number.BLOCK2, block(0, False, 64)),
        (Number.BLOCK1, block(3, True, 1024)),
    )
    assert options == RequestOptions(
        ("rd", ""), ("",), accept=0, observe=1, block1=Block(3, True, 1024), block2=Block(0, False, 64)
    )


@pytest.mark.parametrize("number", [1, 5, 9, 21, 25, 65_535])
def test_an_unknown_critical_option_is_a_bad_option(number: int) -> None:
    refused((number, b"x"))


@pytest.mark.parametrize("number", [0, 2, 4, 20, 28, 60, 258, 65_534])
def test_an_unknown_elective_option_is_ignored(number: int) -> None:
    assert read((number, b"x"), (number, b"y")) == RequestOptions()


@pytest.mark.parametrize(
    ("number", "least", "most"),
    [
        (Number.URI_HOST, 1, 255),
        (Number.URI_PORT, 0, 2),
        (Number.URI_PATH, 0, 255),
        (Number.URI_QUERY, 0, 255),
        (Number.ACCEPT, 0, 2),
        (Number.BLOCK1, 0, 3),
        (Number.BLOCK2, 0, 3),
        (Number.PROXY_URI, 1, 1034),
        (Number.PROXY_SCHEME, 1, 255),
    ],
)
def test_a_critical_option_of_a_length_outside_its_range_is_a_bad_option(number: int, least: int, most: int) -> None:
    read((number, b"0" * least))
    read((number, b"0" * most))
    refused((number, b"0" * (most + 1)))
    if least:
        refused((number, b""))


@pytest.mark.parametrize(("number", "most"), [(Number.OBSERVE, 3), (Number.CONTENT_FORMAT, 2)])
def test_an_elective_option_of_a_length_outside_its_range_is_ignored(number: int, most: int) -> None:
    assert read((number, b"1" * (most + 1))) == RequestOptions()
    assert read((number, b"1" * most)) != RequestOptions()


@pytest.mark.parametrize(
    "number", [Number.URI_HOST, Number.URI_PORT, Number.ACCEPT, Number.BLOCK1, Number.BLOCK2, Number.PROXY_URI]
)
def test_a_critical_option_that_is_repeated_is_a_bad_option(number: int) -> None:
    refused((number, b"1"), (number, b"1"))


def test_an_elective_option_that_is_repeated_counts_once() -> None:
    assert read((Number.CONTENT_FORMAT, 40), (Number.CONTENT_FORMAT, 42)).content_format == 40


@pytest.mark.parametrize("number", [Number.URI_PATH, Number.URI_QUERY])
@pytest.mark.parametrize("value", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"rd\xc3"])
def test_a_path_or_query_that_is_not_utf_8_is_a_bad_option(number: int, value: bytes) -> None:
    """aiocoap raises UnicodeDecodeError there (STYLE, to avoid 9)."""
    refused((number, value))


@pytest.mark.parametrize("number", [Number.PROXY_URI, Number.PROXY_SCHEME])
def test_a_request_to_a_forward_proxy_is_told_apart(number: int) -> None:
    assert read((number, "coap://elsewhere")).is_proxied


@pytest.mark.parametrize("number", [Number.BLOCK1, Number.BLOCK2])
def test_a_block_of_the_reserved_size_is_a_bad_request(number: int) -> None:
    with pytest.raises(BadRequest):
        read((number, 7))


@pytest.mark.parametrize(("encoded", "value"), [(b"", 0), (b"\0", 0), (b"\0\x01", 1), (b"\x12\x34", 0x1234)])
def test_numbers_may_have_leading_zeros(encoded: bytes, value: int) -> None:
    assert read_uint(encoded) == value


@given(value=st.integers(0, 0xFFFF_FFFF))
def test_numbers_are_written_in_the_fewest_bytes(value: int) -> None:
    written = write_uint(value)
    assert read_uint(written) == value
    assert written[:1] != b"\0"
