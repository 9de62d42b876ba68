"""Every change of batch tasks but their end (batch_ends.py) on the writer's connection, as in changes.py."""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from engine.registry import changes, device_changes
from engine.registry.batch_rows import INSERT_FILE, INSERT_LINE, INSERT_TASK, IS_UNFINISHED, status_of, word
from engine.registry.batch_sweeps import (
    BEGINNING,
    CONFIRMED,
    RETRIED,
    STOPPED,
    WAITS,
    clear,
    sweep,
    update_targets,
)
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
    """BATCH_TASK_ABSENT, BATCH_TASK_UNFINISHED. It is out of sight from now on; batch_sweeps.purge takes it away."""
    status = _status(connection, project_id, task_id)
    if status is None:
        return StoreRefusal.BATCH_TASK_ABSENT
    if status in UNFINISHED:
        return StoreRefusal.BATCH_TASK_UNFINISHED
    connection.execute("UPDATE batch_task SET is_deleted = 1 WHERE task_id = ?", (task_id,))
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
    return update_targets(connection, task_id, STOPPED, targets)


def retry(
    connection: sqlite3.Connection, project_id: str, task_id: str, targets: Sequence[str], most: int, audit: AuditEntry
) -> StoreRefusal | frozenset[str]:
    """BATCH_TASK_ABSENT, BATCH_TASK_NOT_RETRIED, BATCH_FILE_ABSENT, TOO_MANY_BATCH_TASKS."""
    refusal = _unfit_for_retry(connection, project_id, task_id, most)
    if refusal is not None:
        return refusal
    retried = update_targets(connection, task_id, RETRIED, targets)
    _go_on(connection, task_id)
    changes.append_audit(connection, [audit])
    return retried


def retry_some(
    connection: sqlite3.Connection,
    project_id: str,
    task_id: str,
    most: int,
    audit: AuditEntry,
    after: int,
    most_lines: int,
) -> StoreRefusal | int | None:
    """The next lines of all, as sweep. Refused as `retry`, which behind the BEGINNING only means that it ends there."""
    refusal = _unfit_for_retry(connection, project_id, task_id, most)
    if refusal is not None:
        return refusal
    last = sweep(connection, task_id, RETRIED, after, most_lines)
    _go_on(connection, task_id)
    _audit_first(connection, after, audit)
    return last


def _unfit_for_retry(connection: sqlite3.Connection, project_id: str, task_id: str, most: int) -> StoreRefusal | None:
    status = _status(connection, project_id, task_id)
    if status is None:
        return StoreRefusal.BATCH_TASK_ABSENT
    if status not in (TaskStatus.PROCESSING, TaskStatus.FAIL, TaskStatus.PARTIAL_SUCCESS):
        return StoreRefusal.BATCH_TASK_NOT_RETRIED
    reading = "SELECT file_id, task_type FROM batch_task WHERE task_id = ?"
    file_id, task_type = connection.execute(reading, (task_id,)).fetchone()
    if file_id is not None and not _has_file(connection, project_id, file_id):
        return StoreRefusal.BATCH_FILE_ABSENT
    if status not in UNFINISHED and _unfinished(connection, project_id, task_type) >= most:
        return StoreRefusal.TOO_MANY_BATCH_TASKS
    return None


def _go_on(connection: sqlite3.Connection, task_id: str) -> None:
    """A task that has lines to work is worked. One that failed before it had lines begins anew."""
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


def confirm(
    connection: sqlite3.Connection, project_id: str, task_id: str, targets: Sequence[str], audit: AuditEntry
) -> StoreRefusal | frozenset[str]:
    """BATCH_TASK_ABSENT, BATCH_TASK_FINISHED, BATCH_TASK_INITIALIZING."""
    refusal = _unfit_for_confirmation(connection, project_id, task_id)
    if refusal is not None:
        return refusal
    changes.append_audit(connection, [audit])
    return update_targets(connection, task_id, CONFIRMED, targets)


