"""Connections not authenticated yet: their cap, their share per prefix, and which one goes first (THREATS 3)."""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Protocol

from engine.limits import Limits
from engine.listeners.peer import Peer


class Pending(Protocol):
    """One per node: all fronts share the cap. A connection leaves when it is accepted, refused or closed."""

    def __len__(self) -> int: ...

    @property
    def is_busy(self) -> bool:
        """Above the soft mark: a CONNECT is answered "busy" before any password work."""

    def enter(self, peer: Peer, drop: Callable[[], None]) -> int | None:
        """A place for a new connection, None when its prefix has its share already.

        Above the hard mark the connection that has gone longest without progress is dropped for it. A peer without a
        prefix has nobody's share.
        """

    def rename(self, place: int, peer: Peer) -> bool:
        """Whose connection it is turned out; False, and the place is free, when that prefix has its share already.

        True of one that was dropped meanwhile, and is on its way out.
        """

    def progress(self, place: int) -> None:
        """Bytes came: the connection goes to the end of the row."""

    def leave(self, place: int) -> None:
        """Free the place; a second time changes nothing."""


class DictPending:
    """Implements Pending, where no native front shares it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._connections: OrderedDict[int, tuple[Peer, Callable[[], None]]] = OrderedDict()
        self._by_prefix: Counter[str] = Counter()
        self._next = 0

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def is_busy(self) -> bool:
        """As Pending.is_busy."""
        return len(self._connections) > self._limits.pending_soft

    def enter(self, peer: Peer, drop: Callable[[], None]) -> int | None:
        """As Pending.enter."""
        if self._has_share(peer):
            return None
        if len(self._connections) >= self._limits.pending_hard:
            oldest, (_peer, drop_oldest) = next(iter(self._connections.items()))
            self.leave(oldest)
            drop_oldest()
        self._next += 1
        self._connections[self._next] = (peer, drop)
        self._by_prefix[peer.prefix] += 1
        return self._next

    def rename(self, place: int, peer: Peer) -> bool:
        """As Pending.rename."""
        if place not in self._connections:
            return True
        _, drop = self._connections[place]
        if self._has_share(peer):
            self.leave(place)
            return False
        self._uncount(self._connections[place][0])
        self._connections[place] = (peer, drop)
        self._by_prefix[peer.prefix] += 1
        return True

    def progress(self, place: int) -> None:
        """As Pending.progress."""
        if place in self._connections:
            self._connections.move_to_end(place)

    def leave(self, place: int) -> None:
        """As Pending.leave."""
        entry = self._connections.pop(place, None)
        if entry is None:
            return
        self._uncount(entry[0])

    def _has_share(self, peer: Peer) -> bool:
        return not peer.exempt and self._by_prefix[peer.prefix] >= self._limits.pending_per_prefix

    def _uncount(self, peer: Peer) -> None:
        self._by_prefix[peer.prefix] -= 1
        if self._by_prefix[peer.prefix] <= 0:
            del self._by_prefix[peer.prefix]
