"""A program, run with faulty_disk.so preloaded: the disk fails once, at the n-th call, for one n after another.

Each round opens a registry of its own, lets the disk fail somewhere, and asserts what the Store promises: every
acknowledged write is there, no read ever answers "no such device" for one that is, and nothing but StoreUnavailable is
raised. Prints, per kind of call and error, how many rounds there were.

    drive_faulty_disk DIRECTORY
"""

import ctypes
import errno
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from engine.errors import StoreUnavailable
from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceFilter, PageRequest
from tests.registry.samples import PROJECT, audit, device, open_sqlite, seed

READ, WRITE, SYNC = 1, 2, 3
Arm = Callable[[], None]
Round = Callable[[Path, Arm], Awaitable[int]]
"""A round on a new path: arms the disk, does its work, disarms, asserts; whether the disk failed."""

disk = ctypes.CDLL(None)
disk.faulty_disk_arm.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long]
has_struck: Callable[[], int] = disk.faulty_disk_has_struck


async def attempt(call: Awaitable[object]) -> bool:
    """Whether it succeeded; the one way to fail is StoreUnavailable."""
    try:
        await call
    except StoreUnavailable:
        return False
    return True


def open_or_none(path: Path, *, create: bool = False) -> SqliteStore | None:
    try:
        return open_sqlite(path, create=create)
    except StoreUnavailable:
        return None


async def read_everything(store: SqliteStore, acknowledged: set[str]) -> None:
    """What is there is read, or an outage is raised; never is a device taken for absent."""
    for name in sorted(acknowledged):
        try:
            assert set(await store.credentials([name])) == {name}
            assert set(await store.devices(PROJECT, [name])) == {name}
        except StoreUnavailable:
            continue
    try:
        assert set(await store.credentials([*sorted(acknowledged), *("absent",) * 20])) >= acknowledged
        page = await store.list_devices(PROJECT, DeviceFilter(), PageRequest(limit=50))
        assert page.count >= len(acknowledged)
    except StoreUnavailable:
        pass


async def write_round(path: Path, arm: Arm) -> int:
    """The disk fails while devices are added, alone and several at a time, and while the store is closed."""
    acknowledged: set[str] = set()
    attempted: set[str] = set()
    store = open_sqlite(path, create=True)
    await seed(store)

    async def add(number: int) -> None:
        attempted.add(f"pump-{number}")
        if await attempt(store.add_device(device(number), audit())):
            acknowledged.add(f"pump-{number}")

    await add(0)
    arm()
    await add(1)
    await read_everything(store, acknowledged)
    async with trio.open_nursery() as nursery:
        for number in (2, 3, 4):
            nursery.start_soon(add, number)
    await read_everything(store, acknowledged)
    assert await attempt(store.check()) == (acknowledged == attempted)
    if acknowledged != attempted:
        assert not await attempt(store.add_device(device(99), audit())), "a stopped writer took a write"
    await store.close()
    struck = has_struck()
    await check_after(path, acknowledged, attempted)
    return struck


async def check_after(path: Path, acknowledged: set[str], attempted: set[str]) -> None:
    """With a good disk again: nothing acknowledged is missing, nothing came from nowhere, the file is whole."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    store = open_sqlite(path)
    present = set(await store.credentials(sorted(attempted)))
    assert acknowledged <= present, acknowledged - present
    assert await attempt(store.add_device(device(99), audit()))
    await store.close()


async def open_round(path: Path, arm: Arm) -> int:
    """The disk fails while a registry is made: the next start makes it whole."""
    arm()
    store = open_or_none(path, create=True)
    if store is not None:
        await store.close()
    struck = has_struck()
    again = open_sqlite(path)
    await seed(again)
    await again.close()
    await check_after(path, set(), set())
    return struck


async def read_round(path: Path, arm: Arm) -> int:
    """The disk fails while a registry with many devices is read, nothing of it in memory yet."""
    names = {f"pump-{number}" for number in range(40)}
    store = open_sqlite(path, create=True)
    await seed(store)
    async with trio.open_nursery() as nursery:
        for number in range(40):
            nursery.start_soon(store.add_device, device(number, description="x" * 500), audit())
    await store.close()
    arm()
    again = open_or_none(path)
    if again is not None:
        await read_everything(again, names)
        await again.close()
    struck = has_struck()
    await check_after(path, names, names)
    return struck


def fail_everywhere(directory: Path, kind: int, error: int, stride: int, one_round: Round) -> int:
    """Rounds with the n-th call failing for every stride-th n, until no such call is made; the number of rounds."""
    nth = 1
    while True:
        path = directory / str(nth) / "registry.db"
        path.parent.mkdir(parents=True)
        if not trio.run(one_round, path, partial(disk.faulty_disk_arm, kind, error, nth)):
            return nth // stride
        nth += stride


def main(directory: Path) -> None:
    for name, kind, error, stride, one_round in (
        ("write-eio", WRITE, errno.EIO, 1, write_round),
        # Page by page SQLite does the same thing many times over: a part of the calls shows it.
        ("write-enospc", WRITE, errno.ENOSPC, 5, write_round),
        ("sync-eio", SYNC, errno.EIO, 1, write_round),
        ("open-write-eio", WRITE, errno.EIO, 5, open_round),
        ("open-sync-eio", SYNC, errno.EIO, 1, open_round),
        ("read-eio", READ, errno.EIO, 2, read_round),
    ):
        print(name, fail_everywhere(directory / name, kind, error, stride, one_round), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
