"""Who takes the storm: the floor, Keyturn's fronts, Debian's mosquitto; all on core 0, all started beforehand."""

import contextlib
import resource
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.fleet import Fleet
from bench.nodes import Cpu, cpu_of, cpu_seconds_of, serving
from bench.programs import program

FLOOR = "floor"
WIRES = ("plain", "tls", "certificate", "resumed")

_QUIET, _LOOK_SECONDS = 0.1, 0.25
"""A server that uses less of a core than this, for so long, has started."""

_FLOOR_FLAGS = {"plain": (), "tls": ("server",), "certificate": ("server", "client"), "resumed": ("server", "tickets")}


class Known(NamedTuple):
    """Devices that C has accepted, and those that had to be put into its table because they came."""

    accepted: float
    looked_up: float


class Service(NamedTuple):
    """A process and where it serves one wire; api: a node's "host:port", empty where there is none."""

    pid: int
    address: str
    api: str = ""

    def cpu(self) -> Cpu:
        """What it has used so far."""
        return cpu_of(self.pid)

    def rss_bytes(self) -> int:
        """Its resident memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def known(self) -> Known:
        """What its table of known devices has done so far; nothing where there is none."""
        if not self.api:
            return Known(0.0, 0.0)
        with urllib.request.urlopen(f"http://{self.api}/metrics") as answer:
            lines = answer.read().decode().splitlines()

        def total(metric: str) -> float:
            return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{metric}{{", f"{metric} ")))

        return Known(total("keyturn_known_good_total"), total("keyturn_known_good_looked_up_total"))


Rival = dict[str, Service]
"""By the wires that it serves."""


@contextlib.contextmanager
def rivals(fleet: Fleet, fronts: Sequence[str], version: str, limits: Mapping[str, int]) -> Iterator[dict[str, Rival]]:
    """All of them by name, the floor first, just started, and done with what they do then.

    fronts: Keyturn's, by the setting `native` that chooses them. version: of MQTT, "4" or "5", for the floor's answer.
    limits: of Keyturn's nodes, where they are not the default.
    """
    _raise_descriptor_limit()
    with contextlib.ExitStack() as stack:
        started: dict[str, Rival] = {FLOOR: {}}
        for wire in WIRES:
            started[FLOOR][wire] = stack.enter_context(_floor(fleet, wire, version))
        for native in fronts:
            name = f"keyturn {native}"
            node = stack.enter_context(serving(fleet.data_of(native, native, limits), fleet.credentials))
            plain, tls = (Service(node.pid, node.addresses[listener], node.api) for listener in ("mqtt", "mqtts"))
            started[name] = {"plain": plain, **dict.fromkeys(WIRES[1:], tls)}
        if shutil.which("mosquitto") is None:
            print("mosquitto is missing, the comparison with it is left out: apt-get install mosquitto")
        else:
            for name, access in _mosquitto_access(fleet).items():
                started[name] = stack.enter_context(_mosquitto(fleet, name, access))
            del started["mosquitto anonymous"]["certificate"]  # the other one's again: never is one anonymous
        await_quiet({service.pid for rival in started.values() for service in rival.values()})
        yield started


def await_quiet(pids: Iterable[int]) -> None:
    """Until none of them is at work on its own: a node puts the devices of its registry into its table."""
    for pid in pids:
        used = -1.0
        while cpu_seconds_of(pid) - used > _QUIET * _LOOK_SECONDS:
            used = cpu_seconds_of(pid)
            time.sleep(_LOOK_SECONDS)


def _raise_descriptor_limit() -> None:
    """Children inherit it."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def _floor(fleet: Fleet, wire: str, version: str) -> Iterator[Service]:
    certificate, key = fleet.server_certificate
    parts: dict[str, list[str | Path]] = {
        "server": ["--certificate", certificate, "--key", key],
        "client": ["--client-ca", fleet.device_ca],
        "tickets": ["--tickets"],
    }
    flags = [flag for part in _FLOOR_FLAGS[wire] for flag in parts[part]]
    command = ["taskset", "-c", "0", program("floor"), "--mqtt", version, *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield Service(process.pid, f"127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()


def _mosquitto_access(fleet: Fleet) -> dict[str, list[str]]:
    """The settings of two brokers for devices that show a password, if any."""
    return {
        "mosquitto": ["allow_anonymous false", f"password_file {fleet.passwords}"],
        "mosquitto anonymous": ["allow_anonymous true"],
    }


@contextlib.contextmanager
def _mosquitto(fleet: Fleet, name: str, access: list[str]) -> Iterator[Rival]:
    """A broker with a listener a wire, as generously set as its manual allows."""
    certificate, key = fleet.server_certificate
    tls = [f"certfile {certificate}", f"keyfile {key}"]
    identity = ["require_certificate true", "use_identity_as_username true", "allow_anonymous false"]
    listeners = {
        "plain": access,
        "tls": [*access, *tls],
        "certificate": [*tls, f"cafile {fleet.device_ca}", *identity],
    }
    ports = dict(zip(listeners, _free_ports(len(listeners)), strict=True))
    lines = ["per_listener_settings true", "persistence false", "log_type none", "user root", "set_tcp_nodelay true"]
    for wire, settings in listeners.items():
        lines += [f"listener {ports[wire]} 127.0.0.1", *settings]
    config = fleet.directory / f"{name}.conf"
    config.write_text("\n".join(lines) + "\n")
    with subprocess.Popen(["taskset", "-c", "0", "mosquitto", "-c", config], stderr=subprocess.DEVNULL) as process:
        try:
            for port in ports.values():
                _await_port(process, port)
            services = {wire: Service(process.pid, f"127.0.0.1:{port}") for wire, port in ports.items()}
            yield {**services, "resumed": services["tls"]}
        finally:
            process.terminate()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _await_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise SystemExit("mosquitto did not start")
