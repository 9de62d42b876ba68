"""What the parts of the contract share."""

from collections.abc import Awaitable, Callable

import pytest

from engine.registry.sqlite import SqliteStore

OpenStore = Callable[..., Awaitable[SqliteStore]]
"""Takes limits to change."""


class Contract:
    """What the parts share: a store, open and seeded."""

    @pytest.fixture
    async def store(self, open_store: OpenStore) -> SqliteStore:
        return await open_store()
