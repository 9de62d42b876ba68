"""One connection per device, keyed by device_id: the newer takes over (the Client Identifier changes every hour)."""

import enum
from collections.abc import Sequence
from typing import Protocol

import msgspec

from engine.verdict.outcome import ProvedBy


class CloseReason(enum.Enum):
    """Why the engine ends a live session."""

    TAKEN_OVER = "taken_over"
    ADMINISTRATIVE = "administrative"
    SHUTTING_DOWN = "shutting_down"


class Front(Protocol):
    """What owns connections. A connection is named by a number that is never used twice."""

    def close(self, connection: int, reason: CloseReason) -> bool:
        """End a connection in the protocol's own terms, at once and without waiting; False when it is gone already."""


class Session(msgspec.Struct, frozen=True):
    """A live session: where it is, since when (epoch seconds), and the certificate that opened it, if one did."""

    front: Front
    connection: int
    since: float
    proved_by: ProvedBy | None = None


class SessionTable(Protocol):
    """Nothing else in Python holds an object per session; a C table can stand in for the dict."""

    def attach(self, device_id: str, session: Session) -> Session | None:
        """Enter the device's new session; the one that it takes over, for the caller to close."""

    def detach(self, device_id: str, front: Front, connection: int) -> bool:
        """Remove the device's session if it still is this connection's."""

    def find(self, device_id: str) -> Session | None:
        """The device's live session."""

    def device_ids(self) -> Sequence[str]:
        """The devices with a live session, of this moment."""

    def __len__(self) -> int: ...


class DictSessionTable:
    """The SessionTable of the reference fronts."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def attach(self, device_id: str, session: Session) -> Session | None:
        """As SessionTable.attach."""
        taken_over = self._sessions.get(device_id)
        self._sessions[device_id] = session
        return taken_over

    def detach(self, device_id: str, front: Front, connection: int) -> bool:
        """As SessionTable.detach."""
        session = self._sessions.get(device_id)
        if session is None or session.front is not front or session.connection != connection:
            return False
        del self._sessions[device_id]
        return True

    def find(self, device_id: str) -> Session | None:
        """As SessionTable.find."""
        return self._sessions.get(device_id)

    def device_ids(self) -> Sequence[str]:
        """As SessionTable.device_ids."""
        return list(self._sessions)

    def __len__(self) -> int:
        return len(self._sessions)
