"""What is measured: each scenario is a round with one rival, and the one figure that compares it."""

import contextlib
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from bench.client import Flags, Storm, holding, read, start, storm
from bench.fleet import Fleet
from bench.nodes import cpu_seconds_of
from bench.rivals import Service
from bench.siege import besiegers

Figures = dict[str, float]
"""What a round with a rival gave, by name; the unit is the name's end."""

_GIVE_UP_SECONDS = 5
_OVERLOAD_SECONDS = 12.0
"""Long enough that clients give up for most of it."""
_SETTLED_SECONDS = 15.0
"""After 10,000 devices have come, until nothing more happens because of them."""
_CLIENT_DESCRIPTORS = 15_000
"""Connections that one client process may have open: the usual hard limit is 20,000."""
_PLAIN_CROWD, _TLS_CROWD = 5, 2
"""Others on the servers' core under overload: a sixth is the server's, or a third. With more of it one client could not
offer three times what it takes; with much less, listen(2)'s queue would take longer than clients wait."""
_SIEGES = 2
"""Times in a round."""
_HELD = 10_000
_LOST = 1e-3
"""The share of connections that a server may lose (mosquitto resets one now and then): its row says how many."""


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
    used, known = [], []

    def before() -> None:
        known.append(bout.service.known())
        used.append(bout.service.cpu())

    length = {} if "connections" in flags else {"seconds": bout.seconds}
    asked: dict[str, Flags] = {"mqtt": bout.mqtt, **length, **flags}
    result = storm(bout.service.address, devices, before, **asked)
    user, system, total = (after - used[0][part] for part, after in enumerate(bout.service.cpu()))
    lost = not_accepted(result)
    if flags.get("resume") and result.resumed < 0.9 * result.started:
        raise Unsupported(f"resumed {result.resumed} of {result.started} sessions")
    each = 1e6 / result.started
    accepted, looked_up = (after - known[0][part] for part, after in enumerate(bout.service.known()))
    return {
        "cpu_us": total * each,
        "user_us": user * each,
        "system_us": system * each,
        "busy": total / result.seconds,
        "accepted_in_c": accepted / result.started,
        "looked_up": looked_up / result.started,
        "not_accepted": lost,
        **_latencies(result),
    }


def not_accepted(result: Storm) -> int:
    """How many connections had another end; where that is more than an accident, the figures say nothing."""
    lost = result.started - result.expected
    if lost > _LOST * result.started:
        raise SystemExit(f"not every connection was accepted: {result}")
    return lost


def _latencies(result: Storm) -> Figures:
    return {
        "connections": result.started,
        "per_second": result.per_second,
        "p50_us": result.p50_us,
        "p99_us": result.p99_us,
        "p999_us": result.p999_us,
        "late_p99_us": result.late_p99_us,
        "latest_start_us": result.latest_start_us,
    }


def plain(bout: Bout) -> Figures:
    return _closed_loop(bout, bout.fleet.few, in_flight=256, warm_up=True)


def first(bout: Bout) -> Figures:
    """Every device once, on servers just started."""
    return _closed_loop(bout, bout.fleet.secrets, in_flight=256, connections=bout.fleet.size)


def stranger(bout: Bout) -> Figures:
    """One device after the other of a fleet that C knows nothing of."""
    return _closed_loop(bout, bout.fleet.secrets, in_flight=256)


def tls(bout: Bout) -> Figures:
    return _closed_loop(bout, bout.fleet.few, in_flight=64, warm_up=True, tls=bout.tls)


def certificate(bout: Bout) -> Figures:
    return _closed_loop(bout, bout.fleet.certificates, in_flight=64, warm_up=True, tls=bout.tls)


def resumed(bout: Bout) -> Figures:
    return _closed_loop(bout, bout.fleet.few, in_flight=64, warm_up=True, tls=bout.tls, resume=True)


def _open_loop(bout: Bout, rate: float) -> Figures:
    result = storm(bout.service.address, bout.fleet.few, mqtt=bout.mqtt, seconds=bout.seconds, rate=rate)
    lost = not_accepted(result)
    return {"rate": rate, "client_busy": _client_busy(result), "not_accepted": lost, **_latencies(result)}


def _client_busy(result: Storm) -> float:
    """The share of its core that a client used that was not warmed up."""
    return (result.client_user_seconds + result.client_system_seconds) / result.seconds


def open_loop(bout: Bout) -> Figures:
    """Poisson arrivals at 80 % of what was just measured as saturation."""
    saturated = plain(bout)["per_second"]
    return {"saturated_per_second": saturated, **_open_loop(bout, 0.8 * saturated)}


def siege(bout: Bout) -> Figures:
    """Poisson arrivals at half of saturation, without and with bench.siege attached, in turn."""
    rate = 0.5 * plain(bout)["per_second"]
    idle, besieged, used = [], [], []
    for _ in range(_SIEGES):
        idle.append(_open_loop(bout, rate))
        with besiegers(bout.service.address) as pid:
            began, before = time.monotonic(), cpu_seconds_of(pid)
            besieged.append(_open_loop(bout, rate))
            used.append((cpu_seconds_of(pid) - before) / (time.monotonic() - began))
    middle = {figure: statistics.median(one[figure] for one in besieged) for figure in besieged[0]}
    idle_p99 = statistics.median(one["p99_us"] for one in idle)
    return {**middle, "idle_p99_us": idle_p99, "besiegers_busy": max(used)}


