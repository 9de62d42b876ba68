import msgspec

from engine.limits import Limits
from engine.listeners.peer import Peer
from engine.listeners.pending import Pending

HONEST = Peer("192.0.2.1", 1, "192.0.2.1", exempt=False)
OTHER = Peer("192.0.2.2", 1, "192.0.2.2", exempt=False)
BALANCER = Peer("127.0.0.1", 1, "127.0.0.1", exempt=True)


def pending(**bounds: int) -> Pending:
    return Pending(msgspec.structs.replace(Limits(), **bounds))


def never() -> None:
    raise AssertionError("dropped")


def test_prefix_has_a_share_and_gets_it_back() -> None:
    row = pending(pending_per_prefix=2)
    first = row.enter(HONEST, never)
    assert first is not None
    assert row.enter(HONEST, never) is not None
    assert row.enter(HONEST, never) is None
    assert row.enter(OTHER, never) is not None
    row.leave(first)
    row.leave(first)
    assert row.enter(HONEST, never) is not None
    assert row.enter(HONEST, never) is None


def test_exempt_peer_has_no_share() -> None:
    row = pending(pending_per_prefix=1)
    assert all(row.enter(BALANCER, never) is not None for _ in range(10))


def test_place_is_counted_for_whom_the_connection_turned_out_to_be() -> None:
    """Behind a balancer: the balancer's address has no share, the header's has."""
    row = pending(pending_per_prefix=1)
    first, second, third = (row.enter(BALANCER, never) for _ in range(3))
    assert None not in (first, second, third)
    assert row.rename(first or 0, HONEST)
    assert not row.rename(second or 0, HONEST)
    assert row.rename(third or 0, OTHER)
    assert len(row) == 2, "one that may not stay has left"
    assert row.enter(HONEST, never) is None
    row.leave(first or 0)
    assert row.enter(HONEST, never) is not None
    assert row.rename(first or 0, OTHER), "one that left is nobody's"
    assert row.enter(OTHER, never) is None


def test_above_the_soft_mark_it_is_busy() -> None:
    row = pending(pending_soft=1)
    row.enter(HONEST, never)
    assert not row.is_busy
    place = row.enter(OTHER, never)
    assert row.is_busy
    assert place is not None
    row.leave(place)
    assert not row.is_busy


def test_above_the_hard_mark_the_oldest_without_progress_is_dropped() -> None:
    row = pending(pending_hard=3)
    dropped: list[str] = []
    places = [row.enter(HONEST, lambda name=name: dropped.append(name)) for name in "abc"]
    assert places[0] is not None
    row.progress(places[0])
    row.enter(OTHER, never)
    assert dropped == ["b"]
    row.enter(OTHER, never)
    assert dropped == ["b", "c"]
    assert len(row) == 3


def test_one_that_left_makes_no_progress() -> None:
    row = pending()
    place = row.enter(HONEST, never)
    assert place is not None
    row.leave(place)
    row.progress(place)
    assert len(row) == 0
