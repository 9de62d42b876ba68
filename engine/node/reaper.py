"""The reaper: a device that has not been activated by its timeout is deleted (iotda-rest.md A.3, auth_info.timeout).

timeout_at is in the registry, so a restart delays a deletion and never loses one. From that second on the verdict knows
the device no more; the reaper only takes away what is left of it. A first activation is durable before its CONNACK and
clears timeout_at, and the deletion asks for it in the same statement: no device that was accepted is ever deleted here.
"""

from collections.abc import Sequence

import structlog
import trio

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.node.local import LocalBus
from engine.observe.repeats import Repeats
from engine.registry.store import Store

_log = structlog.get_logger("keyturn.node")


class Reaper:
    """Goes round until cancelled, and once when asked."""

    def __init__(self, *, store: Store, bus: LocalBus, clock: Clock, limits: Limits, repeats: Repeats) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._limits = limits
        self._repeats = repeats

    async def run(self) -> None:
        """Go round for ever. An outage is logged; what was not deleted waits for the next round."""
        while True:
            try:
                await self.go_round(self._clock.wall())
            except StoreUnavailable as error:
                if self._repeats.is_due("reaper"):
                    _log.warning("devices past their timeout cannot be deleted", error=str(error))
            await trio.sleep(self._limits.reap_seconds)

    async def go_round(self, now: float) -> int:
        """Delete all that is due at `now`, batch by batch; how many devices. Raises StoreUnavailable."""
        # What workers have seen is written before anything is deleted (DESIGN section 3).
        await self._bus.flush()
        deleted = 0
        while device_ids := await self._delete_batch(now):
            deleted += len(device_ids)
        return deleted

    async def _delete_batch(self, now: float) -> Sequence[str]:
        # Shielded: a deletion whose invalidation was cancelled would leave what is cached of the device working.
        with trio.CancelScope(shield=True):
            device_ids = await self._store.expire_devices(now, self._limits.reap_batch)
            if device_ids:
                await self._bus.invalidate(device_ids, close=True)
                _log.info("devices deleted that were not activated in time", count=len(device_ids))
        return device_ids
