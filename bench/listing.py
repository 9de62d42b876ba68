"""How long lists and searches take: python -m bench.listing [--devices N] [--rounds N] [--changing].

A node with so many devices, pinned to one core, serves its API; this client, on another core, makes one request after
the other over one connection with a token. p50 and p99 of the whole exchange, against the bound of 50 ms (the exit
status is 1 when one is over it), and the node's CPU time of a call, which says more where the cores are not idle. One
in ten devices has a tag, a thousand are behind a gateway, one in three was activated. With --changing a device changes
before every call, so that no count is remembered from the call before.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import trio

from engine.clock import Clock
from engine.limits import Limits
from engine.node.data_directory import MASTER_KEY_FILE, REGISTRY_FILE, Credentials, initialise, read_credentials
from engine.registry.record import Activation, AuditEntry, AuthType, Device, DeviceProtocol, Product
from engine.registry.sealing import MasterKeys, Sealer, Slot
from engine.registry.sqlite import SqliteStore
from engine.registry.tags import tags_text

BOUND_SECONDS = 0.05
PRODUCTS = 10
CHILDREN = 1000
BATCH = 512
CLOCK = Clock(time.time, time.monotonic)
BEGAN = int(time.time()) - 10_000_000


def device_of(number: int, project_id: str, record_id: str, sealer: Sealer) -> Device:
    """Device number so and so; one in twenty, until there are CHILDREN, is behind the first device, "gateway"."""
    product_id = f"product-{number % PRODUCTS}"
    device_id = f"{product_id}_serial{number:08d}"
    return Device(
        record_id=record_id,
        project_id=project_id,
        device_id=device_id,
        node_id=f"serial{number:08d}",
        product_id=product_id,
        product_name=product_id,
        gateway_id="gateway" if number % 20 == 19 and number < 20 * CHILDREN else device_id,
        device_name=f"pump-{number // 1000}-{number}",
        description="by the river",
        app_id="default" if number % 4 else "factory",
        extension_info=b'{"colour":"red"}',
        tags=tags_text({"site": f"site-{number % 100}"}) if number % 10 == 0 else None,
        created_at=BEGAN + 100 * number,
        protocol=DeviceProtocol.MQTT,
        auth_type=AuthType.SECRET,
        sealed_primary=sealer.seal(os.urandom(16).hex().encode(), project_id, record_id, Slot.PRIMARY),
    )


async def fill(data: Path, project_id: str, count: int) -> None:
    """The registry of a data directory that was just made."""
    sealer = Sealer(MasterKeys.read(data / MASTER_KEY_FILE), os.urandom)
    store = SqliteStore.open(data / REGISTRY_FILE, limits=Limits(), clock=CLOCK)
    audit = AuditEntry(at=time.time(), project_id=project_id, actor="keyturn", action="bench.create", target="bench")
    for number in range(PRODUCTS):
        product = Product(
            record_id=await store.allocate_record_id(time.time()),
            project_id=project_id,
            product_id=f"product-{number}",
            name=f"product-{number}",
            device_type="pump",
            protocol_type="MQTT",
            data_format="json",
            app_id="default",
            service_capabilities=b"[]",
            created_at=BEGAN,
        )
        assert await store.add_product(product, audit) is None
    made: dict[str, str] = {}

    async def add(number: int) -> None:
        record_id = await store.allocate_record_id(BEGAN + 100.0 * number)
        device = device_of(number, project_id, record_id, sealer)
        if number == 0:
            device = msgspec.structs.replace(device, device_id="gateway", gateway_id="gateway")
        assert await store.add_device(device, audit) is None, number
        made[device.device_id] = record_id

    await add(0)
    for begin in range(1, count, BATCH):
        async with trio.open_nursery() as nursery:
            for number in range(begin, min(begin + BATCH, count)):
                nursery.start_soon(add, number)
    activations = [Activation(device_id=one, record_id=made[one], at=time.time()) for one in list(made)[::3]]
    for begin in range(0, len(activations), BATCH):
        await store.activate(activations[begin : begin + BATCH])
    await store.close()


@contextmanager
def serving(data: Path) -> Iterator[tuple[str, int]]:
    """`keyturn serve` on core 0; the address of its API, and its process."""
    ready = data / "bench-ready.json"
    command = [sys.executable, "-m", "engine", "serve", "--data", data, "--ready-file", ready]
    addresses = ["--mqtt", "127.0.0.1:0", "--api", "127.0.0.1:0"]
    with subprocess.Popen(["taskset", "-c", "0", *command, *addresses], stderr=subprocess.DEVNULL) as node:
        try:
            while not ready.exists():
                if node.poll() is not None:
                    sys.exit("the node did not start")
                time.sleep(0.05)
            yield json.loads(ready.read_text())["api"], node.pid
        finally:
            node.terminate()


class Application:
    """One connection to the API, kept open."""

    def __init__(self, address: str, credentials: Credentials) -> None:
        self._connection = HTTPConnection(address)
        self._base = f"/v5/iot/{credentials.project_id}"
        self._headers = {"X-Auth-Token": credentials.token, "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body)
        self._connection.request(method, self._base + path, content, self._headers)
        response = self._connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
        return answer  # type: ignore[no-any-return]  # the caller picks what it needs

    def list(self, **query: object) -> dict[str, Any]:
        return self.call("GET", f"/devices?{urlencode(query)}")

    def change(self, number: int) -> dict[str, Any]:
        """Change a device."""
        return self.call("PUT", "/devices/gateway", {"description": f"change-{number}"})

    def search(self, sql: str) -> dict[str, Any]:
        return self.call("POST", "/search/query-devices", {"sql": sql})


def lists(count: int, middle: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Every filter of ListDevices, and the paging."""
    number = random.randrange(count // 2, count)
    yield "no filter", {}
    yield "50 rows", {"limit": 50}
    yield "marker in the middle", {"marker": middle, "limit": 50}
    yield "offset 500", {"offset": 500, "limit": 50}
    yield "marker and offset 500", {"marker": middle, "offset": 500, "limit": 50}
    yield "product_id", {"product_id": f"product-{number % PRODUCTS}", "limit": 50}
    yield "product_id, offset 500", {"product_id": f"product-{number % PRODUCTS}", "limit": 50, "offset": 500}
    yield "gateway_id", {"gateway_id": "gateway", "limit": 50}
    yield "gateway_id, cascade", {"gateway_id": "gateway", "is_cascade_query": "true", "limit": 50}
    yield "node_id, one", {"node_id": f"serial{number:08d}"}
    yield "node_id, 1 in 10", {"node_id": f"serial{number:08d}"[:-4], "limit": 50}
    yield "node_id, all", {"node_id": "serial", "limit": 50}
    yield "device_name, 1 in 100", {"device_name": f"pump-{number // 1000}-", "limit": 50}
    yield "device_name, all", {"device_name": "pump-", "limit": 50}
    yield "app_id, 3 in 4", {"app_id": "default", "limit": 50}
    instant = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(BEGAN + 100 * number))
    yield "start_time", {"start_time": instant, "limit": 50}
    yield "end_time", {"end_time": instant, "limit": 50}
    yield "product_id and node_id", {"product_id": f"product-{number % PRODUCTS}", "node_id": f"serial{number:08d}"}


