"""Every change of a batch task, as a function of the writer's connection; see changes.py."""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from engine.registry import changes, device_changes
from engine.registry.batch_rows import INSERT_FILE, INSERT_LINE, INSERT_TASK, word
from engine.registry.record import AuditEntry
from engine.registry.store import StoreRefusal
from engine.registry.store_batches import (
    UNFINISHED,
    BatchFile,
    BatchLine,
    BatchTask,
    CreateLine,
    DeleteLine,
    FreezeLine,
    LineChange,
    LineOutcome,
    LineStatus,
    TaskStatus,
    UpdateLine,
)

IS_UNFINISHED = "status IN ('Initializing', 'Waitting', 'Processing', 'Stopping')"
"""Word for word the condition of the index batch_task_unfinished."""
_WAITS = "status IN ('Waitting', 'FailWaitRetry')"


def add_file(
    connection: sqlite3.Connection, file: BatchFile, sealed_content: bytes, most: int, audit: AuditEntry
) -> StoreRefusal | None:
    """PROJECT_ABSENT, TOO_MANY_BATCH_FILES."""
    if not changes.has_project(connection, file.project_id):
        return StoreRefusal.PROJECT_ABSENT
    counting = "SELECT count(*) FROM batch_file WHERE project_id = ?"
    if connection.execute(counting, (file.project_id,)).fetchone()[0] >= most:
        return StoreRefusal.TOO_MANY_BATCH_FILES
    connection.execute(INSERT_FILE, {**msgspec.structs.asdict(file), "sealed_content": sealed_content})
    changes.append_audit(connection, [audit])
    return None


def delete_file(
    connection: sqlite3.Connection, project_id: str, file_id: str, audit: AuditEntry
) -> StoreRefusal | None:
    """BATCH_FILE_ABSENT, BATCH_FILE_IN_USE."""
    if not _has_file(connection, project_id, file_id):
        return StoreRefusal.BATCH_FILE_ABSENT
    reading = f"SELECT 1 FROM batch_task WHERE project_id = ? AND file_id = ? AND {IS_UNFINISHED}"  # noqa: S608 a literal of this module
    if changes.exists(connection, reading, (project_id, file_id)):
        return StoreRefusal.BATCH_FILE_IN_USE
    connection.execute("DELETE FROM batch_file WHERE file_id = ?", (file_id,))
    changes.append_audit(connection, [audit])
    return None


def add_task(connection: sqlite3.Connection, task: BatchTask, most: int, audit: AuditEntry) -> StoreRefusal | None:
    """PROJECT_ABSENT, BATCH_FILE_ABSENT, TOO_MANY_BATCH_TASKS."""
    if not changes.has_project(connection, task.project_id):
        return StoreRefusal.PROJECT_ABSENT
    if task.file_id is not None and not _has_file(connection, task.project_id, task.file_id):
        return StoreRefusal.BATCH_FILE_ABSENT
    if _unfinished(connection, task.project_id, task.task_type) >= most:
        return StoreRefusal.TOO_MANY_BATCH_TASKS
    connection.execute(INSERT_TASK, msgspec.structs.asdict(task))
    changes.append_audit(connection, [audit])
    return None


def delete_task(
    connection: sqlite3.Connection, project_id: str, task_id: str, audit: AuditEntry
) -> StoreRefusal | None:
    """BATCH_TASK_ABSENT, BATCH_TASK_UNFINISHED. The lines go with the task (ON DELETE CASCADE)."""
    status = _status(connection, project_id, task_id)
    if status is None:
        return StoreRefusal.BATCH_TASK_ABSENT
    if status in UNFINISHED:
        return StoreRefusal.BATCH_TASK_UNFINISHED
    connection.execute("DELETE FROM batch_task WHERE task_id = ?", (task_id,))
    changes.append_audit(connection, [audit])
    return None


def stop(
    connection: sqlite3.Connection, project_id: str, task_id: str, targets: Sequence[str] | None, audit: AuditEntry
) -> StoreRefusal | frozenset[str]:
    """BATCH_TASK_ABSENT, BATCH_TASK_FINISHED. The whole task: `finish` stops the lines, however many."""
    status = _status(connection, project_id, task_id)
    if status is None:
        return StoreRefusal.BATCH_TASK_ABSENT
    if status not in UNFINISHED or status is TaskStatus.STOPPING:
        return StoreRefusal.BATCH_TASK_FINISHED
    changes.append_audit(connection, [audit])
    if targets is None:
        connection.execute("UPDATE batch_task SET status = 'Stopping' WHERE task_id = ?", (task_id,))
        return frozenset()
    statement = f"UPDATE batch_line SET status = 'Stopped', retry_at = NULL WHERE {_WAITS}"  # noqa: S608 a literal of this module
    return _update_lines(connection, statement, task_id, targets)


