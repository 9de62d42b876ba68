"""A Store whose n-th call fails, for loops that show what an outage at any point is answered with."""

import inspect
from typing import Any

from engine.errors import StoreUnavailable
from engine.registry.store import Store


class FaultyStore:
    """Hands every call to a real Store, except that call number `fail_at` (1 is the first) raises StoreUnavailable.

    Calls to the parts of the store (`store.access` and its like) count with the others. The failing call does not reach
    the store. `has_failed` ends a loop over fail_at = 1, 2, 3, ...: a run in which it stays False made fewer calls than
    that. `close` is not counted and never fails.
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

    def __getattr__(self, name: str) -> Any:
        return self._faulty(name, getattr(self._store, name))

    def _faulty(self, name: str, found: Any) -> Any:
        """A method that counts; of a part of the store, one whose methods do."""
        if not inspect.iscoroutinefunction(found):
            return _FaultyPart(self, name, found)

        async def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self._fail_at:
                raise StoreUnavailable(f"call {self.calls}, {name}, was made to fail")
            return await found(*arguments, **options)

        return call


class _FaultyPart:
    """store.access, or another part, of a FaultyStore."""

    def __init__(self, faulty: FaultyStore, name: str, part: Any) -> None:
        self._faulty = faulty
        self._name = name
        self._part = part

    def __getattr__(self, name: str) -> Any:
        return self._faulty._faulty(f"{self._name}.{name}", getattr(self._part, name))
