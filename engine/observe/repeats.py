"""The brake on repeated log lines: a storm must not become a log storm."""

from collections import OrderedDict

from engine.clock import Clock
from engine.limits import Limits

_KEYS = 1024
"""Keys are the program's own words, so a few dozen exist; the bound holds should one ever carry a varying part."""


class _Entry:
    __slots__ = ("held_back", "repeated", "silent_until")

    def __init__(self, silent_until: float) -> None:
        self.silent_until = silent_until
        self.held_back = 0
        self.repeated = 0


class Repeats:
    """Lets one line of a kind through in log_repeats_seconds, and counts those it holds back."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._seconds = limits.log_repeats_seconds
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def is_due(self, key: str) -> bool:
        """Whether the line of this kind may be written now; when not, it is counted."""
        now = self._clock.monotonic()
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(now + self._seconds)
            if len(self._entries) > _KEYS:
                self._entries.popitem(last=False)
            return True
        self._entries.move_to_end(key)
        if now < entry.silent_until:
            entry.held_back += 1
            return False
        entry.silent_until = now + self._seconds
        entry.repeated, entry.held_back = entry.held_back, 0
        return True

    def repeated(self, key: str) -> int:
        """How many lines were held back before the one that is due now."""
        entry = self._entries.get(key)
        return entry.repeated if entry is not None else 0
