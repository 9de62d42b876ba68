"""The boundary to native/sessions.c, as compiled_front.py is to the fronts that share it."""

import msgspec

from engine.gate import _native


class NativeSession(msgspec.Struct, frozen=True, gc=False):
    """struct eng_session."""

    handle: int
    front: int
    connection: int
    since: float
    note: bytes


class NativeSessions:
    """native/sessions.c. key: 16 random bytes. `pointer` is what C takes."""

    def __init__(self, key: bytes) -> None:
        sessions = _native.lib.eng_sessions_open(sixteen_bytes(key))
        if sessions == _native.ffi.NULL:
            raise MemoryError
        self.pointer = _native.ffi.gc(sessions, _native.lib.eng_sessions_close)
        self._asked: _native._Session = _native.ffi.new("struct eng_session *")
        self._told: _native._Session = _native.ffi.new("struct eng_session *")

    def __len__(self) -> int:
        return _native.lib.eng_sessions_count(self.pointer)

    def attach(
        self, device_id: bytes, front: int, connection: int, since: float, note: bytes = b""
    ) -> NativeSession | None:
        """Enter a session; the one it takes over. MemoryError, and everything is as before."""
        session = self._asked
        session.front, session.connection, session.since = front, connection, since
        held = _native.ffi.from_buffer("uint8_t[]", note) if note else _native.ffi.NULL
        session.note, session.note_len = held, len(note)
        if not _native.lib.eng_sessions_attach(self.pointer, device_id, len(device_id), session, self._told):
            raise MemoryError
        return self._session()

    def detach(self, handle: int) -> bool:
        """Whether the session was there."""
        return _native.lib.eng_sessions_detach(self.pointer, handle) == 1

    def find(self, device_id: bytes) -> NativeSession | None:
        """The device's session."""
        _native.lib.eng_sessions_find(self.pointer, device_id, len(device_id), self._told)
        return self._session()

    def device_ids(self) -> list[str]:
        """Every device with a session."""
        length = _native.lib.eng_sessions_device_ids(self.pointer, _native.ffi.NULL, 0)
        if not length:
            return []
        data = _native.ffi.new("uint8_t[]", length)
        _native.lib.eng_sessions_device_ids(self.pointer, data, length)
        return bytes(_native.ffi.buffer(data)).decode("ascii").splitlines()

    def _session(self) -> NativeSession | None:
        told = self._told
        if not told.handle:
            return None
        note = bytes(_native.ffi.buffer(told.note, told.note_len)) if told.note_len else b""
        return NativeSession(told.handle, told.front, told.connection, told.since, note)


def sixteen_bytes(data: bytes) -> bytes:
    """The same; ValueError where it is of another length, which C would not notice."""
    if len(data) != 16:
        raise ValueError("16 bytes are needed")
    return data
