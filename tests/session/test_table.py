from engine.session.table import CloseReason, DictSessionTable, Session


class SilentFront:
    def close(self, connection: int, reason: CloseReason) -> bool:
        raise AssertionError(f"the table closed {connection} ({reason}) by itself")


def test_newer_session_takes_over_and_is_found() -> None:
    table, front = DictSessionTable(), SilentFront()
    older, newer = Session(front, 1, 0.0), Session(front, 2, 1.0)
    assert table.attach("pump", older) is None
    assert table.attach("pump", newer) is older
    assert table.find("pump") is newer
    assert table.device_ids() == ["pump"]
    assert len(table) == 1


def test_late_detach_of_the_older_connection_leaves_the_newer() -> None:
    """The taken-over connection's task ends after the take-over; it must not sign the device off."""
    table, front = DictSessionTable(), SilentFront()
    table.attach("pump", Session(front, 1, 0.0))
    table.attach("pump", Session(front, 2, 0.0))
    assert not table.detach("pump", front, 1)
    assert table.find("pump") is not None
    assert table.detach("pump", front, 2)
    assert table.find("pump") is None
    assert len(table) == 0


def test_same_number_of_another_front_is_another_connection() -> None:
    table, front, other = DictSessionTable(), SilentFront(), SilentFront()
    table.attach("pump", Session(front, 1, 0.0))
    assert not table.detach("pump", other, 1)
    assert table.detach("pump", front, 1)


def test_device_without_a_session_is_not_found() -> None:
    table = DictSessionTable()
    assert table.find("pump") is None
    assert not table.detach("pump", SilentFront(), 1)
