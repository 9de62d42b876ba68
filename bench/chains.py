"""Chain verification from DER, first and repeat sight, with 1 and 100 anchors: `python -m bench.chains [--rounds N]`.

The device chains to the last anchor of each set. Rounds of all take turns, so that what disturbs the machine disturbs
all; the least time of a call counts.
"""

import argparse
import time
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from engine.gate import compiled
from engine.gate.interface import AcceptedChain, AnchorSet, ChainProfile, VerifyChain
from engine.gate.reference import chain as reference
from engine.limits import Limits
from tests.helpers import chains

ANCHORS = (1, 100)
NO_DIFFERENCE = 1.1
"""Times as long that 100 anchors may take: "no measurable difference" (issue 4), and the machine's own unrest."""

CALLS = 20


class Case(NamedTuple):
    """One implementation with one set of anchors."""

    implementation: str
    verify_chain: VerifyChain
    anchors: AnchorSet
    count: int


def cases() -> list[Case]:
    """Native: on a repeat sight, and on the first one, for which nothing is kept of chains."""
    forgetful = msgspec.structs.replace(Limits(), chains_remembered=0)
    others = [chains.issue(f"ca {number}", None, chains.AUTHORITY) for number in range(max(ANCHORS) - 1)]
    implementations: dict[str, VerifyChain] = {
        "reference": reference.ChainVerifier(Limits()),
        "native, first sight": compiled.ChainVerifier(forgetful),
        "native, repeat sight": compiled.ChainVerifier(Limits()),
    }
    return [
        Case(name, verify_chain, chains.anchors(*others[: count - 1], chains.fleet().root), count)
        for name, verify_chain in implementations.items()
        for count in ANCHORS
    ]


def measure(rounds: int) -> dict[tuple[str, int], float]:
    """Seconds of a call: (implementation, anchors)."""
    _, intermediate, device = chains.fleet()
    least: dict[tuple[str, int], float] = {}
    measured = cases()
    for _ in range(rounds):
        for case in measured:
            arguments = (device.der, [intermediate.der], case.anchors, chains.NOW, ChainProfile.DEVICE)
            assert isinstance(case.verify_chain(*arguments), AcceptedChain)
            began = time.perf_counter()
            for _ in range(CALLS):
                case.verify_chain(*arguments)
            seconds = (time.perf_counter() - began) / CALLS
            key = (case.implementation, case.count)
            least[key] = min(seconds, least.get(key, seconds))
    return least


def differences(figures: dict[tuple[str, int], float]) -> dict[str, float]:
    """Implementation to how many times as long the many anchors take as the one."""
    few, many = ANCHORS
    return {name: figures[name, many] / figures[name, few] for name, count in figures if count == few}


def report(figures: dict[tuple[str, int], float]) -> Table:
    table = Table(caption=f"a path of three, P-256; native module linked with {compiled.library_version()}")
    for heading in ("implementation", *(f"{count} anchors" for count in ANCHORS), "difference"):
        table.add_column(heading)
    for name, difference in differences(figures).items():
        times = (f"{figures[name, count] * 1e6:.2f} us" for count in ANCHORS)
        table.add_row(name, *times, f"{difference:.2f} x")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    Console().print(report(measure(parser.parse_args().rounds)))


if __name__ == "__main__":
    main()