def confirm_some(
    connection: sqlite3.Connection, project_id: str, task_id: str, audit: AuditEntry, after: int, most_lines: int
) -> StoreRefusal | int | None:
    """The next lines of all, as retry_some."""
    refusal = _unfit_for_confirmation(connection, project_id, task_id)
    if refusal is not None:
        return refusal
    _audit_first(connection, after, audit)
    return sweep(connection, task_id, CONFIRMED, after, most_lines)


def _unfit_for_confirmation(connection: sqlite3.Connection, project_id: str, task_id: str) -> StoreRefusal | None:
    status = _status(connection, project_id, task_id)
    if status is None:
        return StoreRefusal.BATCH_TASK_ABSENT
    if status not in UNFINISHED or status is TaskStatus.STOPPING:
        return StoreRefusal.BATCH_TASK_FINISHED
    return StoreRefusal.BATCH_TASK_INITIALIZING if status is TaskStatus.INITIALIZING else None


def _audit_first(connection: sqlite3.Connection, after: int, audit: AuditEntry) -> None:
    """A change of many steps is one entry."""
    if after == BEGINNING:
        changes.append_audit(connection, [audit])


def clear_lines(connection: sqlite3.Connection, task_id: str, most_lines: int) -> bool:
    """Remove lines of a task that is Initializing, as batch_sweeps.clear."""
    return status_of(connection, task_id) is TaskStatus.INITIALIZING and clear(connection, task_id, most_lines)


def add_lines(connection: sqlite3.Connection, task_id: str, lines: Sequence[BatchLine], is_last: bool) -> bool:
    """See BatchStore.add_lines."""
    if status_of(connection, task_id) is not TaskStatus.INITIALIZING:
        return False
    connection.executemany(INSERT_LINE, [(task_id, *_line_row(line)) for line in lines])
    if is_last:
        connection.execute("UPDATE batch_task SET status = 'Waitting' WHERE task_id = ?", (task_id,))
    return True


def apply(
    connection: sqlite3.Connection, task_id: str, line_changes: Sequence[LineChange]
) -> Mapping[int, StoreRefusal | None]:
    """See BatchStore.apply."""
    if status_of(connection, task_id) not in (TaskStatus.WAITTING, TaskStatus.PROCESSING):
        return {}
    connection.execute("UPDATE batch_task SET status = 'Processing' WHERE task_id = ?", (task_id,))
    waits = f"SELECT 1 FROM batch_line WHERE task_id = ? AND number = ? AND {WAITS}"  # noqa: S608 a literal of this module
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
        WHERE task_id = ? AND number = ? AND {WAITS}
    """  # noqa: S608 a literal of this module
    succeeding = "UPDATE batch_line SET status = 'Success' WHERE task_id = ? AND number = ? AND status = 'Processing'"
    for outcome in outcomes:
        key = (task_id, outcome.number)
        if outcome.error_code is None:
            connection.execute(succeeding, key)
            continue
        status = LineStatus.FAIL if outcome.retry_at is None else LineStatus.FAIL_WAIT_RETRY
        connection.execute(failing, (status, outcome.retry_at, outcome.error_code, outcome.error_msg, *key))


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
        "SELECT status FROM batch_task WHERE task_id = ? AND project_id = ? AND is_deleted = 0", (task_id, project_id)
    ).fetchone()
    return None if row is None else word(TaskStatus, row[0])


def _unfinished(connection: sqlite3.Connection, project_id: str, task_type: str) -> int:
    counting = f"SELECT count(*) FROM batch_task WHERE project_id = ? AND task_type = ? AND {IS_UNFINISHED}"  # noqa: S608 a literal of this module
    count: int = connection.execute(counting, (project_id, task_type)).fetchone()[0]
    return count


def _has_file(connection: sqlite3.Connection, project_id: str, file_id: str) -> bool:
    statement = "SELECT 1 FROM batch_file WHERE file_id = ? AND project_id = ?"
    return changes.exists(connection, statement, (file_id, project_id))
