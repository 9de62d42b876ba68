"""Bodies of callers who have proved nothing yet: a signature covers the body, so it is judged after the last octet."""

import trio

from engine.api.doorway import Exchange
from engine.api.problems import ApiProblem, Problem


class UnprovedBodies:
    """Holds at most so many bytes in all. When there are more, the largest body is given up, so that whoever floods the
    node with bodies pushes out his own, and a small request passes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._sizes: dict[trio.CancelScope, int] = {}
        self._held_bytes = 0

    async def read(self, exchange: Exchange, most_bytes: int) -> bytes:
        """The whole body of a request. ApiProblem: as Exchange.read_body, and BUSY when it was given up."""
        with trio.CancelScope() as scope:
            self._sizes[scope] = 0
            try:
                return await exchange.read_body(most_bytes, lambda size: self._note(scope, size))
            finally:
                self._resize(scope, 0)
                del self._sizes[scope]
        raise ApiProblem(Problem.BUSY)

    def _note(self, scope: trio.CancelScope, size: int) -> None:
        self._resize(scope, size)
        while self._held_bytes > self._most_bytes:
            largest = max(self._sizes, key=self._sizes.__getitem__)
            largest.cancel()
            self._resize(largest, 0)

    def _resize(self, scope: trio.CancelScope, size: int) -> None:
        self._held_bytes += size - self._sizes[scope]
        self._sizes[scope] = size
