"""Batch tasks, files and lines for tests: one valid of each, every field replaceable."""

from typing import Any

import msgspec

from engine.registry.record import AuditEntry
from engine.registry.sqlite import SqliteStore
from engine.registry.store import PageRequest
from engine.registry.store_batches import BatchFile, BatchLine, BatchTask, FreezeLine, TaskStatus, TaskType
from tests.registry.samples import NOW, PROJECT, audit, device, record_id

TASK = record_id(100)


def task(number: int = 100, **changes: Any) -> BatchTask:
    """A task that freezes what is named, with these fields changed."""
    fields: dict[str, Any] = {
        "task_id": record_id(number),
        "project_id": PROJECT,
        "app_id": "app",
        "task_name": "Task",
        "task_type": TaskType.FREEZE_DEVICES,
        "actor": "token:0123abcd",
        "created_at": NOW,
    }
    return BatchTask(**(fields | changes))


def batch_file(number: int = 50, **changes: Any) -> BatchFile:
    """A file of PROJECT, with these fields changed."""
    file = BatchFile(file_id=record_id(number), project_id=PROJECT, file_name="devices.csv", uploaded_at=NOW)
    return msgspec.structs.replace(file, **changes)


def entry(action: str = "batch-task.finish", target: str = TASK) -> AuditEntry:
    return audit(action, target)


async def begin(store: SqliteStore, count: int = 3, **changes: Any) -> None:
    """A task with lines 1 to `count`, of the devices pump-1 and on."""
    assert await store.batches.add_task(task(**changes), entry("batch-task.create")) is None
    lines = [BatchLine(number=number, target=f"pump-{number}") for number in range(1, count + 1)]
    assert await store.batches.add_lines(TASK, lines, is_first=True, is_last=True)


async def add_devices(store: SqliteStore, count: int = 3) -> None:
    for number in range(1, count + 1):
        assert await store.add_device(device(number), audit(target=f"pump-{number}")) is None


def freeze(number: int) -> FreezeLine:
    return FreezeLine(number, f"pump-{number}", True, audit("device.freeze", f"pump-{number}"))


async def statuses(store: SqliteStore) -> list[str]:
    """The lines' status, from the first line on."""
    page = await store.batches.list_lines(TASK, None, None, PageRequest(limit=50))
    return [line.status.value for line in reversed(page.lines)]


async def status_of(store: SqliteStore) -> TaskStatus:
    found = await store.batches.task(PROJECT, TASK)
    assert found is not None
    return found.status
