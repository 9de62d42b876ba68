"""What the SQLite registry does on this machine's disk: python -m bench.registry [DEVICES] [DIRECTORY].

add_device      so many a second from 64 tasks, each durable before it is answered (group commit)
lone write      one task alone: what a single durable change takes
credentials     one id, the read of every CONNECT; with the registry quiet, and with a writer busy beside it
batch           512 ids in one thread hop
list            50 devices of the first page and the exact count, without and with a filter
open_credential unsealing both slots
"""

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import trio

from engine.clock import Clock
from engine.limits import Limits
from engine.registry.record import AuditEntry, AuthType, Device, DeviceProtocol, Product
from engine.registry.sealing import MasterKeys, Sealer, Slot
from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceFilter, PageRequest

PROJECT = "0123456789abcdef0123456789abcdef"
CONCURRENCY = 64
AUDIT = AuditEntry(at=0.0, project_id=PROJECT, actor="token:01234567", action="device.create", target="bench")


def device(number: int, record_id: str, sealer: Sealer) -> Device:
    """A device as an application would make it: a product's id and a serial number."""
    device_id = f"64f0c1d2e3a4b5c6d7e8f901_serial{number:08d}"
    return Device(
        record_id=record_id,
        project_id=PROJECT,
        device_id=device_id,
        node_id=f"serial{number:08d}",
        product_id="pumps",
        product_name="Pumps",
        gateway_id=device_id,
        device_name=f"pump {number}",
        app_id="app",
        created_at=int(time.time()),
        protocol=DeviceProtocol.MQTT,
        auth_type=AuthType.SECRET,
        sealed_primary=sealer.seal(os.urandom(16).hex().encode(), PROJECT, record_id, Slot.PRIMARY),
    )


async def add_devices(store: SqliteStore, sealer: Sealer, numbers: Iterator[int]) -> None:
    """Take numbers until there are none left."""
    for number in numbers:
        record_id = await store.allocate_record_id(time.time())
        assert await store.add_device(device(number, record_id, sealer), AUDIT) is None


async def fill(store: SqliteStore, sealer: Sealer, count: int) -> None:
    product = Product(
        record_id=await store.allocate_record_id(time.time()),
        project_id=PROJECT,
        product_id="pumps",
        name="Pumps",
        device_type="pump",
        protocol_type="MQTT",
        data_format="json",
        app_id="app",
        service_capabilities=b"[]",
        created_at=int(time.time()),
    )
    await store.create_project(PROJECT)
    await store.add_product(product, AUDIT)
    numbers = iter(range(count))
    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for _ in range(CONCURRENCY):
            nursery.start_soon(add_devices, store, sealer, numbers)
    seconds = time.perf_counter() - began
    print(f"add_device, {CONCURRENCY} tasks      {count / seconds:10,.0f} /s   ({count:,} devices)")


async def each(name: str, rounds: int, call: Callable[[], Awaitable[object]]) -> None:
    """The median, the 99th percentile and the rate of a call."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        await call()
        times.append(time.perf_counter() - began)
    p99 = statistics.quantiles(times, n=100)[98]
    rate = rounds / sum(times)
    print(f"{name:25} {rate:10,.0f} /s   median {statistics.median(times) * 1e6:9,.1f} us   p99 {p99 * 1e6:9,.1f} us")


async def measure(store: SqliteStore, sealer: Sealer, count: int) -> None:
    names = [device(number, "0" * 24, sealer).device_id for number in random.sample(range(count), min(count, 20_000))]
    known = iter(names * 2)
    await each("credentials, 1 id", len(names), lambda: store.credentials((next(known),)))
    async with trio.open_nursery() as nursery:
        # As in a storm: the reads share the event loop and the file with registrations.
        nursery.start_soon(add_devices, store, sealer, iter(range(count, 2 * count)))

        for _ in range(5):
            await trio.sleep(0.1)
            await each("  beside a writer", 2000, lambda: store.credentials((random.choice(names),)))
        nursery.cancel_scope.cancel()
    await each("credentials, 512 ids", 100, lambda: store.credentials(random.sample(names, 512)))
    await each("list, all", 200, lambda: store.list_devices(PROJECT, DeviceFilter(), PageRequest(limit=50)))
    one_in_ten = DeviceFilter(node_id="serial00001")
    await each("list, node_id prefix", 200, lambda: store.list_devices(PROJECT, one_in_ten, PageRequest(limit=50)))
    numbers = iter(range(2 * count, 3 * count))
    await each("lone write", 200, lambda: add_devices(store, sealer, iter((next(numbers),))))
    rows = list((await store.credentials(names[:10_000])).values())
    began = time.perf_counter()
    for row in rows:
        sealer.open_credential(row)
    print(f"open_credential           {(time.perf_counter() - began) / len(rows) * 1e6:10.1f} us")


async def main(count: int, directory: Path) -> None:
    sealer = Sealer(MasterKeys.generate(os.urandom), os.urandom)
    path = directory / "registry.db"
    clock = Clock(wall=time.time, monotonic=time.monotonic)
    store = SqliteStore.open(path, limits=Limits(), clock=clock, create=True)
    await fill(store, sealer, count)
    await measure(store, sealer, count)
    await store.close()
    print(f"size                      {path.stat().st_size / 1e6:10.1f} MB")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as made:
        trio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, Path(made))