def retry(
    connection: sqlite3.Connection,
    project_id: str,
    task_id: str,
    targets: Sequence[str] | None,
    most: int,
    audit: AuditEntry,
) -> StoreRefusal | frozenset[str]:
    """BATCH_TASK_ABSENT, BATCH_TASK_NOT_RETRIED, BATCH_FILE_ABSENT, TOO_MANY_BATCH_TASKS."""
    row = connection.execute(
        "SELECT status, file_id, task_type FROM batch_task WHERE task_id = ? AND project_id = ?", (task_id, project_id)
    ).fetchone()
    if row is None:
        return StoreRefusal.BATCH_TASK_ABSENT
    status, file_id, task_type = row
    if status not in (TaskStatus.PROCESSING, TaskStatus.FAIL, TaskStatus.PARTIAL_SUCCESS):
        return StoreRefusal.BATCH_TASK_NOT_RETRIED
    if file_id is not None and not _has_file(connection, project_id, file_id):
        return StoreRefusal.BATCH_FILE_ABSENT
    if status not in UNFINISHED and _unfinished(connection, project_id, task_type) >= most:
        return StoreRefusal.TOO_MANY_BATCH_TASKS
    statement = """
        UPDATE batch_line SET status = 'Waitting', is_held = 0, attempts = 0, retry_at = NULL, error_code = NULL,
               error_msg = NULL
        WHERE status IN ('Fail', 'FailWaitRetry', 'Stopped')
    """
    retried = _update_lines(connection, statement, task_id, targets)
    # A task that failed before it had lines begins anew.
    connection.execute(
        """
        UPDATE batch_task SET status_desc = NULL, status = CASE
            WHEN NOT EXISTS (SELECT 1 FROM batch_line WHERE task_id = ?1) THEN 'Initializing'
            WHEN EXISTS (
                SELECT 1 FROM batch_line WHERE task_id = ?1 AND status IN ('Waitting', 'Processing', 'FailWaitRetry')
            ) THEN 'Processing'
            ELSE status END
        WHERE task_id = ?1
        """,
        (task_id,),
    )
    changes.append_audit(connection, [audit])
    return retried


def confirm(
    connection: sqlite3.Connection, project_id: str, task_id: str, targets: Sequence[str] | None, audit: AuditEntry
) -> StoreRefusal | frozenset[str]:
    """BATCH_TASK_ABSENT, BATCH_TASK_FINISHED, BATCH_TASK_INITIALIZING."""
    status = _status(connection, project_id, task_id)
    if status is None:
        return StoreRefusal.BATCH_TASK_ABSENT
    if status not in UNFINISHED or status is TaskStatus.STOPPING:
        return StoreRefusal.BATCH_TASK_FINISHED
    if status is TaskStatus.INITIALIZING:
        return StoreRefusal.BATCH_TASK_INITIALIZING
    changes.append_audit(connection, [audit])
    statement = "UPDATE batch_line SET is_held = 0 WHERE is_held = 1 AND status = 'Waitting'"
    return _update_lines(connection, statement, task_id, targets)


def add_lines(
    connection: sqlite3.Connection, task_id: str, lines: Sequence[BatchLine], is_first: bool, is_last: bool
) -> bool:
    """See BatchStore.add_lines."""
    if _status_of(connection, task_id) is not TaskStatus.INITIALIZING:
        return False
    if is_first:
        connection.execute("DELETE FROM batch_line WHERE task_id = ?", (task_id,))
    connection.executemany(INSERT_LINE, [(task_id, *_line_row(line)) for line in lines])
    if is_last:
        connection.execute("UPDATE batch_task SET status = 'Waitting' WHERE task_id = ?", (task_id,))
    return True


def apply(
    connection: sqlite3.Connection, task_id: str, line_changes: Sequence[LineChange]
) -> Mapping[int, StoreRefusal | None]:
    """See BatchStore.apply."""
    if _status_of(connection, task_id) not in (TaskStatus.WAITTING, TaskStatus.PROCESSING):
        return {}
    connection.execute("UPDATE batch_task SET status = 'Processing' WHERE task_id = ?", (task_id,))
    waits = f"SELECT 1 FROM batch_line WHERE task_id = ? AND number = ? AND {_WAITS}"  # noqa: S608 a literal of this module
    answers: dict[int, StoreRefusal | None] = {}
    for change in line_changes:
        key = (task_id, change.number)
        if not changes.exists(connection, waits, key):
            continue
        answers[change.number] = refusal = _change(connection, change)
        if refusal is None:
            connection.execute(
                """
                UPDATE batch_line SET status = 'Processing', attempts = attempts + 1, retry_at = NULL,
                       error_code = NULL, error_msg = NULL
                WHERE task_id = ? AND number = ?
                """,
                key,
            )
    return answers


