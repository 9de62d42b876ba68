import msgspec
import pytest

from engine.framing.coap.block import Block
from engine.framing.coap.datagram import Code
from engine.limits import Limits
from engine.session.exchanges import Endpoint
from engine.session.transfers import Target, Transfers

PEER = Endpoint(("192.0.2.1", 5683))
TARGET: Target = (2, ("rd",), ("ep=pump",))


def transfers(**bounds: float) -> Transfers:
    return Transfers(msgspec.structs.replace(Limits(), **bounds))


def receive(
    memory: Transfers, number: int, payload: bytes, *, more: bool = True, size: int = 16, now: float = 0.0
) -> bytes | Code:
    return memory.receive(PEER, TARGET, Block(number, more, size), payload, now)


def test_a_body_is_put_together_from_its_blocks() -> None:
    memory = transfers()
    assert receive(memory, 0, b"a" * 16) is Code.CONTINUE
    assert receive(memory, 1, b"b" * 16) is Code.CONTINUE
    assert receive(memory, 2, b"c", more=False) == b"a" * 16 + b"b" * 16 + b"c"
    assert len(memory) == 0


def test_the_block_size_may_shrink_on_the_way() -> None:
    memory = transfers()
    assert receive(memory, 0, b"a" * 64, size=64) is Code.CONTINUE
    assert receive(memory, 4, b"b" * 16) is Code.CONTINUE
    assert receive(memory, 5, b"", more=False) == b"a" * 64 + b"b" * 16


def test_a_first_block_starts_again() -> None:
    memory = transfers()
    receive(memory, 0, b"a" * 16)
    receive(memory, 0, b"b" * 16)
    assert receive(memory, 1, b"c", more=False) == b"b" * 16 + b"c"


@pytest.mark.parametrize("number", [0x01, 0x02, 0xFFFFF])
def test_a_block_without_those_before_it_is_incomplete(number: int) -> None:
    memory = transfers()
    assert receive(memory, number, b"a" * 16) is Code.REQUEST_ENTITY_INCOMPLETE
    receive(memory, 0, b"a" * 16)
    if number > 1:
        assert receive(memory, number, b"a" * 16) is Code.REQUEST_ENTITY_INCOMPLETE
        assert len(memory) == 0


def test_blocks_of_another_request_do_not_mix() -> None:
    memory = transfers()
    receive(memory, 0, b"a" * 16)
    other: Target = (2, ("rd",), ("ep=valve",))
    assert memory.receive(PEER, other, Block(1, False, 16), b"b", 0.0) is Code.REQUEST_ENTITY_INCOMPLETE


@pytest.mark.parametrize(("payload", "more"), [(b"a" * 15, True), (b"a" * 17, True), (b"a" * 17, False), (b"", True)])
def test_a_payload_that_is_not_the_blocks_size_is_a_bad_request(payload: bytes, more: bool) -> None:
    assert receive(transfers(), 0, payload, more=more) is Code.BAD_REQUEST


def test_a_body_over_its_bound_is_too_large_and_let_go() -> None:
    memory = transfers(coap_body_bytes=40)
    assert receive(memory, 0, b"a" * 16) is Code.CONTINUE
    assert receive(memory, 1, b"a" * 16) is Code.CONTINUE
    assert receive(memory, 2, b"a" * 16) is Code.REQUEST_ENTITY_TOO_LARGE
    assert len(memory) == 0


def test_so_many_bodies_in_all_and_the_oldest_goes_first() -> None:
    memory = transfers(coap_transfers=2)
    for number in range(3):
        memory.receive(Endpoint((f"192.0.2.{number}", 1)), TARGET, Block(0, True, 16), b"a" * 16, 0.0)
    assert len(memory) == 2
    late = memory.receive(Endpoint(("192.0.2.0", 1)), TARGET, Block(1, False, 16), b"b", 0.0)
    assert late is Code.REQUEST_ENTITY_INCOMPLETE


def test_a_body_whose_next_block_does_not_come_is_let_go() -> None:
    memory = transfers(coap_transfer_seconds=93.0)
    receive(memory, 0, b"a" * 16, now=0.0)
    memory.expire(92.9)
    assert len(memory) == 1
    memory.expire(93.0)
    assert len(memory) == 0
