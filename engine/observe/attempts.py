"""Attempts: a bounded memory of who tried to connect and what came of it (DESIGN section 3, Audit).

Two things of fixed size: per device the last few attempts, for the person who asks why a device does not connect; and
refusals summed up by device, reason, prefix and minute, which the node writes to the audit.
"""

from collections import OrderedDict

import msgspec

from engine.limits import Limits
from engine.verdict.outcome import Reason

_MINUTE_SECONDS = 60
_MINUTES = 16
"""Minutes kept for a node that cannot write its audit; the oldest is dropped and counted after that."""


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One try of a device. `at` is in epoch seconds, `address` the peer's IP address as text."""

    at: float
    reason: Reason
    address: str
    listener: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Attempt, ...]).decode


class RefusalSummary(msgspec.Struct, frozen=True):
    """Refusals of one device for one reason from one prefix (IPv4 address, IPv6 /64) in one minute.

    `minute` is in epoch seconds, a multiple of 60. device_id, reason and prefix are None in the row that counts what
    did not fit, at most one a minute.
    """

    minute: int
    device_id: str | None
    reason: Reason | None
    prefix: str | None
    count: int


_Refusal = tuple[str, Reason, str]


class _Tally:
    """Refusals of one kind in one minute that the audit was not told yet, and whether it was told none so far."""

    __slots__ = ("is_first", "untold")

    def __init__(self) -> None:
        self.untold = 0
        self.is_first = True


class Attempts:
    """Records every verdict on a named device. The caller records only ids of valid form, whose length is bounded."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # Encoded, newest first: a device with 8 takes 420 bytes instead of 1,480, and hardly anybody ever asks.
        self._recent: OrderedDict[str, bytes] = OrderedDict()
        self._minutes: OrderedDict[int, dict[_Refusal | None, _Tally]] = OrderedDict()
        self._dropped = 0

    def record(self, device_id: str, reason: Reason, address: str, prefix: str, listener: str, now: float) -> None:
        """One verdict, `now` in epoch seconds. Never fails and never grows beyond the limits."""
        attempts = (Attempt(now, reason, address, listener), *self.of_device(device_id))
        self._recent[device_id] = _encode(attempts[: self._limits.attempts_per_device])
        self._recent.move_to_end(device_id)
        if len(self._recent) > self._limits.attempts_devices:
            self._recent.popitem(last=False)
        if reason is not Reason.ACCEPTED:
            self._sum_up((device_id, reason, prefix), int(now) // _MINUTE_SECONDS * _MINUTE_SECONDS)

    def of_device(self, device_id: str) -> tuple[Attempt, ...]:
        """The device's last attempts, newest first; empty when nothing is remembered."""
        encoded = self._recent.get(device_id)
        return () if encoded is None else _decode(encoded)

    @property
    def dropped(self) -> int:
        """Refusals whose summaries were never drained and had to be forgotten."""
        return self._dropped

    def drain_refusals(self, now: float, *, is_last: bool = False) -> list[RefusalSummary]:
        """What the audit is to be told, oldest minute first; each refusal is told once.

        The first of its kind in a minute at once, so that a person who looks finds it; the rest when the minute is
        over, or now with `is_last`. The kinds that did not fit are told in one row when it is over.
        """
        summaries: list[RefusalSummary] = []
        for minute in sorted(self._minutes):
            is_over = is_last or minute + _MINUTE_SECONDS <= now
            counts = self._minutes.pop(minute) if is_over else self._minutes[minute]
            for refusal, tally in counts.items():
                if tally.untold and (is_over or (tally.is_first and refusal is not None)):
                    device_id, reason, prefix = refusal or (None, None, None)
                    summaries.append(RefusalSummary(minute, device_id, reason, prefix, tally.untold))
                    tally.untold, tally.is_first = 0, False
        return summaries

    def _sum_up(self, refusal: _Refusal, minute: int) -> None:
        tallies = self._minutes.setdefault(minute, {})
        # None counts the rest, so that a flood of invented devices costs one row, not one each.
        fits = refusal in tallies or len(tallies) - (None in tallies) < self._limits.refusals_per_minute
        tallies.setdefault(refusal if fits else None, _Tally()).untold += 1
        if len(self._minutes) > _MINUTES:
            _, oldest = self._minutes.popitem(last=False)
            self._dropped += sum(tally.untold for tally in oldest.values())
