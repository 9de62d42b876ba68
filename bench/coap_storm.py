"""Registrations per second of a node on one core: `python -m bench.coap_storm [--registers N] [--in-flight N]`.

A node is started on a throw-away data directory and pinned to one core; this client, one UDP socket on another core,
keeps so many Registers in flight, each of another device and with a Message ID of its own. Printed per round: the rate,
the node's CPU time per Register (/proc/PID/stat), how many were sent again; then the medians and the spread.
"""

import argparse
import itertools
import select
import socket
import statistics
import sys
import time

from bench.nodes import BenchNode, bench_node
from tests.helpers.coap_packets import register

_CREATED = 0x41
_AGAIN_SECONDS = 2.0
_MESSAGE_IDS = 65_536


def main() -> None:
    """Start a node, run the rounds, print the table."""
    options = _options()
    with bench_node() as node:
        names = register_nodes(node, options.devices)
        _report(node, names, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--registers", type=int, default=20_000, help="per round")
    parser.add_argument("--in-flight", type=int, default=128)
    parser.add_argument("--devices", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def register_nodes(node: BenchNode, count: int) -> list[str]:
    """Register so many node-ID devices of one CoAP product over REST; their node_ids."""
    product = {"name": "c", "device_type": "t", "protocol_type": "CoAP", "data_format": "binary"}
    product_id = node.post("/products", {**product, "service_capabilities": []})["product_id"]
    names = [f"{number:015}" for number in range(count)]
    for name in names:
        auth_info = {"secure_access": False}
        node.post("/devices", {"node_id": name, "product_id": product_id, "auth_info": auth_info})
    return names


def _report(node: BenchNode, names: list[str], options: argparse.Namespace) -> None:
    print(f"first sight of {len(names)} devices, then {options.rounds} rounds of {options.registers} Registers,")
    print(f"{options.in_flight} in flight, node on core 0, client on core 1")
    rates, costs = [], []
    clients = _clients(node.address("coap"))
    for number in range(options.rounds + 1):
        count = options.registers if number else len(names)
        cpu, began = node.cpu_seconds(), time.perf_counter()
        again = storm(next(clients), names, count, options.in_flight)
        rate = count / (time.perf_counter() - began)
        cost = (node.cpu_seconds() - cpu) / count * 1e6
        what = f"round {number}" if number else "first sight"
        print(f"  {what:12} {rate:8.0f}/s  {cost:6.1f} us CPU  {again} sent again")
        if number:
            rates.append(rate)
            costs.append(cost)
    print(
        f"median {statistics.median(rates):.0f}/s ({min(rates):.0f} to {max(rates):.0f}), "
        f"{statistics.median(costs):.1f} us of the node's CPU per Register ({min(costs):.1f} to {max(costs):.1f})"
    )


def _clients(address: tuple[str, int]) -> "itertools.chain[socket.socket]":
    """Sockets without end, each from a port of its own: Message IDs may then begin anew."""

    def made() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.connect(address)
        return sock

    return itertools.chain.from_iterable([made()] for _ in itertools.count())


def storm(sock: socket.socket, names: list[str], count: int, in_flight: int) -> int:
    """So many Registers, closed loop; how many had to be sent again. Every answer must be 2.01."""
    assert count <= _MESSAGE_IDS
    queries = [f"ep={name}&lt=300&lwm2m=1.0&b=U" for name in names]
    datagrams = [register(queries[number % len(queries)], message_id=number) for number in range(count)]
    waiting: set[int] = set()
    started = again = 0
    with sock:
        while started < count or waiting:
            while started < count and len(waiting) < in_flight:
                sock.send(datagrams[started])
                waiting.add(started)
                started += 1
            if not select.select([sock], [], [], _AGAIN_SECONDS)[0]:
                for number in waiting:
                    sock.send(datagrams[number])
                again += len(waiting)
                continue
            answer = sock.recv(64)
            if answer[1] != _CREATED:
                sys.exit("not every Register was accepted")
            waiting.discard(answer[2] << 8 | answer[3])
    return again


if __name__ == "__main__":
    main()
