"""SqliteStore keeps the Store's contract, and what it acknowledged, whatever happens to the disk or the process."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from engine.errors import StoreUnavailable
from engine.registry.sqlite import SqliteStore
from engine.registry.store import DeviceFilter, PageRequest
from tests.registry.contract import OpenStore
from tests.registry.samples import NOW, PROJECT, audit, device, open_sqlite, seed
from tests.registry.store_contract import StoreContract

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = open_sqlite(tmp_path / "registry.db", create=True)
    await seed(store)
    yield store
    await store.close()


class TestSqliteStore(StoreContract):
    @pytest.fixture
    async def open_store(self, tmp_path: Path) -> AsyncIterator[OpenStore]:
        path = tmp_path / "registry.db"
        opened: list[SqliteStore] = []

        async def open_store(**limits: Any) -> SqliteStore:
            opened.append(open_sqlite(path, create=not opened, **limits))
            if len(opened) == 1:
                await seed(opened[0])
            return opened[-1]

        yield open_store
        for store in opened:
            await store.close()


async def test_closing_leaves_one_file(store: SqliteStore, tmp_path: Path) -> None:
    """The WAL is in the file: a copy of a stopped node's registry is whole."""
    await store.close()

    assert os.listdir(tmp_path) == ["registry.db"]


async def test_reads_go_on_while_another_program_holds_the_write_lock(store: SqliteStore, tmp_path: Path) -> None:
    await store.add_device(device(), audit())
    other = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert set(await store.credentials(["pump-1"])) == {"pump-1"}
    assert (await store.list_devices(PROJECT, DeviceFilter(), PageRequest())).count == 1
    await store.check()
    other.close()


async def test_damaged_file_is_an_outage_never_an_unknown_device(store: SqliteStore, tmp_path: Path) -> None:
    """The root pages of both tables overwritten: a look-up must not come back empty."""
    path = tmp_path / "registry.db"
    await store.add_device(device(), audit())
    await store.close()
    connection = sqlite3.connect(path)
    roots = connection.execute("SELECT rootpage FROM sqlite_schema WHERE tbl_name IN ('device', 'credential')")
    pages = [page for (page,) in roots if page]
    connection.close()
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * 4096)
            file.write(b"\xa5" * 4096)

    damaged = open_sqlite(path)
    for call in (
        damaged.credentials(["pump-1"]),
        damaged.credentials(["pump-1"] * 100),
        damaged.devices(PROJECT, ["pump-1"]),
        damaged.list_devices(PROJECT, DeviceFilter(), PageRequest()),
        damaged.add_device(device(99), audit()),
        damaged.check(),
    ):
        with pytest.raises(StoreUnavailable):
            await call
    await damaged.close()


def test_disk_that_fails_at_any_call_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """drive_faulty_disk.py: each read, write and sync of SQLite fails once, in a round of its own."""
    library = tmp_path / "faulty_disk.so"
    source = Path(__file__).with_name("faulty_disk.c")
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, source], check=True)
    command = [sys.executable, "-m", "tests.registry.drive_faulty_disk", str(tmp_path)]

    run = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"LD_PRELOAD": str(library)}, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    failed = {name: int(rounds) for name, rounds in (line.split() for line in run.stdout.splitlines())}
    assert len(failed) == 6
    assert all(rounds >= 3 for rounds in failed.values()), failed


def test_killed_process_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    trio.run(make, path)
    command = [sys.executable, "-m", "tests.registry.write_until_killed", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(200)]
        program.kill()
        lines += program.stdout.readlines()
    acknowledged = dict(line.split() for line in lines)

    record_ids, next_id = trio.run(read_after, path, list(acknowledged))

    assert record_ids == acknowledged
    assert next_id > max(acknowledged.values())


async def make(path: Path) -> None:
    store = open_sqlite(path, create=True)
    await seed(store)
    await store.close()


async def read_after(path: Path, names: list[str]) -> tuple[dict[str, str], str]:
    """The record ids of these devices, and the next that is given out with the clock gone back."""
    store = open_sqlite(path)
    rows = await store.credentials(names)
    next_id = await store.allocate_record_id(NOW - 86400.0)
    await store.close()
    return {name: row.record_id for name, row in rows.items()}, next_id
