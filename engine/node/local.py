"""The Bus in one process (`workers = 0`): both ends of it."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

import trio

from engine.clock import Clock
from engine.errors import StoreUnavailable
from engine.limits import Limits
from engine.node.recent_changes import RecentChanges
from engine.registry.record import Activation
from engine.registry.store import Store
from engine.session.table import CloseReason, SessionTable

_SESSIONS_A_LOOK = 4096
"""Sessions looked at without a checkpoint: under a millisecond."""


class Cache(Protocol):
    """What is kept of devices beside the store. Both are told before anybody hears of the change; neither awaits.

    sequence: the number that the bus has from then on.
    """

    def forget(self, device_ids: Sequence[str], sequence: int) -> None:
        """These records were changed."""

    def forget_unchecked(self, device_ids: Sequence[str], sequence: int) -> None:
        """These devices have shown their first checked stamp: what was kept of them says that they have not."""

    def forget_certificates(self, sequence: int) -> None:
        """A device CA, a CRL or a device certificate was changed: whatever certificates proved is judged anew."""


class LocalBus:
    """Implements Bus. What note_seen batches is written by `flush` (node/batches.py)."""

    def __init__(
        self,
        store: Store,
        sessions: SessionTable,
        limits: Limits,
        clock: Clock,
        on_certificates_changed: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
        cache: Cache | None = None,
    ) -> None:
        self._store = store
        self._on_certificates_changed = on_certificates_changed
        self._certificates_changed = 0
        self._clock = clock
        self._sessions = sessions
        self._sequence = 0
        self._changed = RecentChanges(limits.invalidations_remembered)
        self._cache = cache
        self._seen: dict[str, Activation] = {}

    @property
    def sequence(self) -> int:
        """As Bus.sequence."""
        return self._sequence

    def is_changed_since(self, device_id: str, sequence: int) -> bool:
        """As Bus.is_changed_since."""
        return self._changed.is_since(device_id, sequence)

    async def invalidate(self, device_ids: Sequence[str], *, close: bool) -> None:
        """As Bus.invalidate; in one process there is nobody else to wait for."""
        self._sequence += 1
        if self._cache is not None:
            self._cache.forget(device_ids, self._sequence)
        self._changed.note(device_ids, self._sequence)
        if close:
            for device_id in device_ids:
                self.close_session(device_id)
        await trio.lowlevel.checkpoint()

    async def invalidate_certificates(self) -> None:
        """As Bus.invalidate_certificates."""
        self._sequence += 1
        if self._cache is not None:
            self._cache.forget_certificates(self._sequence)
        self._certificates_changed = self._sequence
        await self._on_certificates_changed()

    async def close_certified(self, project_id: str, fingerprints: Collection[str]) -> int:
        """As Bus.close_certified. Looks at every session there is, with pauses for everybody else."""
        wanted = {bytes.fromhex(fingerprint) for fingerprint in fingerprints}
        closed = 0
        device_ids = self._sessions.device_ids()
        for first in range(0, len(device_ids), _SESSIONS_A_LOOK):
            proved = [one for one in device_ids[first : first + _SESSIONS_A_LOOK] if self._is_proved_by(one, wanted)]
            for device_id in await self._of_project(project_id, proved):
                if self._is_proved_by(device_id, wanted):
                    closed += self.close_session(device_id)
            await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        return closed

    def _is_proved_by(self, device_id: str, sha256: Collection[bytes]) -> bool:
        session = self._sessions.find(device_id)
        if session is None or session.proved_by is None:
            return False
        return session.proved_by.leaf_sha256 in sha256 or session.proved_by.anchor_sha256 in sha256

    async def _of_project(self, project_id: str, device_ids: Sequence[str]) -> Sequence[str]:
        """Those of them that are its devices; all of them where the registry does not say."""
        try:
            rows = await self._store.credentials(device_ids) if device_ids else {}
        except StoreUnavailable:
            return device_ids
        return [device_id for device_id, row in rows.items() if row.project_id == project_id]

    def are_certificates_changed_since(self, sequence: int) -> bool:
        """As Bus.are_certificates_changed_since."""
        return self._certificates_changed > sequence

    async def activate(self, activations: Sequence[Activation]) -> frozenset[str]:
        """As Bus.activate."""
        existing = await self._store.activate(activations)
        checked = [activation.device_id for activation in activations if activation.checked_stamp]
        if checked and self._cache is not None:
            # No invalidation: whoever judges now by the row of before does so rightly. But it must not be kept.
            self._sequence += 1
            self._cache.forget_unchecked(checked, self._sequence)
        return existing

    def note_seen(self, activation: Activation) -> None:
        """As Bus.note_seen; one per device waits, the newest."""
        self._seen[activation.device_id] = activation

    async def pin(self, device_id: str, generation: int, fingerprint: str) -> bool:
        """As Bus.pin."""
        return await self._store.pin_fingerprint(device_id, generation, fingerprint, self._clock.wall())

    def online(self, device_ids: Sequence[str]) -> Mapping[str, float]:
        """As Bus.online."""
        live = ((device_id, self._sessions.find(device_id)) for device_id in device_ids)
        return {device_id: session.since for device_id, session in live if session is not None}

    def all_online(self) -> Sequence[str]:
        """As Bus.all_online."""
        return self._sessions.device_ids()

    def close_session(self, device_id: str) -> bool:
        """As Bus.close_session."""
        session = self._sessions.find(device_id)
        return session is not None and session.front.close(session.connection, CloseReason.ADMINISTRATIVE)

    async def flush(self) -> None:
        """Write what is batched. What the store cannot take now stays for the next time. Raises StoreUnavailable."""
        seen, self._seen = self._seen, {}
        try:
            if seen:
                await self._store.note_seen(list(seen.values()))
        except StoreUnavailable:
            self._seen = seen | self._seen
            raise
