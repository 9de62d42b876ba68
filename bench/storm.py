"""Connections per second of a node on one core: `python -m bench.storm [--connections N] [--in-flight N] [--rounds N]`.

A node is started on a throw-away data directory and pinned to one core; this client, an epoll loop on another core,
keeps so many connections in flight: connect, CONNECT (3.1.1, HMAC password), CONNACK, close. Printed per round: the
rate and the node's CPU time per connection (/proc/PID/stat); then the medians and the spread. With `--native never`
the gate's references serve.
"""

import argparse
import contextlib
import select
import socket
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from bench.nodes import BenchNode, bench_node, connect_of

ACCEPTED = b"\x20\x02\0\0"
_RESET_ON_CLOSE = b"\1\0\0\0\0\0\0\0"  # struct linger: no TIME_WAIT, so that ports do not run out


def main() -> None:
    """Start a node, run the rounds, print the table."""
    options = _options()
    with bench_node(options.native) as node:
        packets = [connect_of(*device) for device in node.register(options.devices)]
        _report(node, packets, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=20_000, help="per round")
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--devices", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--native", choices=("auto", "never"), default="auto")
    return parser.parse_args()


def _report(node: BenchNode, packets: list[bytes], options: argparse.Namespace) -> None:
    print(f"first sight of {len(packets)} devices, then {options.rounds} rounds of {options.connections} connections,")
    print(f"{options.in_flight} in flight, node on core 0, client on core 1, native = {options.native}")
    rates, costs = [], []
    for number in range(options.rounds + 1):
        connections = options.connections if number else len(packets)
        cpu, began = node.cpu_seconds(), time.perf_counter()
        answers: list[bytes] = []
        storm(node.mqtt, packets, connections, options.in_flight, lambda _n, answer, _s: answers.append(answer))  # noqa: B023 - called within the round
        rate = connections / (time.perf_counter() - began)
        cost = (node.cpu_seconds() - cpu) / connections * 1e6
        what = f"round {number}" if number else "first sight"
        print(f"  {what:12} {rate:8.0f}/s  {cost:6.1f} us CPU  {answers.count(ACCEPTED)} accepted")
        if answers.count(ACCEPTED) != connections:
            sys.exit("not every connection was accepted")
        if number:
            rates.append(rate)
            costs.append(cost)
    print(
        f"median {statistics.median(rates):.0f}/s ({min(rates):.0f} to {max(rates):.0f}), "
        f"{statistics.median(costs):.1f} us of the node's CPU per connection ({min(costs):.1f} to {max(costs):.1f})"
    )


def storm(
    address: tuple[str, int],
    packets: Sequence[bytes],
    connections: int,
    in_flight: int,
    on_answer: Callable[[int, bytes, float], object],
) -> None:
    """So many connections, closed loop: on_answer(number, first bytes or b"", seconds from CONNECT to them)."""
    poll = select.epoll()
    live: dict[int, tuple[socket.socket, int]] = {}
    sent_at: dict[int, float] = {}
    started = 0

    def start() -> None:
        nonlocal started
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        sock.bind((f"127.0.{started // 20_000 % 200}.{2 + started % 200}", 0))
        sock.connect_ex(address)
        live[sock.fileno()] = (sock, started)
        poll.register(sock.fileno(), select.EPOLLOUT)
        started += 1

    while started < min(in_flight, connections):
        start()
    while live:
        for descriptor, events in poll.poll():
            sock, number = live[descriptor]
            if events == select.EPOLLOUT:
                sent_at[descriptor] = time.perf_counter()
                sock.send(packets[number % len(packets)])
                poll.modify(descriptor, select.EPOLLIN)
                continue
            answer = b""
            with contextlib.suppress(OSError):
                answer = sock.recv(64)
            on_answer(number, answer, time.perf_counter() - sent_at.pop(descriptor, time.perf_counter()))
            poll.unregister(descriptor)
            del live[descriptor]
            sock.close()
            if started < connections:
                start()
    poll.close()


if __name__ == "__main__":
    main()
