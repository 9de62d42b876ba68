"""The SessionTable that C shares: a session of any front is entered in one table, and C finds it without asking."""

from collections.abc import Sequence

import msgspec

from engine.gate.compiled_front import NativeSession, NativeSessions
from engine.session.table import Front, Session
from engine.verdict.outcome import ProvedBy

_read_proof = msgspec.msgpack.Decoder(ProvedBy).decode


class NativeSessionTable:
    """Implements session.table.SessionTable. Fronts have numbers in C, given as they come."""

    def __init__(self, key: bytes) -> None:
        self.native = NativeSessions(key)
        self._fronts: list[Front] = []
        self._numbers: dict[int, int] = {}

    def number_of(self, front: Front) -> int:
        """The number that the front has, or gets by this. A node's fronts live as long as the node."""
        number = self._numbers.get(id(front))
        if number is None:
            number = self._numbers[id(front)] = len(self._fronts)
            self._fronts.append(front)
        return number

    def front_of(self, number: int) -> Front:
        """The front that has this number."""
        return self._fronts[number]

    def handle_of(self, device_id: str, front: Front, connection: int) -> int:
        """C's handle of the device's session; 0 unless it is this connection's."""
        session = self.native.find(device_id.encode())
        is_its_own = session is not None and self._is_of(session, front, connection)
        return session.handle if session is not None and is_its_own else 0

    def attach(self, device_id: str, session: Session) -> Session | None:
        """As SessionTable.attach."""
        number = self.number_of(session.front)
        note = b"" if session.proved_by is None else msgspec.msgpack.encode(session.proved_by)
        return self._told(self.native.attach(device_id.encode(), number, session.connection, session.since, note))

    def detach(self, device_id: str, front: Front, connection: int) -> bool:
        """As SessionTable.detach."""
        handle = self.handle_of(device_id, front, connection)
        return handle != 0 and self.native.detach(handle)

    def find(self, device_id: str) -> Session | None:
        """As SessionTable.find."""
        return self._told(self.native.find(device_id.encode()))

    def device_ids(self) -> Sequence[str]:
        """As SessionTable.device_ids."""
        return self.native.device_ids()

    def __len__(self) -> int:
        return len(self.native)

    def _is_of(self, session: NativeSession, front: Front, connection: int) -> bool:
        return self._fronts[session.front] is front and session.connection == connection

    def _told(self, session: NativeSession | None) -> Session | None:
        if session is None:
            return None
        proved_by = _read_proof(session.note) if session.note else None
        return Session(self._fronts[session.front], session.connection, session.since, proved_by)
