"""A Store whose n-th call fails, for loops that show what an outage at any point is answered with."""

from collections.abc import Awaitable, Callable
from typing import Any

from engine.errors import StoreUnavailable
from engine.registry.store import Store


class FaultyStore:
    """Hands every call to a real Store, except that call number `fail_at` (1 is the first) raises StoreUnavailable.

    The failing call does not reach the store. `has_failed` ends a loop over fail_at = 1, 2, 3, ...: a run in which it
    stays False made fewer calls than that. `close` is not counted and never fails.
    """

    def __init__(self, store: Store, *, fail_at: int) -> None:
        self._store = store
        self._fail_at = fail_at
        self.calls = 0

    @property
    def has_failed(self) -> bool:
        """Whether the call that was to fail was made."""
        return self.calls >= self._fail_at

    async def close(self) -> None:
        """Close the real one."""
        await self._store.close()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._store, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self._fail_at:
                raise StoreUnavailable(f"call {self.calls}, {name}, was made to fail")
            return await method(*arguments, **options)

        return call
