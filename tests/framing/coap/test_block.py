"""RFC 7959 section 2.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest
from engine.framing.coap.block import Block, read_block, write_block
from tests.helpers.coap_packets import block, number_bytes


@given(number=st.integers(0, 0xFFFFF), has_more=st.booleans(), exponent=st.integers(0, 6))
def test_blocks_round_trip(number: int, has_more: bool, exponent: int) -> None:
    size = 16 << exponent
    encoded = number_bytes(block(number, has_more, size))
    assert read_block(encoded) == Block(number, has_more, size)
    assert write_block(Block(number, has_more, size)) == encoded
    assert Block(number, has_more, size).offset == number * size


def test_no_bytes_are_the_first_and_last_block_of_16() -> None:
    assert read_block(b"") == Block(0, False, 16)


@pytest.mark.parametrize("value", [b"\x07", b"\x0f", b"\xff\xff\xff"])
def test_the_reserved_size_is_a_bad_request(value: bytes) -> None:
    with pytest.raises(BadRequest):
        read_block(value)
