"""Failed attempts (THREATS 4): after so many in a minute the answer is "rate exceeded", before any password work.

Counted per pair of prefix and asserted device, and per prefix with no success in between; never per device alone, which
would let anybody switch a device off from afar. Fixed memory: the entry untouched for longest is forgotten first.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable

from engine.limits import Limits
from engine.listeners.peer import Peer

_Key = tuple[str, str] | str

Watcher = Callable[[str, bool], None]
"""Told of a prefix whether somebody of it is refused unseen from now on, or nobody is any more."""


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
        self._blocked: OrderedDict[_Key, float] = OrderedDict()  # in the order in which they end
        self._prefixes: Counter[str] = Counter()
        self._watchers: list[Watcher] = []

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

    def tell(self, watcher: Watcher) -> None:
        """Tell this one, too, from now on."""
        self._watchers.append(watcher)

    def expire(self, now: float) -> None:
        """Let those go whose penalty is over, for the watchers' sake: is_exceeded needs no help."""
        while self._blocked and next(iter(self._blocked.values())) <= now:
            self._unblock(next(iter(self._blocked)))

    def note_failure(self, peer: Peer, device_id: str, now: float) -> None:
        """An attempt gave no proof."""
        if peer.exempt:
            return
        self._count((peer.prefix, device_id), self._limits.failures_per_pair, now)
        self._count(peer.prefix, self._limits.failures_per_address, now)

    def note_success(self, peer: Peer, device_id: str) -> None:
        """An attempt gave proof: the pair and the prefix start anew."""
        if self._tallies:
            for key in ((peer.prefix, device_id), peer.prefix):
                self._tallies.pop(key, None)
                self._unblock(key)

    def _count(self, key: _Key, allowed: int, now: float) -> None:
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = _Tally(now)
            if len(self._tallies) > self._limits.failure_entries:
                self._unblock(self._tallies.popitem(last=False)[0])
        self._tallies.move_to_end(key)
        if now - tally.window_from >= self._limits.failure_window_seconds:
            tally.failures, tally.window_from = 0, now
        tally.failures += 1
        if tally.failures >= allowed:
            tally.blocked_until = now + self._limits.failure_penalty_seconds
            self._block(key, tally.blocked_until)

    def _block(self, key: _Key, until: float) -> None:
        if key not in self._blocked:
            prefix = _prefix_of(key)
            self._prefixes[prefix] += 1
            if self._prefixes[prefix] == 1:
                self._tell(prefix, is_blocked=True)
        self._blocked[key] = until
        self._blocked.move_to_end(key)

    def _unblock(self, key: _Key) -> None:
        if self._blocked.pop(key, None) is None:
            return
        prefix = _prefix_of(key)
        self._prefixes[prefix] -= 1
        if self._prefixes[prefix] == 0:
            del self._prefixes[prefix]
            self._tell(prefix, is_blocked=False)

    def _tell(self, prefix: str, *, is_blocked: bool) -> None:
        for watcher in self._watchers:
            watcher(prefix, is_blocked)


def _prefix_of(key: _Key) -> str:
    return key if isinstance(key, str) else key[0]
