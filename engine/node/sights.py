"""What C has accepted by itself, told a batch at a time to whom Python would have told at once (listeners/admit.py)."""

from collections.abc import Callable

from engine.clock import Clock
from engine.config import Network
from engine.gate.compiled_front import Seen, Sight, address_text
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
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._seen = seen
        self._listener = listener
        self._bus = bus
        self._throttle = throttle
        self._attempts = attempts
        self._exempt = exempt
        self._clock = clock
        self._limits = limits

    def collect(self, *, is_last: bool) -> None:
        """Tell of at most seen_batch devices, or of all: in a storm the book-keeping comes later, not in between."""
        limits, now = self._limits, self._clock.wall()
        most, pause = (len(self._seen), 0) if is_last else (limits.seen_batch, limits.seen_pause_seconds)
        for sight in self._seen.take(most, now, pause):
            self._tell(sight)

    def _tell(self, sight: Sight) -> None:
        at, address = float(sight.at), address_text(sight.address)
        self._bus.note_seen(Activation(device_id=sight.device_id, record_id=sight.record_id, at=at))
        if len(self._throttle):
            self._throttle.note_success(peer_of(address, sight.port, self._exempt), sight.device_id)
        # No prefix: only refusals are summed up by it, and to find it costs more than all the rest.
        self._attempts.record(sight.device_id, Reason.ACCEPTED, address, "", self._listener(sight.front), at)
