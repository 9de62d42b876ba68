"""What C has accepted by itself, told a batch at a time to whom Python would have told at once (listeners/admit.py)."""

import socket
from collections.abc import Callable

from engine.config import Network
from engine.gate.compiled_front import Seen, Sight
from engine.limits import Limits
from engine.listeners.peer import peer_of
from engine.listeners.throttle import Throttle
from engine.node.local import LocalBus
from engine.observe.attempts import Attempts
from engine.registry.record import Activation
from engine.verdict.outcome import Reason


class Sights:
    """One per node. `listener`: the name of the front that has this number in the sessions."""

    def __init__(
        self,
        *,
        seen: Seen,
        listener: Callable[[int], str],
        bus: LocalBus,
        throttle: Throttle,
        attempts: Attempts,
        exempt: tuple[Network, ...],
        limits: Limits,
    ) -> None:
        self._seen = seen
        self._listener = listener
        self._bus = bus
        self._throttle = throttle
        self._attempts = attempts
        self._exempt = exempt
        self._limits = limits

    def collect(self, *, is_last: bool) -> None:
        """Tell of at most seen_batch devices, or of all: in a storm the book-keeping comes later, not in between."""
        for sight in self._seen.take(len(self._seen) if is_last else self._limits.seen_batch):
            self._tell(sight)

    def _tell(self, sight: Sight) -> None:
        peer = peer_of(socket.inet_ntop(socket.AF_INET6, sight.address), sight.port, self._exempt)
        at = float(sight.at)
        self._bus.note_seen(Activation(device_id=sight.device_id, record_id=sight.record_id, at=at))
        self._throttle.note_success(peer, sight.device_id)
        listener = self._listener(sight.front)
        self._attempts.record(sight.device_id, Reason.ACCEPTED, peer.address, peer.prefix, listener, at)
