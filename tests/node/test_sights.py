"""Real sights of a native front, told to a real throttle and the attempts."""

from collections.abc import Iterator

import pytest

from engine.clock import Clock
from engine.config import networks_of
from engine.gate.compiled_front import Seen
from engine.limits import Limits
from engine.listeners.peer import peer_of
from engine.listeners.throttle import Throttle
from engine.node.sights import Sights
from engine.observe.attempts import Attempt, Attempts
from engine.registry.record import Activation
from engine.verdict.outcome import Reason
from tests.helpers.native_front import PolledFront
from tests.helpers.recording_bus import RecordingBus
from tests.helpers.records import STAMP_AT

NAMES = [f"d{number}" for number in range(5)]


class Listening(RecordingBus):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Activation] = []

    def note_seen(self, activation: Activation) -> None:
        self.seen.append(activation)


class Parts:
    def __init__(self, seen: Seen, **bounds: int) -> None:
        self.now = float(STAMP_AT)
        limits = Limits(**bounds)  # type: ignore[arg-type]
        self.bus, self.throttle, self.attempts = Listening(), Throttle(limits), Attempts(limits)
        self.sights = Sights(
            seen=seen,
            listener=lambda number: f"front {number}",
            bus=self.bus,  # type: ignore[arg-type]
            throttle=self.throttle,
            attempts=self.attempts,
            exempt=networks_of((), ""),
            clock=Clock(lambda: self.now, lambda: self.now),
            limits=limits,
        )


@pytest.fixture
def front() -> Iterator[PolledFront]:
    front = PolledFront(NAMES, number=7)
    yield front
    front.close()


def test_device_is_told_with_when_where_and_by_which_listener(front: PolledFront) -> None:
    parts = Parts(front.seen)
    front.live("d1")
    parts.sights.collect(is_last=False)
    assert parts.bus.seen == [Activation(device_id="d1", record_id=f"{1:024x}", at=STAMP_AT)]
    assert parts.attempts.of_device("d1") == (Attempt(STAMP_AT, Reason.ACCEPTED, "127.0.0.1", "front 7"),)


def test_success_ends_the_penalty_of_its_prefix(front: PolledFront) -> None:
    parts = Parts(front.seen, failures_per_address=1)
    peer = peer_of("127.0.0.1", 1, ())
    parts.throttle.note_failure(peer, "other", 0.0)
    assert parts.throttle.is_exceeded(peer, "d1", 0.0)
    front.live("d1")
    parts.sights.collect(is_last=False)
    assert not parts.throttle.is_exceeded(peer, "d1", 0.0)


def test_so_many_are_told_at_a_time_and_all_of_them_at_the_end(front: PolledFront) -> None:
    parts = Parts(front.seen, seen_batch=2)
    for name in NAMES:
        front.live(name)
    parts.sights.collect(is_last=False)
    assert len(parts.bus.seen) == 2
    parts.sights.collect(is_last=True)
    assert sorted(activation.device_id for activation in parts.bus.seen) == NAMES
    parts.sights.collect(is_last=True)
    assert len(parts.bus.seen) == len(NAMES)


def test_device_that_was_told_of_waits_for_the_pause_to_end_and_is_not_lost(front: PolledFront) -> None:
    parts = Parts(front.seen, seen_pause_seconds=60)
    for waited, told in ((0, 1), (59, 1), (60, 2)):
        parts.now = STAMP_AT + waited
        front.live("d1")
        parts.sights.collect(is_last=False)
        assert len(parts.bus.seen) == told
    front.live("d1")
    parts.sights.collect(is_last=True)
    assert len(parts.bus.seen) == 3
