"""One line of a kind in so long, and a count of the rest."""

import msgspec

from engine.clock import Clock
from engine.limits import Limits
from engine.observe.repeats import Repeats


class Hands:
    """A clock's hands, moved by the test."""

    now = 0.0


def repeats_of(hands: Hands, seconds: float = 10.0) -> Repeats:
    clock = Clock(wall=lambda: 0.0, monotonic=lambda: hands.now)
    return Repeats(clock, msgspec.structs.replace(Limits(), log_repeats_seconds=seconds))


def test_the_first_line_is_due_and_the_next_is_not():
    repeats = repeats_of(Hands())
    assert repeats.is_due("accept 24")
    assert not repeats.is_due("accept 24")


def test_kinds_do_not_silence_each_other():
    repeats = repeats_of(Hands())
    assert repeats.is_due("accept 24")
    assert repeats.is_due("flush")


def test_a_line_is_due_again_after_the_silence_with_the_count_of_those_held_back():
    hands = Hands()
    repeats = repeats_of(hands)
    assert [repeats.is_due("flush") for _ in range(4)] == [True, False, False, False]
    assert repeats.repeated("flush") == 0
    hands.now = 9.999
    assert not repeats.is_due("flush")
    hands.now = 10.0
    assert repeats.is_due("flush")
    assert repeats.repeated("flush") == 4
    hands.now = 20.0
    assert repeats.is_due("flush")
    assert repeats.repeated("flush") == 0


def test_memory_is_fixed_whatever_the_number_of_kinds():
    repeats = repeats_of(Hands())
    for number in range(5000):
        assert repeats.is_due(f"kind {number}")
    assert len(repeats._entries) == 1024
    assert repeats.is_due("kind 0")
    assert not repeats.is_due("kind 4999")
    assert repeats.repeated("never heard of") == 0