def searches(count: int, middle: str) -> Iterator[tuple[str, str]]:
    """Every field that a search takes; rows and counts are made of each."""
    number = random.randrange(count // 2, count)
    node_id = f"serial{number:08d}"
    instant = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(BEGAN + 100 * number))
    yield "all", ""
    yield "device_id =", f"where device_id = 'product-{number % PRODUCTS}_{node_id}'"
    yield "device_id in", f"where device_id in ('product-{number % PRODUCTS}_{node_id}', 'gateway')"
    yield "app_id =, 3 in 4", "where app_id = 'default'"
    yield "app_id !=", "where app_id != 'default'"
    yield "product_id =", f"where product_id = 'product-{number % PRODUCTS}'"
    yield "product_id in", "where product_id in ('product-1', 'product-2', 'product-3')"
    yield "gateway_id =", "where gateway_id = 'gateway'"
    yield "node_id =", f"where node_id = '{node_id}'"
    yield "node_id like, 1 in 10", f"where node_id like '{node_id[:-4]}%'"
    yield "node_id like, all", "where node_id like 'serial%'"
    yield "device_name like", f"where device_name like 'pump-{number // 1000}-%'"
    yield "device_name !=", f"where device_name != 'pump-{number // 1000}-{number}'"
    yield "create_time >", f"where create_time > '{instant}'"
    yield "create_time <", f"where create_time < '{instant}'"
    yield "marker <", f"where marker < '{middle}'"
    yield "node_type = GATEWAY", "where node_type = 'GATEWAY'"
    yield "node_type = ENDPOINT", "where node_type = 'ENDPOINT'"
    for status in ("ONLINE", "OFFLINE", "INACTIVE", "FROZEN"):
        yield f"status = {status}", f"where status = '{status}'"
    yield "status !=", "where status != 'INACTIVE'"
    yield "tag_key =", "where tag_key = 'site'"
    yield "tag_key and tag_value", f"where tag_key = 'site' and tag_value = 'site-{number % 10 * 10}'"
    yield "product_id and status", f"where product_id = 'product-{number % PRODUCTS}' and status = 'INACTIVE'"
    yield "product_id or node_id", f"where product_id = 'product-1' or node_id like '{node_id[:-2]}%'"


