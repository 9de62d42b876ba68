"""The SessionTable that C shares: a session of any front is entered in one table, and C finds it without asking."""

from collections.abc import Sequence

import msgspec

from engine.gate.compiled_front import NativeSession, NativeSessions
from engine.session.table import Front, Session
from engine.verdict.outcome import ProvedBy

_CONNECTION_MASK = 0xFFFF_FFFF_FFFF_FFFF
"""What C keeps of a connection's number: all of an MQTT front's."""


class _Note(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True):
    """What C keeps of a session and does not read: the number's other bits (a registration has 80), and the proof."""

    high_bits: int = 0
    proved_by: ProvedBy | None = None


_NOTHING = _Note()
_read_note = msgspec.msgpack.Decoder(_Note).decode


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
        if session is None or self._fronts[session.front] is not front or _told(session)[0] != connection:
            return 0
        return session.handle

    def attach(self, device_id: str, session: Session) -> Session | None:
        """As SessionTable.attach."""
        number = self.number_of(session.front)
        high_bits = session.connection >> 64
        is_noted = high_bits or session.proved_by is not None
        told = msgspec.msgpack.encode(_Note(high_bits, session.proved_by)) if is_noted else b""
        low_bits = session.connection & _CONNECTION_MASK
        return self._session(self.native.attach(device_id.encode(), number, low_bits, session.since, told))

    def detach(self, device_id: str, front: Front, connection: int) -> bool:
        """As SessionTable.detach."""
        handle = self.handle_of(device_id, front, connection)
        return handle != 0 and self.native.detach(handle)

    def find(self, device_id: str) -> Session | None:
        """As SessionTable.find."""
        return self._session(self.native.find(device_id.encode()))

    def device_ids(self) -> Sequence[str]:
        """As SessionTable.device_ids."""
        return self.native.device_ids()

    def __len__(self) -> int:
        return len(self.native)

    def _session(self, session: NativeSession | None) -> Session | None:
        if session is None:
            return None
        connection, proved_by = _told(session)
        return Session(self._fronts[session.front], connection, session.since, proved_by)


def _told(session: NativeSession) -> tuple[int, ProvedBy | None]:
    """The whole number of the connection, and what proved the session."""
    note = _read_note(session.note) if session.note else _NOTHING
    return note.high_bits << 64 | session.connection, note.proved_by
