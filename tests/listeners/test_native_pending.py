"""What C makes of Python's places; the rest of NativePending is tested with the other row, in test_pending.py."""

import msgspec
import pytest

from engine.limits import Limits
from engine.listeners.native_pending import NativePending
from engine.listeners.peer import Peer

PEER = Peer("192.0.2.1", 1, "192.0.2.1", exempt=False)


def test_place_that_c_has_taken_drops_its_connection_once() -> None:
    pending = NativePending(msgspec.structs.replace(Limits(), pending_hard=1), bytes(16))
    dropped: list[str] = []
    place = pending.enter(PEER, lambda: dropped.append("older"))
    assert place is not None
    _newer, crowded_out = pending.native.enter(None, exempt=True)
    assert crowded_out == place
    pending.drop(place)
    pending.leave(place)
    assert dropped == ["older"]
    assert len(pending) == 1


def test_place_is_dropped_only_once() -> None:
    pending = NativePending(Limits(), bytes(16))
    place = pending.enter(PEER, lambda: None)
    assert place is not None
    pending.drop(place)
    with pytest.raises(KeyError):
        pending.drop(place)