def settle(connection: sqlite3.Connection, task_id: str, outcomes: Sequence[LineOutcome]) -> None:
    """See BatchStore.settle."""
    failing = f"""
        UPDATE batch_line SET status = ?, attempts = attempts + 1, retry_at = ?, error_code = ?, error_msg = ?
        WHERE task_id = ? AND number = ? AND {_WAITS}
    """  # noqa: S608 a literal of this module
    succeeding = "UPDATE batch_line SET status = 'Success' WHERE task_id = ? AND number = ? AND status = 'Processing'"
    for outcome in outcomes:
        key = (task_id, outcome.number)
        if outcome.error_code is None:
            connection.execute(succeeding, key)
            continue
        status = LineStatus.FAIL if outcome.retry_at is None else LineStatus.FAIL_WAIT_RETRY
        connection.execute(failing, (status, outcome.retry_at, outcome.error_code, outcome.error_msg, *key))


def finish(connection: sqlite3.Connection, task_id: str, audit: AuditEntry) -> TaskStatus | None:
    """See BatchStore.finish."""
    before = _status_of(connection, task_id)
    if before not in UNFINISHED or before is TaskStatus.INITIALIZING:
        return None
    if before is TaskStatus.STOPPING:
        stopping = f"UPDATE batch_line SET status = 'Stopped', retry_at = NULL WHERE task_id = ? AND {_WAITS}"  # noqa: S608 a literal of this module
        connection.execute(stopping, (task_id,))
    counts = count_lines(connection, task_id)
    if any(counts.get(status) for status in (LineStatus.WAITTING, LineStatus.PROCESSING, LineStatus.FAIL_WAIT_RETRY)):
        return None
    status = TaskStatus.STOPPED if before is TaskStatus.STOPPING else _final_status(counts)
    _end(connection, task_id, status, None, counts, audit)
    return status


def fail_task(connection: sqlite3.Connection, task_id: str, code: str, message: str, audit: AuditEntry) -> None:
    """See BatchStore.fail_task."""
    failing = f"""
        UPDATE batch_line SET status = 'Fail', attempts = attempts + 1, retry_at = NULL, error_code = ?, error_msg = ?
        WHERE task_id = ? AND {_WAITS}
    """  # noqa: S608 a literal of this module
    connection.execute(failing, (code, message, task_id))
    counts = count_lines(connection, task_id)
    _end(connection, task_id, _final_status(counts), message, counts, audit)


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
    audit: AuditEntry,
) -> None:
    connection.execute(
        "UPDATE batch_task SET status = ?, status_desc = ? WHERE task_id = ?", (status, description, task_id)
    )
    detail = msgspec.json.encode({"status": status, "lines": {each.value: count for each, count in counts.items()}})
    changes.append_audit(connection, [msgspec.structs.replace(audit, detail=detail)])


def _change(connection: sqlite3.Connection, change: LineChange) -> StoreRefusal | None:
    """The same changes as the single calls make."""
    match change:
        case CreateLine():
            return changes.add_device(connection, change.device, change.audit)
        case DeleteLine():
            return changes.delete_device(connection, change.audit.project_id, change.device_id, change.audit)
        case FreezeLine():
            return changes.set_frozen(
                connection, change.audit.project_id, change.device_id, change.frozen, change.audit
            )
        case UpdateLine():
            return device_changes.update_device(
                connection, change.audit.project_id, change.device_id, change.update, change.audit
            )


def _update_lines(
    connection: sqlite3.Connection, statement: str, task_id: str, targets: Sequence[str] | None
) -> frozenset[str]:
    """Run an UPDATE (which has a WHERE) on these targets' lines, or on all of the task; the targets that it changed."""
    if targets is None:
        connection.execute(f"{statement} AND task_id = ?", (task_id,))
        return frozenset()
    update = f"{statement} AND task_id = ? AND target = ?"
    return frozenset(target for target in targets if connection.execute(update, (task_id, target)).rowcount)


def _line_row(line: BatchLine) -> Sequence[object]:
    return (
        line.number,
        line.target,
        line.status,
        line.is_held,
        line.attempts,
        line.retry_at,
        line.error_code,
        line.error_msg,
    )


def _status(connection: sqlite3.Connection, project_id: str, task_id: str) -> TaskStatus | None:
    row = connection.execute(
        "SELECT status FROM batch_task WHERE task_id = ? AND project_id = ?", (task_id, project_id)
    ).fetchone()
    return None if row is None else word(TaskStatus, row[0])


def _status_of(connection: sqlite3.Connection, task_id: str) -> TaskStatus | None:
    row = connection.execute("SELECT status FROM batch_task WHERE task_id = ?", (task_id,)).fetchone()
    return None if row is None else word(TaskStatus, row[0])


def _unfinished(connection: sqlite3.Connection, project_id: str, task_type: str) -> int:
    counting = f"SELECT count(*) FROM batch_task WHERE project_id = ? AND task_type = ? AND {IS_UNFINISHED}"  # noqa: S608 a literal of this module
    count: int = connection.execute(counting, (project_id, task_type)).fetchone()[0]
    return count


def _has_file(connection: sqlite3.Connection, project_id: str, file_id: str) -> bool:
    statement = "SELECT 1 FROM batch_file WHERE file_id = ? AND project_id = ?"
    return changes.exists(connection, statement, (file_id, project_id))
