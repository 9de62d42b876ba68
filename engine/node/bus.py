"""The Bus protocol: what the rooms that change the store tell the rooms that accept devices, and the way back.

In one process (`workers = 0`) node/local.py is both ends; later, processes speak it over UNIX sockets.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from engine.registry.record import Activation


class Bus(Protocol):
    """Invalidate is acknowledged: when it returns, no worker accepts the old credential any more."""

    @property
    def sequence(self) -> int:
        """The number of the newest invalidation that this process has applied."""

    def is_changed_since(self, device_id: str, sequence: int) -> bool:
        """Whether an invalidation after `sequence` touched this device (True also when that is no longer known)."""

    async def invalidate(self, device_ids: Sequence[str], *, close: bool) -> None:
        """After a committed change: forget what is cached of these devices; with `close`, end their live sessions."""

    async def invalidate_certificates(self) -> None:
        """After a committed change of a device CA, a CRL or a device certificate: judged by what is now."""

    async def close_certified(self, project_id: str, fingerprints: Collection[str]) -> int:
        """End the live sessions of the project that one of these certificates proved, or one of these device CAs
        anchored (SHA-256 in hex); how many. After invalidate_certificates, so that none begins anew unjudged."""

    def are_certificates_changed_since(self, sequence: int) -> bool:
        """Whether invalidate_certificates was called after `sequence`."""

    async def activate(self, activations: Sequence[Activation]) -> frozenset[str]:
        """Durable on return: the device_ids whose record still exists. Raises StoreUnavailable."""

    def note_seen(self, activation: Activation) -> None:
        """Batched: flushed to the store at most once a second."""

    async def pin(self, device_id: str, generation: int, fingerprint: str) -> bool:
        """Pin a certificate's fingerprint to a device that has none, durably; False when another was first."""

    def online(self, device_ids: Sequence[str]) -> Mapping[str, float]:
        """Of these devices, those with a live session, and since when (epoch seconds)."""

    def all_online(self) -> Sequence[str]:
        """Every device with a live session, of this moment. A list of all: for searches, not for a CONNECT."""

    def close_session(self, device_id: str) -> bool:
        """End the device's live session, if there is one, as an administrative action."""
