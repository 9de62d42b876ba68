"""What is measured: each scenario is a round with one rival, and the one figure that compares it."""

import contextlib
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.client import CORE, Flags, Storm, holding, read, start, storm
from bench.fleet import Fleet
from bench.rivals import Service

Figures = dict[str, float]
"""What a round with a rival gave, by name; the unit is the name's end."""

_GIVE_UP_SECONDS = 5
_OVERLOAD_SECONDS = 12.0
"""Long enough that clients give up for most of it."""
_CLIENT_DESCRIPTORS = 15_000
"""Connections that one client process may have open: the usual hard limit is 20,000."""


class Unsupported(Exception):
    """The rival does not do what the scenario needs; the text says what."""


class Bout(NamedTuple):
    """A round's circumstances. mqtt: protocol level, 4 or 5; tls: version."""

    fleet: Fleet
    service: Service
    seconds: float
    mqtt: int
    tls: str


def _closed_loop(bout: Bout, devices: Path, **flags: Flags) -> Figures:
    """Known devices, as many at a time as `in_flight`; the server's CPU time a connection."""
    used = []
    length = {} if "connections" in flags else {"seconds": bout.seconds}
    asked: dict[str, Flags] = {"mqtt": bout.mqtt, **length, **flags}
    result = storm(bout.service.address, devices, lambda: used.append(bout.service.cpu()), **asked)
    after = bout.service.cpu()
    if result.expected != result.started:
        raise SystemExit(f"not every connection was accepted: {result}")
    if flags.get("resume") and result.resumed < 0.9 * result.started:
        raise Unsupported(f"resumed {result.resumed} of {result.started} sessions")
    user, system = ((after[part] - used[0][part]) / result.started * 1e6 for part in range(2))
    return {"cpu_us": user + system, "user_us": user, "system_us": system, **_latencies(result)}


def _latencies(result: Storm) -> Figures:
    return {
        "connections": result.started,
        "per_second": result.per_second,
        "p50_us": result.p50_us,
        "p99_us": result.p99_us,
        "p999_us": result.p999_us,
        "latest_start_us": result.latest_start_us,
    }


def plain(bout: Bout) -> Figures:
    return _closed_loop(bout, bout.fleet.secrets, in_flight=256, warm_up=True)


def first(bout: Bout) -> Figures:
    """Every device once, on servers just started."""
    return _closed_loop(bout, bout.fleet.secrets, in_flight=256, connections=bout.fleet.size)


def tls(bout: Bout) -> Figures:
    return _closed_loop(bout, bout.fleet.secrets, in_flight=64, warm_up=True, tls=bout.tls)


def certificate(bout: Bout) -> Figures:
    return _closed_loop(bout, bout.fleet.certificates, in_flight=64, warm_up=True, tls=bout.tls)


def resumed(bout: Bout) -> Figures:
    return _closed_loop(bout, bout.fleet.secrets, in_flight=64, warm_up=True, tls=bout.tls, resume=True)


def _open_loop(bout: Bout, rate: float) -> Figures:
    result = storm(bout.service.address, bout.fleet.secrets, mqtt=bout.mqtt, seconds=bout.seconds, rate=rate)
    if result.expected != result.started:
        raise SystemExit(f"not every connection was accepted: {result}")
    return {"rate": rate, **_latencies(result)}


def open_loop(bout: Bout) -> Figures:
    """Poisson arrivals at 80 % of what was just measured as saturation."""
    saturated = plain(bout)["per_second"]
    return {"saturated_per_second": saturated, **_open_loop(bout, 0.8 * saturated)}


