"""The Block options of RFC 7959 section 2.2: which block of a body this is, and whether more follow."""

import msgspec

from engine.errors import BadRequest

_MORE = 0x08
_SIZE_EXPONENT = 0x07
_RESERVED_EXPONENT = 7


class Block(msgspec.Struct, frozen=True, gc=False):
    """`size` in bytes, 16 to 1024. `has_more`: blocks follow (Block1)."""

    number: int
    has_more: bool
    size: int

    @property
    def offset(self) -> int:
        """Where in the body the block begins."""
        return self.number * self.size


def read_block(value: bytes) -> Block:
    """Of a value of at most three bytes. BadRequest for the reserved size.

    "The value 7 for SZX ... is reserved, i.e., MUST NOT be sent and MUST lead to a 4.00 Bad Request response code upon
    reception in a request."
    """
    field = int.from_bytes(value, "big")
    exponent = field & _SIZE_EXPONENT
    if exponent == _RESERVED_EXPONENT:
        raise BadRequest("Block option of the reserved size")
    return Block(field >> 4, field & _MORE != 0, 16 << exponent)


def write_block(block: Block) -> bytes:
    """In the fewest bytes."""
    field = block.number << 4 | _MORE * block.has_more | block.size.bit_length() - 5
    return field.to_bytes((field.bit_length() + 7) // 8, "big")
