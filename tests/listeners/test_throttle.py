import msgspec

from engine.limits import Limits
from engine.listeners.peer import Peer
from engine.listeners.throttle import Throttle

PEER = Peer("192.0.2.1", 1, "192.0.2.1", exempt=False)
OTHER = Peer("192.0.2.2", 1, "192.0.2.2", exempt=False)
EXEMPT = Peer("127.0.0.1", 1, "127.0.0.1", exempt=True)


def throttle(**bounds: float) -> Throttle:
    return Throttle(msgspec.structs.replace(Limits(), **bounds))


def test_fifteen_failures_a_minute_of_a_pair_are_answered_and_the_next_is_not() -> None:
    counter = throttle()
    for second in range(15):
        assert not counter.is_exceeded(PEER, "pump", float(second))
        counter.note_failure(PEER, "pump", float(second))
    assert counter.is_exceeded(PEER, "pump", 15.0)
    assert counter.is_exceeded(PEER, "pump", 14.0 + 299.9)
    assert not counter.is_exceeded(PEER, "pump", 14.0 + 300.0)


def test_device_is_not_locked_out_for_others() -> None:
    """A lock-out by device ID alone would be a remote off-switch (THREATS 4)."""
    counter = throttle()
    for _ in range(15):
        counter.note_failure(PEER, "pump", 0.0)
    assert counter.is_exceeded(PEER, "pump", 0.0)
    assert not counter.is_exceeded(OTHER, "pump", 0.0)
    assert not counter.is_exceeded(PEER, "valve", 0.0)


def test_failures_spread_over_minutes_are_not_exceeded() -> None:
    counter = throttle()
    for minute in range(100):
        for _ in range(14):
            counter.note_failure(PEER, "pump", minute * 60.0)
    assert not counter.is_exceeded(PEER, "pump", 99 * 60.0)


def test_address_that_tries_many_devices_is_exceeded_for_all() -> None:
    counter = throttle()
    for number in range(300):
        counter.note_failure(PEER, f"pump{number}", 0.0)
    assert counter.is_exceeded(PEER, "never-tried", 0.0)
    assert not counter.is_exceeded(OTHER, "pump1", 0.0)


def test_success_in_between_starts_the_address_anew() -> None:
    counter = throttle()
    for number in range(299):
        counter.note_failure(PEER, f"pump{number}", 0.0)
    counter.note_success(PEER, "valve")
    counter.note_failure(PEER, "pump300", 0.0)
    assert not counter.is_exceeded(PEER, "pump301", 0.0)


def test_exempt_peer_is_not_counted() -> None:
    counter = throttle()
    for _ in range(1000):
        counter.note_failure(EXEMPT, "pump", 0.0)
    assert not counter.is_exceeded(EXEMPT, "pump", 0.0)


def test_memory_is_fixed_and_the_untouched_are_forgotten_first() -> None:
    counter = throttle(failure_entries=10)
    for _ in range(15):
        counter.note_failure(PEER, "pump", 0.0)
    for number in range(9):
        counter.note_failure(PEER, f"new{number}", 0.0)
    assert not counter.is_exceeded(PEER, "pump", 0.0)
    assert len(counter) == 10


def told(counter: Throttle) -> list[tuple[str, bool]]:
    words: list[tuple[str, bool]] = []
    counter.tell(lambda prefix, is_blocked: words.append((prefix, is_blocked)))
    return words


def test_watchers_are_told_of_a_prefix_once_and_when_its_last_penalty_is_over() -> None:
    counter = throttle()
    words = told(counter)
    for device, at in (("pump", 0.0), ("valve", 10.0)):
        for _ in range(15):
            counter.note_failure(PEER, device, at)
    assert words == [(PEER.prefix, True)]
    counter.expire(300.0)
    assert words == [(PEER.prefix, True)]
    counter.expire(310.0)
    assert words == [(PEER.prefix, True), (PEER.prefix, False)]


def test_watchers_are_told_of_a_success_that_ends_the_penalty() -> None:
    counter = throttle(failures_per_address=3)
    words = told(counter)
    for _ in range(3):
        counter.note_failure(PEER, "pump", 0.0)
    counter.note_success(PEER, "valve")
    assert words == [(PEER.prefix, True), (PEER.prefix, False)]
    assert not counter.is_exceeded(PEER, "valve", 0.0)


def test_penalty_that_is_prolonged_ends_with_the_last_failure() -> None:
    counter = throttle()
    words = told(counter)
    for at in (0.0, 50.0):
        for _ in range(15):
            counter.note_failure(PEER, "pump", at)
    counter.expire(349.9)
    assert words == [(PEER.prefix, True)]
    counter.expire(350.0)
    assert words[-1] == (PEER.prefix, False)


def test_watchers_are_told_of_what_is_forgotten_for_want_of_room() -> None:
    counter = throttle(failures_per_pair=1, failure_entries=4)
    words = told(counter)
    counter.note_failure(PEER, "pump", 0.0)
    for device in ("a", "b", "c"):
        counter.note_failure(OTHER, device, 0.0)
    assert (PEER.prefix, False) in words
    assert not counter.is_exceeded(PEER, "pump", 0.0)
