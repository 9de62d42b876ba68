"""Rows of the tables of batch tasks, and the records they become."""

import enum
import sqlite3
from typing import TypeVar

from engine.registry.rows import Row
from engine.registry.store_batches import BatchFile, BatchLine, BatchTask, LineStatus, TaskStatus, TaskType

Word = TypeVar("Word", bound=enum.StrEnum)

_SUMMARY = """
    task_id, project_id, app_id, task_name, task_type, actor, created_at, need_confirm, scheduled_at, retry_count,
    retry_interval_seconds, file_id, targets_filter, status, status_desc
"""
SELECT_TASK = f"SELECT {_SUMMARY}, targets FROM batch_task"  # noqa: S608 literals of this module
SELECT_TASK_SUMMARY = f"SELECT {_SUMMARY}, NULL FROM batch_task"  # noqa: S608 the same
SELECT_FILE = "SELECT file_id, project_id, file_name, uploaded_at FROM batch_file"
SELECT_LINE = """
    SELECT number, target, status, is_held, attempts, retry_at, error_code, error_msg FROM batch_line
"""

IS_UNFINISHED = "status IN ('Initializing', 'Waitting', 'Processing', 'Stopping')"
"""Word for word the condition of the index batch_task_unfinished."""

INSERT_FILE = """
    INSERT INTO batch_file (file_id, project_id, file_name, uploaded_at, sealed_content)
    VALUES (:file_id, :project_id, :file_name, :uploaded_at, :sealed_content)
"""
INSERT_TASK = """
    INSERT INTO batch_task (
        task_id, project_id, app_id, task_name, task_type, actor, created_at, need_confirm, scheduled_at, retry_count,
        retry_interval_seconds, file_id, targets_filter, status, status_desc, targets
    ) VALUES (
        :task_id, :project_id, :app_id, :task_name, :task_type, :actor, :created_at, :need_confirm, :scheduled_at,
        :retry_count, :retry_interval_seconds, :file_id, :targets_filter, :status, :status_desc, :targets
    )
"""
INSERT_LINE = """
    INSERT INTO batch_line (task_id, number, target, status, is_held, attempts, retry_at, error_code, error_msg)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def task_from_row(row: Row) -> BatchTask:
    """A row of SELECT_TASK or SELECT_TASK_SUMMARY."""
    fields = dict(zip(BatchTask.__struct_fields__, row, strict=True))
    fields["task_type"] = word(TaskType, fields["task_type"])
    fields["status"] = word(TaskStatus, fields["status"])
    fields["need_confirm"] = fields["need_confirm"] == 1
    return BatchTask(**fields)


def file_from_row(row: Row) -> BatchFile:
    """A row of SELECT_FILE."""
    return BatchFile(**dict(zip(BatchFile.__struct_fields__, row, strict=True)))


def line_from_row(row: Row) -> BatchLine:
    """A row of SELECT_LINE."""
    number, target, status, is_held, attempts, retry_at, error_code, error_msg = row
    return BatchLine(
        number=number,
        target=target,
        status=word(LineStatus, status),
        is_held=is_held == 1,
        attempts=attempts,
        retry_at=retry_at,
        error_code=error_code,
        error_msg=error_msg,
    )


def status_of(connection: sqlite3.Connection, task_id: str) -> TaskStatus | None:
    """Where the task stands; None when there is no such task."""
    row = connection.execute("SELECT status FROM batch_task WHERE task_id = ?", (task_id,)).fetchone()
    return None if row is None else word(TaskStatus, row[0])


def word(kind: type[Word], text: str) -> Word:
    """The member. sqlite3.DataError for a word that nobody wrote."""
    try:
        return kind(text)
    except ValueError:
        # The CHECKs keep such a word out; damage does not ask them.
        raise sqlite3.DataError(f"a row holds an unknown {kind.__name__}: the registry is damaged") from None
