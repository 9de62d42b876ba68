"""What SQLite adds to the contract of batch tasks (contract_batches.py)."""

import sqlite3
from pathlib import Path

import pytest

from engine.errors import StoreUnavailable
from engine.registry import sqlite_batches
from engine.registry.database import create_database, open_for_writing
from engine.registry.store import PageRequest
from tests.registry.batch_samples import TASK, begin
from tests.registry.samples import PROJECT, open_sqlite, seed


async def test_damaged_line_is_an_outage(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    store = open_sqlite(path, create=True)
    await seed(store)
    await begin(store)
    damaging = sqlite3.connect(path)
    damaging.execute("PRAGMA ignore_check_constraints = ON")
    damaging.execute("UPDATE batch_line SET status = 'Lost' WHERE number = 2")
    damaging.commit()
    damaging.close()

    with pytest.raises(StoreUnavailable, match="damaged"):
        await store.batches.list_lines(TASK, None, None, PageRequest())
    with pytest.raises(StoreUnavailable, match="damaged"):
        await store.batches.progress([TASK])
    await store.close()


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (sqlite_batches.UNFINISHED_TASKS, "batch_task_unfinished"),
        (sqlite_batches.CHANGED_LINES, "batch_line_by_status"),
        (sqlite_batches.WAITING_LINES, "batch_line_by_status"),
        (sqlite_batches.RETRYING_LINES, "batch_line_by_status"),
    ],
)
async def test_runner_asks_by_index(tmp_path: Path, statement: str, index: str) -> None:
    """What is asked four times a second must not walk past every task, or every line, that is done."""
    create_database(tmp_path / "registry.db")
    connection = open_for_writing(tmp_path / "registry.db")

    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", {"task_id": "t", "now": 1.0, "limit": 9}).fetchall()

    assert index in plan[0][3]
    connection.close()


async def test_marker_that_is_larger_than_any_line_begins_at_the_end(tmp_path: Path) -> None:
    store = open_sqlite(tmp_path / "registry.db", create=True)
    await seed(store)
    await begin(store)

    page = await store.batches.list_lines(TASK, None, None, PageRequest(marker="f" * 24))

    assert [line.number for line in page.lines] == [3, 2, 1]
    assert await store.batches.task(PROJECT, "absent") is None
    await store.close()
