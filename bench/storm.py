"""Connections per second of a node on one core: `python -m bench.storm [--connections N] [--in-flight N] [--rounds N]`.

A node is started on a throw-away data directory and pinned to one core; this client, an epoll loop on another core,
keeps so many connections in flight: connect, CONNECT (3.1.1, HMAC password), CONNACK, close. Printed per round: the
rate and the node's CPU time per connection (/proc/PID/stat); then the medians and the spread. With `--native never`
the gate's references serve.
"""

import argparse
import contextlib
import hashlib
import hmac
import json
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.helpers.mqtt_packets import connect_packet

STAMP = time.strftime("%Y%m%d%H", time.gmtime())
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Start a node, run the rounds, print the table."""
    options = _options()
    keyturn = [sys.executable, "-m", "engine"]
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "data")
        made = subprocess.run([*keyturn, "init", "--data", data, "--json"], check=True, capture_output=True)
        credentials = json.loads(made.stdout)
        _set(data / "keyturn.toml", native=options.native)
        ready = Path(scratch, "ready.json")
        serve = [
            "taskset",
            "-c",
            "0",
            *keyturn,
            "serve",
            "--data",
            data,
            "--mqtt",
            "127.0.0.1:0",
            "--api",
            "127.0.0.1:0",
        ]
        with subprocess.Popen([*serve, "--ready-file", ready], stderr=subprocess.DEVNULL) as node:
            try:
                while not ready.exists():
                    if node.poll() is not None:
                        sys.exit("the node did not start")
                    time.sleep(0.05)
                addresses = json.loads(ready.read_text())
                os.sched_setaffinity(0, {1})
                packets = _register(addresses["api"], credentials, options.devices)
                _report(addresses["mqtt"], packets, node.pid, options)
            finally:
                node.terminate()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=20_000, help="per round")
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--devices", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--native", choices=("auto", "never"), default="auto")
    return parser.parse_args()


def _set(config: Path, **fields: str) -> None:
    """Top-level fields come first in TOML, so they are put before everything else."""
    kept = [line for line in config.read_text().splitlines() if line.partition("=")[0].strip() not in fields]
    config.write_text("\n".join([*(f'{name} = "{value}"' for name, value in fields.items()), *kept]) + "\n")


def _register(api: str, credentials: dict[str, str], count: int) -> list[bytes]:
    """Register the devices through REST; the CONNECT packet of each."""
    base = f"http://{api}/v5/iot/{credentials['project_id']}"

    def post(path: str, body: dict[str, object]) -> dict[str, object]:
        headers = {"Content-Type": "application/json", "X-Auth-Token": credentials["token"]}
        request = urllib.request.Request(base + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)  # type: ignore[no-any-return]  # the caller picks what it needs

    product = post(
        "/products",
        {"name": "p", "device_type": "t", "protocol_type": "MQTT", "data_format": "json", "service_capabilities": []},
    )
    packets = []
    for number in range(count):
        secret = f"{number:032x}"
        body = {"node_id": f"n{number}", "product_id": product["product_id"], "auth_info": {"secret": secret}}
        device_id = str(post("/devices", body)["device_id"])
        password = hmac.new(STAMP.encode(), secret.encode(), hashlib.sha256).hexdigest().encode()
        packets.append(connect_packet(client_id=f"{device_id}_0_1_{STAMP}", user_name=device_id, password=password))
    return packets


def _report(mqtt: str, packets: list[bytes], pid: int, options: argparse.Namespace) -> None:
    host, _, port = mqtt.rpartition(":")
    address = (host, int(port))
    print(f"first sight of {len(packets)} devices, then {options.rounds} rounds of {options.connections} connections,")
    print(f"{options.in_flight} in flight, node on core 0, client on core 1, native = {options.native}")
    rates, costs = [], []
    for number in range(options.rounds + 1):
        connections = options.connections if number else len(packets)
        cpu, began = _cpu_seconds(pid), time.perf_counter()
        accepted = _storm(address, packets, connections, options.in_flight)
        rate = connections / (time.perf_counter() - began)
        cost = (_cpu_seconds(pid) - cpu) / connections * 1e6
        what = f"round {number}" if number else "first sight"
        print(f"  {what:12} {rate:8.0f}/s  {cost:6.1f} us CPU  {accepted} accepted")
        if accepted != connections:
            sys.exit("not every connection was accepted")
        if number:
            rates.append(rate)
            costs.append(cost)
    print(
        f"median {statistics.median(rates):.0f}/s ({min(rates):.0f} to {max(rates):.0f}), "
        f"{statistics.median(costs):.1f} us of the node's CPU per connection ({min(costs):.1f} to {max(costs):.1f})"
    )


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _storm(address: tuple[str, int], packets: list[bytes], connections: int, in_flight: int) -> int:
    """Connections accepted (CONNACK with code 0) of so many, closed loop."""
    poll = select.epoll()
    live: dict[int, tuple[socket.socket, bytes]] = {}
    started = accepted = 0

    def start() -> None:
        nonlocal started
        # A source address of its own every 20,000 connections: the ports of one are used up by TIME_WAIT.
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((f"127.0.{started // 20_000 % 200}.{2 + started % 200}", 0))
        sock.connect_ex(address)
        live[sock.fileno()] = (sock, packets[started % len(packets)])
        poll.register(sock.fileno(), select.EPOLLOUT)
        started += 1

    while started < min(in_flight, connections):
        start()
    while live:
        for descriptor, events in poll.poll():
            sock, packet = live[descriptor]
            if events == select.EPOLLOUT:
                sock.send(packet)
                poll.modify(descriptor, select.EPOLLIN)
                continue
            with contextlib.suppress(OSError):
                accepted += sock.recv(64)[:4] == b"\x20\x02\0\0"
            poll.unregister(descriptor)
            del live[descriptor]
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.close()
            if started < connections:
                start()
    poll.close()
    return accepted


if __name__ == "__main__":
    main()
