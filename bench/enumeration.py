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
from collections.abc import Sequence

from bench.nodes import BenchNode, bench_node, connect_of
from bench.storm import storm

DEVICES = 500
KINDS = ("unknown device", "wrong secret", "certificate device", "frozen, wrong secret")


def main() -> None:
    """Start a node, try, print one row a kind; exit 1 when a kind can be told apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=100_000)
    parser.add_argument("--in-flight", type=int, default=128)
    options = parser.parse_args()
    with bench_node() as node:
        packets = _packets(node)
        cold: list[tuple[int, float]] = []
        warm: list[tuple[int, float]] = []
        answers: set[bytes] = set()

        def taking(times: list[tuple[int, float]]) -> object:
            def on_answer(number: int, answer: bytes, seconds: float) -> None:
                answers.add(answer)
                times.append((number % len(KINDS), seconds))

            return on_answer

        storm(node.mqtt, packets, len(packets), options.in_flight, taking(cold))
        storm(node.mqtt, packets, options.tries, options.in_flight, taking(warm))
    print(f"answers: {sorted(answer.hex(' ') for answer in answers)}")
    apart = [_table("cold", cold), _table("warm", warm)]
    if len(answers) != 1 or any(apart):
        sys.exit("the kinds can be told apart")


def _packets(node: BenchNode) -> list[bytes]:
    """CONNECTs of the four kinds in turn, each with a wrong password."""
    product = {"name": "q", "device_type": "t", "protocol_type": "MQTT", "data_format": "json"}
    product_id = node.post("/products", {**product, "service_capabilities": []})["product_id"]
    wrong = "not-the-secret"
    packets = []
    for number, (known, _secret) in enumerate(node.register(DEVICES)):
        frozen = f"{product_id}_f{number}"
        certificate = f"{product_id}_c{number}"
        node.post("/devices", {"node_id": f"f{number}", "product_id": product_id})
        node.post(f"/devices/{frozen}/freeze", {})
        by_certificate = {"auth_type": "CERTIFICATES"}
        node.post("/devices", {"node_id": f"c{number}", "product_id": product_id, "auth_info": by_certificate})
        unknown = f"{product_id}_u{number}"
        packets += [connect_of(device_id, wrong) for device_id in (unknown, known, certificate, frozen)]
    return packets


def _table(what: str, times: Sequence[tuple[int, float]]) -> bool:
    """Print the rows; whether any kind is told apart from the unknown devices."""
    by_kind = [sorted(seconds for kind, seconds in times if kind == wanted) for wanted in range(len(KINDS))]
    print(f"{what}: {len(times)} tries")
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
