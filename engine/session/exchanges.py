"""The memory of exchanges (RFC 7252 section 4.5): a message that comes again is answered as before, and not done again.

Fixed memory: the oldest exchange of a peer goes first, and of all peers the one that was silent for longest. What is
forgotten is done again, which the Client Registration Interface bears.
"""

from collections import OrderedDict
from typing import Any

import msgspec

from engine.claims.claim import TransportSecurity
from engine.limits import Limits


class Endpoint(msgspec.Struct, frozen=True):
    """The other side of a message (RFC 7252 section 1.2): an address, and what protects what comes from there.

    `address` is as the socket gives it. The same address inside and outside of a DTLS association is two endpoints.
    """

    address: tuple[Any, ...]
    security: TransportSecurity = TransportSecurity.NONE


class Exchange(msgspec.Struct):
    """`at` in monotonic seconds; `answer` is None while it is under way, and then the datagram to the byte."""

    at: float
    answer: bytes | None = None


class Exchanges:
    """By endpoint and Message ID."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._peers: OrderedDict[Endpoint, dict[int, Exchange]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def find(self, endpoint: Endpoint, message_id: int, now: float) -> Exchange | None:
        """The exchange that a message belongs to if it is a duplicate."""
        exchange = self._peers.get(endpoint, {}).get(message_id)
        if exchange is None or now - exchange.at >= self._limits.coap_exchange_seconds:
            return None
        return exchange

    def remember(self, endpoint: Endpoint, message_id: int, at: float, answer: bytes | None = None) -> None:
        """Enter an exchange that began at `at`."""
        peer = self._peers.setdefault(endpoint, {})
        self._peers.move_to_end(endpoint)
        self._count += message_id not in peer
        peer.pop(message_id, None)
        peer[message_id] = Exchange(at, answer)
        if len(peer) > self._limits.coap_exchanges_per_peer:
            del peer[next(iter(peer))]
            self._count -= 1
        while self._count > self._limits.coap_exchanges:
            _, forgotten = self._peers.popitem(last=False)
            self._count -= len(forgotten)

    def finish(self, endpoint: Endpoint, message_id: int, answer: bytes) -> None:
        """The answer of an exchange under way, unless that was forgotten meanwhile."""
        exchange = self._peers.get(endpoint, {}).get(message_id)
        if exchange is not None:
            exchange.answer = answer

    def forget(self, endpoint: Endpoint, message_id: int) -> None:
        """Something else remembers the answer."""
        peer = self._peers.get(endpoint)
        if peer is None or peer.pop(message_id, None) is None:
            return
        self._count -= 1
        if not peer:
            del self._peers[endpoint]

    def expire(self, now: float) -> None:
        """Let go of the peers whose last exchange is over."""
        while self._peers:
            endpoint, peer = next(iter(self._peers.items()))
            if now - next(reversed(peer.values())).at < self._limits.coap_exchange_seconds:
                return
            del self._peers[endpoint]
            self._count -= len(peer)