def siege(bout: Bout) -> Figures:
    """Poisson arrivals at half of saturation, without and then with bench.siege attached."""
    idle = _open_loop(bout, 0.5 * plain(bout)["per_second"])
    command = ["taskset", "-c", str(CORE), sys.executable, "-m", "bench.siege", bout.service.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as besiegers:
        try:
            assert besiegers.stdout is not None
            assert besiegers.stdout.readline() == b"attached\n"
            besieged = _open_loop(bout, idle["rate"])
        finally:
            besiegers.terminate()
    return {"idle_p99_us": idle["p99_us"], **besieged}


def overload(bout: Bout) -> Figures:
    """Three times the saturated rate, from clients that give up after 5 s."""
    return _overload(bout, plain(bout)["per_second"])


def overload_tls(bout: Bout) -> Figures:
    return _overload(bout, tls(bout)["per_second"], tls=bout.tls)


def _overload(bout: Bout, saturated: float, **flags: Flags) -> Figures:
    offered = 3 * saturated
    clients = math.ceil(offered * _GIVE_UP_SECONDS / _CLIENT_DESCRIPTORS)
    asked: dict[str, Flags] = {"mqtt": bout.mqtt, "seconds": _OVERLOAD_SECONDS, "give_up": _GIVE_UP_SECONDS, **flags}
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(start(bout.service.address, bout.fleet.secrets, rate=offered / clients, **asked))
            for _ in range(clients)
        ]
        results = [read(client) for client in started]
    return {
        "saturated_per_second": saturated,
        "per_second": sum(result.in_time_per_second for result in results),
        "offered_per_second": sum(result.started for result in results) / _OVERLOAD_SECONDS,
        "gave_up": sum(result.gave_up for result in results),
        "p99_us": max(result.p99_us for result in results),
        "latest_start_us": max(result.latest_start_us for result in results),
    }


def held(bout: Bout) -> Figures:
    return _held(bout)


def held_tls(bout: Bout) -> Figures:
    return _held(bout, tls=bout.tls)


def _held(bout: Bout, **flags: Flags) -> Figures:
    """Memory for 10,000 sessions that stay open, on servers just started."""
    before = bout.service.rss_bytes()
    asked: dict[str, Flags] = {"mqtt": bout.mqtt, "connections": bout.fleet.size, "in_flight": 64, **flags}
    with holding(bout.service.address, bout.fleet.secrets, **asked) as result:
        if result.held != bout.fleet.size:
            raise SystemExit(f"not every session was held: {result}")
        time.sleep(1.0)  # what was only needed on the way is given back
        grown = bout.service.rss_bytes() - before
    return {"sessions": result.held, "mib_per_10000": grown / 2**20 / result.held * 10_000}


Compare = Callable[[Figures, Figures], float]
"""Ours and the floor's figures of a round."""


class Scenario(NamedTuple):
    """wire: of bench.rivals. is_fresh: every round on servers just started."""

    what: str
    figure: str
    wire: str
    round: Callable[[Bout], Figures]
    compare: Compare
    is_fresh: bool = False


def _cpu_share(ours: Figures, floor: Figures) -> float:
    return floor["cpu_us"] / ours["cpu_us"]


def _p99_ratio(ours: Figures, floor: Figures) -> float:
    return ours["p99_us"] / floor["p99_us"]


def _siege_ratio(ours: Figures, _floor: Figures) -> float:
    return ours["p99_us"] / ours["idle_p99_us"]


def _goodput(ours: Figures, _floor: Figures) -> float:
    return ours["per_second"] / ours["saturated_per_second"]


def _memory(ours: Figures, _floor: Figures) -> float:
    return ours["mib_per_10000"]


SHARE = "the floor's CPU time / its own"
SCENARIOS = {
    "plain": Scenario("plain, secret, known devices", SHARE, "plain", plain, _cpu_share),
    "first": Scenario("plain, secret, first sight", SHARE, "plain", first, _cpu_share, is_fresh=True),
    "tls": Scenario("TLS, secret", SHARE, "tls", tls, _cpu_share),
    "certificate": Scenario("TLS, client certificate", SHARE, "certificate", certificate, _cpu_share),
    "resumed": Scenario("TLS resumed, secret", SHARE, "resumed", resumed, _cpu_share),
    "open": Scenario("plain, open loop at 80 %", "its p99 / the floor's", "plain", open_loop, _p99_ratio),
    "siege": Scenario("plain, 200 hostile peers", "its p99 besieged / idle", "plain", siege, _siege_ratio),
    "overload": Scenario("plain, 300 % offered", "its goodput / saturation", "plain", overload, _goodput),
    "overload-tls": Scenario("TLS, 300 % offered", "its goodput / saturation", "tls", overload_tls, _goodput),
    "held": Scenario("sessions held, plain", "MiB RSS / 10,000", "plain", held, _memory, is_fresh=True),
    "held-tls": Scenario("sessions held, TLS", "MiB RSS / 10,000", "tls", held_tls, _memory, is_fresh=True),
}
