"""Rivals on the same bytes in one run: rounds take turns, so that what disturbs the machine disturbs all of them.

CPU time of this process is counted, in microseconds a call.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping

Figures = Mapping[str, list[float]]
"""Microseconds a call by reader's name, a figure for each round."""


def measure(readers: Mapping[str, Callable[[], object]], rounds: int = 60, calls: int = 500) -> Figures:
    """Each reader in turn, round by round."""
    figures: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(rounds):
        for name, read in readers.items():
            start = time.process_time_ns()
            for _ in range(calls):
                read()
            figures[name].append((time.process_time_ns() - start) / calls / 1000)
    return figures


def ratio(figures: Figures) -> float:
    """The rival's median (the first reader's) over ours (the second's)."""
    rival, ours, *_ = figures.values()
    return statistics.median(rival) / statistics.median(ours)


def report(what: str, figures: Figures) -> str:
    """A line a reader: median, least and most, and how many times the rival's speed."""
    medians = {name: statistics.median(rounds) for name, rounds in figures.items()}
    slowest = next(iter(medians.values()))
    lines = [f"{what}, us each, {len(next(iter(figures.values())))} rounds"]
    lines += [
        f"{name:24}{medians[name]:8.2f}  ({min(rounds):.2f} to {max(rounds):.2f}){slowest / medians[name]:8.2f} x"
        for name, rounds in figures.items()
    ]
    return "\n".join(lines)


def run(description: str | None, what: str, readers: Mapping[str, Callable[[], object]], required: float) -> None:
    """The command: measure, print, and fail where ours is not as fast as required."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--rounds", type=int, default=200)
    figures = measure(readers, options.parse_args().rounds)
    print(report(what, figures))
    if ratio(figures) < required:
        raise SystemExit(f"required: {required} x")
