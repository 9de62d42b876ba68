"""The sessions of native/sessions.c through their boundary; tests/native/ compares them with plain ones."""

import pytest

from engine.gate.compiled_sessions import NativeSessions


def test_session_is_found_until_its_handle_is_detached() -> None:
    sessions = NativeSessions(bytes(16))
    assert sessions.attach(b"pump", 1, 7, 2.5, b"a note") is None
    found = sessions.find(b"pump")
    assert found is not None
    assert (found.front, found.connection, found.since, found.note) == (1, 7, 2.5, b"a note")
    assert (len(sessions), list(sessions.device_ids())) == (1, ["pump"])
    assert sessions.detach(found.handle)
    assert not sessions.detach(found.handle)
    assert sessions.find(b"pump") is None


def test_handle_of_a_session_that_was_taken_over_names_none() -> None:
    sessions = NativeSessions(bytes(16))
    sessions.attach(b"pump", 0, 1, 0.0)
    older = sessions.find(b"pump")
    taken_over = sessions.attach(b"pump", 0, 2, 0.0)
    assert older == taken_over
    assert older is not None
    assert not sessions.detach(older.handle)
    assert len(sessions) == 1


@pytest.mark.parametrize("device_id", [b"", b"x" * 256])
def test_device_id_that_no_contract_allows_is_nowhere(device_id: bytes) -> None:
    sessions = NativeSessions(bytes(16))
    with pytest.raises(MemoryError):
        sessions.attach(device_id, 0, 1, 0.0)
    assert sessions.find(device_id) is None
    assert len(sessions) == 0


def test_key_of_another_length_is_refused_before_c_reads_it() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        NativeSessions(bytes(15))
