"""Can devices be enumerated by time? `python -m bench.enumeration [--tries N]` (THREATS promise 8).

Unknown devices, wrong secrets, devices of the wrong kind and frozen ones with a wrong secret try in turn, so that all
kinds see the same machine. Their answers must be the same bytes, and the distributions of the time to the answer must
not be told apart: for each kind against the unknown devices, the two-sample Kolmogorov-Smirnov distance D beside its
critical value at 0.1 % (1.949 x sqrt((n + m) / (n m))). Cold: the first try on each device of a node just started;
warm: all later ones.
"""

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.client import storm
from bench.nodes import BenchNode, bench_node, device_line

DEVICES = 500
KINDS = ("unknown device", "wrong secret", "certificate device", "frozen, wrong secret")

Try = tuple[int, str, float]
"""Kind, the answer in hex, seconds from CONNECT to it."""


def main() -> None:
    """Start a node, try, print one row a kind; exit 1 when a kind can be told apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=100_000)
    parser.add_argument("--in-flight", type=int, default=128)
    options = parser.parse_args()
    with bench_node() as node, tempfile.TemporaryDirectory() as scratch:
        devices = Path(scratch, "devices.tsv")
        devices.write_text("".join(f"{line}\n" for line in _lines(node)))
        address = node.addresses["mqtt"]
        cold = _try(address, devices, len(KINDS) * DEVICES, options.in_flight)
        warm = _try(address, devices, options.tries, options.in_flight)
    answers = {answer for _kind, answer, _seconds in (*cold, *warm)}
    print(f"answers: {sorted(answers)}")
    apart = [_table("cold", cold), _table("warm", warm)]
    if len(answers) != 1 or any(apart):
        sys.exit("the kinds can be told apart")


def _try(address: str, devices: Path, tries: int, in_flight: int) -> list[Try]:
    """So many of them, each answered with code 4."""
    samples = devices.with_name("samples")
    result = storm(address, devices, connections=tries, in_flight=in_flight, expect=4, samples=samples)
    if result.expected != tries:
        sys.exit(f"not every try was refused: {result}")
    lines = (line.split() for line in samples.read_text().splitlines())
    return [(_kind(int(device)), answer, int(nanoseconds) / 1e9) for device, answer, nanoseconds in lines]


def _lines(node: BenchNode) -> list[str]:
    """Devices of the four kinds in turn, each with a wrong password."""
    product_id = node.add_product()
    wrong = "not-the-secret"
    lines = []
    for number, (known, _secret) in enumerate(node.register(DEVICES)):
        frozen = f"{product_id}_f{number}"
        certificate = f"{product_id}_c{number}"
        node.post("/devices", {"node_id": f"f{number}", "product_id": product_id})
        node.post(f"/devices/{frozen}/freeze", {})
        by_certificate = {"auth_type": "CERTIFICATES"}
        node.post("/devices", {"node_id": f"c{number}", "product_id": product_id, "auth_info": by_certificate})
        unknown = f"{product_id}_u{number}"
        four = (unknown, known, certificate, frozen)
        lines += [device_line(four[_kind(len(lines) + place)], wrong) for place in range(len(four))]
    return lines


def _kind(line: int) -> int:
    """Whose turn it is. Every four begin with the next kind: who tries last of four is answered some 40 us sooner."""
    return (line + line // len(KINDS)) % len(KINDS)


def _table(what: str, tries: Sequence[Try]) -> bool:
    """Print the rows; whether any kind is told apart from the unknown devices."""
    by_kind = [sorted(seconds for kind, _, seconds in tries if kind == wanted) for wanted in range(len(KINDS))]
    print(f"{what}: {len(tries)} tries")
    is_apart = False
    for kind, sample in zip(KINDS, by_kind, strict=True):
        distance = _distance(by_kind[0], sample)
        critical = 1.949 * math.sqrt((len(sample) + len(by_kind[0])) / (len(sample) * len(by_kind[0])))
        is_apart |= distance > critical
        median = statistics.median(sample) * 1e3
        print(f"  {kind:22} median {median:7.3f} ms   D {distance:.4f}   critical {critical:.4f}")
    return is_apart


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Kolmogorov-Smirnov: the largest difference of the two cumulative distributions; both sorted."""
    at = [0, 0]
    largest = 0.0
    while at[0] < len(one) and at[1] < len(other):
        value = min(one[at[0]], other[at[1]])
        while at[0] < len(one) and one[at[0]] <= value:
            at[0] += 1
        while at[1] < len(other) and other[at[1]] <= value:
            at[1] += 1
        largest = max(largest, abs(at[0] / len(one) - at[1] / len(other)))
    return largest


if __name__ == "__main__":
    main()