def cpu_seconds(pid: int) -> float:
    """What the node has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Measurement:
    """Calls measured so many times each, a line printed of each."""

    def __init__(self, pid: int, rounds: int, change: Callable[[int], object] | None) -> None:
        self._pid = pid
        self._rounds = rounds
        self._change = change
        self.is_within = True

    def line(self, name: str, call: Callable[[], object]) -> None:
        times = []
        cost = 0.0
        for number in range(self._rounds):
            if self._change is not None:
                self._change(number)
            used = cpu_seconds(self._pid)
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
            cost += (cpu_seconds(self._pid) - used) / self._rounds
        p99 = statistics.quantiles(times, n=100)[98]
        over = "" if p99 <= BOUND_SECONDS else "   OVER"
        figures = f"p50 {statistics.median(times) * 1e3:6.1f} ms   p99 {p99 * 1e3:6.1f} ms   CPU {cost * 1e3:6.1f} ms"
        print(f"{name:34} {figures}{over}", flush=True)
        self.is_within &= not over


def measure(application: Application, count: int, measurement: Measurement) -> None:
    """Everything, a line each."""
    middle = application.list(node_id=f"serial{count // 2:08d}")["page"]["marker"]
    for name, query in lists(count, middle):
        measurement.line(f"list    {name}", lambda query=query: application.list(**query))
    for name, where in searches(count, middle):
        rows, counting = (
            f"select * from device {where} order by marker desc limit 50",
            f"select count(*) from device {where}",
        )
        measurement.line(f"search  {name}", lambda sql=rows: application.search(sql))
        measurement.line(f"count   {name}", lambda sql=counting: application.search(sql))


def main() -> None:
    """Fill, serve, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--changing", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "data")
        trio.run(initialise, data, None, CLOCK)
        credentials = read_credentials(data)
        trio.run(fill, data, credentials.project_id, options.devices)
        os.sched_setaffinity(0, {1})
        with serving(data) as (address, pid):
            print(f"{options.devices:,} devices, node on core 0, client on core 1, {options.rounds} rounds each")
            application = Application(address, credentials)
            measurement = Measurement(pid, options.rounds, application.change if options.changing else None)
            measure(application, options.devices, measurement)
    if not measurement.is_within:
        sys.exit(1)


if __name__ == "__main__":
    main()
