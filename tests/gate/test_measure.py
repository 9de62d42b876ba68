"""Timing: both twins are called alike, and the least of the rounds counts."""

from engine.gate.interface import KnownAnswer, Operation
from engine.gate.measure import Timing, measure


def test_ratio_says_how_many_times_faster_native_is() -> None:
    assert Timing(reference_seconds=6.0, native_seconds=1.5).ratio == 4.0


def test_twins_are_called_equally_often_with_the_first_known_answer() -> None:
    reference_calls: list[int] = []
    native_calls: list[int] = []
    operation = Operation(
        name="append",
        reference=reference_calls.append,
        native=lambda: native_calls.append,
        known_answers=(KnownAnswer((1,), None), KnownAnswer((2,), None)),
    )

    timing = measure(operation, native_calls.append, rounds=3, round_seconds=0.0)

    assert timing.reference_seconds > 0
    assert timing.native_seconds > 0
    assert native_calls == [1, 1, 1]
    assert set(reference_calls) == {1}


def test_a_round_is_as_many_calls_as_fill_it() -> None:
    calls: list[int] = []
    operation = Operation(
        name="append", reference=lambda n: None, native=lambda: calls.append, known_answers=(KnownAnswer((7,), None),)
    )
    measure(operation, calls.append, rounds=1, round_seconds=0.001)
    assert len(calls) > 1