def overload(bout: Bout) -> Figures:
    """Three times the saturated rate, from clients that give up after 5 s."""
    with crowd(_PLAIN_CROWD):
        return _overload(bout, plain(bout))


def overload_tls(bout: Bout) -> Figures:
    with crowd(_TLS_CROWD):
        return _overload(bout, tls(bout), tls=bout.tls)


@contextlib.contextmanager
def crowd(size: int) -> Iterator[None]:
    """So many others on the servers' core, so that the client can offer three times what a server can take."""
    spin = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"
    with contextlib.ExitStack() as stack:
        for _ in range(size):
            spinner = stack.enter_context(subprocess.Popen(["taskset", "-c", "0", sys.executable, "-c", spin]))
            stack.callback(spinner.kill)
        yield


def _overload(bout: Bout, saturated: Figures, **flags: Flags) -> Figures:
    offered = 3 * saturated["per_second"]
    clients = math.ceil(offered * _GIVE_UP_SECONDS / _CLIENT_DESCRIPTORS)
    asked: dict[str, Flags] = {"mqtt": bout.mqtt, "seconds": _OVERLOAD_SECONDS, "give_up": _GIVE_UP_SECONDS, **flags}
    used = bout.service.cpu().total
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(start(bout.service.address, bout.fleet.few, rate=offered / clients, **asked))
            for _ in range(clients)
        ]
        time.sleep(_OVERLOAD_SECONDS)
        used = bout.service.cpu().total - used
        results = [read(client) for client in started]
    return {
        "saturated_per_second": saturated["per_second"],
        "saturated_busy": saturated["busy"],
        "busy": used / _OVERLOAD_SECONDS,
        "client_busy": sum(_client_busy(result) for result in results),
        "per_second": sum(result.in_time_per_second for result in results),
        "offered_per_second": sum(result.started for result in results) / _OVERLOAD_SECONDS,
        "gave_up": sum(result.gave_up for result in results),
        "refused": sum(sum(result.codes.values()) - result.expected for result in results),
        "closed": sum(result.closed + result.reset + result.handshake_ended for result in results),
        "p99_us": max(result.p99_us for result in results),
        "late_p99_us": max(result.late_p99_us for result in results),
        "latest_start_us": max(result.latest_start_us for result in results),
    }


def held(bout: Bout) -> Figures:
    return _held(bout)


def held_tls(bout: Bout) -> Figures:
    return _held(bout, tls=bout.tls)


def _held(bout: Bout, **flags: Flags) -> Figures:
    """Memory for sessions that stay open, on servers just started."""
    before = bout.service.rss_bytes()
    asked: dict[str, Flags] = {"mqtt": bout.mqtt, "connections": _HELD, "in_flight": 64, **flags}
    with holding(bout.service.address, bout.fleet.secrets, **asked) as result:
        if result.held != _HELD:
            raise SystemExit(f"not every session was held: {result}")
        # What was only needed on the way is given back, and what the devices did has been told of, 1,024 in a second.
        time.sleep(_SETTLED_SECONDS)
        grown = bout.service.rss_bytes() - before
    return {"sessions": result.held, "mib_per_10000": grown / 2**20 / result.held * 10_000}


Compare = Callable[[Figures, Figures], float]
"""Ours and the floor's figures of a round."""


class Scenario(NamedTuple):
    """wire: of bench.rivals. is_fresh: every round on servers just started. devices: "new" ones, or "activated" before.

    limits: of Keyturn's nodes, where they are not the default.
    """

    what: str
    figure: str
    wire: str
    round: Callable[[Bout], Figures]
    compare: Compare
    is_fresh: bool = False
    devices: str = "new"
    limits: Mapping[str, int] = MappingProxyType({})


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
    "filled": Scenario(
        "plain, secret, known since before the start", SHARE, "plain", first, _cpu_share, True, "activated"
    ),
    "learned": Scenario(
        "plain, secret, known to the registry, looked up at first sight",
        SHARE,
        "plain",
        first,
        _cpu_share,
        True,
        "activated",
        limits={"known_good_rows": 0},
    ),
    "python": Scenario(
        "plain, secret, known to the registry alone",
        SHARE,
        "plain",
        stranger,
        _cpu_share,
        devices="activated",
        limits={"known_good_entries": 1},
    ),
    "tls": Scenario("TLS, secret", SHARE, "tls", tls, _cpu_share),
    "certificate": Scenario("TLS, client certificate", SHARE, "certificate", certificate, _cpu_share),
    "resumed": Scenario("TLS resumed, secret", SHARE, "resumed", resumed, _cpu_share),
    "open": Scenario("plain, open loop at 80 %", "its p99 / the floor's", "plain", open_loop, _p99_ratio),
    "siege": Scenario("plain, 200 hostile peers", "its p99 besieged / idle", "plain", siege, _siege_ratio),
    "overload": Scenario("plain, 300 % offered", "its goodput / saturation", "plain", overload, _goodput),
    "overload-tls": Scenario("TLS, 300 % offered", "its goodput / saturation", "tls", overload_tls, _goodput),
    "held": Scenario("sessions held, plain", "MiB RSS / 10,000", "plain", held, _memory, is_fresh=True),
    "held-filled": Scenario(
        "sessions held, plain, known since before the start",
        "MiB RSS / 10,000",
        "plain",
        held,
        _memory,
        True,
        "activated",
    ),
    "held-tls": Scenario("sessions held, TLS", "MiB RSS / 10,000", "tls", held_tls, _memory, is_fresh=True),
}
