"""Failed attempts (THREATS 4): after so many in a minute the answer is "rate exceeded", before any password work.

Counted per pair of prefix and asserted device, and per prefix with no success in between; never per device alone, which
would let anybody switch a device off from afar. Fixed memory: the entry untouched for longest is forgotten first.
"""

from collections import OrderedDict

from engine.limits import Limits
from engine.listeners.peer import Peer

_Key = tuple[str, str] | str


class _Tally:
    """Failures since the window began, and until when the key is refused (monotonic seconds)."""

    __slots__ = ("blocked_until", "failures", "window_from")

    def __init__(self, now: float) -> None:
        self.failures = 0
        self.window_from = now
        self.blocked_until = float("-inf")


class Throttle:
    """All instants are monotonic seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._tallies: OrderedDict[_Key, _Tally] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tallies)

    def is_exceeded(self, peer: Peer, device_id: str, now: float) -> bool:
        """Whether an attempt of this peer on this device is refused unseen."""
        if peer.exempt or not self._tallies:
            return False
        return any(
            (tally := self._tallies.get(key)) is not None and now < tally.blocked_until
            for key in ((peer.prefix, device_id), peer.prefix)
        )

    def note_failure(self, peer: Peer, device_id: str, now: float) -> None:
        """An attempt gave no proof."""
        if peer.exempt:
            return
        self._count((peer.prefix, device_id), self._limits.failures_per_pair, now)
        self._count(peer.prefix, self._limits.failures_per_address, now)

    def note_success(self, peer: Peer, device_id: str) -> None:
        """An attempt gave proof: the pair and the prefix start anew."""
        if self._tallies:
            self._tallies.pop((peer.prefix, device_id), None)
            self._tallies.pop(peer.prefix, None)

    def _count(self, key: _Key, allowed: int, now: float) -> None:
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally(now)
            if len(self._tallies) > self._limits.failure_entries:
                self._tallies.popitem(last=False)
        self._tallies.move_to_end(key)
        if now - tally.window_from >= self._limits.failure_window_seconds:
            tally.failures, tally.window_from = 0, now
        tally.failures += 1
        if tally.failures >= allowed:
            tally.blocked_until = now + self._limits.failure_penalty_seconds
