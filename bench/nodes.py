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
from pathlib import Path
from typing import NamedTuple

from engine.cli.child import FREE_PORTS
from tests.helpers.mqtt_credentials import credentials_of
from tests.helpers.mqtt_packets import connect_packet

_TICKS = os.sysconf("SC_CLK_TCK")


class BenchNode(NamedTuple):
    """A node in a process of its own, pinned to core 0; its failed-attempt limits do not count loopback."""

    pid: int
    addresses: dict[str, str]
    ca: Path
    credentials: dict[str, str]

    @property
    def mqtt(self) -> tuple[str, int]:
        """Where plain MQTT is served."""
        return self.address("mqtt")

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
        product = {"name": "p", "device_type": "t", "protocol_type": "MQTT", "data_format": "json"}
        product_id = self.post("/products", {**product, "service_capabilities": []})["product_id"]
        devices = []
        for number in range(count):
            secret = f"{number:032x}"
            body = {"node_id": f"n{number}", "product_id": product_id, "auth_info": {"secret": secret}}
            devices.append((str(self.post("/devices", body)["device_id"]), secret))
        return devices

    def cpu_seconds(self) -> float:
        """User and system time that the node has used, from /proc/PID/stat."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


def connect_of(device_id: str, secret: str) -> bytes:
    """The device's CONNECT of MQTT 3.1.1, with a judged time stamp."""
    client_id, user_name, password = credentials_of(device_id, secret)
    return connect_packet(client_id, user_name, password.encode())


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


@contextlib.contextmanager
def bench_node(native: str = "auto") -> Iterator[BenchNode]:
    """Serve on core 0 for the length of the block, and keep this process to core 1."""
    keyturn = [sys.executable, "-m", "engine"]
    with tempfile.TemporaryDirectory() as scratch:
        data, ready = Path(scratch, "data"), Path(scratch, "ready.json")
        made = subprocess.run([*keyturn, "init", "--data", data, "--json"], check=True, capture_output=True)
        config = data / "keyturn.toml"
        settings = f'native = "{native}"\nexempt_networks = ["127.0.0.0/8"]\n'
        config.write_text(settings + config.read_text())
        serve = [*keyturn, "serve", "--data", data, *FREE_PORTS]
        with subprocess.Popen(["taskset", "-c", "0", *serve, "--ready-file", ready], stderr=subprocess.DEVNULL) as node:
            try:
                while not ready.exists():
                    if node.poll() is not None:
                        sys.exit("the node did not start")
                    time.sleep(0.05)
                os.sched_setaffinity(0, {1})
                ca = data / "tls" / "ca.pem"
                yield BenchNode(node.pid, json.loads(ready.read_text()), ca, json.loads(made.stdout))
            finally:
                node.terminate()
