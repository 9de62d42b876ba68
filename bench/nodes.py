"""What the benchmarks of a whole node share: a node on a throw-away directory, its devices, its CPU time."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from engine.cli.child import FREE_PORTS
from tests.helpers.mqtt_credentials import credentials_of

_TICKS = os.sysconf("SC_CLK_TCK")
_CALLERS = 32
"""Calls at a time where many are made: the writer commits those that wait together."""


class Cpu(NamedTuple):
    """CPU seconds of a process, all its threads; the parts are to a tick (10 ms), the total to a microsecond."""

    user: float
    system: float
    total: float


def cpu_of(pid: int) -> Cpu:
    """What it has used: the parts from /proc/PID/stat, the total from its CPU clock."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Cpu(int(fields[11]) / _TICKS, int(fields[12]) / _TICKS, cpu_seconds_of(pid))


def cpu_seconds_of(pid: int) -> float:
    """User and system time, of threads that have ended too, as the scheduler counts it (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


class BenchNode(NamedTuple):
    """A node in a process of its own, pinned to core 0; its failed-attempt limits do not count loopback."""

    pid: int
    addresses: dict[str, str]
    ca: Path
    credentials: dict[str, str]

    @property
    def api(self) -> str:
        """The API's "host:port"."""
        return self.addresses["api"]

    def address(self, listener: str) -> tuple[str, int]:
        """Where a listener accepts."""
        host, _, port = self.addresses[listener].rpartition(":")
        return host, int(port)

    def post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        """POST below the project; the answer's body."""
        url = f"http://{self.api}/v5/iot/{self.credentials['project_id']}{path}"
        headers = {"Content-Type": "application/json", "X-Auth-Token": self.credentials["token"]}
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as answer:
            return dict(json.loads(answer.read() or b"{}"))

    def register(self, count: int) -> list[tuple[str, str]]:
        """Register so many devices of one MQTT product: (device_id, secret) of each."""
        product_id = self.add_product()

        def add(number: int) -> tuple[str, str]:
            secret = f"{number:032x}"
            body = {"node_id": f"n{number}", "product_id": product_id, "auth_info": {"secret": secret}}
            return str(self.post("/devices", body)["device_id"]), secret

        with ThreadPoolExecutor(_CALLERS) as callers:
            return list(callers.map(add, range(count)))

    def add_product(self) -> str:
        """Create an MQTT product; its product_id."""
        product = {"name": "p", "device_type": "t", "protocol_type": "MQTT", "data_format": "json"}
        return str(self.post("/products", {**product, "service_capabilities": []})["product_id"])

    def cpu_seconds(self) -> float:
        """User and system time that the node has used."""
        return cpu_seconds_of(self.pid)


def device_line(device_id: str, secret: str) -> str:
    """The device's line for the storm client: MQTT 3.1.1 or 5, with a judged time stamp."""
    return "\t".join(credentials_of(device_id, secret))


def prepare(data: Path, native: str = "auto") -> dict[str, str]:
    """Make a data directory, whose failed-attempt limits do not count loopback; the credentials of its project."""
    command = [sys.executable, "-m", "engine", "init", "--data", data, "--json"]
    made = subprocess.run(command, check=True, capture_output=True)
    config = data / "keyturn.toml"
    settings = f'native = "{native}"\nexempt_networks = ["127.0.0.0/8"]\n'
    config.write_text(settings + config.read_text())
    return dict(json.loads(made.stdout))


@contextlib.contextmanager
def serving(data: Path, credentials: dict[str, str]) -> Iterator[BenchNode]:
    """Serve a prepared directory on core 0 for the length of the block."""
    with tempfile.TemporaryDirectory() as scratch:
        ready = Path(scratch, "ready.json")
        serve = [sys.executable, "-m", "engine", "serve", "--data", data, *FREE_PORTS, "--ready-file", ready]
        with subprocess.Popen(["taskset", "-c", "0", *serve], stderr=subprocess.DEVNULL) as node:
            try:
                while not ready.exists():
                    if node.poll() is not None:
                        sys.exit("the node did not start")
                    time.sleep(0.05)
                yield BenchNode(node.pid, json.loads(ready.read_text()), data / "tls" / "ca.pem", credentials)
            finally:
                node.terminate()


@contextlib.contextmanager
def bench_node(native: str = "auto") -> Iterator[BenchNode]:
    """A node on a throw-away directory for the length of the block; this process is kept to core 1."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "data")
        with serving(data, prepare(data, native)) as node:
            os.sched_setaffinity(0, {1})
            yield node
