"""A program that adds devices, eight at a time, for as long as it lives, and prints each once it is acknowledged.

write_until_killed REGISTRY      prints lines "device_id record_id"
"""

import os
import sys
from pathlib import Path

import trio

from engine.registry.sqlite import SqliteStore
from tests.registry.samples import NOW, audit, device, open_sqlite


async def add_for_ever(store: SqliteStore, worker: int) -> None:
    number = worker
    while True:
        record_id = await store.allocate_record_id(NOW + number)
        assert await store.add_device(device(number, record_id=record_id), audit(target=f"pump-{number}")) is None
        # One system call: what is printed was acknowledged, whenever the end comes.
        os.write(1, f"pump-{number} {record_id}\n".encode())
        number += 8


async def main(path: Path) -> None:
    store = open_sqlite(path)
    async with trio.open_nursery() as nursery:
        for worker in range(8):
            nursery.start_soon(add_for_ever, store, worker)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
