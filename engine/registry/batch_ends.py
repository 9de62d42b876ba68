"""How a batch task ends, and what goes when too many have; functions of the writer's connection, see changes.py."""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from engine.registry import changes
from engine.registry.batch_rows import IS_UNFINISHED, status_of, word
from engine.registry.batch_sweeps import BEGINNING, FAILED, STOPPED, sweep
from engine.registry.record import AuditEntry
from engine.registry.store_batches import UNFINISHED, LineStatus, TaskStatus


def finish(
    connection: sqlite3.Connection, task_id: str, most_lines: int, most_kept: int, audit: AuditEntry
) -> TaskStatus | None:
    """See BatchStore.finish."""
    before = status_of(connection, task_id)
    if before not in UNFINISHED or before is TaskStatus.INITIALIZING:
        return None
    if before is TaskStatus.STOPPING and sweep(connection, task_id, STOPPED, BEGINNING, most_lines) is not None:
        return TaskStatus.STOPPING
    counts = count_lines(connection, task_id)
    if any(counts.get(status) for status in (LineStatus.WAITTING, LineStatus.PROCESSING, LineStatus.FAIL_WAIT_RETRY)):
        return None
    status = TaskStatus.STOPPED if before is TaskStatus.STOPPING else _final_status(counts)
    _end(connection, task_id, status, None, counts, most_kept, audit)
    return status


def fail_some(
    connection: sqlite3.Connection,
    task_id: str,
    code: str,
    message: str,
    most_lines: int,
    most_kept: int,
    audit: AuditEntry,
) -> bool:
    """Fail so many lines that wait, and the task with the last of them; whether it is to be asked again."""
    values = {"error_code": code, "error_msg": message}
    if sweep(connection, task_id, FAILED, BEGINNING, most_lines, values) is not None:
        return True
    counts = count_lines(connection, task_id)
    _end(connection, task_id, _final_status(counts), message, counts, most_kept, audit)
    return False


def count_lines(connection: sqlite3.Connection, task_id: str) -> dict[LineStatus, int]:
    """How many lines of the task stand where."""
    counting = "SELECT status, count(*) FROM batch_line WHERE task_id = ? GROUP BY status"
    return {word(LineStatus, status): count for status, count in connection.execute(counting, (task_id,))}


def _final_status(counts: Mapping[LineStatus, int]) -> TaskStatus:
    total, success = sum(counts.values()), counts.get(LineStatus.SUCCESS, 0)
    if success == total > 0:
        return TaskStatus.SUCCESS
    if success:
        return TaskStatus.PARTIAL_SUCCESS
    return TaskStatus.STOPPED if counts.get(LineStatus.STOPPED, 0) == total > 0 else TaskStatus.FAIL


def _end(
    connection: sqlite3.Connection,
    task_id: str,
    status: TaskStatus,
    description: str | None,
    counts: Mapping[LineStatus, int],
    most_kept: int,
    audit: AuditEntry,
) -> None:
    """End the task. Of the project's finished ones the oldest go that are too many, never the one that just ended."""
    connection.execute(
        "UPDATE batch_task SET status = ?, status_desc = ? WHERE task_id = ?", (status, description, task_id)
    )
    detail = msgspec.json.encode({"status": status, "lines": {each.value: count for each, count in counts.items()}})
    changes.append_audit(connection, [msgspec.structs.replace(audit, detail=detail)])
    oldest = _delete_oldest(connection, audit.project_id, task_id, most_kept - 1)
    expiry = msgspec.structs.replace(audit, action="batch-task.expire")
    changes.append_audit(connection, [msgspec.structs.replace(expiry, target=each) for each in oldest])


def _delete_oldest(connection: sqlite3.Connection, project_id: str, but: str, most: int) -> Sequence[str]:
    """Delete the finished tasks of the project but the newest `most` and this one; those that were deleted."""
    statement = f"""
        UPDATE batch_task SET is_deleted = 1 WHERE task_id IN (
            SELECT task_id FROM batch_task
            WHERE project_id = ? AND task_id <> ? AND is_deleted = 0 AND NOT {IS_UNFINISHED}
            ORDER BY task_id DESC LIMIT -1 OFFSET ?
        ) RETURNING task_id
    """  # noqa: S608 a literal of this module
    return [task_id for (task_id,) in connection.execute(statement, (project_id, but, most)).fetchall()]
