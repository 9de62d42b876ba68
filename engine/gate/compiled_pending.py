"""The boundary to native/pending.c, as compiled_front.py is to the fronts that share it."""

from engine.gate import _native
from engine.gate.compiled_sessions import sixteen_bytes


class Places:
    """Connections not authenticated yet, of every front of a node. `pointer` is what C takes. For one thread.

    key: 16 random bytes. soft, hard: the marks of their number; per_prefix: the share of one prefix.
    """

    def __init__(self, key: bytes, *, soft: int, hard: int, per_prefix: int) -> None:
        pending = _native.lib.eng_pending_open(sixteen_bytes(key), soft, hard, per_prefix)
        if pending == _native.ffi.NULL:
            raise MemoryError
        self.pointer = _native.ffi.gc(pending, _native.lib.eng_pending_close)
        self._dropped: _native._Size = _native.ffi.new("uint64_t *")

    def __len__(self) -> int:
        return _native.lib.eng_pending_count(self.pointer)

    def enter(self, address: bytes | None, *, exempt: bool) -> tuple[int, int]:
        """A place, 0 where there is none for this address; and the place of Python's that was left for it, or 0."""
        place = _native.lib.eng_pending_enter(self.pointer, address or _native.ffi.NULL, exempt, self._dropped)
        return place, self._dropped[0]

    def rename(self, place: int, address: bytes, *, exempt: bool) -> bool:
        """As eng_pending_rename."""
        return _native.lib.eng_pending_rename(self.pointer, place, address, exempt) == 1

    def progress(self, place: int) -> None:
        """As eng_pending_progress."""
        _native.lib.eng_pending_progress(self.pointer, place)

    def leave(self, place: int) -> None:
        """As eng_pending_leave."""
        _native.lib.eng_pending_leave(self.pointer, place)
