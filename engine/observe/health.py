"""What /readyz answers: may this node be given connections now, and if not, why."""

import enum
from collections.abc import Awaitable, Callable

import msgspec

from engine.errors import StoreUnavailable
from engine.limits import Limits


class ListenerState(enum.StrEnum):
    """One listener's life; OFF is one that the configuration disables."""

    STARTING = "starting"
    SERVING = "serving"
    CLOSED = "closed"
    OFF = "off"


class Readiness(msgspec.Struct, frozen=True):
    """The node's state. `registry` is "ok" or "unavailable"; loop_lag_seconds is how late the loop last was."""

    ready: bool
    draining: bool
    listeners: dict[str, ListenerState]
    registry: str
    loop_lag_seconds: float


class Health:
    """Collects the states. `check` is Store.check, which raises StoreUnavailable when reads or writes fail."""

    def __init__(self, check: Callable[[], Awaitable[None]], limits: Limits) -> None:
        self._check = check
        self._lag_limit_seconds = limits.loop_lag_seconds
        self._listeners: dict[str, ListenerState] = {}
        self._draining = False
        self._loop_lag_seconds = 0.0

    def note_listener(self, name: str, state: ListenerState) -> None:
        """A listener has come into this state."""
        self._listeners[name] = state

    def note_draining(self) -> None:
        """The node is on its way out; there is no way back."""
        self._draining = True

    def note_loop_lag(self, seconds: float) -> None:
        """How late the event loop came back from its last short sleep."""
        self._loop_lag_seconds = seconds

    @property
    def loop_lag_seconds(self) -> float:
        """What note_loop_lag said last."""
        return self._loop_lag_seconds

    @property
    def is_lagging(self) -> bool:
        """Whether new connections are to be shed (THREATS 5)."""
        return self._loop_lag_seconds > self._lag_limit_seconds

    @property
    def is_draining(self) -> bool:
        """Whether the node is on its way out."""
        return self._draining

    async def report(self) -> Readiness:
        """Ask the registry, and say whether the node may be given connections."""
        try:
            await self._check()
            registry = "ok"
        except StoreUnavailable:
            registry = "unavailable"
        serving = all(state in (ListenerState.SERVING, ListenerState.OFF) for state in self._listeners.values())
        return Readiness(
            ready=serving and registry == "ok" and not self._draining and not self.is_lagging,
            draining=self._draining,
            listeners=dict(self._listeners),
            registry=registry,
            loop_lag_seconds=self._loop_lag_seconds,
        )
