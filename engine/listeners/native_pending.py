"""The Pending that C shares: native fronts and those of Trio have one cap, one share per prefix and one row."""

from collections.abc import Callable

from engine.gate.compiled_front import address_bytes
from engine.gate.compiled_pending import Places
from engine.limits import Limits
from engine.listeners.peer import Peer


class NativePending:
    """Implements pending.Pending. C closes its own connections; those of Trio are dropped by what they entered with."""

    def __init__(self, limits: Limits, key: bytes) -> None:
        self._soft = limits.pending_soft
        self.native = Places(
            key, soft=limits.pending_soft, hard=limits.pending_hard, per_prefix=limits.pending_per_prefix
        )
        self._drops: dict[int, Callable[[], None]] = {}

    def __len__(self) -> int:
        return len(self.native)

    @property
    def is_busy(self) -> bool:
        """As Pending.is_busy."""
        return len(self.native) > self._soft

    def enter(self, peer: Peer, drop: Callable[[], None]) -> int | None:
        """As Pending.enter."""
        place, dropped = self.native.enter(_address_of(peer), exempt=peer.exempt)
        if dropped:
            self.drop(dropped)
        if not place:
            return None
        self._drops[place] = drop
        return place

    def rename(self, place: int, peer: Peer) -> bool:
        """As Pending.rename."""
        if self.native.rename(place, address_bytes(peer.address), exempt=peer.exempt):
            return True
        del self._drops[place]
        return False

    def progress(self, place: int) -> None:
        """As Pending.progress."""
        self.native.progress(place)

    def leave(self, place: int) -> None:
        """As Pending.leave."""
        if self._drops.pop(place, None) is not None:
            self.native.leave(place)

    def drop(self, place: int) -> None:
        """This place was left for another connection: its own goes."""
        self._drops.pop(place)()


def _address_of(peer: Peer) -> bytes | None:
    """None of one without a prefix, whose balancer has not said yet whose connection it is."""
    return address_bytes(peer.address) if peer.prefix else None
