"""Says in time that a device CA or a CRL is about to expire: when it does, its devices are refused."""

import math
from collections.abc import Sequence

import structlog
import trio

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.listeners.trust import Expiry, Trust

_log = structlog.get_logger("keyturn.node")


class ExpiryWatch:
    """Looks until cancelled, and once when asked."""

    def __init__(self, trust: Trust, clock: Clock, limits: Limits) -> None:
        self._trust = trust
        self._clock = clock
        self._limits = limits

    async def run(self) -> None:
        """Look every limits.expiry_watch_seconds; Node.reload has looked at start."""
        while True:
            await trio.sleep(self._limits.expiry_watch_seconds)
            await self.look()

    async def look(self) -> None:
        """One warning for the device CAs, one for the CRLs: how many expire soon or have expired, and the first."""
        try:
            await self._trust.anchors()
        except StoreUnavailable:
            return  # /readyz and the metrics say so; there is nothing new to look at
        self._warn("device CAs expire: their devices will be refused", self._trust.ca_expiries)
        self._warn("CRLs expire: upload newer ones, or every device of the CA is refused", self._trust.crl_expiries)

    def ca_seconds_left(self) -> float:
        """Seconds until the next device CA expires, those that have expired aside; infinity where there is none."""
        now = self._clock.wall()
        return next((one.at - now for one in self._trust.ca_expiries if one.at > now), math.inf)

    def crl_seconds_left(self) -> float:
        """Seconds until the next device CA is without a CRL in force, negative when one is; infinity without CRLs."""
        return self._trust.crl_expiries[0].at - self._clock.wall() if self._trust.crl_expiries else math.inf

    def _warn(self, event: str, expiries: Sequence[Expiry]) -> None:
        horizon = self._clock.wall() + self._limits.expiry_warning_seconds
        soon = [one for one in expiries if one.at < horizon]
        if soon:
            _log.warning(
                event, count=len(soon), **{f"first_{name}": value for name, value in soon[0]._asdict().items()}
            )
