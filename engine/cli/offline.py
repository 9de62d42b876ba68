"""The registry itself, for commands that run while no node does: whoever may write the data directory may use them."""

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import trio

from engine.clock import Clock
from engine.config import read_config
from engine.node.data_directory import MASTER_KEY_FILE, REGISTRY_FILE, DataLock, read_credentials
from engine.registry.record import AuditEntry
from engine.registry.sealing import MasterKeys, Sealer
from engine.registry.sqlite import SqliteStore

T = TypeVar("T")


class OfflineRegistry:
    """The registry of a data directory on which no node runs; `project_id` None is the project of credentials.json."""

    def __init__(self, data: Path, project_id: str | None = None) -> None:
        self._data = data
        self.project_id = project_id or read_credentials(data).project_id
        self._clock = Clock(time.time, time.monotonic)

    def now(self) -> float:
        """Epoch seconds."""
        return self._clock.wall()

    def sealer(self) -> Sealer:
        """What seals secrets with this directory's master key."""
        return Sealer(MasterKeys.read(self._data / MASTER_KEY_FILE), os.urandom)

    def audit(self, action: str, target: str, detail: Mapping[str, Any] | None = None) -> AuditEntry:
        """Who did what to what, now: the person at the command line, who is called "keyturn"."""
        return AuditEntry(
            at=self.now(),
            project_id=self.project_id,
            actor="keyturn",
            action=action,
            target=target,
            detail=msgspec.json.encode(detail or {}),
        )

    def use(self, work: Callable[[SqliteStore], Awaitable[T]]) -> T:
        """The registry for the length of this work, alone. UsageError when somebody else has it."""
        limits = read_config(self._data).limits

        async def with_store() -> T:
            store = SqliteStore.open(self._data / REGISTRY_FILE, limits=limits, clock=self._clock)
            try:
                return await work(store)
            finally:
                await store.close()

        with DataLock(self._data):
            return trio.run(with_store)
