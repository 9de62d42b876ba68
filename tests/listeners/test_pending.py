"""Either row of the pending: Python's own, and the one that C shares."""

from collections.abc import Callable

import msgspec
import pytest

from engine.limits import Limits
from engine.listeners.native_pending import NativePending
from engine.listeners.peer import Peer
from engine.listeners.pending import DictPending, Pending

HONEST = Peer("192.0.2.1", 1, "192.0.2.1", exempt=False)
OTHER = Peer("192.0.2.2", 1, "192.0.2.2", exempt=False)
IPV6 = Peer("2001:db8::1", 1, "2001:db8::/64", exempt=False)
NEIGHBOUR = Peer("2001:db8::2", 1, "2001:db8::/64", exempt=False)
BALANCER = Peer("127.0.0.1", 1, "127.0.0.1", exempt=True)
NOT_SAID_YET = Peer("127.0.0.1", 1, "", exempt=True)

OpenPending = Callable[..., Pending]


@pytest.fixture(params=["dict", "native"])
def pending(request: pytest.FixtureRequest) -> OpenPending:
    def opened(**bounds: int) -> Pending:
        limits = msgspec.structs.replace(Limits(), **bounds)
        return DictPending(limits) if request.param == "dict" else NativePending(limits, bytes(16))

    return opened


def never() -> None:
    raise AssertionError("dropped")


def test_prefix_has_a_share_and_gets_it_back(pending: OpenPending) -> None:
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


def test_neighbours_in_an_ipv6_prefix_have_one_share(pending: OpenPending) -> None:
    row = pending(pending_per_prefix=1)
    assert row.enter(IPV6, never) is not None
    assert row.enter(NEIGHBOUR, never) is None


def test_exempt_peer_has_no_share(pending: OpenPending) -> None:
    row = pending(pending_per_prefix=1)
    assert all(row.enter(BALANCER, never) is not None for _ in range(10))


@pytest.mark.parametrize("before", [BALANCER, NOT_SAID_YET])
def test_place_is_counted_for_whom_the_connection_turned_out_to_be(pending: OpenPending, before: Peer) -> None:
    """Behind a balancer: the balancer's address has no share, the header's has."""
    row = pending(pending_per_prefix=1)
    first, second, third = (row.enter(before, never) for _ in range(3))
    assert None not in (first, second, third)
    assert row.rename(first or 0, HONEST)
    assert not row.rename(second or 0, HONEST)
    assert row.rename(third or 0, OTHER)
    assert len(row) == 2, "one that may not stay has left"
    row.leave(second or 0)
    assert len(row) == 2, "and leaves once"
    assert row.enter(HONEST, never) is None
    row.leave(first or 0)
    assert row.enter(HONEST, never) is not None
    assert row.rename(first or 0, OTHER), "one that left is nobody's"
    assert row.enter(OTHER, never) is None


def test_above_the_soft_mark_it_is_busy(pending: OpenPending) -> None:
    row = pending(pending_soft=1)
    row.enter(HONEST, never)
    assert not row.is_busy
    place = row.enter(OTHER, never)
    assert row.is_busy
    assert place is not None
    row.leave(place)
    assert not row.is_busy


def test_above_the_hard_mark_the_oldest_without_progress_is_dropped(pending: OpenPending) -> None:
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


def test_place_that_was_left_is_nobodys_though_another_has_it(pending: OpenPending) -> None:
    row = pending(pending_hard=1)
    dropped: list[str] = []
    first = row.enter(HONEST, lambda: dropped.append("first"))
    assert row.enter(OTHER, never) is not None
    assert dropped == ["first"]
    assert first is not None
    row.progress(first)
    row.leave(first)
    assert len(row) == 1
    assert row.rename(first, HONEST)


def test_one_that_left_makes_no_progress(pending: OpenPending) -> None:
    row = pending()
    place = row.enter(HONEST, never)
    assert place is not None
    row.leave(place)
    row.progress(place)
    assert len(row) == 0
