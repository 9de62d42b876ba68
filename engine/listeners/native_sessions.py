"""The SessionTable that C shares: a session of any front is entered in one table, and C finds it without asking."""

from collections.abc import Sequence

from engine.gate.compiled_sessions import NativeSession, NativeSessions
from engine.session.table import Front, Session
from engine.verdict.outcome import ProvedBy

_CONNECTION_BITS = 64
"""What C keeps of a connection's number: all of an MQTT front's."""
_CONNECTION_MASK = (1 << _CONNECTION_BITS) - 1
_SHA256_BYTES = 32


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
        told = _note(session.connection >> _CONNECTION_BITS, session.proved_by)
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


def _note(high_bits: int, proved_by: ProvedBy | None) -> bytes:
    """What C keeps of a session beside the connection: the proof, as the front in C notes it, or the number's other
    bits (of a registration, which no certificate proves)."""
    if proved_by is not None:
        return proved_by.leaf_sha256 + proved_by.anchor_sha256
    return high_bits.to_bytes((high_bits.bit_length() + 7) // 8, "big")


def _told(session: NativeSession) -> tuple[int, ProvedBy | None]:
    """The whole number of the connection, and what proved the session."""
    note = session.note
    if len(note) == 2 * _SHA256_BYTES:
        return session.connection, ProvedBy(note[:_SHA256_BYTES], note[_SHA256_BYTES:])
    return int.from_bytes(note, "big") << _CONNECTION_BITS | session.connection, None
