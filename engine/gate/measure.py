"""How long a reference and its native twin take, side by side in one run."""

import functools
import timeit

import msgspec

from engine.gate.interface import F, Operation


class Timing(msgspec.Struct, frozen=True):
    """Seconds that one call takes, the least of many rounds: what disturbs a round only ever makes it longer."""

    reference_seconds: float
    native_seconds: float

    @property
    def ratio(self) -> float:
        """How many times faster the native twin is."""
        return self.reference_seconds / self.native_seconds


def measure(operation: Operation[F], twin: F, *, rounds: int, round_seconds: float) -> Timing:
    """Time both on the operation's first known answer, in turns so that a busy moment of the machine meets both.

    Takes at most about 2 x rounds x round_seconds, as long as the twin is no slower than the reference.
    """
    arguments = operation.known_answers[0].arguments
    reference = timeit.Timer(functools.partial(operation.reference, *arguments))
    native = timeit.Timer(functools.partial(twin, *arguments))
    calls = _calls_in(reference, round_seconds)
    turns = [(reference.timeit(calls), native.timeit(calls)) for _ in range(rounds)]
    return Timing(min(turn[0] for turn in turns) / calls, min(turn[1] for turn in turns) / calls)


def _calls_in(timer: timeit.Timer, seconds: float) -> int:
    """How many calls take about so long, at least one."""
    calls = 1
    while timer.timeit(calls) < seconds / 2:
        calls *= 2
    return calls
