import pytest

from engine.listeners.native_sessions import NativeSessionTable
from engine.session.table import CloseReason, DictSessionTable, Session, SessionTable
from engine.verdict.outcome import ProvedBy


class SilentFront:
    def close(self, connection: int, reason: CloseReason) -> bool:
        raise AssertionError(f"the table closed {connection} ({reason}) by itself")


@pytest.fixture(params=["dict", "native"])
def table(request: pytest.FixtureRequest) -> SessionTable:
    """One class of tests on both: what holds of the dict holds of the table that C shares."""
    return DictSessionTable() if request.param == "dict" else NativeSessionTable(bytes(16))


def test_newer_session_takes_over_and_is_found(table: SessionTable) -> None:
    front = SilentFront()
    older, newer = Session(front, 1, 0.0), Session(front, 2, 1.5)
    assert table.attach("pump", older) is None
    assert table.attach("pump", newer) == older
    assert table.find("pump") == newer
    assert table.device_ids() == ["pump"]
    assert len(table) == 1


def test_late_detach_of_the_older_connection_leaves_the_newer(table: SessionTable) -> None:
    front = SilentFront()
    table.attach("pump", Session(front, 1, 0.0))
    table.attach("pump", Session(front, 2, 0.0))
    assert not table.detach("pump", front, 1)
    assert table.find("pump") is not None
    assert table.detach("pump", front, 2)
    assert table.find("pump") is None
    assert len(table) == 0


def test_same_number_of_another_front_is_another_connection(table: SessionTable) -> None:
    front, other = SilentFront(), SilentFront()
    table.attach("pump", Session(front, 1, 0.0))
    assert not table.detach("pump", other, 1)
    assert table.detach("pump", front, 1)


def test_thousands_of_devices_come_and_go(table: SessionTable) -> None:
    front = SilentFront()
    for number in range(5000):
        assert table.attach(f"d{number}", Session(front, number + (number << 32), float(number))) is None
    for number in range(0, 5000, 2):
        assert table.detach(f"d{number}", front, number + (number << 32))
    assert sorted(table.device_ids()) == sorted(f"d{number}" for number in range(1, 5000, 2))
    assert table.find("d4999") == Session(front, 4999 + (4999 << 32), 4999.0)
    assert table.find("d4998") is None


def test_session_keeps_what_proved_it(table: SessionTable) -> None:
    front, proof = SilentFront(), ProvedBy(bytes(range(32)), bytes(reversed(range(32))))
    table.attach("pump", Session(front, 1, 0.0, proof))
    assert table.find("pump") == Session(front, 1, 0.0, proof)
    assert table.attach("pump", Session(front, 2, 0.0)) == Session(front, 1, 0.0, proof)
    assert table.find("pump") == Session(front, 2, 0.0)


def test_registration_has_a_longer_number_than_a_connection(table: SessionTable) -> None:
    front, number = SilentFront(), (1 << 80) - 3
    table.attach("meter", Session(front, number, 0.0))
    assert table.find("meter") == Session(front, number, 0.0)
    assert not table.detach("meter", front, number & 0xFFFF_FFFF_FFFF_FFFF)
    assert table.attach("meter", Session(front, 7, 0.0)) == Session(front, number, 0.0)
    assert table.detach("meter", front, 7)


def test_no_session_is_no_device(table: SessionTable) -> None:
    assert list(table.device_ids()) == []


def test_handle_is_that_of_the_session_which_is_there_now() -> None:
    native, front = NativeSessionTable(bytes(16)), SilentFront()
    native.attach("pump", Session(front, 1, 0.0))
    first = native.handle_of("pump", front, 1)
    native.attach("pump", Session(front, 2, 0.0))
    assert native.handle_of("pump", front, 1) == 0
    assert native.handle_of("pump", front, 2) not in (0, first)
    assert not native.native.detach(first)
    assert native.front_of(native.number_of(front)) is front
