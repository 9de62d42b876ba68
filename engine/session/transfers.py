"""Bodies sent block by block (RFC 7959 section 2.5): a Register or Update whose link list fills more than a datagram.

One a peer and so many in all, each of bounded size; nothing is set aside before its bytes are there.
"""

from collections import OrderedDict

import msgspec

from engine.framing.coap.block import Block
from engine.framing.coap.datagram import Code
from engine.limits import Limits
from engine.session.exchanges import Endpoint

Target = tuple[int, tuple[str, ...], tuple[str, ...]]
"""Request method, Uri-Path and Uri-Query: the blocks of one body have the same."""


class _Transfer(msgspec.Struct):
    target: Target
    body: bytearray
    at: float


class Transfers:
    """By endpoint."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._transfers: OrderedDict[Endpoint, _Transfer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._transfers)

    def receive(self, endpoint: Endpoint, target: Target, block: Block, payload: bytes, now: float) -> bytes | Code:
        """The whole body with its last block, else the code of the answer: 2.31, or why the transfer is over."""
        transfer = self._transfers.pop(endpoint, None)
        if block.number == 0:
            transfer = _Transfer(target, bytearray(), now)
        if transfer is None or transfer.target != target or block.offset != len(transfer.body):
            return Code.REQUEST_ENTITY_INCOMPLETE
        if len(payload) > block.size or (block.has_more and len(payload) < block.size):
            return Code.BAD_REQUEST
        if len(transfer.body) + len(payload) > self._limits.coap_body_bytes:
            return Code.REQUEST_ENTITY_TOO_LARGE
        transfer.body += payload
        if not block.has_more:
            return bytes(transfer.body)
        transfer.at = now
        self._transfers[endpoint] = transfer
        if len(self._transfers) > self._limits.coap_transfers:
            self._transfers.popitem(last=False)
        return Code.CONTINUE

    def expire(self, now: float) -> None:
        """Let go of those whose next block did not come."""
        while self._transfers:
            endpoint, transfer = next(iter(self._transfers.items()))
            if now - transfer.at < self._limits.coap_transfer_seconds:
                return
            del self._transfers[endpoint]
